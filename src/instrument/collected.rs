//! A body kept by reference as it passes, up to a limit.

use bytes::{Bytes, BytesMut};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt, mem};

/// How much is kept of the beginning of a body beyond the limit: what it says of itself stands there.
const HEAD_BYTES: usize = 64 << 10;
/// How much is kept of its end, at least: that is where usage stands.
const TAIL_BYTES: usize = 16 << 10;
/// A piece below this is copied: the buffer that it is a part of may be a hundred times as large.
const SMALL_BYTES: usize = 4 << 10;
/// How much is copied into one buffer.
const COPY_BYTES: usize = 64 << 10;

/// The pieces of a body.
#[derive(Debug)]
pub(crate) struct Collected {
    pieces: Vec<Bytes>,
    /// Small pieces that came after those.
    copied: BytesMut,
    len: usize,
    limit: usize,
    /// The end of a body that went beyond the limit.
    tail: Option<Vec<u8>>,
}

impl Collected {
    pub(crate) fn new(limit: usize) -> Self {
        Self { pieces: Vec::new(), copied: BytesMut::new(), len: 0, limit, tail: None }
    }

    /// Forgets what came.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }

    /// Takes the next piece. While the body is within the limit the first is not copied, nor is a large one.
    pub(crate) fn push(&mut self, piece: &Bytes) {
        if piece.is_empty() {
            return;
        }
        if self.tail.is_none() && self.len.saturating_add(piece.len()) <= self.limit {
            let is_first = self.len == 0;
            self.len += piece.len();
            if is_first || piece.len() >= SMALL_BYTES {
                self.close_copied();
                self.pieces.push(piece.clone());
            } else {
                if self.copied.len() + piece.len() > COPY_BYTES {
                    self.close_copied();
                }
                self.copied.extend_from_slice(piece);
            }
            return;
        }
        let mut tail = match self.tail.take() {
            Some(tail) => tail,
            None => {
                self.close_copied();
                let head_bytes = HEAD_BYTES.min(self.limit);
                let mut head = BytesMut::with_capacity(head_bytes);
                for kept in self.pieces.iter().chain([piece]) {
                    let room = head_bytes - head.len();
                    head.extend_from_slice(kept.get(..room).unwrap_or(kept));
                }
                let tail = self.end();
                self.len = head.len();
                self.pieces = vec![head.freeze()];
                tail
            }
        };
        let end = piece.get(piece.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        // Moved up once in a while, and not for each piece.
        if tail.len() + end.len() > 2 * TAIL_BYTES {
            let too_many = (tail.len() + end.len()).saturating_sub(TAIL_BYTES).min(tail.len());
            tail.drain(..too_many);
        }
        tail.extend_from_slice(end);
        self.tail = Some(tail);
    }

    /// A copy of the end of what is kept.
    fn end(&self) -> Vec<u8> {
        let mut ends = Vec::new();
        let mut room = TAIL_BYTES;
        for piece in self.pieces.iter().rev() {
            let end = piece.get(piece.len().saturating_sub(room)..).unwrap_or_default();
            ends.push(end);
            room -= end.len();
        }
        let mut tail = Vec::with_capacity(2 * TAIL_BYTES);
        ends.into_iter().rev().for_each(|end| tail.extend_from_slice(end));
        tail
    }

    fn close_copied(&mut self) {
        if !self.copied.is_empty() {
            self.pieces.push(mem::take(&mut self.copied).freeze());
        }
    }

    /// Whether there was more than is kept.
    pub(crate) fn is_cut(&self) -> bool {
        self.tail.is_some()
    }

    /// How many bytes are kept.
    pub(crate) fn kept(&self) -> usize {
        self.len + self.tail.as_ref().map_or(0, Vec::len)
    }

    /// The last byte that came.
    pub(crate) fn last(&self) -> Option<u8> {
        let last = self.copied.last().or_else(|| self.pieces.last()?.last());
        self.tail.as_ref().map_or(last, |tail| tail.last()).copied()
    }

    /// The beginning, up to so many bytes.
    pub(crate) fn beginning(&self, most: usize) -> Bytes {
        let mut beginning = BytesMut::new();
        for piece in self.pieces.iter().map(|piece| &piece[..]).chain([&self.copied[..]]) {
            let room = most - beginning.len();
            beginning.extend_from_slice(piece.get(..room).unwrap_or(piece));
        }
        beginning.freeze()
    }

    /// The pieces that came, and nothing of the end of a body that was cut.
    pub(crate) fn into_pieces(mut self) -> Vec<Bytes> {
        self.close_copied();
        self.pieces
    }

    /// All of it; of a body that was cut a JSON object with what its beginning and its end tell.
    pub(crate) fn into_bytes(mut self) -> Bytes {
        self.close_copied();
        if let Some(tail) = &self.tail {
            let head = self.pieces.first().map_or(&[][..], |head| head);
            return digest(head, tail).into();
        }
        if self.pieces.len() <= 1 {
            return self.pieces.pop().unwrap_or_default();
        }
        let mut whole = BytesMut::with_capacity(self.len);
        self.pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
        whole.freeze()
    }
}

/// The members that a body's beginning tells in a word, and its usage, which stands at its end.
fn digest(head: &[u8], tail: &[u8]) -> String {
    let mut found = Map::new();
    members(head, &mut |name, value| {
        // The readers want what an answer must have, though it be empty.
        found.insert(name.to_owned(), value);
    });
    if let Some((name, value)) = usage(tail) {
        found.insert(name, value);
    }
    Value::Object(found).to_string()
}

/// The last usage that `tail` tells.
fn usage(tail: &[u8]) -> Option<(String, Value)> {
    let mut before = tail;
    while let Some(at) = memchr::memmem::rfind(before, b"\"usage") {
        if let Some(found) = tail.get(at..).and_then(usage_at) {
            return Some(found);
        }
        before = before.get(..at)?;
    }
    None
}

/// The usage whose name begins here.
fn usage_at(rest: &[u8]) -> Option<(String, Value)> {
    let name = ["usage", "usageMetadata"].into_iter().find(|name| {
        rest.get(1..)
            .and_then(|rest| rest.strip_prefix(name.as_bytes()))
            .is_some_and(|rest| rest.starts_with(b"\""))
    })?;
    let value = rest.get(name.len() + 2..)?.trim_ascii_start().strip_prefix(b":")?;
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<Value>();
    let value = values.next()?.ok().filter(Value::is_object)?;
    Some((name.to_owned(), value))
}

/// Tells each member of the JSON object in `body`, arrays and objects as empty ones; goes as far as `body` can
/// be read.
pub(crate) fn members(body: &[u8], on_member: &mut dyn FnMut(&str, Value)) {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    // A body that breaks off has told what it could.
    let _ = serde::Deserializer::deserialize_map(&mut deserializer, Members(on_member));
}

struct Members<'a>(&'a mut dyn FnMut(&str, Value));

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let mut seen = None;
            let read = map.next_value_seed(Scalar(&mut seen));
            // One that breaks off is told too, if it can be told what it is.
            if let Some(value) = seen {
                (self.0)(&name, value);
            }
            read?;
        }
        Ok(())
    }
}

