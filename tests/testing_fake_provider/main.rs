//! `testing::FakeProvider` answers as OpenAI does.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails is a test that fails")]
#![allow(clippy::needless_pass_by_value, reason = "requests are written where they are passed")]

mod answers;
mod chat;
mod embeddings;
mod errors;
mod gates;
mod responses;

use serde_json::Value;
use tracing_genai::testing::FakeProvider;

fn provider() -> FakeProvider {
    FakeProvider::start().expect("a loopback server")
}

fn post(provider: &FakeProvider, path: &str, body: &Value) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .post(format!("{}{path}", provider.base_url()))
        .header("authorization", "Bearer sk-test")
        .header("content-type", "application/json")
        .body(body.to_string())
}

async fn json(provider: &FakeProvider, path: &str, body: Value) -> Value {
    let response = post(provider, path, &body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// The events of a stream: name and data.
async fn events(provider: &FakeProvider, path: &str, body: Value) -> Vec<(String, String)> {
    let response = post(provider, path, &body).send().await.unwrap();
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
