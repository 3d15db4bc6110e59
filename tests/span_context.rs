//! An operation's span is a child of the application's own span, which is never written to: in
//! every set-up of subscriber and layers.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

use opentelemetry::{
    Context,
    trace::{SpanId, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider, SpanData};
use std::io;
use tracing::{Subscriber, instrument::WithSubscriber, level_filters::LevelFilter};
use tracing_genai::span::Tool;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::filter_fn, layer::SubscriberExt, registry::LookupSpan, reload,
};

struct Pipeline {
    provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
}

impl Pipeline {
    fn new() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        Self { provider, exporter }
    }

    fn tracer(&self) -> SdkTracer {
        self.provider.tracer("test")
    }

    fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> OpenTelemetryLayer<S, SdkTracer> {
        tracing_opentelemetry::layer().with_tracer(self.tracer())
    }

    /// The application's span and the tool's, after a handler ran a tool that failed.
    async fn run(&self, subscriber: impl Subscriber + Send + Sync + 'static) -> (SpanData, Option<SpanData>) {
        use tracing::Instrument;
        let handler = async {
            let failing = async { Err::<String, _>(io::Error::other("broken")) };
            assert!(Tool::new("saw").arguments("{}").run(failing).await.is_err());
        };
        async { handler.instrument(tracing::error_span!("app")).await }.with_subscriber(subscriber).await;
        self.finished()
    }

    fn finished(&self) -> (SpanData, Option<SpanData>) {
        let spans = self.exporter.get_finished_spans().unwrap();
        let find = |name| spans.iter().find(|span| span.name == name).cloned();
        assert!(spans.len() <= 2, "{spans:#?}");
        (find("app").unwrap(), find("execute_tool saw"))
    }
}

fn assert_untouched(app: &SpanData) {
    assert_eq!(app.name, "app");
    assert_eq!(app.status, Status::Unset);
    let ours =
        |key: &str| key.starts_with("gen_ai.") || key.starts_with("tracing_genai.") || key == "error.type";
    assert!(!app.attributes.iter().any(|attribute| ours(attribute.key.as_str())), "{:?}", app.attributes);
}

fn assert_child_of(app: &SpanData, tool: Option<SpanData>) {
    let tool = tool.expect("the tool has a span");
    assert_eq!(tool.parent_span_id, app.span_context.span_id());
    assert_eq!(tool.span_context.trace_id(), app.span_context.trace_id());
    assert!(matches!(&tool.status, Status::Error { description } if description == "broken"));
}

#[tokio::test]
async fn in_a_plain_registry_the_span_is_a_child() {
    let pipeline = Pipeline::new();
    let (app, tool) = pipeline.run(Registry::default().with(pipeline.layer())).await;
    assert_untouched(&app);
    assert_child_of(&app, tool);
}

#[tokio::test]
async fn under_a_global_filter_that_drops_it_there_is_no_span_and_the_parent_is_untouched() {
    let pipeline = Pipeline::new();
    let subscriber = Registry::default().with(EnvFilter::new("error")).with(pipeline.layer());
    let (app, tool) = pipeline.run(subscriber).await;
    assert_untouched(&app);
    assert!(tool.is_none());
}

#[tokio::test]
async fn under_a_filter_of_the_layer_alone_there_is_no_span_and_the_parent_is_untouched() {
    let pipeline = Pipeline::new();
    let not_ours = filter_fn(|metadata| metadata.target() != "tracing_genai");
    // A second layer sees the span, so it is not disabled as a whole.
    let subscriber = Registry::default()
        .with(pipeline.layer().with_filter(not_ours))
        .with(tracing_subscriber::fmt::layer().with_writer(io::sink));
    let (app, tool) = pipeline.run(subscriber).await;
    assert_untouched(&app);
    assert!(tool.is_none());
}

#[tokio::test]
async fn behind_a_reload_layer_the_span_is_whole() {
    let pipeline = Pipeline::new();
    let (layer, _handle) = reload::Layer::new(pipeline.layer());
    let (app, tool) = pipeline.run(Registry::default().with(layer)).await;
    assert_untouched(&app);
    assert_child_of(&app, tool);
}

#[tokio::test]
async fn with_context_activation_off_the_span_is_whole() {
    let pipeline = Pipeline::new();
    let layer = pipeline.layer().with_context_activation(false);
    let (app, tool) = pipeline.run(Registry::default().with(layer)).await;
    assert_untouched(&app);
    assert_child_of(&app, tool);
}

#[tokio::test]
async fn with_activation_off_and_a_filter_of_the_layer_the_parent_is_untouched() {
    let pipeline = Pipeline::new();
    let layer = pipeline.layer().with_context_activation(false);
    let subscriber = Registry::default()
        .with(layer.with_filter(filter_fn(|metadata| metadata.target() != "tracing_genai")))
        .with(tracing_subscriber::fmt::layer().with_writer(io::sink));
    let (app, tool) = pipeline.run(subscriber).await;
    assert_untouched(&app);
    assert!(tool.is_none());
}

