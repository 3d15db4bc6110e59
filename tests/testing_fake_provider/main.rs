//! `testing::FakeProvider` answers as the real providers do.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails is a test that fails")]
#![allow(clippy::needless_pass_by_value, reason = "requests are written where they are passed")]

mod answers;
mod anthropic;
mod azure;
mod bedrock;
mod bedrock_invoke;
mod chat;
mod embeddings;
mod errors;
mod gates;
mod google;
mod google_streams;
mod responses;
mod vertex;
mod voyage;

use serde_json::Value;
use tracing_genai::testing::FakeProvider;

fn provider() -> FakeProvider {
    FakeProvider::start().expect("a loopback server")
}

fn post(provider: &FakeProvider, path: &str, body: &Value) -> reqwest::RequestBuilder {
    post_to(format!("{}{path}", provider.base_url()), body).header("authorization", "Bearer sk-test")
}

/// Without a key.
fn post_to(url: String, body: &Value) -> reqwest::RequestBuilder {
    reqwest::Client::new().post(url).header("content-type", "application/json").body(body.to_string())
}

/// The status and the body.
async fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

/// The body of an answer that is no error.
async fn ok(request: reqwest::RequestBuilder) -> Value {
    let (status, body) = send(request).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn json(provider: &FakeProvider, path: &str, body: Value) -> Value {
    ok(post(provider, path, &body)).await
}

/// The events of a stream: name and data.
async fn events(provider: &FakeProvider, path: &str, body: Value) -> Vec<(String, String)> {
    events_of(post(provider, path, &body)).await
}

async fn events_of(request: reqwest::RequestBuilder) -> Vec<(String, String)> {
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let text = response.text().await.unwrap();
    text.split_terminator("\n\n")
        .map(|event| match event.split_once('\n') {
            Some((name, data)) => (
                name.strip_prefix("event: ").unwrap().to_owned(),
                data.strip_prefix("data: ").unwrap().to_owned(),
            ),
            None => (String::new(), event.strip_prefix("data: ").unwrap().to_owned()),
        })
        .collect()
}

/// The events of a stream of chat, without the `[DONE]` that must be its last.
async fn chunks(provider: &FakeProvider, body: Value) -> Vec<Value> {
    let mut events = events(provider, "/chat/completions", body).await;
    assert_eq!(events.pop().unwrap().1, "[DONE]");
    events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect()
}
