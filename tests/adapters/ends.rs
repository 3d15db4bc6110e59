//! One span, which ends when the call does and says how, whatever becomes of the call.

use crate::world::{
    self, ANSWER, ASKED, ASKED_STREAM, EVENTS, Scripted, ServiceFn, Step, chunk, data, mark, names, only,
    outcome,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{SystemTime, UNIX_EPOCH},
};
use tower_layer::Layer;
use tower_service::Service;
use tracing_genai::{
    instrument::{RequestBody, tower::GenAiLayer},
    testing::{capture, capture_async},
};

#[tokio::test]
async fn an_answer_that_is_read_to_its_end_is_done_then() {
    let mut service = world::answering(|| world::unary(Scripted::new([data(ANSWER)])));
    let ((), spans) = capture_async(async {
        let mut body = service.call(world::asked(ASKED)).await.unwrap().into_body();
        assert!(chunk(&mut body).await.is_some());
        mark();
        assert!(chunk(&mut body).await.is_none());
        mark();
    })
    .await;
    assert_eq!(names(&spans), ["mark", "chat gpt-4o-mini", "mark"]);
    assert_eq!(outcome(only(&spans)), "done");
    assert_eq!(only(&spans).attributes["gen_ai.usage.output_tokens"], 2);
}

#[tokio::test]
async fn a_stream_that_is_read_to_its_end_is_done_then() {
    let mut service = world::answering(|| world::streamed(Scripted::events()));
    let ((), spans) = capture_async(async {
        let body = service.call(world::asked(ASKED_STREAM)).await.unwrap().into_body();
        mark();
        world::drain(body).await.unwrap();
        mark();
    })
    .await;
    assert_eq!(names(&spans), ["mark", "chat gpt-4o-mini", "mark"]);
    assert_eq!(outcome(only(&spans)), "done");
    assert_eq!(only(&spans).attributes["gen_ai.usage.input_tokens"], 9);
}

#[test]
fn a_future_that_is_dropped_before_the_head_came_is_abandoned_then() {
    let spans = capture(|| {
        let service = ServiceFn(|_: Request<RequestBody<Full<Bytes>>>| {
            pending::<Result<Response<Scripted>, Infallible>>()
        });
        let mut future = Box::pin(GenAiLayer::new().layer(service).call(world::asked(ASKED)));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        mark();
        drop(future);
        mark();
    });
    assert_eq!(names(&spans), ["mark", "chat gpt-4o-mini", "mark"]);
    assert_eq!(outcome(only(&spans)), "abandoned");
}

