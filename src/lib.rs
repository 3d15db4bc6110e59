//! OpenTelemetry GenAI spans for calls to language and embedding models, inside your own traces.
//!
//! # Overview
//!
//! Every call that a program makes to a model becomes one `tracing` span with the attributes of
//! the [GenAI conventions]: what was asked of which model, what came back, what it used, how it
//! ended. Parts, each of use without the others:
//!
//! * `instrument` makes the spans of calls by the client that the program has: `reqwest`, `tower` stacks,
//!   `async-openai`, the AWS SDK, rig. Each of these adapters is a [feature](#features).
//! * [`Client`] calls models of OpenAI, Anthropic, Google and others, and makes the spans itself, without a runtime too
//!   (the feature `blocking`).
//! * [`span`] has those that only the program can make, by hand: of tools, agents, memories, models in the
//!   process, evaluations.
//! * [`context`] carries user, session and conversation to every span below, and the trace's ids to other services
//!   and from them.
//! * The guides `coming_from_tracia` and `coming_from_posthog` have the calls of those SDKs beside ours.
//! * [`Telemetry`] brings finished spans to one or more [`Destination`]s and accounts for each; a program that has
//!   an exporter needs none. What survives an outage, an exit, a freeze: [`guide::delivery`].
//! * [`diagnosis`](diagnosis()) names what keeps spans away or makes them poor.
//! * `testing` (a feature) has a fake provider, fake receivers (OTLP, PostHog, Tracia) and a way to capture spans,
//!   for your tests.
//!
//! ```no_run
//! # async fn run() -> Result<(), tracing_genai::Error> {
//! use tracing_genai::{Client, Telemetry};
//!
//! // In a program without a subscriber; `layer()` and `processors()` are for those that have one.
//! let telemetry = Telemetry::from_env()?;
//! telemetry.install()?;
//!
//! let client = Client::from_env()?;
//! let reply = client.chat("gpt-4o-mini").user("Say hello in Danish.").send().await?;
//! println!("{} ({:?} tokens)", reply.text(), reply.usage().output_tokens);
//! # Ok(())
//! # }
//! ```
//!
//! # When spans open and close
//!
//! | the call | its span ends | status | `tracing_genai.outcome` |
//! |---|---|---|---|
//! | gives its answer | when the last byte was read | unset | `done` |
//! | gives a stream | at the stream's last event | unset | `done` |
//! | fails: refused, broken off, out of time, not readable | when that is known | error | `failed` |
//! | panics: a tool, an agent, any span by hand | at the panic | error | `failed` |
//! | is [aborted](client::ChatStream::abort), or dropped: the future, or the stream half-way | at the abort or drop | unset | `abandoned`; the finish reason that never came is `error`, as the conventions want it |
//! | is aborted or dropped after the answer was complete | then | unset | `done` |
//! | cannot be made: no key, no message, a parameter that the API lacks | there is none | | |
//!
//! A call that is [tried again](client::ClientBuilder::max_retries) is one span, which tells the number of
//! attempts (`tracing_genai.attempts`).
//!
//! A span is a child of the span that is current when the call begins, and is current itself while
//! the answer (of a stream: its head) is waited for: events inside carry its ids, and an instrumented
//! HTTP client nests below it. It is not current while a stream's events come and are handled. The
//! status is never set to *ok*.
//!
//! `error.type` is the provider's code (`rate_limit_exceeded`), else its type, else the HTTP status
//! (`500`), else the [kind](record::ErrorKind::name): `timeout`, `connection`, `protocol` and the like.
//! Of a span by hand it is the error's type (`_OTHER` for a `Box<dyn Error>`), the code of an [`Error`] of this
//! crate inside, what [`fail_as`](span::OpenSpan::fail_as) gives, or `panic`. See
//! [`ErrorInfo::error_type`](record::ErrorInfo::error_type).
//!
//! Spans differ by provider as the conventions have it. The operation is `generate_content` for Google and `chat`
//! for the others; `gen_ai.response.finish_reasons` has OpenAI's own word (`tool_calls`) for its formats and the
//! conventions' (`tool_call`) for the rest; `gen_ai.provider.name` is `gcp.gemini`, `aws.bedrock` and the like.
//!
//! # Filters
//!
//! Spans have the level INFO and the target `tracing_genai`. A filter that drops them, such as
//! `RUST_LOG=warn`, drops the telemetry; the calls go on the same and nothing is read for it. Keep
//! them with `RUST_LOG=warn,tracing_genai=info`, or give them a pipeline of their own
//! ([`own_pipeline`](export::TelemetryBuilder::own_pipeline)). What each set-up does to them, and what
//! [`diagnosis`](diagnosis()) says of it: [`guide::filters`].
//!
//! To a log layer a call is a span like others: lines that are written inside it have the prefix
//! `gen_ai{otel.name="chat gpt-4o-mini" …}`.
//!
//! # Content
//!
//! Messages, tool arguments and the like are not recorded unless asked for: [`ContentCapture`].
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `client` | yes | [`Client`] |
//! | `blocking` | | `blocking`: the calls of [`Client`] for programs without a runtime |
//! | `export` | yes | [`Telemetry`], [`Destination`], OTLP over HTTP; `RepairingProcessor`, `context::MarkSpans` |
//! | `rustls` | yes | TLS by rustls |
//! | `native-tls` | | TLS by the platform's library, HTTP only |
//! | `grpc` | | OTLP over gRPC |
//! | `metrics`, `logs` | | a program's metrics and log records to the same destinations; the export's account as metrics |
//! | `zstd` | | the export's requests compressed by zstd, for destinations that ask for it |
//! | `bedrock` | | calls of Amazon Bedrock by [`Client`] with AWS credentials |
//! | `reqwest-middleware` | | `instrument::reqwest_middleware`, for reqwest and rig |
//! | `tower` | | `instrument::tower`, for any HTTP client that is a service |
//! | `async-openai` | | `instrument::async_openai` |
//! | `aws` | | `instrument::aws`, for the SDK of Amazon Bedrock |
//! | `tracia` | | `tracia`: Tracia's own API, its prompts and spans |
//! | `testing` | | `testing` |
//!
//! [GenAI conventions]: https://github.com/open-telemetry/semantic-conventions-genai

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "client", feature = "export", feature = "tower")),
    allow(dead_code, reason = "what the parts share lies idle without them")
)]

