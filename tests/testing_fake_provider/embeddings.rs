use super::{json, provider};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tracing_genai::testing::Answer;

const EMBEDDINGS: &str = "/embeddings";

fn request(input: Value) -> Value {
    json!({ "model": "text-embedding-3-small", "input": input })
}

fn vector(answer: &Value, index: usize) -> Vec<f64> {
    let numbers = answer["data"][index]["embedding"].as_array().unwrap();
    numbers.iter().map(|number| number.as_f64().unwrap()).collect()
}

#[tokio::test]
async fn gives_unit_vectors_that_the_input_decides() {
    let provider = provider();
    let answer = json(&provider, EMBEDDINGS, request(json!(["one", "two words", "one"]))).await;
    assert_eq!(answer["model"], "text-embedding-3-small");
    assert_eq!(answer["usage"], json!({ "prompt_tokens": 4, "total_tokens": 4 }));
    let length: f64 = vector(&answer, 0).iter().map(|number| number * number).sum();
    assert!((length - 1.0).abs() < 1e-3);
    assert_eq!(vector(&answer, 0).len(), 1536);
    assert_ne!(vector(&answer, 0), vector(&answer, 1));
    assert_eq!(vector(&answer, 0), vector(&answer, 2));
}

#[tokio::test]
async fn takes_tokens_for_input() {
    let answer = json(&provider(), EMBEDDINGS, request(json!([4438, 656, 358]))).await;
    assert_eq!(answer["data"].as_array().unwrap().len(), 1);
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
}

#[tokio::test]
async fn gives_as_many_dimensions_as_asked_for() {
    let mut request = request(json!("text"));
    request["dimensions"] = json!(8);
    assert_eq!(vector(&json(&provider(), EMBEDDINGS, request).await, 0).len(), 8);
}

#[tokio::test]
async fn encodes_the_same_numbers_in_base64() {
    let provider = provider();
    let mut request = request(json!("text"));
    request["dimensions"] = json!(4);
    let plain = vector(&json(&provider, EMBEDDINGS, request.clone()).await, 0);
    request["encoding_format"] = json!("base64");
    let answer = json(&provider, EMBEDDINGS, request).await;
    let bytes = STANDARD.decode(answer["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let numbers = bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    assert_eq!(numbers.collect::<Vec<_>>(), plain.iter().map(|number| *number as f32).collect::<Vec<_>>());
}

#[tokio::test]
async fn gives_the_vectors_it_was_told() {
    let provider = provider();
    provider.enqueue(Answer::embeddings(vec![vec![0.5, -0.25]]));
    assert_eq!(vector(&json(&provider, EMBEDDINGS, request(json!("text"))).await, 0), [0.5, -0.25]);
}
