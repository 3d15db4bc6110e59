//! How much the adapters allocate beside the same call without them, on the thread that calls.
//!
//! Counts grow where a feature needs them to: then set the number here, and say so in the commit.

#![cfg(all(feature = "tower", feature = "reqwest-middleware"))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

#[path = "adapters/world.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod world;

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body_util::Full;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use std::{
    convert::Infallible,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;
use tracing::{Dispatch, dispatcher};
use tracing_genai::{
    Telemetry,
    export::Destination,
    instrument::{reqwest_middleware::GenAiMiddleware, tower::GenAiLayer},
};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt};
use world::{ASKED, ASKED_STREAM, EVENTS, Scripted, ServiceFn, chunk, data};

/// One test at a time: see `call_allocations`.
static ALONE: Mutex<()> = Mutex::new(());

/// Where nobody wants the span: the target and the middleware's future.
const UNSEEN: i64 = 9;
/// Where the span is exported: a call in one piece and a stream, of `tower` and of `reqwest-middleware` each.
const SEEN: [i64; 4] = [30, 39, 46, 55];
/// What a piece of a stream allocates: the buffers into which the pieces are copied.
const PIECE: f64 = 0.05;

const ELSEWHERE: &str = "https://shop.example/v1/orders";

/// Which stack a call goes through.
#[derive(Clone, Copy)]
enum Path {
    Tower { has_layer: bool },
    Reqwest { has_layer: bool },
}

struct Terminal(fn() -> Response<Scripted>);

#[async_trait::async_trait]
impl Middleware for Terminal {
    async fn handle(
        &self,
        _: reqwest::Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        Ok((self.0)().map(reqwest::Body::wrap).into())
    }
}

fn whole() -> Response<Scripted> {
    world::unary(Scripted::sized([data(world::ANSWER)]))
}

fn stream<const PIECES: usize>() -> Response<Scripted> {
    let mut steps = vec![data(EVENTS[0])];
    steps.extend((0..PIECES).map(|_| data(EVENTS[1])));
    steps.extend([data(EVENTS[2]), data(EVENTS[3]), data(EVENTS[4])]);
    world::streamed(Scripted::new(steps))
}

async fn tower<S, B>(mut service: S, url: &str, sent: &'static str)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let request = Request::post(url).body(Full::new(Bytes::from_static(sent.as_bytes()))).unwrap();
    let Ok(answer) = service.call(request).await else { panic!("no answer") };
    let mut body = answer.into_body();
    while chunk(&mut body).await.is_some() {}
}

async fn reqwest(client: &ClientWithMiddleware, url: &str, sent: &'static str) {
    let mut answer = client.post(url).body(sent).send().await.unwrap();
    while answer.chunk().await.unwrap().is_some() {}
}

/// How often a call allocates.
fn count(path: Path, url: &str, sent: &'static str, answer: fn() -> Response<Scripted>) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut builder = ClientBuilder::new(reqwest::Client::new());
    if let Path::Reqwest { has_layer: true } = path {
        builder = builder.with(GenAiMiddleware::new());
    }
    let client = builder.with(Terminal(answer)).build();
    let layer = GenAiLayer::new();
    let mut least = i64::MAX;
    for _ in 0..5 {
        let counted = allocation_counter::measure(|| {
            runtime.block_on(async {
                match path {
                    Path::Tower { has_layer: true } => {
                        let service = layer.layer(ServiceFn(|request: Request<_>| consume(request, answer)));
                        tower(service, url, sent).await;
                    }
                    Path::Tower { has_layer: false } => {
                        let service = ServiceFn(|request: Request<_>| consume(request, answer));
                        tower(service, url, sent).await;
                    }
                    Path::Reqwest { .. } => reqwest(&client, url, sent).await,
                }
            });
        });
        least = least.min(i64::try_from(counted.count_total).unwrap());
    }
    least
}

async fn consume<B>(
    request: Request<B>,
    answer: fn() -> Response<Scripted>,
) -> Result<Response<Scripted>, Infallible>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut body = request.into_body();
    while chunk(&mut body).await.is_some() {}
    Ok(answer())
}

/// What the adapter adds.
fn added(by: fn(bool) -> Path, url: &str, sent: &'static str, answer: fn() -> Response<Scripted>) -> i64 {
    count(by(true), url, sent, answer) - count(by(false), url, sent, answer)
}

fn by_tower(has_layer: bool) -> Path {
    Path::Tower { has_layer }
}

fn by_reqwest(has_layer: bool) -> Path {
    Path::Reqwest { has_layer }
}

/// Where nothing but the call is paid for: spans go to a destination that is not there.
fn exporting<T>(work: impl FnOnce() -> T) -> T {
    let telemetry = Telemetry::builder().destination(Destination::otlp("http://127.0.0.1:1"));
    let telemetry = telemetry.drop_timeout(Duration::ZERO).on_problem(|_| ()).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    dispatcher::with_default(&Dispatch::new(subscriber), work)
}

#[test]
fn a_request_to_another_host_costs_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let added = || {
        [added(by_tower, ELSEWHERE, ASKED, whole), added(by_tower, ELSEWHERE, ASKED_STREAM, stream::<100>)]
    };
    assert_eq!(added(), [0, 0]);
    assert_eq!(exporting(added), [0, 0]);
}

#[test]
fn a_middleware_costs_a_request_to_another_host_its_own_future() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // What `reqwest-middleware` boxes for each middleware.
    assert!(added(by_reqwest, ELSEWHERE, ASKED, whole) <= 1);
    assert!(exporting(|| added(by_reqwest, ELSEWHERE, ASKED, whole)) <= 1);
}

#[test]
fn a_call_whose_span_nobody_wants_costs_next_to_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let none = [added(by_tower, world::URL, ASKED, whole), added(by_reqwest, world::URL, ASKED, whole)];
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("warn")).finish();
    let filtered = dispatcher::with_default(&Dispatch::new(log), || {
        [added(by_tower, world::URL, ASKED, whole), added(by_reqwest, world::URL, ASKED, whole)]
    });
    assert!(none.iter().chain(&filtered).all(|added| *added <= UNSEEN), "{none:?} {filtered:?}");
}

#[test]
fn a_call_that_is_seen() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let counted = exporting(|| {
        [
            added(by_tower, world::URL, ASKED, whole),
            added(by_reqwest, world::URL, ASKED, whole),
            added(by_tower, world::URL, ASKED_STREAM, stream::<100>),
            added(by_reqwest, world::URL, ASKED_STREAM, stream::<100>),
        ]
    });
    assert!(counted.iter().zip(SEEN).all(|(counted, most)| *counted <= most), "{counted:?}");
}

#[test]
fn a_piece_of_a_stream() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for by in [by_tower, by_reqwest] {
        let piece = exporting(|| {
            let (short, long) = (
                added(by, world::URL, ASKED_STREAM, stream::<100>),
                added(by, world::URL, ASKED_STREAM, stream::<1100>),
            );
            (long - short) as f64 / 1000.0
        });
        assert!(piece <= PIECE, "a piece allocates {piece} times");
    }
}
