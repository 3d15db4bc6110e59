use super::{post, provider};
use serde_json::{Value, json};
use std::time::Duration;
use tracing_genai::testing::{Answer, FakeProvider, Gate};

fn send(
    provider: &FakeProvider,
    streamed: bool,
) -> tokio::task::JoinHandle<reqwest::Result<reqwest::Response>> {
    let messages = json!([{ "role": "user", "content": "Hello" }]);
    let request: Value = json!({ "model": "gpt-4o", "stream": streamed, "messages": messages });
    tokio::spawn(post(provider, "/chat/completions", &request).send())
}

#[tokio::test]
async fn hold_an_answer_until_released() {
    let (provider, gate) = (provider(), Gate::new());
    provider.enqueue(Answer::text("late").held(&gate));
    let call = send(&provider, false);
    assert!(gate.reached_async().await);
    assert!(!call.is_finished());
    gate.release();
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert!(!gate.client_gone_async().await);
}

#[tokio::test]
async fn hold_a_body_after_its_head() {
    let (provider, gate) = (provider(), Gate::new());
    provider.enqueue(Answer::text("late").held_after(0, &gate));
    let mut response = send(&provider, false).await.unwrap().unwrap();
    assert!(gate.reached_async().await);
    gate.release();
    assert!(response.chunk().await.unwrap().is_some());
}

#[tokio::test]
async fn hold_a_stream_between_chunks() {
    let (provider, gate) = (provider(), Gate::new());
    provider.enqueue(Answer::text("one two").held_after(2, &gate));
    let mut response = send(&provider, true).await.unwrap().unwrap();
    let mut before = Vec::new();
    while before.windows(2).filter(|end| end == b"\n\n").count() < 2 {
        before.extend_from_slice(&response.chunk().await.unwrap().unwrap());
    }
    assert!(String::from_utf8(before).unwrap().contains(r#""content":"one""#));
    assert!(gate.reached_async().await);
    gate.release();
    let after = response.text().await.unwrap();
    assert!(after.contains(r#""content":" two""#) && after.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn see_a_client_leave_before_the_answer() {
    let (provider, gate) = (provider(), Gate::new());
    provider.enqueue(Answer::text("never read").held(&gate));
    let call = send(&provider, false);
    assert!(gate.reached_async().await);
    call.abort();
    assert!(gate.client_gone_async().await);
}

#[tokio::test]
async fn see_a_client_leave_in_a_stream() {
    let (provider, gate) = (provider(), Gate::new());
    provider.enqueue(Answer::text("one two").held_after(2, &gate));
    let response = send(&provider, true).await.unwrap().unwrap();
    assert!(gate.reached_async().await);
    drop(response);
    assert!(gate.client_gone_async().await);
}

#[tokio::test]
async fn see_a_client_give_up_on_an_answer_that_never_comes() {
    let (provider, gate) = (provider(), Gate::new());
    gate.release();
    provider.enqueue(Answer::never().held(&gate));
    let call = send(&provider, false);
    assert!(gate.reached_async().await);
    call.abort();
    assert!(gate.client_gone_async().await);
}

#[tokio::test]
async fn tell_a_cut_by_the_server_from_a_client_that_left() {
    let (provider, gate) = (provider(), Gate::new());
    gate.release();
    provider.enqueue(Answer::text("one two").held_after(1, &gate).close_after(2));
    let response = send(&provider, true).await.unwrap().unwrap();
    assert!(response.text().await.is_err());
    assert!(!gate.client_gone_async().await);
}

#[test]
fn close_with_the_provider() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (provider, gate) = (provider(), Gate::new());
    provider.enqueue(Answer::text("never sent").held(&gate));
    let call = {
        let _guard = runtime.enter();
        send(&provider, false)
    };
    assert!(gate.reached());
    drop(provider);
    assert!(runtime.block_on(call).unwrap().is_err());
}

/// Waiting for a gate holds a paused clock, so a time-out strikes when the test says so.
#[tokio::test(start_paused = true)]
async fn leave_a_paused_clock_alone() {
    let (provider, gate) = (provider(), Gate::new());
    provider.enqueue(Answer::text("late").held(&gate));
    let call = send(&provider, false);
    let started = tokio::time::Instant::now();
    assert!(gate.reached_async().await);
    assert_eq!(started.elapsed(), Duration::ZERO);
    tokio::time::timeout(Duration::from_secs(3600), call).await.unwrap_err();
}
