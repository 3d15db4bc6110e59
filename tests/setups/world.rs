//! A program with an exporter of its own, a telemetry, and a receiver of its spans.

use opentelemetry::trace::{SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SdkTracer, SdkTracerProvider, ShouldSample, SpanData,
};
use std::{
    collections::BTreeMap,
    future::Future,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tracing::{Dispatch, Instrument, Subscriber};
use tracing_genai::{
    Destination, Finding, Telemetry, diagnosis,
    export::TelemetryBuilder,
    span::Tool,
    testing::{FinishedSpan, OtlpSink},
};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

const PATIENCE: Duration = Duration::from_secs(20);

/// What is found is counted for the process, and one telemetry of it has the pipeline: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

pub(crate) struct World {
    pub(crate) telemetry: Telemetry,
    provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
    sink: OtlpSink,
    before: BTreeMap<&'static str, u64>,
    _alone: MutexGuard<'static, ()>,
}

/// What a work left behind.
pub(crate) struct Seen {
    /// The program's own exporter has these.
    pub(crate) program: Vec<Span>,
    /// The telemetry's destination has these.
    pub(crate) destination: Vec<Span>,
    pub(crate) findings: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) is_error: bool,
    pub(crate) attributes: BTreeMap<String, String>,
}

pub(crate) fn telemetry(sink: &OtlpSink) -> TelemetryBuilder {
    Telemetry::builder().destination(Destination::otlp(sink.endpoint())).on_problem(|_| {})
}

impl World {
    /// A program whose provider has the telemetry's processor.
    pub(crate) fn new(own_pipeline: bool) -> Self {
        Self::sampling(own_pipeline, Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
    }

    pub(crate) fn sampling(own_pipeline: bool, sampler: impl ShouldSample + 'static) -> Self {
        Self::with(own_pipeline, true, sampler)
    }

    /// A program whose provider knows nothing of the telemetry.
    pub(crate) fn unconnected(own_pipeline: bool) -> Self {
        Self::with(own_pipeline, false, Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
    }

    fn with(own_pipeline: bool, is_connected: bool, sampler: impl ShouldSample + 'static) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (sink, exporter) = (OtlpSink::start().unwrap(), InMemorySpanExporter::default());
        let telemetry = telemetry(&sink).own_pipeline(own_pipeline).build().unwrap();
        let provider = SdkTracerProvider::builder().with_sampler(Box::new(sampler) as Box<dyn ShouldSample>);
        let provider =
            if is_connected { provider.with_span_processor(telemetry.processors()) } else { provider };
        let provider = provider.with_simple_exporter(exporter.clone()).build();
        Self { telemetry, provider, exporter, sink, before: findings(), _alone: alone }
    }

    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> OpenTelemetryLayer<S, SdkTracer> {
        tracing_opentelemetry::layer().with_tracer(self.provider.tracer("test"))
    }

    /// What [`handle`] leaves behind under this subscriber.
    pub(crate) fn see(self, subscriber: impl Into<Dispatch>) -> Seen {
        tracing::dispatcher::with_default(&subscriber.into(), || block_on(handle()));
        self.seen()
    }

    /// Ends the telemetry; the program goes on.
    pub(crate) fn end(self) -> Ended {
        let Self { telemetry, provider, exporter, before, _alone, .. } = self;
        telemetry.shutdown_blocking(PATIENCE);
        Ended { exporter, before, _provider: provider, _alone }
    }

    /// What was left behind so far.
    pub(crate) fn seen(&self) -> Seen {
        let report = self.telemetry.flush_blocking(PATIENCE).unwrap();
        assert_eq!(report.recorded, report.delivered, "{report:?}");
        let count = usize::try_from(report.delivered).unwrap();
        let destination = self.sink.wait_for_spans(count, PATIENCE);
        assert_eq!(destination.len(), count);
        let program = self.exporter.get_finished_spans().unwrap();
        Seen {
            program: program.into_iter().map(Span::from).collect(),
            destination: destination.into_iter().map(Span::from).collect(),
            findings: findings_since(&self.before),
        }
    }
}

/// A program that has outlived its telemetry.
pub(crate) struct Ended {
    pub(crate) exporter: InMemorySpanExporter,
    before: BTreeMap<&'static str, u64>,
    _provider: SdkTracerProvider,
    _alone: MutexGuard<'static, ()>,
}

impl Ended {
    pub(crate) fn findings(&self) -> BTreeMap<&'static str, u64> {
        findings_since(&self.before)
    }
}

fn findings_since(before: &BTreeMap<&'static str, u64>) -> BTreeMap<&'static str, u64> {
    let mut found = findings();
    for (name, count) in &mut found {
        *count -= before.get(name).copied().unwrap_or(0);
    }
    found.retain(|_, count| *count > 0);
    found
}

fn findings() -> BTreeMap<&'static str, u64> {
    diagnosis().into_iter().map(|(finding, count): (Finding, u64)| (finding.name(), count)).collect()
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A request, in it a tool, in it a span of the program, in it a tool that fails.
pub(crate) async fn handle() {
    async {
        let query = async {
            let failing = async { Err::<String, _>(io::Error::other("broken")) };
            let _ = Tool::new("inner").run(failing).await;
            Ok::<_, io::Error>("done")
        };
        // Its span begins inside the tool's.
        let query = async { query.instrument(tracing::info_span!("query")).await };
        Tool::new("outer").run(query).await.unwrap();
    }
    .instrument(tracing::error_span!("request"))
    .await;
}

pub(crate) const REQUEST: &str = "request";
pub(crate) const QUERY: &str = "query";
pub(crate) const OUTER: &str = "execute_tool outer";
pub(crate) const INNER: &str = "execute_tool inner";

pub(crate) fn find(spans: &[Span], name: &str) -> Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}")).clone()
}

