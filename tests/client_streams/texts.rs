//! The text alone.

use crate::world::{builder, counting};
use futures_core::Stream;
use std::{future::poll_fn, pin::Pin};
use tracing_genai::{
    Error,
    client::ChatStream,
    testing::{Answer, FakeProvider, Gate},
};

async fn stream(provider: &FakeProvider) -> ChatStream {
    builder(provider).build().unwrap().chat("gpt-4o").user("Count.").stream().await.unwrap()
}

#[tokio::test]
async fn comes_in_order_and_without_other_events() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(counting());
    let mut stream = stream(&provider).await;
    let mut pieces = Vec::new();
    while let Some(piece) = stream.next_text().await {
        pieces.push(piece.unwrap());
    }
    assert_eq!(pieces, ["One", " two", " three."]);
    assert!(!stream.result().await.unwrap().is_aborted());
}

#[tokio::test]
async fn is_a_stream_that_can_be_handed_on() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(counting());
    let text = stream(&provider).await.text_stream();
    let result = text.result();
    let mut text: Pin<Box<dyn Stream<Item = Result<String, Error>> + Send>> = Box::pin(text);
    let mut came = String::new();
    while let Some(piece) = poll_fn(|context| text.as_mut().poll_next(context)).await {
        came += &piece.unwrap();
    }
    assert_eq!(came, "One two three.");
    assert_eq!(result.await.unwrap().usage().output_tokens, Some(5));
}

#[tokio::test]
async fn ends_in_the_error_of_the_call() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(counting().mid_stream_error(2, "server_error", "server_error", "The model broke."));
    let mut text = stream(&provider).await.text_stream();
    assert_eq!(text.next().await.unwrap().unwrap(), "One");
    assert!(text.next().await.unwrap().unwrap_err().to_string().contains("The model broke."));
    assert!(text.next().await.is_none());
}

#[tokio::test]
async fn ends_when_it_is_aborted() {
    let (provider, gate) = (FakeProvider::start().unwrap(), Gate::new());
    provider.enqueue(counting().held_after(2, &gate));
    let mut text = stream(&provider).await.text_stream();
    assert_eq!(text.next().await.unwrap().unwrap(), "One");
    text.abort_handle().abort();
    assert!(text.next().await.is_none());
    assert!(gate.client_gone_async().await);
}

#[tokio::test]
async fn of_an_answer_that_only_calls_tools_there_is_none() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::tool_call("weather", r#"{"city":"Oslo"}"#));
    let mut stream = stream(&provider).await;
    assert!(stream.next_text().await.is_none());
    assert_eq!(stream.result().await.unwrap().tool_calls().len(), 1);
}
