//! What went into an operation that is no call of a model, and what came out of it.

use super::{properties::Properties, rules::Known};
use crate::{
    record::{Call, Operation, OperationKind, Part},
    semconv::{gen_ai as names, posthog as ph},
};
use serde_json::{Map, Value as Json};

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

/// The states of an operation, from the content that the span carries, which is not sent twice. Where there are no
/// maps, one that is JSON stays the text it is.
pub(super) fn states(list: &mut Properties, known: &Known<'_>) {
    let instructions = list.take(names::GEN_AI_SYSTEM_INSTRUCTIONS);
    // Of a memory that is written the records went in.
    let writes = list.text(names::GEN_AI_OPERATION_NAME).is_some_and(|name| WRITES.contains(&name));
    let written = if writes { list.take(names::GEN_AI_MEMORY_RECORDS) } else { None };
    let mut state = |all: [&str; 4]| {
        let found: Vec<Json> = all.into_iter().filter_map(|key| list.take(key)).collect();
        found.into_iter().next()
    };
    let (input, output) = (state(INPUT), state(OUTPUT));
    let input = input.or(written);
    let shaped = |value: Json| if known.has_maps { structured(value) } else { value };
    let input = match instructions {
        Some(instructions) => Some(with_instructions(structured(instructions), input.map(structured))),
        None => input.map(shaped),
    };
    let planned = match known.content().map(|operation| &operation.call) {
        Some(Call::Plan(plan)) => plan.text.as_deref().map(Json::from),
        _ => None,
    };
    list.put(ph::AI_INPUT_STATE, input);
    list.put(ph::AI_OUTPUT_STATE, output.or(planned).map(shaped));
}

/// The value of JSON that the conventions have as a text on spans; a bare word or number stays the text it is.
fn structured(value: Json) -> Json {
    let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    parsed.filter(|json: &Json| json.is_object() || json.is_array()).unwrap_or(value)
}

/// The messages with the instructions as the first of them, as PostHog puts them to a generation's.
fn with_instructions(parts: Json, input: Option<Json>) -> Json {
    let system = Map::from_iter([("role".to_owned(), "system".into()), ("parts".to_owned(), parts)]);
    let mut values = vec![Json::Object(system)];
    match input {
        Some(Json::Array(mut messages)) => values.append(&mut messages),
        Some(other) => values.push(other),
        None => {}
    }
    Json::Array(values)
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
