//! Chat completions.

use super::{
    answer::ProviderError,
    openai,
    prompt::Reply,
    render::{CREATED, Generation, Tokens, event, id, pieces},
};
use crate::testing::ReceivedRequest;
use bytes::Bytes;
use serde_json::{Value, json};

pub(super) fn body(generation: &Generation) -> Value {
    let choices = generation.replies.iter().enumerate().map(|(index, reply)| {
        let mut message = json!({ "role": "assistant", "content": null, "refusal": null, "annotations": [] });
        match reply {
            Reply::Text(text) => message["content"] = json!(text),
            Reply::Refusal(refusal) => message["refusal"] = json!(refusal),
            Reply::ToolCalls(calls) => {
                let calls = calls.iter().enumerate().map(|(position, (name, arguments))| {
                    json!({
                        "id": call_id(generation, index, position),
                        "type": "function",
                        "function": { "name": name, "arguments": arguments },
                    })
                });
                message["tool_calls"] = calls.collect();
            }
        }
        json!({
            "index": index,
            "message": message,
            "logprobs": null,
            "finish_reason": finish_reason(generation, reply),
        })
    });
    json!({
        "id": id("chatcmpl-", generation.number, 0),
        "object": "chat.completion",
        "created": CREATED,
        "model": generation.model,
        "choices": choices.collect::<Value>(),
        "usage": usage(generation.usage),
        "service_tier": "default",
        "system_fingerprint": "fp_6fc10e10eb",
    })
}

/// Whether a stream tells what it used: asked to, and Mistral always.
pub(super) fn tells_usage(request: &ReceivedRequest, body: &Value) -> bool {
    body["stream_options"]["include_usage"] == true || request.route().starts_with("/mistral/")
}

/// The data of each event of a stream.
pub(super) fn chunks(generation: &Generation, with_usage: bool) -> Vec<Value> {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": id("chatcmpl-", generation.number, 0),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": generation.model,
            "choices": choices,
            "service_tier": "default",
            "system_fingerprint": "fp_6fc10e10eb",
        });
        if with_usage {
            chunk["usage"] = usage;
        }
        chunk
    };
    let choice = |index: usize, delta: Value, finish_reason: Value| {
        let choice =
            json!({ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
        chunk(json!([choice]), Value::Null)
    };

    let mut chunks = Vec::new();
    for (index, reply) in generation.replies.iter().enumerate() {
        let deltas = deltas(generation, index, reply);
        chunks.extend(deltas.into_iter().map(|delta| choice(index, delta, Value::Null)));
    }
    for (index, reply) in generation.replies.iter().enumerate() {
        chunks.push(choice(index, json!({}), json!(finish_reason(generation, reply))));
    }
    if with_usage {
        chunks.push(chunk(json!([]), usage(generation.usage)));
    }
    chunks
}

/// The events of a stream, to their end or to an error.
pub(super) fn framed(mut chunks: Vec<Value>, error: Option<&(usize, ProviderError)>) -> Vec<Bytes> {
    if let Some((after, error)) = error {
        chunks.truncate(*after);
        chunks.push(openai::error(error));
    }
    let mut events: Vec<_> = chunks.iter().map(|chunk| event(None, chunk)).collect();
    if error.is_none() {
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    }
    events
}

fn deltas(generation: &Generation, index: usize, reply: &Reply) -> Vec<Value> {
    match reply {
        Reply::Text(text) => {
            let role = json!({ "role": "assistant", "content": "", "refusal": null });
            let words = pieces(text).map(|word| json!({ "content": word }));
            std::iter::once(role).chain(words).collect()
        }
        Reply::Refusal(refusal) => {
            let role = json!({ "role": "assistant", "content": null, "refusal": "" });
            let words = pieces(refusal).map(|word| json!({ "refusal": word }));
            std::iter::once(role).chain(words).collect()
        }
        Reply::ToolCalls(calls) => {
            let mut deltas = vec![json!({ "role": "assistant", "content": null })];
            for (position, (name, arguments)) in calls.iter().enumerate() {
                deltas.push(json!({ "tool_calls": [{
                    "index": position,
                    "id": call_id(generation, index, position),
                    "type": "function",
                    "function": { "name": name, "arguments": "" },
                }] }));
                deltas.extend(argument_pieces(arguments).map(|piece| {
                    json!({ "tool_calls": [{ "index": position, "function": { "arguments": piece } }] })
                }));
            }
            deltas
        }
    }
}

/// Arguments come in pieces that are not JSON by themselves.
pub(super) fn argument_pieces(arguments: &str) -> impl Iterator<Item = String> + use<> {
    let characters: Vec<char> = arguments.chars().collect();
    let pieces: Vec<String> = characters.chunks(5).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}

fn call_id(generation: &Generation, choice: usize, position: usize) -> String {
    id("call_", generation.number, choice << 8 | position)
}

fn finish_reason(generation: &Generation, reply: &Reply) -> &'static str {
    match reply {
        _ if generation.truncated => "length",
        // Of a call that it had no choice about, OpenAI says this.
        Reply::ToolCalls(_) if generation.forced => "stop",
        Reply::ToolCalls(_) => "tool_calls",
        Reply::Text(_) | Reply::Refusal(_) => "stop",
    }
}

fn usage(tokens: Tokens) -> Value {
    let mut input = json!({ "cached_tokens": tokens.cached, "audio_tokens": 0 });
    // Only models that charge for it tell.
    if tokens.cache_written > 0 {
        input["cache_write_tokens"] = json!(tokens.cache_written);
    }
    json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": input,
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}
