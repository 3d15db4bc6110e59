//! From a span and its resource to the properties of an event, before they are mapped.

use super::{errors, event_type::text_of};
use crate::time::{now_unix_nanos, rfc3339};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::Span,
};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// What of a resource is no property of an event.
const OF_THE_HOST: [&str; 4] = ["host.", "process.", "os.", "telemetry."];

pub(super) fn properties(resource: &Resource, span: &Span) -> Map<String, Value> {
    let of_resource = resource.attributes.iter();
    let of_resource =
        of_resource.filter(|pair| !OF_THE_HOST.iter().any(|prefix| pair.key.starts_with(prefix)));
    let all = of_resource.chain(&span.attributes);
    let mut properties: Map<_, _> =
        all.filter_map(|pair| Some((pair.key.clone(), value(pair.value.as_ref()?)?))).collect();
    properties.retain(|key, _| !key.starts_with("$ai_gateway"));

    let geoip = properties.get("posthog.geoip_disable").cloned().unwrap_or(Value::Bool(true));
    properties.entry("$geoip_disable").or_insert(geoip);
    let mut force = |key: &str, value: Value| properties.insert(key.to_owned(), value);
    force("$ai_trace_id", hex(&span.trace_id).into());
    force("$ai_span_id", hex(&span.span_id).into());
    // One sent as an attribute outlives this on a root.
    if !span.parent_span_id.is_empty() {
        force("$ai_parent_id", hex(&span.parent_span_id).into());
    }
    force("$ai_ingestion_source", "otel".into());
    force("$otel_span_name", span.name.clone().into());
    // Texts, as nanoseconds do not fit a number of JavaScript.
    force("$otel_start_time_unix_nano", span.start_time_unix_nano.to_string().into());
    force("$otel_end_time_unix_nano", span.end_time_unix_nano.to_string().into());
    errors::derive(resource, span, &mut properties);
    properties
}

/// Whose event it is, if the span or its resource says so.
pub(super) fn distinct_id(resource: &Resource, span: &Span) -> Option<String> {
    const OF_SPAN: [&str; 4] = [
        "ai.telemetry.metadata.posthog_distinct_id",
        "ai.settings.context.posthog_distinct_id",
        "posthog.distinct_id",
        "user.id",
    ];
    let of_span = OF_SPAN.iter().map(|key| text_of(&span.attributes, key));
    let of_resource = OF_SPAN[2..].iter().map(|key| text_of(&resource.attributes, key));
    of_span.chain(of_resource).flatten().find(|id| !id.is_empty()).map(str::to_owned)
}

pub(super) fn timestamp(span: &Span) -> String {
    match span.start_time_unix_nano {
        0 => rfc3339(now_unix_nanos()),
        start => rfc3339(start),
    }
}

/// A value as JSON; `None` of none.
pub(super) fn value(value: &AnyValue) -> Option<Value> {
    Some(match value.value.as_ref()? {
        Any::StringValue(text) => json!(text),
        Any::BoolValue(value) => json!(value),
        Any::IntValue(value) => json!(value),
        // Neither NaN nor infinity is JSON: null.
        Any::DoubleValue(value) => json!(value),
        Any::BytesValue(bytes) => hex(bytes).into(),
        Any::ArrayValue(array) => {
            array.values.iter().map(|item| self::value(item).unwrap_or_default()).collect()
        }
        Any::KvlistValue(list) => Value::Object(object(&list.values)),
        // An index into a table that OTLP traces do not have.
        Any::StringValueStrindex(_) => return None,
    })
}

fn object(pairs: &[KeyValue]) -> Map<String, Value> {
    pairs.iter().filter_map(|pair| Some((pair.key.clone(), value(pair.value.as_ref()?)?))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
