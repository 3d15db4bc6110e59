//! Which call each is after, and in which trace.

use super::world::{GIVEN, MODEL, NO_MODEL, OTHERS, World};
use std::sync::Arc;
use tracing_genai::{
    client::Session,
    record::ErrorKind,
    span::Generation,
    testing::{Answer, Gate},
};

async fn turn(session: &Session, user: &str) -> String {
    let reply = session.chat(MODEL).user("Hi").user_id(user).await.unwrap();
    assert_eq!(reply.tracia_trace_id(), Some(session.tracia_trace_id()));
    reply.tracia_span_id().unwrap()
}

#[tokio::test]
async fn each_call_is_after_the_one_before_it_in_one_trace() {
    let world = World::new();
    let (session, told) = world
        .run(async |client| {
            let session = client.session();
            let first = turn(&session, "a").await;
            assert_eq!(session.last_span_id(), Some(first));
            let embed = session.embed("text-embedding-3-small").input("sea").user_id("b").await.unwrap();
            assert_eq!(session.last_span_id(), embed.tracia_span_id());
            session.responses(MODEL).user("Hi").user_id("c").await.unwrap();
            turn(&session, "d").await;
            session
        })
        .await;
    assert_eq!(told.parents(&["a", "b", "c", "d"]), [None, Some("a"), Some("b"), Some("c")]);
    assert!(told.tracia.iter().all(|span| span["traceId"] == *session.trace_id()));
    assert!(!told.of("a").as_object().unwrap().contains_key("parentSpanId"));
}

/// In Node a first call that failed is alone in its trace.
#[tokio::test]
async fn a_call_that_failed_is_in_the_trace_and_before_none() {
    let world = World::new();
    let (session, told) = world
        .run(async |client| {
            let session = client.session();
            let failed = session.chat(MODEL).provider(tracing_genai::client::Provider::OpenAi);
            world.provider.enqueue(Answer::error(400, "invalid_request_error", None, "No."));
            failed.user("Hi").user_id("failed").await.unwrap_err();
            assert_eq!(session.last_span_id(), None);
            turn(&session, "a").await;
            world.provider.enqueue(Answer::error(400, "invalid_request_error", None, "No."));
            session.chat(MODEL).user("Hi").user_id("again").await.unwrap_err();
            turn(&session, "b").await;
            session
        })
        .await;
    assert_eq!(told.parents(&["failed", "a", "again", "b"]), [None, None, Some("a"), Some("a")]);
    assert!(told.tracia.iter().all(|span| span["traceId"] == *session.trace_id()));
    assert_eq!(told.of("failed")["status"], "ERROR");
}

/// In Python the next call would name a parent that does not exist.
#[tokio::test]
async fn a_call_that_is_not_told_is_before_none() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            turn(&session, "a").await;
            let last = session.last_span_id();
            session.chat(MODEL).user("Hi").send_trace(false).await.unwrap();
            assert_eq!(session.last_span_id(), last);
            turn(&session, "b").await;
        })
        .await;
    assert_eq!(told.tracia.len(), 2);
    assert_eq!(told.parents(&["a", "b"]), [None, Some("a")]);
}

#[tokio::test]
async fn a_call_of_a_provider_that_tracia_does_not_know_is_before_none_there() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            turn(&session, "a").await;
            session.chat(OTHERS).user("Hi").user_id("other").await.unwrap();
            turn(&session, "b").await;
        })
        .await;
    assert_eq!(told.tracia.len(), 2);
    assert_eq!(told.parents(&["a", "b"]), [None, Some("a")]);
    // For OpenTelemetry it is a call like others.
    let link = &told.span("b").links[0];
    assert_eq!(link.span_id, told.span("other").span_id);
}

#[tokio::test]
async fn where_such_calls_are_sent_they_are_in_the_chain_and_still_before_none() {
    let world = World::new();
    let ((), told) = world
        .run_to(
            |tracia| tracia.other_providers_as("openai"),
            async |client| {
                let session = client.session();
                turn(&session, "a").await;
                session.chat(OTHERS).user("Hi").user_id("other").await.unwrap();
                turn(&session, "b").await;
            },
        )
        .await;
    assert_eq!(told.parents(&["a", "other", "b"]), [None, Some("a"), Some("a")]);
}

