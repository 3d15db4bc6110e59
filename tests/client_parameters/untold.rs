//! Calls that are not told.

use super::{World, client};
use tracing_genai::{
    client::Reply,
    span::Tool,
    testing::{Answer, FakeProvider, capture_async},
};

fn assert_no_ids(reply: &Reply) {
    assert_eq!((reply.span_ref(), reply.span_id(), reply.trace_id()), (None, None, None));
    assert_eq!((reply.tracia_span_id(), reply.tracia_trace_id()), (None, None));
}

#[test]
fn such_a_call_is_nowhere_and_its_reply_has_no_ids() {
    let world = World::new();
    let (reply, embedded) = world.run(async |client| {
        let chat = client.chat("gpt-4o").user("Hi").user_id("u-7").span_id("sp_1234567890abcdef");
        let embed = client.embed("text-embedding-3-small").input("sea").send_trace(false);
        (chat.send_trace(false).await.unwrap(), embed.await.unwrap())
    });
    assert_no_ids(&reply);
    assert_eq!((embedded.span_ref(), embedded.span_id()), (None, None));
    assert!(!reply.text().is_empty() && reply.usage().total_tokens.is_some());
    assert!(world.tracia.requests().is_empty() && world.posthog.requests().is_empty());
    assert!(world.sink.requests().is_empty());
}

#[test]
fn a_surrounding_span_is_told_as_ever() {
    let world = World::new();
    world.run(async |client| {
        let call = client.chat("gpt-4o").user("Hi").send_trace(false).send();
        Tool::new("search").run(async { call.await.map(|reply| reply.text()) }).await.unwrap();
    });
    assert!(world.span().name.starts_with("execute_tool"));
}

#[tokio::test]
async fn its_failure_tells_the_caller_the_same() {
    let provider = FakeProvider::start().unwrap();
    let fail = || provider.enqueue(Answer::error(400, "invalid_request_error", None, "No."));
    let ((told, untold), spans) = capture_async(async {
        let call = || client(&provider).chat("gpt-4o").user("Hi");
        fail();
        let told = call().await.unwrap_err();
        fail();
        (told, call().send_trace(false).await.unwrap_err())
    })
    .await;
    assert_eq!(spans.len(), 1);
    assert_eq!(untold.to_string(), told.to_string());
    assert_eq!(untold.http_status(), Some(400));
    assert_eq!(untold.kind(), told.kind());
}

#[tokio::test]
async fn a_stream_is_not_told_either() {
    let provider = FakeProvider::start().unwrap();
    let (reply, spans) = capture_async(async {
        let stream = client(&provider).chat("gpt-4o").user("Hi").send_trace(false).stream().await.unwrap();
        assert_eq!((stream.span_id(), stream.span_ref()), (None, None));
        stream.finish().await.unwrap()
    })
    .await;
    assert_no_ids(&reply);
    assert!(spans.is_empty());
}

#[tokio::test]
async fn true_changes_nothing() {
    let provider = FakeProvider::start().unwrap();
    let call = client(&provider).chat("gpt-4o").user("Hi").send_trace(false).send_trace(true);
    let (_, spans) = capture_async(call.send()).await;
    assert_eq!(spans.len(), 1);
}
