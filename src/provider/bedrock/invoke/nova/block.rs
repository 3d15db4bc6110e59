//! One block of content, of a request or of an answer, read.

use crate::provider::lenient::{Object, Text};
use crate::record::{CacheLifetime, Media, MediaSource, Modality, Part, ToolCall, ToolResult};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

/// A block is named by its one key.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    tool_use: Object<ToolUse<'a>>,
    #[serde(borrow)]
    tool_result: Object<SentResult<'a>>,
    #[serde(borrow)]
    reasoning_content: Object<Reasoning<'a>>,
    #[serde(borrow)]
    image: Object<SentMedia<'a>>,
    #[serde(borrow)]
    video: Object<SentMedia<'a>>,
    #[serde(borrow)]
    audio: Object<SentMedia<'a>>,
    #[serde(borrow)]
    document: Object<SentMedia<'a>>,
    #[serde(borrow)]
    cache_point: Object<CachePoint<'a>>,
    #[serde(borrow)]
    json: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    #[serde(borrow)]
    tool_use_id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SentResult<'a> {
    #[serde(borrow)]
    tool_use_id: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow)]
    reasoning_text: Object<ReasoningText<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReasoningText<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    signature: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentMedia<'a> {
    #[serde(borrow)]
    format: Text<'a>,
    #[serde(borrow)]
    source: Object<Source<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Source<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
    #[serde(borrow)]
    s3_location: Object<S3Location<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct S3Location<'a> {
    #[serde(borrow)]
    uri: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CachePoint<'a> {
    #[serde(borrow)]
    ttl: Text<'a>,
}

impl ToolUse<'_> {
    /// The call, without its arguments.
    pub(super) fn call(&self) -> ToolCall {
        ToolCall {
            id: self.tool_use_id.get().map(str::to_owned),
            name: self.name.get().unwrap_or_default().to_owned(),
            ..ToolCall::default()
        }
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.tool_use_id.get()
    }

    /// Whether the provider runs the tool itself.
    pub(super) fn is_servers(&self) -> bool {
        self.kind.get() == Some("server_tool_use")
    }
}

impl Block<'_> {
    fn media(&self) -> Option<Media> {
        let all = [
            (Modality::Image, &self.image),
            (Modality::Video, &self.video),
            (Modality::Audio, &self.audio),
            (Modality::Document, &self.document),
        ];
        all.into_iter().find_map(|(modality, sent)| sent.0.as_ref()?.read(modality))
    }

    fn part(&self) -> Option<Part> {
        if let Some(text) = &self.text {
            return Some(Part::Text(text.get().unwrap_or_default().to_owned()));
        }
        if let Some(sent) = &self.tool_use.0 {
            let arguments = sent.input.map_or("{}", RawValue::get).to_owned();
            let call = ToolCall { arguments, ..sent.call() };
            return Some(if sent.is_servers() { Part::ServerToolCall(call) } else { Part::ToolCall(call) });
        }
        if let Some(sent) = &self.tool_result.0 {
            return Some(Part::ToolResult(sent.read()));
        }
        if let Some(point) = &self.cache_point.0 {
            let hour = point.ttl.get() == Some("1h");
            return Some(Part::CachePoint(if hour {
                CacheLifetime::OneHour
            } else {
                CacheLifetime::Default
            }));
        }
        self.media().map(Part::Media)
    }
}

impl SentMedia<'_> {
    fn read(&self, modality: Modality) -> Option<Media> {
        let source = self.source.0.as_ref()?;
        let source = match source.bytes.get() {
            Some(bytes) => MediaSource::Base64(bytes.to_owned()),
            None => MediaSource::Uri(source.s3_location.0.as_ref()?.uri.get()?.to_owned()),
        };
        let mime_type = self.format.get().and_then(|format| mime_type(modality, format));
        Some(Media { modality, mime_type, source })
    }
}

fn mime_type(modality: Modality, format: &str) -> Option<String> {
    Some(match (modality, format) {
        (Modality::Image, format) => format!("image/{format}"),
        (Modality::Video, "three_gp") => "video/3gpp".to_owned(),
        (Modality::Video, "mov") => "video/quicktime".to_owned(),
        (Modality::Video, format) => format!("video/{format}"),
        (Modality::Audio, "mp3") => "audio/mpeg".to_owned(),
        (Modality::Audio, format) => format!("audio/{format}"),
        (Modality::Document, "pdf") => "application/pdf".to_owned(),
        (Modality::Document, "txt") => "text/plain".to_owned(),
        (Modality::Document, "md") => "text/markdown".to_owned(),
        (Modality::Document, format @ ("csv" | "html")) => format!("text/{format}"),
        (Modality::Document, _) => return None,
    })
}

impl SentResult<'_> {
    /// What a tool answered: its texts, or one value, and its images and documents; any other list stays as it
    /// was sent.
    fn read(&self) -> ToolResult {
        let mut result = ToolResult {
            call_id: self.tool_use_id.get().map(str::to_owned),
            is_error: self.status.get() == Some("error"),
            ..ToolResult::default()
        };
        let Some(content) = self.content else {
            return result;
        };
        let blocks: Option<Vec<Object<Block<'_>>>> = serde_json::from_str(content.get()).ok();
        let mut understood = blocks.is_some();
        let mut values = 0;
        for block in blocks.into_iter().flatten().map(|block| block.0.unwrap_or_default()) {
            match (&block.text, block.json, block.media()) {
                (Some(text), ..) => result.content.push_str(text.get().unwrap_or_default()),
                (None, Some(json), _) => {
                    understood &= result.content.is_empty();
                    values += 1;
                    result.content.push_str(json.get());
                }
                (None, None, Some(media)) => result.media.push(media),
                (None, None, None) => understood = false,
            }
        }
        // A value beside a text would be neither.
        let is_one = values == 0 || serde_json::from_str::<&RawValue>(&result.content).is_ok();
        if !understood || values > 1 || !is_one {
            result.media.clear();
            content.get().clone_into(&mut result.content);
        }
        result
    }
}

/// Reads one block into its part and what hangs on it, and tells its kind.
pub(super) fn read(raw: &RawValue, parts: &mut Vec<Part>) -> String {
    let block = serde_json::from_str::<Object<Block<'_>>>(raw.get()).ok().and_then(|block| block.0);
    let value: Option<Map<String, Value>> = serde_json::from_str(raw.get()).ok();
    let kind = value.as_ref().and_then(|value| value.keys().next().cloned()).unwrap_or_default();
    let reasoning = block.as_ref().and_then(|block| block.reasoning_content.0.as_ref());
    if let Some(text) = reasoning.and_then(|reasoning| reasoning.reasoning_text.0.as_ref()) {
        parts.push(Part::Reasoning(text.text.get().unwrap_or_default().to_owned()));
        parts.extend(text.signature.get().map(|proof| Part::Signature(proof.to_owned())));
    } else if let Some(part) = block.and_then(|block| block.part()) {
        parts.push(part);
    } else {
        let value = value.map_or_else(|| serde_json::from_str(raw.get()).unwrap_or_default(), Value::Object);
        parts.push(Part::Other { kind: kind.clone(), value });
    }
    kind
}
