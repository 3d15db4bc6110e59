//! What became of the spans, and what a person should know of it.

use super::{courier, signal::Signal};
use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// What became of the spans, the metrics' data points and the log records since the start, at one moment;
/// [`destinations`](Self::destinations) has the reasons.
///
/// Always `recorded == delivered + pending + rejected + dropped`, for the whole and for each
/// destination. A span for two destinations counts twice; what a destination's
/// [filter or sampling](super::Destination::spans) leaves out is not counted there. Where the documentation of a
/// number says spans, it is data points and log records too, in a program that exports these. [The
/// guide](crate::guide::delivery#the-report-and-the-hook) prints one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Spans that ended and were meant for a destination, and those of earlier runs that were taken over.
    pub recorded: u64,
    /// Of the recorded ones, those that an earlier run left in the [spool](super::Spool): taken over shortly after the
    /// start, and later those of processes that end.
    pub recovered: u64,
    /// Spans that a destination has acknowledged. Where an answer was lost it may have them twice, counted once.
    pub delivered: u64,
    /// Spans in memory or in the spool, on their way or waiting for another try.
    pub pending: u64,
    /// Of the pending ones, those in the [spool](super::Spool): the program's end does not cost them.
    pub spooled: u64,
    /// Spans that a destination refused for good.
    pub rejected: u64,
    /// Spans that were given up on this side: no room, no time, too old.
    pub dropped: u64,
    /// The same for each destination, in the order in which they were given: of spans, and then of metrics and logs
    /// where there were any.
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
    /// How many spans were rejected or dropped, by reason; the sum is that of the two.
    ///
    /// | reason | what happened |
    /// |---|---|
    /// | `http_400`, `grpc_invalid_argument` and the like | the destination refused them with this answer |
    /// | `partial_success` | it took the others of the same request |
    /// | `too_large` | one span was too large for it by itself |
    /// | `queue_full` | there was no room: see [`Destination::when_full`](super::Destination::when_full) |
    /// | `shutdown` | they were not delivered in the time that the end was given, and there was no spool |
    /// | `after_shutdown` | they ended when the [`Telemetry`](super::Telemetry) had |
    /// | `spool_expired` | they were in the [spool](super::Spool) for longer than its `max_age` |
    /// | `web_page` | it answered with a web page: the address is wrong, or something stands before it |
    /// | `spool_damaged` | a file of the spool was damaged |
    /// | `spool_entry_gone` | a file of the spool was removed by somebody else |
    /// | `spool_newer_version` | a file of the spool was of a version of this crate that is newer |
    /// | `spool_error`, `spool_unavailable`, `spool_disk_full` | the spool could not give them back, five times: an error of the file system, no permission, a full disk |
    ///
    /// What else may be wrong with a spool costs none, and is told as [`Problem::reason`].
    pub reasons: BTreeMap<String, u64>,
    /// What the destination said last, while it does not take spans; `None` while all is well. To be watched: a
    /// [`Problem`] tells that an outage begins and never that it is over, this is there for as long as it lasts.
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

/// One line for each destination.
impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, destination) in self.destinations.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(formatter, "{end}{destination}")?;
        }
        Ok(())
    }
}

/// `http://localhost:4318/v1/traces: 7 spans recorded, 5 delivered, 0 pending, 2 rejected, 0 dropped (http_400: 2)`
impl fmt::Display for DestinationReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recorded = self.signal.counted(self.recorded);
        let Self { name, delivered, pending, rejected, dropped, .. } = self;
        write!(formatter, "{name}: {recorded} recorded, {delivered} delivered, {pending} pending")?;
        if self.spooled > 0 {
            write!(formatter, " ({} in the spool)", self.spooled)?;
        }
        write!(formatter, ", {rejected} rejected, {dropped} dropped")?;
        for (index, (reason, count)) in self.reasons.iter().enumerate() {
            let before = if index == 0 { " (" } else { ", " };
            write!(formatter, "{before}{reason}: {count}")?;
        }
        if !self.reasons.is_empty() {
            formatter.write_str(")")?;
        }
        match &self.trouble {
            Some(trouble) => write!(formatter, "; in trouble: {trouble}"),
            None => Ok(()),
        }
    }
}

/// Something that costs spans, or may, as [`TelemetryBuilder::on_problem`](super::TelemetryBuilder::on_problem)
/// hears of it: the first of each kind and reason of a destination, once in the life of a
/// [`Telemetry`](super::Telemetry), but for [`Delayed`](ProblemKind::Delayed) and
/// [`Misconfigured`](ProblemKind::Misconfigured), which are told anew for an outage that begins a minute or more after
/// the last that was told. How many spans it cost so far is in the [`Report`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// The destination that has it, as [`DestinationReport::name`] has it.
    pub destination: Option<String>,
    /// The reason as [`DestinationReport::reasons`] has it, for spans rejected or dropped; for a
    /// [spool](ProblemKind::Spool), what is wrong with it:
    ///
    /// | reason | what is wrong |
    /// |---|---|
    /// | `spool_unavailable` | the directory cannot be made or used |
    /// | `spool_disk_full` | the disk, or this user's part of it, is full |
    /// | `spool_full` | [`Spool::max_bytes`](super::Spool::max_bytes) is reached |
    /// | `spool_error` | another error of the file system |
    /// | `spool_damaged`, `spool_entry_gone`, `spool_newer_version` | a file cannot be read, was removed, is of a newer version |
    /// | `spool_orphaned` | there are spans for a destination that the program does not have: kept until they are too old |
    /// | `spool_expired` | such spans were too old, and removed |
    pub reason: Option<String>,
    /// The matter in words. A destination's keys are masked in it, those of eight characters or more: see
    /// [`Destination::header`](super::Destination::header).
    pub message: String,
}

/// The kind of a [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A destination does not take spans now; they are kept and tried again. Nothing is lost while the queue, and
    /// the [spool](super::Spool), have room: see to the destination, or to the way there.
    Delayed,
    /// A destination takes no spans with these settings: a wrong key, path or protocol, which the message names. It
    /// is tried now and then, with few spans, which are lost; the others are kept. Mend the settings and start
    /// the program anew; a [spool](super::Spool) keeps until then what is pending.
    Misconfigured,
    /// The [spool](super::Spool) cannot be used, or something in it cannot: a directory without permission, a disk
    /// that is full, a damaged file. Spans are kept in memory, and a spool that cannot be used is tried again
    /// every minute: see to the directory that the message names.
    Spool,
    /// A destination refused spans for good, with what it says in the message: sent again they would be refused
    /// again. The spans of one request are lost, and [counted](DestinationReport::rejected).
    Rejected,
    /// Spans were given up on this side. `queue_full` asks for more
    /// [`queue_bytes`](super::Destination::queue_bytes), a [spool](super::Spool) or a smaller
    /// [`sample_ratio`](super::Destination::sample_ratio); `shutdown` for more time or a spool; `after_shutdown`
    /// for a [`Telemetry`](super::Telemetry) that is kept until the program ends.
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
