//! PostHog's events.
//!
//! PostHog's OTLP endpoint makes an event of each span about generative AI. Some of its properties it derives from the
//! conventions' attributes; the others have to be said in its own names (`$ai_*`). Two things say them:
//!
//! - `Destination::posthog` (feature `export`), as it sends spans: use it where this crate does the exporting.
//! - `posthog_attributes(true)` of `ClientBuilder` (feature `client`) and of
//!   `Instrumentation` (feature `instrument`), or `TRACING_GENAI_POSTHOG_ATTRIBUTES=true`, on the spans
//!   themselves: for an OpenTelemetry exporter of one's own, and for a collector in between.
//!
//! # On the spans themselves
//!
//! Off by default. The variable takes `true`, `1`, `yes` and `on`, and `false`, `0`, `no` and `off`, in any letter
//! case. It is for spans made by hand, and the default of the two options; it is read once. Another value counts as off,
//! and is told once: by an event of the level WARN, and in [`diagnosis`](crate::diagnosis()).
//!
//! As far as it is known, a span has:
//!
//! | of | properties |
//! |---|---|
//! | every operation | `$ai_span_type`, `$ai_agent_name`, `$ai_session_id`, `$lib`, `$lib_version`, `$ai_lib`, `$ai_lib_version`; `posthog.distinct_id`, or without a user `$process_person_profile` = false |
//! | its end | `$ai_is_error`, `$ai_error`, `$ai_error_type`, `$ai_http_status`: of a call that failed never that of a success, but 500 for an answer that broke off, and 0 for none |
//! | a call of a model | `$ai_request_url`, `$ai_base_url`; where the provider says it, `$ai_total_cost_usd` and `$ai_cost_passthrough` |
//! | a generation | `$ai_stop_reason`, `$ai_completion_id`, `$ai_temperature`, `$ai_max_tokens`, `$ai_stream`, `$ai_time_to_first_token`, `$ai_prompt_name`, `$ai_prompt_version` |
//! | its tokens | `$ai_reasoning_tokens`, `$ai_total_tokens`, `$ai_cache_reporting_exclusive`, `$ai_cache_creation_input_tokens` and those for 5 minutes and 1 hour, and the counts of texts, images and audio |
//! | content, where [it is on](crate::ContentCapture) | `$ai_input` of embeddings, `$ai_input_state` and `$ai_output_state` of tools, agents and other operations, `$ai_instructions` of OpenAI's Responses |
//!
//! An attribute is flat: a state that is JSON is a text there, and so are several lists of tokens to embed. What only a map can tell is left out (`$ai_model_parameters`, `$ai_provider_metadata`, `$ai_usage`).
//! What a program sets in a [scope](crate::context::scope) stands. A span that another library made and an adapter
//! completed does not have its end, which its maker tells, nor content.
//!
//! A record of a call cannot change what PostHog reads elsewhere. `Destination::posthog` does, and so may a collector's configuration:
//!
//! - `gen_ai.operation.name` stays the conventions', and PostHog knows `chat` and `embeddings` alone: a
//!   `generate_content` (Google) or `text_completion` is an `$ai_span` without cost, unless it is rewritten.
//! - `server.address` takes the place of `$ai_base_url`, unless it is removed.
//! - Spans that PostHog does not get, such as that of an HTTP server, leave their children with a parent that is not
//!   there, and without an `$ai_trace` above them.
//! - A request of more than 100 spans about generative AI (the batches of OpenTelemetry have 512) or of more than 4 MiB is lost as a
//!   whole: set the batch to 100.
//! - An evaluation is an event of its span, and PostHog has no use for either.
//! - Without a user the events of one request have one random id, and not that of their trace.
//! - Where the resource names a user, `$process_person_profile` says there is none.
//! - What an agent used in all is the sum of its calls, and counts beside them. Its messages are `$ai_input` and
//!   `$ai_output_choices` beside the states.

mod address;
#[cfg(feature = "export")]
mod capture;
#[cfg(test)]
mod examples;
#[cfg(feature = "export")]
mod json;
mod on_span;
mod properties;
mod rules;
mod session;
#[cfg(feature = "export")]
mod shorten;
#[cfg(feature = "export")]
mod span;
mod state;
mod usage;

pub(crate) use on_span::{attributes, attributes_of_theirs};
#[cfg(any(feature = "client", feature = "export"))]
pub(crate) use session::is_session_id;
#[cfg(feature = "export")]
pub(crate) use {
    capture::{event as captured_event, judgements},
    on_span::{is_marked, is_of_content},
    shorten::shorten,
    span::{Facts, translate, translate_resource},
};

use crate::record::{OperationClass, OperationKind};

/// An id as PostHog has it.
#[cfg(feature = "export")]
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The event that PostHog's LLM analytics knows this kind of operation by. (A span without a
/// parent that would be an `$ai_span` becomes an `$ai_trace` there.)
pub const fn event(kind: OperationKind) -> &'static str {
    match kind.class() {
        OperationClass::Generation => "$ai_generation",
        OperationClass::Embedding => "$ai_embedding",
        _ => "$ai_span",
    }
}
