//! Parts of a content, of a request or of an answer, read.

use super::fields::{Fields, compact, list, text, value};
use crate::provider::lenient::Text;
use crate::record::{Media, MediaSource, Modality, Part, ServerToolResult, ToolCall, ToolResult};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One part as it was sent.
#[derive(Debug)]
pub(super) struct Sent<'a> {
    /// What it holds, in Google's word: `text`, `functionCall`.
    pub(super) kind: Cow<'static, str>,
    pub(super) content: Content<'a>,
    /// The provider's proof of it (`thoughtSignature`).
    pub(super) signature: Text<'a>,
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    /// A text, which in a stream goes on.
    Text { text: Text<'a>, is_thought: bool },
    /// Anything else, which comes in one piece.
    Whole(Part),
}

/// What nearly every part of a stream is; a part that holds anything else is read field by field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(default)]
    thought: bool,
    #[serde(borrow, default, rename = "thoughtSignature")]
    signature: Text<'a>,
}

/// The parts of a list, or the one that is there instead of a list. What is not an object is no part.
pub(super) fn read_all(raw: &RawValue) -> impl Iterator<Item = Sent<'_>> {
    list(raw).into_iter().filter_map(read)
}

fn read(raw: &RawValue) -> Option<Sent<'_>> {
    if let Ok(Plain { text, thought, signature }) = serde_json::from_str(raw.get()) {
        let content = Content::Text { text, is_thought: thought };
        return Some(Sent { kind: Cow::Borrowed("text"), content, signature });
    }
    let mut fields = Fields::read(raw.get())?;
    let signature =
        fields.take("thoughtSignature", |raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let is_thought = fields.take_value("thought", serde_json::Value::as_bool).unwrap_or_default();
    if let Some(text) = fields.get("text").and_then(|raw| serde_json::from_str(raw.get()).ok()) {
        return Some(Sent {
            kind: Cow::Borrowed("text"),
            content: Content::Text { text, is_thought },
            signature,
        });
    }
    let (kind, part) = READERS
        .iter()
        .find_map(|(kind, read)| fields.get(kind).map(|inner| (Cow::Borrowed(*kind), read(inner, raw))))
        .or_else(|| fields.iter().next().map(|(kind, _)| (Cow::Owned(kind.to_owned()), None)))?;
    let part = part.unwrap_or_else(|| Part::Other { kind: kind.clone().into_owned(), value: value(raw) });
    Some(Sent { kind, content: Content::Whole(part), signature })
}

impl Sent<'_> {
    /// Adds what the part says to `parts`.
    pub(super) fn push_to(self, parts: &mut Vec<Part>) {
        let signature = self.signature.get().map(|signature| Part::Signature(signature.to_owned()));
        match self.content {
            Content::Text { text, is_thought } => {
                // A signature is of its own part: an empty text holds its place.
                if text.get().is_some() || signature.is_some() {
                    let text = text.get().unwrap_or_default().to_owned();
                    parts.push(if is_thought { Part::Reasoning(text) } else { Part::Text(text) });
                }
            }
            Content::Whole(part) => parts.push(part),
        }
        parts.extend(signature);
    }
}

/// Reads what is under the name of the kind; the whole part is there for what is kept as it was sent.
type Reader = fn(&RawValue, &RawValue) -> Option<Part>;

const READERS: [(&str, Reader); 8] = [
    ("functionCall", |inner, _| function_call(inner).map(Part::ToolCall)),
    ("functionResponse", |inner, _| function_response(inner).map(Part::ToolResult)),
    ("inlineData", |inner, _| inline_data(inner).map(Part::Media)),
    ("fileData", |inner, _| file_data(inner).map(Part::Media)),
    ("executableCode", |inner, _| executable_code(inner).map(Part::ServerToolCall)),
    ("codeExecutionResult", |inner, whole| server_result("codeExecutionResult", inner, whole)),
    ("toolCall", |inner, _| tool_call(inner).map(Part::ServerToolCall)),
    ("toolResponse", |inner, whole| server_result("toolResponse", inner, whole)),
];

fn function_call(raw: &RawValue) -> Option<ToolCall> {
    let fields = Fields::read(raw.get())?;
    Some(ToolCall {
        id: fields.text("id"),
        name: fields.text("name")?,
        arguments: fields.get("args").map(compact).unwrap_or_default(),
        ..ToolCall::default()
    })
}

fn function_response(raw: &RawValue) -> Option<ToolResult> {
    let fields = Fields::read(raw.get())?;
    let media = |part: &RawValue| {
        let part = Fields::read(part.get())?;
        part.get("inlineData").and_then(inline_data).or_else(|| part.get("fileData").and_then(file_data))
    };
    Some(ToolResult {
        call_id: fields.text("id"),
        name: fields.text("name"),
        content: fields.get("response").map(compact).unwrap_or_default(),
        media: fields.get("parts").map(list).unwrap_or_default().into_iter().filter_map(media).collect(),
        is_error: false,
    })
}

fn inline_data(raw: &RawValue) -> Option<Media> {
    let fields = Fields::read(raw.get())?;
    let data = fields.get("data").and_then(text)?;
    Some(media(fields.text("mimeType"), MediaSource::Base64(data)))
}

fn file_data(raw: &RawValue) -> Option<Media> {
    let fields = Fields::read(raw.get())?;
    let uri = fields.text("fileUri")?;
    Some(media(fields.text("mimeType"), MediaSource::Uri(uri)))
}

fn media(mime_type: Option<String>, source: MediaSource) -> Media {
    let modality = match mime_type.as_deref().and_then(|mime| mime.split('/').next()) {
        Some("image") => Modality::Image,
        Some("audio") => Modality::Audio,
        Some("video") => Modality::Video,
        _ => Modality::Document,
    };
    Media { modality, mime_type, source }
}

/// The conventions' word for the tool that `executableCode` is a call of.
pub(super) const CODE_EXECUTION: &str = "code_execution";

fn executable_code(raw: &RawValue) -> Option<ToolCall> {
    let fields = Fields::read(raw.get())?;
    Some(ToolCall {
        id: fields.text("id"),
        name: CODE_EXECUTION.to_owned(),
        arguments: compact(raw),
        ..ToolCall::default()
    })
}

fn tool_call(raw: &RawValue) -> Option<ToolCall> {
    let fields = Fields::read(raw.get())?;
    Some(ToolCall {
        id: fields.text("id"),
        name: fields.text("toolType")?,
        arguments: fields.get("args").map(compact).unwrap_or_default(),
        ..ToolCall::default()
    })
}

fn server_result(kind: &str, inner: &RawValue, whole: &RawValue) -> Option<Part> {
    let fields = Fields::read(inner.get())?;
    // Without the signature, which is a part of its own.
    let mut whole = Fields::read(whole.get())?;
    whole.remove("thoughtSignature");
    Some(Part::ServerToolResult(ServerToolResult {
        call_id: fields.text("id"),
        kind: kind.to_owned(),
        value: whole.rest().into(),
    }))
}
