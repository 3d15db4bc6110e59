//! The attributes of one span on their way to become an event's properties.

use crate::{
    semconv::{gen_ai as names, posthog as ph, tracia::TRACIA_VARIABLES},
    vocabulary::gen_ai::to_i64,
};
use serde_json::Value as Json;
use std::{borrow::Cow, collections::BTreeMap};

/// Keys that begin so make PostHog read the span as another library's.
const SWITCHES: [&str; 6] = ["ai.", "eve.", "traceloop.", "pydantic_ai.", "logfire.", "anthropic."];

/// Keys that do so by themselves, what the ingestion sets and one sent would spoil, and the server's address, which
/// would take the place of the base URL.
const LEFT_OUT: [&str; 9] = [
    "llm.request.type",
    "events",
    "model_request_parameters",
    ph::AI_TRACE_ID,
    ph::AI_SPAN_ID,
    ph::AI_PARENT_ID,
    ph::AI_INGESTION_SOURCE,
    names::SERVER_ADDRESS,
    // Tracia's alone: the messages have them in their places.
    TRACIA_VARIABLES,
];

/// Whether an attribute of this name may go to PostHog, on a span or on its resource.
pub(crate) fn is_kept(key: &str) -> bool {
    !LEFT_OUT.contains(&key) && !SWITCHES.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether it marks an event as one of PostHog's own gateway, which it takes from that alone.
pub(super) fn is_of_gateway(key: &str) -> bool {
    key.starts_with("$ai_gateway")
}

/// Attributes, each name once, with their values as JSON has them.
pub(super) struct Properties(BTreeMap<Cow<'static, str>, Json>);

impl Properties {
    /// Of these, those that have a value.
    pub(super) fn of(attributes: impl IntoIterator<Item = (Cow<'static, str>, Json)>) -> Self {
        // The last of a name wins, as it does in an object.
        Self(attributes.into_iter().filter(|(_, value)| !value.is_null()).collect())
    }

    /// What is to be sent of them.
    pub(super) fn into_kept(self) -> impl Iterator<Item = (Cow<'static, str>, Json)> {
        self.0.into_iter().filter(|(key, _)| is_kept(key))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The text of this name, unless it is empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_i64()
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Json> {
        self.0.remove(key)
    }

    /// Takes out what `is_out`, by name.
    pub(super) fn remove(&mut self, is_out: impl Fn(&str) -> bool) {
        self.0.retain(|key, _| !is_out(key));
    }

    pub(super) fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Json>) {
        self.0.insert(key.into(), value.into());
    }

    /// Sets what is known of a property that nobody has set: what a program says itself stands.
    pub(super) fn put(&mut self, key: &'static str, value: Option<impl Into<Json>>) {
        let value = value.filter(|_| !self.has(key)).map(Into::into);
        if let Some(value) = value.filter(|value: &Json| !value.is_null()) {
            self.set(key, value);
        }
    }

    pub(super) fn put_text(&mut self, key: &'static str, text: Option<&str>) {
        self.put(key, text.filter(|text| !text.is_empty()));
    }

    pub(super) fn put_count(&mut self, key: &'static str, count: Option<u64>) {
        self.put(key, count.map(to_i64));
    }

    /// Sets a property to what another attribute has.
    pub(super) fn copy(&mut self, key: &'static str, from: &str) {
        self.put(key, self.get(from).cloned());
    }
}
