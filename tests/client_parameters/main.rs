//! What a call takes besides its request: a key, ids, whose it is, variables. What its reply tells of it.

#![cfg(all(feature = "client", feature = "export"))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod ids;
mod keys;
mod marks;
mod reply;
mod tracia;
mod untold;
mod validation;
mod variables;

use std::{future::Future, time::Duration};
use tracing_genai::{
    Client, ContentCapture, Destination, Telemetry,
    client::Provider,
    export::PostHogTransport,
    testing::{FakePostHog, FakeProvider, FakeTracia, FinishedSpan, OtlpSink},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

const PATIENCE: Duration = Duration::from_secs(20);

fn client(provider: &FakeProvider) -> Client {
    let builder = Client::builder().base_url(provider.base_url()).api_key("sk-client-key-0001");
    builder.provider(Provider::OpenAi).max_retries(0).build().unwrap()
}

/// A destination of each kind.
struct World {
    provider: FakeProvider,
    tracia: FakeTracia,
    posthog: FakePostHog,
    sink: OtlpSink,
    content: ContentCapture,
}

impl World {
    fn new() -> Self {
        Self {
            provider: FakeProvider::start().unwrap(),
            tracia: FakeTracia::start().unwrap(),
            posthog: FakePostHog::start().unwrap(),
            sink: OtlpSink::start().unwrap(),
            content: ContentCapture::on(),
        }
    }

    fn without_content() -> Self {
        Self { content: ContentCapture::off(), ..Self::new() }
    }

    /// Runs `work` where every destination gets its spans, and waits until they have them.
    fn run<F: Future>(&self, work: impl FnOnce(Client) -> F) -> F::Output {
        let content = || self.content.clone();
        let (tracia, posthog) = (&self.tracia, &self.posthog);
        let telemetry = Telemetry::builder()
            .destination(Destination::tracia(tracia.api_key()).base_url(tracia.url()).content(content()))
            .destination(
                Destination::posthog(posthog.project_key())
                    .host(posthog.url())
                    .content(content())
                    .posthog_transport(PostHogTransport::Capture),
            )
            .destination(Destination::otlp(self.sink.endpoint()).content(content()))
            .on_problem(|problem| panic!("{problem}"))
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let subscriber = Registry::default().with(telemetry.layer());
        let output =
            tracing::subscriber::with_default(subscriber, || runtime.block_on(work(client(&self.provider))));
        let report = telemetry.flush_blocking(PATIENCE).unwrap();
        assert_eq!((report.rejected, report.dropped), (0, 0), "{report:?}");
        assert_eq!(tracia.refusals(), []);
        assert!(posthog.refusals().is_empty(), "{:?}", posthog.refusals());
        output
    }

    fn span(&self) -> FinishedSpan {
        let mut spans = self.sink.spans();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }

    /// Whether any destination was sent this.
    fn saw(&self, text: &str) -> bool {
        let spans = format!("{:?}", self.sink.requests());
        self.tracia.saw(text) || self.posthog.saw(text) || spans.contains(text)
    }
}
