//! What a reply tells.

use super::client;
use serde_json::json;
use std::time::Duration;
use tracing_genai::{
    Client,
    client::Provider,
    record::{FinishReason, Part, Role, Usage},
    testing::{Answer, FakeProvider, capture_async},
};

#[tokio::test]
async fn it_has_what_theirs_has() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::text("Hej.").header("x-request-id", "req-1"));
    let (reply, spans) = capture_async(client(&provider).chat("gpt-4o").user("Hi").send()).await;
    let reply = reply.unwrap();
    assert_eq!(reply.text(), "Hej.");
    assert_eq!(reply.provider(), "openai");
    assert_eq!(reply.requested_model(), "gpt-4o");
    assert_eq!(reply.model(), Some("gpt-4o-2024-07-18"));
    assert_eq!(reply.request_id(), Some("req-1"));
    assert_eq!(reply.cost_usd(), None);
    assert!(reply.tool_calls().is_empty());
    assert_eq!(reply.finish_reason(), Some(&FinishReason::Stop));
    assert!(reply.latency() > Duration::ZERO && reply.latency() <= Duration::from_secs(60));
    assert_eq!(reply.message().parts, [Part::Text("Hej.".to_owned())]);
    assert_eq!(reply.span_id(), Some(spans[0].span_id.clone()));
}

#[tokio::test]
async fn a_message_with_tool_calls_goes_round_as_text_and_calls() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::tool_calls([("get_weather", r#"{"city":"Paris"}"#), ("get_time", "{}")]));
    let reply = client(&provider).chat("gpt-4o").user("Hi").await.unwrap();
    assert_eq!(reply.text(), "");
    assert_eq!(reply.finish_reason(), Some(&FinishReason::ToolCall));
    let names: Vec<_> = reply.tool_calls().iter().map(|call| call.name.clone()).collect();
    assert_eq!(names, ["get_weather", "get_time"]);
    let message = reply.message();
    assert_eq!(message.role, Role::Assistant);
    assert!(message.parts.iter().all(|part| matches!(part, Part::ToolCall(_))));
    assert_eq!(message.parts.len(), 2);
}

/// Theirs calls each of these `stop`.
#[tokio::test]
async fn the_finish_reason_is_the_true_one() {
    for (word, reason) in [
        ("content_filter", FinishReason::ContentFilter),
        ("length", FinishReason::Length),
        ("stop", FinishReason::Stop),
    ] {
        let provider = FakeProvider::start().unwrap();
        let message = json!({ "role": "assistant", "content": "x" });
        let choice = json!({ "index": 0, "message": message, "finish_reason": word });
        let body = json!({ "id": "1", "object": "chat.completion", "model": "m", "choices": [choice] });
        provider.enqueue(Answer::raw(200, "application/json", body.to_string()));
        let reply = client(&provider).chat("gpt-4o").user("Hi").await.unwrap();
        assert_eq!(reply.finish_reason(), Some(&reason), "{word}");
    }
}

#[tokio::test]
async fn the_usage_has_its_breakdowns() {
    let provider = FakeProvider::start().unwrap();
    let mut usage = Usage::default();
    (usage.input_tokens, usage.output_tokens) = (Some(100), Some(50));
    (usage.cache_read_input_tokens, usage.reasoning_output_tokens) = (Some(60), Some(30));
    provider.enqueue(Answer::text("x").usage(usage));
    let reply = client(&provider).chat("gpt-4o").user("Hi").await.unwrap();
    let usage = reply.usage();
    assert_eq!(
        (usage.input_tokens, usage.output_tokens, usage.total_tokens),
        (Some(100), Some(50), Some(150))
    );
    assert_eq!((usage.cache_read_input_tokens, usage.reasoning_output_tokens), (Some(60), Some(30)));
}

#[tokio::test]
async fn the_cost_is_what_openrouter_says_and_nobody_elses() {
    let provider = FakeProvider::start().unwrap();
    let answer = || {
        let choice = json!({ "index": 0, "message": { "role": "assistant", "content": "x" }, "finish_reason": "stop" });
        let usage = json!({ "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 0.0125 });
        let body = json!({ "id": "1", "model": "m", "choices": [choice], "usage": usage });
        Answer::raw(200, "application/json", body.to_string())
    };
    for (name, cost) in [(Provider::OpenRouter, Some(0.0125)), (Provider::OpenAi, None)] {
        provider.enqueue(answer());
        let client = Client::builder().provider(name).base_url(provider.base_url()).build().unwrap();
        let reply = client.chat("openai/gpt-4o").user("Hi").await.unwrap();
        assert_eq!(reply.cost_usd(), cost, "{name}");
    }
}

#[tokio::test]
async fn an_embeddings_reply_has_them_too() {
    let provider = FakeProvider::start().unwrap();
    let call = client(&provider).embed("text-embedding-3-small").inputs(["sea", "land"]);
    let (reply, spans) = capture_async(call.send()).await;
    let reply = reply.unwrap();
    assert_eq!((reply.vectors().len(), reply.provider()), (2, "openai"));
    assert_eq!(reply.requested_model(), "text-embedding-3-small");
    assert_eq!((reply.cost_usd(), reply.usage().input_tokens.is_some()), (None, true));
    assert_eq!(reply.span_ref().map(|at| at.span_id()), Some(spans[0].span_id.clone()));
    assert!(reply.latency() > Duration::ZERO);
}

#[tokio::test]
async fn a_program_without_telemetry_has_replies_without_a_span() {
    let provider = FakeProvider::start().unwrap();
    let reply = client(&provider).chat("gpt-4o").user("Hi").await.unwrap();
    assert_eq!((reply.span_ref(), reply.span_id(), reply.tracia_trace_id()), (None, None, None));
    let given = client(&provider).chat("gpt-4o").user("Hi").span_id("mine").await.unwrap();
    assert_eq!(given.span_id().as_deref(), Some("mine"));
}
