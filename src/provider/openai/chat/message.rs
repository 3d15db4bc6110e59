//! Messages of a chat request, read and written.

use super::super::Dialect;
use super::tool;
use crate::provider::lenient::Object;
use crate::provider::pick;
use crate::record::{Media, MediaSource, Message, Modality, Part, Role, ToolResult};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

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
        vec![Part::ToolResult(ToolResult {
            call_id,
            content: result_text(sent.content),
            ..ToolResult::default()
        })]
    } else {
        sent.said()
    };
    Some(Message { name, ..Message::new(role, parts) })
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
        // Mistral's, a list of texts.
        "thinking" => {
            sent.get("thinking").map(all_texts).filter(|text| !text.is_empty()).map(Part::Reasoning)
        }
        "image_url" => address(&sent, "image_url", Modality::Image),
        "audio_url" => address(&sent, "audio_url", Modality::Audio),
        "video_url" => address(&sent, "video_url", Modality::Video),
        "input_audio" => sound(&sent),
        "file" => file(&sent),
        _ => None,
    };
    known.or(Some(Part::Other { kind, value: Value::Object(sent) }))
}

fn all_texts(parts: &Value) -> String {
    match parts {
        Value::String(text) => text.clone(),
        parts => {
            parts.as_array().into_iter().flatten().filter_map(|part| part.get("text")?.as_str()).collect()
        }
    }
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

/// A message as it is sent, borrowed where it is long.
#[derive(Default, Serialize)]
pub(super) struct Written<'a> {
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    content: Content<'a>,
    #[serde(skip_serializing_if = "String::is_empty")]
    refusal: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
}

/// A content of one text is a plain string, which every server takes.
#[derive(Default, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    #[default]
    Null,
    Text(&'a str),
    Parts(Vec<ContentPart<'a>>),
}

#[derive(Serialize)]
#[serde(untagged)]
enum ContentPart<'a> {
    Text {
        #[serde(rename = "type")]
        kind: &'a str,
        text: &'a str,
    },
    Other(Cow<'a, Value>),
}

/// Writes what is said in this role; the results of several tools become a message each.
pub(super) fn write<'a>(
    role: &'a str,
    name: Option<&'a str>,
    parts: &'a [Part],
    tools: &tool::Kinds<'_>,
    dialect: Dialect,
    out: &mut Vec<Written<'a>>,
) {
    let mut said = Written { role, name, ..Written::default() };
    let mut content = Vec::new();
    let mut results = false;
    for part in parts {
        match part {
            Part::ToolResult(result) => {
                results = true;
                out.push(write_result(role, name, result));
            }
            Part::ToolCall(call) if call.id.is_none() && said.function_call.is_none() => {
                said.function_call = Some(tool::write_function(call));
            }
            Part::ToolCall(call) => said.tool_calls.push(tools.write_call(call)),
            Part::Refusal(text) => said.refusal.push_str(text),
            Part::Reasoning(text) if dialect.reasoning_content => said.reasoning_content.push_str(text),
            Part::Media(Media { modality: Modality::Audio, source: MediaSource::FileId(id), .. })
                if role == "assistant" =>
            {
                said.audio = Some(json!({ "id": id }));
            }
            other => content.extend(write_part(other)),
        }
    }
    let called = said.function_call.is_some() || !said.tool_calls.is_empty();
    if !called {
        // Of an answer that is over it is of no use.
        said.reasoning_content = String::new();
    }
    let beside = called || !said.refusal.is_empty() || said.audio.is_some();
    if results && content.is_empty() && !beside {
        return;
    }
    said.content = match content.as_slice() {
        [] if beside => Content::Null,
        [] => Content::Text(""),
        [ContentPart::Text { text, .. }] => Content::Text(text),
        _ => Content::Parts(content),
    };
    out.push(said);
}

fn write_result<'a>(role: &'a str, name: Option<&'a str>, result: &'a ToolResult) -> Written<'a> {
    Written {
        role: if role == "function" { role } else { "tool" },
        name,
        tool_call_id: result.call_id.as_deref(),
        content: Content::Text(&result.content),
        ..Written::default()
    }
}

fn write_part(part: &Part) -> Option<ContentPart<'_>> {
    Some(match part {
        Part::Text(text) => ContentPart::Text { kind: "text", text },
        Part::Media(media) => ContentPart::Other(Cow::Owned(write_media(media)?)),
        Part::Other { value, .. } => ContentPart::Other(Cow::Borrowed(value)),
        // The API takes none of these back.
        Part::Reasoning(_)
        | Part::ServerToolCall(_)
        | Part::ServerToolResult(_)
        | Part::Signature(_)
        | Part::Citations(_) => return None,
        // Refused before, see `write_request`.
        Part::CachePoint(_) => return None,
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
