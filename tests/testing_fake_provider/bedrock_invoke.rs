use super::{
    bedrock::{NOVA, frames, given, post},
    ok, provider,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tracing_genai::testing::{Answer, FakeProvider};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";
const LLAMA: &str = "meta.llama3-70b-instruct-v1:0";

fn for_claude() -> Value {
    json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 100,
        "messages": [{ "role": "user", "content": "Hello there" }],
    })
}

fn for_nova() -> Value {
    let limits = json!({ "max_new_tokens": 3 });
    let messages = json!([{ "role": "user", "content": [{ "text": "Hello there" }] }]);
    json!({ "schemaVersion": "messages-v1", "messages": messages, "inferenceConfig": limits })
}

fn for_llama() -> Value {
    json!({ "prompt": "Hello there", "max_gen_len": 100 })
}

fn invoke(provider: &FakeProvider, model: &str, body: &Value) -> reqwest::RequestBuilder {
    post(provider, &format!("{model}/invoke"), body)
}

async fn answer(model: &str, body: Value) -> Value {
    ok(invoke(&provider(), model, &body)).await
}

async fn refusal(model: &str, body: Value) -> String {
    let response = invoke(&provider(), model, &body).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.headers()["x-amzn-errortype"].to_str().unwrap().starts_with("ValidationException:"));
    response.text().await.unwrap()
}

