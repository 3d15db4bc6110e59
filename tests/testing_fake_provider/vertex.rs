use super::{google::hello, ok, post_to, provider, send};
use serde_json::{Value, json};
use tracing_genai::testing::{Answer, FakeProvider};

fn post(provider: &FakeProvider, method: &str, body: &Value) -> reqwest::RequestBuilder {
    let model = "/v1/projects/p/locations/europe-west1/publishers/google/models/";
    post_to(format!("{}{model}{method}", provider.vertex_url()), body)
}

fn signed(provider: &FakeProvider, method: &str, body: &Value) -> reqwest::RequestBuilder {
    post(provider, method, body).header("authorization", "Bearer token")
}

#[tokio::test]
async fn repeats_the_user() {
    let answer = ok(signed(&provider(), "gemini-2.5-pro:generateContent", &hello())).await;
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], "You said: Hello there");
    assert!(answer["candidates"][0].get("index").is_none());
    assert_eq!(answer["modelVersion"], "gemini-2.5-pro");
    assert_eq!(answer["usageMetadata"]["trafficType"], "ON_DEMAND");
}

#[tokio::test]
async fn streams() {
    let provider = provider();
    let request = signed(&provider, "gemini-2.5-pro:streamGenerateContent?alt=sse", &hello());
    let body = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(body.matches("\r\n\r\n").count(), 4);
}

#[tokio::test]
async fn predicts_embeddings_with_the_tokens_of_each() {
    let request = json!({
        "instances": [{ "content": "one" }, { "content": "two words" }],
        "parameters": { "outputDimensionality": 4 },
    });
    let answer = ok(signed(&provider(), "text-embedding-005:predict", &request)).await;
    let second = &answer["predictions"][1]["embeddings"];
    assert_eq!(second["values"].as_array().unwrap().len(), 4);
    assert_eq!(second["statistics"], json!({ "truncated": false, "token_count": 2 }));
}

#[tokio::test]
async fn embeds_one_text_and_counts_it() {
    let request = json!({
        "content": { "parts": [{ "text": "two words" }] },
        "embedContentConfig": { "outputDimensionality": 4 },
    });
    let answer = ok(signed(&provider(), "gemini-embedding-001:embedContent", &request)).await;
    assert_eq!(answer["embedding"]["values"].as_array().unwrap().len(), 4);
    assert_eq!(answer["usageMetadata"]["promptTokenCount"], 2);
}

#[tokio::test]
async fn wants_a_token_and_takes_no_key() {
    let provider = provider();
    let request = post(&provider, "gemini-2.5-pro:generateContent", &hello());
    let (status, body) = send(request.header("x-goog-api-key", "key")).await;
    assert_eq!((status, &body["error"]["status"]), (401, &json!("UNAUTHENTICATED")));
}

#[tokio::test]
async fn has_no_such_model() {
    let (status, body) = send(signed(&provider(), "no-such-model:generateContent", &hello())).await;
    assert_eq!((status, &body["error"]["status"]), (404, &json!("NOT_FOUND")));
    let path = "projects/p/locations/europe-west1/publishers/google/models/no-such-model";
    assert!(body["error"]["message"].as_str().unwrap().contains(path));
}

#[tokio::test]
async fn gives_the_error_it_was_told() {
    let provider = provider();
    provider.enqueue(Answer::error(503, "UNAVAILABLE", None, "Busy."));
    let (status, body) = send(signed(&provider, "m:predict", &json!({ "instances": [] }))).await;
    assert_eq!((status, &body["error"]["code"]), (503, &json!(503)));
}
