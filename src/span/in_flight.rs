//! An operation that is under way, and its one way out.

#[cfg(feature = "client")]
use super::place::Place;
use super::{SpanRef, joined, live::LiveSpan};
use crate::{
    capture::Recording,
    context,
    record::{ErrorInfo, ErrorKind, Operation, Outcome},
    semconv::tracia::TRACIA_SPAN_ID,
};
use opentelemetry::{Context, trace::SpanContext};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

/// An operation under way. Dropped before it is [settled](Self::settle) it was abandoned, or failed by
/// a panic of its own.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// Shared with nobody until it is settled, so that changing it copies nothing.
    operation: Arc<Operation>,
    span: Option<LiveSpan>,
    recording: Recording,
    /// What it runs in besides its span.
    scope: Option<context::Handle>,
    /// Set while [`run`](Self::run) polls, and left so by a panic in there.
    is_polled: AtomicBool,
}

impl InFlight {
    /// Opens the span of `operation`, which holds what is known before the call.
    pub(crate) fn start(operation: Operation, recording: Recording) -> Self {
        Self::start_below(operation, recording, None)
    }

    /// As [`start`](Self::start), below the span of `parent` if that is given.
    pub(crate) fn start_below(operation: Operation, recording: Recording, parent: Option<Context>) -> Self {
        Self::within(LiveSpan::start(&operation, parent), operation, recording)
    }

    /// As [`start`](Self::start), at this place.
    #[cfg(feature = "client")]
    pub(crate) fn start_at(operation: Operation, recording: Recording, place: Place) -> Self {
        let span = LiveSpan::start(&operation, place.parent);
        place.links.iter().for_each(|link| span.add_link(link));
        Self::within(span, operation, recording)
    }

    /// An operation that has no span, whoever would see one.
    #[cfg(feature = "client")]
    pub(crate) fn unseen(operation: Operation) -> Self {
        Self::within(LiveSpan::none(), operation, Recording::default())
    }

    /// Runs in this scope from now on.
    #[cfg(feature = "client")]
    pub(crate) fn set_scope(&mut self, scope: Option<context::Handle>) {
        self.scope = scope;
    }

    /// As [`start`](Self::start), but where the current span is another library's for the same call that
    /// span is taken in place of one more.
    #[cfg(feature = "instrument")]
    pub(crate) fn start_or_adopt(operation: Operation, recording: Recording) -> Self {
        let span = LiveSpan::adopt(&operation).unwrap_or_else(|| LiveSpan::start(&operation, None));
        Self::within(span, operation, recording)
    }

    fn within(span: LiveSpan, mut operation: Operation, recording: Recording) -> Self {
        operation.marks = operation.marks.or_else(context::marks);
        let is_polled = AtomicBool::new(false);
        Self { operation: Arc::new(operation), span: Some(span), recording, scope: None, is_polled }
    }

    /// Runs `work` inside the span.
    pub(crate) fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let work = || match &self.scope {
            Some(scope) => scope.in_scope(work),
            None => work(),
        };
        match &self.span {
            Some(span) => span.in_scope(work),
            None => work(),
        }
    }

    /// The OpenTelemetry span, if there is one.
    pub(crate) fn span_context(&self) -> Option<SpanContext> {
        self.span.as_ref().and_then(LiveSpan::span_context)
    }

    /// Where the span is, if anybody can find it.
    pub(crate) fn span_ref(&self) -> Option<SpanRef> {
        let at = SpanRef::of(&self.span_context()?)?;
        let marks = self.operation.marks.as_deref();
        Some(at.named(marks.and_then(|marks| marks.attributes.get(TRACIA_SPAN_ID)?.as_str())))
    }

    /// Whether a span under the ids of [`span_ref`](Self::span_ref) goes to whoever is to be told of spans.
    #[cfg(feature = "client")]
    pub(crate) fn is_sampled(&self) -> bool {
        self.span.as_ref().is_some_and(LiveSpan::is_sampled)
    }

    /// What is known so far.
    pub(crate) fn operation(&self) -> &Operation {
        &self.operation
    }

    /// What is known so far, to add to.
    pub(crate) fn operation_mut(&mut self) -> &mut Operation {
        Arc::make_mut(&mut self.operation)
    }

    /// Runs `work` to its end, inside the span at each poll and never between them.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| self.poll(|| work.as_mut().poll(context))).await
    }

    /// One poll of the work, inside the span.
    pub(crate) fn poll<T>(&self, poll: impl FnOnce() -> T) -> T {
        self.is_polled.store(true, Ordering::Relaxed);
        let polled = self.in_scope(poll);
        self.is_polled.store(false, Ordering::Relaxed);
        polled
    }

    /// The call was refused, and may be tried again.
    #[cfg(feature = "instrument")]
    pub(crate) fn note_refusal(&self) {
        if let Some(span) = &self.span {
            span.note_refusal();
        }
    }

    /// Whether it is let go because the work that it [polled](Self::poll) panicked.
    pub(crate) fn is_panicking(&self) -> bool {
        // Nobody can let it go while it is polled, whether the panic is on its way still or was caught.
        self.is_polled.load(Ordering::Relaxed)
    }

    /// Whether it is under way still.
    pub(crate) fn is_open(&self) -> bool {
        self.span.is_some()
    }

    /// Since the operation began; `None` where nobody would see it.
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        self.span.as_ref().filter(|span| span.is_seen()).map(LiveSpan::elapsed)
    }

    /// Whether anybody sees the span; if not, nothing need be read for it.
    pub(crate) fn is_seen(&self) -> bool {
        self.span.as_ref().is_some_and(LiveSpan::is_seen)
    }

    /// Whether anybody wants the content: the span by its own policy, or a destination by its.
    pub(crate) fn wants_content(&self) -> bool {
        let is_recording = self.span.as_ref().is_some_and(LiveSpan::is_recording);
        is_recording && (self.recording.content.is_on() || joined::is_consumed())
    }

    /// Ends the span with this outcome; only the first call counts.
    pub(crate) fn settle(&mut self, outcome: Outcome) {
        self.end(outcome, None);
    }

    /// Whether the span goes to a provider of our own and to no other, so that it may end later than the
    /// operation did.
    #[cfg(feature = "instrument")]
    pub(crate) fn may_settle_later(&self) -> bool {
        self.span.as_ref().is_some_and(LiveSpan::is_own)
    }

    /// Ends the span with this outcome, as of then.
    #[cfg(feature = "instrument")]
    pub(crate) fn settle_at(&mut self, outcome: Outcome, ended: SystemTime) {
        self.end(outcome, Some(ended));
    }

    fn end(&mut self, outcome: Outcome, ended: Option<SystemTime>) {
        let Some(span) = self.span.take() else { return };
        if !span.is_seen() {
            return;
        }
        self.operation_mut().outcome = outcome;
        span.finish(&self.operation, &self.recording, ended);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.settle(if self.is_panicking() {
            let info = ErrorInfo::new(ErrorKind::Other, "the program panicked");
            Outcome::Failed(Box::new(ErrorInfo { code: Some("panic".to_owned()), ..info }))
        } else {
            Outcome::Abandoned
        });
    }
}
