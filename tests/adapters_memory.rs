//! How much of the answers that pass stays in memory to be read.

#![cfg(all(feature = "tower", feature = "reqwest-middleware"))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

#[path = "adapters/world.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod world;

use bytes::{Bytes, BytesMut};
use http::{Extensions, Response};
use http_body::{Body, Frame};
use reqwest::Request;
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tracing_genai::{
    instrument::{Instrumentation, reqwest_middleware::GenAiMiddleware},
    testing::capture,
};

const ANSWERS: usize = 50;
const MIB: u64 = 1 << 20;

/// A body of so many bytes, each piece of it the beginning of a buffer of its own.
struct Large {
    left: usize,
    piece: Vec<u8>,
    buffer: usize,
}

impl Body for Large {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = self.piece.len().min(self.left);
        self.left -= length;
        let mut buffer = BytesMut::with_capacity(self.buffer);
        buffer.extend_from_slice(&self.piece[..length]);
        Poll::Ready(Some(Ok(Frame::data(buffer.freeze()))))
    }
}

struct Terminal {
    bytes: usize,
    piece: Vec<u8>,
    buffer: usize,
    content_type: &'static str,
}

#[async_trait::async_trait]
impl Middleware for Terminal {
    async fn handle(
        &self,
        _: Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let body = Large { left: self.bytes, piece: self.piece.clone(), buffer: self.buffer };
        let answer = Response::builder().header("content-type", self.content_type);
        Ok(answer.body(reqwest::Body::wrap(body)).unwrap().into())
    }
}

/// The most that is allocated at a time while all the answers come at once, chunk by chunk in turn, and are
/// let go of by the caller as they come.
fn peak(
    instrumentation: Option<Instrumentation>,
    asked: &'static str,
    terminal: impl Fn() -> Terminal,
) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut builder = ClientBuilder::new(reqwest::Client::new());
    if let Some(instrumentation) = instrumentation {
        builder = builder.with(GenAiMiddleware::from(instrumentation));
    }
    let client = builder.with(terminal()).build();
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async {
            let mut answers = Vec::new();
            for _ in 0..ANSWERS {
                answers.push(client.post(world::URL).body(asked).send().await.unwrap());
            }
            while !answers.is_empty() {
                let mut going_on = Vec::new();
                for mut answer in answers {
                    if answer.chunk().await.unwrap().is_some() {
                        going_on.push(answer);
                    }
                }
                answers = going_on;
            }
        });
    });
    counted.bytes_max
}

/// What the middleware adds to it.
fn added(limit: usize, asked: &'static str, terminal: impl Fn() -> Terminal) -> u64 {
    let plain = peak(None, asked, &terminal);
    let instrumentation = Instrumentation::new().body_limit(limit);
    let mut watched = 0;
    let spans = capture(|| watched = peak(Some(instrumentation), asked, &terminal));
    assert_eq!(spans.len(), ANSWERS);
    watched.saturating_sub(plain)
}

#[test]
fn fifty_answers_of_ten_mebibytes_hold_no_more_than_the_limit_each() {
    let whole = || Terminal {
        bytes: 10 << 20,
        piece: vec![b' '; 64 << 10],
        buffer: 64 << 10,
        content_type: "application/json",
    };
    let limit = 1 << 20;
    for (asked, times) in [
        (world::ASKED, 1),
        // What may be a stream is held once as it came, and once as the line of an event, which grows.
        (world::ASKED_STREAM, 4),
    ] {
        let added = added(limit, asked, whole);
        // Beyond the limit the beginning and the end are kept in copies, made when the limit is met.
        let most = ANSWERS as u64 * (times * limit as u64 + MIB / 4);
        assert!(added <= most, "{} MiB in place of {}", added / MIB, most / MIB);
    }
}

#[test]
fn small_pieces_of_a_stream_hold_no_more_than_themselves() {
    let event = world::EVENTS[1].as_bytes().to_vec();
    let bytes = event.len() * 500;
    let stream =
        || Terminal { bytes, piece: event.clone(), buffer: 8 << 10, content_type: "text/event-stream" };
    let added = added(4 << 20, world::ASKED_STREAM, stream);
    // The pieces once, in a buffer that grows, and what was read of them before.
    let most = ANSWERS as u64 * (2 * bytes as u64 + 64 * 1024);
    assert!(added <= most, "{} KiB in place of {}", added / 1024, most / 1024);
}
