use super::{SPAN, answering, api, the_request, tracia};
use serde_json::json;
use std::time::Duration;
use tracing_genai::{
    testing::ServiceAnswer,
    tracia::{ErrorCode, Message, NewSpan, SpanStatus, ToolCall},
};

fn call() -> NewSpan {
    NewSpan::llm("openai", "gpt-4o").span_id(SPAN).trace_id("tr_00000000000000cd")
}

#[tokio::test]
async fn a_span_is_posted_as_tracias_sdks_post_it() {
    let tracia = tracia();
    let span = call()
        .messages([Message::system("Be brief."), Message::user("Hi")])
        .output("Hello.")
        .latency(Duration::from_micros(13_900))
        .tokens(100, 50)
        .variables([("name", "Ann")])
        .tools([json!({"name": "t", "description": "", "parameters": {"type": "object", "properties": {}}})])
        .tool_calls([ToolCall::new("c1", "t", json!({}))])
        .parent_span_id("sp_00000000000000ef")
        .temperature(0.5)
        .top_p(0.9)
        .max_output_tokens(64)
        .tag("a")
        .user_id("u")
        .session_id("s");
    api(&tracia).spans().create(span).await.unwrap();
    let expected = json!({
        "spanId": SPAN,
        "traceId": "tr_00000000000000cd",
        "parentSpanId": "sp_00000000000000ef",
        "model": "gpt-4o",
        "provider": "openai",
        "input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]},
        "variables": {"name": "Ann"},
        "output": "Hello.",
        "status": "SUCCESS",
        "error": null,
        "latencyMs": 13,
        "inputTokens": 100,
        "outputTokens": 50,
        "totalTokens": 150,
        "tags": ["a"],
        "userId": "u",
        "sessionId": "s",
        "temperature": 0.5,
        "topP": 0.9,
        "maxOutputTokens": 64,
        "tools": [{"name": "t", "description": "", "parameters": {"type": "object", "properties": {}}}],
        "toolCalls": [{"id": "c1", "name": "t", "arguments": {}}],
    });
    assert_eq!(tracia.spans(), [expected]);
}

#[tokio::test]
async fn a_span_with_nothing_else_has_ids_and_nulls() {
    let tracia = tracia();
    let made = api(&tracia).spans().create(NewSpan::llm("OPENAI", "gpt-4o")).await.unwrap();
    let sent = the_request(&tracia).json();
    assert_eq!((&sent["spanId"], &sent["traceId"]), (&json!(made.span_id), &json!(made.trace_id)));
    assert!(made.span_id.starts_with("sp_") && made.trace_id.starts_with("tr_"));
    for key in ["variables", "output", "error"] {
        assert_eq!(sent.get(key), Some(&json!(null)), "{key}");
    }
    assert_eq!(sent["provider"], "openai");
    assert!(tracia.refusals().is_empty());
}

#[tokio::test]
async fn a_failure_and_an_embedding_are_taken() {
    let tracia = tracia();
    let spans = api(&tracia).spans();
    spans.create(call().error("429 Too Many Requests").total_tokens(7)).await.unwrap();
    let embedding = NewSpan::embedding("voyage", "voyage-3", ["sea", "land"]);
    spans.create(embedding.output("{\"dimensions\":2,\"count\":2}")).await.unwrap();
    let stored = tracia.spans();
    assert_eq!((&stored[0]["status"], &stored[0]["totalTokens"]), (&json!("ERROR"), &json!(7)));
    assert_eq!(
        (&stored[1]["spanKind"], &stored[1]["input"]),
        (&json!("EMBEDDING"), &json!({"text": ["sea", "land"]}))
    );
}

#[tokio::test]
async fn a_span_that_was_taken_is_no_error_whatever_the_answer_leaves_out() {
    for body in ["", "{}", "{\"spanId\":null,\"cost\":\"0.002\"}", "{\"id\":\"x\",\"spanId\":5}"] {
        let tracia = tracia();
        tracia.answer_next(1, &ServiceAnswer::body(201, "application/json", body));
        let made = api(&tracia).spans().create(call()).await.unwrap();
        assert_eq!((made.span_id.as_str(), made.trace_id.as_str()), (SPAN, "tr_00000000000000cd"), "{body}");
    }
}

#[tokio::test]
async fn a_span_is_read_whole() {
    let tracia = tracia();
    let spans = api(&tracia).spans();
    let span = call().messages([Message::user("Hi")]).output("Hello.").tokens(3, 2).tag("a").user_id("u");
    spans.create(span.session_id("s").variables([("k", "v")])).await.unwrap();
    let span = spans.get(SPAN).await.unwrap();
    assert_eq!((span.summary.span_id.as_str(), &span.summary.status), (SPAN, &SpanStatus::Success));
    assert_eq!((span.summary.input_tokens, span.summary.total_tokens), (Some(3), Some(5)));
    assert_eq!((span.output.as_deref(), span.error.as_deref()), (Some("Hello."), None));
    assert_eq!((span.user_id.as_deref(), span.session_id.as_deref()), (Some("u"), Some("s")));
    assert_eq!((span.tags, span.variables["k"].as_str()), (vec!["a".to_owned()], Some("v")));
    assert_eq!(span.input["messages"][0]["content"], "Hi");
    assert!(span.summary.created_at.unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_span_that_is_not_there_is_not_found() {
    let error = api(&tracia()).spans().get(SPAN).await.unwrap_err();
    assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::NotFound, Some(404)));
}

#[tokio::test]
async fn an_id_is_encoded_whole() {
    let (tracia, api) = answering(200, &json!({"spanId": "a/b"}));
    api.spans().get("a/b").await.unwrap();
    assert_eq!(the_request(&tracia).path, "/api/v1/spans/a%2Fb");
}

#[tokio::test]
async fn a_span_of_the_same_id_is_a_conflict() {
    let tracia = tracia();
    let spans = api(&tracia).spans();
    spans.create(call()).await.unwrap();
    assert_eq!(spans.create(call()).await.unwrap_err().tracia_code(), ErrorCode::Conflict);
}
