//! The events of a streamed answer, whatever frames them.
//!
//! Most servers send [Server-Sent Events](super::sse). Google's, unless asked for them, sends one JSON
//! array whose elements are the events, and tells of an error amid Server-Sent Events in bare JSON.
//! [`EventParser`] reads both.
//!
//! ```
//! use tracing_genai::wire::events::EventParser;
//!
//! let (mut parser, mut seen) = (EventParser::sse_or_json(), Vec::new());
//! for chunk in [r#"[{"text": "}"#, r#""},"#, "\n", r#"{"text": ""}]"#] {
//!     parser.feed(chunk.as_bytes(), &mut |event| seen.push(event.data.to_vec()));
//! }
//! parser.finish(&mut |event| seen.push(event.data.to_vec()));
//! assert_eq!(seen, [br#"{"text": "}"}"#.to_vec(), br#"{"text": ""}"#.to_vec()]);
//! ```

use super::{
    event_stream::{Frame, FrameError, FrameParser},
    json_objects::JsonObjects,
    sse::{SseEvent, SseParser},
};

/// A push parser for the events of a stream; the [module](self) says what it reads.
///
/// Where a chunk ends makes no difference to the events. What it holds is bounded as
/// [`SseParser`] is, an object as long as a line.
#[derive(Debug)]
pub struct EventParser {
    sse: SseParser,
    json: JsonObjects,
    /// Whether JSON is looked for.
    may_be_json: bool,
    framing: Framing,
    /// Set for AWS's frames, and then nothing else is looked for.
    frames: Option<FrameParser>,
}

/// What stands before the name of an exception among the events of an AWS event stream.
pub const EXCEPTION: &str = "exception:";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Nothing has come but blanks; `indented` if the last of them was on the line that is open.
    Undecided {
        indented: bool,
    },
    /// `at_line_start` if the last byte ended a line. Not kept up where no JSON is looked for.
    Sse {
        at_line_start: bool,
    },
    Json,
}

impl EventParser {
    /// A parser of Server-Sent Events, and of nothing else: an [`SseParser`].
    pub fn sse() -> Self {
        Self::new(false)
    }

    /// A parser of Server-Sent Events or JSON objects: JSON if the first byte that is not blank is a
    /// bracket or a brace, and from where a line of an event stream begins with a brace.
    ///
    /// The objects may be an array's elements or stand one after the other; each is an event without a
    /// name.
    pub fn sse_or_json() -> Self {
        Self::new(true)
    }

    fn new(may_be_json: bool) -> Self {
        Self {
            sse: SseParser::new(),
            json: JsonObjects::new(SseParser::DEFAULT_MAX_LINE),
            may_be_json,
            framing: Framing::first(may_be_json),
            frames: None,
        }
    }

    /// A parser of AWS's binary event streams (`application/vnd.amazon.eventstream`).
    ///
    /// An event is named by its `:event-type`, an exception by its `:exception-type` behind
    /// [`EXCEPTION`]; an error frame is an exception whose data is `{"message": ..}`.
    pub fn aws() -> Self {
        Self { frames: Some(FrameParser::new()), ..Self::new(false) }
    }

    /// Why the stream cannot be read on: only AWS's frames can break beyond repair.
    pub fn broken(&self) -> Option<&FrameError> {
        self.frames.as_ref()?.error()
    }

    /// Sets the longest event, in bytes, as [`SseParser::with_max_line`] does.
    #[must_use]
    pub fn with_max_event(mut self, bytes: usize) -> Self {
        self.sse = self.sse.with_max_line(bytes);
        self.json.set_max(bytes);
        self
    }

