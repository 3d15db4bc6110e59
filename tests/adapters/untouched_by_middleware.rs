//! A `reqwest` client with the middleware does what it would without.

use crate::world::{self, ASKED, ASKED_STREAM, EVENTS, Scripted, Step, data};
use bytes::Bytes;
use http::{Extensions, StatusCode, Version};
use http_body::Body as _;
use reqwest::{Body, Request, Response, ResponseBuilderExt};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};
use tracing_genai::{
    instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware},
    testing::{Answer, FakeProvider, FinishedSpan, Gate, capture_async},
};

#[derive(Clone, Debug, PartialEq)]
struct Marked(u8);

type Handler = Arc<dyn Fn(Request) -> Response + Send + Sync>;

/// Stands in for the network.
struct Terminal(Handler);

#[async_trait::async_trait]
impl Middleware for Terminal {
    async fn handle(
        &self,
        request: Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        Ok((self.0)(request))
    }
}

fn client(
    instrumentation: Option<Instrumentation>,
    handler: impl Fn(Request) -> Response + Send + Sync + 'static,
) -> ClientWithMiddleware {
    let mut builder = ClientBuilder::new(reqwest::Client::new());
    if let Some(instrumentation) = instrumentation {
        builder = builder.with(GenAiMiddleware::from(instrumentation));
    }
    builder.with(Terminal(Arc::new(handler))).build()
}

fn answer(body: Scripted) -> Response {
    let answer = http::Response::builder()
        .status(StatusCode::CREATED)
        .version(Version::HTTP_2)
        .header("content-type", "text/event-stream")
        .header("x-request-id", "r-1")
        .extension(Marked(7))
        .url("https://elsewhere.example/after?a=redirect".parse().unwrap());
    answer.body(Body::wrap(body)).unwrap().into()
}

#[tokio::test]
async fn the_request_is_the_same_buffer_and_can_be_cloned() {
    let bytes = Bytes::from_static(ASKED.as_bytes());
    let address = bytes.as_ptr() as usize;
    let client = client(Some(Instrumentation::new()), move |request| {
        assert_eq!(request.body().unwrap().as_bytes().unwrap().as_ptr() as usize, address);
        let clone = request.try_clone().expect("a request that can be sent again");
        assert_eq!(clone.body().unwrap().as_bytes().unwrap().as_ptr() as usize, address);
        assert_eq!(clone.headers()["x-mine"], "yes");
        assert_eq!((clone.timeout(), clone.version()), (Some(&Duration::from_secs(9)), Version::HTTP_2));
        answer(Scripted::events())
    });
    let request = client.post(world::URL).header("x-mine", "yes").body(bytes);
    let request = request.timeout(Duration::from_secs(9)).version(Version::HTTP_2);
    let (came, spans) = capture_async(async { request.send().await.unwrap().bytes().await.unwrap() }).await;
    assert_eq!(came, EVENTS.concat());
    assert_eq!(world::outcome(world::only(&spans)), "done");
}

#[tokio::test]
async fn a_request_without_a_body_and_one_that_is_a_stream_pass() {
    for body in [None, Some(Body::wrap(Scripted::new([data(ASKED)])))] {
        let has_body = body.is_some();
        let client = client(Some(Instrumentation::new()), move |request| {
            assert_eq!(request.body().is_some(), has_body);
            answer(Scripted::new([]))
        });
        let mut request = client.post(world::URL);
        if let Some(body) = body {
            request = request.body(body);
        }
        let (came, spans) = capture_async(request.send()).await;
        assert_eq!((came.unwrap().status(), spans.len()), (StatusCode::CREATED, 0));
    }
}

