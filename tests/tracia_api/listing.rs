use super::{answering, api, the_request, tracia};
use serde_json::json;
use std::{
    collections::HashSet,
    time::{Duration, UNIX_EPOCH},
};
use tracing_genai::{
    record::ErrorKind,
    testing::{FakeTracia, ServiceAnswer},
    tracia::{Api, ListSpans, NewSpan, SpanStatus},
};

type Set = fn(ListSpans) -> ListSpans;

async fn asked(set: Set) -> String {
    let (tracia, api) = answering(200, &json!({"spans": []}));
    set(api.spans().list()).send().await.unwrap();
    the_request(&tracia).path
}

#[tokio::test]
async fn without_a_condition_there_is_no_query() {
    assert_eq!(asked(|list| list).await, "/api/v1/spans");
}

#[tokio::test]
async fn each_condition_is_a_parameter() {
    let time = |list: ListSpans| list.start_date(UNIX_EPOCH + Duration::from_millis(1_767_225_600_005));
    let cases: [(Set, &str); 9] = [
        (|list| list.prompt_slug("a b"), "promptSlug=a%20b"),
        (|list| list.status(SpanStatus::Error), "status=ERROR"),
        (time, "startDate=2026-01-01T00%3A00%3A00.005Z"),
        (|list| list.end_date(UNIX_EPOCH), "endDate=1970-01-01T00%3A00%3A00.000Z"),
        (|list| list.user_id("u&x=1"), "userId=u%26x%3D1"),
        (|list| list.session_id("s"), "sessionId=s"),
        (|list| list.tags(["a", "b"]), "tags=a%2Cb"),
        (|list| list.limit(10).limit(20), "limit=20"),
        (|list| list.cursor("c+/="), "cursor=c%2B%2F%3D"),
    ];
    for (set, expected) in cases {
        assert_eq!(asked(set).await, format!("/api/v1/spans?{expected}"));
    }
}

#[tokio::test]
async fn conditions_go_together() {
    let set = |list: ListSpans| list.status(SpanStatus::Success).limit(5).tag("x").user_id("u");
    assert_eq!(asked(set).await, "/api/v1/spans?status=SUCCESS&limit=5&userId=u&tags=x");
}

/// So many spans, of which each fifth failed.
async fn with_spans(count: usize) -> (FakeTracia, Api) {
    let tracia = tracia();
    let api = api(&tracia);
    for number in 0..count {
        let span = NewSpan::llm("openai", "gpt-4o").span_id(format!("sp_{number:016x}"));
        let span = span.user_id(format!("u{}", number % 2)).session_id(format!("s{}", number % 3));
        let span = span.tag("all").tag(format!("t{}", number % 4));
        let span = if number % 5 == 0 { span.error("no") } else { span };
        api.spans().create(span).await.unwrap();
    }
    (tracia, api)
}

#[tokio::test]
async fn the_stand_in_takes_every_condition() {
    let (_tracia, api) = with_spans(12).await;
    let spans = api.spans();
    let now = std::time::SystemTime::now();
    let hour = Duration::from_secs(3600);
    for (list, count) in [
        (spans.list(), 12),
        (spans.list().user_id("u1"), 6),
        (spans.list().session_id("s0"), 4),
        (spans.list().status(SpanStatus::Error), 3),
        (spans.list().tags(["all", "t3"]), 3),
        (spans.list().tags(["t1", "t3"]), 0),
        (spans.list().start_date(now - hour).end_date(now + hour), 12),
        (spans.list().start_date(now + hour), 0),
        (spans.list().end_date(now - hour), 0),
        (spans.list().prompt_slug("greeting"), 0),
        (spans.list().limit(7), 7),
    ] {
        let shown = format!("{list:?}");
        assert_eq!(list.send().await.unwrap().spans.len(), count, "{shown}");
    }
}

#[tokio::test]
async fn all_pages_of_250_spans_are_walked_once_each() {
    let (tracia, api) = with_spans(250).await;
    let before = tracia.requests().len();
    let mut pages = api.spans().list().limit(100).pages();
    let mut sizes = Vec::new();
    let mut seen = HashSet::new();
    while let Some(page) = pages.next_page().await.unwrap() {
        sizes.push(page.len());
        seen.extend(page.into_iter().map(|span| span.span_id));
    }
    assert_eq!((sizes, seen.len()), (vec![100, 100, 50], 250));
    assert_eq!(pages.next_page().await.unwrap(), None);
    assert_eq!(tracia.requests().len() - before, 3);
    assert_eq!(api.spans().list().user_id("u0").pages().all().await.unwrap().len(), 125);
}

#[tokio::test]
async fn a_page_that_failed_is_asked_for_again() {
    let (tracia, api) = with_spans(3).await;
    let mut pages = api.spans().list().limit(2).pages();
    assert_eq!(pages.next_page().await.unwrap().unwrap().len(), 2);
    tracia.answer_next(1, &ServiceAnswer::status(500));
    assert!(pages.next_page().await.is_err());
    assert_eq!(pages.next_page().await.unwrap().unwrap()[0].span_id, "sp_0000000000000000");
    assert_eq!(pages.next_page().await.unwrap(), None);
}

#[tokio::test]
async fn a_page_that_names_itself_ends_the_walk_with_an_error() {
    let tracia = tracia();
    let page = json!({"spans": [], "nextCursor": "c"}).to_string();
    tracia.answer_next(2, &ServiceAnswer::body(200, "application/json", page));
    let error = api(&tracia).spans().list().pages().all().await.unwrap_err();
    assert_eq!((error.kind(), tracia.requests().len()), (ErrorKind::Protocol, 2));
}

#[tokio::test]
async fn pages_that_name_each_other_end_the_walk_with_an_error() {
    let tracia = tracia();
    for cursor in ["a", "b", "a", "b"] {
        let page = json!({"spans": [], "nextCursor": cursor}).to_string();
        tracia.answer_next(1, &ServiceAnswer::body(200, "application/json", page));
    }
    let error = api(&tracia).spans().list().pages().all().await.unwrap_err();
    assert_eq!((error.kind(), tracia.requests().len()), (ErrorKind::Protocol, 3));
}

#[tokio::test]
async fn both_forms_of_paging_are_read() {
    for (page, next) in [
        (json!({"spans": [], "nextCursor": "c"}), Some("c")),
        (json!({"spans": [], "cursor": "c", "hasMore": true}), Some("c")),
        (json!({"spans": [], "cursor": "c", "hasMore": false}), None),
        (json!({"spans": [], "cursor": null, "hasMore": false}), None),
        (json!({"spans": [], "nextCursor": null}), None),
        (json!({"spans": [], "nextCursor": ""}), None),
        (json!({"traces": []}), None),
    ] {
        let (_tracia, api) = answering(200, &page);
        let read = api.spans().list().send().await.unwrap();
        assert_eq!(read.next_cursor.as_deref(), next, "{page}");
    }
}
