//! `testing::FakeTracia` takes and refuses as Tracia does.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails is a test that fails")]

mod control;
mod evaluations;
mod prompts;
mod reading;
mod spans;

use serde_json::{Value, json};
use tracing_genai::testing::FakeTracia;

fn tracia() -> FakeTracia {
    FakeTracia::start().expect("a loopback server")
}

/// A span as one of Tracia's libraries sends it.
fn span() -> Value {
    json!({
        "spanId": "sp_76e94b3a44273dcb",
        "model": "gpt-4o",
        "provider": "openai",
        "input": {"messages": [{"role": "user", "content": "w"}]},
        "variables": null,
        "output": "",
        "status": "SUCCESS",
        "error": null,
        "latencyMs": 13,
        "inputTokens": 100,
        "outputTokens": 50,
        "totalTokens": 150,
        "tools": [{
            "name": "get_weather",
            "description": "Weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        }],
        "toolCalls": [{"id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}}],
        "traceId": "tr_d59bf74629af210d",
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut span = span();
    span[key] = value;
    span
}

fn with_id(number: usize) -> Value {
    with("spanId", format!("sp_{number:016x}").into())
}

fn post(tracia: &FakeTracia, path: &str, body: &Value) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .post(format!("{}/api/v1{path}", tracia.url()))
        .bearer_auth(tracia.api_key())
        .header("content-type", "application/json")
        .body(body.to_string())
}

fn get(tracia: &FakeTracia, path: &str) -> reqwest::RequestBuilder {
    reqwest::Client::new().get(format!("{}/api/v1{path}", tracia.url())).bearer_auth(tracia.api_key())
}

async fn sent(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}
