use super::{json, post, provider};
use serde_json::{Value, json};
use tracing_genai::testing::{Answer, FakeProvider};

async fn error(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    assert!(response.headers().contains_key("x-request-id"));
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, body["error"].clone())
}

fn chat(provider: &FakeProvider, model: &str) -> reqwest::RequestBuilder {
    post(provider, "/chat/completions", &json!({ "model": model, "messages": [] }))
}

#[tokio::test]
async fn of_a_path_it_does_not_know() {
    let (status, error) = error(post(&provider(), "/chat", &json!({}))).await;
    assert_eq!((status, &error["message"]), (404, &json!("Invalid URL (POST /v1/chat)")));
}

#[tokio::test]
async fn of_a_missing_key() {
    let provider = provider();
    let request = reqwest::Client::new().post(format!("{}/chat/completions", provider.base_url()));
    let (status, error) = error(request.body("{}")).await;
    assert_eq!((status, &error["code"]), (401, &json!("invalid_api_key")));
    assert_eq!(error["type"], "invalid_request_error");
}

#[tokio::test]
async fn of_a_model_there_is_not() {
    let (status, error) = error(chat(&provider(), "no-such-model")).await;
    assert_eq!((status, &error["code"]), (404, &json!("model_not_found")));
}

#[tokio::test]
async fn of_a_model_there_is_not_in_the_way_of_responses() {
    let request = json!({ "model": "no-such-model", "input": "hello" });
    let (status, error) = error(post(&provider(), "/responses", &request)).await;
    assert_eq!((status, &error["code"]), (400, &json!("model_not_found")));
}

#[tokio::test]
async fn of_what_is_not_json() {
    let (status, error) = error(chat(&provider(), "gpt-4o").body("{")).await;
    assert_eq!((status, &error["type"]), (400, &json!("invalid_request_error")));
}

#[tokio::test]
async fn that_the_test_asked_for() {
    let provider = provider();
    provider
        .enqueue(Answer::error(429, "requests", "rate_limit_exceeded", "Slow.").header("retry-after", "2"));
    let response = chat(&provider, "gpt-4o").send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "2");
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(
        body["error"],
        json!({ "message": "Slow.", "type": "requests", "param": null, "code": "rate_limit_exceeded" })
    );
}

#[tokio::test]
async fn take_no_answer_that_was_meant_for_a_good_request() {
    let provider = provider();
    provider.enqueue(Answer::text("for the good one"));
    let (status, _) = error(chat(&provider, "no-such-model")).await;
    assert_eq!(status, 404);
    let answer = json(&provider, "/chat/completions", json!({ "model": "gpt-4o", "messages": [] })).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "for the good one");
}
