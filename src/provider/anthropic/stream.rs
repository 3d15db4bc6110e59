//! A stream, read event by event.

use super::block::{self, Known};
use super::error::read_stream_error;
use super::response::{Sent, Stop, StopDetails};
use super::usage;
use crate::provider::lenient::{Count, Object, Text};
use crate::provider::{
    Delta, Limits, pick,
    text::{keep, set},
};
use crate::record::{ErrorInfo, Part, Response, Role, StreamEnd};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// Reads the events of a stream.
///
/// Each block of content is a part of its own, as in an answer that came in one piece, and what hangs
/// on it (a signature, citations) is one more. The counts that the end of the stream brings take the
/// place of those at its beginning.
#[derive(Debug)]
pub struct StreamReader {
    response: Response,
    blocks: Vec<Place>,
    /// How many calls of the program's tools began.
    calls: u32,
    /// How many bytes of content may still be kept.
    room: usize,
    error: Option<ErrorInfo>,
    unreadable: u64,
}

/// Where a block is among the parts of the message.
#[derive(Debug)]
struct Place {
    /// The index on the wire.
    wire: Option<u64>,
    part: usize,
    /// Of a call of the program's tool: its place among them.
    call: Option<u32>,
    arguments: Arguments,
}

/// How the arguments of a call come.
#[derive(Debug, PartialEq, Eq)]
enum Arguments {
    None,
    Pieces,
    /// With the block's first event, as some gateways send them.
    Whole,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
    #[serde(default)]
    index: Count,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Object<Piece<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// More of a block, or of the message.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Piece<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    partial_json: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    signature: Text<'a>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
    /// Of a compaction.
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    #[serde(borrow)]
    stop_sequence: Text<'a>,
    #[serde(borrow)]
    stop_details: Object<StopDetails<'a>>,
}

/// The most blocks of an answer that are kept.
const MOST_BLOCKS: usize = 4096;

impl StreamReader {
    /// A reader that keeps this much.
    pub fn new(limits: Limits) -> Self {
        let response = Response { stream: Some(StreamEnd::default()), ..Response::default() };
        Self {
            response,
            blocks: Vec::new(),
            calls: 0,
            room: limits.max_text_bytes,
            error: None,
            unreadable: 0,
        }
    }

    /// Reads one event. Every event counts, those that say nothing or cannot be read too.
    pub fn event(&mut self, name: Option<&str>, data: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) {
        let end = self.response.stream.get_or_insert_default();
        end.events = end.events.saturating_add(1);
        let text = std::str::from_utf8(data).ok().filter(|_| pick::is_object(data));
        let Some(event) = text.and_then(|text| serde_json::from_str::<Event<'_>>(text).ok()) else {
            if name == Some("error") {
                let told = String::from_utf8_lossy(data);
                self.fail(&Value::from(told.trim()));
            } else {
                self.unreadable = self.unreadable.saturating_add(1);
            }
            return;
        };
        match event.kind.get().or(name).unwrap_or_default() {
            "message_start" => self.begin(&event, on_delta),
            "content_block_start" => self.begin_block(&event, on_delta),
            "content_block_delta" => self.more_of_block(&event, on_delta),
            "content_block_stop" => self.end_block(event.index.0, on_delta),
            "message_delta" => self.more_of_message(&event, on_delta),
            "message_stop" => end.terminal_event = Some("message_stop".to_owned()),
            "error" => self.fail(&serde_json::from_slice(data).unwrap_or_default()),
            // `ping`, and what the API may send one day.
            _ => {}
        }
    }

    fn fail(&mut self, event: &Value) {
        self.error.get_or_insert_with(|| read_stream_error(event));
    }

