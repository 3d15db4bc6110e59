//! What keeps spans away or leaves them poorer than they could be, counted and named.
//!
//! Telemetry tells nobody when it sees less than it might: a filter dropped the spans, a stream told no
//! usage, a body was too large. Each such [`Finding`] has a name, a count for the whole process since its
//! start, and a sentence that says what mends it.
//!
//! ```
//! for (finding, count) in tracing_genai::diagnosis() {
//!     eprintln!("{} ({count} times): {}", finding.name(), finding.advice());
//! }
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

/// A reason for which spans are missing or poorer than they could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Finding {
    /// A filter of the subscriber dropped the span of a call, or there is no subscriber.
    SpanFiltered,
    /// The subscriber took the span, and no OpenTelemetry layer of the version that this crate knows did.
    NoOpenTelemetrySpan,
    /// The sampler decided against the span, or its parent was not sampled.
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
}

impl Finding {
    /// Every finding.
    pub const ALL: [Self; 9] = [
        Self::SpanFiltered,
        Self::NoOpenTelemetrySpan,
        Self::SpanNotSampled,
        Self::StreamWithoutUsage,
        Self::UnreadableBody,
        Self::CompressedBody,
        Self::BodyOverLimit,
        Self::ReaderOverloaded,
        Self::RuleMatchedOther,
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
        }
    }

    /// What it means and what mends it, in a sentence.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::SpanFiltered => {
                "no subscriber, or a filter over the whole of it, dropped the spans of calls: put the filter on \
                 the log layer alone, or let it pass `tracing_genai=info`"
            }
            Self::NoOpenTelemetrySpan => {
                "the spans of calls have no OpenTelemetry span: add `telemetry.layer()` or a layer of \
                 tracing-opentelemetry 0.34, and let its filter pass `tracing_genai=info`"
            }
            Self::SpanNotSampled => {
                "the sampler, or a parent that was not sampled, decided against the spans of calls: sample them \
                 by their name or by `gen_ai.operation.name`"
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
        }
    }
}

static COUNTS: [AtomicU64; Finding::ALL.len()] = [const { AtomicU64::new(0) }; Finding::ALL.len()];

/// What was found in this process so far, with how often; nothing that was not.
pub fn diagnosis() -> Vec<(Finding, u64)> {
    let counts = COUNTS.iter().map(|count| count.load(Ordering::Relaxed));
    Finding::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
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
        for (place, finding) in Finding::ALL.into_iter().enumerate() {
            assert_eq!(finding as usize, place);
        }
    }
}
