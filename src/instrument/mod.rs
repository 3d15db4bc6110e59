//! Spans for calls that another client makes: `reqwest`, `tower` stacks, `async-openai`, the AWS SDK, `rig`.
//!
//! An adapter stands in a client's path, sees the bytes of requests and answers pass, and makes of each call
//! of a model the same span as [`Client`](crate::Client) would. It alters nothing: buffers are passed on as
//! they are, a chunk before it is read, and whatever cannot be read leaves a span with what is known.
//!
//! # Which requests
//!
//! Calls are known by their host and path; requests to anything else cost that look. Hosts that the crate
//! cannot know, gateways and local servers, are named by a [`Rule`], and every adapter is made
//! [`from`](From) an [`Instrumentation`] that has it:
//!
//! ```
//! # #[cfg(feature = "tower")] {
//! use tracing_genai::instrument::{Instrumentation, Rule, tower::GenAiLayer};
//!
//! let calls = Instrumentation::new().rule(Rule::host("llm.example.com"));
//! let layer = GenAiLayer::from(calls); // as `GenAiMiddleware::from(calls)` and `GenAiInterceptor::from(calls)`
//! # drop(layer);
//! # }
//! ```
//!
//! Without one such a call has no span, and [`diagnosis`](crate::diagnosis()) says `unknown_host`.
//!
//! # When a span ends
//!
//! It begins when the request is handed on and ends when the answer's last byte came, the transport failed,
//! or the caller dropped the future or the body: *abandoned* then, unless what had come was whole. Where an
//! adapter stands outside of a layer that tries again, all attempts are one span; inside of it each is
//! one.
//!
//! A refusal tells its code in the answer's body. A caller that reads it has `rate_limit_exceeded` for the span's
//! `error.type`; one that drops it unread, as by reqwest's `error_for_status()?`, has the status, `429`.
//!
//! # Events on the spans
//!
//! The client runs inside the span, so an OpenTelemetry layer without a filter gives the span what hyper and
//! reqwest log there, up to ten events of the levels TRACE and DEBUG for each call.
//! [`Telemetry::layer`](crate::Telemetry::layer) takes none of them; on a layer of the program's own
//! `.with_filter(LevelFilter::INFO)` keeps them out.
//!
//! # What it costs the caller
//!
//! References to the buffers, and a push: bodies are read on a thread of this crate where the span goes to
//! [`Telemetry::layer`](crate::Telemetry::layer) or into a
//! [pipeline of its own](crate::export::TelemetryBuilder::own_pipeline) alone, whose flush and shutdown wait
//! for it. Elsewhere
//! nobody could wait, so they are read when the call ends. A stream's events are read as they come up to its
//! first content. Of a body above the [limit](Instrumentation::body_limit) the model and the usage are read.

#![cfg_attr(
    not(all(feature = "async-openai", feature = "aws", feature = "reqwest-middleware", feature = "tower")),
    allow(dead_code, reason = "each adapter needs some of it")
)]

mod asked;
#[cfg(feature = "async-openai")]
pub mod async_openai;
#[cfg(feature = "aws")]
pub mod aws;
mod body;
mod call;
mod collected;
#[cfg(any(feature = "reqwest-middleware", feature = "async-openai"))]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
pub mod reqwest_middleware;
mod rule;
mod settle;
#[cfg(feature = "tower")]
pub mod tower;

pub use body::{RequestBody, ResponseBody};
pub use rule::Rule;

pub(crate) use call::ObservedCall;

