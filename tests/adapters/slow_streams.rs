//! Each chunk of a slow stream is with the caller before the next is sent.

use crate::world::{ASKED_STREAM, EVENTS, chunk, outcome};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{client::legacy::Client as HyperClient, rt::TokioExecutor};
use reqwest_middleware::ClientBuilder;
use tower_layer::Layer;
use tower_service::Service;
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Telemetry,
    export::Destination,
    instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware, tower::GenAiLayer},
    testing::{Answer, FakeProvider, Gate, OtlpSink, capture_async},
};
use tracing_subscriber::layer::SubscriberExt;

fn here() -> Instrumentation {
    Instrumentation::new().rule(Rule::host("127.0.0.1"))
}

/// A stream that waits after each event; the gates, one for each.
fn slow(provider: &FakeProvider) -> Vec<Gate> {
    let gates = EVENTS.map(|_| Gate::new()).to_vec();
    let events = EVENTS.map(|event| Bytes::from_static(event.as_bytes())).to_vec();
    let answer = Answer::chunks(200, "text/event-stream", events);
    let answer = gates.iter().zip(1..).fold(answer, |answer, (gate, sent)| answer.held_after(sent, gate));
    provider.enqueue(answer);
    gates
}

async fn by_hyper() {
    let provider = FakeProvider::start().unwrap();
    let gates = slow(&provider);
    let client: HyperClient<_, _> = HyperClient::builder(TokioExecutor::new()).build_http();
    let mut service = GenAiLayer::from(here()).layer(client);
    let request = Request::post(format!("{}/chat/completions", provider.base_url()));
    let request = request.body(Full::new(Bytes::from_static(ASKED_STREAM.as_bytes()))).unwrap();
    let mut body = service.call(request).await.unwrap().into_body();
    for (gate, event) in gates.iter().zip(EVENTS) {
        let mut came = Vec::new();
        // A hold-up would never end: the server sends no more until the gate is opened.
        while came.len() < event.len() {
            came.extend(chunk(&mut body).await.unwrap().unwrap());
        }
        assert_eq!(came, event.as_bytes());
        gate.release();
    }
    assert!(chunk(&mut body).await.is_none());
}

async fn by_reqwest() {
    let provider = FakeProvider::start().unwrap();
    let gates = slow(&provider);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = ClientBuilder::new(client).with(GenAiMiddleware::from(here())).build();
    let request = client.post(format!("{}/chat/completions", provider.base_url())).body(ASKED_STREAM);
    let mut answer = request.send().await.unwrap();
    for (gate, event) in gates.iter().zip(EVENTS) {
        let mut came = Vec::new();
        while came.len() < event.len() {
            came.extend(answer.chunk().await.unwrap().unwrap());
        }
        assert_eq!(came, event.as_bytes());
        gate.release();
    }
    assert!(answer.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn where_bodies_are_read_as_they_come() {
    let ((), spans) = capture_async(async {
        by_hyper().await;
        by_reqwest().await;
    })
    .await;
    assert_eq!(spans.iter().map(outcome).collect::<Vec<_>>(), ["done", "done"]);
}

#[tokio::test]
async fn where_bodies_are_read_later() {
    let sink = OtlpSink::start().unwrap();
    let telemetry = Telemetry::builder().destination(Destination::otlp(sink.endpoint())).build().unwrap();
    let subscriber = tracing::Dispatch::new(tracing_subscriber::registry().with(telemetry.layer()));
    async {
        by_hyper().await;
        by_reqwest().await;
    }
    .with_subscriber(subscriber)
    .await;
    telemetry.flush(std::time::Duration::from_secs(5)).await.unwrap();
    let spans = sink.spans();
    assert_eq!(spans.iter().map(outcome).collect::<Vec<_>>(), ["done", "done"]);
    for span in &spans {
        assert_eq!(span.name, "chat gpt-4o-mini");
        assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 2);
        assert!(span.attribute("gen_ai.response.time_to_first_chunk").is_some());
    }
}
