//! The table of whole events, a file for each provider and one for what is recorded by hand.
//!
//! A row has all properties but those that [every event has](crate::events::common). What was said in a recording
//! is not repeated: `{"@request": "/messages/0/content"}` is that place in the request's JSON, `"@answer"` one in
//! the answer's, `"@known"` one in what is known of the exchange.

use crate::{events, exchange::Exchange};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    /// The recording, or the operation.
    pub(crate) of: String,
    /// What becomes of it.
    pub(crate) way: String,
    properties: Map<String, Value>,
}

const FILES: [(&str, &str); 8] = [
    ("openai", include_str!("exact/openai.json")),
    ("azure_openai", include_str!("exact/azure_openai.json")),
    ("azure_ai_inference", include_str!("exact/azure_ai_inference.json")),
    ("anthropic", include_str!("exact/anthropic.json")),
    ("google", include_str!("exact/google.json")),
    ("google_vertex", include_str!("exact/google_vertex.json")),
    ("bedrock", include_str!("exact/bedrock.json")),
    ("by_hand", include_str!("exact/by_hand.json")),
];

pub(crate) fn rows(folder: &str) -> Vec<Row> {
    let (_, text) = FILES.iter().find(|(name, _)| *name == folder).unwrap();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{folder}: {error}"))
}

impl Row {
    /// All properties of an event that nothing was recorded of.
    pub(crate) fn properties(&self) -> Map<String, Value> {
        let mut all = events::common();
        all.extend(self.properties.clone());
        all
    }

    /// All properties, with what was said in the exchange.
    pub(crate) fn expected(&self, exchange: &Exchange) -> Map<String, Value> {
        let request = exchange.request.as_ref().and_then(|request| request.body.as_deref());
        let request = request.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        let answer = serde_json::from_slice(&exchange.response.bytes).unwrap_or_default();
        let known = Value::Object(exchange.expected.clone());
        let sources = [("@request", request), ("@answer", answer), ("@known", known)];
        let properties = self.properties();
        properties.into_iter().map(|(name, value)| (name, resolved(value, &sources))).collect()
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
