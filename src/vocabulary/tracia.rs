//! Tracia's spans.

use crate::record::{OperationClass, OperationKind};

/// The `spanKind` that Tracia knows this kind of operation by; `None` where it has none, and such
/// a span is not sent there.
pub const fn span_kind(kind: OperationKind) -> Option<&'static str> {
    match kind.class() {
        OperationClass::Generation => Some("LLM"),
        OperationClass::Embedding => Some("EMBEDDING"),
        _ => None,
    }
}
