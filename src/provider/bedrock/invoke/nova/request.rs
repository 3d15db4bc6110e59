//! A request's body, read.

use super::block;
use crate::provider::bedrock::invoke::prompt::{read_parameters, within};
use crate::provider::pick;
use crate::record::{Message, Part, Request, Role, ToolChoice, ToolDefinition};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct SentMessage<'a> {
    #[serde(default)]
    role: Value,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

/// What a request asks for. `None` if the body is not a JSON object.
pub(in crate::provider::bedrock::invoke) fn read_request(body: &[u8]) -> Option<Request> {
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let mut request = Request::default();
    if let Some(parts) = fields.get("system").and_then(|raw| read_blocks(raw)) {
        request.system_instructions = parts;
        fields.remove("system");
    }
    if let Some(messages) = fields.get("messages").and_then(|raw| read_messages(raw)) {
        request.messages = messages;
        fields.remove("messages");
    }
    let value = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_default();
    let mut sent: Map<String, Value> = fields.into_iter().map(|(name, raw)| (name, value(raw))).collect();
    within(&mut sent, "inferenceConfig", |config| read_parameters(config, &mut request));
    within(&mut sent, "toolConfig", |config| {
        request.tools = pick::take(config, "tools", read_tools).unwrap_or_default();
        request.tool_choice = pick::take(config, "toolChoice", read_choice);
    });
    request.options = sent;
    Some(request)
}

fn read_messages(raw: &RawValue) -> Option<Vec<Message>> {
    let all: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    all.into_iter().map(read_message).collect()
}

fn read_message(raw: &RawValue) -> Option<Message> {
    let raw = Some(raw.get()).filter(|raw| pick::is_object(raw.as_bytes()))?;
    let sent: SentMessage<'_> = serde_json::from_str(raw).ok()?;
    let parts = match sent.content {
        Some(content) => read_blocks(content)?,
        None => Vec::new(),
    };
    let are_results = !parts.is_empty() && parts.iter().all(|part| matches!(part, Part::ToolResult(_)));
    let role = match sent.role.as_str().unwrap_or_default() {
        // Tools speak as the user.
        "user" if are_results => Role::Tool,
        word => Role::from(word),
    };
    Some(Message::new(role, parts))
}

fn read_blocks(raw: &RawValue) -> Option<Vec<Part>> {
    let blocks: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    let mut parts = Vec::with_capacity(blocks.len());
    for raw in blocks {
        block::read(raw, &mut parts);
    }
    Some(parts)
}

/// All tools, or none if one is not known, which leaves the list as it was sent.
fn read_tools(sent: &Value) -> Option<Vec<ToolDefinition>> {
    sent.as_array()?.iter().map(read_tool).collect()
}

fn read_tool(sent: &Value) -> Option<ToolDefinition> {
    let (kind, spec) = sent.as_object().filter(|sent| sent.len() == 1)?.iter().next()?;
    let mut spec = spec.as_object()?.clone();
    let name = pick::take_text(&mut spec, "name")?;
    if kind != "toolSpec" {
        let kind = kind.clone();
        return Some(ToolDefinition { kind, name, options: spec, ..ToolDefinition::default() });
    }
    let schema = within(&mut spec, "inputSchema", |schema| schema.remove("json"));
    Some(ToolDefinition {
        kind: "function".to_owned(),
        name,
        description: pick::take_text(&mut spec, "description"),
        parameters: schema,
        strict: pick::take(&mut spec, "strict", Value::as_bool),
        options: spec,
    })
}

fn read_choice(sent: &Value) -> Option<ToolChoice> {
    let (kind, choice) = sent.as_object().filter(|sent| sent.len() == 1)?.iter().next()?;
    Some(match kind.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "tool" => ToolChoice::Tool(choice.get("name").and_then(pick::some_text)?),
        _ => return None,
    })
}
