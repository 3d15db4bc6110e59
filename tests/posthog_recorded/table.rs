//! Rows of a table of what a destination is sent, whole.
//!
//! What was said in a recording is not repeated in it: `{"@request": "/messages/0/content"}` is that place in the
//! request's JSON, `"@answer"` one in the answer's, `"@known"` one in what is known of the exchange.

use crate::exchange::Exchange;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    /// The recording, or the operation.
    pub(crate) of: String,
    /// What becomes of it.
    pub(crate) way: String,
    pub(crate) properties: Map<String, Value>,
}

pub(crate) fn rows(json: &str) -> Vec<Row> {
    serde_json::from_str(json).unwrap()
}

impl Row {
    /// The properties, with what was said in the exchange.
    pub(crate) fn of_exchange(&self, exchange: &Exchange) -> Map<String, Value> {
        let request = exchange.request.as_ref().and_then(|request| request.body.as_deref());
        let request = request.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        let answer = serde_json::from_slice(&exchange.response.bytes).unwrap_or_default();
        let known = Value::Object(exchange.expected.clone());
        let sources = [("@request", request), ("@answer", answer), ("@known", known)];
        let properties = self.properties.clone().into_iter();
        properties.map(|(name, value)| (name, resolved(value, &sources))).collect()
    }
}

fn resolved(value: Value, sources: &[(&str, Value); 3]) -> Value {
    match value {
        Value::Object(entries) => {
            if let [(key, pointer)] = entries.iter().collect::<Vec<_>>().as_slice() {
                if let Some((_, source)) = sources.iter().find(|(name, _)| name == key) {
                    let pointer = pointer.as_str().unwrap();
                    return source.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")).clone();
                }
            }
            entries.into_iter().map(|(key, value)| (key, resolved(value, sources))).collect()
        }
        Value::Array(items) => items.into_iter().map(|item| resolved(item, sources)).collect(),
        other => other,
    }
}

/// What differs, by name.
pub(crate) fn differences(expected: &Map<String, Value>, seen: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<_> = expected.keys().chain(seen.keys()).collect();
    names.sort();
    names.dedup();
    let say = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    let differ = names.into_iter().filter(|name| expected.get(*name) != seen.get(*name));
    differ
        .map(|name| format!("{name}: {} and not {}", say(seen.get(name)), say(expected.get(name))))
        .collect()
}

/// Words of how a connection broke, without those of the client's library.
pub(crate) fn without_libraries(text: &str, host: &str) -> String {
    let authority = host.trim_start_matches("http://");
    let text = if authority.is_empty() { text.to_owned() } else { text.replace(authority, "host") };
    let ends =
        ["the connection broke before an answer came", "the connection broke in the middle of the answer"];
    let end = ends.iter().find_map(|end| Some(text.find(end)? + end.len()));
    end.map_or(text.clone(), |end| text[..end].to_owned())
}
