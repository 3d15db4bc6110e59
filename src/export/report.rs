//! What became of the spans, and what a person should know of it.

use super::{courier, signal::Signal};
use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// What became of the spans, the metrics' data points and the log records, at one moment.
///
/// Always `recorded == delivered + pending + rejected + dropped`, for the whole and for each
/// destination. A span for two destinations counts twice; what a destination's
/// [filter or sampling](super::Destination::spans) leaves out is not counted there. Where the documentation of a
/// number says spans, it is data points and log records too, in a program that exports these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Spans that ended and were meant for a destination, and those of earlier runs that were taken over.
    pub recorded: u64,
    /// Of the recorded ones, those that an earlier run left in the [spool](super::Spool).
    pub recovered: u64,
    /// Spans that a destination has acknowledged.
    pub delivered: u64,
    /// Spans in memory or in the spool, on their way or waiting for another try.
    pub pending: u64,
    /// Of the pending ones, those in the [spool](super::Spool): the program's end does not cost them.
    pub spooled: u64,
    /// Spans that a destination refused for good.
    pub rejected: u64,
    /// Spans that were given up on this side.
    pub dropped: u64,
    /// The same for each destination and signal: of metrics and logs only where there were any.
    pub destinations: Vec<DestinationReport>,
}

/// What became of what one destination gets of one signal, such as its spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationReport {
    /// Where they go: the address without credentials or query.
    pub name: String,
    /// What is counted: spans, data points or log records.
    pub signal: Signal,
    /// See [`Report::recorded`].
    pub recorded: u64,
    /// See [`Report::recovered`].
    pub recovered: u64,
    /// See [`Report::delivered`].
    pub delivered: u64,
    /// See [`Report::pending`].
    pub pending: u64,
    /// See [`Report::spooled`].
    pub spooled: u64,
    /// See [`Report::rejected`].
    pub rejected: u64,
    /// See [`Report::dropped`].
    pub dropped: u64,
    /// How many spans were rejected or dropped, by reason: `http_400`, `partial_success`,
    /// `too_large`, `queue_full`, `shutdown`, `after_shutdown`, `spool_expired`, `spool_damaged` and the like.
    pub reasons: BTreeMap<String, u64>,
    /// What the destination said last, while it does not take spans; `None` while all is well.
    pub trouble: Option<String>,
}

impl Report {
    pub(super) fn of(destinations: Vec<DestinationReport>) -> Self {
        let mut report = Self::default();
        for destination in &destinations {
            report.recorded += destination.recorded;
            report.recovered += destination.recovered;
            report.delivered += destination.delivered;
            report.pending += destination.pending;
            report.spooled += destination.spooled;
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
    /// A destination takes no spans with these settings: a wrong key, path or protocol. It is tried now and then,
    /// with few spans; the others are kept.
    Misconfigured,
    /// The [spool](super::Spool) cannot be used, or something in it cannot.
    Spool,
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
