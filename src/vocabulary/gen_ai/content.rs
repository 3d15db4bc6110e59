//! What people and models said, as the JSON strings that the conventions' schemas describe.

use crate::{
    capture::ContentCapture,
    record::{
        Call, Choice, FinishReason, MediaSource, Message, Operation, Outcome, Part, Request, Response,
        ToolDefinition,
    },
    semconv::{gen_ai as names, tracia},
};
use opentelemetry::KeyValue;
use serde::Serialize;
use serde_json::value::RawValue;

/// The content of `operation` that `content` allows, as the conventions' attributes.
pub(crate) fn content_attributes(operation: &Operation, content: &ContentCapture) -> Vec<KeyValue> {
    let mut list = Vec::new();
    if !content.is_on() {
        return list;
    }
    match &operation.call {
        Call::Inference { request, response } => {
            request_content(&mut list, request, content);
            response_content(&mut list, operation, response);
        }
        Call::Agent(agent) => {
            request_content(&mut list, &agent.request, content);
            response_content(&mut list, operation, &agent.response);
        }
        Call::Workflow(workflow) => {
            let sides = [
                (names::GEN_AI_INPUT_MESSAGES, &workflow.input),
                (names::GEN_AI_OUTPUT_MESSAGES, &workflow.output),
            ];
            for (name, messages) in sides.into_iter().filter(|(_, messages)| !messages.is_empty()) {
                put(&mut list, name, &each(messages, message));
            }
        }
        Call::Memory(memory) => {
            if let Some(query) = &memory.query {
                list.push(KeyValue::new(names::GEN_AI_MEMORY_QUERY_TEXT, query.clone()));
            }
            if !memory.records.is_empty() {
                put(&mut list, names::GEN_AI_MEMORY_RECORDS, &memory.records);
            }
        }
        Call::Tool(tool) => {
            let texts = [
                (names::GEN_AI_TOOL_CALL_ARGUMENTS, &tool.arguments),
                (names::GEN_AI_TOOL_CALL_RESULT, &tool.result),
            ];
            list.extend(
                texts.into_iter().filter_map(|(name, text)| Some(KeyValue::new(name, text.clone()?))),
            );
        }
        Call::Retrieval(retrieval) => {
            if let Some(query) = &retrieval.query {
                list.push(KeyValue::new(names::GEN_AI_RETRIEVAL_QUERY_TEXT, query.clone()));
            }
            if !retrieval.documents.is_empty() {
                put(&mut list, names::GEN_AI_RETRIEVAL_DOCUMENTS, &retrieval.documents);
            }
        }
        // The conventions have no attribute for what was embedded, nor for a plan; an evaluation is an
        // event.
        Call::Embeddings { .. } | Call::Plan(_) | Call::Evaluation(_) => {}
    }
    variables(&mut list, operation);
    list
}

/// What the prompt was made with: of the call, else as the scope has it.
fn variables(list: &mut Vec<KeyValue>, operation: &Operation) {
    let variables = match &operation.call {
        Call::Inference { request, .. } => &request.variables,
        _ => return,
    };
    let marks = operation.marks.as_deref();
    if !variables.is_empty() {
        put(list, tracia::TRACIA_VARIABLES, variables);
    } else if let Some(text) =
        marks.and_then(|marks| marks.attributes.get(tracia::TRACIA_VARIABLES)?.as_str())
    {
        list.push(KeyValue::new(tracia::TRACIA_VARIABLES, text.to_owned()));
    }
}

fn request_content(list: &mut Vec<KeyValue>, request: &Request, content: &ContentCapture) {
    if !request.system_instructions.is_empty() {
        put(list, names::GEN_AI_SYSTEM_INSTRUCTIONS, &parts(&request.system_instructions));
    }
    if !request.messages.is_empty() {
        put(list, names::GEN_AI_INPUT_MESSAGES, &each(&request.messages, message));
    }
    if !request.tools.is_empty() {
        let tool = |tool| tool_definition(tool, content.has_tool_parameters());
        put(list, names::GEN_AI_TOOL_DEFINITIONS, &each(&request.tools, tool));
    }
}

fn response_content(list: &mut Vec<KeyValue>, operation: &Operation, response: &Response) {
    // A call that produced nothing has no output, not an empty one.
    if response.choices.iter().any(|choice| !choice.message.parts.is_empty()) {
        let is_done = operation.outcome == Outcome::Done;
        let view = |choice| output_message(choice, is_done);
        put(list, names::GEN_AI_OUTPUT_MESSAGES, &each(&response.choices, view));
    }
}

fn each<'a, T, U>(items: &'a [T], view: impl Fn(&'a T) -> U) -> Vec<U> {
    items.iter().map(view).collect()
}

