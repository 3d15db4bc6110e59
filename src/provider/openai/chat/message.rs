//! Messages of a chat request, read and written.

use super::super::lenient::Object;
use super::super::pick;
use super::tool;
use crate::record::{Media, MediaSource, Message, Modality, Part, Role, ToolResult};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A message as it was sent, of a request or of an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    pub(super) role: Value,
    name: Value,
    tool_call_id: Value,
    content: Value,
    reasoning_content: Value,
    reasoning: Value,
    refusal: Value,
    audio: Value,
    tool_calls: Value,
    function_call: Value,
}

/// Reads one message; what is not an object is no message.
pub(super) fn read(sent: Value) -> Option<Message> {
    let sent = serde_json::from_value::<Object<Sent>>(sent).ok()?.0?;
    let role = Role::from(sent.role.as_str().unwrap_or_default());
    let name = pick::some_text(&sent.name);
    let parts = if matches!(role.as_str(), "tool" | "function") {
        let call_id = pick::some_text(&sent.tool_call_id);
        vec![Part::ToolResult(ToolResult { call_id, content: result_text(sent.content) })]
    } else {
        sent.said()
    };
    Some(Message { role, name, parts })
}

impl Sent {
    /// What a message of a person, an application or a model says.
    pub(super) fn said(self) -> Vec<Part> {
        let mut parts = Vec::new();
        let reasoning = [&self.reasoning_content, &self.reasoning].into_iter().find_map(pick::some_text);
        parts.extend(reasoning.map(Part::Reasoning));
        read_content(self.content, &mut parts);
        parts.extend(pick::some_text(&self.refusal).map(Part::Refusal));
        if let Value::Object(audio) = self.audio {
            read_audio(audio, &mut parts);
        }
        if let Value::Array(calls) = self.tool_calls {
            parts.extend(calls.into_iter().filter_map(tool::read_call).map(Part::ToolCall));
        }
        if let Value::Object(call) = self.function_call {
            parts.extend(tool::read_function(call, None).map(Part::ToolCall));
        }
        parts
    }
}

fn read_content(content: Value, parts: &mut Vec<Part>) {
    match content {
        Value::String(text) if !text.is_empty() => parts.push(Part::Text(text)),
        Value::Array(all) => parts.extend(all.into_iter().filter_map(read_part)),
        _ => {}
    }
}

fn read_part(part: Value) -> Option<Part> {
    let mut sent = match part {
        Value::String(text) => return Some(Part::Text(text)),
        Value::Object(sent) => sent,
        _ => return None,
    };
    let kind = sent.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let known = match kind.as_str() {
        "text" => take_string(&mut sent, "text").map(Part::Text),
        "refusal" => take_string(&mut sent, "refusal").map(Part::Refusal),
        "image_url" => address(&sent, "image_url", Modality::Image),
        "audio_url" => address(&sent, "audio_url", Modality::Audio),
        "video_url" => address(&sent, "video_url", Modality::Video),
        "input_audio" => sound(&sent),
        "file" => file(&sent),
        _ => None,
    };
    known.or(Some(Part::Other { kind, value: Value::Object(sent) }))
}

fn take_string(from: &mut Map<String, Value>, name: &str) -> Option<String> {
    match from.get_mut(name)? {
        Value::String(text) => Some(std::mem::take(text)),
        _ => None,
    }
}

/// `{"image_url": {"url": ..}}`, of some servers `{"image_url": ".."}`.
fn address(sent: &Map<String, Value>, name: &str, modality: Modality) -> Option<Part> {
    let value = sent.get(name)?;
    let url = value.get("url").unwrap_or(value).as_str()?;
    Some(Part::Media(Media::from_uri(modality, url)))
}

fn sound(sent: &Map<String, Value>) -> Option<Part> {
    let audio = sent.get("input_audio")?;
    let data = audio.get("data")?.as_str()?;
    let mime_type = audio.get("format").and_then(Value::as_str).map(mime_of_sound);
    Some(Part::Media(Media {
        modality: Modality::Audio,
        mime_type,
        source: MediaSource::Base64(data.to_owned()),
    }))
}

fn file(sent: &Map<String, Value>) -> Option<Part> {
    let file = sent.get("file")?;
    let text = |name: &str| file.get(name).and_then(Value::as_str);
    let media = match (text("file_id"), text("file_data")) {
        (Some(id), _) => Media {
            modality: Modality::Document,
            mime_type: None,
            source: MediaSource::FileId(id.to_owned()),
        },
        (None, Some(data)) => Media::from_uri(Modality::Document, data),
        (None, None) => return None,
    };
    Some(Part::Media(media))
}

/// `audio` of an assistant's message: in an answer its bytes and what they say, in a request the id
/// of an earlier answer's.
fn read_audio(mut audio: Map<String, Value>, parts: &mut Vec<Part>) {
    let transcript = take_string(&mut audio, "transcript").filter(|text| !text.is_empty());
    let source = match take_string(&mut audio, "data").filter(|data| !data.is_empty()) {
        Some(data) => Some(MediaSource::Base64(data)),
        None => pick::text(&audio, "id").map(MediaSource::FileId),
    };
    parts.extend(transcript.map(Part::Text));
    parts.extend(
        source.map(|source| Part::Media(Media { modality: Modality::Audio, mime_type: None, source })),
    );
}

