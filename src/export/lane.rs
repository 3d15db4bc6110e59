//! One destination's queue and account, under one lock so that its sums hold at any moment.
//!
//! What is recorded waits as spans, is packed into parcels (encoded requests) in memory or on disk, and
//! leaves in shipments. Each has a position, that of its first span, which keeps the order.

mod disk;
mod order;
mod parcels;
mod shipment;
mod state;

pub(super) use disk::{Shelf, reason};
pub(super) use shipment::{Shipment, Unreadable};

use super::{
    destination::WhenFull,
    encode::{self, View},
    pipeline::Finished,
    report::{DestinationReport, Problem, ProblemKind},
    signal::Signal,
};
#[cfg(any(feature = "metrics", feature = "logs"))]
use bytes::Bytes;
use parcels::{Parcel, Wanted};
pub(super) use state::MISCONFIGURED_PAUSE;
use state::State;
use std::{
    borrow::Cow,
    fmt,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// How much a destination may hold and send at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Spans that may be pending in memory.
    pub(super) spans: usize,
    /// Estimated bytes that may be pending in memory.
    pub(super) bytes: usize,
    /// What happens to a span for which there is no room.
    pub(super) when_full: WhenFull,
    /// Spans in one request.
    pub(super) batch: usize,
    /// Encoded bytes in one request, before compression.
    pub(super) request_bytes: usize,
    /// How long a span waits for its batch to fill.
    pub(super) delay: Duration,
    /// Requests on their way at once.
    pub(super) in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            spans: 65_536,
            bytes: 64 << 20,
            when_full: WhenFull::default(),
            batch: 512,
            request_bytes: 4 << 20,
            delay: Duration::from_secs(5),
            in_flight: 4,
        }
    }
}

pub(super) const QUEUE_FULL: &str = "queue_full";
pub(super) const SHUTDOWN: &str = "shutdown";
pub(super) const AFTER_SHUTDOWN: &str = "after_shutdown";

/// What is packed for the disk at a time when memory fills faster than the courier empties it.
const RELIEF: usize = 256 << 10;

impl Limits {
    /// What a thread packs at a time to make room: so little that several of them leave room.
    fn relief(&self) -> usize {
        (self.bytes / 32).clamp(1, RELIEF)
    }
}

pub(super) struct Lane {
    name: String,
    signal: Signal,
    limits: Limits,
    view: View,
    /// Whether it is there for what a destination's spans cannot carry.
    is_beside: bool,
    state: Mutex<State>,
    /// Whether it takes no more spans in: changed under the state's lock, so that its sums hold.
    closed: AtomicBool,
    /// Something left memory, for those who wait for room.
    room: Condvar,
    /// The queue is worth a look before its schedule.
    pub(super) wake: Notify,
    /// Somebody waits for the spans: cut a back-off short.
    pub(super) hurry: Notify,
    /// How often somebody did.
    hurries: AtomicU64,
    /// Spans were accounted for.
    pub(super) settled: Notify,
}

/// Where parcels are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Memory,
    Disk,
}

