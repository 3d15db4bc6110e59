use super::{SpanRef, fail, fail_with, of_type};
use crate::{
    capture::ContentCapture,
    record::{Call, Operation, Outcome, Response, Usage},
    semconv::tracia::TRACIA_SPAN_ID,
    span::in_flight::InFlight,
};
use std::{
    fmt::{self, Display},
    future::Future,
    marker::PhantomData,
    sync::Arc,
    thread,
};

/// A span under way, made by the `start` of what it stands `Of`: [`Generation`](super::Generation),
/// [`Embedding`](super::Embedding), [`Tool`](super::Tool), [`Retrieval`](super::Retrieval),
/// [`Agent`](super::Agent), [`Workflow`](super::Workflow), [`Plan`](super::Plan) or
/// [`Memory`](super::Memory). What came is set on it as it comes; where nobody sees the span, setting does
/// nothing.
///
/// It ends with [`finish`](Self::finish) or [`fail`](Self::fail). Dropped before, it is *abandoned* and
/// keeps what was set; dropped by a panic that began after it, it has failed with `panic`.
#[must_use = "a span that is dropped is abandoned"]
pub struct OpenSpan<Of> {
    in_flight: InFlight,
    /// Whether a panic that drops it is its own.
    owns_panics: bool,
    of: PhantomData<fn() -> Of>,
}

impl<Of> OpenSpan<Of> {
    pub(super) fn new(operation: Operation, content: Option<ContentCapture>) -> Self {
        let in_flight = super::open(operation, content);
        Self { in_flight, owns_panics: !thread::panicking(), of: PhantomData }
    }

    /// Runs `work` to its end inside the span: spans and events in it belong to the span. It does not end
    /// the span, and may be called for one piece of work after another.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.in_flight.run(work).await
    }

    /// Runs `work` inside the span; otherwise as [`run`](Self::run).
    pub fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        self.in_flight.in_scope(work)
    }

    /// Where the span is, to attach an [`Evaluation`](super::Evaluation) later; `None` where no
    /// OpenTelemetry layer sees it, nor a pipeline of its own.
    pub fn span_ref(&self) -> Option<SpanRef> {
        let at = SpanRef::of(&self.in_flight.span_context()?)?;
        let marks = self.in_flight.operation().marks.as_deref();
        Some(at.named(marks.and_then(|marks| marks.attributes.get(TRACIA_SPAN_ID)?.as_str())))
    }

    /// Ends the span: all went well.
    pub fn finish(mut self) {
        self.in_flight.settle(Outcome::Done);
    }

    /// Ends the span with this error: its type's path as `error.type` (`_OTHER` where that is longer than
    /// 64 bytes, or a trait object's, as of `Box<dyn Error>`), its text as the status' description. An
    /// [`Error`](crate::Error) of this crate that it is, or shows in its text, gives its own
    /// [`error_type`](crate::record::ErrorInfo::error_type).
    pub fn fail<E: Display + ?Sized>(mut self, error: &E) {
        fail(&mut self.in_flight, error, None);
    }

    /// Ends the span with this error, and with an identifier of low cardinality as `error.type`: one that
    /// is longer than 64 bytes, or has blanks, becomes `_OTHER`. The rest is as in [`fail`](Self::fail).
    ///
    /// ```
    /// use tracing_genai::span::Tool;
    ///
    /// # async fn look_up() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # async fn run() -> Result<String, std::io::Error> {
    /// let span = Tool::new("look_up").start();
    /// match span.run(look_up()).await {
    ///     Ok(found) => { span.finish(); Ok(found) }
    ///     Err(error) => { span.fail_as("index_unavailable", &error); Err(error) }
    /// }
    /// # }
    /// ```
    pub fn fail_as<E: Display + ?Sized>(mut self, error_type: impl Into<String>, error: &E) {
        fail(&mut self.in_flight, error, Some(error_type.into()));
    }

    /// Runs `work` and ends the span as it went, after `keep` took what is to be known of the value.
    pub(super) async fn through<T, E: Display>(
        mut self,
        work: impl Future<Output = Result<T, E>>,
        keep: impl FnOnce(&mut Self, &T),
    ) -> Result<T, E> {
        // That one tells a panic of `work` from one beside it.
        self.owns_panics = false;
        let result = self.in_flight.run(work).await;
        if self.in_flight.is_seen() {
            match &result {
                Ok(value) => {
                    keep(&mut self, value);
                    self.finish();
                }
                Err(error) => self.fail(error),
            }
        }
        result
    }

    /// Lets `set` at the record, where anybody sees the span.
    pub(super) fn set(&mut self, set: impl FnOnce(&mut Call)) -> &mut Self {
        if self.in_flight.is_seen() {
            set(&mut self.in_flight.operation_mut().call);
        }
        self
    }

    /// Lets `set` at the record, where anybody wants its content.
    pub(super) fn set_content(&mut self, set: impl FnOnce(&mut Call)) -> &mut Self {
        if self.in_flight.wants_content() {
            set(&mut self.in_flight.operation_mut().call);
        }
        self
    }

    pub(super) fn set_response(&mut self, set: impl FnOnce(&mut Response)) -> &mut Self {
        self.set(|call| {
            if let Some(response) = response(call) {
                set(response);
            }
        })
    }

    /// Notes the time of the first call, and none of another.
    pub(super) fn note_first_chunk(&mut self) -> &mut Self {
        if self.in_flight.operation().time_to_first_chunk.is_none() {
            if let Some(elapsed) = self.in_flight.elapsed() {
                self.in_flight.operation_mut().time_to_first_chunk = Some(elapsed);
            }
        }
        self
    }
}

impl<Of> Drop for OpenSpan<Of> {
    fn drop(&mut self) {
        if self.owns_panics && thread::panicking() && self.in_flight.is_seen() {
            fail_with(&mut self.in_flight, of_type(Some("panic".to_owned()), "the program panicked"));
        }
    }
}

impl<Of> fmt::Debug for OpenSpan<Of> {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OpenSpan")
            .field("name", &self.in_flight.operation().span_name())
            .finish_non_exhaustive()
    }
}

/// What a model or an agent answered, to add to.
pub(super) fn response(call: &mut Call) -> Option<&mut Response> {
    match call {
        Call::Inference { response, .. } => Some(Arc::make_mut(response)),
        Call::Agent(agent) => Some(&mut agent.response),
        _ => None,
    }
}

/// These totals, and nothing else.
pub(super) fn totals(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens: Some(input_tokens), output_tokens: Some(output_tokens), ..Usage::default() }
}
