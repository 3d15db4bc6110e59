//! The binary frames of `application/vnd.amazon.eventstream`, as Amazon Bedrock streams.
//!
//! A frame is its length, its headers' length and a checksum of both, the headers, the payload, and a
//! checksum of it all ([specification]). [`FrameParser`] takes bytes as they come; [`encode`] writes a frame.
//!
//! ```
//! use tracing_genai::wire::event_stream::{FrameParser, encode};
//!
//! let frame = encode(&[(":event-type", "chunk")], b"{}");
//! let mut parser = FrameParser::new();
//! let mut seen = Vec::new();
//! for piece in frame.chunks(3) {
//!     parser.feed(piece, &mut |frame| seen.push(frame.payload.to_vec()));
//! }
//! assert_eq!((seen, parser.error()), (vec![b"{}".to_vec()], None));
//! ```
//!
//! [specification]: https://smithy.io/2.0/aws/amazon-eventstream.html

use std::fmt;

/// The lengths, and their checksum.
const PRELUDE: usize = 12;
/// The prelude and the checksum at the end.
const OVERHEAD: usize = PRELUDE + 4;
/// The most bytes of headers that the specification allows.
const MAX_HEADERS: usize = 128 << 10;
/// The most bytes of a payload that the specification allows.
const MAX_PAYLOAD: usize = 24 << 20;

/// A frame whose checksums are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    headers: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
}

/// Why a stream of frames cannot be read on: where a frame is broken, nobody knows where the next begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError {
    message: String,
}

/// Takes bytes and hands out frames, however the bytes are cut.
///
/// Holds one frame at most; a frame that says it is longer than the specification allows is an error
/// before its bytes are kept.
#[derive(Debug, Default)]
pub struct FrameParser {
    held: Vec<u8>,
    /// How many bytes came before those that are held.
    passed: u64,
    error: Option<FrameError>,
}

