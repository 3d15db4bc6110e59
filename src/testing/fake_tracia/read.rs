//! `GET /spans` and `GET /spans/{id}`.

use super::{ReceivedRequest, Stored, StoredSpan, Wrong, invalid, not_found};
use serde_json::{Map, Value, json};

const OF_LIST: [&str; 9] = [
    "spanId",
    "traceId",
    "parentSpanId",
    "model",
    "status",
    "latencyMs",
    "inputTokens",
    "outputTokens",
    "totalTokens",
];

/// These have one span besides.
const OF_ONE: [&str; 7] = ["provider", "input", "variables", "output", "error", "userId", "sessionId"];

pub(super) fn one(stored: &Stored, id: &str) -> Result<Value, Wrong> {
    let span = stored.spans.iter().find(|span| span.id() == id);
    let span = span.ok_or_else(|| not_found(format!("there is no span {id}")))?;
    let mut shown = shown(span, OF_LIST.iter().chain(&OF_ONE));
    shown.insert("promptVersion".to_owned(), Value::Null);
    shown.insert("tags".to_owned(), span.sent.get("tags").cloned().unwrap_or_else(|| json!([])));
    Ok(Value::Object(shown))
}

fn shown<'a>(span: &StoredSpan, keys: impl Iterator<Item = &'a &'a str>) -> Map<String, Value> {
    let mut shown: Map<_, _> = keys.map(|key| ((*key).to_owned(), span.sent[*key].clone())).collect();
    shown.insert("id".to_owned(), span.id().into());
    shown.insert("promptSlug".to_owned(), Value::Null);
    shown.insert("cost".to_owned(), Value::Null);
    shown.insert("createdAt".to_owned(), span.created_at.clone().into());
    shown
}

pub(super) fn list(stored: &Stored, request: &ReceivedRequest) -> Result<Value, Wrong> {
    let asked = |name: &str| request.query(name).map(decoded);
    let whole = |name: &str, default: usize| match asked(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| invalid(format!("{name} is no number"))),
    };
    let (limit, from) = (whole("limit", 50)?, whole("cursor", 0)?);
    if !(1..=100).contains(&limit) {
        return Err(invalid("limit is not from 1 to 100"));
    }
    let equal = ["status", "userId", "sessionId", "promptSlug"].map(|name| (name, asked(name)));
    let (start, end, tags) = (asked("startDate"), asked("endDate"), asked("tags"));
    let fits = |span: &&StoredSpan| {
        let has_tag =
            |tag: &str| span.sent["tags"].as_array().is_some_and(|tags| tags.iter().any(|t| t == tag));
        equal.iter().all(|(name, asked)| asked.as_ref().is_none_or(|asked| span.sent[*name] == **asked))
            && tags.as_ref().is_none_or(|tags| tags.split(',').all(has_tag))
            // Times in UTC in one form are in the order of their texts.
            && start.as_ref().is_none_or(|start| span.created_at >= *start)
            && end.as_ref().is_none_or(|end| span.created_at <= *end)
    };
    let fitting: Vec<_> = stored.spans.iter().rev().filter(fits).collect();
    let page: Vec<_> =
        fitting.iter().skip(from).take(limit).map(|span| shown(span, OF_LIST.iter())).collect();
    let mut answer = json!({"spans": page});
    if from + limit < fitting.len() {
        answer["nextCursor"] = (from + limit).to_string().into();
    }
    Ok(answer)
}

/// Without percent encoding.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut decoded, mut place) = (Vec::with_capacity(bytes.len()), 0);
    while place < bytes.len() {
        let hex = bytes.get(place + 1..place + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| bytes[place] == b'%') {
            Some(byte) => {
                decoded.push(byte);
                place += 3;
            }
            None => {
                decoded.push(bytes[place]);
                place += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
