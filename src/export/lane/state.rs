//! What a lane holds, and the moves that keep its sums.

use super::{
    Limits, Shelf,
    parcels::{Claimed, Parcel, Parcels, Wanted},
};
use crate::export::{
    pipeline::Finished,
    report::ProblemKind,
    spool::{Durability, Entry},
};
#[cfg(any(feature = "metrics", feature = "logs"))]
use bytes::Bytes;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

pub(super) struct State {
    queue: VecDeque<Arc<Finished>>,
    /// Estimated bytes in the queue.
    queued: usize,
    /// The position of the next span.
    pub(super) next: i64,
    /// The position of what is taken over next from an earlier run: before all of this one's.
    next_recovered: i64,
    /// The first positions of spans that are being encoded.
    pub(super) packing: BTreeSet<i64>,
    /// Spans that ended and that others wait for, each with the position before which it is.
    ended: VecDeque<(i64, u64)>,
    pub(super) parcels: Parcels,
    /// Estimated bytes of spans in memory, and of parcels that were read for their way.
    held: usize,
    /// Encoded bytes in one request: fewer once the destination found one too large.
    pub(super) request_bytes: usize,
    /// What came since the courier was woken last.
    pub(super) fresh: usize,
    pub(super) fresh_bytes: usize,
    pub(super) recorded: u64,
    pub(super) recovered: u64,
    pub(super) delivered: u64,
    pub(super) pending: u64,
    pub(super) rejected: u64,
    pub(super) dropped: u64,
    pub(super) reasons: BTreeMap<String, u64>,
    pub(super) told: BTreeSet<(ProblemKind, Cow<'static, str>)>,
    /// When the destination's troubles were told.
    pub(super) told_troubles: BTreeMap<ProblemKind, Instant>,
    /// What the destination said last, while it does not take spans.
    pub(super) trouble: Option<String>,
    /// When it said so, if that was that its settings are wrong.
    pub(super) misconfigured_at: Option<Instant>,
    /// How many flushes wait: what this run recorded goes first then.
    pub(super) flushes: usize,
    /// How many entries are being removed from the disk.
    pub(super) removing: usize,
    /// Its place on disk, where there is a spool.
    pub(super) shelf: Option<Arc<Shelf>>,
    /// Until when the disk is left alone, which did not take a parcel.
    refused_until: Option<Instant>,
    is_abandoned: bool,
}

/// Spans taken from the queue to be encoded.
pub(super) struct Claim {
    pub(super) first: i64,
    pub(super) spans: Vec<Arc<Finished>>,
    pub(super) weight: usize,
}

impl State {
    pub(super) fn new(request_bytes: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            queued: 0,
            next: 0,
            next_recovered: i64::MIN,
            packing: BTreeSet::new(),
            ended: VecDeque::new(),
            parcels: Parcels::default(),
            held: 0,
            request_bytes,
            fresh: 0,
            fresh_bytes: 0,
            recorded: 0,
            recovered: 0,
            delivered: 0,
            pending: 0,
            rejected: 0,
            dropped: 0,
            reasons: BTreeMap::new(),
            told: BTreeSet::new(),
            told_troubles: BTreeMap::new(),
            trouble: None,
            misconfigured_at: None,
            flushes: 0,
            removing: 0,
            shelf: None,
            refused_until: None,
            is_abandoned: false,
        }
    }