#[cfg(feature = "blocking")]
pub mod blocking;
pub mod capture;
#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "client", feature = "tracia"))]
mod connections;
pub mod context;
mod diagnosis;
mod error;
#[cfg(feature = "export")]
pub mod export;
#[cfg(any(feature = "client", feature = "export"))]
mod fnv;
#[cfg(all(feature = "export", any(doc, doctest)))]
pub mod guide;
#[cfg(feature = "instrument")]
pub mod instrument;
pub mod provider;
pub mod record;
pub mod semconv;
pub mod span;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(any(feature = "export", feature = "tracia"))]
mod time;
#[cfg(feature = "tracia")]
pub mod tracia;
#[cfg(any(feature = "client", feature = "reqwest-middleware", feature = "async-openai", feature = "tracia"))]
mod transport;
pub mod vocabulary;
pub mod wire;

pub use capture::ContentCapture;
#[cfg(feature = "client")]
pub use client::Client;
pub use diagnosis::{Finding, diagnosis};
pub use error::Error;
#[cfg(feature = "export")]
pub use export::{Destination, Telemetry};

/// The README's snippets, compiled.
#[cfg(all(
    doctest,
    feature = "client",
    feature = "export",
    feature = "testing",
    feature = "reqwest-middleware"
))]
#[doc = include_str!("../README.md")]
struct Readme;
