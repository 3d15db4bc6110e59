//! A stream, read event by event.

use super::{
    block::{self, ToolUse, object},
    event::{Event, Reasoning},
    response::finish_reason,
    usage,
};
use crate::provider::{Delta, Limits, bedrock::error::read_exception, lenient::Text, pick, text::keep};
use crate::record::{ErrorInfo, Part, Response, Role, ServerToolResult, StreamEnd};
use crate::wire::events::EXCEPTION;
use serde_json::{Value, json, value::RawValue};

/// The most blocks that are kept: no answer has so many, whatever its indexes say.
const MOST_BLOCKS: usize = 4096;

/// The part of a block that is not kept.
const NOWHERE: usize = usize::MAX;

/// Reads the events of a stream.
///
/// Each block of content is a part of its own, as in an answer that came in one piece, and what hangs on
/// it (a signature, citations) is one more. What was used comes after the message's end.
#[derive(Debug)]
pub struct StreamReader {
    response: Response,
    blocks: Vec<Place>,
    /// How many calls of the program's tools began.
    calls: u32,
    /// How many bytes of content may still be kept.
    room: usize,
    /// Whether `messageStop` came.
    stopped: bool,
    error: Option<ErrorInfo>,
    unreadable: u64,
}

/// Where a block is among the parts of the message.
#[derive(Debug)]
struct Place {
    /// The index on the wire, which may have gaps: only a name.
    wire: Option<u64>,
    part: usize,
    /// Of a call of the program's tool: its place among them.
    call: Option<u32>,
    /// Whether a piece of its arguments came.
    has_arguments: bool,
}

impl StreamReader {
    /// A reader that keeps this much.
    pub fn new(limits: Limits) -> Self {
        let response = Response { stream: Some(StreamEnd::default()), ..Response::default() };
        Self {
            response,
            blocks: Vec::new(),
            calls: 0,
            room: limits.max_text_bytes,
            stopped: false,
            error: None,
            unreadable: 0,
        }
    }

    /// Reads one event. Every event counts, those that say nothing or cannot be read too.
    pub fn event(&mut self, name: Option<&str>, data: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) {
        let end = self.response.stream.get_or_insert_default();
        end.events = end.events.saturating_add(1);
        let name = name.unwrap_or_default();
        if let Some(exception) = name.strip_prefix(EXCEPTION) {
            self.error.get_or_insert_with(|| read_exception(exception, data));
            return;
        }
        let text = std::str::from_utf8(data).ok().filter(|_| pick::is_object(data));
        let Some(event) = text.and_then(|text| serde_json::from_str::<Event<'_>>(text).ok()) else {
            self.unreadable = self.unreadable.saturating_add(1);
            return;
        };
        match name {
            "messageStart" => {
                let message = &mut self.response.choice_mut(0).message;
                if let Some(role) = event.role.get() {
                    message.role = Role::from(role);
                }
            }
            "contentBlockStart" => self.begin_block(&event, on_delta),
            "contentBlockDelta" => self.more_of_block(&event, on_delta),
            "contentBlockStop" => self.end_block(event.content_block_index.0, on_delta),
            "messageStop" => {
                self.stopped = true;
                self.stop(event.stop_reason.get(), on_delta);
            }
            // The last of all: the usage comes after the end of the message.
            "metadata" => {
                end.terminal_event = Some(name.to_owned());
                self.metadata(&event, on_delta);
            }
            // What the API may send one day.
            _ => {}
        }
    }

    fn stop(&mut self, word: Option<&str>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let choice = self.response.choice_mut(0);
        let Some(word) = word.filter(|word| choice.raw_finish_reason.as_deref() != Some(word)) else {
            return;
        };
        choice.raw_finish_reason = Some(word.to_owned());
        on_delta(Delta::Finished { choice: 0, reason: choice.finish_reason.insert(finish_reason(word)) });
    }

    fn metadata(&mut self, event: &Event<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        if let Some(usage) = event.usage.and_then(usage::read) {
            self.response.usage = usage;
            on_delta(Delta::Usage(&self.response.usage));
        }
        let latency = event.metrics.0.as_ref().and_then(|metrics| metrics.latency_ms.0);
        self.response.latency_ms = latency.or(self.response.latency_ms);
        if let Some(tier) = event.service_tier.0.as_ref().and_then(|tier| tier.kind.get()) {
            self.response.service_tier = Some(tier.to_owned());
        }
    }