#[test]
fn a_future_that_is_dropped_before_its_first_poll_is_abandoned() {
    let spans = capture(|| {
        let mut service = world::answering(|| world::unary(Scripted::new([])));
        drop(service.call(world::asked(ASKED)));
    });
    assert_eq!(outcome(only(&spans)), "abandoned");
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_way_is_abandoned_with_what_came() {
    let mut service = world::answering(|| world::streamed(Scripted::events()));
    let ((), spans) = capture_async(async {
        let mut body = service.call(world::asked(ASKED_STREAM)).await.unwrap().into_body();
        for _ in 0..2 {
            chunk(&mut body).await.unwrap().unwrap();
        }
        mark();
        drop(body);
        mark();
    })
    .await;
    assert_eq!(names(&spans), ["mark", "chat gpt-4o-mini", "mark"]);
    let span = only(&spans);
    assert_eq!(outcome(span), "abandoned");
    assert_eq!(span.attributes["gen_ai.response.id"], "c-1");
    assert_eq!(world::said(span), "Hej.");
    assert!(span.attribute("gen_ai.response.time_to_first_chunk").is_some());
}

#[tokio::test]
async fn a_stream_that_is_dropped_after_its_last_event_is_done() {
    for events in [5, 4, 3] {
        let mut service = world::answering(|| world::streamed(Scripted::events()));
        let ((), spans) = capture_async(async {
            let mut body = service.call(world::asked(ASKED_STREAM)).await.unwrap().into_body();
            for _ in 0..events {
                chunk(&mut body).await.unwrap().unwrap();
            }
        })
        .await;
        assert_eq!(outcome(only(&spans)), "done", "after {events} events");
    }
}

#[tokio::test]
async fn a_stream_whose_body_is_kept_after_its_last_event_ended_at_that() {
    let mut service = world::answering(|| world::streamed(Scripted::events()));
    let (kept_until, spans) = capture_async(async {
        let mut body = service.call(world::asked(ASKED_STREAM)).await.unwrap().into_body();
        for _ in 0..EVENTS.len() {
            chunk(&mut body).await.unwrap().unwrap();
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        drop(body);
        now
    })
    .await;
    assert_eq!(outcome(only(&spans)), "done");
    assert!(u128::from(only(&spans).end_unix_nanos) <= kept_until.as_nanos());
}

#[tokio::test]
async fn an_answer_that_is_dropped_when_all_of_it_came_is_done() {
    for body in [Scripted::sized([data(ANSWER)]), Scripted::new([data(ANSWER)])] {
        let mut service = world::answering(move || world::unary(body.clone()));
        let ((), spans) = capture_async(async {
            let mut body = service.call(world::asked(ASKED)).await.unwrap().into_body();
            chunk(&mut body).await.unwrap().unwrap();
        })
        .await;
        assert_eq!(outcome(only(&spans)), "done");
        assert_eq!(only(&spans).attributes["gen_ai.usage.input_tokens"], 9);
    }
}

#[tokio::test]
async fn an_answer_that_is_dropped_before_all_of_it_came_is_abandoned() {
    let (first, last) = ANSWER.split_at(ANSWER.find("},\"finish").unwrap() + 1);
    let mut service = world::answering(move || world::unary(Scripted::sized([data(first), data(last)])));
    let ((), spans) = capture_async(async {
        let mut body = service.call(world::asked(ASKED)).await.unwrap().into_body();
        chunk(&mut body).await.unwrap().unwrap();
    })
    .await;
    assert_eq!(outcome(only(&spans)), "abandoned");
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_is_a_failure_with_what_came() {
    let broken = || Scripted::new([data(EVENTS[0]), data(EVENTS[1]), Step::Fail("reset by peer")]);
    let mut service = world::answering(move || world::streamed(broken()));
    let ((), spans) = capture_async(async {
        let body = service.call(world::asked(ASKED_STREAM)).await.unwrap().into_body();
        assert!(world::drain(body).await.is_err());
        mark();
    })
    .await;
    assert_eq!(names(&spans), ["chat gpt-4o-mini", "mark"]);
    let span = only(&spans);
    let operation = span.operation.as_ref().unwrap();
    assert_eq!((outcome(span), world::said(span).as_str()), ("failed", "Hej."));
    assert_eq!(span.attributes["error.type"], "connection");
    let error = operation.outcome.error().unwrap();
    assert!(error.message.contains("reset by peer"), "{}", error.message);
    assert_eq!(error.http_status, Some(200));
}

#[tokio::test]
async fn a_stream_that_ends_too_early_is_a_failure() {
    let mut service = world::answering(|| world::streamed(Scripted::new([data(EVENTS[0]), data(EVENTS[1])])));
    let ((), spans) = capture_async(async {
        let body = service.call(world::asked(ASKED_STREAM)).await.unwrap().into_body();
        world::drain(body).await.unwrap();
    })
    .await;
    assert_eq!(outcome(only(&spans)), "failed");
}

#[tokio::test]
async fn an_error_of_the_provider_is_told_whether_its_body_is_read_or_not() {
    let refusal = r#"{"error":{"message":"Slow down, sk-abcdefgh12345678.","type":"requests","code":"rate_limit_exceeded"}}"#;
    for is_read in [true, false] {
        let mut service = world::answering(move || {
            let mut answer = world::unary(Scripted::new([data(refusal)]));
            *answer.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
            answer
        });
        let ((), spans) = capture_async(async {
            let body = service.call(world::asked(ASKED)).await.unwrap().into_body();
            if is_read {
                world::drain(body).await.unwrap();
            }
        })
        .await;
        let span = only(&spans);
        assert_eq!(outcome(span), "failed");
        let code = if is_read { "rate_limit_exceeded" } else { "429" };
        assert_eq!(span.attributes["error.type"], code);
        assert!(!format!("{span:?}").contains("abcdefgh12345678"));
    }
}

#[test]
fn a_panic_while_the_client_is_polled_is_a_failure_whether_it_is_caught_there_or_later() {
    let start = || {
        let service = ServiceFn(|_: Request<RequestBody<Full<Bytes>>>| {
            poll_fn(|_| -> Poll<Result<Response<Scripted>, Infallible>> { panic!("as the test asked") })
        });
        Box::pin(GenAiLayer::new().layer(service).call(world::asked(ASKED)))
    };
    let mut context = Context::from_waker(Waker::noop());
    let spans = capture(|| {
        let mut future = start();
        assert!(catch_unwind(AssertUnwindSafe(|| drop((future.as_mut().poll(&mut context), 1)))).is_err());
        mark();
        // Held on to for a while after the panic.
        drop(future);
        let mut future = start();
        let mut context = Context::from_waker(Waker::noop());
        let polled = AssertUnwindSafe(move || drop((future.as_mut().poll(&mut context), 1)));
        assert!(catch_unwind(polled).is_err());
        mark();
    });
    assert_eq!(names(&spans), ["mark", "chat gpt-4o-mini", "chat gpt-4o-mini", "mark"]);
    for span in &spans[1..3] {
        assert_eq!((outcome(span), span.attributes["error.type"].as_str()), ("failed", Some("panic")));
    }
}

#[test]
fn a_panic_of_the_body_ends_the_span() {
    let spans = capture(|| {
        let mut service = world::answering(|| world::streamed(Scripted::new([data(EVENTS[0]), Step::Panic])));
        let reading = AssertUnwindSafe(|| {
            block_on(async {
                let body = service.call(world::asked(ASKED_STREAM)).await.unwrap().into_body();
                world::drain(body).await.unwrap();
            });
        });
        assert!(catch_unwind(reading).is_err());
        mark();
    });
    assert_eq!(names(&spans), ["chat gpt-4o-mini", "mark"]);
    assert_eq!(outcome(only(&spans)), "abandoned");
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
    }
}

/// A service that tries three times.
#[derive(Clone)]
struct Retry<S>(S);

impl<S, B, R> Service<Request<B>> for Retry<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + 'static,
    B: Clone + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut inner = self.0.clone();
        Box::pin(async move {
            for _ in 0..2 {
                let answer = inner.call(request.clone()).await?;
                if answer.status().is_success() {
                    return Ok(answer);
                }
            }
            inner.call(request).await
        })
    }
}

