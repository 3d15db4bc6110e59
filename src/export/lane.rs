//! One destination's queue and account, under one lock so that its sums hold at any moment.

use super::{
    pipeline::Finished,
    report::{DestinationReport, Problem, ProblemKind},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// How much a destination may hold and send at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Spans that may be pending.
    pub(super) spans: usize,
    /// Estimated bytes that may be pending.
    pub(super) bytes: usize,
    /// Spans in one request.
    pub(super) batch: usize,
    /// Encoded bytes in one request, before compression.
    pub(super) request_bytes: usize,
    /// How long a span waits for its batch to fill.
    pub(super) delay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            spans: 65_536,
            bytes: 64 << 20,
            batch: 512,
            request_bytes: 4 << 20,
            delay: Duration::from_secs(5),
        }
    }
}

pub(super) const QUEUE_FULL: &str = "queue_full";
pub(super) const SHUTDOWN: &str = "shutdown";
pub(super) const AFTER_SHUTDOWN: &str = "after_shutdown";

#[derive(Debug)]
pub(super) struct Lane {
    name: String,
    limits: Limits,
    state: Mutex<State>,
    /// Whether it takes no more spans in: changed under the state's lock, so that its sums hold.
    closed: AtomicBool,
    /// The queue is worth a look before its schedule.
    pub(super) wake: Notify,
    /// Somebody waits for the spans: cut a back-off short.
    pub(super) hurry: Notify,
    /// Spans of a claim were accounted for.
    pub(super) settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Arc<Finished>>,
    /// How many spans were ever queued: the sequence number of the next one.
    queued: u64,
    /// The first sequence number of each claim that is not over.
    claims: BTreeSet<u64>,
    pending: usize,
    pending_bytes: usize,
    /// What came since the courier was woken last.
    fresh: usize,
    fresh_bytes: usize,
    recorded: u64,
    delivered: u64,
    rejected: u64,
    dropped: u64,
    reasons: BTreeMap<String, u64>,
    told: BTreeSet<(ProblemKind, Option<String>)>,
}

/// Spans taken from the queue: they stay pending until each of them is accounted for.
#[derive(Debug)]
pub(super) struct Claim {
    lane: Arc<Lane>,
    first: u64,
    pub(super) spans: Vec<Arc<Finished>>,
}

