//! What a lane holds, and the moves that keep its sums.

use super::{Limits, Shelf};
use crate::export::{
    pipeline::Finished,
    report::ProblemKind,
    spool::{Durability, Entry},
};
use bytes::Bytes;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    sync::Arc,
    time::Instant,
};

#[derive(Debug)]
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
    parcels: BTreeMap<i64, Parcel>,
    /// Estimated bytes in memory.
    pub(super) memory: usize,
    /// Encoded bytes in one request: fewer once the destination found one too large.
    pub(super) request_bytes: usize,
    /// What came since the courier was woken last.
    pub(super) fresh: usize,
    pub(super) fresh_bytes: usize,
    pub(super) recorded: u64,
    pub(super) recovered: u64,
    pub(super) delivered: u64,
    pub(super) pending: u64,
    pub(super) spooled: u64,
    pub(super) rejected: u64,
    pub(super) dropped: u64,
    pub(super) reasons: BTreeMap<String, u64>,
    pub(super) told: BTreeSet<(ProblemKind, Cow<'static, str>)>,
    /// When the destination's troubles were told.
    pub(super) told_troubles: BTreeMap<ProblemKind, Instant>,
    /// What the destination said last, while it does not take spans.
    pub(super) trouble: Option<String>,
    /// Whether that was that its settings are wrong, and how often it said so.
    pub(super) is_misconfigured: bool,
    pub(super) misconfigurations: u64,
    /// Its place on disk, where there is a spool.
    pub(super) shelf: Option<Arc<Shelf>>,
    /// Whether the disk did not take the last parcel.
    pub(super) disk_refuses: bool,
    is_abandoned: bool,
}

/// Encoded spans for one request.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) items: u64,
    pub(super) length: usize,
    /// Its bytes, if they are in memory.
    pub(super) body: Option<Bytes>,
    /// Its place on disk, if it has one.
    pub(super) entry: Option<Entry>,
    /// Whether it is on its way.
    is_claimed: bool,
    /// How often the destination failed at it in a way that may be its own fault.
    suspicions: u32,
    /// How many spans the destination had taken when it failed so first.
    delivered_before: u64,
}

/// Spans taken from the queue to be encoded.
pub(super) struct Claim {
    pub(super) first: i64,
    pub(super) spans: Vec<Arc<Finished>>,
    pub(super) weight: usize,
}

/// Parcels taken for a shipment.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    pub(super) positions: Vec<i64>,
    pub(super) bodies: Vec<Source>,
    /// Bytes that are counted as in memory while it is on its way.
    pub(super) loaded: usize,
}

/// Where a parcel's bytes are.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Memory(Bytes),
    Disk { position: i64, entry: Entry },
}

impl Parcel {
    pub(super) fn in_memory(items: u64, body: Bytes) -> Self {
        Self {
            items,
            length: body.len(),
            body: Some(body),
            entry: None,
            is_claimed: false,
            suspicions: 0,
            delivered_before: 0,
        }
    }

    pub(super) fn on_disk(mut self, entry: Entry, keeps_copy: bool) -> Self {
        self.entry = Some(entry);
        self.body = self.body.filter(|_| keeps_copy);
        self
    }

    fn memory(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }
}