/// Answers well the third time.
fn flaky<B>() -> impl Service<Request<B>, Response = Response<Scripted>, Error = Infallible> + Clone + 'static
where
    B: http_body::Body<Error: std::fmt::Debug> + 'static,
{
    let tries = Arc::new(AtomicUsize::new(0));
    ServiceFn(move |request: Request<B>| {
        let number = tries.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            request.into_body().collect().await.unwrap();
            let mut answer = world::unary(Scripted::new([data(ANSWER)]));
            if number < 2 {
                *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
            }
            Ok::<_, Infallible>(answer)
        })
    })
}

#[tokio::test]
async fn a_layer_that_tries_again_below_is_one_span() {
    let mut service = GenAiLayer::new().layer(Retry(flaky()));
    let ((), spans) = capture_async(async {
        world::drain(service.call(world::asked(ASKED)).await.unwrap().into_body()).await.unwrap();
    })
    .await;
    assert_eq!((outcome(only(&spans)), spans.len()), ("done", 1));
}

#[tokio::test]
async fn a_layer_that_tries_again_above_makes_a_span_of_each_attempt() {
    let mut service = Retry(GenAiLayer::new().layer(flaky()));
    let ((), spans) = capture_async(async {
        world::drain(service.call(world::asked(ASKED)).await.unwrap().into_body()).await.unwrap();
    })
    .await;
    let outcomes: Vec<_> = spans.iter().map(outcome).collect();
    assert_eq!(outcomes, ["failed", "failed", "done"]);
}
