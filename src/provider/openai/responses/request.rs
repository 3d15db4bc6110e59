//! A request, read from its body.

use crate::provider::pick;
use crate::record::{
    Media, MediaSource, Message, Modality, OutputFormat, Part, Request, Role, ToolCall, ToolChoice,
    ToolDefinition, ToolResult,
};
use serde_json::{Map, Value};

/// What a request asks for. `None` if the body is not a JSON object.
///
/// What is not understood stays in [`Request::options`]; of `text` and `reasoning`, what has no
/// field of its own.
pub fn read_request(body: &[u8]) -> Option<Request> {
    let mut from: Map<String, Value> = serde_json::from_slice(body).ok()?;
    Some(Request {
        model: pick::take_text(&mut from, "model"),
        system_instructions: take_instructions(&mut from),
        messages: take_input(&mut from),
        tools: take_tools(&mut from),
        tool_choice: pick::take(&mut from, "tool_choice", tool_choice),
        parallel_tool_calls: pick::take(&mut from, "parallel_tool_calls", Value::as_bool),
        stream: pick::take(&mut from, "stream", Value::as_bool).unwrap_or_default(),
        max_output_tokens: pick::take(&mut from, "max_output_tokens", pick::whole_number),
        temperature: pick::take(&mut from, "temperature", Value::as_f64),
        top_p: pick::take(&mut from, "top_p", Value::as_f64),
        previous_response_id: pick::take_text(&mut from, "previous_response_id"),
        conversation_id: pick::take(&mut from, "conversation", |conversation| {
            pick::some_text(conversation.get("id").unwrap_or(conversation))
        }),
        service_tier: pick::take_text(&mut from, "service_tier"),
        user: pick::take_text(&mut from, "user"),
        reasoning_level: within(&mut from, "reasoning", |reasoning| pick::take_text(reasoning, "effort")),
        output_format: within(&mut from, "text", take_format),
        // The last: what is left.
        options: from,
        ..Request::default()
    })
}

/// Takes something out of the object under this name, which goes when nothing is left in it.
fn within<T>(
    from: &mut Map<String, Value>,
    name: &str,
    take: impl FnOnce(&mut Map<String, Value>) -> Option<T>,
) -> Option<T> {
    let object = from.get_mut(name)?.as_object_mut()?;
    let taken = take(object);
    if object.is_empty() {
        from.remove(name);
    }
    taken
}

fn take_format(text: &mut Map<String, Value>) -> Option<OutputFormat> {
    within(text, "format", |format| {
        let read = match format.get("type")?.as_str()? {
            "text" => OutputFormat::Text,
            "json_object" => OutputFormat::Json,
            "json_schema" => OutputFormat::JsonSchema {
                name: pick::take_text(format, "name")?,
                schema: format.remove("schema").unwrap_or_default(),
                strict: pick::take(format, "strict", Value::as_bool),
            },
            _ => return None,
        };
        format.remove("type");
        Some(read)
    })
}

fn take_instructions(from: &mut Map<String, Value>) -> Vec<Part> {
    match from.remove("instructions") {
        Some(Value::String(text)) => vec![Part::Text(text)],
        // As a response repeats them: a list of messages.
        Some(Value::Array(items)) => messages(items).into_iter().flat_map(|message| message.parts).collect(),
        _ => Vec::new(),
    }
}

fn take_input(from: &mut Map<String, Value>) -> Vec<Message> {
    match from.remove("input") {
        Some(Value::String(text)) => vec![Message::text(Role::User, text)],
        Some(Value::Array(items)) => messages(items),
        _ => Vec::new(),
    }
}

/// The messages that input items make. What a model said in one turn is one message: its
/// reasoning, its words and its calls.
fn messages(items: Vec<Value>) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for item in items {
        let (role, parts, new) = match item {
            Value::Object(item) => read_item(item),
            Value::String(text) => (Role::User, vec![Part::Text(text)], true),
            _ => continue,
        };
        let last = messages.last_mut().filter(|last| {
            role == Role::Assistant && last.role == role && !(new && last.parts.last().is_none_or(is_said))
        });
        match last {
            Some(last) => last.parts.extend(parts),
            None if parts.is_empty() && !new => {}
            None => messages.push(Message::new(role, parts)),
        }
    }
    messages
}

/// Whether a part is of a message item, not an item of its own.
fn is_said(part: &Part) -> bool {
    matches!(part, Part::Text(_) | Part::Refusal(_) | Part::Media(_))
}

