//! `testing::capture` hands a test the spans that ended in it.
#![cfg(feature = "testing")]

use opentelemetry::{
    KeyValue,
    trace::{SpanKind, Status, TraceContextExt as _},
};
use std::{thread, time::Duration};
use tracing::{Instrument, info_span, instrument::WithSubscriber};
use tracing_genai::testing::{capture, capture_async};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

#[test]
fn gives_spans_in_the_order_of_their_ends() {
    let spans = capture(|| {
        info_span!("outer").in_scope(|| info_span!("inner").in_scope(|| ()));
    });
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["inner", "outer"]);
    assert_eq!(spans[0].parent_span_id.as_ref(), Some(&spans[1].span_id));
    assert_eq!(spans[0].trace_id, spans[1].trace_id);
    assert_eq!(spans[1].parent_span_id, None);
    assert!(spans[0].duration() <= spans[1].duration());
}

#[test]
fn keeps_names_types_and_values() {
    let spans = capture(|| {
        let span = info_span!("call", otel.kind = "client", model = "gpt-4o", tokens = 12_i64, cached = true);
        span.in_scope(|| {
            tracing::info!(reason = "slow", "retrying");
            let values = vec!["stop".into()];
            let reasons = opentelemetry::Value::Array(opentelemetry::Array::String(values));
            span.context().span().set_attribute(KeyValue::new("reasons", reasons));
        });
        span.set_status(Status::error("timed out"));
    });
    let span = &spans[0];
    assert_eq!(span.kind, SpanKind::Client);
    assert_eq!(span.attributes["model"], "gpt-4o");
    assert_eq!(span.attributes["tokens"], 12);
    assert_eq!(span.attributes["cached"], true);
    assert_eq!(span.attributes["reasons"], ["stop"]);
    assert_eq!(span.status, Status::error("timed out"));
    assert_eq!(span.events[0].name, "retrying");
    assert_eq!(span.events[0].attributes["reason"], "slow");
}

#[test]
fn shows_attributes_that_were_written_twice() {
    let spans = capture(|| {
        let span = info_span!("call");
        let _entered = span.enter();
        let context = span.context();
        context.span().set_attribute(KeyValue::new("model", "one"));
        context.span().set_attribute(KeyValue::new("model", "two"));
    });
    assert_eq!(spans[0].duplicate_attributes(), ["model"]);
}

#[test]
fn sees_nothing_of_other_threads() {
    let spans: Vec<_> = (0..8)
        .map(|number| {
            thread::spawn(move || capture(|| info_span!("mine", number).in_scope(thread::yield_now)))
        })
        .collect();
    for (number, spans) in spans.into_iter().enumerate() {
        let spans = spans.join().unwrap();
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].attributes["number"], i64::try_from(number).unwrap());
    }
}

#[test]
fn leaves_out_spans_that_have_not_ended() {
    let mut open = None;
    let spans = capture(|| open = Some(info_span!("still open")));
    assert!(spans.is_empty());
}

async fn work() -> u32 {
    tokio::task::yield_now().await;
    tokio::time::sleep(Duration::from_secs(60)).instrument(info_span!("waits")).await;
    7
}

#[tokio::test(start_paused = true)]
async fn captures_a_future_on_a_current_thread_runtime() {
    let (output, spans) = capture_async(work()).await;
    assert_eq!(output, 7);
    assert_eq!(spans[0].name, "waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn captures_tasks_that_are_given_the_subscriber() {
    let ((), spans) = capture_async(async {
        let task = async { tokio::task::yield_now().instrument(info_span!("task")).await };
        tokio::spawn(task.with_current_subscriber()).await.unwrap();
        tokio::spawn(async { info_span!("unseen").in_scope(|| ()) }).await.unwrap();
    })
    .await;
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["task"]);
}

#[tokio::test]
async fn keeps_futures_in_one_task_apart() {
    let one = capture_async(tokio::task::yield_now().instrument(info_span!("not captured: made outside")));
    let two = capture_async(async { tokio::task::yield_now().instrument(info_span!("two")).await });
    let (((), one), ((), two)) = tokio::join!(one, two);
    assert!(one.is_empty());
    assert_eq!(two.len(), 1);
}
