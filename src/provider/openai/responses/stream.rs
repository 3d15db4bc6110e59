//! The events of a streamed response.

use super::{
    event::{Event, Place},
    json::{self, Budget},
    response::{Body, Content, Item, ItemClass, finish_reason},
};
use crate::{
    provider::{Delta, Limits},
    record::{ErrorInfo, Part, Response, ResponseStatus, StreamEnd, ToolCall},
};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Reads the events of a streamed response.
#[derive(Debug)]
pub struct StreamReader {
    response: Response,
    end: Progress,
    error: Option<ErrorInfo>,
    unreadable: u64,
    max_text_bytes: usize,
    budget: Budget,
    /// Where each part of the message stands in the response; sorted, one for each part.
    slots: Vec<Slot>,
    /// The places of the output items, in the order of `output_item_types`.
    items: Vec<u64>,
    /// The places of those that are done; sorted.
    done: Vec<u64>,
    tool_calls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Running,
    Ended,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    place: Place,
    /// Whether text came in pieces, so that the text as a whole brings nothing new.
    in_pieces: bool,
    /// Its place among the tool calls, if it is one.
    tool: u32,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
    Refusal,
}

fn as_index(place: u64) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The most parts of an answer that are kept.
const MOST_PARTS: usize = 4096;

impl StreamReader {
    /// A reader that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self {
            response: Response { stream: Some(StreamEnd::default()), ..Response::default() },
            end: Progress::Running,
            error: None,
            unreadable: 0,
            max_text_bytes: limits.max_text_bytes,
            budget: Budget::new(limits.max_text_bytes),
            slots: Vec::new(),
            items: Vec::new(),
            done: Vec::new(),
            tool_calls: 0,
        }
    }

    /// Reads one event. Its type stands in the data; `name` is asked when it does not.
    pub fn event(&mut self, name: Option<&str>, data: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) {
        let stream = self.response.stream.get_or_insert_default();
        stream.events = stream.events.saturating_add(1);
        if data.trim_ascii() == b"[DONE]" {
            stream.done = true;
            return;
        }
        let Some(event) = json::object::<Event<'_>>(data) else {
            self.unreadable = self.unreadable.saturating_add(1);
            return;
        };
        let Some(kind) = event.kind().or(name.map(Cow::Borrowed)) else {
            self.unreadable = self.unreadable.saturating_add(1);
            return;
        };
        if self.end == Progress::Ended {
            return;
        }
        match &*kind {
            "response.output_text.delta" => self.piece(Kind::Text, &event, event.delta, on_delta),
            "response.output_text.done" => self.whole(Kind::Text, &event, event.text, on_delta),
            "response.refusal.delta" => self.piece(Kind::Refusal, &event, event.delta, on_delta),
            "response.refusal.done" => self.whole(Kind::Refusal, &event, event.refusal, on_delta),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.piece(Kind::Reasoning, &event, event.delta, on_delta);
            }
            "response.reasoning_summary_text.done" | "response.reasoning_text.done" => {
                self.whole(Kind::Reasoning, &event, event.text, on_delta);
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                let fragment = json::text(event.delta).unwrap_or_default();
                self.arguments(event.item_place(), &fragment, false, on_delta);
            }
            "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
                let whole = json::text(event.arguments.or(event.input)).unwrap_or_default();
                self.arguments(event.item_place(), &whole, true, on_delta);
            }
            "response.output_item.added" => self.item(&event, false, on_delta),
            "response.output_item.done" => self.item(&event, true, on_delta),
            "response.created" | "response.in_progress" | "response.queued" => {
                self.body(&event).read_head(&mut self.response);
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                self.ended(&kind, &event, on_delta);
            }
            "error" => self.failed(event.failure(data)),
            _ => {}
        }
    }

    /// The response so far.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The error that the stream told of.
    pub fn error(&self) -> Option<&ErrorInfo> {
        self.error.as_ref()
    }

    /// Whether the event came that ends a response.
    pub fn is_complete(&self) -> bool {
        self.end == Progress::Ended
    }

    /// How many events could not be read.
    pub fn unreadable_events(&self) -> u64 {
        self.unreadable
    }

    /// The response as far as it came, and the error that the stream told of.
    pub fn finish(self) -> (Response, Option<ErrorInfo>) {
        (self.response, self.error)
    }

    /// The response object of an event; an empty one, and an event more that could not be read, if
    /// there is none.
    fn body<'a>(&mut self, event: &Event<'a>) -> Body<'a> {
        let parsed = event.response.and_then(|raw| json::object(raw.get().as_bytes()));
        if parsed.is_none() {
            self.unreadable = self.unreadable.saturating_add(1);
        }
        parsed.unwrap_or_default()
    }

    /// The event that ends the response, and the response as a whole.
    fn ended(&mut self, kind: &str, event: &Event<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        self.end = Progress::Ended;
        let body = self.body(event);
        let word = kind.strip_prefix("response.").unwrap_or(kind);
        self.response.status = Some(match word {
            "completed" => ResponseStatus::Completed,
            "incomplete" => ResponseStatus::Incomplete,
            "cancelled" => ResponseStatus::Cancelled,
            _ => ResponseStatus::Failed,
        });
        body.read_head(&mut self.response);
        // Some servers tell of items only now.
        for (at, raw) in (0..).zip(body.items().unwrap_or_default()) {
            self.item_done(at, raw, on_delta);
        }
        let mut whole = body.read(&mut Budget::new(self.max_text_bytes));
        self.response.usage = whole.usage;
        // A response that failed, and one of a server that keeps nothing, has no output although
        // some was streamed.
        if !whole.output_item_types.is_empty() {
            self.response.output_item_types = whole.output_item_types;
            self.response.choices = std::mem::take(&mut whole.choices);
        }
        let parts = self.response.choices.first().map(|choice| choice.message.parts.as_slice());
        let reason = finish_reason(&self.response, parts.unwrap_or_default());
        if reason.is_some() {
            self.response.choice_mut(0).finish_reason = reason;
        }
        self.response.stream.get_or_insert_default().terminal_event = Some(kind.to_owned());
        if kind == "response.failed" {
            self.failed(body.error());
        }
        if self.response.usage.raw.is_some() {
            on_delta(Delta::Usage(&self.response.usage));
        }
        if let Some(reason) = self.response.choices.first().and_then(|choice| choice.finish_reason.as_ref()) {
            on_delta(Delta::Finished { choice: 0, reason });
        }
    }

    /// Keeps the first error; a later one only adds what that left open, because the stream tells
    /// of one failure twice.
    fn failed(&mut self, error: ErrorInfo) {
        let Some(first) = &mut self.error else {
            self.error = Some(error);
            return;
        };
        first.code = first.code.take().or(error.code);
        first.provider_type = first.provider_type.take().or(error.provider_type);
        first.param = first.param.take().or(error.param);
    }

    /// An output item begins or is done.
    fn item(&mut self, event: &Event<'_>, done: bool, on_delta: &mut impl FnMut(Delta<'_>)) {
        let Some(raw) = event.item else { return };
        let item = Item::read(raw);
        let place = event.item_place();
        match self.items.binary_search(&place.item) {
            Ok(_) => {}
            Err(at) => {
                self.items.insert(at, place.item);
                self.response.output_item_types.insert(at, item.kind().into_owned());
            }
        }
        if !done {
            on_delta(Delta::ItemAdded { index: as_index(place.item), item: raw.get() });
        }
        self.item_parts(&item, raw, place, done, on_delta);
        if done {
            self.item_done(place.item, raw, on_delta);
        }
    }

    /// An item is done, unless that was told.
    fn item_done(&mut self, at: u64, raw: &RawValue, on_delta: &mut impl FnMut(Delta<'_>)) {
        if let Err(free) = self.done.binary_search(&at) {
            self.done.insert(free, at);
            on_delta(Delta::ItemDone { index: as_index(at), item: raw.get() });
        }
    }

    /// Takes the parts of an item.
    fn item_parts(
        &mut self,
        item: &Item<'_>,
        raw: &RawValue,
        place: Place,
        done: bool,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        match item.class() {
            ItemClass::Call => {
                self.call(place, item.call_head(), on_delta);
                if done {
                    self.arguments(place, &item.arguments(), true, on_delta);
                }
            }
            ItemClass::ServerCall => {
                let call = if done { item.server_call(&mut self.budget) } else { item.call_head() };
                self.set(place, Part::ServerToolCall(call));
            }
            _ if !done => {}
            ItemClass::Message => {
                for (part, raw) in (0..).zip(item.content()) {
                    let content = Content::read(raw);
                    let place = Place { in_content: true, part, ..place };
                    match (content.text(), content.refusal()) {
                        (Some(text), _) => self.text(Kind::Text, place, &text, true, on_delta),
                        (None, Some(refusal)) => self.text(Kind::Refusal, place, &refusal, true, on_delta),
                        (None, None) => {
                            let other = content.part(raw, &mut self.budget);
                            self.set(place, other);
                        }
                    }
                }
            }
            ItemClass::Reasoning => {
                for (in_content, texts) in [(false, item.summary()), (true, item.content())] {
                    for (part, raw) in (0..).zip(texts) {
                        let text = Content::read(raw).text().unwrap_or_default();
                        self.text(
                            Kind::Reasoning,
                            Place { in_content, part, ..place },
                            &text,
                            true,
                            on_delta,
                        );
                    }
                }
            }
            ItemClass::Other => {
                let other = self.budget.other(&item.kind(), raw);
                self.set(place, other);
            }
        }
    }

    /// A piece of text.
    fn piece(
        &mut self,
        kind: Kind,
        event: &Event<'_>,
        piece: Option<&RawValue>,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        let text = json::text(piece).unwrap_or_default();
        self.text(kind, event.part_place(), &text, false, on_delta);
    }

    /// A text as a whole, after its pieces as a rule.
    fn whole(
        &mut self,
        kind: Kind,
        event: &Event<'_>,
        whole: Option<&RawValue>,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        let text = json::text(whole).unwrap_or_default();
        self.text(kind, event.part_place(), &text, true, on_delta);
    }

    fn text(
        &mut self,
        kind: Kind,
        place: Place,
        text: &str,
        whole: bool,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        if text.is_empty() {
            return;
        }
        let at = self.slot(place, || match kind {
            Kind::Text => Part::Text(String::new()),
            Kind::Reasoning => Part::Reasoning(String::new()),
            Kind::Refusal => Part::Refusal(String::new()),
        });
        let Some(slot) = self.slots.get_mut(at) else { return };
        if whole && slot.in_pieces {
            return;
        }
        slot.in_pieces = true;
        let parts = self.response.choices.first_mut().map(|choice| &mut choice.message.parts);
        if let Some(Part::Text(kept) | Part::Reasoning(kept) | Part::Refusal(kept)) =
            parts.and_then(|parts| parts.get_mut(at))
        {
            self.budget.push(kept, text);
        }
        on_delta(match kind {
            Kind::Text => Delta::Text { choice: 0, text },
            Kind::Reasoning => Delta::Reasoning { choice: 0, text },
            Kind::Refusal => Delta::Refusal { choice: 0, text },
        });
    }

    /// A call that the program answers begins, or tells of itself once more when it is done.
    fn call(&mut self, place: Place, head: ToolCall, on_delta: &mut impl FnMut(Delta<'_>)) {
        let known = self.slots.len();
        let at = self.slot(place, || Part::ToolCall(ToolCall::default()));
        let tool = self.slots.get(at).map_or(0, |slot| slot.tool);
        let parts = self.response.choices.first_mut().map(|choice| &mut choice.message.parts);
        let Some(Part::ToolCall(call)) = parts.and_then(|parts| parts.get_mut(at)) else { return };
        // Its arguments may have come before its name.
        let begins = known < self.slots.len() || call.name.is_empty();
        let old = std::mem::take(call);
        *call = ToolCall {
            id: head.id.or(old.id),
            item_id: head.item_id.or(old.item_id),
            name: if head.name.is_empty() { old.name } else { head.name },
            arguments: old.arguments,
            ..old
        };
        if begins {
            on_delta(Delta::ToolCallStart {
                choice: 0,
                index: tool,
                id: call.id.as_deref(),
                name: &call.name,
            });
        }
    }

    fn arguments(&mut self, place: Place, fragment: &str, whole: bool, on_delta: &mut impl FnMut(Delta<'_>)) {
        if fragment.is_empty() {
            return;
        }
        let at = self.slot(place, || Part::ToolCall(ToolCall::default()));
        let Some(slot) = self.slots.get_mut(at) else { return };
        if whole && slot.in_pieces {
            return;
        }
        slot.in_pieces = true;
        let index = slot.tool;
        let parts = self.response.choices.first_mut().map(|choice| &mut choice.message.parts);
        let Some(Part::ToolCall(call)) = parts.and_then(|parts| parts.get_mut(at)) else { return };
        self.budget.push(&mut call.arguments, fragment);
        on_delta(Delta::ToolCallArguments { choice: 0, index, fragment });
    }

    /// Puts this part in its place.
    fn set(&mut self, place: Place, part: Part) {
        let at = self.slot(place, || Part::Text(String::new()));
        let parts = &mut self.response.choice_mut(0).message.parts;
        if let Some(old) = parts.get_mut(at) {
            *old = part;
        }
    }

    /// Where the part of this place stands; made if it is not there.
    fn slot(&mut self, place: Place, new: impl FnOnce() -> Part) -> usize {
        if let Some(last) = self.slots.len().checked_sub(1) {
            if self.slots.get(last).is_some_and(|slot| slot.place == place) {
                return last;
            }
        }
        match self.slots.binary_search_by_key(&place, |slot| slot.place) {
            Ok(at) => at,
            // Beyond any answer: what comes now has no place.
            Err(_) if self.slots.len() >= MOST_PARTS => self.slots.len(),
            Err(at) => {
                let part = new();
                let tool = self.tool_calls;
                if matches!(part, Part::ToolCall(_)) {
                    self.tool_calls = self.tool_calls.saturating_add(1);
                }
                self.slots.insert(at, Slot { place, in_pieces: false, tool });
                let parts = &mut self.response.choice_mut(0).message.parts;
                parts.insert(at.min(parts.len()), part);
                at
            }
        }
    }
}
