//! The messages of a request, written: borrowed where they are long.

use super::API;
use crate::provider::{
    failure::wrong,
    pick,
    told::{self, Told, USER},
};
use crate::record::{
    CacheLifetime, ErrorInfo, Media, MediaSource, Modality, Part, Request, ToolCall, ToolResult,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json, value::RawValue};

/// What is said in a request.
#[derive(Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Turn<'a>>,
}

/// One message as it is sent.
#[derive(serde::Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// One block of content as it is sent.
pub(super) struct Block<'a> {
    content: Content<'a>,
    cache: Option<CacheLifetime>,
}

enum Content<'a> {
    Text { text: &'a str, citations: Option<&'a [Value]> },
    Thinking { thinking: &'a str, signature: &'a str },
    Call { kind: &'static str, call: &'a ToolCall, input: &'a RawValue },
    Result { result: &'a ToolResult, media: Vec<Object<'a>> },
    Object(Object<'a>),
}

/// An object as it was sent to us, or a medium.
enum Object<'a> {
    Sent(&'a Map<String, Value>),
    Media { kind: &'static str, source: Source<'a> },
}

#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Text { media_type: &'a str, data: String },
    Url { url: &'a str },
    File { file_id: &'a str },
}

pub(super) fn write(request: &Request) -> Result<Conversation<'_>, ErrorInfo> {
    let mut out = Conversation::default();
    for told in told::all(request, API)? {
        match told {
            Told::Instruction(part) => out.instruct(part)?,
            Told::Said { role, parts } => out.say(role, parts)?,
        }
    }
    Ok(out)
}

impl<'a> Conversation<'a> {
    fn instruct(&mut self, part: &'a Part) -> Result<(), ErrorInfo> {
        match part {
            Part::Text(_) | Part::Other { .. } => self.system.extend(write_part(part)?),
            Part::CachePoint(lifetime) => cache(self.system.last_mut(), *lifetime)?,
            _ => return Err(wrong("system_instructions", &format!("{API} takes only text here"))),
        }
        Ok(())
    }

    fn say(&mut self, role: &'static str, parts: &'a [Part]) -> Result<(), ErrorInfo> {
        let mut content = Vec::with_capacity(parts.len());
        for (at, part) in parts.iter().enumerate() {
            match (part, content.last_mut()) {
                (Part::Reasoning(thinking), _) => {
                    // The API refuses reasoning without its proof.
                    if let Some(Part::Signature(signature)) = parts.get(at.saturating_add(1)) {
                        content.push(Block::new(Content::Thinking { thinking, signature }));
                    }
                }
                (Part::Citations(all), Some(Block { content: Content::Text { citations, .. }, .. })) => {
                    *citations = Some(all);
                }
                (Part::CachePoint(lifetime), Some(last)) => cache(Some(last), *lifetime)?,
                // All before it, which may be said in an earlier message or in the instructions.
                (Part::CachePoint(lifetime), None) => {
                    let said = self.messages.last_mut().and_then(|turn| turn.content.last_mut());
                    cache(said.or(self.system.last_mut()), *lifetime)?;
                }
                _ => content.extend(write_part(part)?),
            }
        }
        match self.messages.last_mut() {
            _ if content.is_empty() => {}
            // All results of one turn of the model must stand in one message.
            Some(last) if role == USER && last.role == USER => last.content.append(&mut content),
            _ => self.messages.push(Turn { role, content }),
        }
        Ok(())
    }
}

/// Marks the end of what is to be kept.
fn cache(before: Option<&mut Block<'_>>, lifetime: CacheLifetime) -> Result<(), ErrorInfo> {
    match before {
        None => Err(wrong("cache_point", &format!("{API} takes one only after something"))),
        Some(Block { content: Content::Thinking { .. }, .. }) => {
            Err(wrong("cache_point", &format!("{API} takes none right after reasoning")))
        }
        Some(block) => {
            block.cache = Some(lifetime);
            Ok(())
        }
    }
}

fn write_part(part: &Part) -> Result<Option<Block<'_>>, ErrorInfo> {
    let content = match part {
        // A text of nothing but blanks is refused.
        Part::Text(text) | Part::Refusal(text) if !text.trim().is_empty() => {
            Content::Text { text, citations: None }
        }
        Part::ToolCall(call) => write_call("tool_use", call)?,
        Part::ServerToolCall(call) if call.server.is_some() => write_call("mcp_tool_use", call)?,
        Part::ServerToolCall(call) => write_call("server_tool_use", call)?,
        Part::ToolResult(result) => {
            let media = result.media.iter().map(write_media).collect::<Result<_, _>>()?;
            Content::Result { result, media }
        }
        Part::Media(media) => Content::Object(write_media(media)?),
        Part::ServerToolResult(crate::record::ServerToolResult { value: Value::Object(sent), .. })
        | Part::Other { value: Value::Object(sent), .. } => Content::Object(Object::Sent(sent)),
        // What holds nothing, or belongs to another provider; see `say` for the others.
        Part::Text(_)
        | Part::Refusal(_)
        | Part::Reasoning(_)
        | Part::Signature(_)
        | Part::Citations(_)
        | Part::CachePoint(_)
        | Part::ServerToolResult(_)
        | Part::Other { .. } => return Ok(None),
    };
    Ok(Some(Block::new(content)))
}