use crate::{
    capture::{ContentCapture, Recording},
    context,
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use rule::{Address, Target};
use std::sync::Arc;

/// Which calls are watched, and what is recorded of them. Cheap to clone.
///
/// ```
/// use tracing_genai::{ContentCapture, instrument::Instrumentation};
///
/// let instrumentation = Instrumentation::new().content(ContentCapture::on());
/// # drop(instrumentation);
/// ```
#[derive(Clone, Debug)]
pub struct Instrumentation(Arc<Settings>);

#[derive(Clone, Debug)]
struct Settings {
    rules: Vec<Rule>,
    recording: Recording,
    body_limit: usize,
    stream_usage: bool,
    trace_context: bool,
}

impl Instrumentation {
    /// Calls of the providers that the crate knows, content as
    /// [the environment says](ContentCapture::from_env).
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            rules: Vec::new(),
            recording: Recording::or_env(None, None),
            body_limit: 4 << 20,
            stream_usage: false,
            trace_context: false,
        }))
    }

    /// What content the spans may carry; what the environment says by default.
    #[must_use]
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.settings().recording.content = content;
        self
    }

    /// Whether the spans carry the properties that PostHog's OTLP endpoint does not derive from the conventions'
    /// attributes ([which, and what it cannot do](crate::vocabulary::posthog)): for an OpenTelemetry exporter of one's own,
    /// or a collector, that sends them to PostHog. `Destination::posthog` needs none of them. By default what
    /// `TRACING_GENAI_POSTHOG_ATTRIBUTES` says, which is no.
    #[must_use]
    pub fn posthog_attributes(mut self, write: bool) -> Self {
        self.settings().recording.posthog = write;
        self
    }

    /// Calls of models go to this host too.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.settings().rules.push(rule);
        self
    }

    /// How many bytes of a request, and of an answer, are kept to be read: 4 MiB each by default. Of a
    /// longer body the model, the ids and the usage are read; of a stream, which is read as it comes from there
    /// on, all but an event that alone is longer.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.settings().body_limit = bytes;
        self
    }

    /// Whether streams of OpenAI's chat completions are asked for their usage
    /// (`stream_options.include_usage`) where the request does not say: no by default, since this alters the
    /// request, and the answer has one more event.
    #[must_use]
    pub fn stream_usage(mut self, ask: bool) -> Self {
        self.settings().stream_usage = ask;
        self
    }

    /// Whether calls to hosts that only a [`Rule`] names carry the call's trace context (`traceparent`,
    /// `tracestate`), so that the spans of a gateway or of one's own server join the trace: no by default. The
    /// providers that the crate knows never get it.
    #[must_use]
    pub fn trace_context(mut self, send: bool) -> Self {
        self.settings().trace_context = send;
        self
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.0)
    }

    /// The call of a model that a request to this address is, if it is one.
    pub(crate) fn recognise(&self, method: &Method, address: Address<'_>) -> Option<Target> {
        rule::target(&self.0.rules, method, address)
    }

    /// Whether a rule leaves requests to this address alone.
    #[cfg(feature = "aws")]
    pub(crate) fn ignores(&self, address: Address<'_>) -> bool {
        rule::is_excluded(&self.0.rules, address)
    }

    /// Opens the span of a call; `body` is the request's where it is in memory. What the call is not to tell,
    /// its key, is in `headers`, which get the trace context where the user has asked for that.
    pub(crate) fn begin(
        &self,
        target: Target,
        headers: &mut HeaderMap,
        body: Option<&Bytes>,
    ) -> ObservedCall {
        let gets_context = self.0.trace_context && target.by_rule;
        let call = ObservedCall::begin(&self.0.recording, self.0.body_limit, target, headers, body);
        if gets_context {
            call.poll(|| context::inject_traceparent(headers));
        }
        call
    }

    /// The trace context of the current span, for a request that is sent once more.
    #[cfg(feature = "async-openai")]
    pub(crate) fn propagate(&self, target: &Target, headers: &mut HeaderMap) {
        if self.0.trace_context && target.by_rule {
            context::inject_traceparent(headers);
        }
    }

    /// The body to send in place of `body`, where the user has asked for usage that the request does not
    /// ask for; a length that `headers` tell is set to its.
    #[cfg(any(feature = "tower", feature = "reqwest-middleware", feature = "async-openai"))]
    pub(crate) fn altered(&self, target: &Target, body: &[u8], headers: &mut HeaderMap) -> Option<Bytes> {
        if !self.0.stream_usage {
            return None;
        }
        let altered = asked::with_stream_usage(target.api, body)?;
        if let Some(length) = headers.get_mut(http::header::CONTENT_LENGTH) {
            *length = altered.len().into();
        }
        Some(altered)
    }
}

impl Default for Instrumentation {
    fn default() -> Self {
        Self::new()
    }
}
