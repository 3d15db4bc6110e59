//! `POST /prompts/{slug}/run`.

use super::{
    Stored, StoredSpan, Wrong, invalid, known_keys, messages, not_found, now_unix_nanos,
    prompt::place,
    prompt_store::{rendered, variables},
    span::{self, Rule},
};
use serde_json::{Value, json};

const KEYS: [(&str, Rule); 9] = [
    ("variables", values),
    ("model", span::filled_text),
    ("version", span::count),
    ("tags", span::texts),
    ("userId", span::text),
    ("sessionId", span::text),
    ("traceId", span::trace_id),
    ("parentSpanId", span::span_id),
    ("messages", messages::messages),
];

fn values(value: &Value) -> Result<(), String> {
    if value.is_null() { Err("an object of strings".to_owned()) } else { span::variables(value) }
}

pub(super) fn run(stored: &mut Stored, slug: &str, sent: &Value) -> Result<Value, Wrong> {
    known_keys(sent, &KEYS.map(|(key, _)| key))?;
    for (key, rule) in KEYS {
        if let Some(value) = sent.get(key) {
            rule(value).map_err(|expected| invalid(format!("{key} is not {expected}")))?;
        }
    }
    let prompt = &stored.prompts[place(stored, slug)?];
    let version = sent["version"].as_u64().unwrap_or(prompt.versions.len() as u64);
    let index = usize::try_from(version).unwrap_or(usize::MAX).wrapping_sub(1);
    let content = prompt.versions.get(index);
    let content = content.ok_or_else(|| not_found(format!("the prompt {slug} has no version {version}")))?;
    let messages = match sent.get("messages") {
        Some(messages) => messages.clone(),
        None => {
            let missing: Vec<_> =
                variables(content).into_iter().filter(|name| sent["variables"].get(name).is_none()).collect();
            if !missing.is_empty() {
                let message = format!("Missing required variables: {}", missing.join(", "));
                return Err(Wrong { status: 400, code: "MISSING_VARIABLES", message });
            }
            rendered(content, &sent["variables"])
        }
    };
    let parent = stored.spans.iter().find(|span| sent["parentSpanId"] == span.id());
    let of_parent = parent.and_then(|span| span.sent["traceId"].as_str());
    let span_id = format!("sp_{:016x}", 0xf000_0000_0000_0000 | stored.spans.len() as u64);
    let own_trace = span_id.replace("sp_", "tr_");
    let trace_id = sent["traceId"].as_str().or(of_parent).unwrap_or(&own_trace).to_owned();

    let mut answer = json!({
        "text": "Done.",
        "spanId": span_id,
        "traceId": trace_id,
        "promptVersion": version,
        "latencyMs": 1,
        "usage": {"inputTokens": 2, "outputTokens": 1, "totalTokens": 3},
        "cost": 0.0001,
        "finishReason": "stop",
    });
    for (key, value) in &stored.run_answer {
        answer[key] = value.clone();
    }
    let mut kept = json!({
        "spanId": span_id,
        "traceId": trace_id,
        "model": sent.get("model").cloned().unwrap_or_else(|| "gpt-4o".into()),
        "provider": "openai",
        "input": {"messages": messages},
        "output": answer["text"],
        "status": "SUCCESS",
        "latencyMs": answer["latencyMs"],
        "inputTokens": answer["usage"]["inputTokens"],
        "outputTokens": answer["usage"]["outputTokens"],
        "totalTokens": answer["usage"]["totalTokens"],
    });
    for key in ["variables", "tags", "userId", "sessionId", "parentSpanId"] {
        if let Some(value) = sent.get(key) {
            kept[key] = value.clone();
        }
    }
    stored.rendered.push(messages);
    let prompt = Some((slug.to_owned(), version));
    stored.spans.push(StoredSpan { sent: kept, created: now_unix_nanos(), prompt });
    Ok(answer)
}
