//! What content may be recorded, and in which shape.

mod policy;
mod recording;
pub(crate) mod redact;

pub use policy::ContentCapture;
pub(crate) use recording::Recording;