/// Its name alone: what it holds may be what people said.
impl fmt::Debug for Lane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lane").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Lane {
    pub(super) fn new(name: String, signal: Signal, mut limits: Limits, view: View) -> Self {
        // Several requests have to find room.
        limits.request_bytes = limits.request_bytes.min(limits.bytes / 8).max(1);
        Self {
            name,
            signal,
            state: Mutex::new(State::new(limits.request_bytes)),
            limits,
            view,
            is_beside: false,
            closed: AtomicBool::new(false),
            room: Condvar::new(),
            wake: Notify::new(),
            hurry: Notify::new(),
            hurries: AtomicU64::new(0),
            settled: Notify::new(),
        }
    }

    /// Has it be a way beside that of a destination's spans, or not.
    pub(super) fn beside(self, is_beside: bool) -> Self {
        Self { is_beside, ..self }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn signal(&self) -> Signal {
        self.signal
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a span in, or counts it as dropped. Waits for nothing but a short lock, unless
    /// [`WhenFull::Block`] was asked for; where memory is half full and there is a spool, it packs a few spans.
    pub(super) fn push(&self, span: &Arc<Finished>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut state = match self.find_room(span.weight, 1, &mut problems) {
            Ok(state) => state,
            Err(problem) => {
                problems.extend(problem);
                return problems;
            }
        };
        state.take_in(span);
        let is_pressed = state.is_pressed(&self.limits);
        if state.is_filling(&self.limits) {
            state.hasten();
        } else if state.wants_disk() {
            state.ring();
        }
        // Waking costs more than queueing: once a batch, not once a span.
        let is_due = state.fresh >= self.limits.batch || state.fresh_bytes >= state.request_bytes;
        if is_due {
            (state.fresh, state.fresh_bytes) = (0, 0);
        }
        drop(state);
        if is_due {
            self.wake.notify_one();
        }
        if is_pressed {
            self.pack(self.limits.relief(), Place::Disk, &mut problems);
        }
        problems
    }

    /// A span lives that evaluations are of: they stay here until its end.
    pub(super) fn hold(&self, span: u64) {
        self.lock().parcels.hold(span);
    }

    /// A span ended that was held, and was pushed if it is to be sent.
    pub(super) fn release(&self, span: u64) {
        self.lock().release(span);
        self.wake.notify_one();
    }

    /// Takes a request in that was encoded elsewhere, of metrics or logs.
    #[cfg(any(feature = "metrics", feature = "logs"))]
    pub(super) fn post(&self, items: u64, body: Bytes) -> Vec<Problem> {
        let mut problems = Vec::new();
        match self.find_room(body.len(), items, &mut problems) {
            Ok(mut state) => {
                state.post(items, body);
                if state.wants_disk() {
                    state.ring();
                }
                drop(state);
                self.wake.notify_one();
            }
            Err(problem) => problems.extend(problem),
        }
        problems
    }

    /// Room for so many items, counted as recorded; or they are dropped.
    fn find_room(
        &self,
        weight: usize,
        items: u64,
        problems: &mut Vec<Problem>,
    ) -> Result<MutexGuard<'_, State>, Option<Problem>> {
        let mut state = self.lock();
        loop {
            if self.is_closed() {
                state.recorded += items;
                return Err(self.lose(&mut state, ProblemKind::Dropped, items, AFTER_SHUTDOWN, || {
                    format!(
                        "{} came after the telemetry was shut down: keep the `Telemetry` until the program ends, \
                         and shut providers of your own down before it",
                        self.signal.counted(items)
                    )
                }));
            }
            if state.has_room(&self.limits, weight) || state.parcels.let_a_copy_go() {
                if state.has_room(&self.limits, weight) {
                    state.recorded += items;
                    return Ok(state);
                }
                continue;
            }
            if state.can_be_relieved() {
                drop(state);
                self.relieve(problems);
                state = self.lock();
                continue;
            }
            let oldest = if self.limits.when_full == WhenFull::DropOldest { state.evict() } else { None };
            if let Some(evicted) = oldest {
                let message = || format!("the oldest are dropped to make room: {}", self.full());
                problems.extend(self.lose(&mut state, ProblemKind::Dropped, evicted, QUEUE_FULL, message));
            } else if self.limits.when_full == WhenFull::Block && !state.waits_for_spans() {
                state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                state.recorded += items;
                let message = || format!("newer ones are dropped until there is room: {}", self.full());
                return Err(self.lose(&mut state, ProblemKind::Dropped, items, QUEUE_FULL, message));
            }
        }
    }

    /// How much waits where no more may, and what mends it.
    fn full(&self) -> String {
        format!(
            "the queue is full, which holds {} or {} bytes (Destination::queue_spans and queue_bytes); a spool keeps \
             more (TelemetryBuilder::spool)",
            self.signal.counted(self.limits.spans as u64),
            self.limits.bytes
        )
    }

    /// Encodes spans of about `most` estimated bytes, at least one; whether there were any.
    pub(super) fn pack(&self, most: usize, place: Place, problems: &mut Vec<Problem>) -> bool {
        let (claim, request_bytes) = {
            let mut state = self.lock();
            match state.claim(self.limits.batch, most) {
                Some(claim) => (claim, state.request_bytes),
                None => return false,
            }
        };
        let requests = encode::requests(&claim.spans, &self.view, self.limits.batch, request_bytes);
        // Much of the memory is freed here, outside of the lock.
        drop(claim.spans);
        let parcels: Vec<Parcel> = requests
            .into_iter()
            .map(|(items, body)| {
                let subject = self.view.subject(&body);
                let parcel = Parcel::in_memory(items, body).about(subject);
                match place {
                    Place::Memory => parcel,
                    Place::Disk => self.shelve(parcel, problems),
                }
            })
            .collect();
        let mut state = self.lock();
        let lost = state.put_packed(claim.first, claim.weight, parcels);
        problems
            .extend(self.lose(&mut state, ProblemKind::Dropped, lost, SHUTDOWN, || self.left(lost, None)));
        let is_due = state.let_go() || state.fresh >= self.limits.batch;
        if is_due {
            state.fresh = 0;
        }
        drop(state);
        self.made_room();
        if is_due {
            self.wake.notify_one();
        }
        true
    }

    /// Has the destination tried now, once, though it is in trouble.
    pub(super) fn hasten(&self) {
        self.hurries.fetch_add(1, Ordering::Relaxed);
        self.wake.notify_one();
        self.hurry.notify_waiters();
    }

    /// How often somebody was in a hurry.
    pub(super) fn hurries(&self) -> u64 {
        self.hurries.load(Ordering::Relaxed)
    }

    /// The next request's worth of parcels, with those that may be at fault at last only. A careful one is as small
    /// as it can be.
    pub(super) fn claim(self: &Arc<Self>, careful: bool, at_last: bool) -> Option<Shipment> {
        let mut state = self.lock();
        (state.fresh, state.fresh_bytes) = (0, 0);
        let is_awaited = state.flushes > 0;
        let wanted = Wanted {
            batch: if careful { 1 } else { self.limits.batch as u64 },
            request_bytes: state.request_bytes,
            from_disk_alone: state.is_left_to_spool(),
            suspects: at_last,
            first: if is_awaited { 0 } else { i64::MIN },
        };
        // What a flush waits for is packed before what an earlier run left is sent.
        if is_awaited && !at_last && !state.is_queue_empty() && !state.parcels.has_any(0..i64::MAX) {
            return None;
        }
        let claimed = state.claim_parcels(wanted);
        drop(state);
        Shipment::new(self, claimed)
    }

    /// Whether a parcel waits for a shipment.
    pub(super) fn has_parcels(&self) -> bool {
        self.lock().parcels.has_free()
    }

    /// Packs for a shipment, unless the spool's thread does that; whether there was anything.
    pub(super) fn pack_for_shipment(&self, careful: bool, problems: &mut Vec<Problem>) -> bool {
        let (is_left_to_spool, most) = {
            let state = self.lock();
            (state.is_left_to_spool(), if careful { 0 } else { state.request_bytes })
        };
        !is_left_to_spool && self.pack(most, Place::Memory, problems)
    }

    /// The destination does not take spans now.
    pub(super) fn failing(&self, kind: ProblemKind, message: &str) -> Option<Problem> {
        let mut state = self.lock();
        state.misconfigured_at = (kind == ProblemKind::Misconfigured).then(Instant::now);
        if state.trouble.is_none() {
            state.ring();
        }
        state.trouble = Some(message.to_owned());
        let is_news = !state.told_troubles.contains_key(&kind);
        let problem = is_news.then(|| {
            state.told_troubles.insert(kind, Instant::now());
            let cost = match kind {
                ProblemKind::Misconfigured => "each try costs one of them, the others are kept",
                _ => "what there is is kept and tried again",
            };
            let message = format!("{message}; {cost}");
            Problem { kind, destination: Some(self.name.clone()), reason: None, message }
        });
        drop(state);
        if kind == ProblemKind::Misconfigured {
            self.settled.notify_waiters();
        }
        problem
    }

    /// The destination answers as it should.
    pub(super) fn healthy(&self) {
        let mut state = self.lock();
        (state.trouble, state.misconfigured_at) = (None, None);
        // The next outage is news again, unless it comes at once.
        state.told_troubles.retain(|_, told| told.elapsed() < QUIET);
    }

    /// Whether the destination said last that its settings are wrong.
    pub(super) fn is_misconfigured(&self) -> bool {
        self.lock().misconfigured_at.is_some()
    }

    /// Whether that makes a flush fail for which there is nothing left to wait for here. A way that is beside another
    /// has nothing to say of what goes there.
    pub(super) fn fails_flushes(&self) -> bool {
        !self.is_beside && self.is_misconfigured()
    }

    /// Whether it said so a moment ago: it is not asked again yet, whoever is in a hurry.
    pub(super) fn is_misconfigured_lately(&self) -> bool {
        self.lock().is_misconfigured_lately()
    }

    /// A flush begins to wait, or ends to.
    pub(super) fn flushing(&self, waits: bool) {
        let mut state = self.lock();
        state.flushes = if waits { state.flushes + 1 } else { state.flushes.saturating_sub(1) };
    }

    /// A request of so many bytes was too large: those that follow are smaller.
    pub(super) fn too_large(&self, bytes: usize) {
        let mut state = self.lock();
        state.request_bytes = state.request_bytes.min((bytes / 2).max(SMALLEST_REQUEST));
    }

    /// A request of so many bytes was taken: those that follow may be a little larger again.
    pub(super) fn not_too_large(&self, bytes: usize) {
        let mut state = self.lock();
        if bytes >= state.request_bytes / 2 && state.request_bytes < self.limits.request_bytes {
            state.request_bytes =
                (state.request_bytes + state.request_bytes / 64).min(self.limits.request_bytes);
        }
    }

    /// Encoded bytes that one request may have now.
    #[cfg(any(feature = "metrics", feature = "logs"))]
    pub(super) fn request_bytes(&self) -> usize {
        self.lock().request_bytes
    }

    /// Takes no more spans in.
    pub(super) fn close(&self) {
        let state = self.lock();
        self.closed.store(true, Ordering::Relaxed);
        drop(state);
        self.room.notify_all();
    }

    /// Whether it takes no more spans in.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether spans are being encoded, or files written or removed.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.lock();
        !state.packing.is_empty() || state.removing > 0 || state.parcels.is_shelving()
    }

    /// Gives up all that is pending but on disk.
    pub(super) fn abandon(&self) -> Option<Problem> {
        let mut state = self.lock();
        self.closed.store(true, Ordering::Relaxed);
        // Freed after the lock: there may be much of it, and spans still end.
        let (left, freed) = state.abandon();
        let trouble = state.trouble.clone();
        let message = || self.left(left, trouble.as_deref());
        let problem = self.lose(&mut state, ProblemKind::Dropped, left, SHUTDOWN, message);
        drop(state);
        drop(freed);
        self.room.notify_all();
        problem
    }

    /// The position that the next span will have.
    pub(super) fn mark(&self) -> i64 {
        self.lock().next
    }

    /// Whether everything from one position to another is accounted for.
    pub(super) fn is_settled(&self, positions: Range<i64>) -> bool {
        self.lock().is_settled(positions)
    }

    pub(super) fn report(&self) -> DestinationReport {
        let state = self.lock();
        DestinationReport {
            name: self.name.clone(),
            signal: self.signal,
            recorded: state.recorded,
            recovered: state.recovered,
            delivered: state.delivered,
            pending: state.pending,
            spooled: state.spooled(),
            rejected: state.rejected,
            dropped: state.dropped,
            reasons: state.reasons.clone(),
            trouble: state.trouble.clone(),
        }
    }

    fn left(&self, count: u64, trouble: Option<&str>) -> String {
        let why = trouble.unwrap_or("the shutdown's time was over");
        format!("{} could not be delivered: {why}", self.signal.counted(count))
    }

    fn made_room(&self) {
        self.room.notify_all();
        self.settled.notify_waiters();
    }

    fn lose(
        &self,
        state: &mut State,
        kind: ProblemKind,
        count: u64,
        reason: &str,
        message: impl FnOnce() -> String,
    ) -> Option<Problem> {
        if count == 0 {
            return None;
        }
        state.count_lost(kind, count, reason);
        self.first(state, kind, reason, message)
    }

    /// The problem, the first time it comes up.
    fn first(
        &self,
        state: &mut State,
        kind: ProblemKind,
        reason: &str,
        message: impl FnOnce() -> String,
    ) -> Option<Problem> {
        if state.told.contains(&(kind, Cow::Borrowed(reason))) {
            return None;
        }
        state.told.insert((kind, Cow::Owned(reason.to_owned())));
        Some(Problem {
            kind,
            destination: Some(self.name.clone()),
            reason: Some(reason.to_owned()),
            message: message(),
        })
    }
}

/// Whether such a reason is one of ours, for which the destination was not asked.
#[cfg(feature = "metrics")]
pub(super) fn is_dropped(reason: &str) -> bool {
    [QUEUE_FULL, SHUTDOWN, AFTER_SHUTDOWN].contains(&reason) || reason.starts_with("spool_")
}

/// No request is made smaller than this for the sake of others that were too large.
const SMALLEST_REQUEST: usize = 32 << 10;

/// An outage that comes within this time of one that was told is not told again.
const QUIET: Duration = Duration::from_secs(60);

#[cfg(test)]
impl Lane {
    /// What waits in the queue.
    pub(super) fn take_spans(&self) -> Vec<Arc<Finished>> {
        self.lock().claim(usize::MAX, usize::MAX).map_or_else(Vec::new, |claim| claim.spans)
    }
}

#[cfg(test)]
mod tests;
