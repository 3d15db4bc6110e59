//! Tools and searches of every shape: with a result of any type, in pieces, and without a future.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use opentelemetry::trace::Status;
use serde_json::{Value, json};
use std::io;
use tracing::{instrument::WithSubscriber, level_filters::LevelFilter};
use tracing_genai::{
    ContentCapture,
    span::{Retrieval, Tool},
    testing::{FinishedSpan, capture, capture_async},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// A result that has no text.
struct Image(Vec<u8>);

async fn draw() -> io::Result<Image> {
    Ok(Image(vec![0; 16]))
}

async fn broken<T>() -> io::Result<T> {
    Err(io::Error::other("broken"))
}

/// A hit of a search engine, which is no JSON.
struct Hit {
    id: &'static str,
    score: f32,
}

async fn search() -> io::Result<Vec<Hit>> {
    Ok(vec![Hit { id: "doc-7", score: 0.5 }])
}

fn documents(hits: &[Hit]) -> impl Iterator<Item = Value> {
    hits.iter().map(|hit| json!({"id": hit.id, "score": hit.score}))
}

fn tool() -> Tool {
    Tool::new("draw").arguments("{}").content(ContentCapture::on())
}

fn handbook() -> Retrieval {
    Retrieval::new("handbook").query("leave").top_k(3).content(ContentCapture::on())
}

async fn only<T>(work: impl Future<Output = T>) -> (T, FinishedSpan) {
    let (value, mut spans) = capture_async(work).await;
    assert_eq!(spans.len(), 1, "{spans:#?}");
    (value, spans.remove(0))
}

#[tokio::test]
async fn a_tool_gives_what_has_no_text_and_its_span_what_is_set() {
    let run = tool().run_with(draw(), |span, image| {
        span.result(format!("{} bytes", image.0.len()));
    });
    let (image, span) = only(run).await;
    assert_eq!(image.unwrap().0.len(), 16);
    assert_eq!(span.name, "execute_tool draw");
    assert_eq!(span.attributes["gen_ai.tool.call.arguments"], "{}");
    assert_eq!(span.attributes["gen_ai.tool.call.result"], "16 bytes");
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
}

#[tokio::test]
async fn a_tool_whose_result_has_a_text_records_it_without_being_told() {
    let (_, span) = only(tool().run(async { Ok::<_, io::Error>(18) })).await;
    assert_eq!(span.attributes["gen_ai.tool.call.result"], "18");
}

#[tokio::test]
async fn a_tool_that_fails_has_nothing_to_keep() {
    let run = tool().run_with(broken::<Image>(), |_, _| panic!("there is no value to keep"));
    let (result, span) = only(run).await;
    assert_eq!(result.err().unwrap().to_string(), "broken");
    assert_eq!(span.status, Status::error("broken"));
    assert!(!span.attributes.contains_key("gen_ai.tool.call.result"));
}

#[test]
fn a_tool_without_a_future_runs_in_the_scope_of_its_span() {
    let spans = capture(|| {
        let mut span = tool().start();
        let sum = span.in_scope(|| {
            tracing::info_span!("inside").in_scope(|| ());
            1 + 2
        });
        span.result_json(&json!({"sum": sum}));
        span.finish();
    });
    let [inside, span] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(inside.parent_span_id.as_ref(), Some(&span.span_id));
    assert_eq!(span.attributes["gen_ai.tool.call.result"], r#"{"sum":3}"#);
    assert_eq!(span.attributes["gen_ai.tool.type"], "function");
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
}

#[test]
fn a_tool_or_search_that_is_dropped_is_abandoned() {
    let spans = capture(|| {
        drop(tool().start());
        drop(handbook().start());
    });
    for span in &spans {
        assert_eq!(span.attributes["tracing_genai.outcome"], "abandoned", "{}", span.name);
    }
    assert_eq!(spans.len(), 2);
}

#[tokio::test]
async fn a_search_gives_any_type_and_its_span_the_documents() {
    let run = handbook().run_with(search(), |span, hits| {
        span.documents(documents(hits));
    });
    let (hits, span) = only(run).await;
    assert_eq!(hits.unwrap().len(), 1);
    assert_eq!(span.attributes["gen_ai.retrieval.query.text"], "leave");
    assert_eq!(span.attributes["gen_ai.retrieval.documents"], r#"[{"id":"doc-7","score":0.5}]"#);
}

#[test]
fn a_search_without_a_future_runs_in_the_scope_of_its_span() {
    let spans = capture(|| {
        let mut span = handbook().start();
        let hits = span.in_scope(|| [Hit { id: "doc-8", score: 0.25 }]);
        span.documents(documents(&hits));
        span.finish();
    });
    assert_eq!(spans[0].attributes["gen_ai.data_source.id"], "handbook");
    assert_eq!(spans[0].attributes["gen_ai.retrieval.top_k"], 3);
    assert_eq!(spans[0].attributes["gen_ai.retrieval.documents"], r#"[{"id":"doc-8","score":0.25}]"#);
}

#[tokio::test]
async fn results_and_documents_are_content() {
    let (_, spans) = capture_async(async {
        let tool = Tool::new("draw").content(ContentCapture::off());
        tool.run_with(draw(), |span, _| {
            span.result("secret");
        })
        .await
        .unwrap();
        let search_ = Retrieval::new("handbook").content(ContentCapture::off());
        search_
            .run_with(search(), |span, hits| {
                span.documents(documents(hits));
            })
            .await
            .unwrap();
    })
    .await;
    let attributes: Vec<_> = spans.iter().map(|span| format!("{:?}", span.attributes)).collect();
    assert!(attributes.iter().all(|all| !all.contains("secret") && !all.contains("doc-7")), "{attributes:?}");
}

/// Fails the test that serializes it.
struct Never;

impl serde::Serialize for Never {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("nobody wants it")
    }
}

#[tokio::test]
async fn nothing_is_rendered_for_a_span_that_nobody_sees() {
    let work = async {
        let mut span = tool().start();
        span.result_json(&Never);
        span.finish();
        let mut span = handbook().start();
        span.documents(std::iter::from_fn(|| panic!("nobody wants it")));
        span.finish();
    };
    work.with_subscriber(Registry::default().with(LevelFilter::OFF)).await;
}
