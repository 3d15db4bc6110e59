//! Bodies that are seen as they pass.

use super::{ObservedCall, collected::Collected};
use crate::{
    capture::redact,
    record::{ErrorInfo, ErrorKind},
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    fmt::{self, Display},
    mem,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker, ready},
};

pin_project! {
    /// A request's body on its way, the same frames as it would send.
    pub struct RequestBody<B>
    where
        B: Body,
    {
        // What was taken out to be looked at before it is sent.
        first: Option<Result<Frame<Bytes>, B::Error>>,
        #[pin]
        inner: B,
        // Nothing follows, whatever the body says.
        is_over: bool,
        sent: Option<Arc<Mutex<Collected>>>,
        is_begun: bool,
    }
}

impl<B: Body<Data = Bytes>> RequestBody<B> {
    /// A body that nobody looks at.
    pub(crate) fn untouched(inner: B) -> Self {
        Self { first: None, inner, is_over: false, sent: None, is_begun: false }
    }

    /// The body, and its bytes if they are all in memory: its first frame is taken out, and sent as it is.
    pub(crate) fn look(inner: B) -> (Self, Option<Bytes>)
    where
        B: Unpin,
    {
        let mut body = Self::untouched(inner);
        if body.inner.is_end_stream() {
            return (body, Some(Bytes::new()));
        }
        let Some(length) = body.inner.size_hint().exact() else { return (body, None) };
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut body.inner).poll_frame(&mut context) {
            // What is not there at once will be asked for again by who sends it.
            Poll::Pending => (body, None),
            Poll::Ready(None) => {
                body.is_over = true;
                (body, Some(Bytes::new()))
            }
            Poll::Ready(Some(frame)) => {
                let data = frame.as_ref().ok().and_then(Frame::data_ref);
                let whole = data.filter(|data| data.len() as u64 == length).cloned();
                body.first = Some(frame);
                (body, whole)
            }
        }
    }

    /// Has what is sent told.
    pub(crate) fn tell(&mut self, sent: Option<Arc<Mutex<Collected>>>) {
        self.sent = sent;
    }

    /// Sends `bytes` in place of what was [looked at](Self::look), which was all of it.
    #[cfg(feature = "tower")]
    pub(crate) fn replace(&mut self, bytes: Bytes) {
        self.first = Some(Ok(Frame::data(bytes)));
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
        let frame = match this.first.take() {
            Some(frame) => Some(frame),
            None if *this.is_over => None,
            None => ready!(this.inner.poll_frame(context)),
        };
        if let (Some(Ok(frame)), Some(sent)) = (&frame, this.sent) {
            if let Some(data) = frame.data_ref() {
                let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                // A clone is another attempt, which begins anew.
                if !mem::replace(this.is_begun, true) {
                    sent.clear();
                }
                sent.push(data);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && (self.is_over || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        let Some(first) = first.map(|data| data.len() as u64) else { return self.inner.size_hint() };
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        // The upper bound first: the lower may not be above it.
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint.set_lower(inner.lower().saturating_add(first));
        hint
    }
}

/// For layers below that send a request again.
impl<B: Body<Data = Bytes> + Clone> Clone for RequestBody<B> {
    fn clone(&self) -> Self {
        // A failure is not cloned: the clone asks for itself.
        let first = self.first.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(|frame| {
            let data = frame.data_ref().map(|data| Frame::data(data.clone()));
            data.or_else(|| frame.trailers_ref().map(|trailers| Frame::trailers(trailers.clone())))
        });
        Self {
            first: first.map(Ok),
            inner: self.inner.clone(),
            is_over: self.is_over,
            sent: self.sent.clone(),
            is_begun: false,
        }
    }
}

impl<B: Body> fmt::Debug for RequestBody<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestBody").field("is_begun", &self.is_begun).finish_non_exhaustive()
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
        // The caller has the piece before, and asks for more: now is the time to read it.
        this.call.idle();
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
            Poll::Pending => {}
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

/// A request that got no answer, in the words of who sent it: for a call that is [open](ObservedCall::is_open),
/// since words cost.
pub(crate) fn unanswered(error: &impl Display) -> ErrorInfo {
    failure(error, "the connection broke before an answer came")
}

fn failure(error: &impl Display, what: &str) -> ErrorInfo {
    let words = redact::without_queries(&crate::span::render(error));
    let is_late = ["timed out", "timeout", "deadline has elapsed"].iter().any(|word| words.contains(word));
    let (kind, what) =
        if is_late { (ErrorKind::Timeout, "no answer in time") } else { (ErrorKind::Connection, what) };
    ErrorInfo::new(kind, redact::scrub_secrets(&format!("{what}: {words}")))
}