impl Lane {
    pub(super) fn new(name: String, limits: Limits) -> Self {
        Self {
            name,
            limits,
            state: Mutex::default(),
            closed: AtomicBool::new(false),
            wake: Notify::new(),
            hurry: Notify::new(),
            settled: Notify::new(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a span in, or counts it as dropped: never waits for anything but a short lock.
    pub(super) fn push(&self, span: &Arc<Finished>) -> Option<Problem> {
        let mut state = self.state();
        state.recorded += 1;
        if self.is_closed() {
            let message =
                "a span ended after the telemetry was shut down: keep the `Telemetry` until the program ends";
            return self.lose(&mut state, ProblemKind::Dropped, 1, AFTER_SHUTDOWN, message);
        }
        if state.pending >= self.limits.spans
            || (state.pending > 0 && state.pending_bytes + span.weight > self.limits.bytes)
        {
            let message = "the queue is full; newer spans are dropped until it has room";
            return self.lose(&mut state, ProblemKind::Dropped, 1, QUEUE_FULL, message);
        }
        state.pending += 1;
        state.pending_bytes += span.weight;
        state.queued += 1;
        state.queue.push_back(Arc::clone(span));
        state.fresh += 1;
        state.fresh_bytes += span.weight;
        // Waking costs more than queueing: once a batch, not once a span.
        if state.fresh >= self.limits.batch || state.fresh_bytes >= self.limits.request_bytes {
            (state.fresh, state.fresh_bytes) = (0, 0);
            drop(state);
            self.wake.notify_one();
        }
        None
    }

    /// The next batch, if there is anything.
    pub(super) fn claim(self: &Arc<Self>) -> Option<Claim> {
        let mut state = self.state();
        (state.fresh, state.fresh_bytes) = (0, 0);
        let first = state.queued - state.queue.len() as u64;
        let count = state.queue.len().min(self.limits.batch);
        if count == 0 {
            return None;
        }
        state.claims.insert(first);
        Some(Claim { lane: Arc::clone(self), first, spans: state.queue.drain(..count).collect() })
    }

    pub(super) fn delivered(&self, spans: &[Arc<Finished>]) {
        let mut state = self.state();
        let count = state.settle(spans);
        state.delivered += count;
    }

    /// Spans that the destination refused, `rejected` of these; it took the others.
    pub(super) fn rejected(
        &self,
        spans: &[Arc<Finished>],
        rejected: u64,
        reason: &str,
        message: &str,
    ) -> Option<Problem> {
        let mut state = self.state();
        let settled = state.settle(spans);
        let rejected = rejected.min(settled);
        state.delivered += settled - rejected;
        self.lose(&mut state, ProblemKind::Rejected, rejected, reason, message)
    }

    /// The destination does not take spans now.
    pub(super) fn delayed(&self, message: &str) -> Option<Problem> {
        self.first(&mut self.state(), ProblemKind::Delayed, None, message)
    }

    /// Takes no more spans in.
    pub(super) fn close(&self) {
        let _state = self.state();
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether it takes no more spans in.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Gives up all that is pending.
    pub(super) fn abandon(&self) -> Option<Problem> {
        let mut state = self.state();
        self.closed.store(true, Ordering::Relaxed);
        // Freed after the lock: there may be much of it, and spans still end.
        let queue = std::mem::take(&mut state.queue);
        state.pending_bytes = 0;
        let left = std::mem::take(&mut state.pending) as u64;
        let message = format!("{left} spans were not delivered before the shutdown's deadline");
        let problem = self.lose(&mut state, ProblemKind::Dropped, left, SHUTDOWN, &message);
        drop(state);
        drop(queue);
        problem
    }

    /// How many spans were ever queued.
    pub(super) fn mark(&self) -> u64 {
        self.state().queued
    }

    /// Whether every span before `mark` is accounted for.
    pub(super) fn is_settled(&self, mark: u64) -> bool {
        let state = self.state();
        let unsent = state.queued - state.queue.len() as u64;
        unsent >= mark && state.claims.first().is_none_or(|first| *first >= mark)
    }

    pub(super) fn report(&self) -> DestinationReport {
        let state = self.state();
        DestinationReport {
            name: self.name.clone(),
            recorded: state.recorded,
            delivered: state.delivered,
            pending: state.pending as u64,
            rejected: state.rejected,
            dropped: state.dropped,
            reasons: state.reasons.clone(),
        }
    }

    fn lose(
        &self,
        state: &mut State,
        kind: ProblemKind,
        count: u64,
        reason: &str,
        message: &str,
    ) -> Option<Problem> {
        if count == 0 {
            return None;
        }
        match kind {
            ProblemKind::Rejected => state.rejected += count,
            _ => state.dropped += count,
        }
        match state.reasons.get_mut(reason) {
            Some(total) => *total += count,
            None => {
                state.reasons.insert(reason.to_owned(), count);
            }
        }
        self.first(state, kind, Some(reason), message)
    }

    /// The problem, the first time it comes up.
    fn first(
        &self,
        state: &mut State,
        kind: ProblemKind,
        reason: Option<&str>,
        message: &str,
    ) -> Option<Problem> {
        let reason = reason.map(str::to_owned);
        state.told.insert((kind, reason.clone())).then(|| Problem {
            kind,
            destination: Some(self.name.clone()),
            reason,
            message: message.to_owned(),
        })
    }
}

impl State {
    /// Takes spans off the pending ones; none when they were given up already.
    fn settle(&mut self, spans: &[Arc<Finished>]) -> u64 {
        let count = spans.len().min(self.pending);
        self.pending -= count;
        let bytes: usize = spans.iter().map(|span| span.weight).sum();
        self.pending_bytes = self.pending_bytes.saturating_sub(bytes);
        count as u64
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.lane.state().claims.remove(&self.first);
        self.lane.settled.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(spans: usize, bytes: usize) -> Arc<Lane> {
        Arc::new(Lane::new("test".into(), Limits { spans, bytes, batch: 2, ..Limits::default() }))
    }

    fn span(weight: usize) -> Arc<Finished> {
        Arc::new(Finished::example("span", weight))
    }

    fn sums(report: &DestinationReport) -> bool {
        report.recorded == report.delivered + report.pending + report.rejected + report.dropped
    }

    #[test]
    fn the_newest_span_is_dropped_when_the_queue_has_its_count() {
        let lane = lane(1, usize::MAX);
        assert_eq!(lane.push(&span(1)), None);
        let problem = lane.push(&span(1)).unwrap();
        assert_eq!(problem.reason.as_deref(), Some(QUEUE_FULL));
        let report = lane.report();
        assert_eq!((report.pending, report.dropped), (1, 1));
        assert!(sums(&report));
    }

    #[test]
    fn the_queue_is_bounded_by_bytes_but_takes_one_span_of_any_size() {
        let lane = lane(10, 100);
        lane.push(&span(1_000));
        lane.push(&span(1));
        assert_eq!(lane.report().pending, 1);
    }

    #[test]
    fn a_loss_is_told_once_for_each_reason() {
        let lane = lane(1, usize::MAX);
        lane.push(&span(1));
        assert!(lane.push(&span(1)).is_some());
        assert!(lane.push(&span(1)).is_none());
        lane.close();
        assert_eq!(lane.push(&span(1)).unwrap().reason.as_deref(), Some(AFTER_SHUTDOWN));
    }

    #[test]
    fn spans_on_their_way_still_count_against_the_budget() {
        let lane = lane(1, usize::MAX);
        lane.push(&span(1));
        let claim = lane.claim().unwrap();
        lane.push(&span(1));
        assert_eq!(lane.report().dropped, 1);
        lane.delivered(&claim.spans);
        lane.push(&span(1));
        let report = lane.report();
        assert_eq!((report.delivered, report.pending, report.dropped), (1, 1, 1));
        assert!(sums(&report));
    }

    #[test]
    fn a_mark_is_settled_when_every_claim_before_it_is_over() {
        let lane = lane(10, usize::MAX);
        for _ in 0..3 {
            lane.push(&span(1));
        }
        let mark = lane.mark();
        let first = lane.claim().unwrap();
        let second = lane.claim().unwrap();
        assert_eq!((first.spans.len(), second.spans.len()), (2, 1));
        drop(second);
        assert!(!lane.is_settled(mark));
        drop(first);
        assert!(lane.is_settled(mark));
    }

    #[test]
    fn a_span_that_comes_later_does_not_hold_a_flush_up() {
        let lane = lane(10, usize::MAX);
        lane.push(&span(1));
        let mark = lane.mark();
        let claim = lane.claim().unwrap();
        lane.push(&span(1));
        drop(claim);
        assert!(lane.is_settled(mark));
    }

    #[test]
    fn what_is_given_up_is_dropped_and_not_delivered_afterwards() {
        let lane = lane(10, usize::MAX);
        lane.push(&span(1));
        let claim = lane.claim().unwrap();
        lane.push(&span(1));
        lane.abandon();
        lane.delivered(&claim.spans);
        let report = lane.report();
        assert_eq!((report.dropped, report.delivered, report.pending), (2, 0, 0));
        assert!(sums(&report));
    }

    #[test]
    fn a_partial_success_counts_both_sides() {
        let lane = lane(10, usize::MAX);
        lane.push(&span(1));
        lane.push(&span(1));
        let claim = lane.claim().unwrap();
        lane.rejected(&claim.spans, 1, "partial_success", "one too many");
        let report = lane.report();
        assert_eq!((report.delivered, report.rejected), (1, 1));
        assert!(sums(&report));
    }
}
