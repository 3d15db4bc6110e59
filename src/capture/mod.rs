//! What content may be recorded, and in which shape.

mod policy;
pub(crate) mod redact;

pub use policy::ContentCapture;
