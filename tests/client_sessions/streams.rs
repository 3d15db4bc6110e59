//! A session goes on when a stream is over and done, not before.

use super::world::{MODEL, World};
use std::future::poll_fn;
use tracing_genai::{
    client::{ChatStream, Session},
    testing::{Answer, Gate},
};

async fn stream(session: &Session, user: &str) -> ChatStream {
    session.chat(MODEL).user("Hi").user_id(user).stream().await.unwrap()
}

#[tokio::test]
async fn a_stream_counts_once_it_is_read_to_its_end() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            session.chat(MODEL).user("Hi").user_id("a").await.unwrap();
            let before = session.last_span_id();
            let mut first = stream(&session, "b").await;
            first.next().await.unwrap().unwrap();
            assert_eq!(session.last_span_id(), before);
            // Begun before the stream is over.
            session.chat(MODEL).user("Hi").user_id("meanwhile").await.unwrap();
            let reply = first.finish().await.unwrap();
            assert_eq!(session.last_span_id(), reply.tracia_span_id());
            session.chat(MODEL).user("Hi").user_id("c").await.unwrap();
        })
        .await;
    assert_eq!(told.parents(&["a", "b", "meanwhile", "c"]), [None, Some("a"), Some("a"), Some("b")]);
}

#[tokio::test]
async fn it_counts_wherever_it_is_read() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            let mut texts = stream(&session, "a").await;
            while let Some(text) = texts.next_text().await {
                text.unwrap();
            }
            let elsewhere = stream(&session, "b").await;
            let result = elsewhere.result();
            let reading = tokio::spawn(elsewhere.finish());
            assert!(!result.await.unwrap().is_aborted());
            reading.await.unwrap().unwrap();
            let mut polled = Box::pin(stream(&session, "c").await);
            while poll_fn(|context| futures_core::Stream::poll_next(polled.as_mut(), context)).await.is_some()
            {
            }
            session.chat(MODEL).user("Hi").user_id("d").await.unwrap();
        })
        .await;
    assert_eq!(told.parents(&["a", "b", "c", "d"]), [None, Some("a"), Some("b"), Some("c")]);
}

#[tokio::test]
async fn one_that_is_aborted_dropped_or_cut_off_is_before_none() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            session.chat(MODEL).user("Hi").user_id("a").await.unwrap();
            let last = session.last_span_id();
            let gate = Gate::new();
            world.provider.enqueue(Answer::text("One two three.").held_after(2, &gate));
            let aborted = stream(&session, "aborted").await;
            aborted.abort();
            drop(aborted);
            drop(stream(&session, "dropped").await);
            world.provider.enqueue(Answer::text("One two three.").close_after(2));
            stream(&session, "cut").await.finish().await.unwrap_err();
            assert_eq!(session.last_span_id(), last);
            session.chat(MODEL).user("Hi").user_id("b").await.unwrap();
            gate.release();
        })
        .await;
    assert_eq!(
        told.parents(&["aborted", "dropped", "cut", "b"]),
        ["another"; 4].map(|_| told.parents(&["a", "b"])[1].map(|_| "another"))
    );
    assert!(["aborted", "dropped", "cut"].iter().all(|user| told.of(user)["status"] == "ERROR"));
    let first = &told.of("a")["spanId"];
    assert!(["aborted", "dropped", "cut", "b"].iter().all(|user| told.of(user)["parentSpanId"] == *first));
}

/// A caller that stops at the last words has the whole answer, and so has the session.
#[tokio::test]
async fn one_that_is_left_when_its_answer_is_whole_counts() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            let mut whole = stream(&session, "a").await;
            while let Some(event) = whole.next().await {
                if matches!(event.unwrap(), tracing_genai::client::ChatEvent::Finished { .. }) {
                    break;
                }
            }
            drop(whole);
            session.chat(MODEL).user("Hi").user_id("b").await.unwrap();
        })
        .await;
    assert_eq!(told.parents(&["a", "b"]), [None, Some("a")]);
}
