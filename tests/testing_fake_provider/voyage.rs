use super::{ok, post_to, provider, send};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tracing_genai::testing::{Answer, FakeProvider};

fn unsigned(provider: &FakeProvider, body: &Value) -> reqwest::RequestBuilder {
    post_to(format!("{}/embeddings", provider.voyage_url()), body)
}

fn post(provider: &FakeProvider, body: &Value) -> reqwest::RequestBuilder {
    unsigned(provider, body).header("authorization", "Bearer pa-key")
}

fn request() -> Value {
    json!({ "model": "voyage-3.5", "input": ["one", "two words"] })
}

#[tokio::test]
async fn embeds_texts() {
    let answer = ok(post(&provider(), &request())).await;
    assert_eq!((&answer["object"], &answer["model"]), (&json!("list"), &json!("voyage-3.5")));
    assert_eq!((&answer["data"][1]["object"], &answer["data"][1]["index"]), (&json!("embedding"), &json!(1)));
    assert_eq!(answer["data"][1]["embedding"].as_array().unwrap().len(), 1024);
    assert_eq!(answer["usage"], json!({ "total_tokens": 3 }));
}

#[tokio::test]
async fn gives_as_many_dimensions_as_asked_for() {
    let mut request = request();
    request["output_dimension"] = json!(256);
    let answer = ok(post(&provider(), &request)).await;
    assert_eq!(answer["data"][0]["embedding"].as_array().unwrap().len(), 256);
}

#[tokio::test]
async fn encodes_in_base64() {
    let mut request = request();
    request["encoding_format"] = json!("base64");
    let answer = ok(post(&provider(), &request)).await;
    let bytes = STANDARD.decode(answer["data"][0]["embedding"].as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 4 * 1024);
}

#[tokio::test]
async fn gives_the_vectors_it_was_told() {
    let provider = provider();
    provider.enqueue(Answer::embeddings(vec![vec![0.5]]).model("voyage-4"));
    let answer = ok(post(&provider, &request())).await;
    assert_eq!((&answer["data"][0]["embedding"], &answer["model"]), (&json!([0.5]), &json!("voyage-4")));
}

#[tokio::test]
async fn has_errors_of_one_message() {
    let provider = provider();
    provider.enqueue(Answer::error(429, "", None, "Slow."));
    assert_eq!(send(post(&provider, &request())).await, (429, json!({ "detail": "Slow." })));
}

#[tokio::test]
async fn wants_a_key() {
    let (status, body) = send(unsigned(&provider(), &request())).await;
    assert_eq!((status, body["detail"].is_string()), (401, true));
}

#[tokio::test]
async fn has_no_such_model() {
    let mut request = request();
    request["model"] = json!("no-such-model");
    let (status, body) = send(post(&provider(), &request)).await;
    assert_eq!((status, body["detail"].is_string()), (400, true));
}
