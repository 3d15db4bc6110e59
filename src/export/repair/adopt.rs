//! A span of another library inside which an adapter of ours watched the call.

use super::foreign;
use crate::{
    export::processor::set_status,
    record::{Operation, Side},
    semconv::former::todays_name,
    vocabulary::gen_ai,
};
use opentelemetry::{Key, Value, trace::SpanKind};
use opentelemetry_sdk::trace::SpanData;

/// Completes `span` with what was seen of its call, which is what came over the network and so wins over
/// what the span says. Content is not added: its maker decided what the span may carry, and a destination
/// that is granted content renders it from the operation.
pub(super) fn adopt(span: &mut SpanData, operation: &Operation) {
    let mut seen = gen_ai::fields(operation);
    seen.append(&mut gen_ai::unmarked_attributes(operation));
    let told: Vec<Key> = seen.iter().map(|attribute| attribute.key.clone()).collect();
    span.attributes.retain(|attribute| {
        let name = attribute.key.as_str();
        let name = todays_name(name).unwrap_or(name);
        seen.iter().all(|seen| seen.key.as_str() != name)
    });
    span.attributes.append(&mut seen);
    let marks = gen_ai::marks_of(operation, |key| span.attributes.iter().any(|one| one.key.as_str() == key));
    span.attributes.extend(marks);
    foreign::repair(span);
    // The answer told no such count: libraries write 0 for one that they know nothing of.
    span.attributes.retain(|attribute| {
        let is_zero = attribute.value == Value::I64(0) && attribute.key.as_str().starts_with("gen_ai.usage.");
        !is_zero || told.contains(&attribute.key)
    });
    if operation.kind.side() == Side::Client && span.span_kind == SpanKind::Internal {
        span.span_kind = SpanKind::Client;
    }
    set_status(span, operation);
}
