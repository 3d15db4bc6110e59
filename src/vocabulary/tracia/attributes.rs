//! What a finished span says, by name.

use opentelemetry::{Array, KeyValue, Value};
use serde_json::Value as Json;

#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub(super) &'a [KeyValue]);

impl<'a> Attributes<'a> {
    /// The last that was written under this name.
    fn find(self, name: &str) -> Option<&'a Value> {
        self.0.iter().rev().find(|attribute| attribute.key.as_str() == name).map(|attribute| &attribute.value)
    }

    /// A string that is not empty.
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        match self.find(name)? {
            Value::String(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    pub(super) fn count(self, name: &str) -> Option<u64> {
        match self.find(name)? {
            Value::I64(count) => u64::try_from(*count).ok(),
            _ => None,
        }
    }

    /// A number that JSON can say.
    pub(super) fn number(self, name: &str) -> Option<f64> {
        match self.find(name)? {
            Value::F64(number) => Some(*number).filter(|number| number.is_finite()),
            Value::I64(number) => Some(*number as f64),
            _ => None,
        }
    }

    pub(super) fn texts(self, name: &str) -> impl Iterator<Item = &'a str> {
        let texts = match self.find(name) {
            Some(Value::Array(Array::String(texts))) => texts.as_slice(),
            _ => &[],
        };
        texts.iter().map(opentelemetry::StringValue::as_str)
    }

    /// The value of a string that holds JSON.
    pub(super) fn json(self, name: &str) -> Option<Json> {
        serde_json::from_str(self.text(name)?).ok()
    }

    /// The list that a string holds as JSON.
    pub(super) fn list(self, name: &str) -> Vec<Json> {
        match self.json(name) {
            Some(Json::Array(list)) => list,
            _ => Vec::new(),
        }
    }
}
