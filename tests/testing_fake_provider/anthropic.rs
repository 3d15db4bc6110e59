use super::{events_of, ok, post_to, provider, send};
use serde_json::{Value, json};
use tracing_genai::{
    record::Usage,
    testing::{Answer, FakeProvider, Gate},
};

fn hello() -> Value {
    json!({
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [{ "role": "user", "content": "Hello there" }],
    })
}

fn with(mut request: Value, key: &str, value: Value) -> Value {
    request[key] = value;
    request
}

fn weather() -> Value {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    with(hello(), "tools", json!([{ "name": "get_weather", "input_schema": schema }]))
}

fn unsigned(provider: &FakeProvider, body: &Value) -> reqwest::RequestBuilder {
    post_to(format!("{}/v1/messages", provider.anthropic_url()), body)
}

fn messages(provider: &FakeProvider, body: &Value) -> reqwest::RequestBuilder {
    unsigned(provider, body).header("x-api-key", "sk-ant").header("anthropic-version", "2023-06-01")
}

async fn answer(body: Value) -> Value {
    ok(messages(&provider(), &body)).await
}

async fn told(answer: Answer) -> Value {
    let provider = provider();
    provider.enqueue(answer);
    ok(messages(&provider, &hello())).await
}

/// The events of a stream; each is named after its type.
async fn stream(answer: Answer) -> Vec<Value> {
    let provider = provider();
    provider.enqueue(answer);
    let events = events_of(messages(&provider, &with(hello(), "stream", json!(true)))).await;
    let data = |(name, data): &(String, String)| {
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["type"], *name);
        data
    };
    events.iter().map(data).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

async fn error(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let (status, id) = (response.status().as_u16(), response.headers()["request-id"].clone());
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body["type"], "error");
    assert_eq!(body["request_id"], id.to_str().unwrap());
    (status, body["error"].clone())
}

fn given() -> Usage {
    let mut usage = Usage::default();
    usage.input_tokens = Some(100);
    usage.cache_read_input_tokens = Some(64);
    usage.cache_write_input_tokens = Some(16);
    usage.output_tokens = Some(20);
    usage.reasoning_output_tokens = Some(8);
    usage
}

#[tokio::test]
async fn repeats_the_user() {
    let answer = answer(hello()).await;
    assert_eq!((&answer["type"], &answer["role"]), (&json!("message"), &json!("assistant")));
    assert_eq!(answer["model"], "claude-haiku-4-5-20250929");
    assert_eq!(answer["content"], json!([{ "type": "text", "text": "You said: Hello there" }]));
    assert_eq!(answer["stop_reason"], "end_turn");
    assert_eq!(answer["usage"]["input_tokens"], 3);
    assert_eq!(answer["usage"]["output_tokens"], 4);
}

#[tokio::test]
async fn has_the_headers_of_anthropic() {
    let response = messages(&provider(), &hello()).send().await.unwrap();
    for name in ["request-id", "anthropic-organization-id", "anthropic-ratelimit-requests-remaining"] {
        assert!(response.headers().contains_key(name), "{name}");
    }
    assert!(!response.headers().contains_key("openai-version"));
}

#[tokio::test]
async fn calls_the_first_tool_with_arguments_after_its_schema() {
    let answer = answer(weather()).await;
    assert_eq!(answer["stop_reason"], "tool_use");
    let call = &answer["content"][0];
    assert_eq!((&call["type"], &call["name"]), (&json!("tool_use"), &json!("get_weather")));
    assert_eq!(call["input"], json!({ "city": "text" }));
}

#[tokio::test]
async fn calls_the_tool_it_must() {
    let mut request = weather();
    request["tools"].as_array_mut().unwrap().push(json!({ "name": "other", "input_schema": {} }));
    let answer = answer(with(request, "tool_choice", json!({ "type": "tool", "name": "other" }))).await;
    assert_eq!(answer["content"][0]["name"], "other");
}

#[tokio::test]
async fn calls_no_tool_if_told_so() {
    let answer = answer(with(weather(), "tool_choice", json!({ "type": "none" }))).await;
    assert_eq!(answer["stop_reason"], "end_turn");
}

#[tokio::test]
async fn calls_none_of_the_tools_of_the_provider() {
    let search = json!([{ "type": "web_search_20250305", "name": "web_search" }]);
    assert_eq!(answer(with(hello(), "tools", search)).await["stop_reason"], "end_turn");
}

#[tokio::test]
async fn tells_what_a_tool_returned() {
    let mut request = weather();
    let result = json!({ "type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny" });
    request["messages"].as_array_mut().unwrap().push(json!({ "role": "user", "content": [result] }));
    assert_eq!(answer(request).await["content"][0]["text"], "The tool said: sunny");
}

#[tokio::test]
async fn stops_at_the_limit_of_tokens() {
    let answer = answer(with(hello(), "max_tokens", json!(2))).await;
    assert_eq!(answer["content"][0]["text"], "You said:");
    assert_eq!(answer["stop_reason"], "max_tokens");
}

