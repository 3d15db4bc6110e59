//! What PostHog does to the properties of every AI event, whichever way it came.

use super::{event_type, messages};
use serde_json::{Map, Value};

const IDS: [&str; 5] =
    ["$ai_trace_id", "$ai_parent_id", "$ai_span_id", "$ai_generation_id", "$ai_session_id"];

const TOKENS: [&str; 8] = [
    "$ai_input_tokens",
    "$ai_output_tokens",
    "$ai_total_tokens",
    "$ai_reasoning_tokens",
    "$ai_cache_read_input_tokens",
    "$ai_cache_creation_input_tokens",
    "$ai_cache_creation_5m_input_tokens",
    "$ai_cache_creation_1h_input_tokens",
];

const EXCLUSIVE: &str = "$ai_cache_reporting_exclusive";

pub(super) fn apply(name: &str, properties: &mut Map<String, Value>) {
    for id in IDS {
        match properties.get(id) {
            Some(Value::Number(_) | Value::Bool(_)) => {
                let text = properties[id].to_string();
                properties.insert(id.to_owned(), text.into());
            }
            Some(Value::Object(_) | Value::Array(_)) => drop(properties.remove(id)),
            Some(Value::String(_) | Value::Null) | None => {}
        }
    }
    normalize_error(properties);
    if matches!(name, event_type::GENERATION | event_type::EMBEDDING | "$ai_evaluation") {
        for key in TOKENS {
            if let Some(value) = properties.get_mut(key) {
                *value = tokens(value);
            }
        }
        read_parameters(properties);
        properties.remove("$ai_usage");
    }
    if matches!(name, event_type::GENERATION | event_type::EMBEDDING) {
        account_for_cache(properties);
    }
    if name == event_type::GENERATION {
        messages::count_tools(properties);
    }
}

fn normalize_error(properties: &mut Map<String, Value>) {
    if properties.get("$ai_is_error") != Some(&Value::Bool(true)) {
        return;
    }
    let normalized = match properties.get("$ai_error") {
        None | Some(Value::Null) => "Unknown error".to_owned(),
        Some(Value::String(text)) => without_particulars(text),
        Some(other) => without_particulars(&other.to_string()),
    };
    properties.entry("$ai_error_normalized").or_insert(normalized.into());
}

/// Uuids and numbers replaced, so that the same error is the same text.
fn without_particulars(text: &str) -> String {
    let mut words = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.get(..36).is_some_and(is_uuid) {
            words.push_str("<ID>");
            rest = &rest[36..];
        } else if first.is_ascii_digit() {
            words.push_str("<N>");
            rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
        } else {
            words.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    words
}

pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A number, or a text that is one; of an object its total; else null.
fn tokens(value: &Value) -> Value {
    let value = if value.is_object() { &value["total"] } else { value };
    let numeric = match value {
        Value::Number(_) => true,
        Value::String(text) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
        _ => false,
    };
    if numeric { value.clone() } else { Value::Null }
}

fn read_parameters(properties: &mut Map<String, Value>) {
    let Some(Value::Object(parameters)) = properties.get("$ai_model_parameters").cloned() else { return };
    for key in ["temperature", "stream", "max_tokens"] {
        if let Some(value) = parameters.get(key) {
            properties.entry(format!("$ai_{key}")).or_insert_with(|| value.clone());
        }
    }
}

/// Whether the input tokens leave out those of the cache.
fn account_for_cache(properties: &mut Map<String, Value>) {
    if properties.get(EXCLUSIVE).is_some_and(Value::is_boolean) {
        return;
    }
    let says = |key: &str, word: &str| {
        properties.get(key).and_then(Value::as_str).is_some_and(|text| text.to_lowercase().contains(word))
    };
    let count = |key: &str| match properties.get(key) {
        Some(Value::Number(number)) => number.as_f64().unwrap_or(0.0),
        Some(Value::String(text)) => text.trim().parse().unwrap_or(0.0),
        _ => 0.0,
    };
    let of_cache = count("$ai_cache_read_input_tokens") + count("$ai_cache_creation_input_tokens");
    let exclusive = says("$ai_provider", "anthropic")
        || says("$ai_model", "claude")
        || count("$ai_input_tokens") < of_cache;
    properties.insert(EXCLUSIVE.to_owned(), exclusive.into());
}
