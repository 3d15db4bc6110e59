//! Bodies that are seen as they pass.

use super::{ObservedCall, collected::Collected};
use crate::record::{ErrorInfo, ErrorKind};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    collections::VecDeque,
    fmt::{self, Display},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker, ready},
};

pin_project! {
    /// A request's body on its way, the same frames as it would send.
    pub struct RequestBody<B>
    where
        B: Body,
    {
        // What was in memory, and looked at before it is sent.
        ready: VecDeque<Result<Frame<Bytes>, B::Error>>,
        #[pin]
        inner: B,
        sent: Option<Arc<Mutex<Collected>>>,
    }
}

impl<B: Body<Data = Bytes>> RequestBody<B> {
    /// A body that nobody looks at.
    pub(crate) fn untouched(inner: B) -> Self {
        Self { ready: VecDeque::new(), inner, sent: None }
    }

    /// The body, and its bytes if they are all in memory: then they are taken out and sent as they are.
    pub(crate) fn look(inner: B) -> (Self, Option<Bytes>)
    where
        B: Unpin,
    {
        let mut body = Self::untouched(inner);
        let is_known = body.inner.size_hint().exact().is_some();
        if !is_known {
            return (body, None);
        }
        let mut context = Context::from_waker(Waker::noop());
        while !body.inner.is_end_stream() {
            // What is not there at once will be asked for again by who sends it.
            match pin!(&mut body.inner).poll_frame(&mut context) {
                Poll::Ready(Some(frame)) => body.ready.push_back(frame),
                Poll::Ready(None) => break,
                Poll::Pending => return (body, None),
            }
        }
        if body.ready.iter().any(Result::is_err) {
            return (body, None);
        }
        let mut data = body.ready.iter().flatten().filter_map(Frame::data_ref);
        let whole = match (data.next(), data.next()) {
            (Some(only), None) => Some(only.clone()),
            (None, _) => Some(Bytes::new()),
            _ => None,
        };
        (body, whole)
    }

    /// Has what is sent told.
    pub(crate) fn tell(&mut self, sent: Option<Arc<Mutex<Collected>>>) {
        self.sent = sent;
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = match this.ready.pop_front() {
            Some(frame) => Some(frame),
            None => ready!(this.inner.poll_frame(context)),
        };
        if let (Some(Ok(frame)), Some(sent)) = (&frame, this.sent) {
            if let Some(data) = frame.data_ref() {
                sent.lock().unwrap_or_else(PoisonError::into_inner).push(data);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ready: u64 =
            self.ready.iter().flatten().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(ready));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(ready));
        }
        hint
    }
}

impl<B: Body> fmt::Debug for RequestBody<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestBody").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

pin_project! {
    /// An answer's body as the client gave it, the same frames at the same time.
    ///
    /// The call's span ends when the body does: at its last frame, its failure, or its drop.
    pub struct ResponseBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: B,
        call: ObservedCall,
        // A failure in words.
        describe: fn(&B::Error) -> ErrorInfo,
    }
}

impl<B: Body<Data = Bytes>> ResponseBody<B> {
    pub(crate) fn new(inner: B, call: ObservedCall) -> Self
    where
        B::Error: Display,
    {
        Self::described(inner, call, |error| {
            failure(error, "the connection broke in the middle of the answer")
        })
    }

    pub(crate) fn described(inner: B, mut call: ObservedCall, describe: fn(&B::Error) -> ErrorInfo) -> Self {
        if inner.is_end_stream() {
            call.end();
        }
        Self { inner, call, describe }
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResponseBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = this.inner.as_mut().poll_frame(context);
        if !this.call.is_open() {
            return polled;
        }
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.call.piece(data);
                }
                if this.inner.is_end_stream() {
                    this.call.came_whole();
                }
            }
            Poll::Ready(Some(Err(error))) => this.call.fail((this.describe)(error)),
            Poll::Ready(None) => this.call.end(),
            // The caller has the last piece: now is the time to read it.
            Poll::Pending => this.call.idle(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A request that got no answer, in the words of who sent it.
pub(crate) fn unanswered(error: &impl Display) -> ErrorInfo {
    failure(error, "the connection broke before an answer came")
}

fn failure(error: &impl Display, what: &str) -> ErrorInfo {
    let words = crate::span::render(error);
    let is_late = ["timed out", "timeout", "deadline has elapsed"].iter().any(|word| words.contains(word));
    let (kind, what) =
        if is_late { (ErrorKind::Timeout, "no answer in time") } else { (ErrorKind::Connection, what) };
    ErrorInfo::new(kind, crate::capture::redact::scrub_secrets(&format!("{what}: {words}")))
}
