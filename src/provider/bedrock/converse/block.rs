//! One block of content, of a request or of an answer, read.

use super::media;
use crate::provider::lenient::{Object, Text};
use crate::record::{CacheLifetime, Part, ServerToolResult, ToolCall, ToolResult};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;

/// Who says it: what came of a tool the model tells only of one that the service ran.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    Program,
    Model,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    #[serde(borrow)]
    tool_use_id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

impl ToolUse<'_> {
    pub(super) fn id(&self) -> Option<&str> {
        self.tool_use_id.get()
    }

    pub(super) fn name(&self) -> &str {
        self.name.get().unwrap_or_default()
    }

    /// Whether the service ran it.
    pub(super) fn is_of_server(&self) -> bool {
        self.kind.get() == Some(SERVER_TOOL)
    }

    /// The call, without its arguments.
    pub(super) fn call(&self) -> ToolCall {
        ToolCall { id: self.id().map(str::to_owned), name: self.name().to_owned(), ..ToolCall::default() }
    }
}

/// What a call is marked with that the service ran itself.
pub(super) const SERVER_TOOL: &str = "server_tool_use";

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    tool_use_id: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reasoning<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    signature: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cited<'a> {
    /// Of texts.
    #[serde(borrow)]
    content: Text<'a>,
    citations: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CachePoint<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    ttl: Text<'a>,
}

/// The name and the value of an object that has one field; a `null` is none.
pub(super) fn only_field(raw: &RawValue) -> Option<(String, &RawValue)> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
    let mut fields = fields.into_iter().filter(|(_, value)| value.get() != "null");
    fields.next().filter(|_| fields.next().is_none())
}

/// The object in `raw`; `None` if it is something else.
pub(super) fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str::<Object<T>>(raw.get()).ok()?.0
}

pub(super) fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// Reads one block into its part and what hangs on it, and gives its kind.
pub(super) fn read(raw: &RawValue, speaker: Speaker, parts: &mut Vec<Part>) -> String {
    let Some((kind, inner)) = only_field(raw) else {
        // A bare text is no block, but what it says is plain.
        parts.push(match value(raw) {
            Value::String(text) => Part::Text(text),
            value => Part::Other { kind: String::new(), value },
        });
        return String::new();
    };
    if read_known(&kind, inner, speaker, parts).is_none() {
        parts.push(match inner_kind(&kind, inner) {
            Some(kind) => Part::Other { kind, value: value(raw) },
            None => Part::Other { kind: kind.clone(), value: value(raw) },
        });
    }
    kind
}

/// What a kind of reasoning is called that is no text.
fn inner_kind(kind: &str, inner: &RawValue) -> Option<String> {
    (kind == "reasoningContent").then(|| only_field(inner)).flatten().map(|(kind, _)| kind)
}

/// `None` for what is not known, of which no part is made.
fn read_known(kind: &str, inner: &RawValue, speaker: Speaker, parts: &mut Vec<Part>) -> Option<()> {
    match kind {
        "text" => parts.push(Part::Text(serde_json::from_str(inner.get()).ok()?)),
        "toolUse" => {
            let sent = object::<ToolUse<'_>>(inner)?;
            let arguments = sent.input.map_or("{}", RawValue::get).to_owned();
            let call = ToolCall { arguments, ..sent.call() };
            parts.push(if sent.is_of_server() { Part::ServerToolCall(call) } else { Part::ToolCall(call) });
        }
        "toolResult" => {
            let sent = object::<Answer<'_>>(inner)?;
            parts.push(match speaker {
                Speaker::Program => Part::ToolResult(sent.read()),
                Speaker::Model => Part::ServerToolResult(sent.of_server(inner)),
            });
        }
        "reasoningContent" => {
            let (_, text) = only_field(inner).filter(|(kind, _)| kind == "reasoningText")?;
            let sent = object::<Reasoning<'_>>(text)?;
            parts.push(Part::Reasoning(sent.text.get().unwrap_or_default().to_owned()));
            parts.extend(sent.signature.get().map(|proof| Part::Signature(proof.to_owned())));
        }
        "citationsContent" => {
            let sent = object::<Cited<'_>>(inner)?;
            parts.extend(sent.content.get().map(|text| Part::Text(text.to_owned())));
            parts.extend(Some(sent.citations).filter(|all| !all.is_empty()).map(Part::Citations));
        }
        "cachePoint" => {
            let sent = object::<CachePoint<'_>>(inner).filter(|sent| sent.kind.get() == Some("default"))?;
            let hour = sent.ttl.get() == Some("1h");
            parts.push(Part::CachePoint(if hour { CacheLifetime::OneHour } else { CacheLifetime::Default }));
        }
        _ => parts.push(Part::Media(media::read(kind, inner)?)),
    }
    Some(())
}

/// The blocks of a list, or a text that stands for one; `None` if `raw` is neither.
pub(super) fn read_all(raw: &RawValue, speaker: Speaker) -> Option<Vec<Part>> {
    if raw.get().starts_with('"') {
        return serde_json::from_str(raw.get()).ok().map(|text| vec![Part::Text(text)]);
    }
    let blocks: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    let mut parts = Vec::with_capacity(blocks.len());
    for block in blocks {
        read(block, speaker, &mut parts);
    }
    Some(parts)
}

impl Answer<'_> {
    fn read(&self) -> ToolResult {
        let mut result = ToolResult {
            call_id: self.tool_use_id.get().map(str::to_owned),
            is_error: self.status.get() == Some("error"),
            ..ToolResult::default()
        };
        if let Some(content) = self.content {
            read_content(content, &mut result);
        }
        result
    }

    fn of_server(&self, inner: &RawValue) -> ServerToolResult {
        let mut whole = serde_json::Map::new();
        whole.insert(RESULT.to_owned(), value(inner));
        ServerToolResult {
            call_id: self.tool_use_id.get().map(str::to_owned),
            kind: self.kind.get().unwrap_or(RESULT).to_owned(),
            value: Value::Object(whole),
        }
    }
}

const RESULT: &str = "toolResult";

/// What came of a server's tool, of which a stream tells the content later.
pub(super) fn server_result(inner: &RawValue) -> Option<ServerToolResult> {
    object::<Answer<'_>>(inner).map(|sent| sent.of_server(inner))
}

/// What a tool answered: its texts, or one JSON value, and its media. Anything else makes the text the list
/// as it was sent.
fn read_content(content: &RawValue, result: &mut ToolResult) {
    let blocks: Vec<&RawValue> = serde_json::from_str(content.get()).unwrap_or_default();
    let mut understood = content.get().starts_with('[');
    let mut jsons = 0_usize;
    for block in blocks {
        match only_field(block) {
            Some((kind, inner)) if kind == "text" => match serde_json::from_str::<String>(inner.get()) {
                Ok(text) if jsons == 0 => result.content.push_str(&text),
                _ => understood = false,
            },
            Some((kind, inner)) if kind == "json" => {
                jsons = jsons.saturating_add(1);
                // Between other texts nobody could tell where it begins.
                understood &= jsons == 1 && result.content.is_empty();
                inner.get().clone_into(&mut result.content);
            }
            Some((kind, inner)) => match media::read(&kind, inner) {
                Some(media) => result.media.push(media),
                None => understood = false,
            },
            None => understood = false,
        }
    }
    if !understood {
        result.media.clear();
        content.get().clone_into(&mut result.content);
    }
}
