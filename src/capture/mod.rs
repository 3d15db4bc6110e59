//! What content may be recorded, and in which shape.

mod policy;
mod recording;
pub(crate) mod redact;
mod redaction;

pub use policy::ContentCapture;
pub(crate) use recording::Recording;
#[cfg(feature = "export")]
pub(crate) use redaction::Redaction;
