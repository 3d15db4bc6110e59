//! What keeps spans away or leaves them poorer than they could be, counted and named.

use std::sync::atomic::{AtomicU64, Ordering};

/// A reason for which spans are missing or poorer than they could be; [`diagnosis`] counts them.
///
/// Each has a [name](Self::name) that stays the same from version to version, for a dashboard or a test, and
/// an [advice](Self::advice) for people to read.
///
/// ```
/// use tracing_genai::Finding;
///
/// assert_eq!(Finding::SpanFiltered.name(), "span_filtered");
/// assert!(Finding::SpanFiltered.advice().contains("tracing_genai=info"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Finding {
    /// No layer of the subscriber took the span of a call: a filter over the whole subscriber dropped it, or
    /// those of all its layers did. The two cannot be told apart.
    SpanFiltered,
    /// The subscriber took the span, and no OpenTelemetry layer of the version that this crate knows did, or
    /// one that it cannot reach.
    NoOpenTelemetrySpan,
    /// The sampler decided against the span.
    SpanNotSampled,
    /// A stream ended without telling its usage.
    StreamWithoutUsage,
    /// A request or an answer was not what its address promises.
    UnreadableBody,
    /// An answer came compressed to where it was to be read.
    CompressedBody,
    /// A body was larger than the limit, and read up to it.
    BodyOverLimit,
    /// The reader of bodies could not keep up: a span ended with what the headers told.
    ReaderOverloaded,
    /// A rule matched a request that is no call of a model.
    RuleMatchedOther,
    /// There is no `tracing` subscriber.
    NoSubscriber,
    /// The OpenTelemetry layer took the span around the call, and not the call's.
    LayerFiltered,
    /// The span's parent, here or in the process that called, was not sampled.
    ParentNotSampled,
    /// The subscriber has two OpenTelemetry layers, so that of [`Telemetry`](crate::Telemetry) is off.
    SecondLayer,
    /// A request went to a path of a model on a host that the crate does not know and no
    /// rule (`instrument::Rule`) names, so it has no span. Paths that other services have as well
    /// (`/responses`, `/embeddings`) count below `/v1` alone.
    UnknownHost,
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` has a value that it does not take, so no content is
    /// recorded. Counted once, when the variable is read.
    ContentVariableUnreadable,
    /// A span ended after its [`Telemetry`](crate::Telemetry) was dropped or shut down.
    TelemetryDropped,
    /// A call of a model went to a provider that Tracia does not know, so that
    /// [Tracia](crate::Destination) did not get its span.
    TraciaProviderUnknown,
    /// `TRACING_GENAI_POSTHOG_ATTRIBUTES` has a value that it does not take, so spans carry no properties of PostHog.
    /// Counted once, when the variable is read.
    PostHogVariableUnreadable,
    /// An evaluation was of an operation that [Tracia](crate::Destination) did not get, such as an agent's run, so
    /// that Tracia did not get it either.
    TraciaEvaluationUnplaced,
}

impl Finding {
    /// Every finding.
    pub const ALL: &'static [Self] = &[
        Self::SpanFiltered,
        Self::NoOpenTelemetrySpan,
        Self::SpanNotSampled,
        Self::StreamWithoutUsage,
        Self::UnreadableBody,
        Self::CompressedBody,
        Self::BodyOverLimit,
        Self::ReaderOverloaded,
        Self::RuleMatchedOther,
        Self::NoSubscriber,
        Self::LayerFiltered,
        Self::ParentNotSampled,
        Self::SecondLayer,
        Self::UnknownHost,
        Self::ContentVariableUnreadable,
        Self::TelemetryDropped,
        Self::TraciaProviderUnknown,
        Self::PostHogVariableUnreadable,
        Self::TraciaEvaluationUnplaced,
    ];

    /// Its name, as a dashboard would have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpanFiltered => "span_filtered",
            Self::NoOpenTelemetrySpan => "no_opentelemetry_span",
            Self::SpanNotSampled => "span_not_sampled",
            Self::StreamWithoutUsage => "stream_without_usage",
            Self::UnreadableBody => "unreadable_body",
            Self::CompressedBody => "compressed_body",
            Self::BodyOverLimit => "body_over_limit",
            Self::ReaderOverloaded => "reader_overloaded",
            Self::RuleMatchedOther => "rule_matched_other",
            Self::NoSubscriber => "no_subscriber",
            Self::LayerFiltered => "layer_filtered",
            Self::ParentNotSampled => "parent_not_sampled",
            Self::SecondLayer => "second_layer",
            Self::UnknownHost => "unknown_host",
            Self::ContentVariableUnreadable => "content_variable_unreadable",
            Self::TelemetryDropped => "telemetry_dropped",
            Self::TraciaProviderUnknown => "tracia_provider_unknown",
            Self::PostHogVariableUnreadable => "posthog_variable_unreadable",
            Self::TraciaEvaluationUnplaced => "tracia_evaluation_unplaced",
        }
    }

    /// What it means and what mends it, in a sentence.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::SpanFiltered => {
                "no layer takes the spans of calls: a filter over the whole subscriber drops them, or those of all \
                 its layers do; let the one over the whole, or that of the OpenTelemetry layer, pass \
                 `tracing_genai=info`, put it on the log layer alone, or switch `TelemetryBuilder::own_pipeline` on"
            }
            Self::NoOpenTelemetrySpan => {
                "the spans of calls have no OpenTelemetry span that can be reached, and carry their `tracing` \
                 fields alone: add `telemetry.layer()` or a layer of tracing-opentelemetry 0.34, leave its context \
                 activation on where it is behind `reload`, or switch `TelemetryBuilder::own_pipeline` on"
            }
            Self::SpanNotSampled => {
                "the sampler decided against the spans of calls: sample them by their name or by \
                 `gen_ai.operation.name`, or switch `TelemetryBuilder::own_pipeline` on"
            }
            Self::StreamWithoutUsage => {
                "a stream told no usage: ask for it in the request (`stream_options.include_usage` of OpenAI's \
                 format), or let `Instrumentation::stream_usage(true)` ask"
            }
            Self::UnreadableBody => {
                "a body was not what its address promises: if a gateway changes it, leave it out by a rule of its own"
            }
            Self::CompressedBody => {
                "an answer came compressed to where it was to be read: put the layer of this crate outside of the \
                 one that decompresses"
            }
            Self::BodyOverLimit => {
                "a body was read up to the limit, which `Instrumentation::body_limit` sets"
            }
            Self::ReaderOverloaded => {
                "bodies came faster than they could be read: those spans have what the headers told"
            }
            Self::RuleMatchedOther => {
                "a rule matched requests that are no calls of a model: narrow it by host, port or path"
            }
            Self::NoSubscriber => {
                "there is no `tracing` subscriber where calls are made: call `telemetry.install()`, give tasks and \
                 threads the subscriber that is not global, or switch `TelemetryBuilder::own_pipeline` on"
            }
            Self::LayerFiltered => {
                "the filter of the OpenTelemetry layer passes the spans around calls and not their own: let it pass \
                 `tracing_genai=info`, or switch `TelemetryBuilder::own_pipeline` on"
            }
            Self::ParentNotSampled => {
                "the spans of calls have a parent that was not sampled, often by the process that called this one: \
                 sample there, let the sampler take them all the same (`Sampler::parent_based`), or switch \
                 `TelemetryBuilder::own_pipeline` on"
            }
            Self::SecondLayer => {
                "the subscriber has an OpenTelemetry layer besides `telemetry.layer()`, which is off for that: leave \
                 it out and add `telemetry.processors()` to the provider of the other"
            }
            Self::UnknownHost => {
                "requests that look like calls of a model went to a host that the crate does not know, and have no \
                 span: name it by `Instrumentation::rule(Rule::host(..))`, or leave it out by a rule with `ignore()`"
            }
            Self::ContentVariableUnreadable => {
                "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT has a value that it does not take, so no content \
                 is recorded: SPAN_ONLY records it; it takes NO_CONTENT, EVENT_ONLY and SPAN_AND_EVENT too"
            }
            Self::TelemetryDropped => {
                "spans ended after the `Telemetry` was dropped or shut down, and its destinations did not get them: \
                 keep it until the program's end, in `main` and not in the function that sets it up"
            }
            Self::TraciaProviderUnknown => {
                "calls of providers that Tracia does not know are not sent there: send them under another's word by \
                 `Tracia::other_providers_as`"
            }
            Self::PostHogVariableUnreadable => {
                "TRACING_GENAI_POSTHOG_ATTRIBUTES has a value that it does not take, so spans carry no properties of \
                 PostHog: it takes true or false"
            }
            Self::TraciaEvaluationUnplaced => {
                "evaluations of what Tracia does not get, such as an agent's run, are not sent there: evaluate the \
                 call of the model"
            }
        }
    }
}

static COUNTS: [AtomicU64; Finding::ALL.len()] = [const { AtomicU64::new(0) }; Finding::ALL.len()];

/// What keeps spans away or leaves them poorer than they could be: what was found in this process since its
/// start, with how often. What was not found is left out, so a healthy program gets an empty list.
///
/// Nobody is told otherwise that the telemetry sees less than it might: that a filter dropped the spans, that
/// a stream told no usage, that a body was too large. Each such [`Finding`] has a name, and a sentence that
/// says what mends it. Looking costs a few loads and changes nothing: print it at the program's end, or while
/// spans are being missed.
///
/// ```
/// for (finding, count) in tracing_genai::diagnosis() {
///     eprintln!("{} ({count} times): {}", finding.name(), finding.advice());
/// }
/// ```
pub fn diagnosis() -> Vec<(Finding, u64)> {
    let counts = COUNTS.iter().map(|count| count.load(Ordering::Relaxed));
    Finding::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0).collect()
}

pub(crate) fn note(finding: Finding) {
    if let Some(count) = COUNTS.get(finding as usize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_stands_at_its_own_place() {
        for (place, finding) in Finding::ALL.iter().copied().enumerate() {
            assert_eq!(finding as usize, place);
        }
    }
}