impl FrameParser {
    /// A parser at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes, and calls `on_frame` for each frame that ends in them. After an
    /// [`error`](Self::error) nothing is taken any more.
    pub fn feed(&mut self, mut bytes: &[u8], on_frame: &mut impl FnMut(Frame<'_>)) {
        while self.error.is_none() && !bytes.is_empty() {
            if self.held.is_empty() {
                // A frame that lies within these bytes is read where it is.
                match length_of(bytes, self.passed) {
                    Ok(Some(length)) if length <= bytes.len() => {
                        let (frame, rest) = bytes.split_at(length);
                        self.emit(frame, on_frame);
                        self.passed = self.passed.saturating_add(length as u64);
                        bytes = rest;
                        continue;
                    }
                    Ok(_) => {}
                    Err(error) => {
                        self.error = Some(error);
                        return;
                    }
                }
            }
            // The prelude first: what it says decides how much more is kept.
            let wanted = match length_of(&self.held, self.passed) {
                Ok(length) => length.unwrap_or(PRELUDE),
                Err(error) => {
                    self.fail(error);
                    return;
                }
            };
            let (piece, rest) = bytes.split_at(wanted.saturating_sub(self.held.len()).min(bytes.len()));
            self.held.extend_from_slice(piece);
            bytes = rest;
            match length_of(&self.held, self.passed) {
                Ok(Some(length)) if length == self.held.len() => {
                    let mut held = std::mem::take(&mut self.held);
                    self.emit(&held, on_frame);
                    self.passed = self.passed.saturating_add(length as u64);
                    if self.error.is_none() {
                        held.clear();
                        self.held = held;
                    }
                }
                Ok(_) => {}
                Err(error) => self.fail(error),
            }
        }
    }

    /// Ends the stream: a frame that was cut off is an error.
    pub fn finish(&mut self) {
        if !self.held.is_empty() && self.error.is_none() {
            let message = format!(
                "the stream ends within the frame at byte {}, {} bytes into it",
                self.passed,
                self.held.len()
            );
            self.fail(FrameError { message });
        }
    }

    /// Why the stream cannot be read on, if it cannot.
    pub fn error(&self) -> Option<&FrameError> {
        self.error.as_ref()
    }

    fn fail(&mut self, error: FrameError) {
        self.error = Some(error);
        self.held = Vec::new();
    }

    fn emit(&mut self, frame: &[u8], on_frame: &mut impl FnMut(Frame<'_>)) {
        match check(frame, self.passed) {
            Ok(frame) => on_frame(frame),
            Err(error) => self.fail(error),
        }
    }
}

/// The length of the frame that begins here, once its prelude is there.
fn length_of(bytes: &[u8], at: u64) -> Result<Option<usize>, FrameError> {
    let (Some(total), Some(headers), Some(sum)) = (number(bytes, 0), number(bytes, 4), number(bytes, 8))
    else {
        return Ok(None);
    };
    let computed = crc32fast::hash(bytes.get(..8).unwrap_or_default());
    if computed != sum {
        let message = format!(
            "the frame at byte {at} begins with a wrong checksum: {sum:#010x}, computed {computed:#010x}; is this \
             an AWS event stream?"
        );
        return Err(FrameError { message });
    }
    let (total, headers) = (total as usize, headers as usize);
    let payload = total.checked_sub(OVERHEAD).and_then(|rest| rest.checked_sub(headers));
    match payload {
        Some(payload) if headers <= MAX_HEADERS && payload <= MAX_PAYLOAD => Ok(Some(total)),
        _ => {
            let message = format!(
                "the frame at byte {at} says that it has {total} bytes, {headers} of them headers, which no frame has"
            );
            Err(FrameError { message })
        }
    }
}

fn check(frame: &[u8], at: u64) -> Result<Frame<'_>, FrameError> {
    let end = frame.len().saturating_sub(4);
    let (body, sum) = (frame.get(..end).unwrap_or_default(), number(frame, end).unwrap_or_default());
    let computed = crc32fast::hash(body);
    if computed != sum {
        let message =
            format!("the frame at byte {at} has a wrong checksum: {sum:#010x}, computed {computed:#010x}");
        return Err(FrameError { message });
    }
    let headers = number(frame, 4).unwrap_or_default() as usize;
    let rest = body.get(PRELUDE..).unwrap_or_default();
    let (headers, payload) = rest.split_at(headers.min(rest.len()));
    Ok(Frame { headers, payload })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    four.try_into().ok().map(u32::from_be_bytes)
}

impl<'a> Frame<'a> {
    /// The text of this header, if it has one that is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.headers;
        while let Some((found, value, tail)) = next_header(rest) {
            if found == name.as_bytes() {
                return value.and_then(|value| std::str::from_utf8(value).ok());
            }
            rest = tail;
        }
        None
    }
}

/// A header's name, its value if that is text, and what follows.
type Header<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

fn next_header(bytes: &[u8]) -> Option<Header<'_>> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (kind, rest) = rest.split_first()?;
    let length = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        9 => 16,
        6 | 7 => {
            let (length, rest) = rest.split_at_checked(2)?;
            let length = u16::from_be_bytes(length.try_into().ok()?);
            let (value, rest) = rest.split_at_checked(usize::from(length))?;
            return Some((name, (*kind == 7).then_some(value), rest));
        }
        _ => return None,
    };
    let (_, rest) = rest.split_at_checked(length)?;
    Some((name, None, rest))
}

/// A frame with these headers, all of them text, and this payload.
///
/// A name beyond 255 bytes and a value beyond 65,535 are cut between characters: no frame can have them.
pub fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        let (name, value) = (cut(name, 255), cut(value, 65_535));
        written.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        written.extend_from_slice(name.as_bytes());
        written.push(7);
        written.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(OVERHEAD + written.len() + payload.len());
    frame.extend_from_slice(&length(OVERHEAD + written.len() + payload.len()));
    frame.extend_from_slice(&length(written.len()));
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&written);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

/// What is still text of the first bytes, these many at most.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

impl fmt::Display for FrameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for FrameError {}
