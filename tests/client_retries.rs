//! When a call is tried again, and what its one span tells of it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use std::time::Duration;
use tracing_genai::{
    Client, Error,
    client::{ClientBuilder, Endpoint, Provider, Reply},
    record::{ErrorKind, Outcome},
    testing::{Answer, FakeProvider, FinishedSpan, capture_async},
};

/// What a call came to whose requests get these answers, with its span and the number of requests.
struct Came {
    reply: Result<Reply, Error>,
    span: FinishedSpan,
    requests: usize,
}

fn client(provider: &FakeProvider) -> ClientBuilder {
    Client::builder().base_url(provider.base_url()).api_key("sk-test")
}

fn provider(answers: impl IntoIterator<Item = Answer>) -> FakeProvider {
    let provider = FakeProvider::start().unwrap();
    answers.into_iter().for_each(|answer| provider.enqueue(answer));
    provider
}

async fn send(answers: impl IntoIterator<Item = Answer>, set: fn(ClientBuilder) -> ClientBuilder) -> Came {
    let provider = provider(answers);
    let client = set(client(&provider)).build().unwrap();
    let (reply, mut spans) = capture_async(client.chat("gpt-4o").user("Hi").send()).await;
    assert_eq!(spans.len(), 1, "one call is one span");
    Came { reply, span: spans.remove(0), requests: provider.requests().len() }
}

async fn stream(answers: impl IntoIterator<Item = Answer>) -> Came {
    let provider = provider(answers);
    let client = client(&provider).build().unwrap();
    let work = async { client.chat("gpt-4o").user("Hi").stream().await?.finish().await };
    let (reply, mut spans) = capture_async(work).await;
    assert_eq!(spans.len(), 1, "one call is one span");
    Came { reply, span: spans.remove(0), requests: provider.requests().len() }
}

/// A refusal that may be asked again at once.
fn busy(status: u16) -> Answer {
    Answer::error(status, "server_error", None, "Busy.").header("retry-after", "0")
}

fn attempts(span: &FinishedSpan) -> Option<i64> {
    span.attribute("tracing_genai.attempts").and_then(tracing_genai::testing::AttributeValue::as_i64)
}

#[tokio::test]
async fn what_may_pass_is_tried_again_within_one_span() {
    for status in [408, 409, 429, 500, 502, 503, 529] {
        let came = send([busy(status), Answer::text("Hello.")], |builder| builder).await;
        assert_eq!(came.reply.unwrap().text(), "Hello.", "{status}");
        assert_eq!((came.requests, attempts(&came.span)), (2, Some(2)), "{status}");
        assert_eq!(came.span.operation.as_ref().unwrap().outcome, Outcome::Done, "{status}");
        assert_eq!(came.span.operation.as_ref().unwrap().http_status, Some(200), "{status}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let came = send([Answer::drop_connection(), Answer::text("Hello.")], |builder| builder).await;
    assert_eq!(came.reply.unwrap().text(), "Hello.");
    assert_eq!((came.requests, attempts(&came.span)), (2, Some(2)));
}

#[tokio::test]
async fn a_stream_is_tried_again_until_it_begins() {
    let came = stream([busy(529), Answer::text("Hello.")]).await;
    assert_eq!(came.reply.unwrap().text(), "Hello.");
    assert_eq!((came.requests, attempts(&came.span)), (2, Some(2)));
}

#[tokio::test]
async fn a_stream_that_has_begun_is_not_tried_again() {
    let came = stream([Answer::text("Hello there, you.").close_after(3)]).await;
    assert_eq!(came.reply.unwrap_err().kind(), ErrorKind::Connection);
    assert_eq!((came.requests, attempts(&came.span)), (1, None));
}

#[tokio::test]
async fn after_two_more_attempts_the_last_failure_is_the_calls() {
    let answers = [busy(500), busy(500), busy(503), Answer::text("too late")];
    let came = send(answers, |builder| builder).await;
    assert_eq!(came.reply.unwrap_err().http_status(), Some(503));
    assert_eq!((came.requests, attempts(&came.span)), (3, Some(3)));
}

#[tokio::test]
async fn what_the_request_got_wrong_is_not_tried_again() {
    for status in [400, 401, 403, 404, 422] {
        let refusal = Answer::error(status, "invalid_request_error", None, "No.");
        let came = send([refusal], |builder| builder).await;
        assert_eq!(came.reply.unwrap_err().http_status(), Some(status));
        assert_eq!((came.requests, attempts(&came.span)), (1, None), "{status}");
    }
}

#[tokio::test]
async fn without_retries_the_first_failure_is_the_calls() {
    let came = send([busy(500)], |builder| builder.max_retries(0)).await;
    assert_eq!(came.reply.unwrap_err().http_status(), Some(500));
    assert_eq!((came.requests, attempts(&came.span)), (1, None));
}

#[tokio::test]
async fn a_wait_beyond_the_time_out_is_not_begun() {
    let slow =
        Answer::error(429, "requests", "rate_limit_exceeded", "Slow down.").header("retry-after", "30");
    let came = send([slow], |builder| builder.timeout(Duration::from_secs(20))).await;
    let error = came.reply.unwrap_err();
    assert_eq!(
        (error.kind(), error.info().retry_after),
        (ErrorKind::RateLimited, Some(Duration::from_secs(30)))
    );
    assert_eq!(came.requests, 1);
}

#[tokio::test]
async fn the_provider_may_forbid_another_attempt() {
    let hopeless = Answer::error(500, "server_error", None, "No use.").header("x-should-retry", "false");
    let came = send([hopeless], |builder| builder).await;
    assert_eq!(came.reply.unwrap_err().http_status(), Some(500));
    assert_eq!(came.requests, 1);
}

#[tokio::test]
async fn the_time_out_bounds_the_wait_for_a_token_too() {
    let provider = provider([]);
    let endpoint = Endpoint::new(Provider::VertexAi).base_url(provider.vertex_url()).project("mine");
    let endpoint = endpoint.token_source(std::future::pending::<Result<String, std::io::Error>>);
    let client = Client::builder().endpoint(endpoint).timeout(Duration::from_millis(50)).build().unwrap();
    let call = client.chat("gemini-2.5-pro").provider(Provider::VertexAi).user("Hi").send();
    assert_eq!(call.await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn what_was_said_of_a_provider_by_its_name_holds_for_the_one_that_takes_every_model() {
    let provider = provider([]);
    let endpoint =
        Endpoint::new(Provider::Anthropic).base_url(provider.anthropic_url()).api_key("key-of-a-test");
    let client = Client::builder().provider(Provider::Anthropic).endpoint(endpoint).build().unwrap();
    client.chat("any-model").user("Hi").send().await.unwrap();
    assert_eq!(provider.requests()[0].header("x-api-key"), Some("key-of-a-test"));
}