#[tokio::test]
async fn follows_a_schema_of_the_answer_in_either_place() {
    let schema = json!({ "type": "object", "properties": { "ok": { "type": "boolean" } } });
    let format = json!({ "type": "json_schema", "schema": schema });
    let new = with(hello(), "output_config", json!({ "format": format }));
    for request in [new, with(hello(), "output_format", format)] {
        assert_eq!(answer(request).await["content"][0]["text"], r#"{"ok":true}"#);
    }
}

#[tokio::test]
async fn refuses() {
    let answer = told(Answer::refusal("I cannot.")).await;
    assert_eq!(answer["stop_reason"], "refusal");
    assert_eq!(answer["content"][0]["text"], "I cannot.");
}

#[tokio::test]
async fn counts_cached_input_apart() {
    let usage = &told(Answer::text("hi").usage(given())).await["usage"];
    assert_eq!(usage["input_tokens"], 20);
    assert_eq!(usage["cache_read_input_tokens"], 64);
    assert_eq!(usage["cache_creation_input_tokens"], 16);
    assert_eq!(usage["output_tokens"], 20);
    assert_eq!(usage["output_tokens_details"]["thinking_tokens"], 8);
}

#[tokio::test]
async fn has_no_content_where_nothing_is_said() {
    assert_eq!(told(Answer::text("")).await["content"], json!([]));
    let events = stream(Answer::text("")).await;
    assert_eq!(kinds(&events), ["message_start", "message_delta", "message_stop"]);
}

#[tokio::test]
async fn streams_text() {
    let events = stream(Answer::text("Good day").usage(given())).await;
    assert_eq!(
        kinds(&events),
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    assert_eq!(events[0]["message"]["usage"]["cache_read_input_tokens"], 64);
    assert_eq!(events[4]["delta"], json!({ "type": "text_delta", "text": " day" }));
    assert_eq!(events[6]["delta"]["stop_reason"], "end_turn");
    assert_eq!(events[6]["usage"]["output_tokens"], 20);
}

#[tokio::test]
async fn streams_tool_calls_by_index() {
    let events = stream(Answer::tool_calls([("one", r#"{"a":"first"}"#), ("two", "")])).await;
    let starts: Vec<_> = events.iter().filter(|event| event["type"] == "content_block_start").collect();
    assert_eq!(starts[1]["content_block"]["name"], "two");
    assert_eq!(starts[1]["content_block"]["input"], json!({}));
    let of_first = events.iter().filter(|event| event["index"] == 0);
    let json: String = of_first.filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    assert_eq!(json, r#"{"a":"first"}"#);
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "tool_use");
}

#[tokio::test]
async fn streams_a_refusal_as_one() {
    let events = stream(Answer::refusal("No.")).await;
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "refusal");
}

#[tokio::test]
async fn fails_in_a_stream_with_an_error_and_no_end() {
    let answer = Answer::text("a b").mid_stream_error(4, "overloaded_error", None, "Overloaded");
    let events = stream(answer).await;
    assert_eq!(kinds(&events)[3..], ["content_block_delta", "error"]);
    assert_eq!(events[4]["error"], json!({ "type": "overloaded_error", "message": "Overloaded" }));
}

#[tokio::test]
async fn waits_in_a_stream_until_released() {
    let provider = provider();
    let gate = Gate::new();
    provider.enqueue(Answer::text("a b").held_after(4, &gate));
    let request = messages(&provider, &with(hello(), "stream", json!(true)));
    let mut response = request.send().await.unwrap();
    assert!(gate.reached_async().await);
    let mut body = Vec::new();
    while body.windows(7).filter(|bytes| bytes == b"event: ").count() < 4 {
        body.extend_from_slice(&response.chunk().await.unwrap().unwrap());
    }
    gate.release();
    while let Some(chunk) = response.chunk().await.unwrap() {
        body.extend_from_slice(&chunk);
    }
    assert!(String::from_utf8(body).unwrap().contains("event: message_stop"));
}

#[tokio::test]
async fn gives_the_error_it_was_told() {
    let provider = provider();
    provider.enqueue(Answer::error(529, "overloaded_error", None, "Overloaded"));
    let (status, error) = error(messages(&provider, &hello())).await;
    assert_eq!(status, 529);
    assert_eq!(error, json!({ "type": "overloaded_error", "message": "Overloaded" }));
}

#[tokio::test]
async fn wants_a_key() {
    let provider = provider();
    let request = unsigned(&provider, &hello()).header("anthropic-version", "2023-06-01");
    let (status, error) = error(request).await;
    assert_eq!((status, &error["type"]), (401, &json!("authentication_error")));
    assert_eq!(error["message"], "x-api-key header is required");
}

#[tokio::test]
async fn takes_a_token_for_a_key() {
    let provider = provider();
    let request = unsigned(&provider, &hello()).header("anthropic-version", "2023-06-01");
    assert_eq!(send(request.header("authorization", "Bearer token")).await.0, 200);
}

#[tokio::test]
async fn wants_a_version() {
    let (status, error) = error(unsigned(&provider(), &hello()).header("x-api-key", "k")).await;
    assert_eq!((status, &error["type"]), (400, &json!("invalid_request_error")));
}

#[tokio::test]
async fn wants_a_limit_of_tokens() {
    let (status, error) = error(messages(&provider(), &with(hello(), "max_tokens", Value::Null))).await;
    assert_eq!((status, &error["message"]), (400, &json!("max_tokens: Field required")));
}

#[tokio::test]
async fn takes_no_system_message_among_the_others() {
    let messages_of = json!([{ "role": "system", "content": "Be brief." }]);
    let (status, error) = error(messages(&provider(), &with(hello(), "messages", messages_of))).await;
    assert_eq!((status, &error["type"]), (400, &json!("invalid_request_error")));
}

#[tokio::test]
async fn has_no_such_model() {
    let (status, error) = error(messages(&provider(), &with(hello(), "model", json!("no-such-model")))).await;
    assert_eq!((status, &error["type"]), (404, &json!("not_found_error")));
}

#[tokio::test]
async fn has_no_such_path() {
    let provider = provider();
    let (status, error) = error(post_to(format!("{}/v1/chat", provider.anthropic_url()), &hello())).await;
    assert_eq!((status, &error["type"]), (404, &json!("not_found_error")));
}
