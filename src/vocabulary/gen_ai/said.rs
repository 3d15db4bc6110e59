//! The texts of an operation, wherever they are.

use crate::record::{Call, EmbeddingInput, MediaSource, Message, Operation, Part, Request, Response};
use serde_json::Value;

/// Calls `on_text` with each text that people, models and tools said.
pub(super) fn each_text<'a>(operation: &'a Operation, on_text: &mut impl FnMut(&'a str)) {
    match &operation.call {
        Call::Inference { request, response } => {
            of_request(request, on_text);
            of_response(response, on_text);
        }
        Call::Agent(agent) => {
            of_request(&agent.request, on_text);
            of_response(&agent.response, on_text);
        }
        Call::Workflow(run) => run.input.iter().chain(&run.output).for_each(|one| of_message(one, on_text)),
        Call::Embeddings { request, .. } => {
            for input in &request.input {
                if let EmbeddingInput::Text(text) = input {
                    on_text(text);
                }
            }
        }
        Call::Tool(tool) => {
            [&tool.arguments, &tool.result].into_iter().flatten().for_each(|text| on_text(text));
        }
        Call::Retrieval(search) => {
            search.query.iter().for_each(|query| on_text(query));
            search.documents.iter().for_each(|document| of_json(document, on_text));
        }
        Call::Plan(plan) => plan.text.iter().for_each(|text| on_text(text)),
        Call::Memory(memory) => {
            memory.query.iter().for_each(|query| on_text(query));
            memory.records.iter().for_each(|record| of_json(record, on_text));
        }
        Call::Evaluation(evaluation) => evaluation.explanation.iter().for_each(|text| on_text(text)),
    }
}

fn of_request<'a>(request: &'a Request, on_text: &mut impl FnMut(&'a str)) {
    request.system_instructions.iter().for_each(|part| of_part(part, on_text));
    request.messages.iter().for_each(|message| of_message(message, on_text));
    request.variables.values().for_each(|value| on_text(value));
    request.tools.iter().filter_map(|tool| tool.description.as_deref()).for_each(on_text);
}

fn of_response<'a>(response: &'a Response, on_text: &mut impl FnMut(&'a str)) {
    response.choices.iter().for_each(|choice| of_message(&choice.message, on_text));
}

fn of_message<'a>(message: &'a Message, on_text: &mut impl FnMut(&'a str)) {
    message.parts.iter().for_each(|part| of_part(part, on_text));
}

fn of_part<'a>(part: &'a Part, on_text: &mut impl FnMut(&'a str)) {
    match part {
        Part::Text(text) | Part::Reasoning(text) | Part::Refusal(text) => on_text(text),
        Part::ToolCall(call) | Part::ServerToolCall(call) => on_text(&call.arguments),
        Part::ToolResult(result) => on_text(&result.content),
        Part::Media(media) => match &media.source {
            MediaSource::Base64(text) | MediaSource::Uri(text) | MediaSource::FileId(text) => on_text(text),
        },
        Part::ServerToolResult(result) => of_json(&result.value, on_text),
        Part::Citations(sources) => sources.iter().for_each(|source| of_json(source, on_text)),
        Part::Other { value, .. } => of_json(value, on_text),
        Part::Signature(_) | Part::CachePoint(_) => {}
    }
}

fn of_json<'a>(value: &'a Value, on_text: &mut impl FnMut(&'a str)) {
    match value {
        Value::String(text) => on_text(text),
        Value::Array(values) => values.iter().for_each(|value| of_json(value, on_text)),
        Value::Object(members) => members.values().for_each(|value| of_json(value, on_text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
