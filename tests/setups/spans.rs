//! What the spans of the pipeline hold.

use super::world::{World, block_on, find};
use opentelemetry::trace::SpanKind;
use std::collections::BTreeMap;
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client, ContentCapture,
    testing::{Answer, FakeProvider},
};
use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt};

/// What `tracing-opentelemetry` adds to every span.
const NOISE: [&str; 8] = [
    "busy_ns",
    "code.file.path",
    "code.line.number",
    "code.module.name",
    "idle_ns",
    "target",
    "thread.id",
    "thread.name",
];

fn client(provider: &FakeProvider, content: ContentCapture) -> Client {
    Client::builder()
        .base_url(provider.base_url())
        .api_key("sk-test")
        .provider_name("openai")
        .content(content)
        .build()
        .unwrap()
}

/// The attributes of the one chat, by the program's provider and by the pipeline of its own.
fn chat(content: &ContentCapture, own_pipeline: bool) -> (SpanKind, BTreeMap<String, String>) {
    let (world, provider) = (World::new(own_pipeline), FakeProvider::start().unwrap());
    provider.enqueue(Answer::text("Hej."));
    let call = client(&provider, content.clone()).chat("gpt-4o").user("Hello").send();
    // With the pipeline of its own, nothing else may bring the span.
    let filter = if own_pipeline { "off" } else { "info" };
    let subscriber = Registry::default().with(EnvFilter::new(filter)).with(world.layer());
    block_on(call.with_subscriber(subscriber)).unwrap();
    let mut span = find(&world.seen().destination, "chat gpt-4o");
    span.attributes.retain(|key, _| !NOISE.contains(&key.as_str()) && key != "server.port");
    (span.kind, span.attributes)
}

#[test]
fn they_hold_what_the_programs_spans_hold() {
    for content in [ContentCapture::off(), ContentCapture::on()] {
        assert_eq!(chat(&content, true), chat(&content, false));
    }
}

#[test]
fn content_is_in_them_only_if_asked_for() {
    let has_content = |content| chat(&content, true).1.contains_key("gen_ai.input.messages");
    assert!(!has_content(ContentCapture::off()));
    assert!(has_content(ContentCapture::on()));
}
