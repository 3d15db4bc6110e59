//! What went into an operation that is no call of a model, and what came out of it.

use super::{json, properties::Properties, span::Facts};
use crate::{
    record::{Call, Operation, OperationKind, Part},
    semconv::{gen_ai as names, posthog as ph},
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, any_value::Value};

/// Attributes whose content a state has, in the order of who has it.
const INPUT: [&str; 4] = [
    names::GEN_AI_TOOL_CALL_ARGUMENTS,
    names::GEN_AI_INPUT_MESSAGES,
    names::GEN_AI_RETRIEVAL_QUERY_TEXT,
    names::GEN_AI_MEMORY_QUERY_TEXT,
];
const OUTPUT: [&str; 4] = [
    names::GEN_AI_TOOL_CALL_RESULT,
    names::GEN_AI_OUTPUT_MESSAGES,
    names::GEN_AI_RETRIEVAL_DOCUMENTS,
    names::GEN_AI_MEMORY_RECORDS,
];

/// The operations that give a memory its records.
const WRITES: [&str; 3] = [
    OperationKind::CreateMemory.name(),
    OperationKind::UpdateMemory.name(),
    OperationKind::UpsertMemory.name(),
];

/// The states of an operation, from the content that the span carries, which is not sent twice.
pub(super) fn states(list: &mut Properties, facts: &Facts<'_>) {
    let instructions = list.take(names::GEN_AI_SYSTEM_INSTRUCTIONS).map(structured);
    // Of a memory that is written the records went in.
    let writes = list.text(names::GEN_AI_OPERATION_NAME).is_some_and(|name| WRITES.contains(&name));
    let written = if writes { list.take(names::GEN_AI_MEMORY_RECORDS) } else { None };
    let mut state = |all: [&str; 4]| {
        let found: Vec<Value> = all.into_iter().filter_map(|key| list.take(key)).collect();
        found.into_iter().next().map(structured)
    };
    let (input, output) = (state(INPUT), state(OUTPUT));
    let input = input.or_else(|| written.map(structured));
    let input = match (instructions, input) {
        (Some(instructions), input) => Some(with_instructions(instructions, input)),
        (None, input) => input,
    };
    let planned = match facts.content().map(|operation| &operation.call) {
        Some(Call::Plan(plan)) => plan.text.as_deref().map(json::of_text),
        _ => None,
    };
    list.put(ph::AI_INPUT_STATE, input);
    list.put(ph::AI_OUTPUT_STATE, output.or(planned));
}

/// The value of JSON that the conventions have as a text on spans.
fn structured(value: Value) -> Value {
    match value {
        Value::StringValue(text) => json::of_text(&text),
        other => other,
    }
}

/// The messages with the instructions as the first of them, as PostHog puts them to a generation's.
fn with_instructions(parts: Value, input: Option<Value>) -> Value {
    let system = json::map([("role", Value::StringValue("system".to_owned())), ("parts", parts)]);
    let mut values = vec![AnyValue { value: Some(system) }];
    match input {
        Some(Value::ArrayValue(messages)) => values.extend(messages.values),
        Some(other) => values.push(AnyValue { value: Some(other) }),
        None => {}
    }
    Value::ArrayValue(ArrayValue { values })
}

/// The instructions of a request as one text.
pub(super) fn instructions(operation: &Operation) -> Option<String> {
    let Call::Inference { request, .. } = &operation.call else { return None };
    let texts = request.system_instructions.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    Some(texts.collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty())
}