#[tokio::test]
async fn concurrent_first_calls_share_the_trace_and_have_no_parent() {
    let world = World::new();
    let (session, told) = world
        .run(async |client| {
            let session = client.session();
            tokio::join!(turn(&session, "a"), turn(&session, "b"), turn(&session, "c"));
            session
        })
        .await;
    assert_eq!(told.parents(&["a", "b", "c"]), [None; 3]);
    assert!(told.tracia.iter().all(|span| span["traceId"] == *session.trace_id()));
}

#[tokio::test]
async fn the_call_before_is_the_one_that_ended_last() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            // It begins first and ends last.
            let gate = Gate::new();
            world.provider.enqueue(Answer::text("Slow.").held_after(1, &gate));
            let slow = session.chat(MODEL).user("Hi").user_id("slow").stream().await.unwrap();
            let fast = turn(&session, "fast").await;
            assert_eq!(session.last_span_id(), Some(fast));
            gate.release();
            let slow = slow.finish().await.unwrap();
            assert_eq!(session.last_span_id(), slow.tracia_span_id());
            turn(&session, "next").await;
        })
        .await;
    assert_eq!(told.parents(&["slow", "fast", "next"]), [None, None, Some("slow")]);
}

#[tokio::test]
async fn after_a_reset_there_is_another_trace_and_calls_from_before_do_not_change_it() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            let clone = session.clone();
            turn(&session, "a").await;
            let before = session.trace_id();
            let stream = session.chat(MODEL).user("Hi").user_id("across").stream().await.unwrap();
            clone.reset();
            assert_eq!(session.last_span_id(), None);
            assert_ne!(session.trace_id(), before);
            let across = stream.finish().await.unwrap();
            assert_eq!(across.tracia_trace_id(), Some(before.clone()));
            assert_eq!(session.last_span_id(), None);
            turn(&session, "b").await;
            turn(&session, "c").await;
        })
        .await;
    assert_eq!(told.parents(&["a", "across", "b", "c"]), [None, Some("a"), None, Some("b")]);
    assert_eq!(told.of("a")["traceId"], told.of("across")["traceId"]);
    assert_ne!(told.of("a")["traceId"], told.of("b")["traceId"]);
    assert_eq!(told.of("b")["traceId"], told.of("c")["traceId"]);
    assert!(told.span("b").links.is_empty());
}

#[tokio::test]
async fn a_call_that_nobody_records_is_before_none() {
    let world = World::new();
    let session = world.client().session();
    session.chat(MODEL).user("Hi").await.unwrap();
    assert_eq!(session.last_span_id(), None);
    let ((), told) = world.run(async |_| _ = turn(&session, "a").await).await;
    assert_eq!(told.parents(&["a"]), [None]);
}

#[tokio::test]
async fn a_call_that_is_refused_before_it_is_sent_changes_nothing() {
    let world = World::new();
    let session = world.client().session();
    let error = session.chat(MODEL).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(session.last_span_id(), None);
    assert!(session.chat(NO_MODEL).user("Hi").await.is_err());
    assert_eq!(session.last_span_id(), None);
}

#[tokio::test]
async fn a_call_inside_another_is_below_that_one() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            turn(&session, "a").await;
            let inner = session.chat(MODEL).user("Hi").user_id("b").send();
            let outer = Generation::new("openai", "gpt-4.1");
            outer.run(async { inner.await.map(|reply| reply.text()) }).await.unwrap();
        })
        .await;
    let outer = told.tracia.iter().find(|span| span["model"] == "gpt-4.1").unwrap();
    assert_eq!(told.of("b")["parentSpanId"], outer["spanId"]);
}

#[tokio::test]
async fn a_session_outlives_its_client_and_goes_to_any_task() {
    let world = World::new();
    let session = Arc::new(world.client().session());
    let task = Arc::clone(&session);
    let ((), told) = world
        .run(async |client| {
            drop(client);
            let task = async move { turn(&task, "a").await };
            tokio::spawn(tracing::instrument::WithSubscriber::with_current_subscriber(task)).await.unwrap();
            turn(&session, "b").await;
        })
        .await;
    assert_eq!(told.parents(&["a", "b"]), [None, Some("a")]);
}

#[tokio::test]
async fn a_given_parent_is_that_of_the_first_call_alone() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            session.chat(MODEL).user("Hi").user_id("a").parent_span_id(GIVEN).await.unwrap();
            session.chat(MODEL).user("Hi").user_id("b").parent_span_id(GIVEN).await.unwrap();
        })
        .await;
    assert_eq!(told.of("a")["parentSpanId"], GIVEN);
    assert_eq!(told.of("b")["parentSpanId"], told.of("a")["spanId"]);
}
