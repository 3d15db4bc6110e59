//! PostHog's events.

#[cfg(feature = "export")]
mod address;
#[cfg(feature = "export")]
mod capture;
#[cfg(feature = "export")]
mod json;
#[cfg(feature = "export")]
mod properties;
#[cfg(any(feature = "client", feature = "export"))]
mod session;
#[cfg(feature = "export")]
mod shorten;
#[cfg(feature = "export")]
mod span;
#[cfg(feature = "export")]
mod state;
#[cfg(feature = "export")]
mod usage;

#[cfg(any(feature = "client", feature = "export"))]
pub(crate) use session::is_session_id;
#[cfg(feature = "export")]
pub(crate) use {
    capture::{event as captured_event, judgements},
    properties::is_kept,
    shorten::shorten,
    span::{Facts, translate},
};

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
