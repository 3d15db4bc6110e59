//! One block of content, of a request or of an answer, read.

use crate::provider::lenient::{Object, Text};
use crate::record::{
    CacheLifetime, Media, MediaSource, Modality, Part, ServerToolResult, ToolCall, ToolResult,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// A block as it was sent; what is large is read only when it is wanted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) citations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) thinking: Text<'a>,
    #[serde(borrow)]
    pub(super) signature: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) server_name: Text<'a>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_use_id: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    is_error: Option<Value>,
    #[serde(borrow)]
    source: Object<Source<'a>>,
    #[serde(borrow)]
    cache_control: Object<CacheControl<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    media_type: Text<'a>,
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    file_id: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheControl<'a> {
    #[serde(borrow)]
    ttl: Text<'a>,
}

/// What a block is, beside what hangs on it.
pub(super) enum Known {
    Text,
    Thinking,
    ToolUse,
    /// Of a tool that the provider runs, an MCP server's among them.
    ServerToolUse,
    ServerToolResult,
    Other,
}

impl Block<'_> {
    pub(super) fn known(&self) -> Known {
        match self.kind.get().unwrap_or_default() {
            "text" => Known::Text,
            "thinking" => Known::Thinking,
            "tool_use" => Known::ToolUse,
            "server_tool_use" | "mcp_tool_use" => Known::ServerToolUse,
            kind if kind.ends_with("_tool_result") => Known::ServerToolResult,
            _ => Known::Other,
        }
    }

    /// The call of a tool, without its arguments.
    pub(super) fn call(&self) -> ToolCall {
        ToolCall {
            id: self.id.get().map(str::to_owned),
            name: self.name.get().unwrap_or_default().to_owned(),
            server: self.server_name.get().map(str::to_owned),
            ..ToolCall::default()
        }
    }

    /// The arguments as they were sent; `{}` when none were.
    pub(super) fn arguments(&self) -> &str {
        self.input.map_or("{}", RawValue::get)
    }

    fn cache_point(&self) -> Option<Part> {
        let control = self.cache_control.0.as_ref()?;
        let hour = control.ttl.get() == Some("1h");
        Some(Part::CachePoint(if hour { CacheLifetime::OneHour } else { CacheLifetime::Default }))
    }

    fn result(&self) -> ToolResult {
        let mut result = ToolResult {
            call_id: self.tool_use_id.get().map(str::to_owned),
            is_error: self.is_error.as_ref().and_then(Value::as_bool).unwrap_or_default(),
            ..ToolResult::default()
        };
        if let Some(content) = self.content {
            read_result(content, &mut result);
        }
        result
    }

    fn media(&self) -> Option<Media> {
        let modality = match self.kind.get()? {
            "image" => Modality::Image,
            "document" => Modality::Document,
            _ => return None,
        };
        let source = self.source.0.as_ref()?;
        let mut mime_type = source.media_type.get();
        let kept = match source.kind.get()? {
            "base64" => MediaSource::Base64(source.data.get()?.to_owned()),
            // The record holds bytes, of text too.
            "text" => {
                mime_type = mime_type.or(Some("text/plain"));
                MediaSource::Base64(STANDARD.encode(source.data.get()?))
            }
            "url" => MediaSource::Uri(source.url.get()?.to_owned()),
            "file" => MediaSource::FileId(source.file_id.get()?.to_owned()),
            _ => return None,
        };
        Some(Media { modality, mime_type: mime_type.map(str::to_owned), source: kept })
    }
}

/// The block in `raw`; `None` if it is no object.
pub(super) fn parse<'a>(raw: &'a RawValue) -> Option<Block<'a>> {
    serde_json::from_str::<Object<Block<'a>>>(raw.get()).ok()?.0
}

/// Reads one block into its part and what hangs on it: signature, citations, cache point.
pub(super) fn read(raw: &RawValue, parts: &mut Vec<Part>) {
    let Some(block) = parse(raw) else {
        // A bare text is no block, but what it says is plain.
        match value(raw) {
            Value::String(text) => parts.push(Part::Text(text)),
            value => parts.push(Part::Other { kind: String::new(), value }),
        }
        return;
    };
    let owned = |text: &Text<'_>| text.get().unwrap_or_default().to_owned();
    match block.known() {
        Known::Text => {
            parts.push(Part::Text(owned(&block.text)));
            let citations =
                block.citations.and_then(|raw| serde_json::from_str::<Vec<Value>>(raw.get()).ok());
            parts.extend(citations.filter(|all| !all.is_empty()).map(Part::Citations));
        }
        Known::Thinking => {
            parts.push(Part::Reasoning(owned(&block.thinking)));
            parts.extend(block.signature.get().map(|proof| Part::Signature(proof.to_owned())));
        }
        Known::ToolUse => {
            parts.push(Part::ToolCall(ToolCall { arguments: block.arguments().to_owned(), ..block.call() }));
        }
        Known::ServerToolUse => parts
            .push(Part::ServerToolCall(ToolCall { arguments: block.arguments().to_owned(), ..block.call() })),
        Known::ServerToolResult => parts.push(Part::ServerToolResult(ServerToolResult {
            call_id: block.tool_use_id.get().map(str::to_owned),
            kind: owned(&block.kind),
            value: uncached(raw),
        })),
        Known::Other if block.kind.get() == Some("tool_result") => {
            parts.push(Part::ToolResult(block.result()));
        }
        Known::Other => parts.push(match block.media() {
            Some(media) => Part::Media(media),
            None => Part::Other { kind: owned(&block.kind), value: uncached(raw) },
        }),
    }
    parts.extend(block.cache_point());
}

/// The blocks of a list, or a text that stands for one; `None` if `raw` is neither.
pub(super) fn read_all(raw: &RawValue) -> Option<Vec<Part>> {
    if raw.get().starts_with('"') {
        return serde_json::from_str(raw.get()).ok().map(|text| vec![Part::Text(text)]);
    }
    let blocks: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    let mut parts = Vec::with_capacity(blocks.len());
    for block in blocks {
        read(block, &mut parts);
    }
    Some(parts)
}

/// What a tool answered: its texts, and its images and documents. Anything else in a list, such as a
/// reference to a tool, makes the text the list as it was sent.
fn read_result(content: &RawValue, result: &mut ToolResult) {
    match content.get() {
        "null" => return,
        text if text.starts_with('"') => {
            result.content = serde_json::from_str(text).unwrap_or_default();
            return;
        }
        _ => {}
    }
    let blocks: Vec<&RawValue> = serde_json::from_str(content.get()).unwrap_or_default();
    let mut understood = !blocks.is_empty() || content.get().starts_with('[');
    for block in blocks.into_iter().map(parse) {
        let block = block.unwrap_or_default();
        match (block.known(), block.media()) {
            (Known::Text, _) => result.content.push_str(block.text.get().unwrap_or_default()),
            (_, Some(media)) => result.media.push(media),
            _ => understood = false,
        }
    }
    if !understood {
        result.media.clear();
        content.get().clone_into(&mut result.content);
    }
}

pub(super) fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// A block as it was sent, save its cache point, which is a part of its own.
fn uncached(raw: &RawValue) -> Value {
    let mut value = value(raw);
    if let Some(object) = value.as_object_mut() {
        if object.get("cache_control").is_some_and(Value::is_object) {
            object.remove("cache_control");
        }
    }
    value
}
