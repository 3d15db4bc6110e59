//! The messages of a request, written: borrowed where they are long.

use super::{API, block::SERVER_TOOL, family::Family, media};
use crate::provider::{
    failure::wrong,
    pick,
    told::{self, Told},
};
use crate::record::{CacheLifetime, ErrorInfo, Part, Request, ServerToolResult, ToolCall, ToolResult};
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

/// What is said in a request.
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Turn<'a>>,
    family: Family,
    /// How many documents have a name.
    documents: usize,
}

/// One message as it is sent.
#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// One block of content as it is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block<'a> {
    Text(&'a str),
    Json(&'a RawValue),
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: &'a str,
        name: &'a str,
        input: &'a RawValue,
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<&'static str>,
    },
    #[serde(rename_all = "camelCase")]
    ToolResult {
        tool_use_id: &'a str,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
    },
    #[serde(rename_all = "camelCase")]
    ReasoningContent {
        reasoning_text: Reasoning<'a>,
    },
    CitationsContent {
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<[Cited<'a>; 1]>,
        citations: &'a [Value],
    },
    CachePoint {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl: Option<&'static str>,
    },
    Image(media::Written<'a>),
    Document(media::Written<'a>),
    Video(media::Written<'a>),
    Audio(media::Written<'a>),
    /// As it was sent to us.
    #[serde(untagged)]
    Sent(&'a Map<String, Value>),
}

#[derive(Serialize)]
pub(super) struct Reasoning<'a> {
    text: &'a str,
    signature: &'a str,
}

#[derive(Serialize)]
pub(super) struct Cited<'a> {
    text: &'a str,
}

pub(super) fn write(request: &Request) -> Result<Conversation<'_>, ErrorInfo> {
    let family = Family::of(request.model.as_deref());
    let mut out = Conversation { system: Vec::new(), messages: Vec::new(), family, documents: 0 };
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
            Part::Text(_) | Part::Other { .. } | Part::CachePoint(_) => {
                let block = self.write_part(part)?;
                self.system.extend(block);
                Ok(())
            }
            _ => Err(wrong("system_instructions", &format!("{API} takes only text here"))),
        }
    }

    fn say(&mut self, role: &'static str, parts: &'a [Part]) -> Result<(), ErrorInfo> {
        let mut content = Vec::with_capacity(parts.len());
        for (at, part) in parts.iter().enumerate() {
            match part {
                Part::Reasoning(text) => {
                    // Models refuse reasoning without its proof.
                    if let Some(Part::Signature(signature)) = parts.get(at.saturating_add(1)) {
                        let reasoning_text = Reasoning { text, signature };
                        content.push(Block::ReasoningContent { reasoning_text });
                    }
                }
                Part::Citations(citations) => {
                    // Nova cites apart from its text, others cite around it.
                    let is_around = !self.family.is_nova() && matches!(content.last(), Some(Block::Text(_)));
                    let text = if is_around { content.pop() } else { None };
                    let text = text.and_then(|block| match block {
                        Block::Text(text) => Some([Cited { text }]),
                        _ => None,
                    });
                    content.push(Block::CitationsContent { content: text, citations });
                }
                _ => content.extend(self.write_part(part)?),
            }
        }
        match self.messages.last_mut() {
            _ if content.is_empty() => {}
            // Roles must alternate, and all results of one turn of the model stand in one message.
            Some(last) if last.role == role => last.content.append(&mut content),
            _ => self.messages.push(Turn { role, content }),
        }
        Ok(())
    }

    fn write_part(&mut self, part: &'a Part) -> Result<Option<Block<'a>>, ErrorInfo> {
        Ok(Some(match part {
            // A text of blanks is refused.
            Part::Text(text) | Part::Refusal(text) if !text.trim().is_empty() => Block::Text(text),
            Part::ToolCall(call) => write_call(call, None)?,
            Part::ServerToolCall(call) => write_call(call, Some(SERVER_TOOL))?,
            Part::ToolResult(result) => self.write_result(result)?,
            Part::Media(media) => self.write_media(media)?,
            Part::CachePoint(lifetime) => Block::CachePoint {
                kind: "default",
                ttl: (*lifetime == CacheLifetime::OneHour).then_some("1h"),
            },
            Part::ServerToolResult(ServerToolResult { value: Value::Object(sent), .. })
            | Part::Other { value: Value::Object(sent), .. } => Block::Sent(sent),
            // What holds nothing, or belongs to another provider; see `say` for the others.
            Part::Text(_)
            | Part::Refusal(_)
            | Part::Reasoning(_)
            | Part::Signature(_)
            | Part::Citations(_)
            | Part::ServerToolResult(_)
            | Part::Other { .. } => return Ok(None),
        }))
    }

    fn write_media(&mut self, media: &'a crate::record::Media) -> Result<Block<'a>, ErrorInfo> {
        use crate::record::Modality;
        let written = media::write(media, &mut self.documents)?;
        Ok(match media.modality {
            Modality::Image => Block::Image(written),
            Modality::Document => Block::Document(written),
            Modality::Video => Block::Video(written),
            Modality::Audio => Block::Audio(written),
        })
    }

    /// An object is sent as JSON, anything else as text: models take no other JSON.
    fn write_result(&mut self, result: &'a ToolResult) -> Result<Block<'a>, ErrorInfo> {
        let Some(tool_use_id) = result.call_id.as_deref() else {
            return Err(wrong("tool_result", &format!("{API} takes one only with the id of the call")));
        };
        let text = Some(result.content.as_str()).filter(|text| !text.trim().is_empty());
        let mut content: Vec<_> =
            text.map(|text| as_object(text).map_or(Block::Text(text), Block::Json)).into_iter().collect();
        for media in &result.media {
            content.push(self.write_media(media)?);
        }
        Ok(Block::ToolResult { tool_use_id, content, status: result.is_error.then_some("error") })
    }
}

fn write_call<'a>(call: &'a ToolCall, kind: Option<&'static str>) -> Result<Block<'a>, ErrorInfo> {
    let name = call.name.as_str();
    let Some(tool_use_id) = call.id.as_deref() else {
        return Err(wrong("tool_call", &format!("{API} takes one only with an id; that of {name} has none")));
    };
    let text = Some(call.arguments.as_str()).filter(|text| !text.trim().is_empty()).unwrap_or("{}");
    match as_object(text) {
        Some(input) => Ok(Block::ToolUse { tool_use_id, name, input, kind }),
        None => Err(wrong(
            "tool_call",
            &format!("{API} takes a JSON object as arguments; those of {name} are none"),
        )),
    }
}

/// The JSON object in this text, as it stands there.
fn as_object(text: &str) -> Option<&RawValue> {
    let text = Some(text.trim()).filter(|text| pick::is_object(text.as_bytes()))?;
    serde_json::from_str(text).ok()
}
