//! What the exporter of OpenTelemetry, set up for PostHog as is documented, brings there of spans that come at once or
//! are large, and what a destination of this crate brings beside it.

#![cfg(all(feature = "export", feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use opentelemetry::{
    KeyValue,
    trace::{Tracer, TracerProvider},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;
use std::{collections::HashMap, time::Duration};
use tracing_genai::{ContentCapture, Destination, Telemetry, testing::FakePostHog};

const PATIENCE: Duration = Duration::from_secs(20);

/// The numbers of events of `spans` chats with so many bytes of content each: by the default exporter, by ours.
fn events_of(spans: usize, bytes: usize) -> (usize, usize) {
    let (theirs, ours) = (FakePostHog::start().unwrap(), FakePostHog::start().unwrap());
    let authorization = format!("Bearer {}", theirs.project_key());
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/i/v0/ai/otel", theirs.url()))
        .with_headers(HashMap::from([("Authorization".to_owned(), authorization)]))
        .build()
        .unwrap();
    let destination = Destination::posthog(ours.project_key()).host(ours.url());
    let telemetry =
        Telemetry::builder().destination(destination.content(ContentCapture::on())).build().unwrap();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(telemetry.processors())
        .with_batch_exporter(exporter)
        .build();
    let messages =
        json!([{ "role": "user", "parts": [{ "type": "text", "content": "x".repeat(bytes) }] }]).to_string();
    let tracer = provider.tracer("shop");
    for _ in 0..spans {
        let attributes = [
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.input.messages", messages.clone()),
        ];
        drop(tracer.span_builder("chat").with_attributes(attributes).start(&tracer));
    }
    // What it could not bring it does not always tell.
    let _ = provider.force_flush();
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    assert_eq!((report.rejected, report.dropped), (0, 0), "{report:?}");
    assert!(ours.events().iter().all(|event| event.name == "$ai_generation"));
    (theirs.events().len(), ours.events().len())
}

#[test]
fn of_few_spans_both_bring_every_one() {
    assert_eq!(events_of(3, 10), (3, 3));
}

#[test]
fn of_150_spans_at_once_the_default_brings_none_and_ours_every_one() {
    assert_eq!(events_of(150, 10), (0, 150));
}

#[test]
fn of_20_spans_of_300_kb_the_default_brings_none_and_ours_every_one() {
    assert_eq!(events_of(20, 300_000), (0, 20));
}

#[test]
fn of_one_span_of_6_mb_the_default_brings_none_and_ours_one() {
    assert_eq!(events_of(1, 6_000_000), (0, 1));
}