    /// Estimated bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.held + self.parcels.memory
    }

    /// How many pending spans are on disk.
    pub(super) fn spooled(&self) -> u64 {
        self.parcels.spooled
    }

    /// The disk did not take a parcel: it is asked again later.
    pub(super) fn refuse_disk(&mut self) {
        self.refused_until = Some(Instant::now() + DISK_PAUSE);
    }

    pub(super) fn ask_disk_again(&mut self) {
        self.refused_until = None;
    }

    pub(super) fn disk_refuses(&self) -> bool {
        self.refused_until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether the destination said a moment ago that its settings are wrong.
    pub(super) fn is_misconfigured_lately(&self) -> bool {
        self.misconfigured_at.is_some_and(|said| said.elapsed() < MISCONFIGURED_PAUSE)
    }

    /// Whether everything goes to the disk first.
    pub(super) fn is_eager(&self) -> bool {
        self.shelf.as_ref().is_some_and(|shelf| shelf.store.durability() == Durability::Always)
    }

    /// Whether what is in memory is to be brought to the disk.
    pub(super) fn wants_disk(&self) -> bool {
        self.is_eager() || (self.trouble.is_some() && self.shelf.is_some())
    }

    /// Whether the spool's thread alone packs, and what is not on disk yet is not sent.
    pub(super) fn is_left_to_spool(&self) -> bool {
        self.is_eager() && !self.disk_refuses()
    }

    /// Whether those who record should help to empty the memory.
    pub(super) fn is_pressed(&self, limits: &Limits) -> bool {
        self.is_filled(limits, 4)
    }

    /// Whether the spool's thread should begin to.
    pub(super) fn is_filling(&self, limits: &Limits) -> bool {
        self.is_filled(limits, 3)
    }

    /// Whether so many eighths of what memory may hold are used, and enough of it waits for a disk to be worth a
    /// file: what is on its way frees memory by itself.
    fn is_filled(&self, limits: &Limits, eighths: usize) -> bool {
        let is_filled = |used: usize, most: usize| used >= most.div_ceil(8).saturating_mul(eighths);
        let in_memory = usize::try_from(self.pending - self.spooled()).unwrap_or(usize::MAX);
        let by_bytes = is_filled(self.memory(), limits.bytes) && self.queued >= limits.relief();
        let by_count = is_filled(in_memory, limits.spans)
            && self.queue.len() >= limits.batch.min(limits.spans.div_ceil(32));
        self.shelf.is_some() && !self.disk_refuses() && (by_bytes || by_count)
    }

    /// Whether the disk can still make room.
    pub(super) fn can_be_relieved(&self) -> bool {
        self.shelf.is_some() && !self.disk_refuses() && self.has_unshelved()
    }

    /// Calls the spool's thread.
    pub(super) fn ring(&self) {
        if let Some(shelf) = &self.shelf {
            shelf.alarm.ring();
        }
    }

    /// Calls the spool's thread at once.
    pub(super) fn hasten(&self) {
        if let Some(shelf) = &self.shelf {
            shelf.alarm.hasten();
        }
    }

    /// Whether there is room for one more of `weight`: always, where memory is empty.
    pub(super) fn has_room(&self, limits: &Limits, weight: usize) -> bool {
        let in_memory = self.pending - self.spooled();
        in_memory < limits.spans as u64 && (self.memory() == 0 || self.memory() + weight <= limits.bytes)
    }

    pub(super) fn take_in(&mut self, span: &Arc<Finished>) {
        self.pending += 1;
        self.held += span.weight;
        self.next += 1;
        self.queue.push_back(Arc::clone(span));
        self.queued += span.weight;
        self.fresh += 1;
        self.fresh_bytes += span.weight;
    }

    #[cfg(any(feature = "metrics", feature = "logs"))]
    pub(super) fn post(&mut self, items: u64, body: Bytes) {
        self.pending += items;
        let position = self.next;
        self.next += offset(items);
        self.parcels.insert(position, Parcel::in_memory(items, body));
    }

    /// Drops the oldest that is in memory alone and not on its way: how many that were.
    pub(super) fn evict(&mut self) -> Option<u64> {
        let items = match self.parcels.take_oldest_unshelved() {
            Some(parcel) => parcel.items,
            None => {
                let span = self.queue.pop_front()?;
                self.queued -= span.weight;
                self.held -= span.weight;
                self.let_go();
                1
            }
        };
        self.pending -= items;
        Some(items)
    }

    /// Takes what is not on its way and oldest off the disk.
    pub(super) fn take_oldest_from_disk(&mut self) -> Option<(u64, Entry)> {
        let parcel = self.parcels.take_oldest_from_disk()?;
        self.pending -= parcel.items;
        Some((parcel.items, parcel.entry?))
    }

    /// Takes parcels off the disk; how many spans those held.
    pub(super) fn take_from_disk(&mut self, is_meant: impl Fn(&Entry) -> bool) -> (u64, Vec<Entry>) {
        let taken = self.parcels.take_from_disk(is_meant);
        self.account(taken)
    }

    /// Takes parcels off the pending ones: how many spans they held, and their places on disk.
    fn account(&mut self, taken: Vec<Parcel>) -> (u64, Vec<Entry>) {
        let items = taken.iter().map(|parcel| parcel.items).sum();
        self.pending -= items;
        (items, taken.into_iter().filter_map(|parcel| parcel.entry).collect())
    }

    /// Spans of about `most` estimated bytes, at least one, at most `batch`.
    pub(super) fn claim(&mut self, batch: usize, most: usize) -> Option<Claim> {
        let mut weight = 0;
        let mut count = 0;
        for span in self.queue.iter().take(batch) {
            if count > 0 && weight + span.weight > most {
                break;
            }
            count += 1;
            weight += span.weight;
        }
        let first = self.front();
        (count > 0).then(|| {
            self.packing.insert(first);
            self.queued -= weight;
            Claim { first, spans: self.queue.drain(..count).collect(), weight }
        })
    }

    /// The position of the first span in the queue.
    fn front(&self) -> i64 {
        self.next - offset(self.queue.len() as u64)
    }

    /// Puts the encoded spans of a claim there; gives back how many came too late for that.
    pub(super) fn put_packed(&mut self, first: i64, weight: usize, parcels: Vec<Parcel>) -> u64 {
        self.packing.remove(&first);
        self.held -= weight;
        let mut position = first;
        let mut late = 0;
        for parcel in parcels {
            let items = parcel.items;
            if self.is_abandoned && parcel.entry.is_none() {
                self.pending -= items;
                late += items;
            } else {
                self.parcels.insert(position, parcel);
            }
            position += offset(items);
        }
        late
    }

    /// A span ended that was held.
    pub(super) fn release(&mut self, span: u64) {
        self.ended.push_back((self.next, span));
        self.let_go();
    }

    /// Lets what waited for spans that ended go after them, which are packed by now; whether there were any.
    pub(super) fn let_go(&mut self) -> bool {
        let packed = self.packing.first().copied().unwrap_or(i64::MAX).min(self.front());
        let mut has_some = false;
        while let Some((_, span)) = self.ended.front().copied().filter(|(end, _)| *end <= packed) {
            self.ended.pop_front();
            self.parcels.release(span);
            has_some = true;
        }
        has_some
    }

    /// Whether all there is waits for spans that are open, so that no delivery makes room.
    pub(super) fn waits_for_spans(&self) -> bool {
        self.queue.is_empty() && self.packing.is_empty() && !self.parcels.has_any(i64::MIN..i64::MAX)
    }

    pub(super) fn has_unshelved(&self) -> bool {
        !self.queue.is_empty() || self.parcels.has_unshelved()
    }

    /// Whether the disk takes more, and a span before `mark` is in the queue.
    pub(super) fn is_to_be_packed(&self, mark: i64) -> bool {
        !self.disk_refuses() && !self.queue.is_empty() && self.front() < mark
    }

    pub(super) fn is_queue_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Marks parcels as on their way.
    pub(super) fn claim_parcels(&mut self, wanted: Wanted) -> Claimed {
        let claimed = self.parcels.claim(wanted, self.packing.first().copied());
        self.held += claimed.loaded;
        claimed
    }

    /// Lets claimed parcels go that were not accounted for.
    pub(super) fn unclaim(&mut self, positions: &[i64], loaded: usize) {
        self.held -= loaded;
        self.parcels.unclaim(positions);
    }

    /// Takes parcels off the pending ones: how many spans they held, and their places on disk. None, when
    /// they were given up already.
    pub(super) fn settle(&mut self, positions: &[i64]) -> (u64, Vec<Entry>) {
        let taken = positions.iter().filter_map(|position| self.parcels.take(*position)).collect();
        self.account(taken)
    }

    /// Puts two parcels where there was one: what is obsolete on disk then.
    pub(super) fn divide(&mut self, mut position: i64, halves: [Parcel; 2]) -> Vec<Entry> {
        let Some(whole) = self.parcels.take(position) else {
            // It was given up in the meantime.
            return halves.into_iter().filter_map(|half| half.entry).collect();
        };
        for half in halves {
            let items = half.items;
            self.parcels.insert(position, half);
            position += offset(items);
        }
        whole.entry.into_iter().collect()
    }

    /// Puts all but the first of a parcel's spans in its place: how many are lost by that, and what is obsolete on
    /// disk then.
    pub(super) fn keep_others(&mut self, position: i64, others: Parcel) -> (u64, Option<Entry>) {
        let Some(whole) = self.parcels.take(position) else {
            // It was given up in the meantime.
            return (0, others.entry);
        };
        let lost = whole.items.saturating_sub(others.items);
        self.pending -= lost;
        self.parcels.insert(position + offset(lost), others.suspected_as(&whole));
        (lost, whole.entry)
    }

    /// Counts what an earlier run left and nobody can read.
    pub(super) fn miss(&mut self, items: u64, reason: &str) {
        self.recorded += items;
        self.recovered += items;
        self.count_lost(ProblemKind::Dropped, items, reason);
    }

    pub(super) fn recover(&mut self, entry: Entry) {
        let items = entry.items;
        self.recorded += items;
        self.recovered += items;
        self.pending += items;
        let position = self.next_recovered;
        self.next_recovered += offset(items.max(1));
        self.parcels.insert(position, Parcel::recovered(entry));
    }

    /// Gives up what is in memory alone: how many spans, and what is to be freed.
    pub(super) fn abandon(&mut self) -> (u64, (VecDeque<Arc<Finished>>, Vec<Parcel>)) {
        self.is_abandoned = true;
        let queue = std::mem::take(&mut self.queue);
        self.held -= std::mem::take(&mut self.queued);
        let parcels = self.parcels.take_unshelved();
        let left = queue.len() as u64 + parcels.iter().map(|parcel| parcel.items).sum::<u64>();
        self.pending -= left;
        (left, (queue, parcels))
    }

    /// Whether everything there is accounted for, but for what waits for a span that is open.
    pub(super) fn is_settled(&self, positions: Range<i64>) -> bool {
        self.front() >= positions.end
            && self.packing.first().is_none_or(|first| *first >= positions.end)
            && !self.parcels.has_any(positions)
    }

    pub(super) fn count_lost(&mut self, kind: ProblemKind, count: u64, reason: &str) {
        match kind {
            ProblemKind::Rejected => self.rejected += count,
            _ => self.dropped += count,
        }
        match self.reasons.get_mut(reason) {
            Some(total) => *total += count,
            None => _ = self.reasons.insert(reason.to_owned(), count),
        }
    }
}

/// How long a disk is left alone that did not take a parcel.
const DISK_PAUSE: Duration = Duration::from_secs(5);

/// How often a destination with wrong settings is asked, however often somebody flushes.
pub(in crate::export) const MISCONFIGURED_PAUSE: Duration = Duration::from_secs(1);

/// A number of spans as a distance of positions.
fn offset(items: u64) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}
