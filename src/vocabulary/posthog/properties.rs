//! The attributes of one span on their way to become an event's properties.

use crate::semconv::{gen_ai as names, posthog as ph};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

/// Keys that begin so make PostHog read the span as another library's.
const SWITCHES: [&str; 6] = ["ai.", "eve.", "traceloop.", "pydantic_ai.", "logfire.", "anthropic."];

/// Keys that do so by themselves, what the ingestion sets and one sent would spoil, and the server's address, which
/// would take the place of the base URL.
const LEFT_OUT: [&str; 8] = [
    "llm.request.type",
    "events",
    "model_request_parameters",
    ph::AI_TRACE_ID,
    ph::AI_SPAN_ID,
    ph::AI_PARENT_ID,
    ph::AI_INGESTION_SOURCE,
    names::SERVER_ADDRESS,
];

/// Whether an attribute of this name may go to PostHog, on a span or on its resource.
pub(crate) fn is_kept(key: &str) -> bool {
    !LEFT_OUT.contains(&key) && !SWITCHES.iter().any(|prefix| key.starts_with(prefix))
}

/// Attributes, each name once.
pub(super) struct Properties(Vec<KeyValue>);

impl Properties {
    /// Of these, those that have a value.
    pub(super) fn of(attributes: Vec<KeyValue>) -> Self {
        let mut all = Self(Vec::with_capacity(attributes.len() + 24));
        for attribute in attributes {
            // The last of a name wins, as it does in an object.
            if let Some(value) = attribute.value.and_then(|value| value.value) {
                all.set(&attribute.key, value);
            }
        }
        all
    }

    /// What is to be sent of them.
    pub(super) fn into_attributes(self) -> Vec<KeyValue> {
        let mut attributes = self.0;
        attributes.retain(|attribute| is_kept(&attribute.key));
        attributes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().filter_map(|one| Some((one.key.as_str(), one.value.as_ref()?.value.as_ref()?)))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The text of this name, unless it is empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::StringValue(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Value::IntValue(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let place = self.0.iter().position(|one| one.key == key)?;
        self.0.remove(place).value?.value
    }

    /// Takes out what `is_out`, by name.
    pub(super) fn remove(&mut self, is_out: impl Fn(&str) -> bool) {
        self.0.retain(|one| !is_out(&one.key));
    }

    pub(super) fn set(&mut self, key: &str, value: Value) {
        let value = Some(AnyValue { value: Some(value) });
        match self.0.iter_mut().find(|one| one.key == key) {
            Some(one) => one.value = value,
            None => self.0.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() }),
        }
    }

    /// Sets what is known of a property that nobody has set: what a program says itself stands.
    pub(super) fn put(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value.filter(|_| !self.has(key)) {
            self.set(key, value);
        }
    }

    pub(super) fn put_text(&mut self, key: &str, text: Option<&str>) {
        let text = text.filter(|text| !text.is_empty());
        self.put(key, text.map(|text| Value::StringValue(text.to_owned())));
    }

    pub(super) fn put_count(&mut self, key: &str, count: Option<u64>) {
        self.put(key, count.map(|count| Value::IntValue(i64::try_from(count).unwrap_or(i64::MAX))));
    }

    pub(super) fn put_flag(&mut self, key: &str, flag: Option<bool>) {
        self.put(key, flag.map(Value::BoolValue));
    }

    /// Sets a property to what another attribute has.
    pub(super) fn copy(&mut self, key: &str, from: &str) {
        self.put(key, self.get(from).cloned());
    }
}
