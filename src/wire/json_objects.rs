//! JSON objects, one after the other or in an array, found in the chunks of a body as they come in.

use std::{fmt, mem};

/// A push scanner for the outermost objects of a JSON text.
///
/// It looks at quotes, backslashes and braces only, each byte once: whether what lies between them is
/// JSON is for the reader of the object to find out. What stands outside of objects (the brackets and
/// commas of an array) is passed over.
pub(super) struct JsonObjects {
    max: usize,
    /// The beginning of the object that the last chunk broke off.
    carried: Vec<u8>,
    /// How many objects are open.
    depth: u64,
    in_string: bool,
    /// The last byte was the backslash of an escape.
    escaped: bool,
    /// The rest of the open object is passed over.
    skip: bool,
    skipped: u64,
}

impl JsonObjects {
    /// A scanner for objects of up to `max` bytes.
    pub(super) fn new(max: usize) -> Self {
        Self { max, carried: Vec::new(), depth: 0, in_string: false, escaped: false, skip: false, skipped: 0 }
    }

    /// Sets the longest object, in bytes; a longer one is passed over and counted.
    pub(super) fn set_max(&mut self, bytes: usize) {
        self.max = bytes;
    }

    /// Takes the next bytes, and calls `on_object` for each object that ends in them.
    pub(super) fn feed(&mut self, bytes: &[u8], on_object: &mut impl FnMut(&[u8])) {
        // Where the open object begins in `bytes`; what came of it before is carried.
        let mut start = 0;
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if mem::take(&mut self.escaped) {
                at += 1;
                continue;
            }
            let found = if self.in_string {
                memchr::memchr2(b'"', b'\\', rest)
            } else {
                memchr::memchr3(b'"', b'{', b'}', rest)
            };
            let Some(found) = found else {
                break;
            };
            at += found;
            match bytes.get(at) {
                Some(b'\\') => self.escaped = true,
                Some(b'"') => self.in_string = !self.in_string,
                Some(b'{') => {
                    if self.depth == 0 {
                        start = at;
                    }
                    self.depth = self.depth.saturating_add(1);
                }
                // A brace that closes nothing is passed over.
                _ if self.depth == 0 => {}
                _ => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.end(bytes.get(start..=at).unwrap_or_default(), on_object);
                    }
                }
            }
            at += 1;
        }
        if self.depth > 0 {
            self.carry(bytes.get(start..).unwrap_or_default());
        }
    }

    /// Ends the text: `on_object` is called for an object that was cut off, so that its reader may count it.
    pub(super) fn finish(&mut self, on_object: &mut impl FnMut(&[u8])) {
        if !self.carried.is_empty() {
            on_object(&self.carried);
        }
        *self = Self { skipped: self.skipped, ..Self::new(self.max) };
    }

    /// How many objects were passed over because they were too long.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    fn end(&mut self, end: &[u8], on_object: &mut impl FnMut(&[u8])) {
        if mem::take(&mut self.skip) {
            return;
        }
        if self.carried.len().saturating_add(end.len()) > self.max {
            self.skipped = self.skipped.saturating_add(1);
        } else if self.carried.is_empty() {
            on_object(end);
        } else {
            self.carried.extend_from_slice(end);
            on_object(&self.carried);
        }
        self.carried.clear();
    }

    fn carry(&mut self, part: &[u8]) {
        if self.skip {
            return;
        }
        if self.carried.len().saturating_add(part.len()) > self.max {
            self.carried.clear();
            self.skip = true;
            self.skipped = self.skipped.saturating_add(1);
        } else {
            self.carried.extend_from_slice(part);
        }
    }
}

/// Shows no content of the stream.
impl fmt::Debug for JsonObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonObjects")
            .field("max", &self.max)
            .field("carried", &self.carried.len())
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}
