//! What a span of ours carries as `tracing` fields.

use super::to_i64;
use crate::{
    record::{Operation, OperationKind},
    semconv::{gen_ai as names, own},
};
use opentelemetry::{KeyValue, Value};

/// What a span of our own carries as `tracing` fields, and [`attributes`](super::attributes) therefore leaves out.
pub(crate) fn fields(operation: &Operation) -> Vec<KeyValue> {
    let tool = operation.tool().filter(|tool| !tool.name.is_empty());
    let server = operation.server.as_ref();
    let usage = operation.usage();
    let text = |text: &str| Value::String(text.to_owned().into());
    [
        (names::GEN_AI_OPERATION_NAME, operation_name(operation).map(Value::from)),
        (names::GEN_AI_PROVIDER_NAME, operation.provider.as_deref().map(text)),
        (names::GEN_AI_REQUEST_MODEL, operation.request_model().map(text)),
        (names::GEN_AI_TOOL_NAME, tool.map(|tool| text(&tool.name))),
        (names::GEN_AI_TOOL_TYPE, tool.and_then(|tool| tool.kind.as_deref()).map(text)),
        (names::GEN_AI_AGENT_NAME, operation.agent_name().map(text)),
        (names::GEN_AI_WORKFLOW_NAME, operation.workflow_name().map(text)),
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
        (own::TRACING_GENAI_OUTCOME, Some(operation.outcome.name().into())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(KeyValue::new(name, value?)))
    .collect()
}

/// An evaluation is no operation of the conventions.
pub(crate) fn operation_name(operation: &Operation) -> Option<&'static str> {
    Some(operation.kind.name()).filter(|_| operation.kind != OperationKind::Evaluation)
}
