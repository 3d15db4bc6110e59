//! A program that calls models with rig, and the spans that it exports.

use opentelemetry::trace::{SpanId, SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor, SpanData, SpanProcessor,
};
use reqwest_middleware::ClientBuilder;
use rig_core::providers::{
    anthropic::{Anthropic, AnthropicConfig},
    gemini::{Gemini, GeminiConfig},
    openai::{OpenAI, OpenAIConfig, Route},
};
use rig_reqwest::ReqwestMiddlewareClient;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::{Dispatch, dispatcher::set_default};
use tracing_genai::{
    ContentCapture, Destination, Telemetry,
    export::RepairingProcessor,
    instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware},
    record::Usage,
    testing::{Attributes, FakeProvider, FinishedSpan, OtlpSink},
};
use tracing_subscriber::{
    Layer, Registry,
    filter::LevelFilter,
    layer::{Filter, SubscriberExt},
};

/// Whom the program asks, and through which client.
pub(crate) struct Program {
    pub(crate) provider: FakeProvider,
    pub(crate) http: ReqwestMiddlewareClient,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self::with(ClientBuilder::with)
    }

    /// With these middlewares around ours or inside of it.
    pub(crate) fn with(middlewares: impl FnOnce(ClientBuilder, GenAiMiddleware) -> ClientBuilder) -> Self {
        let watched = Instrumentation::new().content(ContentCapture::off()).rule(Rule::host("127.0.0.1"));
        let client = middlewares(ClientBuilder::new(reqwest::Client::new()), watched.into()).build();
        Self { provider: FakeProvider::start().unwrap(), http: client.into() }
    }

    /// OpenAI's chat completions, responses and embeddings.
    pub(crate) fn openai(&self) -> OpenAI {
        let config = OpenAIConfig::new("sk-test").with_base_url(self.provider.base_url());
        config.with_route(Route::Chat).connect(self.http.clone())
    }

    pub(crate) fn anthropic(&self) -> Anthropic {
        let config = AnthropicConfig::new("sk-ant-test").with_base_url(self.provider.anthropic_url());
        config.connect(self.http.clone())
    }

    /// The Gemini API.
    pub(crate) fn gemini(&self) -> Gemini {
        let config = GeminiConfig::new("a-key").with_base_url(self.provider.google_url());
        config.connect(self.http.clone())
    }
}

/// These counts of tokens, and no others.
pub(crate) fn usage(input: u64, output: u64) -> Usage {
    let mut usage = Usage::default();
    (usage.input_tokens, usage.output_tokens) = (Some(input), Some(output));
    usage
}

/// A span as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) attributes: Attributes,
    pub(crate) status: Status,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl From<FinishedSpan> for Seen {
    fn from(span: FinishedSpan) -> Self {
        assert_eq!(span.duplicate_attributes(), [""; 0], "keys twice in {}", span.name);
        Self {
            name: span.name,
            kind: span.kind,
            id: span.span_id,
            parent: span.parent_span_id,
            attributes: span.attributes,
            status: span.status,
            start: span.start_unix_nanos,
            end: span.end_unix_nanos,
        }
    }
}

impl From<SpanData> for Seen {
    fn from(span: SpanData) -> Self {
        let mut attributes = Attributes::new();
        for attribute in span.attributes {
            let key = attribute.key.to_string();
            let before = attributes.insert(key.clone(), attribute.value.into());
            assert!(before.is_none(), "{key} twice in {}", span.name);
        }
        Self {
            name: span.name.into_owned(),
            kind: span.span_kind,
            id: span.span_context.span_id().to_string(),
            parent: (span.parent_span_id != SpanId::INVALID).then(|| span.parent_span_id.to_string()),
            attributes,
            status: span.status,
            start: nanos(span.start_time),
            end: nanos(span.end_time),
        }
    }
}

pub(crate) fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap()
}

impl Seen {
    /// The attributes that GenAI has a say in, but for what differs from run to run.
    pub(crate) fn comparable(&self) -> Attributes {
        let mut attributes = self.attributes.clone();
        attributes.retain(|key, _| {
            let is_told = ["gen_ai.", "openai.", "server.", "error.", "rig.", "tracing_genai."]
                .iter()
                .any(|prefix| key.starts_with(prefix));
            is_told && !["gen_ai.response.time_to_first_chunk", "server.port"].contains(&key.as_str())
        });
        attributes
    }

    /// Those of its attributes that hold content.
    pub(crate) fn content(&self) -> Vec<&str> {
        const CONTENT: [&str; 8] = [
            "gen_ai.system_instructions",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.tool.definitions",
            "gen_ai.tool.call.arguments",
            "gen_ai.tool.call.result",
            "gen_ai.prompt",
            "gen_ai.completion",
        ];
        CONTENT.into_iter().filter(|name| self.attributes.contains_key(*name)).collect()
    }

    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.status, Status::Error { .. })
    }
}