#[test]
fn a_span_that_the_program_attached_by_hand_is_the_parent_and_untouched() {
    let pipeline = Pipeline::new();
    let app = pipeline.tracer().start("app");
    let guard = Context::current_with_span(app).attach();
    tracing::subscriber::with_default(Registry::default().with(pipeline.layer()), run_tool);
    Context::current().span().end();
    drop(guard);
    let (app, tool) = pipeline.finished();
    assert_untouched(&app);
    assert_child_of(&app, tool);
}

#[test]
fn without_an_opentelemetry_layer_a_span_attached_by_hand_is_untouched() {
    let pipeline = Pipeline::new();
    let app = pipeline.tracer().start("app");
    let guard = Context::current_with_span(app).attach();
    let subscriber = Registry::default().with(tracing_subscriber::fmt::layer().with_writer(io::sink));
    tracing::subscriber::with_default(subscriber, run_tool);
    Context::current().span().end();
    drop(guard);
    let (app, tool) = pipeline.finished();
    assert_untouched(&app);
    assert!(tool.is_none());
}

#[test]
fn without_a_subscriber_a_span_attached_by_hand_is_untouched() {
    let pipeline = Pipeline::new();
    let app = pipeline.tracer().start("app");
    let guard = Context::current_with_span(app).attach();
    run_tool();
    Context::current().span().end();
    drop(guard);
    let (app, tool) = pipeline.finished();
    assert_untouched(&app);
    assert!(tool.is_none());
}

/// Runs a tool that fails, without a runtime.
fn run_tool() {
    let tool = Tool::new("saw").run(async { Err::<String, _>(io::Error::other("broken")) });
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(tool).unwrap_err();
}

#[tokio::test]
async fn an_unsampled_parent_means_an_unsampled_span() {
    use opentelemetry_sdk::trace::Sampler;
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::AlwaysOff)
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let work = Tool::new("saw").run(async { Ok::<_, io::Error>("done") });
    assert_eq!(work.with_subscriber(Registry::default().with(layer)).await.unwrap(), "done");
    assert!(exporter.get_finished_spans().unwrap().is_empty());
}

#[tokio::test]
async fn log_events_inside_belong_to_the_operation() {
    let pipeline = Pipeline::new();
    let work = Tool::new("saw").run(async {
        tracing::info!("cutting");
        Ok::<_, io::Error>("done")
    });
    let subscriber = Registry::default().with(pipeline.layer());
    work.with_subscriber(subscriber).await.unwrap();
    let spans = pipeline.exporter.get_finished_spans().unwrap();
    let names: Vec<_> = spans[0].events.iter().map(|event| event.name.clone()).collect();
    assert_eq!(names, ["cutting"]);
}

#[tokio::test]
async fn a_span_that_begins_under_one_subscriber_and_ends_under_another_closes_its_parent() {
    let pipeline = Pipeline::new();
    let subscriber = tracing::Dispatch::new(Registry::default().with(pipeline.layer()));
    let never = std::future::pending::<Result<String, io::Error>>();
    let mut work = Box::pin(Tool::new("saw").run(never));
    let app = tracing::dispatcher::with_default(&subscriber, || tracing::info_span!("app"));
    tracing::dispatcher::with_default(&subscriber, || {
        let _entered = app.enter();
        let waker = std::task::Waker::noop();
        assert!(work.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    });
    drop(app);
    drop(work);
    let (app, tool) = pipeline.finished();
    assert_ne!(tool.unwrap().parent_span_id, SpanId::INVALID);
    assert_untouched(&app);
}

#[tokio::test]
async fn a_filter_at_info_keeps_the_span() {
    let pipeline = Pipeline::new();
    let subscriber = Registry::default().with(pipeline.layer().with_filter(LevelFilter::INFO));
    let (app, tool) = pipeline.run(subscriber).await;
    assert_child_of(&app, tool);
}

#[tokio::test]
async fn a_child_that_lives_on_does_not_keep_the_span_open() {
    use tracing::Instrument;
    let pipeline = Pipeline::new();
    let child = std::sync::Mutex::new(None);
    let work = Tool::new("saw").run(async {
        *child.lock().unwrap() = Some(tracing::info_span!("background"));
        Ok::<_, io::Error>("done")
    });
    async { work.instrument(tracing::info_span!("app")).await }
        .with_subscriber(Registry::default().with(pipeline.layer()))
        .await
        .unwrap();
    let names = |spans: Vec<SpanData>| spans.into_iter().map(|span| span.name).collect::<Vec<_>>();
    assert_eq!(names(pipeline.exporter.get_finished_spans().unwrap()), ["execute_tool saw"]);
    drop(child);
}

#[tokio::test]
async fn a_tool_that_panics_has_failed() {
    let pipeline = Pipeline::new();
    let run = Tool::new("saw").run(async {
        if std::hint::black_box(true) {
            panic!("broken");
        }
        Ok::<_, io::Error>("done")
    });
    let subscriber = Registry::default().with(pipeline.layer());
    assert!(tokio::spawn(run.with_subscriber(subscriber)).await.unwrap_err().is_panic());
    let spans = pipeline.exporter.get_finished_spans().unwrap();
    assert!(matches!(&spans[0].status, Status::Error { .. }));
    let is_panic = |attribute: &opentelemetry::KeyValue| {
        attribute.key.as_str() == "error.type" && attribute.value.as_str() == "panic"
    };
    assert!(spans[0].attributes.iter().any(is_panic));
}
