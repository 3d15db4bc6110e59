//! Calls that an adapter sees, by a client of the program's, and inside a span that another library made.

use super::world::{Seen, Span, World, block_on};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use opentelemetry_sdk::trace::Sampler;
use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};
use tower_layer::Layer as _;
use tower_service::Service;
use tracing::Instrument;
use tracing_genai::instrument::{RequestBody, tower::GenAiLayer};
use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt};

const ANSWER: &str = r#"{"id":"1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"finish_reason":"stop",
    "message":{"role":"assistant","content":"Hej."}}],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#;

/// A client that answers by itself.
struct Client;

impl Service<Request<RequestBody<Full<Bytes>>>> for Client {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<RequestBody<Full<Bytes>>>) -> Self::Future {
        let answer = Response::builder().header("content-type", "application/json");
        ready(Ok(answer.body(Full::new(Bytes::from_static(ANSWER.as_bytes()))).unwrap()))
    }
}

async fn call() {
    let body =
        Full::new(Bytes::from_static(br#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}"#));
    let request = Request::post("https://api.openai.com/v1/chat/completions")
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    let answer = GenAiLayer::new().layer(Client).call(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), ANSWER);
}

/// What is left behind by a call inside a span that its library made for it.
fn see_adopted(world: &World) -> Seen {
    let subscriber = Registry::default().with(world.layer());
    tracing::subscriber::with_default(subscriber, || {
        block_on(async {
            call().instrument(tracing::info_span!("chat", gen_ai.operation.name = "chat")).await;
        });
    });
    world.seen()
}

#[track_caller]
fn assert_whole(span: &Span) {
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], "Int(7)");
    assert_eq!(span.attributes["gen_ai.response.model"], "gpt-4o-2024-08-06");
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
}

#[test]
fn under_a_filter_a_flush_waits_until_its_bodies_are_read() {
    let world = World::new(true);
    let subscriber = Registry::default().with(EnvFilter::new("off")).with(world.layer());
    tracing::subscriber::with_default(subscriber, || block_on(call()));
    let seen = world.seen();
    assert_eq!(seen.destination.len(), 1);
    assert_whole(&seen.destination[0]);
}

#[test]
fn another_librarys_span_that_comes_by_itself_is_the_calls() {
    let seen = see_adopted(&World::new(true));
    let ([program], [destination]) = (&seen.program[..], &seen.destination[..]) else {
        panic!("{:#?}", seen.destination)
    };
    assert_eq!(program.id, destination.id);
    assert_whole(destination);
}

#[test]
fn inside_another_librarys_span_that_does_not_come_the_call_has_a_span() {
    let seen = see_adopted(&World::unconnected(true));
    let ([program], [destination]) = (&seen.program[..], &seen.destination[..]) else {
        panic!("{:#?}", seen.destination)
    };
    destination.assert_below(program);
    assert_whole(destination);
}

#[test]
fn inside_another_librarys_span_that_is_not_sampled_the_call_has_a_span() {
    let seen = see_adopted(&World::sampling(true, Sampler::AlwaysOff));
    assert!(seen.program.is_empty());
    assert_eq!(seen.destination.len(), 1);
    assert_whole(&seen.destination[0]);
}
