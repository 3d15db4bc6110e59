//! `POST /spans`: the rules of a span.

use super::{Stored, StoredSpan, Wrong, conflict, invalid, messages, now_unix_nanos};
use serde_json::{Value, json};

const PROVIDERS: [&str; 5] = ["openai", "anthropic", "google", "amazon_bedrock", "voyage"];

/// How a value must be; else what it should have been.
pub(super) type Rule = fn(&Value) -> Result<(), String>;

const REQUIRED: [(&str, Rule); 9] = [
    ("spanId", span_id),
    ("model", filled_text),
    ("provider", provider),
    ("input", object),
    ("status", status),
    ("latencyMs", count),
    ("inputTokens", count),
    ("outputTokens", count),
    ("totalTokens", count),
];

const OPTIONAL: [(&str, Rule); 14] = [
    ("variables", variables),
    ("output", text_or_null),
    ("error", text_or_null),
    ("tags", texts),
    ("userId", text),
    ("sessionId", text),
    ("temperature", number),
    ("maxOutputTokens", count),
    ("topP", number),
    ("tools", messages::tools),
    ("toolCalls", messages::tool_calls),
    ("traceId", trace_id),
    ("parentSpanId", span_id),
    ("spanKind", kind),
];

pub(super) fn store(stored: &mut Stored, sent: &Value) -> Result<Value, Wrong> {
    check(sent).map_err(invalid)?;
    let id = sent["spanId"].as_str().unwrap_or_default();
    if stored.spans.iter().any(|span| span.id() == id) {
        return Err(conflict(format!("a span {id} is there already")));
    }
    stored.spans.push(StoredSpan { sent: sent.clone(), created: now_unix_nanos(), prompt: None });
    // What the library of each language looks for.
    Ok(json!({"id": id, "spanId": id, "traceId": sent.get("traceId"), "cost": null}))
}

fn check(sent: &Value) -> Result<(), String> {
    for (key, rule) in REQUIRED {
        let value = sent.get(key).ok_or_else(|| format!("{key} is missing"))?;
        rule(value).map_err(|expected| format!("{key} is not {expected}"))?;
    }
    for (key, rule) in OPTIONAL {
        if let Some(value) = sent.get(key) {
            rule(value).map_err(|expected| format!("{key} is not {expected}"))?;
        }
    }
    let known = |key: &str| REQUIRED.iter().chain(&OPTIONAL).any(|(known, _)| *known == key);
    if let Some(key) = sent.as_object().into_iter().flatten().map(|(key, _)| key).find(|key| !known(key)) {
        return Err(format!("{key} is no key of a span"));
    }
    let input = &sent["input"];
    let keys = input.as_object().map_or(0, serde_json::Map::len);
    if sent.get("spanKind").is_some_and(|kind| kind == "EMBEDDING") {
        match &input["text"] {
            Value::String(_) if keys == 1 => Ok(()),
            list if keys == 1 && texts(list).is_ok() => Ok(()),
            _ => Err("input of an embedding is not an object with text alone".to_owned()),
        }
    } else if keys == 1 {
        messages::messages(&input["messages"])
    } else {
        Err("input is not an object with messages alone".to_owned())
    }
}

fn must(holds: bool, expected: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(expected.to_owned()) }
}

/// `prefix`, `_` and 16 hex digits.
fn has_form(value: &Value, prefixes: &[&str]) -> bool {
    let id = value.as_str().and_then(|id| id.split_once('_'));
    id.is_some_and(|(prefix, hex)| {
        prefixes.iter().any(|known| known.eq_ignore_ascii_case(prefix))
            && hex.len() == 16
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

pub(super) fn span_id(value: &Value) -> Result<(), String> {
    must(has_form(value, &["sp", "tr"]), "sp_ and 16 hex digits")
}

pub(super) fn trace_id(value: &Value) -> Result<(), String> {
    must(has_form(value, &["tr"]), "tr_ and 16 hex digits")
}

pub(super) fn text(value: &Value) -> Result<(), String> {
    must(value.is_string(), "a string")
}

pub(super) fn filled_text(value: &Value) -> Result<(), String> {
    must(value.as_str().is_some_and(|text| !text.trim().is_empty()), "a string with something in it")
}

pub(super) fn text_or_null(value: &Value) -> Result<(), String> {
    must(value.is_string() || value.is_null(), "a string or null")
}

fn object(value: &Value) -> Result<(), String> {
    must(value.is_object(), "an object")
}

fn provider(value: &Value) -> Result<(), String> {
    let known = value.as_str().is_some_and(|provider| PROVIDERS.contains(&provider));
    must(known, "one of openai, anthropic, google, amazon_bedrock, voyage")
}

fn status(value: &Value) -> Result<(), String> {
    must(value == "SUCCESS" || value == "ERROR", "SUCCESS or ERROR")
}

fn kind(value: &Value) -> Result<(), String> {
    must(value == "ROOT" || value == "LLM" || value == "EMBEDDING", "ROOT, LLM or EMBEDDING")
}

/// Neither null nor a fraction, as NaN would become the one.
pub(super) fn count(value: &Value) -> Result<(), String> {
    must(value.is_u64(), "a whole number")
}

pub(super) fn number(value: &Value) -> Result<(), String> {
    must(value.is_number(), "a number")
}

pub(super) fn texts(value: &Value) -> Result<(), String> {
    must(value.as_array().is_some_and(|items| items.iter().all(Value::is_string)), "a list of strings")
}

pub(super) fn variables(value: &Value) -> Result<(), String> {
    let all_texts = value.as_object().is_some_and(|map| map.values().all(Value::is_string));
    must(all_texts || value.is_null(), "an object of strings or null")
}
