//! What PostHog derives of a span whose status is an error.

use super::fan_out::value;
use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    resource::v1::Resource,
    trace::v1::{Span, span::Event, status::StatusCode},
};
use serde_json::{Map, Value};

const STATUS_KEYS: [&str; 7] = [
    "$ai_http_status",
    "http.response.status_code",
    "http.status_code",
    "http.status",
    "status_code",
    "error.status_code",
    "exception.status_code",
];

pub(super) fn derive(resource: &Resource, span: &Span, properties: &mut Map<String, Value>) {
    let Some(status) = span.status.as_ref().filter(|status| status.code() == StatusCode::Error) else {
        return;
    };
    let exception = span.events.iter().rev().find(|event| {
        let says = |key| lookup(&event.attributes, key).is_some();
        // Whatever the name of the event.
        says("exception.type") || says("exception.message")
    });
    properties.insert("$ai_is_error".to_owned(), true.into());
    if !properties.contains_key("$ai_error") {
        let error = exception
            .and_then(described)
            .or_else(|| Some(status.message.clone()).filter(|message| !message.is_empty()))
            .unwrap_or_else(|| "OpenTelemetry span status error".to_owned());
        properties.insert("$ai_error".to_owned(), error.into());
    }

    let own = properties.get("$ai_http_status").and_then(status_in);
    let of_keys =
        |attributes: &[KeyValue]| STATUS_KEYS.iter().find_map(|key| status_in(&lookup(attributes, key)?));
    let code = own
        .or_else(|| exception.and_then(|event| of_keys(&event.attributes)))
        .or_else(|| exception.and_then(|event| status_in_text(&text(event, "exception.message")?)))
        .or_else(|| of_keys(&span.attributes))
        .or_else(|| of_keys(&resource.attributes))
        .or_else(|| status_in_text(&status.message))
        .unwrap_or(500);
    properties.insert("$ai_http_status".to_owned(), code.into());
}

fn described(exception: &Event) -> Option<String> {
    match (text(exception, "exception.type"), text(exception, "exception.message")) {
        (Some(type_), Some(message)) => Some(format!("{type_}: {message}")),
        (type_, message) => message.or(type_),
    }
}

fn text(event: &Event, key: &str) -> Option<String> {
    let text = lookup(&event.attributes, key)?.as_str()?.to_owned();
    (!text.is_empty()).then_some(text)
}

fn lookup(attributes: &[KeyValue], key: &str) -> Option<Value> {
    value(attributes.iter().rev().find(|pair| pair.key == key)?.value.as_ref()?)
}

/// A whole number, or one in text. A double is none.
fn status_in(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The first number from 100 to 599 that begins within 40 characters after "http", else after "status".
fn status_in_text(text: &str) -> Option<i64> {
    let text: Vec<char> = text.to_ascii_lowercase().chars().collect();
    ["http", "status"].into_iter().find_map(|word| {
        let word: Vec<char> = word.chars().collect();
        let ends = (word.len()..=text.len()).filter(|&end| text[end - word.len()..end] == word[..]);
        ends.into_iter().find_map(|end| number(&text, end))
    })
}

fn number(text: &[char], from: usize) -> Option<i64> {
    let until = text.len().min(from + 40);
    (from..until).find_map(|start| {
        let first = text[start].is_ascii_digit() && (start == 0 || !text[start - 1].is_ascii_digit());
        let digits: String = text[start..].iter().take_while(|letter| letter.is_ascii_digit()).collect();
        let number = digits.parse().ok().filter(|number| (100..600).contains(number))?;
        (first && digits.len() == 3).then_some(number)
    })
}
