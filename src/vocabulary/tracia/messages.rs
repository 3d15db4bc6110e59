//! Messages, tools and calls in Tracia's form, from that of the conventions' content attributes.

use super::attributes::Attributes;
use crate::semconv::gen_ai as names;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, collections::HashMap};

/// The most bytes of one text: Tracia tells no limit of its own.
const MOST_BYTES: usize = 1 << 20;

/// The text, cut between characters where it is longer than a span is to carry.
pub(super) fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MOST_BYTES {
        return Cow::Borrowed(text);
    }
    let mut end = MOST_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}… [{} more bytes left out]", &text[..end], text.len() - end))
}

/// What was asked: the instructions first, and then the conversation.
pub(super) fn input(said: Attributes<'_>) -> Vec<Value> {
    let mut list = Vec::new();
    let system = said.list(names::GEN_AI_SYSTEM_INSTRUCTIONS);
    let messages = said.list(names::GEN_AI_INPUT_MESSAGES);
    let tools = called_tools(&messages);
    if !system.is_empty() {
        add(&mut list, "system", &system, &tools);
    }
    for message in &messages {
        let role = text_of(message, "role").unwrap_or("user");
        match message.get("parts").and_then(Value::as_array) {
            Some(parts) => add(&mut list, role, parts, &tools),
            // Some libraries write a text in the place of parts.
            None => {
                let text = text_of(message, "content").unwrap_or_default();
                add(&mut list, role, &[json!({ "type": "text", "content": text })], &tools);
            }
        }
    }
    list
}

/// What the first choice says.
pub(super) fn output(said: Attributes<'_>) -> Option<String> {
    let choices = said.list(names::GEN_AI_OUTPUT_MESSAGES);
    let parts = choices.first()?.get("parts")?.as_array()?;
    let texts: Vec<&str> = parts.iter().filter_map(plain_text).collect();
    (!texts.is_empty()).then(|| bounded(&texts.concat()).into_owned())
}

/// The calls that the model asks for.
pub(super) fn tool_calls(said: Attributes<'_>) -> Vec<Value> {
    let choices = said.list(names::GEN_AI_OUTPUT_MESSAGES);
    let parts = choices.iter().filter_map(|choice| choice.get("parts")?.as_array()).flatten();
    parts.filter(|part| text_of(part, "type") == Some("tool_call")).map(|part| call(part).into()).collect()
}

/// The tools on offer, with as much of each as the content policy let through.
pub(super) fn tools(said: Attributes<'_>) -> Vec<Value> {
    let tools = said.list(names::GEN_AI_TOOL_DEFINITIONS);
    tools
        .iter()
        .map(|tool| {
            let mut parameters = match tool.get("parameters") {
                Some(schema @ Value::Object(map)) if is_small(schema) => map.clone(),
                _ => Map::new(),
            };
            parameters.insert("type".into(), "object".into());
            parameters.entry("properties").or_insert_with(|| json!({}));
            json!({
                "name": text_of(tool, "name").unwrap_or_default(),
                "description": bounded(text_of(tool, "description").unwrap_or_default()),
                "parameters": parameters,
            })
        })
        .collect()
}

fn text_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// The names of tools by the ids of their calls, which results have no name without.
fn called_tools(messages: &[Value]) -> HashMap<&str, &str> {
    let parts = messages.iter().filter_map(|message| message.get("parts")?.as_array()).flatten();
    let calls = parts.filter(|part| text_of(part, "type") == Some("tool_call"));
    calls.filter_map(|call| Some((text_of(call, "id")?, text_of(call, "name")?))).collect()
}

/// One message as Tracia has it, or several: a tool's answer is one of its own.
fn add(list: &mut Vec<Value>, role: &str, parts: &[Value], tools: &HashMap<&str, &str>) {
    let role = match role {
        "system" | "developer" | "user" | "assistant" => role,
        "model" => "assistant",
        // A tool's message answers a call, by its id: what does not is said by the program.
        _ => "user",
    };
    let mut own = Vec::new();
    let mut has_answers = false;
    for part in parts {
        if text_of(part, "type") == Some("tool_call_response") {
            flush(list, role, &mut own);
            list.push(answer(part, tools));
            has_answers = true;
        } else {
            own.extend(content(part));
        }
    }
    if own.is_empty() && !has_answers {
        list.push(json!({ "role": role, "content": "" }));
    }
    flush(list, role, &mut own);
}

fn flush(list: &mut Vec<Value>, role: &str, own: &mut Vec<Value>) {
    let content = match own.as_mut_slice() {
        [] => return,
        [one] if text_of(one, "type") == Some("text") => one["text"].take(),
        _ => Value::Array(std::mem::take(own)),
    };
    own.clear();
    list.push(json!({ "role": role, "content": content }));
}

