//! Server-Sent Events, read from the chunks of a response body as they come in.
//!
//! [`SseParser`] takes chunks and hands out events, after the [event stream format of the HTML
//! standard][whatwg]. It owns no stream and waits for nothing: feed it what has arrived, and each event
//! whose end lies in the chunk is handed out before [`feed`](SseParser::feed) returns. Where a chunk ends
//! makes no difference to the events.
//!
//! ```
//! use tracing_genai::wire::sse::SseParser;
//!
//! let (mut parser, mut seen) = (SseParser::new(), Vec::new());
//! for chunk in ["event: ping\nda", "ta: {}\n\n: a comment\n\ndata: [DONE]"] {
//!     parser.feed(chunk.as_bytes(), &mut |event| seen.push((event.name == Some("ping"), event.data.to_vec())));
//! }
//! parser.finish(&mut |event| seen.push((false, event.data.to_vec())));
//! assert_eq!(seen, [(true, b"{}".to_vec()), (false, b"[DONE]".to_vec())]);
//! ```
//!
//! It departs from the standard in four things, each of which serves a reader of responses that does not
//! reconnect:
//!
//! - `id` and `retry` are ignored.
//! - An event at the very end is handed out although the blank line after it is missing.
//! - Data stays bytes: what is not UTF-8 is passed on as it came.
//! - Lines and events have a [longest length](SseParser::with_max_line); longer ones are passed over.
//!
//! [whatwg]: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

use std::{fmt, mem};

/// The byte order mark that may stand before the first line.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// One event.
///
/// Its data is a part of the chunk just fed, unless the event began in an earlier one or its data has several
/// lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SseEvent<'a> {
    /// Its name (`event:`), if it has one that is UTF-8 and not empty.
    pub name: Option<&'a str>,
    /// Its data (`data:`), several lines joined by `\n`.
    pub data: &'a [u8],
}

/// A push parser for an event stream; the [module](self) says how to use it.
///
/// It copies only what it cannot borrow, into buffers that it uses again. They hold an unfinished line, and
/// the name and the data of an unfinished event: each at most as long as the longest line allowed.
pub struct SseParser {
    max_line: usize,
    /// The beginning of the line that the last chunk broke off.
    line: Vec<u8>,
    /// The name of the open event, empty if it has none.
    name: String,
    /// The data of the open event, if `has_data` and it is not borrowed from the chunk.
    data: Vec<u8>,
    has_data: bool,
    /// The first line has ended, so no byte order mark can come.
    started: bool,
    /// The last chunk ended in CR: an LF that comes next is of the same line end.
    after_cr: bool,
    /// The rest of the open line is passed over.
    skip_line: bool,
    /// The rest of the open event is passed over.
    skip_event: bool,
    skipped: u64,
}

impl SseParser {
    /// The longest line, and the longest data of one event, unless
    /// [`with_max_line`](SseParser::with_max_line) says otherwise: 8 MiB, above any event a provider sends
    /// (the largest carry an image).
    pub const DEFAULT_MAX_LINE: usize = 8 * 1024 * 1024;

    /// A parser at the start of a stream.
    pub fn new() -> Self {
        Self {
            max_line: Self::DEFAULT_MAX_LINE,
            line: Vec::new(),
            name: String::new(),
            data: Vec::new(),
            has_data: false,
            started: false,
            after_cr: false,
            skip_line: false,
            skip_event: false,
            skipped: 0,
        }
    }

    /// Sets the longest line and the longest data of one event, in bytes.
    ///
    /// An event that has a longer line (be it a comment), or more data than this in all, is passed over as a
    /// whole and counted in [`skipped`](SseParser::skipped). The next one is read as if nothing had been.
    #[must_use]
    pub fn with_max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// Takes the next bytes of the stream, and calls `on_event` for each event that ends in them.
    pub fn feed(&mut self, bytes: &[u8], on_event: &mut impl FnMut(SseEvent<'_>)) {
        let mut rest = bytes;
        if !rest.is_empty() && mem::take(&mut self.after_cr) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        let mut borrowed = None;
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            let (line, line_end) = rest.split_at(end);
            rest = match line_end {
                [b'\r', b'\n', after @ ..] => after,
                [terminator, after @ ..] => {
                    self.after_cr = *terminator == b'\r' && after.is_empty();
                    after
                }
                [] => &[],
            };
            self.end_line(line, &mut borrowed, on_event);
        }
        self.carry_line(rest, &mut borrowed);
        self.carry_data(borrowed);
    }

