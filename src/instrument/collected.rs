//! A body kept by reference as it passes, up to a limit.

use bytes::{Bytes, BytesMut};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// How much is kept of the beginning of a body beyond the limit: what it says of itself stands there.
const HEAD_BYTES: usize = 64 << 10;
/// How much is kept of its end: that is where usage stands.
const TAIL_BYTES: usize = 16 << 10;

/// The pieces of a body.
#[derive(Debug)]
pub(crate) struct Collected {
    pieces: Vec<Bytes>,
    len: usize,
    limit: usize,
    /// The end of a body that went beyond the limit.
    tail: Option<BytesMut>,
}

impl Collected {
    pub(crate) fn new(limit: usize) -> Self {
        Self { pieces: Vec::new(), len: 0, limit, tail: None }
    }

    /// Takes the next piece, without copying it while the body is within the limit.
    pub(crate) fn push(&mut self, piece: &Bytes) {
        if self.tail.is_none() && self.len.saturating_add(piece.len()) <= self.limit {
            self.len += piece.len();
            // An empty piece is nothing to keep a buffer for.
            if !piece.is_empty() {
                self.pieces.push(piece.clone());
            }
            return;
        }
        let tail = match &mut self.tail {
            Some(tail) => tail,
            None => {
                let head_bytes = HEAD_BYTES.min(self.limit);
                let mut head = BytesMut::with_capacity(head_bytes);
                for kept in self.pieces.iter().chain([piece]) {
                    let room = head_bytes - head.len();
                    head.extend_from_slice(kept.get(..room).unwrap_or(kept));
                }
                self.len = head.len();
                self.pieces = vec![head.freeze()];
                self.tail.insert(BytesMut::with_capacity(TAIL_BYTES))
            }
        };
        let end = piece.get(piece.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        let too_many = (tail.len() + end.len()).saturating_sub(TAIL_BYTES);
        if too_many > 0 {
            let kept = tail.split_off(too_many.min(tail.len()));
            *tail = BytesMut::with_capacity(TAIL_BYTES);
            tail.extend_from_slice(&kept);
        }
        tail.extend_from_slice(end);
    }

    /// Whether there was more than is kept.
    pub(crate) fn is_cut(&self) -> bool {
        self.tail.is_some()
    }

    /// How many bytes are kept.
    pub(crate) fn kept(&self) -> usize {
        self.len + self.tail.as_ref().map_or(0, BytesMut::len)
    }

    /// The pieces that came, and nothing of the end of a body that was cut.
    pub(crate) fn into_pieces(self) -> Vec<Bytes> {
        self.pieces
    }

    /// All of it; of a body that was cut a JSON object with what its beginning and its end tell.
    pub(crate) fn into_bytes(mut self) -> Bytes {
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
        if !matches!(value, Value::Array(_) | Value::Object(_)) {
            found.insert(name.to_owned(), value);
        }
    });
    if let Some((name, value)) = usage(tail) {
        found.insert(name, value);
    }
    Value::Object(found).to_string()
}

/// The last member of `tail` whose name begins with `usage`, if it is an object.
fn usage(tail: &[u8]) -> Option<(String, Value)> {
    let at = memchr::memmem::rfind(tail, b"\"usage")?;
    let rest = tail.get(at + 1..)?;
    let (name, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
    let colon = memchr::memchr(b':', rest)?;
    let mut values = serde_json::Deserializer::from_slice(rest.get(colon + 1..)?).into_iter::<Value>();
    let value = values.next()?.ok().filter(Value::is_object)?;
    Some((String::from_utf8(name.to_vec()).ok()?, value))
}

/// Tells each member of the JSON object in `body` that is a string, a number, a boolean or null; goes as
/// far as `body` can be read.
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
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if let Some(value) = map.next_value_seed(Scalar)? {
                (self.0)(&name, value);
            }
        }
        Ok(())
    }
}

/// A value that is no array and no object; those are passed over.
struct Scalar;

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Option<Value>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
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
            assert!(collected.kept() <= 100_000 + TAIL_BYTES);
            let told: Value = serde_json::from_slice(&collected.into_bytes()).unwrap();
            assert_eq!(
                told,
                serde_json::json!({"model": "m-1", "object": "list", "usage": {"prompt_tokens": 7, "x": {}}}),
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn members_are_told_as_far_as_the_body_goes() {
        let mut seen = Vec::new();
        members(br#"{"model":"m","messages":[{"model":"no"}],"stream":true,"in"#, &mut |name, value| {
            seen.push((name.to_owned(), value));
        });
        assert_eq!(seen, [("model".into(), "m".into()), ("stream".into(), true.into())]);
    }
}
