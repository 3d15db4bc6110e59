//! What a plain pipeline of OpenTelemetry loses.

use super::{endpoint, posthog};
use opentelemetry::{
    KeyValue,
    trace::{Span, Tracer, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::{BatchConfig, BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use std::collections::HashMap;
use tracing_genai::testing::FakePostHog;

/// Ends so many chat calls with content of so many bytes, and flushes once.
fn flush(posthog: &FakePostHog, config: BatchConfig, calls: usize, content: usize) {
    let authorization = format!("Bearer {}", posthog.project_key());
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint(posthog))
        .with_headers(HashMap::from([("authorization".to_owned(), authorization)]))
        .build()
        .unwrap();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    let tracer = provider.tracer("test");
    for _ in 0..calls {
        let mut span = tracer.start("chat");
        span.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        span.set_attribute(KeyValue::new("gen_ai.input.messages", "x".repeat(content)));
        span.end();
    }
    let _ = provider.force_flush();
}

#[test]
fn few_calls_arrive() {
    let posthog = posthog();
    flush(&posthog, BatchConfig::default(), 3, 10);
    assert_eq!(posthog.events().len(), 3);
}

#[test]
fn all_of_150_calls_in_one_flush_are_lost() {
    let posthog = posthog();
    flush(&posthog, BatchConfig::default(), 150, 10);
    assert_eq!(posthog.refusals()[0].status, 400);
    assert!(posthog.events().is_empty());
}

#[test]
fn in_batches_of_100_they_arrive() {
    let posthog = posthog();
    flush(&posthog, BatchConfigBuilder::default().with_max_export_batch_size(100).build(), 150, 10);
    assert_eq!(posthog.events().len(), 150);
}

#[test]
fn all_of_20_calls_with_large_content_are_lost() {
    let posthog = posthog();
    flush(&posthog, BatchConfig::default(), 20, 300_000);
    assert_eq!(posthog.refusals()[0].status, 413);
    assert!(posthog.events().is_empty());
}