/// The text of a tool's answer; parts that are no text stay JSON.
fn result_text(content: Value) -> String {
    match content {
        Value::String(text) => text,
        Value::Null => String::new(),
        Value::Array(parts) => {
            let texts: Option<String> = parts.iter().map(|part| part.get("text")?.as_str()).collect();
            texts.unwrap_or_else(|| Value::Array(parts).to_string())
        }
        other => other.to_string(),
    }
}

/// Writes a message; the results of several tools become a message each.
pub(super) fn write(message: &Message, tools: &tool::Kinds<'_>, out: &mut Vec<Value>) {
    let mut body = envelope(message);
    let mut content = Vec::new();
    let mut refusal = String::new();
    let mut calls = Vec::new();
    let mut results = false;
    for part in &message.parts {
        match part {
            Part::ToolResult(result) => {
                results = true;
                out.push(write_result(message, result));
            }
            Part::ToolCall(call) if call.id.is_none() && !body.contains_key("function_call") => {
                body.insert("function_call".to_owned(), tool::write_function(call));
            }
            Part::ToolCall(call) => calls.push(tools.write_call(call)),
            Part::Refusal(text) => refusal.push_str(text),
            Part::Media(Media { modality: Modality::Audio, source: MediaSource::FileId(id), .. })
                if message.role == Role::Assistant =>
            {
                body.insert("audio".to_owned(), json!({ "id": id }));
            }
            other => content.extend(write_part(other)),
        }
    }
    let says = !content.is_empty()
        || !refusal.is_empty()
        || !calls.is_empty()
        || body.contains_key("function_call")
        || body.contains_key("audio");
    if results && !says {
        return;
    }
    let called = !calls.is_empty() || body.contains_key("function_call");
    let silent = content.is_empty() && (called || !refusal.is_empty() || body.contains_key("audio"));
    body.insert("content".to_owned(), if silent { Value::Null } else { compact(content) });
    if !refusal.is_empty() {
        body.insert("refusal".to_owned(), Value::from(refusal));
    }
    if !calls.is_empty() {
        body.insert("tool_calls".to_owned(), Value::from(calls));
    }
    out.push(Value::Object(body));
}

fn envelope(message: &Message) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("role".to_owned(), Value::from(message.role.as_str()));
    if let Some(name) = &message.name {
        body.insert("name".to_owned(), Value::from(name.as_str()));
    }
    body
}

fn write_result(message: &Message, result: &ToolResult) -> Value {
    let mut body = envelope(message);
    if message.role.as_str() != "function" {
        body.insert("role".to_owned(), Value::from("tool"));
    }
    if let Some(id) = &result.call_id {
        body.insert("tool_call_id".to_owned(), Value::from(id.as_str()));
    }
    body.insert("content".to_owned(), Value::from(result.content.as_str()));
    Value::Object(body)
}

/// A content of one text is a plain string, which every server takes.
fn compact(mut content: Vec<Value>) -> Value {
    match content.as_mut_slice() {
        [] => Value::from(""),
        [alone] if alone.get("type").and_then(Value::as_str) == Some("text") => {
            alone.get_mut("text").map(Value::take).unwrap_or_default()
        }
        _ => Value::from(content),
    }
}

fn write_part(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text(text) => json!({ "type": "text", "text": text }),
        Part::Media(media) => write_media(media)?,
        Part::Other { value, .. } => value.clone(),
        // The API takes none of these back.
        Part::Reasoning(_) | Part::ServerToolCall(_) => return None,
        // Beside the content, see `write`.
        Part::Refusal(_) | Part::ToolCall(_) | Part::ToolResult(_) => return None,
    })
}

fn write_media(media: &Media) -> Option<Value> {
    Some(match (&media.source, media.modality) {
        (MediaSource::FileId(id), _) => json!({ "type": "file", "file": { "file_id": id } }),
        (MediaSource::Base64(data), Modality::Audio) => {
            let format = media.mime_type.as_deref().map_or("wav", format_of_sound);
            json!({ "type": "input_audio", "input_audio": { "data": data, "format": format } })
        }
        (_, Modality::Image) => json!({ "type": "image_url", "image_url": { "url": media.to_uri()? } }),
        (_, Modality::Audio) => json!({ "type": "audio_url", "audio_url": { "url": media.to_uri()? } }),
        (_, Modality::Video) => json!({ "type": "video_url", "video_url": { "url": media.to_uri()? } }),
        (_, Modality::Document) => {
            let filename = match media.mime_type.as_deref() {
                Some("application/pdf") => "document.pdf",
                _ => "document",
            };
            json!({ "type": "file", "file": { "file_data": media.to_uri()?, "filename": filename } })
        }
    })
}

fn mime_of_sound(format: &str) -> String {
    match format {
        "mp3" => "audio/mpeg".to_owned(),
        other => format!("audio/{other}"),
    }
}

fn format_of_sound(mime: &str) -> &str {
    match mime {
        "audio/mpeg" => "mp3",
        "audio/x-wav" | "audio/wave" => "wav",
        other => other.strip_prefix("audio/").unwrap_or(other),
    }
}
