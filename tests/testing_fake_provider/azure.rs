use super::{events_of, ok, post_to, provider, send};
use serde_json::{Value, json};
use tracing_genai::testing::{Answer, FakeProvider};

const CHAT: &str = "my-gpt/chat/completions?api-version=2024-10-21";

fn hello() -> Value {
    json!({ "messages": [{ "role": "user", "content": "Hello there" }] })
}

fn unsigned(provider: &FakeProvider, path: &str, body: &Value) -> reqwest::RequestBuilder {
    post_to(format!("{}/openai/deployments/{path}", provider.azure_url()), body)
}

fn post(provider: &FakeProvider, path: &str, body: &Value) -> reqwest::RequestBuilder {
    unsigned(provider, path, body).header("api-key", "key")
}

async fn stream(answer: Answer) -> Vec<String> {
    let provider = provider();
    provider.enqueue(answer);
    let mut body = hello();
    body["stream"] = json!(true);
    events_of(post(&provider, CHAT, &body)).await.into_iter().map(|(_, data)| data).collect()
}

#[tokio::test]
async fn repeats_the_user() {
    let answer = ok(post(&provider(), CHAT, &hello())).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "You said: Hello there");
    assert_eq!(choice["content_filter_results"]["hate"]["filtered"], false);
    assert_eq!(answer["prompt_filter_results"][0]["prompt_index"], 0);
    assert_eq!(answer["model"], "my-gpt-2024-07-18");
}

#[tokio::test]
async fn has_the_headers_of_azure() {
    let provider = provider();
    let response = post(&provider, CHAT, &hello()).send().await.unwrap();
    assert!(response.headers().contains_key("apim-request-id"));
    assert!(response.headers().contains_key("x-ms-region"));
}

#[tokio::test]
async fn streams_what_it_filtered_before_anything_else() {
    let events = stream(Answer::text("Good day")).await;
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(events.last().unwrap(), "[DONE]");
    let first = &chunks[0];
    assert_eq!((&first["choices"], &first["id"], &first["model"]), (&json!([]), &json!(""), &json!("")));
    assert!(first["prompt_filter_results"].is_array());
    assert_eq!(chunks[2]["choices"][0]["delta"]["content"], "Good");
    assert_eq!(chunks[2]["id"], chunks[3]["id"]);
}

#[tokio::test]
async fn fails_in_a_stream_as_openai_does() {
    let events = stream(Answer::text("a b").mid_stream_error(2, "server_error", None, "Sorry.")).await;
    assert_eq!(events.len(), 3);
    assert_eq!(serde_json::from_str::<Value>(&events[2]).unwrap()["error"]["type"], "server_error");
}

#[tokio::test]
async fn embeds_texts() {
    let path = "my-embedding/embeddings?api-version=2024-10-21";
    let answer = ok(post(&provider(), path, &json!({ "input": "one", "dimensions": 4 }))).await;
    assert_eq!(answer["data"][0]["embedding"].as_array().unwrap().len(), 4);
    assert_eq!(answer["model"], "my-embedding");
}

#[tokio::test]
async fn wants_a_version() {
    let (status, body) = send(post(&provider(), "my-gpt/chat/completions", &hello())).await;
    assert_eq!(status, 404);
    assert_eq!(body, json!({ "error": { "code": "404", "message": "Resource not found" } }));
}

#[tokio::test]
async fn wants_a_key() {
    let (status, body) = send(unsigned(&provider(), CHAT, &hello())).await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!("401")));
    assert!(body["error"].get("type").is_none());
}

#[tokio::test]
async fn has_no_such_deployment() {
    let path = "no-such-model/chat/completions?api-version=2024-10-21";
    let (status, body) = send(post(&provider(), path, &hello())).await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!("DeploymentNotFound")));
}

#[tokio::test]
async fn gives_the_error_it_was_told() {
    let provider = provider();
    provider.enqueue(Answer::error(429, "", None, "Slow."));
    let (status, body) = send(post(&provider, CHAT, &hello())).await;
    assert_eq!((status, body), (429, json!({ "error": { "code": "429", "message": "Slow." } })));
}
