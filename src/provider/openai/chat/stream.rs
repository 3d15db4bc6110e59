//! A chat stream, read event by event.

use super::super::{read_stream_error, usage};
use super::chunk::{Audio, Chunk, FunctionPiece, Piece, Said, ToolPiece};
use super::response::finish_reason;
use crate::provider::lenient::{Few, Object};
use crate::provider::{
    pick,
    text::{keep, set},
};
use crate::{
    provider::{Delta, Limits},
    record::{Choice, ErrorInfo, Part, Response, StreamEnd, ToolCall},
};
use serde_json::{Value, value::RawValue};

/// Reads the events of a chat stream.
///
/// Generations and tool calls are told apart by their indexes; a tool call's id is no key, for two
/// generations may carry the same one. The answer is filled in place: its text, its reasoning and
/// its refusal are one part each, in the order in which they first came, and each tool call is one.
/// Of sound that the model speaks its words are kept, not its bytes.
#[derive(Debug)]
pub struct StreamReader {
    response: Response,
    /// One for each choice of the response, in the same order.
    places: Vec<Places>,
    /// How many bytes of text may still be kept.
    room: usize,
    error: Option<ErrorInfo>,
    unreadable: u64,
}

/// Where the parts of a choice are among its message's.
#[derive(Debug)]
struct Places {
    choice: u32,
    text: Option<usize>,
    reasoning: Option<usize>,
    refusal: Option<usize>,
    calls: Vec<CallPlace>,
}

#[derive(Clone, Copy, Debug)]
struct CallPlace {
    /// The index on the wire; a legacy call has none.
    wire: Option<u32>,
    part: usize,
    announced: bool,
    arguments: Nesting,
}

