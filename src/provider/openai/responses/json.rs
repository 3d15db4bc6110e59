//! Tolerant views of JSON that is not read into a tree: a field of the wrong type counts as absent.

use crate::provider::pick;
use crate::record::{Part, Usage};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// The string in `raw`, borrowed unless it has escapes.
pub(super) fn text<'a>(raw: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    let raw = raw?.get();
    if !raw.starts_with('"') {
        return None;
    }
    serde_json::from_str::<Borrowed<'a>>(raw).ok().map(|text| text.0)
}

/// The string in `raw` as one of its own.
pub(super) fn owned(raw: Option<&RawValue>) -> Option<String> {
    text(raw).map(Cow::into_owned)
}

/// The object in `json`, whose fields are borrowed from it; `None` if it is none. (A derived
/// reader alone would take an array's elements for the fields.)
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    if !pick::is_object(json) {
        return None;
    }
    serde_json::from_str(std::str::from_utf8(json).ok()?).ok()
}

/// What `raw` holds, if it is of this type.
pub(super) fn read<T: DeserializeOwned>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// The elements of the array in `raw`; none if it is no array.
pub(super) fn elements<'a>(raw: Option<&'a RawValue>) -> Option<Vec<&'a RawValue>> {
    serde_json::from_str::<Vec<&'a RawValue>>(raw?.get()).ok()
}

/// `raw` without the white space between its tokens.
pub(super) fn compact(raw: &RawValue) -> String {
    let mut out = String::with_capacity(raw.get().len());
    let (mut inside, mut escaped) = (false, false);
    for char in raw.get().chars() {
        if inside {
            match char {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => inside = false,
                _ => {}
            }
        } else if char == '"' {
            inside = true;
        } else if char.is_ascii_whitespace() {
            continue;
        }
        out.push(char);
    }
    out
}

/// The usage object of a response; `null` and nothing are a usage without numbers.
pub(super) fn usage(raw: Option<&RawValue>) -> Usage {
    raw.map(super::super::usage::read).unwrap_or_default()
}

/// How many more bytes of text are kept.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Appends what may still be kept of `piece`; after the first byte left out nothing is kept, so
    /// that the text has no holes.
    pub(super) fn push(&mut self, to: &mut String, piece: &str) {
        if piece.len() <= self.0 {
            self.0 -= piece.len();
            to.push_str(piece);
            return;
        }
        let end = (0..=self.0).rev().find(|at| piece.is_char_boundary(*at)).unwrap_or(0);
        to.push_str(piece.get(..end).unwrap_or_default());
        self.0 = 0;
    }

    /// What may be kept of `text`.
    pub(super) fn keep(&mut self, text: Cow<'_, str>) -> String {
        if text.len() <= self.0 {
            self.0 -= text.len();
            return text.into_owned();
        }
        let mut kept = String::new();
        self.push(&mut kept, &text);
        kept
    }

    /// A part that is none of ours, kept whole or not at all.
    pub(super) fn other(&mut self, kind: &str, raw: &RawValue) -> Part {
        let fits = raw.get().len() <= self.0;
        self.0 = if fits { self.0 - raw.get().len() } else { 0 };
        let value = if fits { read(Some(raw)).unwrap_or(Value::Null) } else { Value::Null };
        Part::Other { kind: kind.to_owned(), value }
    }
}
