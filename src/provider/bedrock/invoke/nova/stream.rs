//! A stream, read chunk by chunk.

use super::{block::ToolUse, read_usage};
use crate::provider::bedrock::invoke::answer::Answer;
use crate::provider::lenient::{Count, Object, Text};
use crate::provider::{Delta, text::keep};
use crate::record::{Part, Role};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The most blocks whose kinds and calls are kept: a model writes thousands, since almost every piece of its
/// text is a block of its own, so more of them are of a stream that means no good.
const MOST_BLOCKS: usize = 1 << 16;

/// The blocks that are open, by their index.
#[derive(Debug, Default)]
pub(in crate::provider::bedrock::invoke) struct Blocks {
    open: BTreeMap<u64, Block>,
    /// How many calls of the program's tools began.
    calls: u32,
}

#[derive(Clone, Copy, Debug)]
enum Block {
    /// Text or reasoning, which go to the end of the message.
    Said,
    Call {
        part: usize,
        /// Of a call of the program's tool: its place among them.
        index: Option<u32>,
        /// Whether arguments came.
        begun: bool,
    },
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    message_start: Object<Start<'a>>,
    #[serde(borrow)]
    content_block_start: Object<BlockStart<'a>>,
    #[serde(borrow)]
    content_block_delta: Object<BlockDelta<'a>>,
    content_block_stop: Object<BlockStop>,
    #[serde(borrow)]
    message_stop: Object<Stop<'a>>,
    #[serde(borrow)]
    metadata: Object<Metadata<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Start<'a> {
    #[serde(borrow)]
    role: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BlockStart<'a> {
    #[serde(borrow)]
    start: Object<Begun<'a>>,
    content_block_index: Count,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Begun<'a> {
    #[serde(borrow)]
    tool_use: Object<ToolUse<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BlockDelta<'a> {
    #[serde(borrow)]
    delta: Object<Piece<'a>>,
    content_block_index: Count,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Piece<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    tool_use: Object<Arguments<'a>>,
    #[serde(borrow)]
    reasoning_content: Object<Reasoning<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Arguments<'a> {
    #[serde(borrow)]
    input: Text<'a>,
}

/// Nova nests it as in a whole answer, `Converse` does not.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    signature: Text<'a>,
    #[serde(borrow)]
    reasoning_text: Object<ReasoningText<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReasoningText<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BlockStop {
    content_block_index: Count,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Stop<'a> {
    #[serde(borrow)]
    stop_reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

impl Blocks {
    /// Reads one chunk; whether it could be read.
    pub(in crate::provider::bedrock::invoke) fn read(
        &mut self,
        json: &str,
        answer: &mut Answer,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) -> bool {
        let Ok(event) = serde_json::from_str::<Event<'_>>(json) else {
            return false;
        };
        if let Some(start) = &event.message_start.0 {
            let message = &mut answer.response.choice_mut(0).message;
            message.role = start.role.get().map_or(Role::Assistant, Role::from);
        }
        if let Some(start) = &event.content_block_start.0 {
            let index = start.content_block_index.0.unwrap_or_default();
            if let Some(tool) = start.start.0.as_ref().and_then(|start| start.tool_use.0.as_ref()) {
                self.begin_call(index, tool, answer, on_delta);
            }
        }
        if let Some(delta) = &event.content_block_delta.0 {
            let index = delta.content_block_index.0.unwrap_or_default();
            if let Some(piece) = &delta.delta.0 {
                self.more(index, piece, answer, on_delta);
            }
        }
        if let Some(stop) = &event.content_block_stop.0 {
            self.end(stop.content_block_index.0.unwrap_or_default(), answer, on_delta);
        }
        if let Some(stop) = &event.message_stop.0 {
            answer.stop(0, stop.stop_reason.get(), on_delta);
        }
        if let Some(usage) = event.metadata.0.and_then(|metadata| read_usage(metadata.usage?)) {
            answer.response.usage = usage;
            on_delta(Delta::Usage(&answer.response.usage));
        }
        true
    }

    /// Opens a block of this kind, if there is room for one more.
    fn open(&mut self, index: u64, kind: &str, block: Block, answer: &mut Answer) -> bool {
        let kinds = &mut answer.response.output_item_types;
        let has_room = kinds.len() < MOST_BLOCKS;
        if has_room {
            kinds.push(kind.to_owned());
            self.open.insert(index, block);
        }
        has_room
    }

    fn begin_call(
        &mut self,
        at: u64,
        tool: &ToolUse<'_>,
        answer: &mut Answer,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        let (id, name) = (tool.id(), tool.name.get().unwrap_or_default());
        let index = (!tool.is_servers()).then_some(self.calls);
        if let Some(index) = index {
            self.calls = self.calls.saturating_add(1);
            on_delta(Delta::ToolCallStart { choice: 0, index, id, name });
        }
        let part = answer.response.choice_mut(0).message.parts.len();
        if self.open(at, "toolUse", Block::Call { part, index, begun: false }, answer) {
            let call = tool.call();
            let part = if tool.is_servers() { Part::ServerToolCall(call) } else { Part::ToolCall(call) };
            answer.response.choice_mut(0).message.parts.push(part);
        }
    }

    fn more(
        &mut self,
        at: u64,
        piece: &Piece<'_>,
        answer: &mut Answer,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        let is_open = self.open.contains_key(&at);
        if let Some(arguments) = &piece.tool_use.0 {
            self.arguments(at, arguments.input.get(), answer, on_delta);
        }
        if let Some(text) = &piece.text {
            if !is_open {
                self.open(at, "text", Block::Said, answer);
            }
            answer.say(0, text.get(), on_delta);
        }
        if let Some(reasoning) = &piece.reasoning_content.0 {
            if !is_open {
                self.open(at, "reasoningContent", Block::Said, answer);
            }
            let nested = reasoning.reasoning_text.0.as_ref().and_then(|nested| nested.text.get());
            if let Some(text) = reasoning.text.get().or(nested) {
                answer.reason(text, on_delta);
            }
            let room = &mut answer.room;
            if let Some(proof) = reasoning.signature.get().filter(|proof| proof.len() <= *room) {
                *room = room.saturating_sub(proof.len());
                answer.response.choice_mut(0).message.parts.push(Part::Signature(proof.to_owned()));
            }
        }
    }

    fn arguments(
        &mut self,
        at: u64,
        fragment: Option<&str>,
        answer: &mut Answer,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        let Some((Block::Call { part, index, begun }, fragment)) = self.open.get_mut(&at).zip(fragment)
        else {
            return;
        };
        *begun = true;
        let known = answer.response.choice_mut(0).message.parts.get_mut(*part);
        if let Some(Part::ToolCall(call) | Part::ServerToolCall(call)) = known {
            keep(&mut call.arguments, fragment, &mut answer.room);
        }
        if let Some(index) = *index {
            on_delta(Delta::ToolCallArguments { choice: 0, index, fragment });
        }
    }

    /// A call without arguments brings none.
    fn end(&mut self, at: u64, answer: &mut Answer, on_delta: &mut impl FnMut(Delta<'_>)) {
        if matches!(self.open.get(&at), Some(Block::Call { begun: false, .. })) {
            self.arguments(at, Some("{}"), answer, on_delta);
        }
        self.open.remove(&at);
    }
}
