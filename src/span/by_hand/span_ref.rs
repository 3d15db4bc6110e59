use crate::{Error, span::own_pipeline};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use std::fmt;

/// Where a span is, ended or not: its trace's id and its own. Keep it, or its two ids, to attach an
/// [`Evaluation`](super::Evaluation) later, from another process too.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanRef {
    trace_id: TraceId,
    span_id: SpanId,
    is_sampled: bool,
}

impl SpanRef {
    /// The span with these ids, in hex: 32 and 16 digits. It is taken for one that was sampled.
    ///
    /// ```
    /// use tracing_genai::span::SpanRef;
    ///
    /// let answer = SpanRef::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")?;
    /// assert_eq!(answer.span_id(), "00f067aa0ba902b7");
    /// # Ok::<(), tracing_genai::Error>(())
    /// ```
    ///
    /// # Errors
    /// An id that is shorter or longer, has other characters, or is all zeros, which W3C Trace Context
    /// forbids; the error has the kind [`Configuration`](crate::record::ErrorKind::Configuration).
    pub fn from_hex(trace_id: &str, span_id: &str) -> Result<Self, Error> {
        check("trace id", trace_id, 32)?;
        check("span id", span_id, 16)?;
        let trace_id = TraceId::from_hex(trace_id).map_err(unreadable)?;
        let span_id = SpanId::from_hex(span_id).map_err(unreadable)?;
        Ok(Self { trace_id, span_id, is_sampled: true })
    }

    /// The span that is current here: the one a span made now would be a child of. `None` where there is
    /// none, or no OpenTelemetry layer sees it, nor a
    /// [pipeline of its own](crate::export::TelemetryBuilder::own_pipeline).
    pub fn current() -> Option<Self> {
        Self::of(&own_pipeline::current())
    }

    pub(crate) fn of(context: &SpanContext) -> Option<Self> {
        context.is_valid().then(|| Self {
            trace_id: context.trace_id(),
            span_id: context.span_id(),
            is_sampled: context.is_sampled(),
        })
    }

    /// The trace's id, 32 hex digits.
    pub fn trace_id(&self) -> String {
        self.trace_id.to_string()
    }

    /// The span's id, 16 hex digits.
    pub fn span_id(&self) -> String {
        self.span_id.to_string()
    }

    /// The context of the span, one of this process.
    #[cfg(feature = "client")]
    pub(crate) fn span_context(self) -> SpanContext {
        let flags = if self.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        SpanContext::new(self.trace_id, self.span_id, flags, false, TraceState::default())
    }

    /// The ids as they are.
    #[cfg(feature = "client")]
    pub(crate) fn ids(self) -> (TraceId, SpanId) {
        (self.trace_id, self.span_id)
    }

    /// The current context, in which this span is current.
    pub(super) fn context(self) -> Context {
        let flags = if self.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let span = SpanContext::new(self.trace_id, self.span_id, flags, true, TraceState::default());
        Context::current().with_remote_span_context(span)
    }
}

impl fmt::Debug for SpanRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SpanRef({} {})", self.trace_id, self.span_id)
    }
}

/// OpenTelemetry's own reading takes any number of digits, and a sign.
fn check(what: &str, id: &str, digits: usize) -> Result<(), Error> {
    let is_hex = id.len() == digits && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return Err(Error::configuration(format!("the {what} {id:?} is not {digits} hex digits")));
    }
    if id.bytes().all(|byte| byte == b'0') {
        return Err(Error::configuration(format!("the {what} is all zeros, which means none")));
    }
    Ok(())
}

fn unreadable(error: std::num::ParseIntError) -> Error {
    Error::configuration("the id is no hexadecimal number").with_source(error)
}
