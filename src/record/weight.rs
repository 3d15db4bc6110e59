//! How much memory an operation holds, roughly: texts count in full, the rest by the piece.

use super::{
    Agent, Call, EmbeddingInput, Marks, Media, MediaSource, Message, Operation, Part, ToolDefinition,
};
use serde_json::Value;

/// What an operation and one more piece of it weigh without their texts.
const OPERATION: usize = 512;
const PIECE: usize = 56;

/// Its bytes.
pub(crate) fn of_operation(operation: &Operation) -> usize {
    let marks = operation.marks.as_deref().map_or(0, of_marks);
    let error = operation.outcome.error();
    let error = error.map_or(0, |error| error.message.len() + error.body.as_ref().map_or(0, String::len));
    OPERATION + marks + error + of_call(&operation.call)
}

fn of_call(call: &Call) -> usize {
    match call {
        Call::Inference { request, response } => {
            of_parts(&request.system_instructions)
                + of_messages(&request.messages)
                + request.tools.iter().map(of_tool).sum::<usize>()
                + request.options.values().map(of_json).sum::<usize>()
                + request
                    .variables
                    .iter()
                    .map(|(name, value)| PIECE + name.len() + value.len())
                    .sum::<usize>()
                + response.choices.iter().map(|choice| of_message(&choice.message)).sum::<usize>()
        }
        Call::Embeddings { request, response } => {
            request.input.iter().map(of_input).sum::<usize>()
                + response.vectors.iter().map(|vector| PIECE + vector.len() * 4).sum::<usize>()
        }
        Call::Tool(tool) => {
            tool.arguments.as_ref().map_or(0, String::len) + tool.result.as_ref().map_or(0, String::len)
        }
        Call::Retrieval(retrieval) => {
            retrieval.query.as_ref().map_or(0, String::len)
                + retrieval.documents.iter().map(of_json).sum::<usize>()
        }
        Call::Agent(agent) => of_agent(agent),
        Call::Workflow(workflow) => of_messages(&workflow.input) + of_messages(&workflow.output),
        Call::Plan(plan) => plan.text.as_ref().map_or(0, String::len),
        Call::Memory(memory) => {
            memory.query.as_ref().map_or(0, String::len) + memory.records.iter().map(of_json).sum::<usize>()
        }
        Call::Evaluation(evaluation) => evaluation.explanation.as_ref().map_or(0, String::len),
    }
}

fn of_marks(marks: &Marks) -> usize {
    let ids = [&marks.user, &marks.session, &marks.conversation, &marks.prompt_name, &marks.prompt_version];
    let attributes = marks.attributes.iter().map(|(key, value)| key.len() + of_json(value));
    ids.into_iter().flatten().map(String::len).sum::<usize>()
        + marks.tags.iter().map(|tag| PIECE + tag.len()).sum::<usize>()
        + attributes.sum::<usize>()
}

fn of_agent(agent: &Agent) -> usize {
    let answers = agent.response.choices.iter().map(|choice| of_message(&choice.message));
    of_parts(&agent.request.system_instructions)
        + of_messages(&agent.request.messages)
        + agent.request.tools.iter().map(of_tool).sum::<usize>()
        + answers.sum::<usize>()
}

fn of_tool(tool: &ToolDefinition) -> usize {
    PIECE
        + tool.name.len()
        + tool.description.as_ref().map_or(0, String::len)
        + tool.parameters.as_ref().map_or(0, of_json)
}

fn of_input(input: &EmbeddingInput) -> usize {
    match input {
        EmbeddingInput::Text(text) => PIECE + text.len(),
        EmbeddingInput::Tokens(tokens) => PIECE + tokens.len() * 4,
    }
}

fn of_messages(messages: &[Message]) -> usize {
    messages.iter().map(of_message).sum()
}

fn of_message(message: &Message) -> usize {
    PIECE + of_parts(&message.parts)
}

fn of_parts(parts: &[Part]) -> usize {
    parts.iter().map(|part| PIECE + of_part(part)).sum()
}

fn of_part(part: &Part) -> usize {
    match part {
        Part::Text(text) | Part::Reasoning(text) | Part::Refusal(text) | Part::Signature(text) => text.len(),
        Part::CachePoint(_) => 0,
        Part::Citations(sources) => sources.iter().map(of_json).sum(),
        Part::ServerToolResult(result) => of_json(&result.value),
        Part::ToolCall(call) | Part::ServerToolCall(call) => call.name.len() + call.arguments.len(),
        Part::ToolResult(result) => result.content.len() + result.media.iter().map(of_media).sum::<usize>(),
        Part::Media(media) => of_media(media),
        Part::Other { value, .. } => of_json(value),
    }
}

fn of_media(media: &Media) -> usize {
    match &media.source {
        MediaSource::Base64(text) | MediaSource::Uri(text) | MediaSource::FileId(text) => text.len(),
    }
}

fn of_json(value: &Value) -> usize {
    PIECE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(of_json).sum(),
            Value::Object(map) => map.iter().map(|(key, value)| key.len() + of_json(value)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{OperationKind, Request, Response, Role};
    use std::sync::Arc;

    #[test]
    fn a_prompt_counts_by_its_length() {
        let mut request = Request::default();
        request.messages.push(Message::text(Role::User, "x".repeat(10_000)));
        let operation = Operation::new(
            OperationKind::Chat,
            Call::Inference { request: Box::new(request), response: Arc::new(Response::default()) },
        );
        let weight = of_operation(&operation);
        assert!((10_000..11_000).contains(&weight), "{weight}");
    }
}