fn put(list: &mut Vec<KeyValue>, name: &'static str, value: &impl Serialize) {
    if let Ok(json) = serde_json::to_string(value) {
        list.push(KeyValue::new(name, json));
    }
}

#[derive(Serialize)]
struct MessageView<'a> {
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    parts: Vec<PartView<'a>>,
    /// Deprecated in the conventions; readers of their older schema still want it.
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartView<'a> {
    Text {
        content: &'a str,
    },
    Reasoning {
        content: &'a str,
    },
    Refusal {
        content: &'a str,
    },
    ToolCall {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        name: &'a str,
        arguments: Json<'a>,
    },
    ToolCallResponse {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        response: Json<'a>,
    },
    ServerToolCall {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        name: &'a str,
        server_tool_call: ServerCall<'a>,
    },
    ServerToolCallResponse {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        server_tool_call_response: ServerResult<'a>,
    },
    Blob {
        modality: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<&'a str>,
        content: &'a str,
    },
    Uri {
        modality: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<&'a str>,
        uri: &'a str,
    },
    File {
        modality: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<&'a str>,
        file_id: &'a str,
    },
    #[serde(untagged)]
    Sources {
        r#type: &'static str,
        content: &'a [serde_json::Value],
    },
    #[serde(untagged)]
    Other {
        r#type: &'a str,
        content: &'a serde_json::Value,
    },
}

#[derive(Serialize)]
struct ServerCall<'a> {
    r#type: &'a str,
    arguments: Json<'a>,
}

#[derive(Serialize)]
struct ServerResult<'a> {
    r#type: &'a str,
    content: &'a serde_json::Value,
}

/// JSON as it was written, or the text as a string where it is no JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Json<'a> {
    Raw(&'a RawValue),
    Text(&'a str),
}

impl<'a> Json<'a> {
    /// Structured where the text is an object or a list; a bare word or number stays the text it is.
    fn new(text: &'a str) -> Self {
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) if raw.get().starts_with(['{', '[']) => Self::Raw(raw),
            _ => Self::Text(text),
        }
    }
}

fn message(message: &Message) -> MessageView<'_> {
    MessageView {
        role: message.role.as_str(),
        name: message.name.as_deref(),
        parts: parts(&message.parts),
        finish_reason: None,
    }
}

fn output_message(choice: &Choice, is_done: bool) -> MessageView<'_> {
    let finish_reason = choice.finish_reason.as_ref().map(FinishReason::as_str);
    MessageView { finish_reason: finish_reason.or((!is_done).then_some("error")), ..message(&choice.message) }
}

/// What is said; what only a provider needs is no part of it.
fn parts(parts: &[Part]) -> Vec<PartView<'_>> {
    parts.iter().filter_map(part).collect()
}

fn part(part: &Part) -> Option<PartView<'_>> {
    Some(match part {
        Part::Signature(_) | Part::CachePoint(_) => return None,
        Part::Text(content) => PartView::Text { content },
        Part::Reasoning(content) => PartView::Reasoning { content },
        Part::Refusal(content) => PartView::Refusal { content },
        Part::ToolCall(call) => PartView::ToolCall {
            id: call.id.as_deref(),
            name: &call.name,
            arguments: Json::new(if call.arguments.is_empty() { "{}" } else { &call.arguments }),
        },
        Part::ToolResult(result) => {
            PartView::ToolCallResponse { id: result.call_id.as_deref(), response: Json::new(&result.content) }
        }
        Part::ServerToolCall(call) => PartView::ServerToolCall {
            id: call.id.as_deref(),
            name: &call.name,
            server_tool_call: ServerCall { r#type: &call.name, arguments: Json::new(&call.arguments) },
        },
        Part::Media(media) => {
            let (modality, mime_type) = (media.modality.as_str(), media.mime_type.as_deref());
            match &media.source {
                MediaSource::Base64(content) => PartView::Blob { modality, mime_type, content },
                MediaSource::Uri(uri) => PartView::Uri { modality, mime_type, uri },
                MediaSource::FileId(file_id) => PartView::File { modality, mime_type, file_id },
            }
        }
        Part::ServerToolResult(result) => PartView::ServerToolCallResponse {
            id: result.call_id.as_deref(),
            server_tool_call_response: ServerResult { r#type: &result.kind, content: &result.value },
        },
        Part::Citations(sources) => PartView::Sources { r#type: "citations", content: sources },
        Part::Other { kind, value } => PartView::Other { r#type: kind, content: value },
    })
}

#[derive(Serialize)]
struct ToolView<'a> {
    r#type: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a serde_json::Value>,
}

fn tool_definition(tool: &ToolDefinition, whole: bool) -> ToolView<'_> {
    ToolView {
        r#type: &tool.kind,
        name: &tool.name,
        description: tool.description.as_deref().filter(|_| whole),
        parameters: tool.parameters.as_ref().filter(|_| whole),
    }
}