/// A model's own events, out of their frames.
async fn stream(model: &str, body: Value, answer: Answer) -> Vec<Value> {
    let provider = provider();
    provider.enqueue(answer);
    let path = format!("{model}/invoke-with-response-stream");
    let frames = frames(post(&provider, &path, &body)).await;
    let event = |(kind, payload): &(String, Value)| {
        if kind != "chunk" {
            return json!({ kind.as_str(): payload });
        }
        let bytes = STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    frames.iter().map(event).collect()
}

#[tokio::test]
async fn claude_answers_as_at_home_but_for_ids_and_names() {
    let answer = answer(CLAUDE, for_claude()).await;
    assert_eq!(answer["content"], json!([{ "type": "text", "text": "You said: Hello there" }]));
    assert_eq!(answer["model"], "claude-sonnet-4-20250514");
    assert!(answer["id"].as_str().unwrap().starts_with("msg_bdrk_01"));
    assert_eq!(answer["usage"]["input_tokens"], 3);
}

#[tokio::test]
async fn claude_calls_tools() {
    let mut request = for_claude();
    request["tools"] = json!([{ "name": "get_weather", "input_schema": { "type": "object" } }]);
    let answer = answer(CLAUDE, request).await;
    let call = &answer["content"][0];
    assert_eq!((&call["type"], &call["name"]), (&json!("tool_use"), &json!("get_weather")));
    assert!(call["id"].as_str().unwrap().starts_with("toolu_bdrk_01"));
}

#[tokio::test]
async fn claude_is_told_the_version_and_nothing_that_the_path_says() {
    for (key, value) in [("anthropic_version", Value::Null), ("stream", json!(true)), ("model", json!("x"))] {
        let mut request = for_claude();
        request[key] = value;
        assert!(refusal(CLAUDE, request).await.contains(&format!("[{key}]")));
    }
}

#[tokio::test]
async fn tokens_are_counted_in_headers() {
    let provider = provider();
    provider.enqueue(Answer::text("Hi").usage(given()));
    let response = invoke(&provider, CLAUDE, &for_claude()).send().await.unwrap();
    let header = |name: &str| {
        let header = response.headers().get(format!("x-amzn-bedrock-{name}"));
        header.map(|value| value.to_str().unwrap().parse::<u64>().unwrap())
    };
    assert_eq!((header("input-token-count"), header("output-token-count")), (Some(20), Some(20)));
    assert_eq!(header("cache-read-input-token-count"), Some(64));
    assert_eq!(header("cache-write-input-token-count"), Some(16));
    assert!(header("invocation-latency").is_some());
}

#[tokio::test]
async fn claude_streams_events_with_metrics_in_the_last() {
    let events = stream(CLAUDE, for_claude(), Answer::text("Good day").usage(given())).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    assert_eq!(events[0]["message"]["usage"]["cache_read_input_tokens"], 64);
    assert_eq!(events[5]["usage"], json!({ "output_tokens": 20 }));
    let metrics = &events[6]["amazon-bedrock-invocationMetrics"];
    assert_eq!((&metrics["inputTokenCount"], &metrics["outputTokenCount"]), (&json!(20), &json!(20)));
    assert_eq!(metrics["cacheReadInputTokenCount"], 64);
}

#[tokio::test]
async fn a_stream_fails_with_an_exception() {
    let answer = Answer::text("a b").mid_stream_error(1, "throttlingException", None, "Slow.");
    let events = stream(CLAUDE, for_claude(), answer).await;
    assert_eq!((events.len(), &events[1]["! throttlingException"]["message"]), (2, &json!("Slow.")));
}

#[tokio::test]
async fn nova_answers_with_one_name_for_what_is_cached() {
    let answer = answer(NOVA, for_nova()).await;
    assert_eq!(answer["output"]["message"]["content"], json!([{ "text": "You said: Hello" }]));
    assert_eq!(answer["stopReason"], "max_tokens");
    let usage = json!({
        "inputTokens": 3,
        "outputTokens": 3,
        "totalTokens": 6,
        "cacheReadInputTokenCount": 0,
        "cacheWriteInputTokenCount": 0,
    });
    assert_eq!(answer["usage"], usage);
}

#[tokio::test]
async fn nova_streams_a_block_for_each_piece() {
    let events = stream(NOVA, for_nova(), Answer::text("Good day")).await;
    assert_eq!(events[0], json!({ "messageStart": { "role": "assistant" } }));
    let delta = json!({ "contentBlockIndex": 1, "delta": { "text": " day" } });
    assert_eq!(events[3], json!({ "contentBlockDelta": delta }));
    let last = events.last().unwrap();
    assert_eq!(last["metadata"]["usage"]["outputTokens"], 2);
    assert_eq!(last["amazon-bedrock-invocationMetrics"]["outputTokenCount"], 2);
}

#[tokio::test]
async fn llama_answers_a_prompt() {
    let answer = answer(LLAMA, for_llama()).await;
    let generation = json!({
        "generation": "You said: Hello there",
        "prompt_token_count": 2,
        "generation_token_count": 4,
        "stop_reason": "stop",
    });
    assert_eq!(answer, generation);
}

#[tokio::test]
async fn llama_stops_at_the_limit_of_tokens() {
    let mut request = for_llama();
    request["max_gen_len"] = json!(2);
    assert_eq!(answer(LLAMA, request).await["stop_reason"], "length");
}

#[tokio::test]
async fn llama_streams_pieces_and_then_why_it_ended() {
    let events = stream(LLAMA, for_llama(), Answer::text("Good day")).await;
    let told = |event: &Value| {
        (event["generation"].clone(), event["prompt_token_count"].clone(), event["stop_reason"].clone())
    };
    assert_eq!(told(&events[0]), (json!("Good"), json!(2), Value::Null));
    assert_eq!(told(&events[1]), (json!(" day"), Value::Null, Value::Null));
    assert_eq!(told(&events[2]), (json!(""), Value::Null, json!("stop")));
    assert_eq!(events[2]["amazon-bedrock-invocationMetrics"]["outputTokenCount"], 2);
}

#[tokio::test]
async fn a_profile_without_a_name_is_known_by_its_body() {
    let profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile%2Fabc";
    assert_eq!(answer(profile, for_claude()).await["type"], "message");
}

#[tokio::test]
async fn other_models_have_no_bodies() {
    assert!(refusal("mistral.mistral-7b-instruct-v0:2", for_llama()).await.contains("mistral"));
}

#[tokio::test]
async fn cohere_embeds_texts() {
    let request = json!({ "texts": ["one", "two words"], "input_type": "search_document" });
    let answer = answer("cohere.embed-english-v3", request).await;
    assert_eq!(answer["embeddings"][1].as_array().unwrap().len(), 1024);
    assert_eq!(answer["response_type"], "embeddings_floats");
    assert_eq!(answer["texts"], json!(["one", "two words"]));
    assert!(answer["id"].is_string());
}

#[tokio::test]
async fn cohere_sorts_embeddings_by_type() {
    let request = json!({ "texts": ["one"], "embedding_types": ["int8", "float"] });
    let answer = answer("cohere.embed-english-v3", request).await;
    assert_eq!(answer["response_type"], "embeddings_by_type");
    assert!(answer["embeddings"]["int8"][0][0].is_i64());
    assert!(answer["embeddings"]["float"][0][0].is_f64());
}

#[tokio::test]
async fn the_fourth_embeddings_of_cohere_always_have_types() {
    let request = json!({ "texts": ["one"], "output_dimension": 256 });
    let answer = answer("us.cohere.embed-v4:0", request).await;
    assert_eq!(answer["embeddings"]["float"][0].as_array().unwrap().len(), 256);
}

#[tokio::test]
async fn titan_embeds_a_text() {
    let request = json!({ "inputText": "two words", "dimensions": 256 });
    let answer = answer("amazon.titan-embed-text-v2:0", request).await;
    assert_eq!(answer["embedding"].as_array().unwrap().len(), 256);
    assert_eq!(answer["embeddingsByType"]["float"], answer["embedding"]);
    assert_eq!(answer["inputTextTokenCount"], 2);
}

#[tokio::test]
async fn embeddings_are_counted_in_headers() {
    let provider = provider();
    provider.enqueue(Answer::embeddings(vec![vec![0.5]]));
    let request = json!({ "texts": ["two words"] });
    let response = invoke(&provider, "cohere.embed-english-v3", &request).send().await.unwrap();
    assert_eq!(response.headers()["x-amzn-bedrock-input-token-count"], "2");
    assert!(!response.headers().contains_key("x-amzn-bedrock-output-token-count"));
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body["embeddings"], json!([[0.5]]));
}

#[tokio::test]
async fn models_that_embed_do_not_converse() {
    let provider = provider();
    for operation in ["converse", "invoke-with-response-stream"] {
        let path = format!("cohere.embed-english-v3/{operation}");
        let response = post(&provider, &path, &json!({ "texts": ["one"] })).send().await.unwrap();
        assert_eq!(response.status(), 400);
    }
}
