//! How much memory a finished span holds, roughly: texts count in full, the rest by the piece.

pub(super) use crate::record::weight::of_operation;

use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

/// What a span and one more piece of it weigh without their texts.
const SPAN: usize = 512;
const PIECE: usize = 56;

pub(super) fn of_span(span: &SpanData) -> usize {
    let events = span.events.iter().map(|event| PIECE + event.name.len() + of_attributes(&event.attributes));
    let links = span.links.iter().map(|link| PIECE + of_attributes(&link.attributes));
    SPAN + span.name.len() + of_attributes(&span.attributes) + events.sum::<usize>() + links.sum::<usize>()
}

fn of_attributes(attributes: &[KeyValue]) -> usize {
    attributes.iter().map(|attribute| PIECE + attribute.key.as_str().len() + of_value(&attribute.value)).sum()
}

fn of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::String(texts)) => texts.iter().map(|text| PIECE + text.as_str().len()).sum(),
        Value::Array(Array::Bool(values)) => values.len(),
        Value::Array(Array::I64(values)) => values.len() * 8,
        Value::Array(Array::F64(values)) => values.len() * 8,
        _ => 0,
    }
}