fn write_call<'a>(kind: &'static str, call: &'a ToolCall) -> Result<Content<'a>, ErrorInfo> {
    let text = Some(call.arguments.trim()).filter(|text| !text.is_empty()).unwrap_or("{}");
    let input = Some(text).filter(|text| pick::is_object(text.as_bytes()));
    match input.and_then(|text| serde_json::from_str::<&'a RawValue>(text).ok()) {
        Some(input) => Ok(Content::Call { kind, call, input }),
        None => {
            let name = &call.name;
            Err(wrong(
                "tool_call",
                &format!("{API} takes a JSON object as arguments; those of {name} are none"),
            ))
        }
    }
}

fn write_media(media: &Media) -> Result<Object<'_>, ErrorInfo> {
    let no = |what: &str| Err(wrong("media", &format!("{API} takes {what}")));
    let kind = match media.modality {
        Modality::Image => "image",
        Modality::Document => "document",
        Modality::Audio => return no("no audio"),
        Modality::Video => return no("no video"),
    };
    let source = match (&media.source, media.modality, media.mime_type.as_deref()) {
        (MediaSource::Uri(url), ..) => Source::Url { url },
        (MediaSource::FileId(file_id), ..) => Source::File { file_id },
        (
            MediaSource::Base64(data),
            Modality::Image,
            Some(media_type @ ("image/jpeg" | "image/png" | "image/gif" | "image/webp")),
        ) => Source::Base64 { media_type, data },
        (MediaSource::Base64(_), Modality::Image, other) => {
            let other = other.unwrap_or("an image that does not say its type");
            return no(&format!("images of JPEG, PNG, GIF and WebP, not {other}"));
        }
        (MediaSource::Base64(data), _, None | Some("application/pdf")) => {
            Source::Base64 { media_type: "application/pdf", data }
        }
        (MediaSource::Base64(data), _, Some("text/plain")) => {
            let bytes = STANDARD.decode(data).ok();
            match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(data) => Source::Text { media_type: "text/plain", data },
                None => return no("text only in UTF-8"),
            }
        }
        (MediaSource::Base64(_), _, Some(other)) => {
            return no(&format!("documents of application/pdf and text/plain, not {other}"));
        }
    };
    Ok(Object::Media { kind, source })
}

impl<'a> Block<'a> {
    fn new(content: Content<'a>) -> Self {
        Self { content, cache: None }
    }
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut block = to.serialize_map(None)?;
        match &self.content {
            Content::Text { text, citations } => {
                block.serialize_entry("type", "text")?;
                block.serialize_entry("text", text)?;
                if let Some(citations) = citations {
                    block.serialize_entry("citations", citations)?;
                }
            }
            Content::Thinking { thinking, signature } => {
                block.serialize_entry("type", "thinking")?;
                block.serialize_entry("thinking", thinking)?;
                block.serialize_entry("signature", signature)?;
            }
            Content::Call { kind, call, input } => {
                block.serialize_entry("type", kind)?;
                block.serialize_entry("id", &call.id)?;
                block.serialize_entry("name", &call.name)?;
                if let Some(server) = &call.server {
                    block.serialize_entry("server_name", server)?;
                }
                block.serialize_entry("input", input)?;
            }
            Content::Result { result, media } => write_result(result, media, &mut block)?,
            Content::Object(object) => object.write(self.cache.is_some(), &mut block)?,
        }
        match self.cache {
            None => {}
            Some(CacheLifetime::OneHour) => {
                block.serialize_entry("cache_control", &json!({ "type": "ephemeral", "ttl": "1h" }))?;
            }
            Some(CacheLifetime::Default) => {
                block.serialize_entry("cache_control", &json!({ "type": "ephemeral" }))?;
            }
        }
        block.end()
    }
}

fn write_result<M: SerializeMap>(
    result: &ToolResult,
    media: &[Object<'_>],
    block: &mut M,
) -> Result<(), M::Error> {
    block.serialize_entry("type", "tool_result")?;
    block.serialize_entry("tool_use_id", &result.call_id)?;
    if media.is_empty() {
        // A tool that has nothing to say sends no content: an empty text is refused.
        if !result.content.trim().is_empty() {
            block.serialize_entry("content", &result.content)?;
        }
    } else {
        let text = Some(result.content.as_str()).filter(|text| !text.trim().is_empty());
        let text = text.map(|text| Block::new(Content::Text { text, citations: None }));
        block.serialize_entry("content", &Said { text, media })?;
    }
    if result.is_error {
        block.serialize_entry("is_error", &true)?;
    }
    Ok(())
}

/// What a tool says and shows.
struct Said<'a> {
    text: Option<Block<'a>>,
    media: &'a [Object<'a>],
}

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut all = to.serialize_seq(None)?;
        if let Some(text) = &self.text {
            all.serialize_element(text)?;
        }
        for object in self.media {
            all.serialize_element(object)?;
        }
        all.end()
    }
}

impl Object<'_> {
    fn write<M: SerializeMap>(&self, cached: bool, to: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Media { kind, source } => {
                to.serialize_entry("type", kind)?;
                to.serialize_entry("source", source)
            }
            Self::Sent(sent) => sent
                .iter()
                .filter(|(name, _)| !cached || *name != "cache_control")
                .try_for_each(|(name, value)| to.serialize_entry(name, value)),
        }
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(None)?;
        self.write(false, &mut object)?;
        object.end()
    }
}
