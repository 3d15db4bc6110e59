//! What is kept of a call of the SDK while it is under way.

use super::super::ObservedCall;
use crate::{
    capture::redact,
    record::{ErrorInfo, ErrorKind},
};
use aws_smithy_runtime_api::{client::orchestrator::HttpRequest, http::Headers};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{Storable, StoreReplace},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use std::{
    error::Error as StdError,
    fmt, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tracing::Span;

/// What is kept of an execution while the SDK is at it.
pub(super) struct Watch {
    began: Instant,
    /// The span under which the SDK works.
    pub(super) parent: Span,
    /// The request's body as it was written.
    pub(super) written: Option<Bytes>,
    /// How long the whole execution may take.
    pub(super) timeout: Option<Duration>,
    pub(super) seen: Option<Arc<Mutex<Seen>>>,
}

impl Storable for Watch {
    type Storer = StoreReplace<Self>;
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), parent: Span::none(), written: None, timeout: None, seen: None }
    }

    /// The body that is sent: the buffer that was written, if it is that still.
    pub(super) fn body_of(&mut self, request: &HttpRequest) -> Option<Bytes> {
        let sent = request.body().bytes()?;
        let written = self.written.take().filter(|written| written.as_ptr_range() == sent.as_ptr_range());
        Some(written.unwrap_or_else(|| Bytes::copy_from_slice(sent)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(seen) = self.seen.take() else { return };
        let (mut call, _) = lock(&seen).give_up();
        // The SDK might have tried again after a refusal.
        call.discard();
        // Some versions of the SDK let an execution go that took too long, without a word to interceptors:
        // its timer began after this clock.
        if let Some(timeout) = self.timeout.filter(|timeout| self.began.elapsed() >= *timeout) {
            let message = format!("no answer in time: the operation took longer than {timeout:?}");
            call.fail(ErrorInfo::new(ErrorKind::Timeout, message));
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The SDK may write the bag that this lies in to its log; the body is not for there.
        formatter.debug_struct("Watch").field("seen", &self.seen.is_some()).finish_non_exhaustive()
    }
}

/// A call as it is seen, by the interceptor and by the answer's body. Dropped by both before its end it was
/// abandoned.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) call: ObservedCall,
    /// Which attempt is under way.
    attempt: u32,
    /// Whether the head of its answer came.
    has_head: bool,
    /// Whether its answer came to its end.
    is_whole: bool,
    /// How its answer broke off.
    broken: Option<ErrorInfo>,
    /// The SDK is done with it, and the caller has the body.
    is_handed_over: bool,
}

impl Seen {
    pub(super) fn new(call: ObservedCall, attempt: u32) -> Self {
        Self { call, attempt, has_head: false, is_whole: false, broken: None, is_handed_over: false }
    }

    /// Another attempt begins, if it is another.
    pub(super) fn attempt(&mut self, attempt: u32) {
        if attempt != self.attempt {
            self.call.attempt();
            (self.attempt, self.has_head, self.is_whole, self.broken) = (attempt, false, false, None);
        }
    }

    /// The head of the attempt's answer came; whether it was not seen before.
    pub(super) fn head(&mut self, status: u16, headers: &Headers) -> bool {
        let is_first = !mem::replace(&mut self.has_head, true);
        if is_first {
            self.call.head(status, &header_map(headers));
        }
        is_first
    }

    /// The answer came to its end; gives the call to be ended if nobody else will.
    pub(super) fn came_whole(&mut self) -> Option<ObservedCall> {
        self.is_whole = true;
        self.call.came_whole();
        self.is_handed_over.then(|| self.take())
    }

    /// The answer broke off; gives the call to be ended if nobody else will.
    fn broke(&mut self, error: &(dyn StdError + 'static)) -> Option<(ObservedCall, ErrorInfo)> {
        let info =
            described(ErrorKind::Connection, "the connection broke in the middle of the answer", error);
        if self.is_handed_over {
            return Some((self.take(), info));
        }
        self.broken = Some(info);
        None
    }

    /// The SDK gives its answer to the caller; gives the call if that is all of it.
    pub(super) fn hand_over(&mut self) -> Option<ObservedCall> {
        self.is_handed_over = true;
        self.is_whole.then(|| self.take())
    }

    /// The SDK has failed; gives the call, and how its answer broke off if it did.
    pub(super) fn give_up(&mut self) -> (ObservedCall, Option<ErrorInfo>) {
        (self.take(), self.broken.take())
    }

    /// The call, to be ended by who has it: that runs code of the subscriber, which is not for inside a lock.
    fn take(&mut self) -> ObservedCall {
        mem::replace(&mut self.call, ObservedCall::none())
    }
}

pub(super) fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer's body, the same frames at the same time.
pub(super) struct AnswerBody {
    pub(super) inner: SdkBody,
    pub(super) seen: Arc<Mutex<Seen>>,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(context);
        let mut seen = lock(&this.seen);
        let whole = match &polled {
            Poll::Ready(Some(Ok(frame))) => match frame.data_ref() {
                Some(data) => {
                    seen.call.piece(data);
                    if Body::is_end_stream(&this.inner) {
                        seen.call.came_whole();
                    }
                    None
                }
                // After trailers nobody asks for more.
                None => seen.came_whole(),
            },
            Poll::Ready(Some(Err(error))) => {
                let broken = seen.broke(error.as_ref());
                drop(seen);
                if let Some((mut call, info)) = broken {
                    call.fail(info);
                }
                return polled;
            }
            Poll::Ready(None) => seen.came_whole(),
            Poll::Pending => {
                seen.call.idle();
                None
            }
        };
        drop(seen);
        if let Some(mut call) = whole {
            call.end();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        Body::is_end_stream(&self.inner)
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.inner)
    }
}

pub(super) fn header_map(headers: &Headers) -> HeaderMap {
    let header = |(name, value): (&str, &str)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    };
    headers.iter().filter_map(header).collect()
}

