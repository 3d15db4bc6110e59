use crate::{Error, span::own_pipeline};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use std::{
    fmt,
    hash::{Hash, Hasher},
};

/// Where a span is, ended or not: its trace's id and its own. Keep it, or its two ids, to attach an
/// [`Evaluation`](super::Evaluation) later, from another process too.
///
/// Two are equal that have the same ids and are both of a sampled span, or both not.
#[derive(Clone, Copy)]
pub struct SpanRef {
    trace_id: TraceId,
    span_id: SpanId,
    is_sampled: bool,
    /// The id that the program gave a call for Tracia.
    tracia_id: Option<[u8; TRACIA_ID]>,
}

/// How many bytes an id of Tracia has.
const TRACIA_ID: usize = 19;

impl SpanRef {
    /// The span with these ids, in hex: 32 and 16 digits. It is taken for one that was sampled.
    ///
    /// Tracia finds a call by its span's id, unless the program gave it one of its own (`tracia.span_id`). That one is
    /// not in these: an evaluation of such a call finds it while this process remembers it, and is refused by Tracia
    /// after a restart and from another process. Keep the `SpanRef` itself, or give such calls no ids of their own.
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
        Ok(Self { trace_id, span_id, is_sampled: true, tracia_id: None })
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
            tracia_id: None,
        })
    }

    /// With the id that the program gave the call for Tracia, if it did.
    pub(in crate::span) fn named(self, tracia_id: Option<&str>) -> Self {
        Self { tracia_id: tracia_id.and_then(|id| id.as_bytes().try_into().ok()), ..self }
    }

    pub(super) fn tracia_id(&self) -> Option<&str> {
        self.tracia_id.as_ref().and_then(|id| std::str::from_utf8(id).ok())
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

impl PartialEq for SpanRef {
    fn eq(&self, other: &Self) -> bool {
        (self.trace_id, self.span_id, self.is_sampled) == (other.trace_id, other.span_id, other.is_sampled)
    }
}

impl Eq for SpanRef {}

impl Hash for SpanRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.trace_id, self.span_id, self.is_sampled).hash(state);
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
