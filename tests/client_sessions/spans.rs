//! What a session is to OpenTelemetry.

use super::world::{MODEL, World};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Instrument, instrument::WithSubscriber};
use tracing_genai::{context, testing::capture_async};
use tracing_subscriber::{Registry, layer::SubscriberExt};

#[tokio::test]
async fn calls_have_the_sessions_conversation_and_a_link_to_the_one_before() {
    let world = World::new();
    let (session, told) = world
        .run(async |client| {
            let session = client.session();
            session.chat(MODEL).user("Hi").user_id("a").await.unwrap();
            session.embed("text-embedding-3-small").input("sea").user_id("b").await.unwrap();
            session.chat(MODEL).user("Hi").user_id("c").await.unwrap();
            session
        })
        .await;
    for span in &told.spans {
        assert_eq!(span.attributes["gen_ai.conversation.id"], *session.trace_id());
        assert_eq!(span.parent_span_id, None);
        // OpenTelemetry's traces are the program's.
        assert!(span.attribute("tracing_genai.trace_id").is_none());
    }
    assert!(told.span("a").links.is_empty());
    for (span, before) in [("b", "a"), ("c", "b")] {
        let ([link], before) = (told.span(span).links.as_slice(), told.span(before)) else {
            panic!("no link")
        };
        assert_eq!((&link.trace_id, &link.span_id), (&before.trace_id, &before.span_id));
    }
}

#[tokio::test]
async fn a_call_is_the_child_of_the_span_that_is_current() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            let turns = async {
                session.chat(MODEL).user("Hi").user_id("a").await.unwrap();
                session.chat(MODEL).user("Hi").user_id("b").await.unwrap();
            };
            turns.instrument(tracing::info_span!("handler")).await;
        })
        .await;
    let handler = told.spans.iter().find(|span| span.name == "handler").unwrap();
    for user in ["a", "b"] {
        assert_eq!(told.span(user).parent_span_id.as_ref(), Some(&handler.span_id));
        assert_eq!(told.span(user).trace_id, handler.trace_id);
    }
    assert_eq!(told.parents(&["a", "b"]), [None, Some("a")]);
}

#[tokio::test]
async fn a_conversation_that_the_call_or_the_scope_around_it_names_goes_first() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            let own = session.responses(MODEL).user("Hi").user_id("own").conversation("conv_7");
            own.await.unwrap();
            let call = session.chat(MODEL).user("Hi").user_id("scope").send();
            context::scope().conversation("c-8").run(call).await.unwrap();
        })
        .await;
    assert_eq!(told.span("own").attributes["gen_ai.conversation.id"], "conv_7");
    assert_eq!(told.span("scope").attributes["gen_ai.conversation.id"], "c-8");
}

#[tokio::test]
async fn a_call_that_failed_or_was_dropped_is_linked_to_from_none() {
    let world = World::new();
    let client = world.client();
    let ((), spans) = capture_async(async {
        let session = client.session();
        session.chat(MODEL).user("Hi").user_id("a").await.unwrap();
        session
            .chat("no-such-model")
            .provider(tracing_genai::client::Provider::OpenAi)
            .user("Hi")
            .await
            .unwrap_err();
        drop(session.chat(MODEL).user("Hi").stream().await.unwrap());
        session.chat(MODEL).user("Hi").user_id("b").await.unwrap();
    })
    .await;
    assert_eq!(spans.len(), 4);
    assert!(spans[1..].iter().all(|span| span.links.len() == 1 && span.links[0].span_id == spans[0].span_id));
}

#[tokio::test]
async fn a_call_that_is_not_sampled_is_before_none() {
    let world = World::new();
    let session = world.client().session();
    let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("app"));
    let reply = session.chat(MODEL).user("Hi").send().with_subscriber(Registry::default().with(layer)).await;
    assert!(reply.unwrap().span_ref().is_some());
    assert_eq!(session.last_span_id(), None);
    let (_, told) = world.run(async |_| session.chat(MODEL).user("Hi").user_id("a").await.unwrap()).await;
    assert_eq!(told.parents(&["a"]), [None]);
    assert!(told.span("a").links.is_empty());
}
