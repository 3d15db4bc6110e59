//! Marks as W3C baggage, out and in.

use super::{Scope, scope};
use crate::{
    record::Marks,
    semconv::{
        gen_ai::{GEN_AI_CONVERSATION_ID, SESSION_ID, USER_ID},
        own::TRACING_GENAI_TAGS,
    },
};
use http::HeaderMap;
use opentelemetry::{
    Context, ContextGuard, Key, StringValue,
    baggage::{Baggage, BaggageExt},
};
use std::{borrow::Cow, fmt::Write};

/// The keys that are sent, and that [`from_baggage`] and [`extract`] take: `user.id`, `session.id`,
/// `gen_ai.conversation.id` and `tracing_genai.tags`, a JSON array of texts.
pub const BAGGAGE_KEYS: &[&str] = &[USER_ID, SESSION_ID, GEN_AI_CONVERSATION_ID, TRACING_GENAI_TAGS];

/// What all members may take together, as W3C baggage has it: bytes, and how many there may be.
const TOTAL_BYTES: usize = 8192;
const MEMBERS: usize = 64;
/// The longest value taken from outside, in bytes, and the most tags.
const VALUE_BYTES: usize = 1024;
const TAGS: usize = 32;

/// A scope with what the baggage of `context` says under [`BAGGAGE_KEYS`].
///
/// A value longer than 1,024 bytes or with control characters is passed over whole, since a part of an id is
/// another id; so are tags after the 32nd. Baggage is what a caller claims: take it from services you trust.
pub fn from_baggage(context: &Context) -> Scope {
    from_baggage_keys(context, BAGGAGE_KEYS)
}

/// [`from_baggage`] for these keys and no others; those that are not of [`BAGGAGE_KEYS`] become
/// [attributes](Scope::tag).
pub fn from_baggage_keys(context: &Context, keys: &[&str]) -> Scope {
    let baggage = context.baggage();
    let members = keys.iter().filter_map(|key| Some((*key, baggage.get(key)?.as_str())));
    members.fold(scope(), |scope, (key, value)| with_member(scope, key, value))
}

/// A scope from the `baggage` headers of a request alone; its trace is for
/// [`parent_from_headers`](super::parent_from_headers).
///
/// It has what they say under [`BAGGAGE_KEYS`], under the limits of [`from_baggage`] and W3C's: what is over 8,192
/// bytes or 64 members is not read.
pub fn extract(headers: &HeaderMap) -> Scope {
    extract_keys(headers, BAGGAGE_KEYS)
}

/// [`extract`] for these keys and no others; those that are not of [`BAGGAGE_KEYS`] become
/// [attributes](Scope::tag).
pub fn extract_keys(headers: &HeaderMap, keys: &[&str]) -> Scope {
    let texts = headers.get_all("baggage").iter().filter_map(|value| value.to_str().ok());
    let baggage = parse(texts, keys);
    from_baggage_keys(&Context::new().with_baggage(baggage), keys)
}

fn with_member(scope: Scope, key: &str, value: &str) -> Scope {
    if value.len() > VALUE_BYTES || value.chars().any(char::is_control) {
        return scope;
    }
    match key {
        USER_ID => scope.user(value),
        SESSION_ID => scope.session(value),
        GEN_AI_CONVERSATION_ID => scope.conversation(value),
        // As others may write it.
        TRACING_GENAI_TAGS if !value.starts_with('[') => {
            scope.tags(value.split(',').map(str::trim).take(TAGS))
        }
        TRACING_GENAI_TAGS => {
            let tags: Vec<String> = serde_json::from_str(value).unwrap_or_default();
            scope.tags(tags.into_iter().take(TAGS).filter(|tag| !tag.chars().any(char::is_control)))
        }
        _ => scope.tag(key, value),
    }
}

/// The members of these keys, of one or more headers' values; what cannot be read is passed over.
pub(super) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>, keys: &[&str]) -> Baggage {
    let mut left = TOTAL_BYTES;
    let mut baggage = Baggage::new();
    let whole = texts.into_iter().take_while(|text| {
        let fits = text.len() <= left;
        left = left.saturating_sub(text.len());
        fits
    });
    for member in whole.flat_map(|text| text.split(',')).take(MEMBERS) {
        // What follows are properties, of which none is ours.
        let member = member.split(';').next().unwrap_or_default();
        let Some((key, value)) = member.split_once('=') else { continue };
        let key = key.trim();
        let Some(value) = decoded(value.trim()).filter(|_| keys.contains(&key)) else { continue };
        baggage.insert(Key::from(key.to_owned()), StringValue::from(value));
    }
    baggage
}

/// What of these marks goes out.
fn members(marks: &Marks) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
    let tags =
        (!marks.tags.is_empty()).then(|| Cow::from(serde_json::Value::from(marks.tags.clone()).to_string()));
    let values = [&marks.user, &marks.session, &marks.conversation].map(|id| id.as_deref().map(Cow::from));
    BAGGAGE_KEYS
        .iter()
        .copied()
        .zip(values.into_iter().chain([tags]))
        .filter_map(|(key, value)| Some((key, value?)))
}

/// Makes these marks baggage of the thread's OpenTelemetry context, in place of those of the scope before.
/// Its span stays.
pub(super) fn attach(had_baggage: bool, marks: Option<&Marks>) -> Option<ContextGuard> {
    if !had_baggage && marks.is_none() {
        return None;
    }
    let context = Context::map_current(|context| {
        let mut baggage = Baggage::new();
        for (key, (value, metadata)) in context.baggage() {
            if !had_baggage || !BAGGAGE_KEYS.contains(&key.as_str()) {
                baggage.insert_with_metadata(key.clone(), value.clone(), metadata.clone());
            }
        }
        for (key, value) in marks.into_iter().flat_map(members) {
            baggage.insert(key, value.into_owned());
        }
        context.with_baggage(baggage)
    });
    Some(context.attach())
}

/// These marks as the value of a `baggage` header; `None` where nothing is to be said.
pub(super) fn header(marks: &Marks) -> Option<String> {
    let mut text = String::new();
    for (key, value) in members(marks) {
        let before = text.len();
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(key);
        text.push('=');
        encode(&value, &mut text);
        if text.len() > TOTAL_BYTES {
            text.truncate(before);
        }
    }
    (!text.is_empty()).then_some(text)
}

fn encode(value: &str, text: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

/// Percent-decoded; `None` where that is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex =
            |at: usize| char::from(*tail.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let code = (*first == b'%').then(|| Some((hex(0)?, hex(1)?))).flatten();
        // A `%` that begins no code stands for itself, as in the W3C's algorithm.
        (rest, _) = match code {
            Some((high, low)) => (tail.get(2..).unwrap_or_default(), bytes.push(high << 4 | low)),
            None => (tail, bytes.push(*first)),
        };
    }
    String::from_utf8(bytes).ok()
}
