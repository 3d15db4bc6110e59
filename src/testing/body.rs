use super::gate::{Gate, Watch};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    collections::VecDeque,
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// What every handler answers with.
pub(super) type AnyBody = UnsyncBoxBody<Bytes, io::Error>;

#[derive(Debug)]
pub(super) enum Step {
    Chunk(Bytes),
    Wait(Gate),
    Abort,
}

/// A body that is sent step by step, each chunk in a write of its own.
pub(super) struct Script {
    steps: VecDeque<Step>,
    length: Option<u64>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The head, at first, and each chunk is on the wire before the next step.
    unflushed: bool,
    watch: Watch,
}

impl Script {
    /// `length` is announced, without one the body is chunked.
    pub(super) fn new(steps: impl IntoIterator<Item = Step>, length: Option<u64>, watch: Watch) -> Self {
        Self { steps: steps.into_iter().collect(), length, waiting: None, unflushed: true, watch }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if self.unflushed {
                self.unflushed = false;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(context));
                self.waiting = None;
            }
            let step = self.steps.pop_front();
            if self.steps.is_empty() && !matches!(step, Some(Step::Wait(_))) {
                self.watch.sent();
            }
            match step {
                None => return Poll::Ready(None),
                Some(Step::Chunk(bytes)) => {
                    self.unflushed = true;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Wait(gate)) => self.waiting = Some(Box::pin(async move { gate.pass().await })),
                Some(Step::Abort) => {
                    return Poll::Ready(Some(Err(io::Error::new(
                        io::ErrorKind::ConnectionAborted,
                        "cut short as the test asked",
                    ))));
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Script").field("steps", &self.steps).finish_non_exhaustive()
    }
}
