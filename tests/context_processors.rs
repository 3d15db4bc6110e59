//! The program's own spans are marked, once, where their provider has a processor that does.
#![allow(clippy::unwrap_used, reason = "a test")]

use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use std::{io, time::Duration};
use tracing::info_span;
use tracing_genai::{
    Destination, Telemetry,
    context::{MarkSpans, scope},
    span::Tool,
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// An exporter of the program's own, behind these processors.
fn exported(provider: &SdkTracerProvider, exporter: &InMemorySpanExporter) -> Vec<SpanData> {
    let tracer = provider.tracer("test");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer.clone());
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        scope().user("u-7").in_scope(|| {
            info_span!("app").in_scope(|| ());
            tracer.in_span("of OpenTelemetry", |_| ());
            let tool = Tool::new("saw").run(async { Ok::<_, io::Error>("done") });
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(tool).unwrap();
        });
    });
    exporter.get_finished_spans().unwrap()
}

fn assert_marked_once(spans: &[SpanData]) {
    assert_eq!(spans.len(), 3);
    for span in spans {
        let users = span.attributes.iter().filter(|one| one.key.as_str() == "user.id");
        assert_eq!(users.map(|one| one.value.to_string()).collect::<Vec<_>>(), ["u-7"], "{span:?}");
    }
}

#[test]
fn a_provider_of_the_programs_own_marks_spans_by_a_processor() {
    let exporter = InMemorySpanExporter::default();
    let builder = SdkTracerProvider::builder().with_span_processor(MarkSpans::new());
    let provider = builder.with_simple_exporter(exporter.clone()).build();
    assert_marked_once(&exported(&provider, &exporter));
}

fn telemetry() -> Telemetry {
    Telemetry::builder()
        .destination(Destination::otlp("http://127.0.0.1:1"))
        .drop_timeout(Duration::ZERO)
        .on_problem(|_| ())
        .build()
        .unwrap()
}

#[test]
fn the_processor_of_telemetry_marks_spans() {
    let telemetry = telemetry();
    let exporter = InMemorySpanExporter::default();
    let builder = SdkTracerProvider::builder().with_span_processor(telemetry.processors());
    let provider = builder.with_simple_exporter(exporter.clone()).build();
    let spans = exported(&provider, &exporter);
    telemetry.shutdown_blocking(Duration::ZERO);
    assert_marked_once(&spans);
}

#[test]
fn several_processors_that_mark_do_so_once() {
    let telemetry = telemetry();
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(telemetry.processors())
        .with_span_processor(MarkSpans::new())
        .with_simple_exporter(exporter.clone())
        .build();
    let spans = exported(&provider, &exporter);
    telemetry.shutdown_blocking(Duration::ZERO);
    assert_marked_once(&spans);
}

#[test]
fn with_context_activation_off_spans_are_marked_once() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(MarkSpans::new())
        .with_simple_exporter(exporter.clone())
        .build();
    let layer =
        tracing_opentelemetry::layer().with_tracer(provider.tracer("test")).with_context_activation(false);
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        scope().user("u-7").in_scope(|| {
            // Starts, without activation, as the tool's span asks for its parent.
            let _entered = info_span!("app").entered();
            drop(info_span!("idle"));
            let tool = Tool::new("saw").run(async { Ok::<_, io::Error>("done") });
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(tool).unwrap();
        });
    });
    assert_marked_once(&exporter.get_finished_spans().unwrap());
}
