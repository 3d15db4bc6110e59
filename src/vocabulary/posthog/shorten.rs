//! A span that is larger than PostHog takes at all.

use crate::{
    semconv::{own, posthog as ph},
    vocabulary::is_content,
};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use serde_json::Value as Json;

/// What stands for the rest of a text.
const REST: &str = "…";

/// Below this a text says nothing, and content goes as a whole.
const SHORTEST: usize = 32;

/// Cuts the span's texts, all content among them as far as that is enough, the longest first, until it has at most so
/// many encoded bytes, and says so on it. Everything else stays.
pub(crate) fn shorten(span: &mut Span, most: usize) {
    if span.encoded_len() <= most {
        return;
    }
    mark(span);
    let mut contents: Vec<(usize, Content)> = span
        .attributes
        .iter_mut()
        .enumerate()
        .filter(|(_, attribute)| attribute.key != ph::AI_ERROR && is_content(&attribute.key))
        .filter_map(|(place, attribute)| Some((place, Content::of(attribute.value.take()?.value?))))
        .collect();
    let mut others = span.encoded_len();
    if others > most / 8 * 7 {
        // The content is not to blame, and is not to be lost for it: an error's words, a stack, a document.
        cut_others(span, most / 2);
        others = span.encoded_len();
    }
    let mut cap = most.saturating_sub(others);
    loop {
        let mut size = others;
        for (_, content) in &mut contents {
            content.cut(cap);
            size += content.size();
        }
        if size <= most || cap < SHORTEST {
            break;
        }
        cap = cap / 4 * 3;
    }
    if cap >= SHORTEST {
        for (place, content) in contents {
            let value = AnyValue { value: Some(content.into_value()) };
            if let Some(attribute) = span.attributes.get_mut(place) {
                attribute.value = Some(value);
            }
        }
    }
    span.attributes.retain(|attribute| attribute.value.is_some());
}

/// Says that something was cut.
fn mark(span: &mut Span) {
    if span.attributes.iter().any(|attribute| attribute.key == own::TRACING_GENAI_TRUNCATED) {
        return;
    }
    span.attributes.push(KeyValue {
        key: own::TRACING_GENAI_TRUNCATED.to_owned(),
        value: Some(AnyValue { value: Some(Value::BoolValue(true)) }),
        ..KeyValue::default()
    });
}

/// Cuts whatever text there is, the longest first.
fn cut_others(span: &mut Span, most: usize) {
    let mut cap = most / 4;
    while span.encoded_len() > most && cap >= SHORTEST {
        let events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
        let texts = span.attributes.iter_mut().chain(events);
        texts.filter_map(|one| one.value.as_mut()).for_each(|value| cut_value(value, cap));
        cut(&mut span.name, cap);
        if let Some(status) = &mut span.status {
            cut(&mut status.message, cap);
        }
        cap /= 2;
    }
}

/// What one attribute says.
enum Content {
    /// JSON that is sent as a text, which stays JSON.
    Json(Json, String),
    Value(AnyValue),
}

impl Content {
    fn of(value: Value) -> Self {
        if let Value::StringValue(text) = &value {
            if let Ok(json @ (Json::Array(_) | Json::Object(_))) = serde_json::from_str(text) {
                return Self::Json(json, text.clone());
            }
        }
        Self::Value(AnyValue { value: Some(value) })
    }

    fn cut(&mut self, cap: usize) {
        match self {
            // What is short enough stays as it was written.
            Self::Json(_, text) if text.len() <= cap => {}
            Self::Json(json, text) => {
                cut_json(json, cap);
                *text = json.to_string();
            }
            Self::Value(value) => cut_value(value, cap),
        }
    }

    /// Its bytes in the span, and those of the lengths around it.
    fn size(&self) -> usize {
        16 + match self {
            Self::Json(_, text) => text.len(),
            Self::Value(value) => value.encoded_len(),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Json(_, text) => Value::StringValue(text),
            Self::Value(value) => value.value.unwrap_or_else(|| Value::StringValue(String::new())),
        }
    }
}

