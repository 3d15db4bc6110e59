//! What a call must have before anything is sent.

use super::client;
use tracing_genai::{
    client::{Chat, Embed},
    record::{ErrorKind, Message, Part, Role, ToolResult},
    testing::{Answer, FakeProvider, capture_async},
};

async fn refused(call: impl FnOnce(tracing_genai::Client) -> Chat) -> String {
    let provider = FakeProvider::start().unwrap();
    let call = call(client(&provider));
    let (streamed, spans) = capture_async(call.clone().stream()).await;
    let streamed = streamed.map(|_| ()).unwrap_err();
    let (sent, more) = capture_async(call.send()).await;
    let error = sent.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(error.to_string(), streamed.to_string());
    assert!(spans.is_empty() && more.is_empty() && provider.requests().is_empty());
    error.to_string()
}

async fn refused_embedding(call: impl FnOnce(tracing_genai::Client) -> Embed) -> String {
    let provider = FakeProvider::start().unwrap();
    let (sent, spans) = capture_async(call(client(&provider)).send()).await;
    assert!(spans.is_empty() && provider.requests().is_empty());
    sent.unwrap_err().to_string()
}

#[tokio::test]
async fn a_blank_model_is_refused() {
    for model in ["", " \t"] {
        let error = refused(|client| client.chat(model).user("Hi")).await;
        assert!(error.contains("model is required and cannot be empty"), "{error}");
        let error = refused_embedding(|client| client.embed(model).input("sea")).await;
        assert!(error.contains("model is required and cannot be empty"), "{error}");
    }
}

#[tokio::test]
async fn a_call_without_messages_is_refused() {
    let error = refused(|client| client.chat("gpt-4o")).await;
    assert!(error.contains("messages is required and cannot be empty"), "{error}");
    assert!(error.contains(".user("), "{error}");
}

#[tokio::test]
async fn the_first_that_is_wrong_is_told() {
    let error = refused(|client| client.chat("").span_id("sp_")).await;
    assert!(error.contains("model is required"), "{error}");
    let error = refused(|client| client.chat("gpt-4o").span_id("sp_")).await;
    assert!(error.contains("messages is required"), "{error}");
    let nothing = Message::text(Role::Tool, "18");
    let error = refused(|client| client.chat("gpt-4o").message(nothing).span_id("sp_")).await;
    assert!(error.contains("Invalid span ID format"), "{error}");
}

#[tokio::test]
async fn a_tool_message_without_its_calls_id_is_refused() {
    let without = ToolResult { content: "18".to_owned(), ..ToolResult::default() };
    let blank = ToolResult { call_id: Some(" ".to_owned()), ..without.clone() };
    let mut messages: Vec<_> =
        [without, blank].map(|result| Message::new(Role::Tool, vec![Part::ToolResult(result)])).into();
    // Theirs of a text in the place of a result.
    messages.push(Message::text(Role::Tool, "18"));
    for message in messages {
        let error = refused(|client| client.chat("gpt-4o").user("Hi").message(message)).await;
        assert!(error.contains("Tool messages must have tool_call_id"), "{error}");
    }
}

#[tokio::test]
async fn a_tool_message_with_its_calls_id_passes() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    provider.enqueue(Answer::tool_call("get_weather", r#"{"city":"Paris"}"#));
    let first = client.chat("gpt-4o").user("Weather?").await.unwrap();
    let call = first.tool_calls()[0].clone();
    client.chat("gpt-4o").user("Weather?").message(first.message()).tool_result(&call, "18").await.unwrap();
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_told_or_not() {
    for told in [true, false] {
        let error = refused(|client| client.chat("gpt-4o").user("Hi").span_id("sp_x").send_trace(told)).await;
        assert!(error.contains("Invalid span ID format") && error.contains(".span_id("), "{error}");
    }
    let error = refused(|client| client.chat("gpt-4o").user("Hi").trace_id("a b")).await;
    assert!(
        error.contains("Invalid trace ID format") && error.contains("tr_ + 16 hex characters"),
        "{error}"
    );
    let error = refused(|client| client.chat("gpt-4o").user("Hi").parent_span_id("")).await;
    assert!(error.contains("Invalid parent span ID format"), "{error}");
    let error =
        refused_embedding(|client| client.embed("text-embedding-3-small").input("x").span_id("ö")).await;
    assert!(error.contains("Invalid span ID format"), "{error}");
    let id = "sp_1234567890abcdef";
    let error = refused(|client| client.chat("gpt-4o").user("Hi").span_id(id).parent_span_id(id)).await;
    assert!(error.contains("the same"), "{error}");
}

#[tokio::test]
async fn an_empty_input_is_refused() {
    let model = "text-embedding-3-small";
    let error = refused_embedding(|client| client.embed(model)).await;
    assert!(error.contains("input is required and cannot be empty"), "{error}");
    let error = refused_embedding(|client| client.embed(model).input(" ")).await;
    assert!(error.contains("input text cannot be empty"), "{error}");
    let error = refused_embedding(|client| client.embed(model).inputs(["sea", "", "land"])).await;
    assert!(error.contains("input array cannot contain empty strings: input 2 of 3"), "{error}");
}
