use super::{ok, post_to, provider, send};
use serde_json::{Value, json};
use tracing_genai::{
    record::Usage,
    testing::{Answer, FakeProvider},
};

pub(super) fn hello() -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hello there" }] }] })
}

fn with(mut request: Value, key: &str, value: Value) -> Value {
    request[key] = value;
    request
}

fn weather() -> Value {
    let schema = json!({ "type": "OBJECT", "properties": { "city": { "type": "STRING" } } });
    with(
        hello(),
        "tools",
        json!([{ "functionDeclarations": [
            { "name": "get_weather", "parameters": schema },
            { "name": "other", "parametersJsonSchema": { "type": "object" } },
        ] }]),
    )
}

fn unsigned(provider: &FakeProvider, method: &str, body: &Value) -> reqwest::RequestBuilder {
    let model = if method.contains("mbed") { "gemini-embedding-001" } else { "gemini-2.5-flash" };
    post_to(format!("{}/v1beta/models/{model}:{method}", provider.google_url()), body)
}

pub(super) fn post(provider: &FakeProvider, method: &str, body: &Value) -> reqwest::RequestBuilder {
    unsigned(provider, method, body).header("x-goog-api-key", "key")
}

async fn answer(body: Value) -> Value {
    ok(post(&provider(), "generateContent", &body)).await
}

async fn told(answer: Answer) -> Value {
    let provider = provider();
    provider.enqueue(answer);
    ok(post(&provider, "generateContent", &hello())).await
}

pub(super) fn given() -> Usage {
    let mut usage = Usage::default();
    usage.input_tokens = Some(100);
    usage.cache_read_input_tokens = Some(64);
    usage.output_tokens = Some(20);
    usage.reasoning_output_tokens = Some(8);
    usage
}

#[tokio::test]
async fn repeats_the_user() {
    let answer = answer(hello()).await;
    let candidate = &answer["candidates"][0];
    assert_eq!(
        candidate["content"],
        json!({ "role": "model", "parts": [{ "text": "You said: Hello there" }] })
    );
    assert_eq!(candidate["finishReason"], "STOP");
    assert_eq!(answer["modelVersion"], "gemini-2.5-flash");
    assert_eq!(answer["usageMetadata"]["promptTokenCount"], 3);
    assert_eq!(answer["usageMetadata"]["candidatesTokenCount"], 4);
    assert_eq!(answer["usageMetadata"]["totalTokenCount"], 7);
    assert!(answer["usageMetadata"].get("thoughtsTokenCount").is_none());
}

#[tokio::test]
async fn calls_the_first_function_with_arguments_after_its_schema() {
    let answer = answer(weather()).await;
    let candidate = &answer["candidates"][0];
    let call = json!({ "functionCall": { "name": "get_weather", "args": { "city": "text" } } });
    assert_eq!(candidate["content"]["parts"], json!([call]));
    assert_eq!(candidate["finishReason"], "STOP");
}

#[tokio::test]
async fn reads_a_schema_under_each_of_its_names() {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    for key in ["parameters", "parametersJsonSchema", "parameters_json_schema"] {
        let tools = json!([{ "functionDeclarations": [{ "name": "get_weather", key: schema }] }]);
        let answer = answer(with(hello(), "tools", tools)).await;
        let call = &answer["candidates"][0]["content"]["parts"][0]["functionCall"];
        assert_eq!(call["args"], json!({ "city": "text" }), "{key}");
    }
}

#[tokio::test]
async fn calls_the_function_it_must() {
    let config = json!({ "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["other"] } });
    let answer = answer(with(weather(), "toolConfig", config)).await;
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["functionCall"]["name"], "other");
}

#[tokio::test]
async fn calls_no_function_if_told_so() {
    let config = json!({ "functionCallingConfig": { "mode": "NONE" } });
    let answer = answer(with(weather(), "toolConfig", config)).await;
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], "You said: Hello there");
}

#[tokio::test]
async fn tells_what_a_function_returned() {
    let mut request = weather();
    let result = json!({ "functionResponse": { "name": "get_weather", "response": { "result": "sunny" } } });
    request["contents"].as_array_mut().unwrap().push(json!({ "role": "user", "parts": [result] }));
    let answer = answer(request).await;
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], "The tool said: sunny");
}

