//! Ids that are there from the beginning, given or not.

use super::world::{GIVEN, MODEL, World};
use tracing_genai::{
    record::ErrorKind,
    testing::{FakeProvider, capture_async},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn is_tracias(id: &str) -> bool {
    let digits = id.strip_prefix("tr_").unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[tokio::test]
async fn a_session_has_a_trace_from_the_beginning_and_no_call() {
    let client = World::new().client();
    let (one, other) = (client.session(), client.session());
    assert!(is_tracias(&one.trace_id()), "{}", one.trace_id());
    assert_eq!(one.trace_id(), one.tracia_trace_id());
    assert_ne!(one.trace_id(), other.trace_id());
    assert_eq!(one.last_span_id(), None);
}

#[tokio::test]
async fn given_ids_are_there_at_the_start_and_gone_after_a_reset() {
    let session = World::new().client().session();
    let session = session.with_trace_id("tr_1234567890abcdef").with_parent_span_id(GIVEN);
    assert_eq!(session.trace_id(), "tr_1234567890abcdef");
    assert_eq!(session.last_span_id().as_deref(), Some(GIVEN));
    session.reset();
    assert_ne!(session.trace_id(), "tr_1234567890abcdef");
    assert!(is_tracias(&session.trace_id()));
    assert_eq!(session.last_span_id(), None);
}

#[tokio::test]
async fn a_session_with_given_ids_goes_on_after_them() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session().with_trace_id("tr_1234567890abcdef").with_parent_span_id(GIVEN);
            session.chat(MODEL).user("Hi").user_id("a").await.unwrap();
            session.chat(MODEL).user("Hi").user_id("b").await.unwrap();
        })
        .await;
    assert_eq!(told.of("a")["parentSpanId"], GIVEN);
    assert_eq!(told.of("b")["parentSpanId"], told.of("a")["spanId"]);
    assert!(told.tracia.iter().all(|span| span["traceId"] == "tr_1234567890abcdef"));
    assert!(told.spans.iter().all(|span| span.attributes["tracing_genai.trace_id"] == "tr_1234567890abcdef"));
}

#[tokio::test]
async fn the_sessions_trace_goes_before_a_calls_and_its_parent_too() {
    let world = World::new();
    let (session, told) = world
        .run(async |client| {
            let session = client.session().with_parent_span_id(GIVEN);
            let call = session.chat(MODEL).user("Hi").user_id("a").trace_id("tr_1234567890abcdef");
            call.parent_span_id("sp_00000000000000bb").await.unwrap();
            session
        })
        .await;
    assert_eq!(told.of("a")["traceId"], *session.trace_id());
    assert_eq!(told.of("a")["parentSpanId"], GIVEN);
    assert!(told.span("a").attribute("tracing_genai.trace_id").is_none());
}

#[tokio::test]
async fn a_given_span_id_is_the_calls_and_the_next_ones_parent() {
    let world = World::new();
    let ((), told) = world
        .run(async |client| {
            let session = client.session();
            session.chat(MODEL).user("Hi").user_id("a").span_id("sp_1234567890ABCDEF").await.unwrap();
            assert_eq!(session.last_span_id().as_deref(), Some("sp_1234567890ABCDEF"));
            session.chat(MODEL).user("Hi").user_id("b").span_id("order-42").await.unwrap();
            session.chat(MODEL).user("Hi").user_id("c").await.unwrap();
        })
        .await;
    assert_eq!(told.of("a")["spanId"], "sp_1234567890ABCDEF");
    assert_eq!(told.parents(&["a", "b", "c"]), [None, Some("a"), Some("b")]);
}

#[tokio::test]
async fn a_call_is_never_its_own_parent() {
    let world = World::new();
    let client = world.client();
    // Tracia itself takes an id once.
    let ((), spans) = capture_async(async {
        let session = client.session();
        for _ in 0..2 {
            session.chat(MODEL).user("Hi").span_id("sp_1234567890abcdef").await.unwrap();
        }
        session.chat(MODEL).user("Hi").await.unwrap();
    })
    .await;
    let parents: Vec<_> = spans.iter().map(|span| span.attribute("tracia.parent_span_id")).collect();
    assert_eq!(parents[..2], [None, None]);
    assert_eq!(parents[2].unwrap(), "sp_1234567890abcdef");
}

#[tokio::test]
async fn a_w3c_trace_is_started_where_no_span_is_current_and_a_name_gets_a_trace_of_tracias() {
    let world = World::new();
    let (name, told) = world
        .run(async |client| {
            let session = client.session().with_trace_id(TRACE);
            assert_eq!(
                (session.trace_id().as_str(), session.tracia_trace_id().as_str()),
                (TRACE, "tr_a3ce929d0e0e4736")
            );
            session.chat(MODEL).user("Hi").user_id("a").await.unwrap();
            session.chat(MODEL).user("Hi").user_id("b").await.unwrap();
            let named = client.session().with_trace_id("cart:7");
            assert_eq!(named.trace_id(), "cart:7");
            named.chat(MODEL).user("Hi").user_id("c").await.unwrap();
            named.tracia_trace_id()
        })
        .await;
    assert!(["a", "b"].iter().all(|user| told.of(user)["traceId"] == "tr_a3ce929d0e0e4736"));
    assert!(["a", "b"].iter().all(|user| told.span(user).trace_id == TRACE));
    assert_eq!(told.span("b").parent_span_id, None);
    assert_eq!(told.span("b").links[0].span_id, told.span("a").span_id);
    assert!(is_tracias(&name));
    assert_eq!(told.of("c")["traceId"], *name);
}

#[tokio::test]
async fn an_id_that_is_none_fails_the_calls_before_anything_is_sent() {
    let provider = FakeProvider::start().unwrap();
    let client =
        tracing_genai::Client::builder().base_url(provider.base_url()).api_key("sk-test").build().unwrap();
    for (session, words) in [
        (
            client.session().with_trace_id("sp_1234567890abcdef"),
            ["Invalid trace ID format", ".with_trace_id("],
        ),
        (client.session().with_trace_id(""), ["Invalid trace ID format", "tr_ + 16 hex"]),
        (
            client.session().with_parent_span_id("a b"),
            ["Invalid parent span ID format", ".with_parent_span_id("],
        ),
    ] {
        let (result, spans) = capture_async(session.chat(MODEL).user("Hi").send()).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(words.iter().all(|words| error.to_string().contains(words)), "{error}");
        session.embed("text-embedding-3-small").input("sea").await.unwrap_err();
        session.chat(MODEL).user("Hi").stream().await.unwrap_err();
        assert!(spans.is_empty() && provider.requests().is_empty());
    }
}

#[test]
fn a_session_shows_no_ids_and_goes_to_any_thread() {
    fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let session = World::new().client().session().with_parent_span_id("ada@example.com");
    is_shared(&session);
    let shown = format!("{session:?}");
    assert!(shown.contains("has_last: true") && !shown.contains("ada") && !shown.contains("tr_"), "{shown}");
}
