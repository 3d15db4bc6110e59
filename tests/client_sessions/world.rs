//! A program with sessions, a provider that Tracia knows and one that it does not, and two receivers of its spans.

use serde_json::Value;
use std::{future::Future, time::Duration};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client, Destination, Telemetry,
    client::{Endpoint, Provider},
    export::Tracia,
    testing::{FakeProvider, FakeTracia, FinishedSpan, OtlpSink},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const MODEL: &str = "gpt-4o";
/// Of it every provider says that there is none.
pub(crate) const NO_MODEL: &str = "no-such-model";
/// Of a provider that Tracia does not know.
pub(crate) const OTHERS: &str = "groq/llama-3.3-70b";

pub(crate) struct World {
    pub(crate) provider: FakeProvider,
    tracia: FakeTracia,
    sink: OtlpSink,
}

/// What the calls left.
pub(crate) struct Told {
    pub(crate) tracia: Vec<Value>,
    pub(crate) spans: Vec<FinishedSpan>,
}

impl World {
    pub(crate) fn new() -> Self {
        let provider = FakeProvider::start().unwrap();
        Self { provider, tracia: FakeTracia::start().unwrap(), sink: OtlpSink::start().unwrap() }
    }

    pub(crate) fn client(&self) -> Client {
        let endpoint =
            |provider| Endpoint::new(provider).base_url(self.provider.base_url()).api_key("sk-test");
        let openai = Client::builder().endpoint(endpoint(Provider::OpenAi));
        openai.endpoint(endpoint(Provider::Groq)).max_retries(0).build().unwrap()
    }

    /// Runs `work` where both get its spans, and waits until they have them. Each parent that Tracia was told of is
    /// a span that it got.
    pub(crate) async fn run<F: Future>(&self, work: impl FnOnce(Client) -> F) -> (F::Output, Told) {
        self.run_to(|tracia| tracia, work).await
    }

    /// As [`run`](Self::run), with other settings for Tracia.
    pub(crate) async fn run_to<F: Future>(
        &self,
        set: impl FnOnce(Tracia) -> Tracia,
        work: impl FnOnce(Client) -> F,
    ) -> (F::Output, Told) {
        let tracia = set(Destination::tracia(self.tracia.api_key()).base_url(self.tracia.url()));
        let telemetry = Telemetry::builder()
            .destination(tracia)
            .destination(Destination::otlp(self.sink.endpoint()))
            .build()
            .unwrap();
        let subscriber = Registry::default().with(telemetry.layer());
        let output = async { work(self.client()).await }.with_subscriber(subscriber).await;
        let report = telemetry.flush(PATIENCE).await.unwrap();
        assert_eq!((report.rejected, report.dropped, report.pending), (0, 0, 0), "{report:?}");
        assert_eq!(self.tracia.refusals(), []);
        let told = Told { tracia: self.tracia.spans(), spans: self.sink.spans() };
        told.assert_whole();
        (output, told)
    }
}

impl Told {
    /// Nothing dangles.
    fn assert_whole(&self) {
        let ids: std::collections::HashSet<_> =
            self.tracia.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
        for span in &self.tracia {
            let Some(parent) = span["parentSpanId"].as_str() else { continue };
            assert!(ids.contains(parent) || parent == GIVEN, "{parent} is no span: {span}");
        }
    }

    /// What Tracia got of the call that is marked so ([`tracing_genai::client::Chat::user_id`]).
    pub(crate) fn of(&self, user: &str) -> &Value {
        let mut found = self.tracia.iter().filter(|span| span["userId"] == user);
        let span = found.next().unwrap_or_else(|| panic!("nothing of {user}"));
        assert!(found.next().is_none(), "more than one of {user}");
        span
    }

    pub(crate) fn span(&self, user: &str) -> &FinishedSpan {
        let is_its = |span: &&FinishedSpan| span.attribute("user.id").is_some_and(|id| *id == *user);
        self.spans.iter().find(is_its).unwrap_or_else(|| panic!("no span of {user}"))
    }

    /// The calls at Tracia by their marks, in the order of these, each with the mark of its parent.
    pub(crate) fn parents<'a>(&'a self, users: &[&'a str]) -> Vec<Option<&'a str>> {
        let name = |id: &Value| {
            let is_it = |user: &&str| {
                self.tracia.iter().any(|span| span["userId"] == **user && span["spanId"] == *id)
            };
            users.iter().copied().find(is_it).unwrap_or("another")
        };
        users
            .iter()
            .map(|user| Some(&self.of(user)["parentSpanId"]).filter(|id| !id.is_null()).map(name))
            .collect()
    }
}

/// A parent that no test sends.
pub(crate) const GIVEN: &str = "sp_00000000000000aa";
