//! How calls over a real connection end, by `reqwest` and by `hyper`.

use crate::world::{ASKED, ASKED_STREAM, EVENTS, chunk, mark, names, only, outcome, said};
use bytes::Bytes;
use http::{Extensions, Request};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use reqwest::Response;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    instrument::{
        Instrumentation, RequestBody, Rule,
        reqwest_middleware::GenAiMiddleware,
        tower::{GenAiLayer, GenAiService},
    },
    testing::{Answer, FakeProvider, Gate, capture_async},
};
use tracing_subscriber::layer::SubscriberExt;

fn here() -> Instrumentation {
    Instrumentation::new().rule(Rule::host("127.0.0.1"))
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn watched() -> ClientWithMiddleware {
    ClientBuilder::new(http()).with(GenAiMiddleware::from(here())).build()
}

type Hyper = GenAiService<HyperClient<HttpConnector, RequestBody<Full<Bytes>>>>;

fn hyper() -> Hyper {
    GenAiLayer::from(here()).layer(HyperClient::builder(TokioExecutor::new()).build_http())
}

fn address(provider: &FakeProvider) -> String {
    format!("{}/chat/completions", provider.base_url())
}

fn asked(url: &str) -> Request<Full<Bytes>> {
    Request::post(url).body(Full::new(Bytes::from_static(ASKED.as_bytes()))).unwrap()
}

fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v1/chat/completions", listener.local_addr().unwrap())
}

