//! Anthropic's messages.

use super::{
    answer::ProviderError,
    chat::argument_pieces,
    endpoint::{Endpoint, has_bearer, has_header, is_unknown},
    prompt::{Prompt, Reply, first_tool, number, schema, text, words},
    render::{Generation, Tokens, id, pieces, request_id, uuid},
};
use crate::testing::ReceivedRequest;
use bytes::Bytes;
use serde_json::{Value, json};

pub(super) fn refusal(
    request: &ReceivedRequest,
    endpoint: Option<Endpoint<'_>>,
) -> Option<(u16, ProviderError)> {
    let refused = |status, kind, message: &str| Some((status, ProviderError::new(kind, None, message)));
    let invalid = |message: &str| refused(400, "invalid_request_error", message);
    if endpoint.is_none() {
        return refused(404, "not_found_error", "Not Found");
    }
    if !has_header(request, "x-api-key") && !has_bearer(request) {
        return refused(401, "authentication_error", "x-api-key header is required");
    }
    if !has_header(request, "anthropic-version") {
        return invalid("anthropic-version: header is required");
    }
    let body = request.json();
    if !body.is_object() {
        return invalid("The request body is not valid JSON.");
    }
    if let Some(missing) = ["model", "max_tokens", "messages"].into_iter().find(|key| body[key].is_null()) {
        return invalid(&format!("{missing}: Field required"));
    }
    let messages = body["messages"].as_array().into_iter().flatten();
    let roles = messages.map(|message| message["role"].as_str().unwrap_or_default());
    if let Some((index, role)) = roles.enumerate().find(|(_, role)| !["user", "assistant"].contains(role)) {
        return invalid(&format!("messages.{index}: Unexpected role \"{role}\"."));
    }
    let model = body["model"].as_str().unwrap_or_default();
    if is_unknown(model) {
        return refused(404, "not_found_error", &format!("model: {model}"));
    }
    None
}

pub(super) fn error(error: &ProviderError, number: usize) -> Value {
    json!({
        "type": "error",
        "error": { "type": error.kind, "message": error.message },
        "request_id": request_id(number),
    })
}

pub(super) fn headers(number: usize) -> Vec<(&'static str, String)> {
    let reset = || "2025-07-18T07:20:44Z".to_owned();
    vec![
        ("anthropic-organization-id", uuid(0)),
        ("anthropic-ratelimit-input-tokens-limit", "200000".to_owned()),
        ("anthropic-ratelimit-input-tokens-remaining", "199000".to_owned()),
        ("anthropic-ratelimit-input-tokens-reset", reset()),
        ("anthropic-ratelimit-output-tokens-limit", "80000".to_owned()),
        ("anthropic-ratelimit-output-tokens-remaining", "79000".to_owned()),
        ("anthropic-ratelimit-output-tokens-reset", reset()),
        ("anthropic-ratelimit-requests-limit", "4000".to_owned()),
        ("anthropic-ratelimit-requests-remaining", "3999".to_owned()),
        ("anthropic-ratelimit-requests-reset", reset()),
        ("request-id", request_id(number)),
    ]
}

/// An undated name stands for a dated one.
pub(super) fn dated(model: &str) -> String {
    let is_date = |part: &str| part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit());
    if model.rsplit('-').next().is_some_and(is_date) {
        return model.to_owned();
    }
    format!("{}-20250929", model.strip_suffix("-latest").unwrap_or(model))
}

pub(super) fn prompt(body: &Value) -> Prompt {
    let messages = &body["messages"];
    let last = messages.as_array().and_then(|messages| messages.last()).unwrap_or(&Value::Null);
    let blocks = last["content"].as_array().into_iter().flatten();
    let results: Vec<_> =
        blocks.filter(|block| block["type"] == "tool_result").map(|block| text(&block["content"])).collect();
    let choice = &body["tool_choice"];
    let forced = choice["name"].as_str();
    let tools = body["tools"].as_array().into_iter().flatten();
    // The provider's own tools have no schema, and are not the caller's to run.
    let tools =
        tools.filter_map(|tool| Some((tool["name"].as_str()?.to_owned(), tool.get("input_schema")?.clone())));
    let format = &body["output_config"]["format"];
    Prompt {
        text: if results.is_empty() { text(&last["content"]) } else { results.join(" ") },
        is_tool_result: !results.is_empty(),
        tool: if choice["type"] == "none" { None } else { first_tool(tools, forced) },
        tool_is_forced: forced.is_some(),
        schema: schema(if format.is_null() { &body["output_format"] } else { format }),
        max_tokens: number(&body["max_tokens"]),
        choices: None,
        words: words(messages) + words(&body["system"]),
    }
}

pub(super) fn body(generation: &Generation) -> Value {
    let mut message = envelope(generation, &usage(generation.usage));
    message["content"] = blocks(generation).into_iter().map(|block| block.done).collect();
    message["stop_reason"] = json!(stop_reason(generation));
    message["stop_details"] = stop_details(generation);
    message
}

