//! A tower stack with the layer passes on what it would without.

use crate::world::{
    self, ASKED, ASKED_STREAM, EVENTS, Scripted, ServiceFn, Step, chunk, data, outcome, post,
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use std::{
    convert::Infallible,
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tower_layer::Layer;
use tower_service::Service;
use tracing_genai::{
    instrument::{Instrumentation, RequestBody, tower::GenAiLayer},
    testing::{capture, capture_async},
};

#[derive(Clone, Debug, PartialEq)]
struct Marked(u8);

/// What a body does, step by step: its hint, whether it says it is at its end, and the frame.
fn trace<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Vec<String>
where
    B::Error: std::fmt::Display,
{
    let mut context = Context::from_waker(Waker::noop());
    let mut steps = Vec::new();
    loop {
        let before = (body.size_hint().lower(), body.size_hint().upper(), body.is_end_stream());
        let frame = Pin::new(&mut body).poll_frame(&mut context);
        let step = match &frame {
            Poll::Pending => "pending".to_owned(),
            Poll::Ready(None) => "end".to_owned(),
            Poll::Ready(Some(Err(error))) => format!("failure: {error}"),
            Poll::Ready(Some(Ok(frame))) => match frame.data_ref() {
                Some(data) => format!("{} bytes at {:?}", data.len(), data.as_ptr()),
                None => format!("trailers {:?}", frame.trailers_ref()),
            },
        };
        steps.push(format!("{before:?} {step}"));
        if matches!(frame, Poll::Ready(None)) {
            return steps;
        }
    }
}

fn bodies() -> Vec<Scripted> {
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
    vec![
        Scripted::new([]),
        Scripted::sized([]),
        Scripted::sized([data(ASKED)]),
        Scripted::sized([data("{\"model\":"), data("\"m\"}")]),
        Scripted::sized([Step::Pending, data(ASKED)]),
        Scripted::sized([data(""), data(ASKED), Step::Trailers(trailers.clone())]),
        Scripted::sized([data(ASKED), Step::Trailers(trailers.clone())]),
        Scripted::sized([Step::Trailers(trailers.clone())]),
        Scripted::sized([Step::Fail("no file"), data("after it")]),
        Scripted::new([data(ASKED), data(""), Step::Pending, data("more"), Step::Trailers(trailers)]),
        Scripted::new([data(ASKED), Step::Fail("cut")]),
    ]
}

#[test]
fn what_is_sent_is_the_same_frame_by_frame() {
    for body in bodies() {
        let expected: Vec<_> =
            trace(body.clone()).into_iter().filter(|step| !step.contains("pending")).collect();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sent);
        let spans = capture(|| {
            let mut service =
                GenAiLayer::new().layer(ServiceFn(move |request: Request<RequestBody<Scripted>>| {
                    *seen.lock().unwrap() = trace(request.into_body());
                    std::future::ready(Ok::<_, Infallible>(world::unary(Scripted::new([]))))
                }));
            drop(service.call(post(body.clone())));
        });
        let sent = sent.lock().unwrap();
        let sent: Vec<_> = sent.iter().filter(|step| !step.contains("pending")).cloned().collect();
        assert_eq!(sent, expected, "{body:?}");
        assert_eq!(spans.len(), 1);
    }
}

#[tokio::test]
async fn what_comes_is_the_same_frame_by_frame() {
    for body in bodies() {
        for head in [world::unary, world::streamed] {
            let expected = trace(body.clone());
            let answer = body.clone();
            let mut service = world::answering(move || head(answer.clone()));
            let (came, spans) =
                capture_async(async { trace(service.call(world::asked(ASKED)).await.unwrap().into_body()) })
                    .await;
            assert_eq!(came, expected, "{body:?}");
            assert_eq!(spans.len(), 1);
        }
    }
}

#[tokio::test]
async fn heads_are_the_same_both_ways() {
    let service = ServiceFn(|request: Request<RequestBody<Full<Bytes>>>| {
        let (parts, body) = request.into_parts();
        assert_eq!((parts.method.as_str(), parts.uri.to_string()), ("POST", world::URL.to_owned()));
        assert_eq!(parts.version, Version::HTTP_2);
        assert_eq!(parts.headers["x-mine"], "yes");
        assert_eq!(parts.headers.len(), 2);
        assert_eq!(parts.extensions.get(), Some(&Marked(1)));
        assert_eq!(body.size_hint().exact(), Some(ASKED.len() as u64));
        let mut answer = world::unary(Scripted::new([data(world::ANSWER)]));
        *answer.status_mut() = StatusCode::CREATED;
        *answer.version_mut() = Version::HTTP_10;
        answer.extensions_mut().insert(Marked(2));
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let mut request = world::asked(ASKED);
    request.headers_mut().insert("x-mine", "yes".parse().unwrap());
    request.extensions_mut().insert(Marked(1));
    *request.version_mut() = Version::HTTP_2;
    let (answer, _) = capture_async(async { GenAiLayer::new().layer(service).call(request).await }).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::CREATED, Version::HTTP_10));
    assert_eq!((answer.headers().len(), answer.extensions().get()), (1, Some(&Marked(2))));
}

#[tokio::test]
async fn an_error_of_the_service_is_handed_on() {
    let service = ServiceFn(|_: Request<RequestBody<Full<Bytes>>>| {
        std::future::ready(Err::<Response<Scripted>, _>(io::Error::other("mine")))
    });
    let (answer, spans) =
        capture_async(async { GenAiLayer::new().layer(service).call(world::asked(ASKED)).await }).await;
    assert_eq!(answer.unwrap_err().to_string(), "mine");
    assert_eq!(outcome(world::only(&spans)), "failed");
}

/// A future that is pending so often, and counts its polls.
struct Late<R>(usize, Option<R>, Arc<AtomicUsize>);

impl<R: Unpin> Future for Late<R> {
    type Output = Result<R, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.2.fetch_add(1, Ordering::Relaxed);
        if self.0 > 0 {
            self.0 -= 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(self.1.take().unwrap()))
    }
}

