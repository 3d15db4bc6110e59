//! What a policy that redacts lets out, by every way that there is.

#![cfg(all(feature = "client", feature = "export"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_receiver;

use export_receiver::Receiver;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::time::Duration;
use tracing::{Dispatch, instrument::WithSubscriber};
use tracing_genai::{
    Client, ContentCapture, Destination, Telemetry,
    client::Provider,
    testing::{Answer, FakePostHog, FakeProvider, FakeTracia},
};
use tracing_subscriber::layer::SubscriberExt;

const PATIENCE: Duration = Duration::from_secs(20);

/// Has every name of a person taken out.
fn redacted(content: ContentCapture) -> ContentCapture {
    content.redact(|text| text.replace("Jane Roe", "[name]").into())
}

struct World {
    collector: Receiver,
    posthog: FakePostHog,
    tracia: FakeTracia,
}

impl World {
    /// A call whose prompt, variables and error have a name in them, under these policies of its span and of the
    /// destinations; the collector takes spans as they are.
    async fn after(of_span: ContentCapture, of_destinations: ContentCapture) -> Self {
        let world = Self {
            collector: Receiver::new(),
            posthog: FakePostHog::start().unwrap(),
            tracia: FakeTracia::start().unwrap(),
        };
        let posthog = Destination::posthog(world.posthog.project_key()).host(world.posthog.url());
        let telemetry = Telemetry::builder()
            .destination(Destination::otlp(&world.collector.url))
            .destination(posthog.content(of_destinations.clone()))
            .destination(Destination::tracia("tr_key").base_url(world.tracia.url()).content(of_destinations))
            .build()
            .unwrap();
        let provider = FakeProvider::start().unwrap();
        provider.enqueue(Answer::error(400, "invalid_request_error", None, "no such person: Jane Roe"));
        let client = Client::builder().base_url(provider.base_url()).api_key("sk-test").content(of_span);
        let client =
            client.provider(Provider::OpenAi).posthog_attributes(true).max_retries(0).build().unwrap();
        let chat = client.chat("gpt-4o").user("Write to {{who}}, please").variables([("who", "Jane Roe")]);
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        let error = chat.send().with_subscriber(Dispatch::new(subscriber)).await.unwrap_err();
        assert!(error.to_string().contains("Jane Roe"), "the caller's error is touched: {error}");
        telemetry.flush(PATIENCE).await.unwrap();
        world
    }

    fn span(&self) -> Span {
        self.collector.spans().remove(0)
    }

    fn saw(&self, text: &str) -> [bool; 3] {
        let span = format!("{:?}", self.span());
        [span.contains(text), self.posthog.saw(text), self.tracia.saw(text)]
    }
}

#[tokio::test]
async fn a_destination_that_redacts_has_neither_prompt_nor_variable_nor_error_of_it() {
    let world = World::after(ContentCapture::off(), redacted(ContentCapture::on())).await;
    assert_eq!(world.saw("[name]"), [false, true, true]);
    // With content off the span has the words of the error, which do not repeat the request.
    assert!(!world.posthog.saw("Jane") && !world.tracia.saw("Jane"));
}

#[tokio::test]
async fn a_span_that_is_redacted_is_so_at_a_destination_without_a_policy() {
    let world = World::after(redacted(ContentCapture::on()), ContentCapture::off()).await;
    assert_eq!(world.saw("Jane"), [false; 3]);
    assert_eq!(world.span().status.unwrap().message, "no such person: [name]");
}

#[tokio::test]
async fn the_words_of_an_error_are_redacted_with_content_off_too() {
    let world = World::after(redacted(ContentCapture::off()), redacted(ContentCapture::off())).await;
    assert_eq!(world.saw("Jane"), [false; 3]);
    assert!(!world.posthog.saw("please") && !world.tracia.saw("please"));
}