fn events() -> Answer {
    Answer::chunks(
        200,
        "text/event-stream",
        EVENTS.map(|event| Bytes::from_static(event.as_bytes())).to_vec(),
    )
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_that_is_refused_is_a_failure() {
    let url = nowhere();
    let (answer, spans) = capture_async(watched().post(&url).body(ASKED).send()).await;
    assert!(answer.is_err());
    let error = only(&spans).operation.as_ref().unwrap().outcome.error().unwrap().clone();
    assert_eq!(only(&spans).attributes["error.type"], "connection");
    assert!(error.message.contains("cannot be reached"), "{}", error.message);

    let (answer, spans) = capture_async(async { hyper().call(asked(&url)).await }).await;
    assert!(answer.is_err());
    assert_eq!(only(&spans).attributes["error.type"], "connection");
    assert_eq!(outcome(only(&spans)), "failed");
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_that_is_closed_before_the_head_is_a_failure() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::drop_connection());
    provider.enqueue(Answer::drop_connection());
    let (answer, spans) = capture_async(watched().post(address(&provider)).body(ASKED).send()).await;
    assert!(answer.is_err());
    assert_eq!(only(&spans).attributes["error.type"], "connection");
    let (answer, spans) = capture_async(async { hyper().call(asked(&address(&provider))).await }).await;
    assert!(answer.is_err());
    assert_eq!(only(&spans).attributes["error.type"], "connection");
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_that_is_closed_in_the_middle_is_a_failure() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(events().close_after(2));
    provider.enqueue(events().close_after(2));
    let ((), spans) = capture_async(async {
        let answer = watched().post(address(&provider)).body(ASKED_STREAM).send().await.unwrap();
        assert!(answer.bytes().await.is_err());
        mark();
        let answer = hyper().call(asked(&address(&provider))).await.unwrap();
        assert!(crate::world::drain(answer.into_body()).await.is_err());
    })
    .await;
    assert_eq!(names(&spans), ["chat gpt-4o-mini", "mark", "chat gpt-4o-mini"]);
    for span in [&spans[0], &spans[2]] {
        assert_eq!(span.attributes["error.type"], "connection");
        let operation = span.operation.as_ref().unwrap();
        assert_eq!(said(span), "Hej.");
        assert_eq!(operation.outcome.error().unwrap().http_status, Some(200));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn time_that_is_over_is_a_failure_before_the_head_and_after_it() {
    let provider = FakeProvider::start().unwrap();
    let gate = Gate::new();
    provider.enqueue(Answer::never());
    provider.enqueue(events().held_after(1, &gate));
    for has_head in [false, true] {
        let (is_timeout, spans) = capture_async(async {
            let request = watched().post(address(&provider)).body(ASKED_STREAM);
            match request.timeout(Duration::from_millis(300)).send().await {
                Ok(answer) => answer.bytes().await.unwrap_err().is_timeout(),
                Err(error) => error.is_timeout(),
            }
        })
        .await;
        assert!(is_timeout);
        let span = only(&spans);
        assert_eq!(span.attributes["error.type"], "timeout");
        let status = span.operation.as_ref().unwrap().http_status;
        assert_eq!(status, has_head.then_some(200));
    }
    gate.release();
}

#[tokio::test(flavor = "current_thread")]
async fn a_call_that_is_left_cancels_the_request_and_says_so() {
    let provider = FakeProvider::start().unwrap();
    let gate = Gate::new();
    provider.enqueue(events().held_after(2, &gate));
    let ((), spans) = capture_async(async {
        let mut answer = watched().post(address(&provider)).body(ASKED_STREAM).send().await.unwrap();
        while answer.chunk().await.unwrap().is_some_and(|chunk| chunk != EVENTS[1]) {}
        mark();
        drop(answer);
        mark();
    })
    .await;
    assert_eq!(names(&spans), ["mark", "chat gpt-4o-mini", "mark"]);
    assert_eq!(outcome(only(&spans)), "abandoned");
    assert!(gate.reached_async().await);
    // The server sees it when it goes on.
    gate.release();
}

/// Tries three times.
struct Retry;

#[async_trait::async_trait]
impl Middleware for Retry {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        for _ in 0..2 {
            let answer = next.clone().run(request.try_clone().expect("a clone"), extensions).await?;
            if answer.status().is_success() {
                return Ok(answer);
            }
        }
        next.run(request, extensions).await
    }
}

#[tokio::test(flavor = "current_thread")]
async fn attempts_below_the_middleware_are_one_span_and_above_it_one_each() {
    let genai = || GenAiMiddleware::from(here());
    let below = ClientBuilder::new(http()).with(genai()).with(Retry).build();
    let above = ClientBuilder::new(http()).with(Retry).with(genai()).build();
    for (client, expected) in [(below, vec!["done"]), (above, vec!["failed", "failed", "done"])] {
        let provider = FakeProvider::start().unwrap();
        for _ in 0..2 {
            provider.enqueue(Answer::error(503, "server_error", None, "Later."));
        }
        let ((), spans) = capture_async(async {
            let request = client.post(address(&provider)).bearer_auth("sk-test").body(ASKED);
            assert!(request.send().await.unwrap().bytes().await.is_ok());
        })
        .await;
        assert_eq!(provider.requests().len(), 3);
        assert_eq!(spans.iter().map(outcome).collect::<Vec<_>>(), expected);
    }
}

/// How many spans it was given.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<AtomicUsize>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len(), Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_provider_that_is_not_ours_loses_no_span_at_its_flush_or_its_shutdown() {
    let fake = FakeProvider::start().unwrap();
    let exporter = Kept::default();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("theirs"));
    let subscriber = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let call = || {
        async {
            let request = watched().post(address(&fake)).bearer_auth("sk-test").body(ASKED);
            request.send().await.unwrap().bytes().await.unwrap();
            let mut body = hyper().call(asked(&address(&fake))).await.unwrap().into_body();
            while chunk(&mut body).await.is_some() {}
        }
        .with_subscriber(subscriber.clone())
    };
    call().await;
    provider.force_flush().unwrap();
    assert_eq!(exporter.0.load(Ordering::Relaxed), 2);
    call().await;
    provider.shutdown().unwrap();
    assert_eq!(exporter.0.load(Ordering::Relaxed), 4);
}
