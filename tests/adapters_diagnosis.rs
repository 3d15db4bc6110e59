//! What cannot be read, or not wholly: the call goes through as it is, the span says what is known, and the
//! reason is counted.

#![cfg(all(feature = "tower", feature = "reqwest-middleware"))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

#[path = "adapters/world.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod world;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use std::{
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tower_layer::Layer;
use tower_service::Service;
use tracing_genai::{
    Finding, diagnosis,
    instrument::{Instrumentation, RequestBody, Rule, tower::GenAiLayer},
    testing::{FinishedSpan, capture_async},
};
use world::{ANSWER, ASKED, ASKED_STREAM, Scripted, ServiceFn, Step, data, only, outcome};

/// Counts are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

struct Counts(Vec<(Finding, u64)>, #[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Counts {
    fn start() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self(diagnosis(), alone)
    }

    /// What was counted since.
    fn since(&self) -> Vec<(Finding, u64)> {
        let before = |finding| self.0.iter().find(|(one, _)| *one == finding).map_or(0, |(_, count)| *count);
        diagnosis()
            .into_iter()
            .map(|(finding, count)| (finding, count - before(finding)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

/// Sends this to that address, gets that answer; the bytes of both as the other side got them, and the spans.
async fn call(
    instrumentation: Instrumentation,
    url: &str,
    sent: Scripted,
    answer: Response<Scripted>,
) -> (Bytes, Bytes, Vec<FinishedSpan>) {
    let received = std::sync::Arc::new(Mutex::new(Bytes::new()));
    let inside = std::sync::Arc::clone(&received);
    let mut answer = Some(answer);
    let service = ServiceFn(move |request: Request<RequestBody<Scripted>>| {
        let (inside, answer) = (std::sync::Arc::clone(&inside), answer.take());
        async move {
            *inside.lock().unwrap() = request.into_body().collect().await.unwrap().to_bytes();
            Ok::<_, Infallible>(answer.expect("one call"))
        }
    });
    let mut service = GenAiLayer::from(instrumentation).layer(service);
    let request = Request::post(url).body(sent).unwrap();
    let (came, spans) = capture_async(async {
        world::drain(service.call(request).await.unwrap().into_body()).await.unwrap()
    })
    .await;
    let received = received.lock().unwrap().clone();
    (received, came, spans)
}

fn sized(text: &'static str) -> Scripted {
    Scripted::sized([data(text)])
}

fn whole(text: &'static str) -> Response<Scripted> {
    world::unary(Scripted::new([data(text)]))
}

fn new() -> Instrumentation {
    Instrumentation::new()
}

#[tokio::test]
async fn an_answer_that_is_not_what_the_address_promises() {
    let html = "<html><body>502 Bad Gateway</body></html>";
    let truncated = ANSWER.split_at(ANSWER.len() / 2).0;
    for text in [html, truncated, "", "null", "[]", "\u{feff}"] {
        for asked in [ASKED, ASKED_STREAM] {
            let counts = Counts::start();
            let (_, came, spans) = call(new(), world::URL, sized(asked), whole(text)).await;
            assert_eq!((came, outcome(only(&spans))), (Bytes::from(text), "done"), "{text:?} for {asked}");
            assert_eq!(only(&spans).name, "chat gpt-4o-mini");
            assert_eq!(counts.since(), [(Finding::UnreadableBody, 1)], "{text:?} for {asked}");
        }
    }
}

#[tokio::test]
async fn an_answer_of_no_content() {
    let counts = Counts::start();
    let mut answer = world::unary(Scripted::sized([]));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let (_, came, spans) = call(new(), world::URL, sized(ASKED), answer).await;
    assert_eq!((came.len(), outcome(only(&spans))), (0, "done"));
    assert_eq!(only(&spans).operation.as_ref().unwrap().http_status, Some(204));
    assert_eq!(counts.since(), [(Finding::UnreadableBody, 1)]);
}

#[tokio::test]
async fn a_wrong_content_type() {
    let counts = Counts::start();
    let mut as_text = Response::new(Scripted::new([data(ANSWER)]));
    as_text.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    let (_, _, spans) = call(new(), world::URL, sized(ASKED), as_text).await;
    assert_eq!(only(&spans).attributes["gen_ai.usage.input_tokens"], 9);
    // A stream that says it is JSON.
    let (_, _, spans) = call(new(), world::URL, sized(ASKED_STREAM), world::unary(Scripted::events())).await;
    assert_eq!(only(&spans).attributes["gen_ai.usage.input_tokens"], 9);
    // An answer in one piece that says it is a stream.
    let answer = world::streamed(Scripted::new([data(ANSWER)]));
    let (_, _, spans) = call(new(), world::URL, sized(ASKED), answer).await;
    assert_eq!((outcome(only(&spans)), counts.since()), ("done", Vec::new()));
    assert_eq!(only(&spans).attributes["gen_ai.usage.input_tokens"], 9);
}

#[tokio::test]
async fn an_answer_that_comes_compressed() {
    for status in [200, 500] {
        let counts = Counts::start();
        let mut answer = world::unary(Scripted::new([Step::Data(Bytes::from_static(b"\x1f\x8b\x08\0\xff"))]));
        answer.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        answer.headers_mut().insert("x-request-id", "r-1".parse().unwrap());
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        let (_, came, spans) = call(new(), world::URL, sized(ASKED), answer).await;
        assert_eq!(&came[..], b"\x1f\x8b\x08\0\xff");
        let span = only(&spans);
        assert_eq!(outcome(span), if status == 200 { "done" } else { "failed" });
        assert_eq!(span.operation.as_ref().unwrap().request_id.as_deref(), Some("r-1"));
        assert!(!format!("{span:?}").contains('\u{fffd}'), "{span:?}");
        assert_eq!(counts.since(), [(Finding::CompressedBody, 1)]);
    }
}

#[tokio::test]
async fn what_the_headers_tell_of_usage_is_told_where_the_body_cannot_be_read() {
    let url = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.titan-text-lite-v1/invoke";
    let _alone = Counts::start();
    for compressed in [false, true] {
        let mut answer = whole("<html>");
        answer.headers_mut().insert("x-amzn-bedrock-input-token-count", "12".parse().unwrap());
        if compressed {
            answer.headers_mut().insert("content-encoding", "br".parse().unwrap());
        }
        let (_, _, spans) = call(new(), url, sized("{}"), answer).await;
        assert_eq!(only(&spans).attributes["gen_ai.usage.input_tokens"], 12);
    }
}

#[tokio::test]
async fn a_request_that_is_a_stream() {
    let counts = Counts::start();
    let (first, last) = ASKED_STREAM.split_at(20);
    let body = Scripted::new([data(first), Step::Pending, data(last)]);
    let (received, _, spans) = call(new(), world::URL, body, world::streamed(Scripted::events())).await;
    assert_eq!(received, ASKED_STREAM);
    let span = only(&spans);
    assert_eq!((span.name.as_str(), outcome(span)), ("chat gpt-4o-mini", "done"));
    assert_eq!(span.attributes["gen_ai.request.model"], "gpt-4o-mini");
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 2);
    assert!(counts.since().is_empty(), "{:?}", counts.since());
}

#[tokio::test]
async fn a_request_that_is_not_what_its_address_promises() {
    let counts = Counts::start();
    for text in ["", "no JSON", "[1]"] {
        let (received, came, spans) = call(new(), world::URL, sized(text), whole(ANSWER)).await;
        assert_eq!((received, came), (Bytes::from(text), Bytes::from(ANSWER)));
        assert_eq!(only(&spans).attributes["gen_ai.usage.input_tokens"], 9);
        assert_eq!(only(&spans).name, "chat");
    }
    assert_eq!(counts.since(), [(Finding::UnreadableBody, 3)]);
}

#[tokio::test]
async fn a_rule_that_matches_nothing() {
    let counts = Counts::start();
    let rules = new().rule(Rule::host("llm.example.com").port(8443).path_prefix("/team"));
    for url in ["https://llm.example.com/team/v1/chat/completions", "https://example.com/v1/chat/completions"]
    {
        let (received, came, spans) = call(rules.clone(), url, sized(ASKED), whole(ANSWER)).await;
        assert_eq!((received, came, spans.len()), (Bytes::from(ASKED), Bytes::from(ANSWER), 0));
    }
    assert_eq!(counts.since(), [(Finding::UnknownHost, 2)]);
    // What the crate knows by itself is not lost by it.
    let (_, _, spans) = call(rules, world::URL, sized(ASKED), whole(ANSWER)).await;
    assert_eq!(outcome(only(&spans)), "done");
    assert_eq!(counts.since(), [(Finding::UnknownHost, 2)]);
}

#[tokio::test]
async fn a_call_to_a_host_that_nobody_named() {
    let counts = Counts::start();
    let url = "http://llm.example.com:4000/v1/chat/completions";
    let (received, came, spans) = call(new(), url, sized(ASKED), whole(ANSWER)).await;
    assert_eq!((received, came, spans.len()), (Bytes::from(ASKED), Bytes::from(ANSWER), 0));
    assert_eq!(counts.since(), [(Finding::UnknownHost, 1)]);
    // Named as its base address, or left out, it is unknown no more.
    let named = new().rule(Rule::host("http://llm.example.com:4000/v1"));
    let (_, _, spans) = call(named, url, sized(ASKED), whole(ANSWER)).await;
    assert_eq!(outcome(only(&spans)), "done");
    let ignored = new().rule(Rule::host("llm.example.com").ignore());
    let (_, _, spans) = call(ignored, url, sized(ASKED), whole(ANSWER)).await;
    assert!(spans.is_empty());
    assert_eq!(counts.since(), [(Finding::UnknownHost, 1)]);
}

#[tokio::test]
async fn a_request_that_is_no_call_of_a_model() {
    let counts = Counts::start();
    for path in ["/orders", "/surveys/7/responses", "/photos/embeddings", "/v1/threads/t/messages"] {
        let url = format!("http://shop.example{path}");
        let (_, _, spans) = call(new(), &url, sized("{}"), whole("{}")).await;
        assert_eq!((spans.len(), counts.since()), (0, Vec::new()), "{path}");
    }
}

#[tokio::test]
async fn a_rule_that_matches_everything() {
    let counts = Counts::start();
    let rules = new().rule(Rule::host("*"));
    let (_, _, spans) = call(rules.clone(), "http://shop.example/v1/orders", sized("x"), whole("y")).await;
    assert!(spans.is_empty() && counts.since().is_empty());
    // Another service's path that is called as one of a model.
    let url = "http://shop.example/v1/embeddings";
    let (received, came, spans) = call(rules, url, sized("<xml/>"), whole("<xml/>")).await;
    assert_eq!((received, came), (Bytes::from("<xml/>"), Bytes::from("<xml/>")));
    assert_eq!((only(&spans).name.as_str(), outcome(only(&spans))), ("embeddings", "done"));
    assert_eq!(counts.since(), [(Finding::UnreadableBody, 1), (Finding::RuleMatchedOther, 1)]);
}

#[tokio::test]
async fn bodies_above_the_limit() {
    let counts = Counts::start();
    let text = "word ".repeat(60_000);
    let asked = format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    let answer = ANSWER.replace("Hej.", &text);
    let service = |pieces: Vec<Bytes>| {
        GenAiLayer::from(new().body_limit(200_000)).layer(ServiceFn(
            move |request: Request<RequestBody<Full<Bytes>>>| {
                let body = Scripted::new(pieces.iter().cloned().map(Step::Data));
                async move {
                    request.into_body().collect().await.unwrap();
                    Ok::<_, Infallible>(world::unary(body))
                }
            },
        ))
    };
    for size in [1000, 100_000, answer.len()] {
        let pieces = answer.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        let (came, spans) = capture_async(async {
            let request = world::post(Full::new(Bytes::from(asked.clone())));
            world::drain(service(pieces).call(request).await.unwrap().into_body()).await.unwrap()
        })
        .await;
        assert_eq!(came, answer);
        let span = only(&spans);
        assert_eq!((span.name.as_str(), outcome(span)), ("chat gpt-4o-mini", "done"));
        assert_eq!(span.attributes["gen_ai.response.model"], "gpt-4o-mini-2024");
        assert_eq!(span.attributes["gen_ai.response.id"], "c-1");
        assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 2);
    }
    assert_eq!(counts.since(), [(Finding::BodyOverLimit, 6)]);
}

#[tokio::test]
async fn a_stream_above_the_limit_is_read_as_it_comes() {
    let counts = Counts::start();
    let filling = world::EVENTS[1].repeat(2000);
    let mut steps = vec![data(world::EVENTS[0])];
    steps.extend(filling.as_bytes().chunks(5000).map(|piece| Step::Data(Bytes::copy_from_slice(piece))));
    steps.extend(world::EVENTS[2..].iter().map(|event| data(event)));
    let answer = world::streamed(Scripted::new(steps));
    let (_, _, spans) = call(new().body_limit(20_000), world::URL, sized(ASKED_STREAM), answer).await;
    assert_eq!(only(&spans).attributes["gen_ai.usage.output_tokens"], 2);
    assert_eq!((outcome(only(&spans)), counts.since()), ("done", Vec::new()));
}

#[tokio::test]
async fn a_stream_that_tells_no_usage() {
    let counts = Counts::start();
    let answer = world::streamed(Scripted::new([data(world::EVENTS[1]), data(world::EVENTS[2])]));
    let (_, _, spans) = call(new(), world::URL, sized(ASKED_STREAM), answer).await;
    assert_eq!(outcome(only(&spans)), "done");
    assert_eq!(counts.since(), [(Finding::StreamWithoutUsage, 1)]);
}

#[tokio::test]
async fn nobody_who_wants_the_spans() {
    let counts = Counts::start();
    let mut service = world::answering(|| world::unary(Scripted::new([data(ANSWER)])));
    let body = service.call(world::asked(ASKED)).await.unwrap().into_body();
    assert_eq!(world::drain(body).await.unwrap(), ANSWER);
    let counted = counts.since();
    // Another thread's subscriber may have switched the span on for all.
    let either = [Finding::NoSubscriber, Finding::SpanFiltered, Finding::NoOpenTelemetrySpan];
    assert!(matches!(counted.as_slice(), [(finding, 1)] if either.contains(finding)), "{counted:?}");
}
