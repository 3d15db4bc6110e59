//! What the spans of the pipeline hold.

use super::world::{INNER, OUTER, QUERY, REQUEST, Span, World, block_on, find};
use opentelemetry::trace::SpanKind;
use std::{collections::BTreeMap, io};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client, ContentCapture, context,
    span::{Agent, Evaluation, Retrieval, Tool, Workflow},
    testing::{Answer, FakeProvider},
};
use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt};

/// What `tracing-opentelemetry` adds to every span, none of which a destination gets of this crate's.
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
    span.attributes.retain(|key, _| key != "server.port");
    (span.kind, span.attributes)
}

#[test]
fn they_hold_what_the_programs_spans_hold() {
    for content in [ContentCapture::off(), ContentCapture::on()] {
        assert_eq!(chat(&content, true), chat(&content, false));
    }
}

type ByName = BTreeMap<String, (SpanKind, Option<String>, BTreeMap<String, String>)>;

/// Spans by hand, inside each other and marked: their kinds, parents' names and attributes by name.
fn by_hand(own_pipeline: bool) -> ByName {
    let world = World::new(own_pipeline);
    let filter = if own_pipeline { "off" } else { "info" };
    let subscriber = Registry::default().with(EnvFilter::new(filter)).with(world.layer());
    let search = async {
        let documents = async { Ok::<_, io::Error>(vec![]) };
        Retrieval::new("handbook").query("leave").top_k(3).run(documents).await
    };
    let agent = async {
        Tool::new("search").run(async { search.await.map(|found| found.len()) }).await.unwrap();
        let answer = Agent::invoke("clerk").start();
        let answered = answer.span_ref().unwrap();
        answer.finish();
        Evaluation::new("relevance").score(0.9).record(answered);
        Ok::<_, io::Error>("ten days")
    };
    let work = Workflow::new("questions").run(agent);
    block_on(context::scope().user("u-7").tag("tenant", "acme").run(work.with_subscriber(subscriber)))
        .unwrap();
    let spans = world.seen().destination;
    let name_of = |id: &String| spans.iter().find(|span| span.id == *id).map(|span| span.name.clone());
    let mut by_name = ByName::new();
    for span in &spans {
        let parent = span.parent.as_ref().and_then(name_of);
        by_name.insert(span.name.clone(), (span.kind.clone(), parent, span.attributes.clone()));
    }
    assert_eq!(by_name.len(), spans.len());
    by_name
}

#[test]
fn spans_by_hand_hold_the_same_and_have_the_same_parents() {
    let spans = by_hand(true);
    assert_eq!(spans, by_hand(false));
    assert_eq!(spans.len(), 5, "{spans:#?}");
    assert_eq!(spans["retrieval handbook"].1.as_deref(), Some("execute_tool search"));
    assert_eq!(spans["invoke_agent clerk"].2["user.id"], "u-7");
}

#[test]
fn an_evaluation_is_below_the_judged_span_wherever_it_is_made() {
    let world = World::new(true);
    let subscriber = Registry::default().with(world.layer());
    block_on(
        async {
            tracing::info_span!("handler").in_scope(|| {
                let answer = Agent::invoke("clerk").start();
                let answered = answer.span_ref().unwrap();
                answer.finish();
                Evaluation::new("relevance").record(answered);
            });
        }
        .with_subscriber(subscriber),
    );
    let spans = world.seen().destination;
    let evaluation = spans.iter().find(|span| span.name.contains("evaluation")).unwrap();
    assert_eq!(evaluation.parent, Some(find(&spans, "invoke_agent clerk").id));
}

#[test]
fn a_destination_gets_no_place_in_the_source_of_this_crate() {
    let world = World::new(false);
    let subscriber = Registry::default().with(world.layer());
    let seen = world.see(subscriber);
    let noise = |spans: &[Span], name| {
        let attributes = find(spans, name).attributes;
        NOISE.into_iter().filter(|key| attributes.contains_key(*key)).collect::<Vec<_>>()
    };
    for name in [OUTER, INNER] {
        assert_eq!(noise(&seen.destination, name), [""; 0]);
        // The program's exporter gets what its layer writes.
        assert!(noise(&seen.program, name).contains(&"code.file.path"));
    }
    // The program's own spans stay as they are.
    for name in [REQUEST, QUERY] {
        assert_eq!(noise(&seen.destination, name), NOISE);
    }
}

#[test]
fn content_is_in_them_only_if_asked_for() {
    let has_content = |content| chat(&content, true).1.contains_key("gen_ai.input.messages");
    assert!(!has_content(ContentCapture::off()));
    assert!(has_content(ContentCapture::on()));
}