/// A name, not copied unless it is written with escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value, put there; of an array or an object only that it is one.
struct Scalar<'a>(&'a mut Option<Value>);

impl<'de> DeserializeSeed<'de> for Scalar<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        *self.0 = Some(value.into());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        *self.0 = Some(value.into());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        *self.0 = Some(value.into());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        *self.0 = Some(value.into());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        *self.0 = Some(value.into());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        *self.0 = Some(Value::Array(Vec::new()));
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        *self.0 = Some(Value::Object(Map::new()));
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    #[test]
    fn a_body_in_one_piece_is_not_copied() {
        let piece = Bytes::from("{}".repeat(100));
        let mut collected = Collected::new(1000);
        collected.push(&piece);
        assert_eq!(collected.into_bytes().as_ptr(), piece.as_ptr());
    }

    #[test]
    fn small_pieces_do_not_hold_the_large_buffers_they_are_parts_of() {
        let mut collected = Collected::new(1 << 20);
        let mut buffers = Vec::new();
        for _ in 0..1000 {
            let mut buffer = BytesMut::zeroed(8 << 10);
            let piece = buffer.split_to(100).freeze();
            collected.push(&piece);
            buffers.push(piece);
        }
        let held = buffers.into_iter().filter(|piece| !piece.is_unique()).count();
        assert_eq!((held, collected.kept()), (1, 100_000));
        assert_eq!(collected.into_bytes().len(), 100_000);
    }

    #[test]
    fn pieces_of_all_sizes_keep_their_order() {
        let whole: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        let sizes = [1, 5000, 3, 0, 4096, 4095, 70_000];
        let mut collected = Collected::new(1 << 20);
        let (mut rest, mut sizes) = (whole.as_slice(), sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(sizes.next().map_or(1, |size| *size).min(rest.len()));
            collected.push(&Bytes::copy_from_slice(piece));
            rest = tail;
        }
        assert_eq!(collected.beginning(10_000), whole[..10_000]);
        assert_eq!(collected.last(), whole.last().copied());
        assert_eq!(collected.into_bytes(), whole);
    }

    #[test]
    fn a_body_at_the_limit_is_whole() {
        let mut collected = Collected::new(4);
        collected.push(&Bytes::from("ab"));
        collected.push(&Bytes::from("cd"));
        assert!(!collected.is_cut());
        assert_eq!(collected.into_bytes(), "abcd");
    }

    #[test]
    fn a_body_beyond_the_limit_tells_its_model_and_its_usage() {
        let filling = "0.25,".repeat(40_000);
        let body = format!(
            r#"{{"model":"m-1","object":"list","data":[{filling}0],"usage":{{"prompt_tokens":7,"x":{{}}}}}}"#
        );
        for size in [1, 1000, 50_000, body.len()] {
            let mut collected = Collected::new(100_000);
            body.as_bytes().chunks(size).for_each(|piece| collected.push(&Bytes::copy_from_slice(piece)));
            assert!(collected.is_cut());
            assert!(collected.kept() <= HEAD_BYTES + 2 * TAIL_BYTES);
            let told: Value = serde_json::from_slice(&collected.into_bytes()).unwrap();
            assert_eq!(
                told,
                serde_json::json!({
                    "model": "m-1", "object": "list", "data": [], "usage": {"prompt_tokens": 7, "x": {}}
                }),
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn a_body_that_goes_beyond_the_limit_by_a_little_tells_its_usage() {
        let body = format!(r#"{{"model":"m-1","data":"{}","usage":{{"x":7}}}}"#, "a".repeat(200_000));
        for limit in [body.len() - 1, body.len() - 20] {
            let mut collected = Collected::new(limit);
            body.as_bytes().chunks(10).for_each(|piece| collected.push(&Bytes::copy_from_slice(piece)));
            assert!(collected.is_cut());
            let told: Value = serde_json::from_slice(&collected.into_bytes()).unwrap();
            assert_eq!(told, serde_json::json!({"model": "m-1", "usage": {"x": 7}}));
        }
    }

    #[test]
    fn what_is_only_called_like_usage_is_none() {
        let tail = br#"..,"usage":{"x":1},"usage_type":"all","user":null}"#;
        assert_eq!(usage(tail), Some(("usage".into(), serde_json::json!({"x": 1}))));
        assert_eq!(usage(br#"text \"usage\": {"x": 1}"#), None);
    }

    #[test]
    fn members_are_told_as_far_as_the_body_goes() {
        let mut seen = Vec::new();
        members(br#"{"model":"m","messages":[{"model":"no"}],"stream":true,"in"#, &mut |name, value| {
            seen.push((name.to_owned(), value));
        });
        let none = Value::Array(Vec::new());
        let expected =
            [("model".into(), "m".into()), ("messages".into(), none), ("stream".into(), true.into())];
        assert_eq!(seen, expected);
    }
}
