//! PostHog's events.

use crate::record::{OperationClass, OperationKind};

/// The event that PostHog's LLM analytics knows this kind of operation by. (A span without a
/// parent that would be an `$ai_span` becomes an `$ai_trace` there.)
pub const fn event(kind: OperationKind) -> &'static str {
    match kind.class() {
        OperationClass::Generation => "$ai_generation",
        OperationClass::Embedding => "$ai_embedding",
        _ => "$ai_span",
    }
}