/// A failure with its first cause, in whose words it is told.
pub(super) fn described(kind: ErrorKind, what: &str, error: &(dyn StdError + 'static)) -> ErrorInfo {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    ErrorInfo::new(kind, redact::scrub_secrets(&format!("{what}: {cause}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use std::task::Waker;

    fn having_written(body: &Bytes) -> Watch {
        let mut watch = Watch::new();
        watch.written = Some(body.clone());
        watch
    }

    #[test]
    fn the_body_that_was_written_is_not_copied() {
        let written = Bytes::from("{}");
        let mut watch = having_written(&written);
        let body = watch.body_of(&HttpRequest::new(SdkBody::from(written.clone()))).unwrap();
        assert_eq!(body.as_ptr(), written.as_ptr());
    }

    #[test]
    fn a_body_that_another_interceptor_has_put_in_is_the_one_that_is_read() {
        let mut watch = having_written(&Bytes::from("{}"));
        assert_eq!(watch.body_of(&HttpRequest::new(SdkBody::from("[]"))).unwrap(), "[]");
    }

    #[test]
    fn the_pieces_of_an_answer_are_the_same_buffers() {
        let piece = Bytes::from("a piece");
        let seen = Arc::new(Mutex::new(Seen::new(ObservedCall::none(), 1)));
        let mut body = AnswerBody { inner: SdkBody::from(piece.clone()), seen };
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) else {
            unreachable!("it is in memory");
        };
        assert_eq!(frame.data_ref().unwrap().as_ptr(), piece.as_ptr());
        assert!(matches!(Pin::new(&mut body).poll_frame(&mut context), Poll::Ready(None)));
    }

    #[test]
    fn what_is_kept_does_not_write_the_prompt_into_a_log() {
        let watch = having_written(&Bytes::from("a secret"));
        assert!(!format!("{watch:?}").contains("secret"));
    }
}