/// Whose message an item belongs to, its parts, and whether it is a message itself.
fn read_item(mut item: Map<String, Value>) -> (Role, Vec<Part>, bool) {
    let kind = pick::text(&item, "type").unwrap_or_else(|| {
        let of = if item.contains_key("role") { "message" } else { "item_reference" };
        of.to_owned()
    });
    match kind.as_str() {
        "message" => {
            let role = pick::text(&item, "role").map_or(Role::User, |role| Role::from(role.as_str()));
            (role, content(item.remove("content")), true)
        }
        "reasoning" => {
            let texts = ["summary", "content"]
                .into_iter()
                .filter_map(|name| item.remove(name))
                .filter_map(|texts| if let Value::Array(texts) = texts { Some(texts) } else { None })
                .flatten()
                .filter_map(|text| text.get("text").and_then(pick::some_text))
                .map(Part::Reasoning);
            (Role::Assistant, texts.collect(), false)
        }
        "function_call" | "custom_tool_call" => {
            let call = ToolCall {
                id: pick::text(&item, "call_id"),
                item_id: pick::text(&item, "id"),
                name: pick::text(&item, "name").unwrap_or_default(),
                arguments: plain(item.remove("arguments").or_else(|| item.remove("input"))),
                ..ToolCall::default()
            };
            (Role::Assistant, vec![Part::ToolCall(call)], false)
        }
        "function_call_output" | "custom_tool_call_output" => {
            let call_id = pick::text(&item, "call_id");
            let result =
                ToolResult { call_id, content: plain(item.remove("output")), ..ToolResult::default() };
            (Role::Tool, vec![Part::ToolResult(result)], false)
        }
        other => {
            let answers = other.ends_with("_output") || other.ends_with("_response");
            let role = if answers { Role::Tool } else { Role::Assistant };
            (role, vec![Part::Other { kind, value: Value::Object(item) }], false)
        }
    }
}

/// A text as it is, anything else as JSON.
fn plain(value: Option<Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}

fn content(content: Option<Value>) -> Vec<Part> {
    match content {
        Some(Value::String(text)) => vec![Part::Text(text)],
        Some(Value::Array(parts)) => parts.into_iter().map(content_part).collect(),
        _ => Vec::new(),
    }
}

fn content_part(value: Value) -> Part {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let read = match kind.as_str() {
        "input_text" | "output_text" | "text" => field("text").map(Part::Text),
        "refusal" => field("refusal").map(Part::Refusal),
        "input_image" => image(&value).map(Part::Media),
        "input_file" => file(&value).map(Part::Media),
        "input_audio" => audio(&value).map(Part::Media),
        _ => None,
    };
    read.unwrap_or(Part::Other { kind, value })
}

fn file_id(modality: Modality, value: &Value) -> Option<Media> {
    let id = value.get("file_id").and_then(pick::some_text)?;
    Some(Media { modality, mime_type: None, source: MediaSource::FileId(id) })
}

fn image(value: &Value) -> Option<Media> {
    let url = value.get("image_url").map(|url| url.get("url").unwrap_or(url)).and_then(Value::as_str);
    url.map(|url| Media::from_uri(Modality::Image, url)).or_else(|| file_id(Modality::Image, value))
}

fn file(value: &Value) -> Option<Media> {
    if let Some(data) = value.get("file_data").and_then(Value::as_str) {
        if data.starts_with("data:") {
            return Some(Media::from_uri(Modality::Document, data));
        }
        let source = MediaSource::Base64(data.to_owned());
        return Some(Media { modality: Modality::Document, mime_type: None, source });
    }
    let url = value.get("file_url").and_then(Value::as_str);
    url.map(|url| Media::from_uri(Modality::Document, url)).or_else(|| file_id(Modality::Document, value))
}

fn audio(value: &Value) -> Option<Media> {
    let audio = value.get("input_audio").unwrap_or(value);
    let data = audio.get("data").and_then(Value::as_str)?.to_owned();
    let mime_type = audio.get("format").and_then(Value::as_str).map(|format| match format {
        "mp3" => "audio/mpeg".to_owned(),
        other => format!("audio/{other}"),
    });
    Some(Media { modality: Modality::Audio, mime_type, source: MediaSource::Base64(data) })
}

/// What a provider's own tool needs to reach a third party, and nobody may see.
const SECRETS: [&str; 2] = ["authorization", "headers"];

fn take_tools(from: &mut Map<String, Value>) -> Vec<ToolDefinition> {
    let Some(Value::Array(tools)) = from.remove("tools") else { return Vec::new() };
    let tools = tools.into_iter().filter_map(|tool| match tool {
        Value::Object(tool) => Some(read_tool(tool)),
        _ => None,
    });
    tools.collect()
}

fn read_tool(mut tool: Map<String, Value>) -> ToolDefinition {
    let kind = pick::take_text(&mut tool, "type").unwrap_or_else(|| "function".to_owned());
    let name = pick::take_text(&mut tool, "name").unwrap_or_else(|| kind.clone());
    let description = pick::take(&mut tool, "description", |text| text.as_str().map(str::to_owned));
    if kind == "function" {
        let strict = pick::take(&mut tool, "strict", Value::as_bool);
        let parameters = tool.remove("parameters").filter(|parameters| !parameters.is_null());
        return ToolDefinition { kind, name, description, parameters, strict, options: Map::new() };
    }
    tool.retain(|name, _| !SECRETS.contains(&name.as_str()));
    let parameters = (!tool.is_empty()).then_some(Value::Object(tool));
    ToolDefinition { kind, name, description, parameters, ..ToolDefinition::default() }
}

fn tool_choice(value: &Value) -> Option<ToolChoice> {
    match value {
        Value::String(word) => match word.as_str() {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" => Some(ToolChoice::Required),
            _ => None,
        },
        Value::Object(tool) => match (pick::text(tool, "type")?.as_str(), pick::text(tool, "name")) {
            ("function" | "custom", Some(name)) => Some(ToolChoice::Tool(name)),
            (kind, None) if tool.len() == 1 => Some(ToolChoice::Tool(kind.to_owned())),
            _ => None,
        },
        _ => None,
    }
}