impl State {
    pub(super) fn new(request_bytes: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            queued: 0,
            next: 0,
            next_recovered: i64::MIN,
            packing: BTreeSet::new(),
            parcels: BTreeMap::new(),
            memory: 0,
            request_bytes,
            fresh: 0,
            fresh_bytes: 0,
            recorded: 0,
            recovered: 0,
            delivered: 0,
            pending: 0,
            spooled: 0,
            rejected: 0,
            dropped: 0,
            reasons: BTreeMap::new(),
            told: BTreeSet::new(),
            told_troubles: BTreeMap::new(),
            trouble: None,
            is_misconfigured: false,
            misconfigurations: 0,
            shelf: None,
            disk_refuses: false,
            is_abandoned: false,
        }
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
        self.is_eager() && !self.disk_refuses
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
        let in_memory = usize::try_from(self.pending - self.spooled).unwrap_or(usize::MAX);
        let by_bytes = is_filled(self.memory, limits.bytes) && self.queued >= limits.relief();
        let by_count = is_filled(in_memory, limits.spans)
            && self.queue.len() >= limits.batch.min(limits.spans.div_ceil(32));
        self.shelf.is_some() && !self.disk_refuses && (by_bytes || by_count)
    }

    /// Whether the disk can still make room.
    pub(super) fn can_be_relieved(&self) -> bool {
        self.shelf.is_some() && !self.disk_refuses && self.has_unshelved()
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
        let in_memory = self.pending - self.spooled;
        in_memory < limits.spans as u64 && (self.memory == 0 || self.memory + weight <= limits.bytes)
    }

    pub(super) fn take_in(&mut self, span: &Arc<Finished>) {
        self.pending += 1;
        self.memory += span.weight;
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
        self.insert(position, Parcel::in_memory(items, body));
    }

    /// Puts a parcel there that is pending already.
    fn insert(&mut self, position: i64, parcel: Parcel) {
        self.memory += parcel.memory();
        self.spooled += if parcel.entry.is_some() { parcel.items } else { 0 };
        self.parcels.insert(position, parcel);
    }

    /// Takes a parcel away, still pending.
    fn take(&mut self, position: i64) -> Option<Parcel> {
        let parcel = self.parcels.remove(&position)?;
        self.memory = self.memory.saturating_sub(parcel.memory());
        self.spooled -= if parcel.entry.is_some() { parcel.items } else { 0 };
        Some(parcel)
    }

    /// Lets the copy of a parcel go that is on disk; whether there was one.
    pub(super) fn let_a_copy_go(&mut self) -> bool {
        let with_copy =
            |parcel: &&mut Parcel| parcel.entry.is_some() && parcel.body.is_some() && !parcel.is_claimed;
        let Some(parcel) = self.parcels.values_mut().rev().find(with_copy) else { return false };
        self.memory = self.memory.saturating_sub(parcel.memory());
        parcel.body = None;
        true
    }

    /// Drops the oldest that is in memory alone and not on its way: how many that were.
    pub(super) fn evict(&mut self) -> Option<u64> {
        let oldest = self.parcels.iter().find(|(_, parcel)| parcel.entry.is_none() && !parcel.is_claimed);
        if let Some(position) = oldest.map(|(position, _)| *position) {
            let items = self.take(position)?.items;
            self.pending -= items;
            return Some(items);
        }
        let span = self.queue.pop_front()?;
        self.queued -= span.weight;
        self.memory = self.memory.saturating_sub(span.weight);
        self.pending -= 1;
        Some(1)
    }

    pub(super) fn take_oldest_from_disk(&mut self) -> Option<(u64, Entry)> {
        let oldest = self.parcels.iter().find(|(_, parcel)| parcel.entry.is_some() && !parcel.is_claimed);
        let position = *oldest?.0;
        let parcel = self.take(position)?;
        self.pending -= parcel.items;
        Some((parcel.items, parcel.entry?))
    }

    /// Takes parcels off the disk; how many spans those held.
    pub(super) fn take_from_disk(&mut self, is_meant: impl Fn(&Entry) -> bool) -> (u64, Vec<Entry>) {
        let meant = |(position, parcel): (&i64, &Parcel)| {
            let entry = parcel.entry.as_ref().filter(|_| !parcel.is_claimed)?;
            is_meant(entry).then_some(*position)
        };
        let positions: Vec<i64> = self.parcels.iter().filter_map(meant).collect();
        let taken: Vec<Parcel> = positions.into_iter().filter_map(|position| self.take(position)).collect();
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
        self.memory = self.memory.saturating_sub(weight);
        let mut position = first;
        let mut late = 0;
        for parcel in parcels {
            let items = parcel.items;
            if self.is_abandoned && parcel.entry.is_none() {
                self.pending -= items;
                late += items;
            } else {
                self.insert(position, parcel);
            }
            position += offset(items);
        }
        late
    }

    pub(super) fn has_unshelved(&self) -> bool {
        !self.queue.is_empty() || self.next_unshelved().is_some()
    }

    /// Whether the disk takes more, and a span before `mark` is in the queue.
    pub(super) fn is_to_be_packed(&self, mark: i64) -> bool {
        !self.disk_refuses && !self.queue.is_empty() && self.front() < mark
    }

    /// A parcel that is in memory alone.
    pub(super) fn next_unshelved(&self) -> Option<(i64, u64, Bytes)> {
        let unshelved = |(position, parcel): (&i64, &Parcel)| {
            let body = parcel.body.clone().filter(|_| parcel.entry.is_none())?;
            Some((*position, parcel.items, body))
        };
        self.parcels.iter().find_map(unshelved)
    }

    /// Notes where a parcel is on disk; gives the entry back if it was accounted for in the meantime.
    pub(super) fn put_on_disk(&mut self, position: i64, entry: Entry) -> Option<Entry> {
        let keeps_copy = self.is_eager();
        let Some(parcel) = self.parcels.get_mut(&position).filter(|parcel| parcel.entry.is_none()) else {
            return Some(entry);
        };
        parcel.entry = Some(entry);
        self.spooled += parcel.items;
        if !keeps_copy && !parcel.is_claimed {
            self.memory = self.memory.saturating_sub(parcel.memory());
            parcel.body = None;
        }
        None
    }

    pub(super) fn has_parcels(&self) -> bool {
        self.parcels.values().any(|parcel| !parcel.is_claimed)
    }

    /// Marks the first parcels as on their way, as many as fit one request of `batch` spans.
    pub(super) fn claim_parcels(&mut self, batch: u64, from_disk_alone: bool, at_last: bool) -> Claimed {
        let mut claimed = Claimed::default();
        let (mut items, mut length) = (0, 0);
        let is_free = |parcel: &Parcel| !parcel.is_claimed && (!from_disk_alone || parcel.entry.is_some());
        // What may be at fault lets the others pass.
        let free = || self.parcels.iter().filter(|(_, parcel)| is_free(parcel));
        let start = free().find(|(_, parcel)| parcel.suspicions == 0);
        let start = start.or_else(|| free().filter(|_| at_last).min_by_key(|(_, parcel)| parcel.suspicions));
        let Some(start) = start.map(|(position, _)| *position) else { return claimed };
        for (position, parcel) in self.parcels.range_mut(start..) {
            if !is_free(parcel) {
                continue;
            }
            let is_first = claimed.positions.is_empty();
            let fits = items + parcel.items <= batch && length + parcel.length <= self.request_bytes;
            // One that may be at fault goes alone, so that no other suffers for it.
            if !is_first && (!fits || parcel.suspicions > 0) {
                break;
            }
            let source = match (&parcel.body, &parcel.entry) {
                (Some(body), _) => Source::Memory(body.clone()),
                (None, Some(entry)) => Source::Disk { position: *position, entry: entry.clone() },
                (None, None) => continue,
            };
            claimed.loaded += if parcel.body.is_none() { parcel.length } else { 0 };
            claimed.positions.push(*position);
            claimed.bodies.push(source);
            parcel.is_claimed = true;
            items += parcel.items;
            length += parcel.length;
            if parcel.suspicions > 0 || items >= batch {
                break;
            }
        }
        self.memory += claimed.loaded;
        claimed
    }

    /// Lets claimed parcels go that were not accounted for.
    pub(super) fn unclaim(&mut self, positions: &[i64], loaded: usize) {
        self.memory = self.memory.saturating_sub(loaded);
        for position in positions {
            if let Some(parcel) = self.parcels.get_mut(position) {
                parcel.is_claimed = false;
            }
        }
    }

    /// Takes parcels off the pending ones: how many spans they held, and their places on disk. None, when
    /// they were given up already.
    pub(super) fn settle(&mut self, positions: &[i64]) -> (u64, Vec<Entry>) {
        let taken: Vec<Parcel> = positions.iter().filter_map(|position| self.take(*position)).collect();
        let items = taken.iter().map(|parcel| parcel.items).sum();
        self.pending -= items;
        (items, taken.into_iter().filter_map(|parcel| parcel.entry).collect())
    }

    /// How often a parcel was found at fault before, with this time.
    pub(super) fn count_fault(&mut self, position: i64) -> u32 {
        self.parcels.get_mut(&position).map_or(0, |parcel| {
            parcel.suspicions += 1;
            parcel.suspicions
        })
    }

    /// Counts one more suspicion of each; whether one is certain, since the destination took others in between.
    pub(super) fn suspect(&mut self, positions: &[i64], certain: u32) -> bool {
        let mut is_certain = false;
        for position in positions {
            if let Some(parcel) = self.parcels.get_mut(position) {
                if parcel.suspicions == 0 {
                    parcel.delivered_before = self.delivered;
                }
                parcel.suspicions += 1;
                is_certain |= parcel.suspicions >= certain && self.delivered > parcel.delivered_before;
            }
        }
        is_certain
    }

    /// Puts two parcels where there was one: what is obsolete on disk then.
    pub(super) fn divide(&mut self, mut position: i64, halves: [Parcel; 2]) -> Vec<Entry> {
        let Some(whole) = self.take(position) else {
            // It was given up in the meantime.
            return halves.into_iter().filter_map(|half| half.entry).collect();
        };
        for half in halves {
            let items = half.items;
            self.insert(position, half);
            position += offset(items);
        }
        whole.entry.into_iter().collect()
    }

    /// Puts all but the first of a parcel's spans in its place: how many are lost by that, and what is obsolete on
    /// disk then.
    pub(super) fn keep_others(&mut self, position: i64, others: Parcel) -> (u64, Option<Entry>) {
        let Some(whole) = self.take(position) else {
            // It was given up in the meantime.
            return (0, others.entry);
        };
        let lost = whole.items.saturating_sub(others.items);
        self.pending -= lost;
        let (suspicions, delivered_before) = (whole.suspicions, whole.delivered_before);
        self.insert(position + offset(lost), Parcel { suspicions, delivered_before, ..others });
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
        let length = usize::try_from(entry.body_bytes).unwrap_or(usize::MAX);
        let parcel =
            Parcel { entry: Some(entry), body: None, length, ..Parcel::in_memory(items, Bytes::new()) };
        self.insert(position, parcel);
    }

    /// Gives up what is in memory alone: how many spans, and what is to be freed.
    pub(super) fn abandon(&mut self) -> (u64, (VecDeque<Arc<Finished>>, Vec<Parcel>)) {
        self.is_abandoned = true;
        let queue = std::mem::take(&mut self.queue);
        self.memory = self.memory.saturating_sub(std::mem::take(&mut self.queued));
        let unshelved = |(position, parcel): (&i64, &Parcel)| parcel.entry.is_none().then_some(*position);
        let positions: Vec<i64> = self.parcels.iter().filter_map(unshelved).collect();
        let parcels: Vec<Parcel> = positions.into_iter().filter_map(|position| self.take(position)).collect();
        let left = queue.len() as u64 + parcels.iter().map(|parcel| parcel.items).sum::<u64>();
        self.pending -= left;
        (left, (queue, parcels))
    }

    pub(super) fn is_settled(&self, positions: Range<i64>) -> bool {
        self.front() >= positions.end
            && self.packing.first().is_none_or(|first| *first >= positions.end)
            && self.parcels.range(positions).next().is_none()
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

/// A number of spans as a distance of positions.
fn offset(items: u64) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}
