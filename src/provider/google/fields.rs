//! An object of Google's, its names as Google writes them, its values not read yet.

use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeMap;

/// The fields of an object, taken out one by one.
#[derive(Debug)]
pub(super) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// The fields of this JSON text; `None` if it is not an object. A `null` says nothing and is no field.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        let sent: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
        let mut fields = BTreeMap::new();
        for (name, value) in sent.into_iter().filter(|(_, value)| value.get() != "null") {
            fields.entry(camel_case(name)).or_insert(value);
        }
        Some(Self(fields))
    }

    /// The value under this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied()
    }

    /// The text under this name; an empty one is no text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// Takes the value under this name out, if `read` understands it; else it stays.
    pub(super) fn take<T>(&mut self, name: &str, read: impl FnOnce(&'a RawValue) -> Option<T>) -> Option<T> {
        let found = self.get(name).and_then(read);
        if found.is_some() {
            self.0.remove(name);
        }
        found
    }

    /// Takes the value under this name out, if `read` understands it once it is parsed.
    pub(super) fn take_value<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        self.take(name, |raw| read(&value(raw)))
    }

    /// Leaves a field out.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// What is left, by names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// What is left, parsed.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.0.into_iter().map(|(name, raw)| (name, value(raw))).collect()
    }
}

/// `like_this` as `likeThis`; a name that is no word with underscores within stays as it is.
fn camel_case(name: String) -> String {
    if !name.contains('_') || name.starts_with('_') || name.ends_with('_') {
        return name;
    }
    let mut out = String::with_capacity(name.len());
    for (place, word) in name.split('_').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if place > 0 => out.push(first.to_ascii_uppercase()),
            Some(first) => out.push(first),
            None => {}
        }
        out.push_str(letters.as_str());
    }
    out
}

/// A value, parsed.
pub(super) fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// A text that is not empty.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok().filter(|text: &String| !text.is_empty())
}

/// The word of an enumeration, which some clients ask for as its number.
pub(super) fn word(raw: &RawValue) -> Option<String> {
    let number = || raw.get().parse::<i64>().ok().map(|number| number.to_string());
    text(raw).or_else(number)
}

/// The elements of a list; what is not a list is one element, for Google takes it so.
pub(super) fn list(raw: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| vec![raw])
}

/// JSON without the blanks between its tokens: Google prints an answer prettily, and what is a text to us
/// was none to it.
pub(super) fn compact(raw: &RawValue) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let is_kept = |letter: &char| {
        if in_string {
            in_string = escaped || *letter != '"';
            escaped = !escaped && *letter == '\\';
            return true;
        }
        in_string = *letter == '"';
        !letter.is_ascii_whitespace()
    };
    raw.get().chars().filter(is_kept).collect()
}

/// A model's name without the `models/` and whatever else comes before it.
pub(super) fn model_name(name: String) -> String {
    match name.rsplit_once("models/") {
        Some((_, model)) if !model.is_empty() => model.to_owned(),
        _ => name,
    }
}