pub(crate) fn names(spans: &[Span]) -> Vec<&str> {
    let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    names
}

impl Span {
    #[track_caller]
    pub(crate) fn assert_below(&self, parent: &Self) {
        assert_eq!((&self.trace, self.parent.as_ref()), (&parent.trace, Some(&parent.id)), "{self:#?}");
    }
}

impl Seen {
    /// Both calls came, once, whole, with the same ids as the program's exporter has them.
    #[track_caller]
    pub(crate) fn assert_same_calls(&self) {
        for name in [OUTER, INNER] {
            let (program, destination) = (find(&self.program, name), find(&self.destination, name));
            assert_eq!((&program.trace, &program.id), (&destination.trace, &destination.id), "{name}");
            assert_eq!(program.parent, destination.parent, "{name}");
        }
        self.assert_calls_are_whole();
    }

    /// Both calls came to the destination once, whole.
    #[track_caller]
    pub(crate) fn assert_calls_are_whole(&self) {
        for (name, outcome) in [(OUTER, "done"), (INNER, "failed")] {
            assert_eq!(self.destination.iter().filter(|span| span.name == name).count(), 1, "{name}");
            let span = find(&self.destination, name);
            assert_eq!(span.attributes["tracing_genai.outcome"], outcome);
            assert_eq!(span.attributes["gen_ai.operation.name"], "execute_tool");
            assert_eq!(span.is_error, outcome == "failed");
            assert_eq!(span.kind, SpanKind::Internal);
        }
    }
}

impl From<SpanData> for Span {
    fn from(span: SpanData) -> Self {
        let parent = (span.parent_span_id != opentelemetry::SpanId::INVALID).then_some(span.parent_span_id);
        let attributes = span.attributes.iter();
        Self {
            name: span.name.to_string(),
            kind: span.span_kind,
            trace: span.span_context.trace_id().to_string(),
            id: span.span_context.span_id().to_string(),
            parent: parent.map(|id| id.to_string()),
            is_error: matches!(span.status, Status::Error { .. }),
            attributes: attributes
                .map(|attribute| (attribute.key.to_string(), attribute.value.to_string()))
                .collect(),
        }
    }
}

impl From<FinishedSpan> for Span {
    fn from(span: FinishedSpan) -> Self {
        assert_eq!(span.duplicate_attributes(), [""; 0]);
        let attributes = span.attributes.iter();
        Self {
            name: span.name,
            kind: span.kind,
            trace: span.trace_id,
            id: span.span_id,
            parent: span.parent_span_id,
            is_error: matches!(span.status, Status::Error { .. }),
            attributes: attributes.map(|(key, value)| (key.clone(), text(value))).collect(),
        }
    }
}

fn text(value: &tracing_genai::testing::AttributeValue) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => format!("{value:?}"),
    }
}
