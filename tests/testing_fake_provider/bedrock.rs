use super::{ok, post_to, provider, send};
use serde_json::{Value, json};
use tracing_genai::{
    record::Usage,
    testing::{Answer, FakeProvider},
    wire::event_stream::FrameParser,
};

pub(super) const NOVA: &str = "amazon.nova-lite-v1%3A0";

fn hello() -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": "Hello there" }] }] })
}

fn with(mut request: Value, key: &str, value: Value) -> Value {
    request[key] = value;
    request
}

fn tool(name: &str) -> Value {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    json!({ "toolSpec": { "name": name, "inputSchema": { "json": schema } } })
}

fn weather() -> Value {
    with(hello(), "toolConfig", json!({ "tools": [tool("get_weather"), tool("other")] }))
}

pub(super) fn unsigned(provider: &FakeProvider, path: &str, body: &Value) -> reqwest::RequestBuilder {
    post_to(format!("{}/model/{path}", provider.bedrock_url()), body)
}

pub(super) fn post(provider: &FakeProvider, path: &str, body: &Value) -> reqwest::RequestBuilder {
    let signature = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/bedrock/aws4_request, \
        SignedHeaders=host;x-amz-date, Signature=00ff";
    unsigned(provider, path, body).header("authorization", signature).header("x-amz-date", "20260101T000000Z")
}

fn converse(provider: &FakeProvider, body: &Value) -> reqwest::RequestBuilder {
    post(provider, &format!("{NOVA}/converse"), body)
}

async fn answer(body: Value) -> Value {
    ok(converse(&provider(), &body)).await
}

async fn told(answer: Answer) -> Value {
    let provider = provider();
    provider.enqueue(answer);
    ok(converse(&provider, &hello())).await
}

/// The kind of an error, without where it was found.
async fn error(request: reqwest::RequestBuilder) -> (u16, String, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let kind = response.headers()["x-amzn-errortype"].to_str().unwrap().to_owned();
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1);
    (status, kind.split(':').next().unwrap().to_owned(), body["message"].clone())
}

/// The type of each frame, and its payload without the padding that each has.
pub(super) async fn frames(request: reqwest::RequestBuilder) -> Vec<(String, Value)> {
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let (mut parser, mut frames) = (FrameParser::new(), Vec::new());
    parser.feed(&response.bytes().await.unwrap(), &mut |frame| {
        let mut payload: Value = serde_json::from_slice(frame.payload).unwrap();
        assert_eq!(frame.header(":content-type"), Some("application/json"));
        let kind = match frame.header(":message-type").unwrap() {
            "event" => {
                assert!(payload.as_object_mut().unwrap().remove("p").unwrap().is_string());
                frame.header(":event-type").unwrap().to_owned()
            }
            "exception" => format!("! {}", frame.header(":exception-type").unwrap()),
            other => other.to_owned(),
        };
        frames.push((kind, payload));
    });
    parser.finish();
    assert_eq!(parser.error(), None);
    frames
}

async fn stream(answer: Answer) -> Vec<(String, Value)> {
    let provider = provider();
    provider.enqueue(answer);
    frames(post(&provider, &format!("{NOVA}/converse-stream"), &hello())).await
}

pub(super) fn given() -> Usage {
    let mut usage = Usage::default();
    usage.input_tokens = Some(100);
    usage.cache_read_input_tokens = Some(64);
    usage.cache_write_input_tokens = Some(16);
    usage.output_tokens = Some(20);
    usage
}

#[tokio::test]
async fn repeats_the_user() {
    let answer = answer(hello()).await;
    let message = json!({ "content": [{ "text": "You said: Hello there" }], "role": "assistant" });
    assert_eq!(answer["output"]["message"], message);
    assert_eq!(answer["stopReason"], "end_turn");
    assert_eq!(answer["usage"], json!({ "inputTokens": 3, "outputTokens": 4, "totalTokens": 7 }));
    assert!(answer["metrics"]["latencyMs"].is_u64());
}

#[tokio::test]
async fn counts_its_requests_in_their_ids() {
    let provider = provider();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let response = converse(&provider, &hello()).send().await.unwrap();
        ids.push(response.headers()["x-amzn-requestid"].to_str().unwrap().to_owned());
    }
    assert_eq!(ids, ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"]);
}

#[tokio::test]
async fn takes_models_however_they_are_written() {
    let provider = provider();
    let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0";
    for model in ["amazon.nova-lite-v1:0", NOVA, arn] {
        ok(post(&provider, &format!("{model}/converse"), &hello())).await;
    }
}

