//! Without anybody to see them, calls work the same and nothing is made for telemetry.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    cell::Cell,
    fmt::{self, Display},
    io,
};
use tracing::{Subscriber, instrument::WithSubscriber, subscriber::NoSubscriber};
use tracing_genai::{
    Client, ContentCapture,
    span::Tool,
    testing::{Answer, FakeProvider},
};
use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt};

/// Subscribers under which no span of ours is seen.
fn unseeing() -> [(&'static str, Box<dyn Subscriber + Send + Sync>); 2] {
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let tracer = opentelemetry::trace::TracerProvider::tracer(&provider, "test");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    [
        ("no subscriber", Box::new(NoSubscriber::new())),
        ("RUST_LOG=warn", Box::new(Registry::default().with(layer).with(EnvFilter::new("warn")))),
    ]
}

fn client(provider: &FakeProvider) -> Client {
    let builder = Client::builder().base_url(provider.base_url()).api_key("sk-test");
    builder.content(ContentCapture::on()).build().unwrap()
}

#[tokio::test]
async fn a_chat_gives_its_answer() {
    for (setting, subscriber) in unseeing() {
        let provider = FakeProvider::start().unwrap();
        provider.enqueue(Answer::text("Hej."));
        let call = client(&provider).chat("gpt-4o").user("Hi").send();
        let reply = call.with_subscriber(subscriber).await.unwrap();
        assert_eq!(reply.text(), "Hej.", "{setting}");
    }
}

#[tokio::test]
async fn a_stream_gives_its_answer() {
    for (setting, subscriber) in unseeing() {
        let provider = FakeProvider::start().unwrap();
        provider.enqueue(Answer::text("One two."));
        let client = client(&provider);
        let work = async { client.chat("gpt-4o").user("Hi").stream().await?.finish().await };
        let reply = work.with_subscriber(subscriber).await.unwrap();
        assert_eq!(reply.text(), "One two.", "{setting}");
        assert!(reply.usage().output_tokens.is_some(), "{setting}");
    }
}

#[tokio::test]
async fn the_request_is_the_same_as_with_telemetry() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    let call = || client.chat("gpt-4o").user("Hi").temperature(0.5).send();
    tracing_genai::testing::capture_async(call()).await.0.unwrap();
    for (_, subscriber) in unseeing() {
        call().with_subscriber(subscriber).await.unwrap();
    }
    let requests = provider.requests();
    for other in &requests[1..] {
        assert_eq!((&other.path, &other.headers, &other.body), {
            let first = &requests[0];
            (&first.path, &first.headers, &first.body)
        });
    }
}

/// A result that counts how often it is rendered.
struct Counted<'a>(&'a Cell<u32>);

impl Display for Counted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.set(self.0.get() + 1);
        formatter.write_str("result")
    }
}

#[tokio::test]
async fn no_value_is_rendered_for_a_span_that_nobody_sees() {
    let rendered = Cell::new(0);
    for (setting, subscriber) in unseeing() {
        let tool = Tool::new("saw").content(ContentCapture::on());
        let run = tool.run(async { Ok::<_, io::Error>(Counted(&rendered)) });
        assert!(run.with_subscriber(subscriber).await.is_ok());
        assert_eq!(rendered.get(), 0, "{setting}");
    }
    let tool = Tool::new("saw").content(ContentCapture::on());
    let run = tool.run(async { Ok::<_, io::Error>(Counted(&rendered)) });
    let (_, spans) = tracing_genai::testing::capture_async(run).await;
    assert_eq!((rendered.get(), spans.len()), (1, 1), "it is rendered for one that is seen");
}