fn answer(part: &Value, tools: &HashMap<&str, &str>) -> Value {
    // Google's calls have no ids, and Tracia takes no answer without one.
    let id = text_of(part, "id").filter(|id| !id.is_empty()).unwrap_or("unknown");
    let content = match part.get("response").or_else(|| part.get("result")) {
        Some(Value::String(text)) => bounded(text).into_owned(),
        Some(other) => bounded(&other.to_string()).into_owned(),
        None => String::new(),
    };
    let mut message = json!({ "role": "tool", "toolCallId": id, "content": content });
    if let Some(name) = tools.get(id) {
        message["toolName"] = (*name).into();
    }
    message
}

fn plain_text(part: &Value) -> Option<&str> {
    match text_of(part, "type")? {
        "text" | "refusal" => text_of(part, "content"),
        _ => None,
    }
}

/// A part that Tracia has a form for. Reasoning, and what a provider's own tools did, it has none for.
fn content(part: &Value) -> Option<Value> {
    if let Some(text) = plain_text(part) {
        return Some(text_part(&bounded(text)));
    }
    let mime_type = text_of(part, "mime_type");
    let modality = text_of(part, "modality").unwrap_or("file");
    match text_of(part, "type")? {
        "tool_call" => {
            let mut call = call(part);
            call.insert("type".into(), "tool_call".into());
            Some(Value::Object(call))
        }
        "blob" => Some(text_part(&stand_in(modality, mime_type, text_of(part, "content")?))),
        "uri" if text_of(part, "uri")?.starts_with("data:") => {
            Some(text_part(&data(modality, mime_type, text_of(part, "uri")?)))
        }
        "uri" if modality == "image" => {
            let mut image = json!({ "type": "image", "image": bounded(text_of(part, "uri")?) });
            if let Some(mime_type) = mime_type {
                image["mimeType"] = mime_type.into();
            }
            Some(image)
        }
        "uri" => Some(text_part(&format!("[{modality} {}]", bounded(text_of(part, "uri")?)))),
        "file" => Some(text_part(&format!("[{modality} {}]", bounded(text_of(part, "file_id")?)))),
        _ => None,
    }
}

fn text_part(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

/// What stands for bytes: enough to know the same ones again.
fn stand_in(modality: &str, mime_type: Option<&str>, base64: &str) -> String {
    let kind = mime_type.unwrap_or("application/octet-stream");
    match STANDARD.decode(base64) {
        Ok(bytes) => {
            format!("[{modality} {kind}, {} bytes, crc32 {:08x}]", bytes.len(), crc32fast::hash(&bytes))
        }
        Err(_) => format!(
            "[{modality} {kind}, {} characters, crc32 {:08x}]",
            base64.len(),
            crc32fast::hash(base64.as_bytes())
        ),
    }
}

/// What stands for the bytes in a `data:` address.
fn data(modality: &str, mime_type: Option<&str>, uri: &str) -> String {
    let (head, data) = uri.strip_prefix("data:").and_then(|rest| rest.split_once(',')).unwrap_or(("", uri));
    let kind = head.split(';').next().filter(|kind| !kind.is_empty());
    stand_in(modality, mime_type.or(kind), data)
}

/// Whether the value takes no more than a text may.
fn is_small(value: &Value) -> bool {
    value.to_string().len() <= MOST_BYTES
}

/// A call's id, name and arguments, which are an object whatever the model wrote. Those that are too long are told as a
/// text that is cut.
fn call(part: &Value) -> Map<String, Value> {
    let arguments = match part.get("arguments") {
        Some(small @ Value::Object(arguments)) if is_small(small) => arguments.clone(),
        Some(Value::String(text)) if text.len() > MOST_BYTES => wrapped(bounded(text).into()),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(Value::Object(arguments)) => arguments,
            _ if text.trim().is_empty() => Map::new(),
            _ => wrapped(bounded(text).into()),
        },
        None | Some(Value::Null) => Map::new(),
        Some(other) if is_small(other) => wrapped(other.clone()),
        Some(other) => wrapped(bounded(&other.to_string()).into()),
    };
    let mut call = Map::new();
    call.insert("id".into(), text_of(part, "id").unwrap_or_default().into());
    call.insert("name".into(), text_of(part, "name").unwrap_or_default().into());
    call.insert("arguments".into(), arguments.into());
    call
}

fn wrapped(value: Value) -> Map<String, Value> {
    Map::from_iter([("value".to_owned(), value)])
}
