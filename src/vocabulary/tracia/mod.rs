//! Tracia's spans.

#[cfg(feature = "export")]
mod attributes;
#[cfg(feature = "export")]
mod call;
#[cfg(feature = "export")]
mod evaluation;
#[cfg(feature = "export")]
mod fit;
#[cfg(feature = "export")]
mod id;
#[cfg(feature = "export")]
mod messages;
#[cfg(feature = "export")]
mod provider;
#[cfg(all(test, feature = "export"))]
mod tests;

use crate::record::{OperationClass, OperationKind};
#[cfg(feature = "export")]
pub(crate) use {
    call::{Seen, call},
    evaluation::evaluation,
    fit::{Fit, fit},
    id::{of_span, own_span_id, valid},
    provider::word as provider_word,
};

/// The `spanKind` that Tracia knows this kind of operation by; `None` where it has none, and such
/// a span is not sent there.
pub const fn span_kind(kind: OperationKind) -> Option<&'static str> {
    match kind.class() {
        OperationClass::Generation => Some("LLM"),
        OperationClass::Embedding => Some("EMBEDDING"),
        _ => None,
    }
}
