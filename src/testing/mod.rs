//! For tests: what your program's spans say, without a provider, a collector or a network.
//!
//! - [`capture`] and [`capture_async`] run a piece of code and hand back its spans.
//! - [`FakeProvider`] answers as OpenAI, Anthropic, Google and others do, well or badly, as the test
//!   tells it.
//! - [`OtlpSink`] receives what an exporter sends, over HTTP and (feature `grpc`) gRPC.
//! - [`FakePostHog`] receives AI events as PostHog does, with its rules and limits, and shows what it
//!   would make of them.
//! - [`FakeTracia`] receives spans and evaluations as Tracia does, and refuses what is not to its rules.
//! - [`Gate`] stops any of these servers where the test wants, so that no test sleeps.
//!
//! ```
//! use tracing_genai::testing::{FakeProvider, OtlpSink, capture};
//!
//! # fn main() -> std::io::Result<()> {
//! let provider = FakeProvider::start()?;
//! let sink = OtlpSink::start()?;
//! let spans = capture(|| {
//!     tracing::info_span!("summarize").in_scope(|| { /* call `provider.base_url()` */ });
//! });
//! assert_eq!(spans.len(), 1);
//! # assert!(provider.requests().is_empty() && sink.spans().is_empty());
//! # Ok(())
//! # }
//! ```

mod attribute;
mod body;
mod capture;
mod fake_posthog;
mod fake_provider;
mod fake_tracia;
mod gate;
mod loopback;
mod otlp_sink;
mod request;
mod service;
mod service_answer;
mod signal;
mod span;

pub use attribute::AttributeValue;
pub use capture::{capture, capture_async};
pub use fake_posthog::{FakePostHog, PostHogEvent};
pub use fake_provider::{Answer, FakeProvider};
pub use fake_tracia::{FakeTracia, TraciaEvaluation};
pub use gate::Gate;
pub use otlp_sink::{OtlpSink, ReceivedExport, SinkAnswer};
pub use request::ReceivedRequest;
pub use service::Refusal;
pub use service_answer::ServiceAnswer;
pub use span::{Attributes, FinishedSpan, SpanEvent, SpanLink};