#[tokio::test]
async fn calls_the_first_tool_with_arguments_after_its_schema() {
    let answer = answer(weather()).await;
    let call = &answer["output"]["message"]["content"][0]["toolUse"];
    assert_eq!((&call["name"], &call["input"]), (&json!("get_weather"), &json!({ "city": "text" })));
    assert!(call["toolUseId"].as_str().unwrap().starts_with("tooluse_"));
    assert_eq!(answer["stopReason"], "tool_use");
}

#[tokio::test]
async fn calls_the_tool_it_must() {
    let mut request = weather();
    request["toolConfig"]["toolChoice"] = json!({ "tool": { "name": "other" } });
    assert_eq!(answer(request).await["output"]["message"]["content"][0]["toolUse"]["name"], "other");
}

#[tokio::test]
async fn calls_none_of_the_tools_of_the_provider() {
    let tools = json!({ "tools": [{ "systemTool": { "name": "nova_grounding" } }] });
    assert_eq!(answer(with(hello(), "toolConfig", tools)).await["stopReason"], "end_turn");
}

#[tokio::test]
async fn calls_the_tools_it_was_told_to() {
    let answer = told(Answer::tool_calls([("a", r#"{"x":1}"#), ("b", "not JSON")])).await;
    let calls = &answer["output"]["message"]["content"];
    assert_eq!(calls[0]["toolUse"]["input"], json!({ "x": 1 }));
    assert_eq!(calls[1]["toolUse"]["input"], json!({}));
    assert_ne!(calls[0]["toolUse"]["toolUseId"], calls[1]["toolUse"]["toolUseId"]);
}

#[tokio::test]
async fn tells_what_tools_returned_as_text_or_as_json() {
    let result = |content| json!({ "toolResult": { "toolUseId": "tooluse_1", "content": [content] } });
    let content = json!([result(json!({ "text": "sunny" })), result(json!({ "json": { "degrees": 18 } }))]);
    let mut request = weather();
    request["messages"].as_array_mut().unwrap().push(json!({ "role": "user", "content": content }));
    let text = &answer(request).await["output"]["message"]["content"][0]["text"];
    assert_eq!(*text, r#"The tool said: sunny {"degrees":18}"#);
}

#[tokio::test]
async fn stops_at_the_limit_of_tokens() {
    let answer = answer(with(hello(), "inferenceConfig", json!({ "maxTokens": 2 }))).await;
    assert_eq!(answer["output"]["message"]["content"][0]["text"], "You said:");
    assert_eq!(answer["stopReason"], "max_tokens");
}

#[tokio::test]
async fn follows_a_schema_that_is_a_string() {
    let schema = r#"{"type":"object","properties":{"ok":{"type":"boolean"}}}"#;
    let structure = json!({ "jsonSchema": { "name": "answer", "schema": schema } });
    let format = json!({ "textFormat": { "type": "json_schema", "structure": structure } });
    let answer = answer(with(hello(), "outputConfig", format)).await;
    assert_eq!(answer["output"]["message"]["content"][0]["text"], r#"{"ok":true}"#);
}

#[tokio::test]
async fn refuses() {
    let answer = told(Answer::refusal("No.")).await;
    assert_eq!(answer["stopReason"], "content_filtered");
}

#[tokio::test]
async fn counts_what_is_cached_by_itself() {
    let usage = &told(Answer::text("Hi").usage(given())).await["usage"];
    assert_eq!((&usage["inputTokens"], &usage["outputTokens"]), (&json!(20), &json!(20)));
    assert_eq!((&usage["cacheReadInputTokens"], &usage["cacheWriteInputTokens"]), (&json!(64), &json!(16)));
    assert_eq!(usage["totalTokens"], 120);
}

#[tokio::test]
async fn streams_a_text_whose_beginning_is_not_told() {
    let frames = stream(Answer::text("Good day").usage(given())).await;
    let delta = |text| json!({ "contentBlockIndex": 0, "delta": { "text": text } });
    assert_eq!(
        frames[..5],
        [
            ("messageStart".to_owned(), json!({ "role": "assistant" })),
            ("contentBlockDelta".to_owned(), delta("Good")),
            ("contentBlockDelta".to_owned(), delta(" day")),
            ("contentBlockStop".to_owned(), json!({ "contentBlockIndex": 0 })),
            ("messageStop".to_owned(), json!({ "stopReason": "end_turn" })),
        ]
    );
    assert_eq!((frames.len(), &*frames[5].0), (6, "metadata"));
    assert_eq!(frames[5].1["usage"]["totalTokens"], 120);
}

#[tokio::test]
async fn streams_calls_in_pieces() {
    let arguments = r#"{"city":"Paris"}"#;
    let frames = stream(Answer::tool_calls([("a", arguments), ("b", "{}")])).await;
    let started: Vec<_> = frames.iter().filter(|(kind, _)| kind == "contentBlockStart").collect();
    assert_eq!(started[0].1["start"]["toolUse"]["name"], "a");
    assert_eq!((started.len(), &started[1].1["contentBlockIndex"]), (2, &json!(1)));
    let pieces = frames.iter().filter(|(_, payload)| payload["contentBlockIndex"] == 0);
    let input: String =
        pieces.filter_map(|(_, payload)| payload["delta"]["toolUse"]["input"].as_str()).collect();
    assert_eq!(input, arguments);
    assert_eq!(frames[frames.len() - 2].1["stopReason"], "tool_use");
}

#[tokio::test]
async fn fails_in_a_stream_with_an_exception() {
    let answer = Answer::text("a b c").mid_stream_error(2, "modelStreamErrorException", None, "Sorry.");
    let frames = stream(answer).await;
    let last = ("! modelStreamErrorException".to_owned(), json!({ "message": "Sorry." }));
    assert_eq!((frames.len(), &frames[2]), (3, &last));
}

#[tokio::test]
async fn gives_the_error_it_was_told() {
    let provider = provider();
    provider.enqueue(Answer::error(429, "ThrottlingException", None, "Slow."));
    let response = converse(&provider, &hello()).send().await.unwrap();
    assert_eq!(response.status(), 429);
    let kind = "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/";
    assert_eq!(response.headers()["x-amzn-errortype"], kind);
    assert_eq!(response.text().await.unwrap(), r#"{"message":"Slow."}"#);
}

#[tokio::test]
async fn fails_before_a_stream_as_without_one() {
    let provider = provider();
    provider.enqueue(Answer::error(503, "ServiceUnavailableException", None, "Later."));
    let (status, kind, _) = error(post(&provider, &format!("{NOVA}/converse-stream"), &hello())).await;
    assert_eq!((status, &*kind), (503, "ServiceUnavailableException"));
}

#[tokio::test]
async fn wants_a_signature() {
    let provider = provider();
    let path = format!("{NOVA}/converse");
    let half = unsigned(&provider, &path, &hello())
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=AKID");
    for request in [unsigned(&provider, &path, &hello()), half] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403);
        let kind =
            "MissingAuthenticationTokenException:http://internal.amazon.com/coral/com.amazon.coral.service/";
        assert_eq!(response.headers()["x-amzn-errortype"], kind);
        assert_eq!(response.text().await.unwrap(), r#"{"message":"Missing Authentication Token"}"#);
    }
}

#[tokio::test]
async fn takes_a_token_for_a_signature() {
    let provider = provider();
    let request = unsigned(&provider, &format!("{NOVA}/converse"), &hello());
    assert_eq!(send(request.header("authorization", "Bearer key")).await.0, 200);
}

#[tokio::test]
async fn has_no_such_model() {
    let (status, kind, message) = error(post(&provider(), "no-such-model/converse", &hello())).await;
    assert_eq!((status, &*kind), (400, "ValidationException"));
    assert_eq!(message, "The provided model identifier is invalid.");
}

#[tokio::test]
async fn has_no_such_path() {
    let (status, kind, _) = error(post(&provider(), &format!("{NOVA}/chat"), &hello())).await;
    assert_eq!((status, &*kind), (404, "UnknownOperationException"));
}

#[tokio::test]
async fn takes_no_messages_that_bedrock_does_not() {
    let message = |role: &str, content: Value| json!({ "role": role, "content": content });
    let text = || json!([{ "text": "Hi" }]);
    let result = json!([{ "toolResult": { "toolUseId": "tooluse_1", "content": [] } }]);
    for messages in [
        json!([]),
        json!([message("assistant", text())]),
        json!([message("user", text()), message("system", text())]),
        json!([message("user", json!("Hi"))]),
        json!([message("user", result)]),
    ] {
        let (status, kind, _) = error(converse(&provider(), &with(hello(), "messages", messages))).await;
        assert_eq!((status, &*kind), (400, "ValidationException"));
    }
}