    fn begin(&mut self, event: &Event<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let message = event.message.and_then(|raw| serde_json::from_str::<Object<Sent<'_>>>(raw.get()).ok());
        let Some(message) = message.and_then(|message| message.0) else {
            return;
        };
        set(&mut self.response.id, message.id.get());
        set(&mut self.response.model, message.model.get());
        let choice = self.response.choice_mut(0);
        if let Some(role) = message.role.get() {
            choice.message.role = Role::from(role);
        }
        self.stop(&message.stop(), on_delta);
        self.usage(message.usage, on_delta);
    }

    fn more_of_message(&mut self, event: &Event<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        if let Some(piece) = &event.delta.0 {
            let (reason, sequence) = (&piece.stop_reason, &piece.stop_sequence);
            self.stop(&Stop { reason, sequence, details: &piece.stop_details }, on_delta);
        }
        self.usage(event.usage, on_delta);
    }

    fn stop(&mut self, stop: &Stop<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let choice = self.response.choice_mut(0);
        if stop.tell(choice) {
            if let Some(reason) = &choice.finish_reason {
                on_delta(Delta::Finished { choice: 0, reason });
            }
        }
    }

    fn usage(&mut self, sent: Option<&RawValue>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let Some(sent) = sent.filter(|sent| pick::is_object(sent.get().as_bytes())) else {
            return;
        };
        let whole = self.response.usage.raw.as_ref().and_then(|before| usage::revise(before, sent));
        if let Some((usage, tier)) = usage::read(whole.as_deref().unwrap_or(sent)) {
            self.response.usage = usage;
            self.response.service_tier = tier.or(self.response.service_tier.take());
            on_delta(Delta::Usage(&self.response.usage));
        }
    }

    fn begin_block(&mut self, event: &Event<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let Some((raw, block)) = event.content_block.and_then(|raw| Some((raw, block::parse(raw)?))) else {
            return;
        };
        let kind = block.kind.get().unwrap_or_default();
        let mut call = None;
        let part = match block.known() {
            Known::Text => Part::Text(String::new()),
            Known::Thinking => Part::Reasoning(String::new()),
            Known::ToolUse => {
                let index = *call.insert(self.calls);
                self.calls = self.calls.saturating_add(1);
                let (id, name) = (block.id.get(), block.name.get().unwrap_or_default());
                on_delta(Delta::ToolCallStart { choice: 0, index, id, name });
                Part::ToolCall(block.call())
            }
            Known::ServerToolUse => Part::ServerToolCall(block.call()),
            Known::ServerToolResult | Known::Other => {
                let part = Some(raw).filter(|raw| self.fits(raw)).and_then(first_part);
                part.unwrap_or_else(|| Part::Other { kind: kind.to_owned(), value: Value::Null })
            }
        };
        let at = self.push_block(event.index.0, kind, part, call);
        // All of these are empty as a rule, and come piece by piece.
        self.say(at, "text_delta", block.text.get(), on_delta);
        self.say(at, "thinking_delta", block.thinking.get(), on_delta);
        self.say(at, "signature_delta", block.signature.get(), on_delta);
        let citations =
            block.citations.and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok());
        citations.into_iter().flatten().for_each(|citation| self.cite(at, citation));
        if !is_empty_object(block.arguments()) {
            self.say(at, "input_json_delta", Some(block.arguments()), on_delta);
            if let Some(place) = self.blocks.get_mut(at) {
                place.arguments = Arguments::Whole;
            }
        }
    }

    fn push_block(&mut self, wire: Option<u64>, kind: &str, part: Part, call: Option<u32>) -> usize {
        // Beyond any answer: what comes now has no place.
        if self.blocks.len() >= MOST_BLOCKS {
            return self.blocks.len();
        }
        self.response.output_item_types.push(kind.to_owned());
        let parts = &mut self.response.choice_mut(0).message.parts;
        self.blocks.push(Place { wire, part: parts.len(), call, arguments: Arguments::None });
        parts.push(part);
        self.blocks.len().saturating_sub(1)
    }

    /// The block with this index that began last.
    fn place(&self, wire: Option<u64>) -> Option<usize> {
        self.blocks.iter().rposition(|place| place.wire == wire)
    }

    fn more_of_block(&mut self, event: &Event<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let Some(piece) = &event.delta.0 else {
            return;
        };
        let kind = piece.kind.get().unwrap_or_default();
        let at = match (self.place(event.index.0), kind) {
            (Some(at), _) => at,
            // The event with which it began was lost, but what it is, is plain.
            (None, "text_delta") => self.push_block(event.index.0, "text", Part::Text(String::new()), None),
            (None, "thinking_delta") => {
                self.push_block(event.index.0, "thinking", Part::Reasoning(String::new()), None)
            }
            (None, _) => return,
        };
        let text = match kind {
            "text_delta" => &piece.text,
            "thinking_delta" => &piece.thinking,
            "signature_delta" => &piece.signature,
            "input_json_delta" => &piece.partial_json,
            "compaction_delta" => &piece.content,
            _ => {
                if let Some(citation) = piece.citation {
                    self.cite(at, citation);
                }
                return;
            }
        };
        self.say(at, kind, text.get(), on_delta);
    }