/// How often the service's future, the request's body and the answer's body are polled.
async fn polls<B, R, E>(
    body: Scripted,
    answer: Scripted,
    wrap: impl FnOnce(Request<Scripted>, Arc<AtomicUsize>, Response<Scripted>) -> R,
) -> [usize; 3]
where
    B: Body<Data = Bytes> + Unpin,
    R: Future<Output = Result<Response<B>, E>>,
{
    let future = Arc::new(AtomicUsize::new(0));
    let counters = [Arc::clone(&future), Arc::clone(&body.polls), Arc::clone(&answer.polls)];
    let Ok(answer) = wrap(post(body), future, world::streamed(answer)).await else { panic!("no answer") };
    let mut body = answer.into_body();
    while chunk(&mut body).await.is_some() {}
    counters.map(|counter| counter.load(Ordering::Relaxed))
}

#[tokio::test]
async fn nothing_is_polled_more_often_than_without_the_layer() {
    let asked = Scripted::sized([data(ASKED_STREAM)]);
    let answer =
        Scripted::new([data(EVENTS[0]), Step::Pending, data(EVENTS[1]), data(EVENTS[2]), Step::Pending]);
    let copies = || (asked.fresh(), answer.fresh());
    let (body, came) = copies();
    let plain = polls(body, came, |request, counter, answer| async move {
        request.into_body().collect().await.unwrap();
        Late(3, Some(answer), counter).await
    })
    .await;
    let (body, came) = copies();
    let (layered, _) = capture_async(polls(body, came, |request, counter, answer| {
        let mut answer = Some(answer);
        let mut service =
            GenAiLayer::new().layer(ServiceFn(move |request: Request<RequestBody<Scripted>>| {
                let (counter, answer) = (Arc::clone(&counter), answer.take());
                async move {
                    request.into_body().collect().await.unwrap();
                    Late(3, answer, counter).await
                }
            }));
        async move { service.call(request).await }
    }))
    .await;
    assert_eq!(plain, [4, 2, 6]);
    assert_eq!(layered, plain);
}

#[tokio::test]
async fn a_layer_below_that_sends_again_can_clone_the_body() {
    let bytes = Bytes::from_static(ASKED.as_bytes());
    let address = bytes.as_ptr();
    let service = ServiceFn(move |request: Request<RequestBody<Full<Bytes>>>| async move {
        for attempt in [request.body().clone(), request.body().clone(), request.into_body()] {
            let sent = pin!(attempt).collect().await.unwrap().to_bytes();
            assert_eq!(sent.as_ptr(), address);
        }
        Ok::<_, Infallible>(world::unary(Scripted::new([data(world::ANSWER)])))
    });
    let mut service = GenAiLayer::new().layer(service);
    let (answer, _) = capture_async(async { service.call(post(Full::new(bytes))).await }).await;
    assert!(answer.is_ok());
}

#[tokio::test]
async fn a_body_that_is_a_stream_and_sent_again_is_read_as_it_was_sent_last() {
    let body = Scripted::new([data("{\"model\":\"gpt-4o-mini\","), data("\"messages\":[]}")]);
    let service = ServiceFn(|request: Request<RequestBody<Scripted>>| async move {
        request.body().clone().collect().await.unwrap();
        request.into_body().collect().await.unwrap();
        Ok::<_, Infallible>(world::unary(Scripted::new([data(world::ANSWER)])))
    });
    let mut service = GenAiLayer::new().layer(service);
    let (_, spans) = capture_async(async {
        world::drain(service.call(post(body)).await.unwrap().into_body()).await.unwrap();
    })
    .await;
    assert_eq!(world::only(&spans).name, "chat gpt-4o-mini");
    assert_eq!(world::only(&spans).attributes["gen_ai.request.model"], "gpt-4o-mini");
}

#[tokio::test]
async fn usage_is_asked_for_where_the_user_wants_it_and_the_request_does_not_say() {
    let said = r#"{"stream":true,"model":"m","stream_options":null}"#;
    let cases = [
        (
            r#"{"stream":true,"model":"m"}"#,
            Some(r#"{"stream":true,"model":"m","stream_options":{"include_usage":true}}"#),
        ),
        (said, None),
        (ASKED, None),
        ("no JSON", None),
    ];
    for (body, altered) in cases {
        let service = ServiceFn(move |request: Request<RequestBody<Full<Bytes>>>| async move {
            let length = request.headers()["content-length"].to_str().unwrap().to_owned();
            assert_eq!(request.body().size_hint().exact().unwrap().to_string(), length);
            let sent = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(sent, altered.unwrap_or(body));
            Ok::<_, Infallible>(world::unary(Scripted::new([])))
        });
        let mut request = world::asked(body);
        request.headers_mut().insert("content-length", body.len().into());
        let layer = GenAiLayer::from(Instrumentation::new().stream_usage(true));
        let (answer, _) = capture_async(async { layer.layer(service).call(request).await }).await;
        assert!(answer.is_ok());
    }
}