#[tokio::test]
async fn the_answer_is_the_same_in_its_head() {
    let mut seen = Vec::new();
    for instrumentation in [None, Some(Instrumentation::new())] {
        let client = client(instrumentation, |_| answer(Scripted::sized([data(world::ANSWER)])));
        let (came, _) = capture_async(client.post(world::URL).body(ASKED).send()).await;
        let came = came.unwrap();
        let extension = came.extensions().get::<Marked>().cloned();
        seen.push(format!(
            "{} {} {:?} {:?} {:?} {extension:?}",
            came.url(),
            came.status(),
            came.version(),
            came.headers(),
            came.content_length()
        ));
        assert_eq!(came.extensions().len(), 1);
    }
    assert!(seen[0].starts_with("https://elsewhere.example/after?a=redirect 201"), "{}", seen[0]);
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn the_answer_is_the_same_frame_by_frame_and_polled_as_often() {
    let trailers = http::HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
    let steps = [data(EVENTS[0]), Step::Pending, data(EVENTS[1]), data(EVENTS[2]), Step::Trailers(trailers)];
    let mut seen = Vec::new();
    for instrumentation in [None, Some(Instrumentation::new())] {
        let body = Scripted::sized(steps.clone());
        let polls = Arc::clone(&body.polls);
        let client = client(instrumentation, move |_| answer(body.clone()));
        let (steps, _) = capture_async(async {
            let came = client.post(world::URL).body(ASKED_STREAM).send().await.unwrap();
            let mut body = http::Response::<Body>::from(came).into_body();
            let mut steps = Vec::new();
            loop {
                let hint = (body.size_hint().lower(), body.size_hint().upper(), body.is_end_stream());
                let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await else {
                    break;
                };
                let frame = frame.unwrap();
                let data = frame.data_ref().map(|data| (data.as_ptr(), data.len()));
                steps.push(format!("{hint:?} {data:?} {:?}", frame.trailers_ref()));
            }
            steps
        })
        .await;
        assert_eq!(steps.len(), 4);
        seen.push((steps, polls.load(Ordering::Relaxed)));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn failures_are_the_same_to_who_asks_what_they_are() {
    let mut seen = Vec::new();
    for is_watched in [false, true] {
        for is_late in [false, true] {
            let provider = FakeProvider::start().unwrap();
            let gate = Gate::new();
            let answer = Answer::chunks(200, "application/json", vec!["{".into(), "}".into()]);
            provider.enqueue(if is_late { answer.held_after(1, &gate) } else { answer.close_after(1) });
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let mut builder = ClientBuilder::new(http);
            if is_watched {
                let rule = Rule::host("127.0.0.1");
                builder = builder.with(GenAiMiddleware::from(Instrumentation::new().rule(rule)));
            }
            let client = builder.build();
            let request = client.post(format!("{}/chat/completions", provider.base_url())).body(ASKED);
            let (error, spans) = capture_async(async {
                let came = request.timeout(Duration::from_millis(300)).send().await.unwrap();
                came.bytes().await.unwrap_err().without_url()
            })
            .await;
            assert_eq!(spans.len(), usize::from(is_watched));
            seen.push(format!(
                "{error} {} {} {} {} {:?}",
                error.is_timeout(),
                error.is_body(),
                error.is_decode(),
                error.is_connect(),
                error.status()
            ));
            gate.release();
        }
    }
    let (plain, watched) = seen.split_at(2);
    assert_eq!(plain, watched);
}

/// The `traceparent` of a request to this address, and the one span.
async fn traceparent(instrumentation: Instrumentation, url: &str) -> (Option<String>, FinishedSpan) {
    let seen = Arc::new(Mutex::new(None));
    let sent = Arc::clone(&seen);
    let client = client(Some(instrumentation), move |request| {
        let header = request.headers().get("traceparent").map(|value| value.to_str().unwrap().to_owned());
        *sent.lock().unwrap() = header;
        answer(Scripted::events())
    });
    let request = client.post(url).body(ASKED_STREAM);
    let (_, spans) = capture_async(async { request.send().await.unwrap().bytes().await.unwrap() }).await;
    let header = seen.lock().unwrap().take();
    (header, world::only(&spans).clone())
}

const GATEWAY: &str = "https://gateway.example/v1/chat/completions";

#[tokio::test]
async fn a_gateway_gets_the_trace_context_of_the_call_if_the_user_wants_it() {
    let rule = Rule::host("gateway.example");
    let (header, span) =
        traceparent(Instrumentation::new().rule(rule.clone()).trace_context(true), GATEWAY).await;
    assert_eq!(header, Some(format!("00-{}-{}-01", span.trace_id, span.span_id)));
    let (header, _) = traceparent(Instrumentation::new().rule(rule), GATEWAY).await;
    assert_eq!(header, None);
}

#[tokio::test]
async fn a_provider_that_the_crate_knows_never_gets_the_trace_context() {
    let rule = Rule::host("*");
    let (header, _) = traceparent(Instrumentation::new().rule(rule).trace_context(true), world::URL).await;
    assert_eq!(header, None);
}