/// Whether JSON that comes in pieces has come to its end, told without what is kept of it.
#[derive(Clone, Copy, Debug, Default)]
struct Nesting {
    begun: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    fn read(&mut self, piece: &str) {
        for byte in piece.bytes() {
            self.begun |= !byte.is_ascii_whitespace();
            match byte {
                _ if std::mem::take(&mut self.escaped) => {}
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_whole(self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}

impl StreamReader {
    /// A reader that keeps this much.
    pub fn new(limits: Limits) -> Self {
        let response = Response { stream: Some(StreamEnd::default()), ..Response::default() };
        Self { response, places: Vec::new(), room: limits.max_text_bytes, error: None, unreadable: 0 }
    }

    /// Reads one event. Every event counts, `[DONE]` and unreadable ones too.
    pub fn event(&mut self, name: Option<&str>, data: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) {
        let end = self.response.stream.get_or_insert_default();
        end.events = end.events.saturating_add(1);
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            end.done = true;
            return;
        }
        let chunk =
            Some(data).filter(|data| pick::is_object(data)).and_then(|data| std::str::from_utf8(data).ok());
        let Some(chunk) = chunk.and_then(|data| serde_json::from_str::<Chunk<'_>>(data).ok()) else {
            if name == Some("error") {
                let told = String::from_utf8_lossy(data);
                self.fail(&Value::from(told.as_ref()));
            } else {
                self.unreadable = self.unreadable.saturating_add(1);
            }
            return;
        };
        self.chunk(&chunk, on_delta);
        let is_error = name == Some("error") || chunk.object.get() == Some("error");
        if is_error && chunk.error.is_none() {
            self.fail(&serde_json::from_slice(data).unwrap_or_default());
        }
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        // Azure's first chunk has an empty id and model: the first that says something holds.
        set(&mut self.response.id, chunk.id.get());
        set(&mut self.response.model, chunk.model.get());
        set(&mut self.response.service_tier, chunk.service_tier.get());
        set(&mut self.response.system_fingerprint, chunk.system_fingerprint.get());
        for piece in chunk.choices.iter() {
            self.piece(piece, on_delta);
        }
        let inner = || chunk.choices.iter().filter_map(|piece| piece.usage).last();
        if let Some(raw) = chunk.usage.or_else(inner) {
            self.usage(raw, on_delta);
        }
        if let Some(error) = chunk.error {
            self.fail(&serde_json::from_str(error.get()).unwrap_or_default());
        }
    }

    fn usage(&mut self, raw: &RawValue, on_delta: &mut impl FnMut(Delta<'_>)) {
        let usage = usage::read(raw);
        if usage.raw.is_some() {
            self.response.usage = usage;
            on_delta(Delta::Usage(&self.response.usage));
        }
    }

    fn fail(&mut self, error: &Value) {
        self.error.get_or_insert_with(|| read_stream_error(error));
    }

    fn piece(&mut self, piece: &Piece<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let index = piece.index.small().unwrap_or(0);
        let room = &mut self.room;
        let Some((choice, places)) = choice_at(&mut self.response.choices, &mut self.places, index) else {
            return;
        };
        let whole = piece
            .message
            .filter(|_| piece.delta.0.is_none())
            .map(read::<Object<Said<'_>>>)
            .unwrap_or_default();
        if let Some(said) = piece.delta.0.as_ref().or(whole.0.as_ref()) {
            Writer { choice, places, room }.said(said, on_delta);
        }
        if let Some(word) = piece.finish_reason.get() {
            if choice.raw_finish_reason.as_deref() != Some(word) {
                choice.raw_finish_reason = Some(word.to_owned());
                let reason = choice.finish_reason.insert(finish_reason(word));
                on_delta(Delta::Finished { choice: index, reason });
            }
        }
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

    /// Whether `[DONE]` came after a generation, or a finish reason of every generation that began.
    pub fn is_complete(&self) -> bool {
        let choices = &self.response.choices;
        let done = self.response.stream.as_ref().is_some_and(|end| end.done);
        !choices.is_empty() && (done || choices.iter().all(|choice| choice.finish_reason.is_some()))
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

/// The choice with this index and where its parts are, made if it is not there.
/// The most generations that are kept: OpenAI lets a request ask for 128.
const MOST_CHOICES: usize = 1024;
/// The most calls of tools of one generation that are kept.
const MOST_CALLS: usize = 4096;

fn choice_at<'a>(
    choices: &'a mut Vec<Choice>,
    places: &'a mut Vec<Places>,
    index: u32,
) -> Option<(&'a mut Choice, &'a mut Places)> {
    let at = match places.binary_search_by_key(&index, |places| places.choice) {
        Ok(at) => at,
        Err(_) if choices.len() >= MOST_CHOICES => return None,
        Err(at) => {
            let new = Places { choice: index, text: None, reasoning: None, refusal: None, calls: Vec::new() };
            places.insert(at, new);
            choices.insert(at.min(choices.len()), Choice::new(index));
            at
        }
    };
    Some((choices.get_mut(at)?, places.get_mut(at)?))
}

/// Writes what one chunk says into one choice.
struct Writer<'a> {
    choice: &'a mut Choice,
    places: &'a mut Places,
    room: &'a mut usize,
}

impl Writer<'_> {
    fn said(&mut self, said: &Said<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let choice = self.choice.index;
        let parts = &mut self.choice.message.parts;
        let places = &mut *self.places;
        let thinking = || Some(said.content.thinking.as_str()).filter(|text| !text.is_empty());
        if let Some(text) = said.reasoning_content.get().or_else(|| said.reasoning.get()).or_else(thinking) {
            append(parts, &mut places.reasoning, Part::Reasoning, text, self.room);
            on_delta(Delta::Reasoning { choice, text });
        }
        let audio = said.audio.map(read::<Object<Audio<'_>>>).unwrap_or_default();
        let spoken = audio.0.as_ref().and_then(|audio| audio.transcript.get());
        for text in said.content.text.get().into_iter().chain(spoken) {
            append(parts, &mut places.text, Part::Text, text, self.room);
            on_delta(Delta::Text { choice, text });
        }
        if let Some(text) = said.refusal.get() {
            append(parts, &mut places.refusal, Part::Refusal, text, self.room);
            on_delta(Delta::Refusal { choice, text });
        }
        let calls = said.tool_calls.map(read::<Few<ToolPiece<'_>>>).unwrap_or_default();
        for piece in calls.iter() {
            let function = piece.function.0.as_ref().or(piece.custom.0.as_ref());
            let place = self.place_of(piece, function);
            self.call(place, piece.id.get(), function, on_delta);
        }
        let function = said.function_call.map(read::<Object<FunctionPiece<'_>>>).unwrap_or_default();
        if let Some(function) = &function.0 {
            let place = self.places.calls.iter().position(|call| call.wire.is_none());
            let place = place.unwrap_or_else(|| self.begin(None));
            self.call(place, None, Some(function), on_delta);
        }
    }

    /// Which call a piece belongs to: by its index; without one to the last call, unless it brings
    /// another id.
    fn place_of(&mut self, piece: &ToolPiece<'_>, function: Option<&FunctionPiece<'_>>) -> usize {
        let calls = &self.places.calls;
        if let Some(index) = piece.index.small() {
            let known = calls.iter().rposition(|call| call.wire == Some(index));
            let known = known.filter(|place| !self.begins_again(*place, piece, function));
            return known.unwrap_or_else(|| self.begin(Some(index)));
        }
        let last = calls.iter().rposition(|call| call.wire.is_some());
        let same = last.filter(|place| {
            let Some(known) = self.known(*place) else {
                return false;
            };
            match piece.id.get() {
                Some(id) => !differs(known.id.as_deref(), Some(id)),
                None => !differs(Some(&known.name), function.and_then(|function| function.name.get())),
            }
        });
        let next = calls.iter().filter_map(|call| call.wire).max().map_or(0, |wire| wire.saturating_add(1));
        same.unwrap_or_else(|| self.begin(Some(next)))
    }

    /// Google's server of this format gives every whole call the index 0.
    fn begins_again(
        &self,
        place: usize,
        piece: &ToolPiece<'_>,
        function: Option<&FunctionPiece<'_>>,
    ) -> bool {
        let named = function.is_some_and(|function| function.name.get().is_some());
        let whole = self.places.calls.get(place).is_some_and(|call| call.arguments.is_whole());
        named && whole && self.known(place).is_some_and(|call| differs(call.id.as_deref(), piece.id.get()))
    }

    fn known(&self, place: usize) -> Option<&ToolCall> {
        match self.choice.message.parts.get(self.places.calls.get(place)?.part)? {
            Part::ToolCall(call) => Some(call),
            _ => None,
        }
    }

    fn begin(&mut self, wire: Option<u32>) -> usize {
        if self.places.calls.len() >= MOST_CALLS {
            return self.places.calls.len();
        }
        let parts = &mut self.choice.message.parts;
        self.places.calls.push(CallPlace {
            wire,
            part: parts.len(),
            announced: false,
            arguments: Nesting::default(),
        });
        parts.push(Part::ToolCall(ToolCall::default()));
        self.places.calls.len().saturating_sub(1)
    }

    fn call(
        &mut self,
        place: usize,
        id: Option<&str>,
        function: Option<&FunctionPiece<'_>>,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        let choice = self.choice.index;
        let Some(at) = self.places.calls.get_mut(place) else {
            return;
        };
        let Some(Part::ToolCall(call)) = self.choice.message.parts.get_mut(at.part) else {
            return;
        };
        set(&mut call.id, id);
        let name = function.and_then(|function| function.name.get());
        if let Some(name) = name.filter(|_| call.name.is_empty()) {
            name.clone_into(&mut call.name);
        }
        let fragment =
            function.and_then(|function| function.arguments.get().or_else(|| function.input.get()));
        let index = u32::try_from(place).unwrap_or(u32::MAX);
        if !at.announced && (!call.name.is_empty() || fragment.is_some()) {
            at.announced = true;
            on_delta(Delta::ToolCallStart { choice, index, id: call.id.as_deref(), name: &call.name });
        }
        if let Some(fragment) = fragment {
            at.arguments.read(fragment);
            keep(&mut call.arguments, fragment, self.room);
            on_delta(Delta::ToolCallArguments { choice, index, fragment });
        }
    }
}

/// A value that is rarely there and large when it is: read only then.
fn read<'a, T: serde::Deserialize<'a> + Default>(raw: &'a RawValue) -> T {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn differs(known: Option<&str>, sent: Option<&str>) -> bool {
    matches!((known.filter(|known| !known.is_empty()), sent), (Some(known), Some(sent)) if known != sent)
}

/// Appends to the part at this place, made if it is not there.
fn append(
    parts: &mut Vec<Part>,
    place: &mut Option<usize>,
    make: fn(String) -> Part,
    text: &str,
    room: &mut usize,
) {
    if *room == 0 {
        return;
    }
    let at = *place.get_or_insert_with(|| {
        parts.push(make(String::new()));
        parts.len().saturating_sub(1)
    });
    if let Some(Part::Text(kept) | Part::Reasoning(kept) | Part::Refusal(kept)) = parts.get_mut(at) {
        keep(kept, text, room);
    }
}
