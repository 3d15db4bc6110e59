//! Whose it is, which session, which conversation: said once, on every span below.
//!
//! ```
//! use tracing_genai::context;
//!
//! # async fn answer() {}
//! # async fn handle(user_id: &str, session_id: &str) {
//! context::scope().user(user_id).session(session_id).tags(["beta"]).tag("tenant", "acme").run(answer()).await;
//! # }
//! ```
//!
//! Every span that starts while `answer` runs has these, across each `.await`:
//!
//! | [`Scope`] | attribute | on |
//! |---|---|---|
//! | [`user`](Scope::user) | `user.id` | all spans |
//! | [`session`](Scope::session) | `session.id` | all spans |
//! | [`conversation`](Scope::conversation) | `gen_ai.conversation.id` | all spans; a call's own wins |
//! | [`prompt`](Scope::prompt) | `gen_ai.prompt.name`, `gen_ai.prompt.version` | generations |
//! | [`tags`](Scope::tags) | `tracing_genai.tags`, an array | all spans |
//! | [`tag`](Scope::tag) | the key that is given | all spans |
//!
//! The spans of this crate have them wherever they go. The program's others (a handler's, an HTTP client's)
//! get them as they start (a `tracing` span: as it is first entered), where the provider has the processor of
//! `Telemetry` or, in a program without it, a `MarkSpans`. No attribute comes twice: what a span starts with stays. A field that is left
//! `Empty` and recorded later is not seen in time; leave one of the two out.
//!
//! # Inside each other
//!
//! A scope inside another adds to it: what it says itself wins, tags add up. After it, after a panic in it as
//! well, the outer one holds again.
//!
//! ```
//! use tracing_genai::context::{current, scope};
//!
//! scope().user("u-7").tags(["beta"]).in_scope(|| {
//!     scope().conversation("c-1").tags(["cheap"]).in_scope(|| {
//!         let marks = current().marks().cloned().unwrap_or_default();
//!         assert_eq!(marks.user.as_deref(), Some("u-7"));
//!         assert_eq!(marks.tags, ["beta", "cheap"]);
//!     });
//!     assert_eq!(current().marks().and_then(|marks| marks.conversation.clone()), None);
//! });
//! assert!(current().marks().is_none());
//! ```
//!
//! There is no guard to hold, so none can be held over an `.await` and mark the spans of another task. Around a
//! runtime's `block_on`, [`in_scope`](Scope::in_scope) marks every task that the runtime polls there: inside of
//! `block_on` use [`run`](Scope::run).
//!
//! # Into tasks and threads
//!
//! A spawned task and a new thread begin without a scope. [`carried`] takes it along, and a [`Handle`] does
//! for closures. The span is not part of the scope: without `tracing`'s `in_current_span` a spawned task begins a
//! trace of its own.
//!
//! ```
//! use tracing::Instrument;
//! use tracing_genai::context::{carried, current, scope};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let work = async {
//!     let later = async { current().marks().and_then(|marks| marks.user.clone()) };
//!     let task = tokio::spawn(carried(later).in_current_span());
//!     let handle = current();
//!     let thread = std::thread::spawn(move || handle.in_scope(|| current().marks().is_some()));
//!     (task.await.ok().flatten(), thread.join().unwrap_or_default())
//! };
//! assert_eq!(scope().user("u-7").run(work).await, (Some("u-7".to_owned()), true));
//! # }
//! ```
//!
//! # To other services and from them
//!
//! With [`baggage(true)`](Scope::baggage) the user, the session, the conversation and the tags are also W3C
//! baggage of the OpenTelemetry context while the scope runs, so that an instrumented HTTP client with a
//! baggage propagator sends them along, to *every* server that it calls. It is off unless asked for: ids are
//! private. The service on the other side takes them from the headers of a request ([`extract`]) or from the
//! context that its propagator made ([`from_baggage`]), by a list of keys and within limits.
//!
//! The ids of the trace are another matter, of W3C's `traceparent` and `tracestate`:
//!
//! | | to another | from another |
//! |---|---|---|
//! | HTTP headers | [`inject_traceparent`] | [`parent_from_headers`] |
//! | `params._meta` of MCP | [`mcp_meta`] | [`parent_from_mcp_meta`] |
//! | the calls of a `Client` | `client::Endpoint::trace_context(true)` | |
//! | the calls that an adapter sees | `instrument::Instrumentation::trace_context(true)` | |
//!
//! A handler that takes both, the user of whoever calls and the trace:
//!
//! ```
//! use tracing::Instrument;
//! use tracing_genai::context;
//! use tracing_opentelemetry::OpenTelemetrySpanExt;
//!
//! # async fn answer() {}
//! async fn handle(headers: http::HeaderMap) {
//!     let span = tracing::info_span!("handle", otel.kind = "server");
//!     let _ = span.set_parent(context::parent_from_headers(&headers)); // before the span is entered
//!     context::extract(&headers).run(answer().instrument(span)).await;
//! }
//! ```
//!
//! Baggage is put together anew at each poll of the scope; the rest of a scope is a pointer that is set and given
//! back. Where the layer of `tracing-opentelemetry` has context activation off, clients must take the baggage
//! from `opentelemetry::Context::current()`, not from a span's context.

mod baggage;
#[cfg(feature = "export")]
mod mark_spans;
mod propagate;
mod scope;

pub use crate::record::Marks;
pub use baggage::{BAGGAGE_KEYS, extract, extract_keys, from_baggage, from_baggage_keys};
#[cfg(feature = "export")]
pub use mark_spans::MarkSpans;
pub use propagate::{inject_traceparent, mcp_meta, parent_from_headers, parent_from_mcp_meta};
pub use scope::{Handle, Scope, Scoped, carried, current, scope};

pub(crate) use scope::{as_own, marks};
#[cfg(feature = "export")]
pub(crate) use {mark_spans::mark, scope::is_own};
