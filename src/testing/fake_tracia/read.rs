//! `GET /spans` and `GET /spans/{id}`.

use super::{ReceivedRequest, Stored, StoredSpan, Wrong, instant, invalid, not_found, rfc3339};
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
    shown.insert("promptVersion".to_owned(), span.prompt.as_ref().map(|(_, version)| *version).into());
    shown.insert("tags".to_owned(), span.sent.get("tags").cloned().unwrap_or_else(|| json!([])));
    Ok(Value::Object(shown))
}

fn shown<'a>(span: &StoredSpan, keys: impl Iterator<Item = &'a &'a str>) -> Map<String, Value> {
    let mut shown: Map<_, _> = keys.map(|key| ((*key).to_owned(), span.sent[*key].clone())).collect();
    shown.insert("id".to_owned(), span.id().into());
    shown.insert("promptSlug".to_owned(), span.prompt.as_ref().map(|(slug, _)| slug.as_str()).into());
    shown.insert("cost".to_owned(), Value::Null);
    shown.insert("createdAt".to_owned(), rfc3339(span.created).into());
    shown
}

/// What may be asked for.
const ASKED: [&str; 9] =
    ["promptSlug", "status", "startDate", "endDate", "userId", "sessionId", "tags", "limit", "cursor"];

pub(super) fn list(stored: &Stored, request: &ReceivedRequest) -> Result<Value, Wrong> {
    let asked = asked(request)?;
    let asked = |name: &str| asked.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let whole = |name: &str, default: usize| match asked(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| invalid(format!("{name} is no number"))),
    };
    // The place of the last span of the page before: what comes meanwhile moves nothing.
    let (limit, before) = (whole("limit", 50)?, whole("cursor", stored.spans.len())?);
    if !(1..=100).contains(&limit) {
        return Err(invalid("limit is not from 1 to 100"));
    }
    if asked("status").is_some_and(|status| !matches!(status, "SUCCESS" | "ERROR")) {
        return Err(invalid("status is not SUCCESS or ERROR"));
    }
    let time = |name: &str| match asked(name) {
        None => Ok(None),
        Some(text) => match instant::unix_nanos(text) {
            Some(time) => Ok(Some(time)),
            None => Err(invalid(format!("{name} is no time of RFC 3339 with a zone"))),
        },
    };
    let (start, end) = (time("startDate")?, time("endDate")?);
    let equal = ["status", "userId", "sessionId"].map(|name| (name, asked(name)));
    let fits = |(_, span): &(usize, &StoredSpan)| {
        let has_tag =
            |tag: &str| span.sent["tags"].as_array().is_some_and(|tags| tags.iter().any(|t| t == tag));
        equal.iter().all(|(name, asked)| asked.is_none_or(|asked| span.sent[*name] == *asked))
            && asked("promptSlug")
                .is_none_or(|asked| span.prompt.as_ref().is_some_and(|(slug, _)| slug == asked))
            && asked("tags").is_none_or(|tags| tags.split(',').all(has_tag))
            && start.is_none_or(|start| i128::from(span.created) >= start)
            && end.is_none_or(|end| i128::from(span.created) <= end)
    };
    let mut fitting = stored.spans.iter().enumerate().take(before).rev().filter(fits);
    let page: Vec<_> = fitting.by_ref().take(limit).collect();
    let spans: Vec<_> = page.iter().map(|(_, span)| shown(span, OF_LIST.iter())).collect();
    let mut answer = json!({ "spans": spans });
    if let Some((last, _)) = page.last().filter(|_| fitting.next().is_some()) {
        answer["nextCursor"] = last.to_string().into();
    }
    Ok(answer)
}

/// The parameters of the query, each known, given once, and with a value.
fn asked(request: &ReceivedRequest) -> Result<Vec<(String, String)>, Wrong> {
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let mut asked: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        if !ASKED.contains(&name.as_str()) {
            return Err(invalid(format!("{name} is nothing that spans can be asked for by")));
        }
        if value.is_empty() || asked.iter().any(|(known, _)| *known == name) {
            return Err(invalid(format!("{name} is empty or repeated")));
        }
        asked.push((name, value));
    }
    Ok(asked)
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