fn cut_json(json: &mut Json, cap: usize) {
    match json {
        Json::String(text) => cut(text, cap),
        Json::Array(items) => items.iter_mut().for_each(|item| cut_json(item, cap)),
        Json::Object(entries) => entries.values_mut().for_each(|value| cut_json(value, cap)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn cut_value(value: &mut AnyValue, cap: usize) {
    match &mut value.value {
        Some(Value::StringValue(text)) => cut(text, cap),
        Some(Value::ArrayValue(list)) => list.values.iter_mut().for_each(|item| cut_value(item, cap)),
        Some(Value::KvlistValue(map)) => {
            map.values
                .iter_mut()
                .filter_map(|entry| entry.value.as_mut())
                .for_each(|item| cut_value(item, cap));
        }
        _ => {}
    }
}

/// Cuts a text between two characters to so many bytes, its mark included.
fn cut(text: &mut String, cap: usize) {
    if text.len() <= cap {
        return;
    }
    let mut end = cap.saturating_sub(REST.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(REST);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semconv::gen_ai as names;
    use serde_json::json;

    const MOST: usize = 100_000;

    fn attribute(key: &str, text: String) -> KeyValue {
        let value = Some(AnyValue { value: Some(Value::StringValue(text)) });
        KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
    }

    fn shortened(attributes: Vec<KeyValue>) -> Span {
        let mut span = Span { attributes, ..Span::default() };
        shorten(&mut span, MOST);
        assert!(span.encoded_len() <= MOST, "{}", span.encoded_len());
        span
    }

    fn text<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
        let attribute = span.attributes.iter().find(|one| one.key == key)?;
        match attribute.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(text),
            _ => None,
        }
    }

    fn is_marked(span: &Span) -> bool {
        span.attributes.iter().any(|one| one.key == own::TRACING_GENAI_TRUNCATED)
    }

    #[test]
    fn a_span_that_fits_stays_as_it_is() {
        let span = shortened(vec![attribute(names::GEN_AI_INPUT_MESSAGES, "x".repeat(MOST - 100))]);
        assert!(!is_marked(&span));
    }

    #[test]
    fn messages_are_cut_inside_and_stay_messages() {
        let messages = json!([
            { "role": "user", "parts": [{ "type": "text", "content": "é".repeat(MOST) }] },
            { "role": "user", "parts": [{ "type": "text", "content": "and now?" }] },
        ]);
        let span = shortened(vec![
            attribute(names::GEN_AI_INPUT_MESSAGES, messages.to_string()),
            attribute(names::GEN_AI_REQUEST_MODEL, "gpt-5".to_owned()),
        ]);
        let sent: Json = serde_json::from_str(text(&span, names::GEN_AI_INPUT_MESSAGES).unwrap()).unwrap();
        let first = sent[0]["parts"][0]["content"].as_str().unwrap();
        assert!(first.starts_with('é') && first.ends_with(REST) && first.len() > MOST / 4);
        assert_eq!(sent[1]["parts"][0]["content"], "and now?");
        assert_eq!(text(&span, names::GEN_AI_REQUEST_MODEL), Some("gpt-5"));
        assert!(is_marked(&span));
    }

    #[test]
    fn more_messages_than_can_be_cut_go_as_a_whole() {
        let messages = json!((0..50_000).map(|number| json!({ "n": number })).collect::<Vec<_>>());
        let span = shortened(vec![
            attribute(names::GEN_AI_INPUT_MESSAGES, messages.to_string()),
            attribute(names::GEN_AI_REQUEST_MODEL, "gpt-5".to_owned()),
        ]);
        assert_eq!(text(&span, names::GEN_AI_INPUT_MESSAGES), None);
        assert_eq!(text(&span, names::GEN_AI_REQUEST_MODEL), Some("gpt-5"));
        assert!(is_marked(&span));
    }

    #[test]
    fn another_long_text_is_cut_and_the_content_stays() {
        let span = shortened(vec![
            attribute("my.document", "x".repeat(90 * MOST)),
            attribute(names::GEN_AI_INPUT_MESSAGES, r#"[{"role":"user","content":"Hi"}]"#.to_owned()),
        ]);
        assert!(text(&span, "my.document").unwrap().ends_with(REST));
        assert_eq!(text(&span, names::GEN_AI_INPUT_MESSAGES), Some(r#"[{"role":"user","content":"Hi"}]"#));
        assert!(is_marked(&span));
    }

    #[test]
    fn what_is_cut_again_says_so_once() {
        let mut span = shortened(vec![attribute("my.document", "x".repeat(2 * MOST))]);
        shorten(&mut span, MOST / 4);
        assert!(span.encoded_len() <= MOST / 4);
        assert_eq!(span.attributes.len(), 2);
    }

    #[test]
    fn an_errors_words_are_cut_too() {
        let span = shortened(vec![attribute(ph::AI_ERROR, "x".repeat(3 * MOST))]);
        assert!(text(&span, ph::AI_ERROR).unwrap().ends_with(REST));
    }
}
