//! What became of the spans, and what a person should know of it.

use super::courier;
use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// What became of the spans, at one moment.
///
/// Always `recorded == delivered + pending + rejected + dropped`, for the whole and for each
/// destination. A span for two destinations counts twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Spans that ended and were meant for a destination.
    pub recorded: u64,
    /// Spans that a destination has acknowledged.
    pub delivered: u64,
    /// Spans in the queue, on their way, or waiting for another try.
    pub pending: u64,
    /// Spans that a destination refused for good.
    pub rejected: u64,
    /// Spans that were given up on this side.
    pub dropped: u64,
    /// The same for each destination.
    pub destinations: Vec<DestinationReport>,
}

/// What became of one destination's spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationReport {
    /// Where they go: the address without credentials or query.
    pub name: String,
    /// See [`Report::recorded`].
    pub recorded: u64,
    /// See [`Report::delivered`].
    pub delivered: u64,
    /// See [`Report::pending`].
    pub pending: u64,
    /// See [`Report::rejected`].
    pub rejected: u64,
    /// See [`Report::dropped`].
    pub dropped: u64,
    /// How many spans were rejected or dropped, by reason: `http_400`, `partial_success`,
    /// `too_large`, `queue_full`, `shutdown`, `after_shutdown` and the like.
    pub reasons: BTreeMap<String, u64>,
}

impl Report {
    pub(super) fn of(destinations: Vec<DestinationReport>) -> Self {
        let mut report = Self::default();
        for destination in &destinations {
            report.recorded += destination.recorded;
            report.delivered += destination.delivered;
            report.pending += destination.pending;
            report.rejected += destination.rejected;
            report.dropped += destination.dropped;
        }
        report.destinations = destinations;
        report
    }
}

/// Something that costs spans, or may: told once for each kind and reason, see
/// [`TelemetryBuilder::on_problem`](super::TelemetryBuilder::on_problem).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// The destination that has it, as [`DestinationReport::name`] has it.
    pub destination: Option<String>,
    /// The reason as [`DestinationReport::reasons`] has it, for spans rejected or dropped.
    pub reason: Option<String>,
    /// The matter in words, without any key.
    pub message: String,
}

/// The kind of a [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A destination does not take spans now; they are kept and tried again.
    Delayed,
    /// A destination refused spans for good.
    Rejected,
    /// Spans were given up on this side.
    Dropped,
    /// The subscriber has an OpenTelemetry layer already, so ours stays off: see
    /// [`Telemetry::check`](super::Telemetry::check).
    SecondLayer,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.destination {
            Some(destination) => write!(formatter, "{destination}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}

/// Where problems are told: never `tracing`, which could come back to us.
#[derive(Clone)]
pub(super) struct Hook(Arc<dyn Fn(&Problem) + Send + Sync>);

impl Hook {
    pub(super) fn new(hook: impl Fn(&Problem) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    pub(super) fn tell(&self, problem: &Problem) {
        // A hook that panics must not take the courier or the caller with it.
        let _ = catch_unwind(AssertUnwindSafe(|| courier::aloud(|| (self.0)(problem))));
    }
}

impl Default for Hook {
    #[expect(clippy::print_stderr, reason = "the one place left to say that telemetry itself fails")]
    fn default() -> Self {
        Self::new(|problem| eprintln!("tracing-genai: {problem}"))
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hook")
    }
}
