//! Spans that other libraries make, repaired on their way out: see [`RepairingProcessor`].

mod adopt;
mod attributes;
mod foreign;
mod value;
mod wrapper;

pub use wrapper::{RepairingExporter, RepairingProcessor};

use crate::{
    record::Operation,
    semconv::{
        former::others,
        gen_ai::{GEN_AI_CONVERSATION_ID, GEN_AI_OPERATION_NAME},
        own::TRACING_GENAI_OUTCOME,
    },
    span::joined,
};
use opentelemetry_sdk::trace::{Span, SpanData};

/// Who made a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This crate; nothing to repair.
    Ours,
    /// Another library, about an operation of generative AI.
    Foreign,
    /// Anybody, about anything else.
    Unrelated,
}

/// Who made `span`, by the names of its attributes. A scope or a target tells nothing more: what is to be
/// repaired are attributes, and rig and genai write some on every span.
pub(super) fn origin(span: &SpanData) -> Origin {
    let mut origin = Origin::Unrelated;
    for attribute in &span.attributes {
        let name = attribute.key.as_str();
        if name == TRACING_GENAI_OUTCOME {
            return Origin::Ours;
        }
        // A scope marks any span with its conversation.
        if name.starts_with("gen_ai.") && name != GEN_AI_CONVERSATION_ID || MARKS.contains(&name) {
            origin = Origin::Foreign;
        }
    }
    origin
}

/// What libraries mark spans of generative AI with that write none of the conventions' attributes.
const MARKS: [&str; 3] =
    [others::OPENINFERENCE_SPAN_KIND, others::LLM_REQUEST_TYPE, others::TRACELOOP_SPAN_KIND];

/// Repairs `span`, unless it is ours or of no concern, and completes it with the operation that ran in it.
pub(super) fn repair(span: &mut SpanData, origin: Origin, operation: Option<&Operation>) {
    match (origin, operation) {
        (Origin::Ours, _) | (Origin::Unrelated, None) => {}
        (Origin::Foreign, None) => foreign::repair(span),
        (Origin::Foreign | Origin::Unrelated, Some(operation)) => adopt::adopt(span, operation),
    }
}

/// Whether `span`, repaired, is of an operation of generative AI.
pub(super) fn has_operation(span: &SpanData) -> bool {
    attributes::has(&span.attributes, GEN_AI_OPERATION_NAME)
}

/// A span that starts, repaired as far as it tells by now.
pub(super) fn as_started(span: &Span) -> Option<SpanData> {
    // A copy is the one way to see what it has.
    let mut data = span.exported_data()?;
    let origin = origin(&data);
    repair(&mut data, origin, None);
    Some(data)
}

/// [`repair`] for who has nothing else to do with the operation.
fn mend(span: &mut SpanData) {
    let operation = joined::take(&span.span_context);
    repair(span, origin(span), operation.as_deref());
}

#[cfg(test)]
mod tests;
