//! OpenAI's Responses API with its own items.

#![cfg(all(feature = "client", feature = "export"))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod items;
mod streams;
mod told;
mod validation;

use serde_json::{Value, json};
use tracing_genai::{
    Client,
    client::Reply,
    testing::{Answer, FakeProvider},
};

const MODEL: &str = "gpt-5-mini";

fn client(provider: &FakeProvider) -> Client {
    let builder = Client::builder().base_url(provider.base_url()).api_key("sk-test").provider_name("openai");
    builder.max_retries(0).build().unwrap()
}

/// What a model that thinks answers when it wants a tool called, as the API writes it. The last item is of a kind that
/// nobody knows yet.
fn thinking() -> Value {
    json!([
        {
            "id": "rs_1", "type": "reasoning", "encrypted_content": "gAAAAABo==",
            "summary": [{ "type": "summary_text", "text": "They want the weather." }],
        },
        {
            "id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
            "content": [{ "type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": [] }],
        },
        {
            "id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1",
            "name": "get_weather", "arguments": "{\"city\":\"Lisbon\"}",
        },
        { "id": "zz_1", "type": "dream", "of": ["sheep", 1.5, null] },
    ])
}

fn response(output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5-mini-2025-08-07",
        "output": output,
        "usage": {
            "input_tokens": 31, "input_tokens_details": { "cached_tokens": 8 },
            "output_tokens": 21, "output_tokens_details": { "reasoning_tokens": 14 }, "total_tokens": 52,
        },
    })
}

/// An answer in one piece.
fn whole(output: &Value) -> Answer {
    Answer::raw(200, "application/json", response(output).to_string())
}

/// The events of a stream of these.
fn events(events: &[Value]) -> Answer {
    let text =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()).into();
    Answer::chunks(200, "text/event-stream", events.iter().map(text).collect())
}

/// The items as the API streams them.
fn streamed(output: &Value) -> Vec<Value> {
    let mut all =
        vec![json!({ "type": "response.created", "response": { "id": "resp_1", "status": "in_progress" } })];
    for (index, item) in output.as_array().unwrap().iter().enumerate() {
        let mut begun = item.clone();
        for empty in ["content", "summary"] {
            if begun.get(empty).is_some() {
                begun[empty] = json!([]);
            }
        }
        if begun["type"] == "function_call" {
            begun["arguments"] = json!("");
        }
        all.push(json!({ "type": "response.output_item.added", "output_index": index, "item": begun }));
        let piece = |name: &str, delta: &Value| {
            json!({
                "type": format!("response.{name}.delta"), "output_index": index, "content_index": 0, "delta": delta,
            })
        };
        match item["type"].as_str().unwrap() {
            "message" => all.push(piece("output_text", &item["content"][0]["text"])),
            "function_call" => all.push(piece("function_call_arguments", &item["arguments"])),
            "reasoning" => {
                let mut event = piece("reasoning_summary_text", &item["summary"][0]["text"]);
                event.as_object_mut().unwrap().remove("content_index");
                event["summary_index"] = json!(0);
                all.push(event);
            }
            _ => {}
        }
        all.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item }));
    }
    all.push(json!({ "type": "response.completed", "response": response(output) }));
    all
}

fn items(reply: &Reply) -> Value {
    reply.output_items().iter().map(Value::from).collect()
}
