//! OpenTelemetry GenAI spans for calls to language and embedding models.

pub mod capture;
#[cfg(feature = "client")]
pub mod client;
mod error;
#[cfg(feature = "export")]
pub mod export;
pub mod provider;
pub mod record;
pub mod semconv;
pub mod span;
#[cfg(feature = "testing")]
pub mod testing;
pub mod vocabulary;
pub mod wire;

pub use capture::ContentCapture;
#[cfg(feature = "client")]
pub use client::Client;
pub use error::Error;
#[cfg(feature = "export")]
pub use export::{Destination, Telemetry};
