//! Where a span is to be by ids that the program gives, which OpenTelemetry's own are never bent for.

#[cfg(feature = "client")]
use super::own_pipeline;
use crate::fnv::fnv;
use opentelemetry::trace::{SpanId, TraceId};
#[cfg(feature = "client")]
use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};

/// Where a span is to be; where it says nothing, below the current one.
#[cfg(feature = "client")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// The context of a span that it is to be below.
    pub(crate) parent: Option<Context>,
    /// Spans that it is to be linked to.
    pub(crate) links: Vec<SpanContext>,
}

#[cfg(feature = "client")]
impl Place {
    /// The place in this trace, below this span of it. A span that is current stays the parent; the given one is
    /// then linked to.
    pub(crate) fn of(trace: TraceId, parent: Option<SpanId>) -> Self {
        let remote = |span| SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
        if own_pipeline::current().is_valid() {
            return Self { parent: None, links: parent.map(remote).into_iter().collect() };
        }
        let above = parent.unwrap_or_else(|| stand_in(trace));
        Self { parent: Some(Context::current().with_remote_span_context(remote(above))), links: Vec::new() }
    }
}

/// The id of the parent that the first span of a trace has whose id the program chose: the SDK takes a trace's id
/// from a parent alone. No span has it, and [`is_stand_in`] knows it again.
pub(crate) fn stand_in(trace: TraceId) -> SpanId {
    // No span's id is like it but by a chance of one in 2^64.
    SpanId::from(fnv(&trace.to_bytes()).max(1))
}

/// Whether a span's parent is one that stands in for none.
#[cfg(feature = "export")]
pub(crate) fn is_stand_in(trace: TraceId, parent: SpanId) -> bool {
    parent == stand_in(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_the_same_for_the_same_trace_and_another_for_another() {
        let trace = TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128);
        assert_eq!(stand_in(trace), stand_in(trace));
        assert_ne!(stand_in(trace), stand_in(TraceId::from(1)));
        assert_ne!(stand_in(trace), SpanId::INVALID);
    }
}
