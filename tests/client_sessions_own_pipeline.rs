//! A session where a `Telemetry` has a pipeline of its own, and the program samples nothing.

#![cfg(all(feature = "client", feature = "export"))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use std::time::Duration;
use tracing_genai::{
    Client, Destination, Telemetry,
    testing::{FakeProvider, FakeTracia},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

#[test]
fn each_call_is_after_the_one_before_it_as_it_is_sent() {
    let (provider, tracia) = (FakeProvider::start().unwrap(), FakeTracia::start().unwrap());
    let client = Client::builder().base_url(provider.base_url()).api_key("sk-test").build().unwrap();
    let to = Destination::tracia(tracia.api_key()).base_url(tracia.url());
    let telemetry = Telemetry::builder().destination(to).own_pipeline(true).build().unwrap();
    let programs = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
    let layer = tracing_opentelemetry::layer().with_tracer(programs.tracer("app"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let session = client.session();
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        runtime.block_on(async {
            for user in ["a", "b"] {
                session.chat("gpt-4o").user("Hi").user_id(user).await.unwrap();
            }
        });
    });
    telemetry.flush_blocking(Duration::from_secs(20)).unwrap();

    let spans = tracia.spans();
    let of = |user: &str| spans.iter().find(|span| span["userId"] == user).unwrap();
    assert_eq!(spans.len(), 2);
    assert_eq!(of("b")["parentSpanId"], of("a")["spanId"]);
    assert!(spans.iter().all(|span| span["traceId"] == *session.trace_id()));
}
