//! A program with a provider to call and a receiver of its spans, all in this process.

use serde_json::{Map, Value, json};
use std::{future::Future, time::Duration};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client, Destination, Telemetry,
    client::ClientBuilder,
    record::Usage,
    testing::{AttributeValue, FakeProvider, FinishedSpan, OtlpSink},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `tracing-opentelemetry` adds to every span.
const NOISE: [&str; 9] = [
    "busy_ns",
    "code.file.path",
    "code.line.number",
    "code.module.name",
    "idle_ns",
    "level",
    "target",
    "thread.id",
    "thread.name",
];

pub(crate) struct World {
    pub(crate) provider: FakeProvider,
    sink: OtlpSink,
    telemetry: Telemetry,
}

impl World {
    pub(crate) fn new() -> Self {
        let sink = OtlpSink::start().unwrap();
        let destination = Destination::otlp(sink.endpoint());
        let telemetry = Telemetry::builder().service_name("shop").destination(destination).build().unwrap();
        Self { provider: FakeProvider::start().unwrap(), sink, telemetry }
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder()
            .base_url(self.provider.base_url())
            .api_key("sk-test")
            .provider_name("openai")
            .max_retries(0)
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// What `work` gave, and the `count` spans that arrived over OTLP, in the order of their ends.
    pub(crate) async fn spans<T>(
        &self,
        count: usize,
        work: impl Future<Output = T>,
    ) -> (T, Vec<FinishedSpan>) {
        let output = work.with_subscriber(Registry::default().with(self.telemetry.layer())).await;
        self.telemetry.flush(Duration::from_secs(5)).await.unwrap();
        let mut spans = self.sink.wait_for_spans_async(count, PATIENCE).await;
        assert_eq!(spans.len(), count, "{spans:#?}");
        spans.sort_by_key(|span| span.end_unix_nanos);
        (output, spans)
    }

    /// What `work` gave, and the one span that arrived over OTLP.
    pub(crate) async fn span<T>(&self, work: impl Future<Output = T>) -> (T, FinishedSpan) {
        let (output, mut spans) = self.spans(1, work).await;
        (output, spans.remove(0))
    }
}

/// The attributes with their types, and nothing that differs from run to run: an integer is a JSON
/// integer, a double has a fraction.
pub(crate) fn facts(span: &FinishedSpan) -> Value {
    assert_eq!(span.duplicate_attributes(), [""; 0]);
    let mut facts: Map<String, Value> = span
        .attributes
        .iter()
        .filter(|(name, _)| !NOISE.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), json(value)))
        .collect();
    // The port is the loopback server's; that it is an integer is a fact.
    if let Some(port) = facts.get_mut("server.port") {
        *port = json!(port.is_i64());
    }
    if let Some(time) = facts.get_mut("gen_ai.response.time_to_first_chunk") {
        *time = json!(time.is_f64());
    }
    Value::Object(facts)
}

fn json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Str(text) => json!(text),
        AttributeValue::Int(number) => json!(number),
        AttributeValue::Double(number) => json!(number),
        AttributeValue::Bool(flag) => json!(flag),
        AttributeValue::Array(items) => items.iter().map(json).collect(),
        other => panic!("no attribute of ours is {other:?}"),
    }
}

/// A usage of these tokens, in and out.
pub(crate) fn usage(input: u64, output: u64) -> Usage {
    let mut usage = Usage::default();
    usage.input_tokens = Some(input);
    usage.output_tokens = Some(output);
    usage
}