    fn begin_block(&mut self, event: &Event<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let wire = event.content_block_index.0;
        let Some((raw, (kind, inner))) = event.start.and_then(|raw| Some((raw, block::only_field(raw)?)))
        else {
            return;
        };
        match kind.as_str() {
            "toolUse" => {
                let Some(tool) = object::<ToolUse<'_>>(inner) else {
                    return;
                };
                if tool.is_of_server() {
                    self.push(wire, &kind, Part::ServerToolCall(tool.call()));
                    return;
                }
                let index = self.calls;
                self.calls = self.calls.saturating_add(1);
                on_delta(Delta::ToolCallStart { choice: 0, index, id: tool.id(), name: tool.name() });
                if let Some(place) = self.push(wire, &kind, Part::ToolCall(tool.call())) {
                    place.call = Some(index);
                }
            }
            "toolResult" => {
                let fits = self.fits(inner);
                match block::server_result(inner) {
                    Some(result) if fits => {
                        self.push(wire, "", Part::ServerToolResult(result));
                    }
                    Some(_) => self.pass_over(wire),
                    None => {}
                }
            }
            // These begin with their first piece.
            "text" | REASONING | "citationsContent" => {}
            _ => {
                let value = if self.fits(raw) { block::value(raw) } else { Value::Null };
                self.push(wire, &kind, Part::Other { kind: kind.clone(), value });
            }
        }
    }

    /// Begins a block; `None` if there are too many. A stream's kinds are those of what the model wrote: what
    /// a tool brought has none.
    fn push(&mut self, wire: Option<u64>, kind: &str, part: Part) -> Option<&mut Place> {
        if self.blocks.len() >= MOST_BLOCKS {
            return None;
        }
        if !kind.is_empty() {
            self.response.output_item_types.push(kind.to_owned());
        }
        let parts = &mut self.response.choice_mut(0).message.parts;
        self.blocks.push(Place { wire, part: parts.len(), call: None, has_arguments: false });
        parts.push(part);
        self.blocks.last_mut()
    }

    /// Begins a block of which nothing is kept: what follows must not go to an earlier one with its index.
    fn pass_over(&mut self, wire: Option<u64>) {
        let last = self.blocks.iter().rfind(|place| place.wire == wire);
        if last.is_none_or(|place| place.part != NOWHERE) && self.blocks.len() < MOST_BLOCKS {
            self.blocks.push(Place { wire, part: NOWHERE, call: None, has_arguments: false });
        }
    }

    /// The block with this index that began last, if its part is such a one.
    fn place(&mut self, wire: Option<u64>, is_one: fn(&Part) -> bool) -> Option<&mut Place> {
        let place = self.blocks.iter_mut().rfind(|place| place.wire == wire)?;
        let part = self.response.choices.first()?.message.parts.get(place.part)?;
        Some(place).filter(|_| is_one(part))
    }

    /// Where the part of the block with this index is; only a call has a start, so that anything else
    /// begins with its first piece.
    fn place_or_begin(
        &mut self,
        wire: Option<u64>,
        is_one: fn(&Part) -> bool,
        (kind, part): (&str, Part),
    ) -> Option<usize> {
        if let Some(place) = self.place(wire, is_one) {
            return Some(place.part);
        }
        self.push(wire, kind, part).map(|place| place.part)
    }

    fn more_of_block(&mut self, event: &Event<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let wire = event.content_block_index.0;
        let Some(piece) = &event.delta.0 else {
            return;
        };
        if let Some(text) = &piece.text {
            self.say(wire, text.get(), on_delta);
        }
        if let Some(reasoning) = &piece.reasoning_content.0 {
            self.reason(wire, reasoning, on_delta);
        }
        if let Some(input) = piece.tool_use.0.as_ref().and_then(|tool| tool.input.get()) {
            self.argue(wire, input, on_delta);
        }
        if let Some(citation) = piece.citation {
            self.cite(wire, citation);
        }
        if let Some(found) = piece.tool_result {
            self.find(wire, found);
        }
    }

    fn say(&mut self, wire: Option<u64>, text: Option<&str>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let begun = ("text", Part::Text(String::new()));
        let at = self.place_or_begin(wire, |part| matches!(part, Part::Text(_)), begun);
        let Some(text) = text else {
            return;
        };
        if let Some(Part::Text(kept)) =
            at.and_then(|at| self.response.choice_mut(0).message.parts.get_mut(at))
        {
            keep(kept, text, &mut self.room);
        }
        on_delta(Delta::Text { choice: 0, text });
    }

    fn reason(&mut self, wire: Option<u64>, piece: &Reasoning<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        if let Some(redacted) = piece.redacted_content.get() {
            let rest = self.room.checked_sub(redacted.len());
            self.room = rest.unwrap_or(0);
            let value = rest.map(|_| json!({ REASONING: { "redactedContent": redacted } }));
            let part = Part::Other { kind: "redactedContent".to_owned(), value: value.unwrap_or_default() };
            self.push(wire, REASONING, part);
        }
        let (text, signature) = (piece.text.as_ref(), piece.signature.get());
        if text.is_none() && signature.is_none() {
            return;
        }
        let begun = (REASONING, Part::Reasoning(String::new()));
        let at = self.place_or_begin(wire, |part| matches!(part, Part::Reasoning(_)), begun);
        let text = text.and_then(Text::get);
        if let Some(at) = at {
            let (parts, room) = (&mut self.response.choice_mut(0).message.parts, &mut self.room);
            if let (Some(Part::Reasoning(kept)), Some(text)) = (parts.get_mut(at), text) {
                keep(kept, text, room);
            }
            if let Some(signature) = signature {
                if let Some(Part::Signature(kept)) = beside(parts, at, || Part::Signature(String::new())) {
                    keep(kept, signature, room);
                }
            }
        }
        if let Some(text) = text {
            on_delta(Delta::Reasoning { choice: 0, text });
        }
    }

    fn argue(&mut self, wire: Option<u64>, fragment: &str, on_delta: &mut impl FnMut(Delta<'_>)) {
        let is_call = |part: &Part| matches!(part, Part::ToolCall(_) | Part::ServerToolCall(_));
        let Some(place) = self.place(wire, is_call) else {
            return;
        };
        place.has_arguments = true;
        let (at, index) = (place.part, place.call);
        let parts = &mut self.response.choice_mut(0).message.parts;
        if let Some(Part::ToolCall(call) | Part::ServerToolCall(call)) = parts.get_mut(at) {
            keep(&mut call.arguments, fragment, &mut self.room);
        }
        if let Some(index) = index {
            on_delta(Delta::ToolCallArguments { choice: 0, index, fragment });
        }
    }

    /// A call without arguments brings none, or an empty piece.
    fn end_block(&mut self, wire: Option<u64>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let is_call = |part: &Part| matches!(part, Part::ToolCall(_) | Part::ServerToolCall(_));
        if self.place(wire, is_call).is_some_and(|place| !place.has_arguments) {
            self.argue(wire, "{}", on_delta);
        }
    }

    /// Sources of the text of this block, or of the text before it in a block of their own.
    fn cite(&mut self, wire: Option<u64>, citation: &RawValue) {
        let begun = ("citations", Part::Citations(Vec::new()));
        let is_one = |part: &Part| matches!(part, Part::Text(_) | Part::Citations(_));
        if !self.fits(citation) {
            if self.place(wire, is_one).is_none() {
                self.pass_over(wire);
            }
            return;
        }
        let Some(at) = self.place_or_begin(wire, is_one, begun) else {
            return;
        };
        let parts = &mut self.response.choice_mut(0).message.parts;
        let all = match parts.get(at) {
            Some(Part::Citations(_)) => parts.get_mut(at),
            _ => beside(parts, at, || Part::Citations(Vec::new())),
        };
        if let Some(Part::Citations(all)) = all {
            all.push(block::value(citation));
        }
    }

    /// More of what came of a server's tool.
    fn find(&mut self, wire: Option<u64>, found: &RawValue) {
        if !self.fits(found) {
            return;
        }
        let Some(place) = self.place(wire, |part| matches!(part, Part::ServerToolResult(_))) else {
            return;
        };
        let at = place.part;
        let part = self.response.choice_mut(0).message.parts.get_mut(at);
        let Some(Part::ServerToolResult(ServerToolResult { value, .. })) = part else {
            return;
        };
        let result = value.get_mut("toolResult").and_then(Value::as_object_mut);
        if let (Some(result), Value::Array(mut more)) = (result, block::value(found)) {
            match result.get_mut("content") {
                Some(Value::Array(content)) => content.append(&mut more),
                _ => {
                    result.insert("content".to_owned(), Value::Array(more));
                }
            }
        }
    }

    /// Whether there is room for something that is kept whole or not at all.
    fn fits(&mut self, raw: &RawValue) -> bool {
        let rest = self.room.checked_sub(raw.get().len());
        self.room = rest.unwrap_or(0);
        rest.is_some()
    }

    /// The answer so far.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The error that the stream told of, if it did.
    pub fn error(&self) -> Option<&ErrorInfo> {
        self.error.as_ref()
    }

    /// Whether `messageStop` came.
    pub fn is_complete(&self) -> bool {
        self.stopped
    }

    /// How many events could not be read.
    pub fn unreadable_events(&self) -> u64 {
        self.unreadable
    }

    /// The answer as far as it came, and the error that the stream told of.
    pub fn finish(self) -> (Response, Option<ErrorInfo>) {
        (self.response, self.error)
    }
}

const REASONING: &str = "reasoningContent";

/// The part that hangs on the one at this place and stands right after it, made if nothing does.
fn beside(parts: &mut Vec<Part>, at: usize, make: fn() -> Part) -> Option<&mut Part> {
    let next = at.saturating_add(1);
    if next == parts.len() {
        parts.push(make());
    }
    parts.get_mut(next)
}
