//! Finished spans to their destinations.
//!
//! [`Telemetry`] takes the spans of a `tracing` subscriber, or of an OpenTelemetry provider that
//! the program has already, and brings each of them to every [`Destination`]. What a destination
//! cannot take is split, retried or counted: [`Telemetry::report`] accounts for every span. [The guide to
//! delivery](crate::guide::delivery) tells how, what is lost when, and what to do where a platform freezes the process.
//!
//! ```no_run
//! use tracing_genai::export::{Destination, Telemetry};
//!
//! # fn main() -> Result<(), tracing_genai::Error> {
//! let telemetry = Telemetry::builder()
//!     .service_name("assistant")
//!     .destination(Destination::otlp("http://localhost:4318"))
//!     .build()?;
//! telemetry.install()?;
//! // … the program; dropping `telemetry` at its end delivers what is left.
//! # Ok(())
//! # }
//! ```
//!
//! Spans that other libraries make for calls of models are repaired on the way, see
//! [`RepairingProcessor`], which does the same for exporters of the program's own.
//!
//! # Environment
//!
//! | Variable | Meaning | Default |
//! |---|---|---|
//! | `OTEL_SDK_DISABLED` | `true`, and no other word: nothing is recorded, nothing is sent | `false` |
//! | `OTEL_SERVICE_NAME` | the resource's `service.name` | `unknown_service` |
//! | `OTEL_RESOURCE_ATTRIBUTES` | more of the resource, `key=value,key=value` | |
//! | `OTEL_TRACES_EXPORTER` | `otlp`, or `none`: the environment's destination gets no traces. Another alone, such as `console` or `zipkin`, is an error, since the spans would go nowhere | `otlp` |
//! | `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER` | `otlp`; with another, such as `none`, `console` or `prometheus`, which is the program's own, the environment's destination gets none of these from here, and their variables are not read | `otlp` |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | base address; `/v1/traces` is appended for HTTP | `http://localhost:4318`, gRPC `:4317` |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | address, used as it is | |
//! | `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` | the same for metrics and logs | |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `…_TRACES_HEADERS` | `name=value,…`, values percent-decoded | |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL`, `…_TRACES_PROTOCOL` | `http/protobuf` or `grpc` | `http/protobuf` |
//! | `OTEL_EXPORTER_OTLP_COMPRESSION`, `…_TRACES_COMPRESSION` | `gzip`, `none`, or `zstd` (feature `zstd`) | `gzip` off this host |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT`, `…_TRACES_TIMEOUT` | milliseconds for one request | 10 000 |
//! | `OTEL_EXPORTER_OTLP_CERTIFICATE`, `…_TRACES_CERTIFICATE` | file with the only authorities to trust, PEM | the platform's |
//! | `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `…_TRACES_CLIENT_CERTIFICATE` | file with the certificate to show to the server, PEM | |
//! | `OTEL_EXPORTER_OTLP_CLIENT_KEY`, `…_TRACES_CLIENT_KEY` | file with its key, PEM | |
//! | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative`, `delta` or `lowmemory`, for the exporter of metrics | `cumulative` |
//! | `OTEL_BSP_SCHEDULE_DELAY` | milliseconds that a span waits at most for its batch | 5 000 |
//! | `OTEL_BSP_MAX_QUEUE_SIZE` | spans (data points, log records) that one destination may have pending | 65 536 |
//! | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` | spans in one request at most | 512 |
//! | `POSTHOG_API_KEY` | the key of a project, for [`Destination::posthog_from_env`] alone | |
//! | `POSTHOG_HOST` | `us`, `eu` or an address, for the same | `us` |
//! | `TRACIA_API_KEY` | the key of [`Tracia::from_env`] | |
//! | `TRACIA_BASE_URL` | its base address, to which `/api/v1/spans` is appended | `https://app.tracia.io` |
//! | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | the sampler of a provider that [`Telemetry`] makes | `parentbased_always_on` |
//! | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, `OTEL_SPAN_EVENT_COUNT_LIMIT`, `OTEL_SPAN_LINK_COUNT_LIMIT` | limits of a provider that [`Telemetry`] makes | 128 |
//!
//! The exporters may be lists: of `otlp,console` the `otlp` counts, and so it does of `otlp,none`. They hold for the
//! environment's destination, used by default or by [`Destination::from_env`], and for no other.
//!
//! A variable of traces (`…_TRACES_…`) wins over the one for all signals, and so do, with the features `metrics` and
//! `logs`, those of metrics (`…_METRICS_…`) and logs (`…_LOGS_…`), of which there are the same; an empty one counts as
//! unset; a value that cannot be read is an error that names its variable (the sampler, the resource
//! and the limits of a provider the SDK reads by itself, and passes over what it cannot). Endpoint, headers,
//! protocol, compression, time-out and certificates apply to the destination of the environment alone, never to
//! one set in code, so that no key reaches another destination.
//!
//! A file of certificates is read by [`Destination::from_env`] or [`TelemetryBuilder::build`], and not again; an
//! `http` address uses none, as the specification has it.
//!
//! Not read: `…_INSECURE` (the endpoint's scheme says it), `OTEL_BSP_EXPORT_TIMEOUT` (what fails is
//! tried again), `OTEL_PROPAGATORS` (W3C trace context and baggage are installed) and
//! `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`.

#![deny(clippy::missing_trait_methods)]

mod answer;
mod courier;
mod delivery;
mod destination;
mod encode;
mod env;
#[cfg(feature = "grpc")]
mod grpc;
mod http;
mod lane;
mod layer;
mod live;
#[cfg(feature = "logs")]
mod log_exporter;
#[cfg(feature = "metrics")]
mod metric_exporter;
mod own_pipeline;
mod pipeline;
mod posthog;
mod processor;
mod redacted;
mod repair;
mod report;
mod secrets;
mod selection;
#[cfg(feature = "metrics")]
mod self_metrics;
mod signal;
mod spool;
mod spooling;
mod telemetry;
mod tracia;
mod weight;

pub use destination::{Compression, Destination, PostHogTransport, Protocol, Tracia, WhenFull};
pub use repair::{RepairingExporter, RepairingProcessor};
pub use report::{DestinationReport, Problem, ProblemKind, Report};
pub use selection::SpanFilter;
pub use signal::Signal;
pub use spool::{Durability, Spool};
pub use telemetry::{Telemetry, TelemetryBuilder};
