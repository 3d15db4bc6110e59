//! OpenTelemetry GenAI spans for calls to language and embedding models.

pub mod capture;
mod error;
#[cfg(feature = "export")]
pub mod export;
pub mod provider;
pub mod record;
pub mod semconv;
mod span;
#[cfg(feature = "testing")]
pub mod testing;
pub mod vocabulary;
pub mod wire;

pub use capture::ContentCapture;
pub use error::Error;