pub(super) fn events(generation: &Generation, error_at: Option<&(usize, ProviderError)>) -> Vec<Bytes> {
    let mut datas = datas(generation);
    if let Some((after, problem)) = error_at {
        datas.truncate(*after);
        datas.push(error(problem, generation.number));
    }
    datas.iter().enumerate().map(|(position, data)| event(data, position)).collect()
}

/// The data of each event of a stream.
pub(super) fn datas(generation: &Generation) -> Vec<Value> {
    // Of the output it knows no more than that there will be some.
    let begun = usage(Tokens { output: 1, reasoning: 0, ..generation.usage });
    let mut datas = vec![json!({ "type": "message_start", "message": envelope(generation, &begun) })];
    for (index, block) in blocks(generation).into_iter().enumerate() {
        datas.push(json!({ "type": "content_block_start", "index": index, "content_block": block.begun }));
        if index == 0 {
            datas.push(json!({ "type": "ping" }));
        }
        datas.extend(
            block
                .deltas
                .into_iter()
                .map(|delta| json!({ "type": "content_block_delta", "index": index, "delta": delta })),
        );
        datas.push(json!({ "type": "content_block_stop", "index": index }));
    }
    let mut total = usage(generation.usage);
    if let Some(total) = total.as_object_mut() {
        total.retain(|key, _| !["cache_creation", "service_tier", "inference_geo"].contains(&key.as_str()));
    }
    datas.push(json!({
        "type": "message_delta",
        "delta": {
            "stop_reason": stop_reason(generation),
            "stop_sequence": null,
            "stop_details": stop_details(generation),
        },
        "usage": total,
    }));
    datas.push(json!({ "type": "message_stop" }));
    datas
}

/// As Anthropic does it, with spaces of no meaning before the last brace.
fn event(data: &Value, position: usize) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    let text = data.to_string();
    let inside = text.strip_suffix('}').unwrap_or(&text);
    format!("event: {name}\ndata: {inside}{:padding$}}}\n\n", "", padding = position * 7 % 16).into()
}

/// One block of the content: as it is announced, what is added to it, as it is in the end.
struct Block {
    begun: Value,
    deltas: Vec<Value>,
    done: Value,
}

fn blocks(generation: &Generation) -> Vec<Block> {
    match generation.replies.first() {
        Some(Reply::Text(text) | Reply::Refusal(text)) if !text.is_empty() => {
            let block = |text: &str| json!({ "type": "text", "text": text });
            let delta = |piece| json!({ "type": "text_delta", "text": piece });
            vec![Block { begun: block(""), deltas: pieces(text).map(delta).collect(), done: block(text) }]
        }
        Some(Reply::ToolCalls(calls)) => {
            let calls = calls.iter().enumerate();
            calls.map(|(index, (name, arguments))| tool_use(generation, index, name, arguments)).collect()
        }
        _ => Vec::new(),
    }
}

fn tool_use(generation: &Generation, index: usize, name: &str, arguments: &str) -> Block {
    let block = |input| {
        json!({
            "type": "tool_use",
            "id": id("toolu_01", generation.number, index),
            "name": name,
            "input": input,
            "caller": { "type": "direct" },
        })
    };
    let delta = |piece: &str| json!({ "type": "input_json_delta", "partial_json": piece });
    let mut deltas = vec![delta("")];
    deltas.extend(argument_pieces(arguments).map(|piece| delta(&piece)));
    // In one piece there is no place for what is no JSON: it is lost.
    let input = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
    Block { begun: block(json!({})), deltas, done: block(input) }
}

pub(super) fn stop_reason(generation: &Generation) -> &'static str {
    match generation.replies.first() {
        _ if generation.truncated => "max_tokens",
        Some(Reply::Refusal(_)) => "refusal",
        Some(Reply::ToolCalls(_)) => "tool_use",
        _ => "end_turn",
    }
}

fn stop_details(generation: &Generation) -> Value {
    match stop_reason(generation) {
        "refusal" => json!({ "type": "refusal", "category": null, "explanation": null }),
        _ => Value::Null,
    }
}

/// The message before it says anything.
fn envelope(generation: &Generation, usage: &Value) -> Value {
    json!({
        "id": id("msg_01", generation.number, 0),
        "type": "message",
        "role": "assistant",
        "model": generation.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "stop_details": null,
        "usage": usage,
    })
}

fn usage(tokens: Tokens) -> Value {
    let mut usage = json!({
        "input_tokens": tokens.uncached(),
        "cache_creation_input_tokens": tokens.cache_written,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_written,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": tokens.output,
        "service_tier": "standard",
        "inference_geo": "not_available",
    });
    // Only models that think tell.
    if tokens.reasoning > 0 {
        usage["output_tokens_details"] = json!({ "thinking_tokens": tokens.reasoning });
    }
    usage
}
