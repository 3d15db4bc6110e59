//! Tests in a program whose OpenTelemetry is of another version than the crate's: its layer has the `tracing`
//! fields of a call's span, and the pipeline of its own has the whole.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(test)]

use other_opentelemetry::trace::{SpanKind, Status, TracerProvider};
use other_opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tracing::{Instrument, instrument::WithSubscriber};
use tracing_genai::{
    Client, Destination, Finding, Telemetry, diagnosis,
    testing::{Answer, FakeProvider, OtlpSink},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// What is found is counted for the process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs one chat inside a request, and gives the spans of the program's exporter by name.
fn chat() -> (SpanData, SpanData) {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::text("Hej."));
    let client = Client::builder().base_url(provider.base_url()).api_key("sk-test").build().unwrap();
    let exporter = InMemorySpanExporter::default();
    let theirs = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = other_tracing_opentelemetry::layer().with_tracer(theirs.tracer("test"));
    let work = async { client.chat("gpt-4o").user("Hello").send().await.unwrap() };
    let work = async { work.instrument(tracing::info_span!("request")).await };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work.with_subscriber(Registry::default().with(layer)));
    let spans = exporter.get_finished_spans().unwrap();
    let find = |name: &str| spans.iter().find(|span| span.name == name).unwrap().clone();
    (find("request"), find("chat gpt-4o"))
}

fn has(span: &SpanData, key: &str) -> bool {
    span.attributes.iter().any(|attribute| attribute.key.as_str() == key)
}

fn found(finding: Finding) -> u64 {
    diagnosis().into_iter().find(|(found, _)| *found == finding).map_or(0, |(_, count)| count)
}

#[test]
fn its_exporter_has_the_fields_of_the_span_alone_and_the_diagnosis_says_so() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = found(Finding::NoOpenTelemetrySpan);
    let (request, chat) = chat();
    assert_eq!(chat.parent_span_id, request.span_context.span_id());
    assert_eq!(chat.span_kind, SpanKind::Client);
    for key in ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"] {
        assert!(has(&chat, key), "{key}");
    }
    let tokens = chat.attributes.iter().find(|one| one.key.as_str() == "gen_ai.usage.input_tokens").unwrap();
    assert!(matches!(tokens.value, other_opentelemetry::Value::I64(_)));
    // It takes the OpenTelemetry span to say these.
    assert!(!has(&chat, "gen_ai.response.finish_reasons"));
    assert_eq!(found(Finding::NoOpenTelemetrySpan) - before, 1);
}

#[test]
fn the_programs_own_span_is_untouched() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (request, _) = chat();
    assert_eq!(request.status, Status::Unset);
    assert!(!request.attributes.iter().any(|one| one.key.as_str().starts_with("gen_ai.")));
}

#[test]
fn a_pipeline_of_its_own_has_the_span_whole() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let sink = OtlpSink::start().unwrap();
    let telemetry = Telemetry::builder().destination(Destination::otlp(sink.endpoint()));
    let telemetry = telemetry.own_pipeline(true).build().unwrap();
    let before = found(Finding::NoOpenTelemetrySpan);
    let _ = chat();
    telemetry.flush_blocking(Duration::from_secs(20)).unwrap();
    let spans = sink.spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    assert_eq!(spans[0].name, "chat gpt-4o");
    assert_eq!(spans[0].attributes["gen_ai.response.finish_reasons"], ["stop"]);
    // The trace of another version cannot be read.
    assert_eq!(spans[0].parent_span_id, None);
    assert_eq!(found(Finding::NoOpenTelemetrySpan), before);
}