    /// A call without arguments brings none, or an empty piece.
    fn end_block(&mut self, wire: Option<u64>, on_delta: &mut impl FnMut(Delta<'_>)) {
        if let Some(at) = self.place(wire) {
            let none = self.blocks.get(at).is_some_and(|place| place.arguments == Arguments::None);
            self.say(at, "input_json_delta", Some("{}").filter(|_| none), on_delta);
        }
    }

    /// Appends to a block what is of its kind.
    fn say(&mut self, at: usize, kind: &str, text: Option<&str>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let (Some(place), Some(text)) = (self.blocks.get_mut(at), text) else {
            return;
        };
        let room = &mut self.room;
        let parts = &mut self.response.choice_mut(0).message.parts;
        match (kind, parts.get_mut(place.part)) {
            ("text_delta", Some(Part::Text(kept))) => {
                keep(kept, text, room);
                on_delta(Delta::Text { choice: 0, text });
            }
            ("thinking_delta", Some(Part::Reasoning(kept))) => {
                keep(kept, text, room);
                on_delta(Delta::Reasoning { choice: 0, text });
            }
            ("signature_delta", Some(Part::Reasoning(_))) => {
                if let Some(Part::Signature(kept)) = beside(parts, place, || Part::Signature(String::new())) {
                    keep(kept, text, room);
                }
            }
            ("input_json_delta", Some(Part::ToolCall(call) | Part::ServerToolCall(call)))
                if place.arguments != Arguments::Whole =>
            {
                place.arguments = Arguments::Pieces;
                keep(&mut call.arguments, text, room);
                if let Some(index) = place.call {
                    on_delta(Delta::ToolCallArguments { choice: 0, index, fragment: text });
                }
            }
            ("compaction_delta", Some(Part::Other { value: Value::Object(block), .. })) => {
                match block.get_mut("content") {
                    Some(Value::String(kept)) => keep(kept, text, room),
                    _ => {
                        let mut kept = String::new();
                        keep(&mut kept, text, room);
                        block.insert("content".to_owned(), Value::String(kept));
                    }
                }
            }
            _ => {}
        }
    }

    fn cite(&mut self, at: usize, citation: &RawValue) {
        if !self.fits(citation) {
            return;
        }
        let Some(place) = self.blocks.get(at) else {
            return;
        };
        let parts = &mut self.response.choice_mut(0).message.parts;
        if let Some(Part::Text(_)) = parts.get(place.part) {
            if let Some(Part::Citations(all)) = beside(parts, place, || Part::Citations(Vec::new())) {
                all.push(block::value(citation));
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

    /// For what a server says of the answer around these events.
    pub(in crate::provider) fn response_mut(&mut self) -> &mut Response {
        &mut self.response
    }

    /// The error that the stream told of, if it did.
    pub fn error(&self) -> Option<&ErrorInfo> {
        self.error.as_ref()
    }

    /// Whether `message_stop` came, or the reason why the model stopped.
    pub fn is_complete(&self) -> bool {
        let stopped = self.response.choices.iter().any(|choice| choice.finish_reason.is_some());
        stopped || self.response.stream.as_ref().is_some_and(|end| end.terminal_event.is_some())
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

/// The part that hangs on a block's own and stands right after it, made if nothing does.
fn beside<'a>(parts: &'a mut Vec<Part>, place: &Place, make: fn() -> Part) -> Option<&'a mut Part> {
    let next = place.part.saturating_add(1);
    if next == parts.len() {
        parts.push(make());
    }
    parts.get_mut(next)
}

fn first_part(raw: &RawValue) -> Option<Part> {
    let mut parts = Vec::with_capacity(1);
    block::read(raw, &mut parts);
    parts.into_iter().next()
}

/// Whether these arguments are only a place for those to come.
fn is_empty_object(json: &str) -> bool {
    json.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(|rest| rest.trim().is_empty())
}
