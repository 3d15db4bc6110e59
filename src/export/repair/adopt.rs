//! A span of another library inside which an adapter of ours watched the call.

use super::foreign;
use crate::{
    export::processor::set_status,
    record::{Operation, Side},
    semconv::{former::todays_name, gen_ai as names, own::TRACING_GENAI_OUTCOME},
    vocabulary::gen_ai::{self, to_i64},
};
use opentelemetry::{Key, KeyValue, Value, trace::SpanKind};
use opentelemetry_sdk::trace::SpanData;

/// Completes `span` with what was seen of its call, which is what came over the network and so wins over
/// what the span says. Content is not added: its maker decided what the span may carry, and a destination
/// that is granted content renders it from the operation.
pub(super) fn adopt(span: &mut SpanData, operation: &Operation) {
    let mut seen = fields(operation);
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
    set_status(span, &operation.outcome);
}

/// What a span of our own carries as `tracing` fields, and [`gen_ai::attributes`] therefore leaves out.
fn fields(operation: &Operation) -> Vec<KeyValue> {
    let tool = operation.tool().filter(|tool| !tool.name.is_empty());
    let server = operation.server.as_ref();
    let usage = operation.usage();
    let text = |text: &str| Value::String(text.to_owned().into());
    [
        (names::GEN_AI_OPERATION_NAME, Some(operation.kind.name().into())),
        (names::GEN_AI_PROVIDER_NAME, operation.provider.as_deref().map(text)),
        (names::GEN_AI_REQUEST_MODEL, operation.request_model().map(text)),
        (names::GEN_AI_TOOL_NAME, tool.map(|tool| text(&tool.name))),
        (names::GEN_AI_TOOL_TYPE, tool.and_then(|tool| tool.kind.as_deref()).map(text)),
        (names::SERVER_ADDRESS, server.map(|server| text(&server.address))),
        (names::SERVER_PORT, server.map(|server| i64::from(server.port).into())),
        (
            names::GEN_AI_USAGE_INPUT_TOKENS,
            usage.and_then(|usage| usage.input_tokens).map(|count| to_i64(count).into()),
        ),
        (
            names::GEN_AI_USAGE_OUTPUT_TOKENS,
            usage.and_then(|usage| usage.output_tokens).map(|count| to_i64(count).into()),
        ),
        (names::ERROR_TYPE, operation.outcome.error().map(|error| Value::String(error.error_type().into()))),
        (TRACING_GENAI_OUTCOME, Some(operation.outcome.name().into())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(KeyValue::new(name, value?)))
    .collect()
}
