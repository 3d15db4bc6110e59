//! A program that streams, with a provider to call and two receivers of its spans: OTLP and Tracia.

use serde_json::Value;
use std::{future::Future, time::Duration};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client, ContentCapture, Destination, Telemetry,
    client::{Chat, ChatEvent, ChatStream, ClientBuilder},
    record::Usage,
    testing::{Answer, FakeProvider, FakeTracia, FinishedSpan, Gate, OtlpSink},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const MODEL: &str = "gpt-4o";

pub(crate) struct World {
    pub(crate) provider: FakeProvider,
    sink: OtlpSink,
    tracia: FakeTracia,
    telemetry: Telemetry,
}

/// What one call left, in both places.
pub(crate) struct Told {
    pub(crate) span: FinishedSpan,
    pub(crate) tracia: Value,
}

impl World {
    pub(crate) fn new() -> Self {
        let (sink, tracia) = (OtlpSink::start().unwrap(), FakeTracia::start().unwrap());
        let to_tracia =
            Destination::tracia(tracia.api_key()).base_url(tracia.url()).content(ContentCapture::on());
        let telemetry = Telemetry::builder()
            .destination(Destination::otlp(sink.endpoint()))
            .destination(to_tracia)
            .build()
            .unwrap();
        Self { provider: FakeProvider::start().unwrap(), sink, tracia, telemetry }
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        builder(&self.provider)
    }

    pub(crate) fn chat(&self) -> Chat {
        self.builder().build().unwrap().chat(MODEL).user("Count.")
    }

    /// What `work` gave, and what the one call in it left: one span in each place, and no more.
    pub(crate) async fn told<T>(&self, work: impl Future<Output = T>) -> (T, Told) {
        let output = work.with_subscriber(Registry::default().with(self.telemetry.layer())).await;
        let report = self.telemetry.flush(PATIENCE).await.unwrap();
        assert_eq!(report.dropped, 0);
        let mut spans = self.sink.wait_for_spans_async(1, PATIENCE).await;
        let mut tracia = self.tracia.wait_for_spans_async(1, PATIENCE).await;
        assert_eq!((spans.len(), tracia.len()), (1, 1), "one call is one span: {spans:#?} {tracia:#?}");
        assert_eq!(self.tracia.refusals(), []);
        (output, Told { span: spans.remove(0), tracia: tracia.remove(0) })
    }
}

impl Told {
    pub(crate) fn outcome(&self) -> &str {
        self.span.attributes["tracing_genai.outcome"].as_str().unwrap()
    }

    /// These of the keys that Tracia was sent.
    pub(crate) fn of_tracia(&self) -> Value {
        let keys = ["status", "error", "output", "inputTokens", "outputTokens", "totalTokens"];
        keys.into_iter().map(|key| (key.to_owned(), self.tracia[key].clone())).collect()
    }
}

pub(crate) fn builder(provider: &FakeProvider) -> ClientBuilder {
    Client::builder().base_url(provider.base_url()).api_key("sk-test").provider_name("openai").max_retries(0)
}

/// The answer `One two three.`, whose tokens are 12 and 5.
pub(crate) fn counting() -> Answer {
    let mut usage = Usage::default();
    (usage.input_tokens, usage.output_tokens) = (Some(12), Some(5));
    Answer::text("One two three.").usage(usage)
}

/// [`counting`], that stops after `One two` until the gate is released.
pub(crate) fn held(gate: &Gate) -> Answer {
    counting().held_after(3, gate)
}

/// Reads until this much of the text has come, and no more.
pub(crate) async fn read_until(stream: &mut ChatStream, text: &str) {
    let mut came = String::new();
    while came != text {
        came += &stream.next_text().await.expect("more text").unwrap();
    }
}

/// What a stream still gives.
pub(crate) async fn rest(stream: &mut ChatStream) -> Vec<Result<ChatEvent, tracing_genai::Error>> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event);
    }
    events
}