#[tokio::test]
async fn makes_no_call_of_broken_arguments() {
    let answer = told(Answer::tool_call("get_weather", r#"{"city":"#)).await;
    assert_eq!(answer["candidates"][0]["finishReason"], "MALFORMED_FUNCTION_CALL");
    assert!(answer["candidates"][0]["content"].get("parts").is_none());
}

#[tokio::test]
async fn gives_candidates_up_to_the_limit_of_tokens() {
    let config = json!({ "candidateCount": 2, "maxOutputTokens": 2 });
    let answer = answer(with(hello(), "generationConfig", config)).await;
    let second = &answer["candidates"][1];
    assert_eq!((&second["index"], &second["finishReason"]), (&json!(1), &json!("MAX_TOKENS")));
    assert_eq!(second["content"]["parts"][0]["text"], "You said:");
}

#[tokio::test]
async fn follows_a_schema_of_the_answer() {
    let schema = json!({ "type": "OBJECT", "properties": { "ok": { "type": "BOOLEAN" } } });
    for key in ["responseSchema", "responseJsonSchema"] {
        let config = json!({ "responseMimeType": "application/json", key: schema });
        let answer = answer(with(hello(), "generationConfig", config)).await;
        assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], r#"{"ok":true}"#, "{key}");
    }
}

#[tokio::test]
async fn answers_in_json_without_a_schema() {
    let config = json!({ "responseMimeType": "application/json" });
    let answer = answer(with(hello(), "generationConfig", config)).await;
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], "{}");
}

#[tokio::test]
async fn refuses_without_a_word() {
    let answer = told(Answer::refusal("I cannot.")).await;
    assert_eq!(answer["candidates"][0]["finishReason"], "SAFETY");
    assert!(answer["candidates"][0].get("content").is_none());
}

#[tokio::test]
async fn counts_thoughts_apart() {
    let usage = &told(Answer::text("hi").usage(given())).await["usageMetadata"];
    assert_eq!(usage["promptTokenCount"], 100);
    assert_eq!(usage["cachedContentTokenCount"], 64);
    assert_eq!(usage["candidatesTokenCount"], 12);
    assert_eq!(usage["thoughtsTokenCount"], 8);
    assert_eq!(usage["totalTokenCount"], 120);
}

#[tokio::test]
async fn embeds_one_text() {
    let content = json!({ "parts": [{ "text": "two words" }] });
    let body = json!({ "content": content, "outputDimensionality": 8 });
    let answer = ok(post(&provider(), "embedContent", &body)).await;
    assert_eq!(answer["embedding"]["values"].as_array().unwrap().len(), 8);
    assert!(answer.get("usageMetadata").is_none());
}

#[tokio::test]
async fn embeds_several_texts() {
    let request = |text: &str| json!({ "model": "models/m", "content": { "parts": [{ "text": text }] } });
    let body = json!({ "requests": [request("one"), request("two"), request("one")] });
    let answer = ok(post(&provider(), "batchEmbedContents", &body)).await;
    let values = |index: usize| answer["embeddings"][index]["values"].as_array().unwrap();
    assert_eq!(values(0).len(), 3072);
    assert_ne!(values(0), values(1));
    assert_eq!(values(0), values(2));
}

#[tokio::test]
async fn gives_the_vectors_and_the_usage_it_was_told() {
    let provider = provider();
    provider.enqueue(Answer::embeddings(vec![vec![0.5, -0.25]]).usage(given()));
    let body = json!({ "content": { "parts": [{ "text": "text" }] } });
    let answer = ok(post(&provider, "embedContent", &body)).await;
    assert_eq!(answer["embedding"]["values"], json!([0.5, -0.25]));
    assert_eq!(answer["usageMetadata"], json!({ "promptTokenCount": 100 }));
}

#[tokio::test]
async fn gives_the_error_it_was_told() {
    let provider = provider();
    provider.enqueue(Answer::error(400, "INVALID_ARGUMENT", "API_KEY_INVALID", "Not valid."));
    let (status, body) = send(post(&provider, "generateContent", &hello())).await;
    assert_eq!(status, 400);
    let error = &body["error"];
    assert_eq!((&error["code"], &error["status"]), (&json!(400), &json!("INVALID_ARGUMENT")));
    assert_eq!(error["message"], "Not valid.");
    assert_eq!(error["details"][0]["reason"], "API_KEY_INVALID");
}

#[tokio::test]
async fn wants_a_key() {
    let (status, body) = send(unsigned(&provider(), "generateContent", &hello())).await;
    assert_eq!((status, &body["error"]["status"]), (403, &json!("PERMISSION_DENIED")));
}

#[tokio::test]
async fn takes_the_key_in_the_query() {
    let provider = provider();
    let request = unsigned(&provider, "generateContent?key=key", &hello());
    assert_eq!(send(request).await.0, 200);
}

#[tokio::test]
async fn has_no_such_model() {
    let provider = provider();
    let url = format!("{}/v1beta/models/no-such-model:generateContent?key=k", provider.google_url());
    let (status, body) = send(post_to(url, &hello())).await;
    assert_eq!((status, &body["error"]["status"]), (404, &json!("NOT_FOUND")));
}

#[tokio::test]
async fn wants_contents() {
    let (status, body) = send(post(&provider(), "generateContent", &json!({}))).await;
    assert_eq!((status, &body["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
}