    /// Ends the stream: a last line without an end counts as a line, and `on_event` is called for the event
    /// that no blank line ended.
    ///
    /// If the connection broke, the data of that event may be cut off. The parser is then at the start of a
    /// stream again; only [`skipped`](SseParser::skipped) counts on.
    pub fn finish(&mut self, on_event: &mut impl FnMut(SseEvent<'_>)) {
        self.end_line(b"", &mut None, on_event);
        self.end_event(None, on_event);
        self.started = false;
        self.after_cr = false;
    }

    /// How many events were passed over because they were [too long](SseParser::with_max_line).
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Reads the line that `end` is the end of. Data that can stay where it is goes to `borrowed`.
    fn end_line<'a>(
        &mut self,
        end: &'a [u8],
        borrowed: &mut Option<&'a [u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>),
    ) {
        let first = !mem::replace(&mut self.started, true);
        if mem::take(&mut self.skip_line) {
            return;
        }
        if self.line.len().saturating_add(end.len()) > self.max_line {
            self.line.clear();
            return self.skip_event(borrowed);
        }
        if self.line.is_empty() {
            return self.read_line(without_bom(end, first), borrowed, on_event);
        }
        // Only the first line to end in a chunk can have begun before it, so nothing is borrowed yet.
        let mut line = mem::take(&mut self.line);
        line.extend_from_slice(end);
        let mut data = None;
        self.read_line(without_bom(&line, first), &mut data, on_event);
        self.carry_data(data);
        line.clear();
        self.line = line;
    }

    /// Interprets a whole line.
    fn read_line<'a>(
        &mut self,
        line: &'a [u8],
        borrowed: &mut Option<&'a [u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>),
    ) {
        if line.is_empty() {
            self.end_event(borrowed.take(), on_event);
        } else if self.skip_event {
            // Until the blank line.
        } else if let Some(value) = field(line, b"data") {
            if borrowed.is_none() && !self.has_data {
                *borrowed = Some(value);
                return;
            }
            self.carry_data(borrowed.take());
            if self.data.len().saturating_add(1).saturating_add(value.len()) > self.max_line {
                return self.skip_event(borrowed);
            }
            self.data.push(b'\n');
            self.data.extend_from_slice(value);
        } else if let Some(value) = field(line, b"event") {
            self.name.clear();
            self.name.push_str(std::str::from_utf8(value).unwrap_or_default());
        }
    }

    /// Hands out the open event if it has data, and opens the next.
    fn end_event(&mut self, borrowed: Option<&[u8]>, on_event: &mut impl FnMut(SseEvent<'_>)) {
        if let Some(data) = borrowed.or(self.has_data.then_some(&self.data)) {
            let name = Some(self.name.as_str()).filter(|name| !name.is_empty());
            on_event(SseEvent { name, data });
        }
        self.close_event();
        self.skip_event = false;
    }

    /// Passes over the open event: drops what it has so far, and with it what is still to come.
    fn skip_event(&mut self, borrowed: &mut Option<&[u8]>) {
        *borrowed = None;
        self.close_event();
        if !mem::replace(&mut self.skip_event, true) {
            self.skipped = self.skipped.saturating_add(1);
        }
    }

    fn close_event(&mut self) {
        self.name.clear();
        self.data.clear();
        self.has_data = false;
    }

    /// Keeps the part of a line that the chunk breaks off, unless the line is passed over.
    fn carry_line(&mut self, part: &[u8], borrowed: &mut Option<&[u8]>) {
        if part.is_empty() {
            return;
        }
        if self.line.len().saturating_add(part.len()) > self.max_line {
            self.skip_event(borrowed);
        }
        if self.skip_event {
            self.skip_line = true;
            self.line.clear();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    /// Keeps the first data line of the open event beyond the slice that it lies in.
    fn carry_data(&mut self, borrowed: Option<&[u8]>) {
        if let Some(data) = borrowed {
            self.data.extend_from_slice(data);
            self.has_data = true;
        }
    }
}

impl Default for SseParser {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows no content of the stream.
impl fmt::Debug for SseParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseParser")
            .field("max_line", &self.max_line)
            .field("carried", &(self.line.len() + self.data.len()))
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

fn without_bom(line: &[u8], first: bool) -> &[u8] {
    if first { line.strip_prefix(BOM).unwrap_or(line) } else { line }
}

/// The value of the line if it is of the field `name`: what follows the colon and one space, or nothing.
fn field<'a, const N: usize>(line: &'a [u8], name: &[u8; N]) -> Option<&'a [u8]> {
    let (field, rest) = line.split_first_chunk()?;
    if field != name {
        return None;
    }
    match rest {
        value @ [] | [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}