/// The spans of `work` in the order of their beginnings, as `Telemetry::layer()` sends them to a
/// destination that may have this content.
pub(crate) async fn sent(
    content: ContentCapture,
    program: &Program,
    work: impl AsyncFn(&Program),
) -> Vec<Seen> {
    let sink = OtlpSink::start().unwrap();
    let destination = Destination::otlp(sink.endpoint()).content(content);
    let telemetry = Telemetry::builder().destination(destination).build().unwrap();
    {
        let _default = set_default(&Dispatch::new(Registry::default().with(telemetry.layer())));
        work(program).await;
    }
    telemetry.flush(std::time::Duration::from_secs(5)).await.unwrap();
    in_order(sink.spans())
}

/// The spans of `work` as a program's own provider exports them through the processor that repairs.
pub(crate) async fn exported(program: &Program, work: impl AsyncFn(&Program)) -> Vec<Seen> {
    in_program_with(LevelFilter::TRACE, program, work).await
}

/// [`exported`], with this filter on the program's OpenTelemetry layer.
pub(crate) async fn in_program_with(
    filter: impl Filter<Registry> + Send + Sync + 'static,
    program: &Program,
    work: impl AsyncFn(&Program),
) -> Vec<Seen> {
    let exporter = InMemorySpanExporter::default();
    let processor = RepairingProcessor::new(SimpleSpanProcessor::new(exporter.clone()));
    by_provider(processor, &exporter, filter, program, work).await
}

/// The spans of `work` as a provider exports them that repairs nothing.
pub(crate) async fn unrepaired(program: &Program, work: impl AsyncFn(&Program)) -> Vec<Seen> {
    let exporter = InMemorySpanExporter::default();
    let processor = SimpleSpanProcessor::new(exporter.clone());
    by_provider(processor, &exporter, LevelFilter::TRACE, program, work).await
}

async fn by_provider(
    processor: impl SpanProcessor + 'static,
    exporter: &InMemorySpanExporter,
    filter: impl Filter<Registry> + Send + Sync + 'static,
    program: &Program,
    work: impl AsyncFn(&Program),
) -> Vec<Seen> {
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("theirs")).with_filter(filter);
    // It logs too, whatever the filter keeps from the other layer.
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    {
        let _default = set_default(&Dispatch::new(Registry::default().with(layer).with(log)));
        work(program).await;
    }
    in_order(exporter.get_finished_spans().unwrap())
}

fn in_order<T: Into<Seen>>(spans: Vec<T>) -> Vec<Seen> {
    let mut spans: Vec<Seen> = spans.into_iter().map(Into::into).collect();
    spans.sort_by_key(|span| span.start);
    spans
}

/// The spans of `work` in both programs, which are to say the same: of the one that exports by
/// `Telemetry`.
pub(crate) async fn spans(work: impl AsyncFn(&Program)) -> Vec<Seen> {
    spans_of(Program::new, work).await
}

/// [`spans`] of another program.
pub(crate) async fn spans_of(program: impl Fn() -> Program, work: impl AsyncFn(&Program)) -> Vec<Seen> {
    let exported = exported(&program(), &work).await;
    let sent = sent(ContentCapture::off(), &program(), &work).await;
    let told = |spans: &[Seen]| -> Vec<_> {
        let told = |span: &Seen| (span.name.clone(), span.kind.clone(), span.is_failed(), span.comparable());
        spans.iter().map(told).collect()
    };
    assert_eq!(told(&exported), told(&sent));
    for (one, other) in exported.iter().zip(&sent) {
        let timed = |span: &Seen| span.attributes.contains_key("gen_ai.response.time_to_first_chunk");
        assert_eq!(timed(one), timed(other), "{}", one.name);
    }
    sent
}

/// The one span of `work`.
pub(crate) async fn span(work: impl AsyncFn(&Program)) -> Seen {
    let mut spans = spans(work).await;
    assert_eq!(spans.len(), 1, "{:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    spans.remove(0)
}

/// That each of these is the one span of one call of a model, right in what every such span has.
pub(crate) fn assert_call(span: &Seen, name: &str, provider: &str) {
    assert_eq!((span.name.as_str(), &span.kind), (name, &SpanKind::Client));
    assert_eq!(span.attributes["gen_ai.operation.name"], name.split(' ').next().unwrap());
    assert_eq!(span.attributes["gen_ai.request.model"], name.split(' ').nth(1).unwrap());
    assert_eq!(span.attributes["gen_ai.provider.name"], provider);
    assert_eq!(span.attributes["server.address"], "127.0.0.1");
    assert!(span.attributes["server.port"].as_i64().is_some_and(|port| port > 0));
    let strings: Vec<_> = span
        .attributes
        .iter()
        .filter(|(key, value)| key.starts_with("gen_ai.usage.") && value.as_i64().is_none())
        .collect();
    assert!(strings.is_empty(), "counts that are no integers: {strings:?}");
}