    /// Takes the next bytes of the stream, and calls `on_event` for each event that ends in them.
    pub fn feed(&mut self, bytes: &[u8], on_event: &mut impl FnMut(SseEvent<'_>)) {
        if let Some(frames) = &mut self.frames {
            return frames.feed(bytes, &mut |frame| on_frame(frame, on_event));
        }
        if !self.may_be_json {
            return self.sse.feed(bytes, on_event);
        }
        let mut rest = bytes;
        if let Framing::Undecided { indented } = self.framing {
            rest = self.decide(rest, indented, on_event);
        }
        if let Framing::Sse { at_line_start } = self.framing {
            rest = self.feed_lines(rest, at_line_start, on_event);
        }
        if self.framing == Framing::Json {
            self.json.feed(rest, &mut |data| on_event(SseEvent { name: None, data }));
        }
    }

    /// Ends the stream as [`SseParser::finish`] does; an object that was cut off is an event too.
    pub fn finish(&mut self, on_event: &mut impl FnMut(SseEvent<'_>)) {
        if let Some(frames) = &mut self.frames {
            return frames.finish();
        }
        self.sse.finish(on_event);
        self.json.finish(&mut |data| on_event(SseEvent { name: None, data }));
        self.framing = Framing::first(self.may_be_json);
    }

    /// How many events were passed over because they were [too long](EventParser::with_max_event).
    pub fn skipped(&self) -> u64 {
        self.sse.skipped().saturating_add(self.json.skipped())
    }

    /// Passes over blanks, and decides by what comes after them, which it gives back.
    fn decide<'a>(
        &mut self,
        bytes: &'a [u8],
        mut indented: bool,
        on_event: &mut impl FnMut(SseEvent<'_>),
    ) -> &'a [u8] {
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            match first {
                b' ' | b'\t' => indented = true,
                b'\n' | b'\r' => indented = false,
                // Of the byte order mark.
                0xef | 0xbb | 0xbf => {}
                b'[' | b'{' => {
                    self.framing = Framing::Json;
                    return rest;
                }
                _ => {
                    if indented {
                        // An indented line has no field: it must not become one.
                        self.sse.feed(b" ", on_event);
                    }
                    self.framing = Framing::Sse { at_line_start: !indented };
                    return rest;
                }
            }
            rest = tail;
        }
        self.framing = Framing::Undecided { indented };
        rest
    }

    /// Reads lines up to one that begins with a brace; gives back what begins with it.
    fn feed_lines<'a>(
        &mut self,
        bytes: &'a [u8],
        at_line_start: bool,
        on_event: &mut impl FnMut(SseEvent<'_>),
    ) -> &'a [u8] {
        let ends_line = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let begins_line = |at: &usize| match at.checked_sub(1) {
            Some(before) => bytes.get(before).is_some_and(ends_line),
            None => at_line_start,
        };
        let brace = memchr::memchr_iter(b'{', bytes).find(begins_line);
        let (lines, json) = bytes.split_at(brace.unwrap_or(bytes.len()));
        self.sse.feed(lines, on_event);
        if brace.is_some() {
            self.sse.finish(on_event);
            self.framing = Framing::Json;
        } else {
            let at_line_start = lines.last().map_or(at_line_start, ends_line);
            self.framing = Framing::Sse { at_line_start };
        }
        json
    }
}

impl Framing {
    fn first(may_be_json: bool) -> Self {
        if may_be_json { Self::Undecided { indented: false } } else { Self::Sse { at_line_start: true } }
    }
}

/// A frame as an event.
fn on_frame(frame: Frame<'_>, on_event: &mut impl FnMut(SseEvent<'_>)) {
    match frame.header(":message-type") {
        Some("exception") => {
            let name = format!("{EXCEPTION}{}", frame.header(":exception-type").unwrap_or_default());
            on_event(SseEvent { name: Some(&name), data: frame.payload });
        }
        Some("error") => {
            let name = format!("{EXCEPTION}{}", frame.header(":error-code").unwrap_or_default());
            let message =
                serde_json::json!({ "message": frame.header(":error-message").unwrap_or_default() });
            on_event(SseEvent { name: Some(&name), data: message.to_string().as_bytes() });
        }
        _ => on_event(SseEvent { name: frame.header(":event-type"), data: frame.payload }),
    }
}
