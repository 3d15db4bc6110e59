//! The encoded requests of a lane, by their positions.

use super::order::{Order, Wait};
use crate::export::{spool::Entry, tracia::Subject};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// Encoded spans for one request.
pub(super) struct Parcel {
    pub(super) items: u64,
    length: usize,
    /// Its bytes, if they are in memory.
    pub(super) body: Option<Bytes>,
    /// Its place on disk, if it has one.
    pub(super) entry: Option<Entry>,
    /// Tells it from another that comes to its position.
    id: u64,
    /// Whether it is on its way.
    is_claimed: bool,
    /// Whether a thread is bringing it to the disk.
    is_shelving: bool,
    /// Whether no other goes with it: it is part of a request that was too large.
    is_alone: bool,
    /// How often the destination failed at it in a way that may be its own fault.
    suspicions: u32,
    /// How many spans the destination had taken when it failed so first.
    delivered_before: u64,
    /// Which span it is about, where that is known and matters.
    subject: Option<Subject>,
    has_been_tried: bool,
}

/// Parcels taken for a shipment.
#[derive(Default)]
pub(super) struct Claimed {
    pub(super) positions: Vec<i64>,
    pub(super) bodies: Vec<Source>,
    /// Bytes that are counted as in memory while it is on its way.
    pub(super) loaded: usize,
    /// Whether the destination may have them of an earlier try.
    pub(super) is_again: bool,
}

/// Where a parcel's bytes are.
pub(super) enum Source {
    Memory(Bytes),
    Disk { position: i64, entry: Entry },
}

/// A parcel that is brought to the disk.
pub(super) struct Shelving {
    position: i64,
    id: u64,
    pub(super) items: u64,
    pub(super) body: Bytes,
}

/// Which parcels a shipment takes.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Spans in it at most.
    pub(super) batch: u64,
    /// Bytes in it at most.
    pub(super) request_bytes: usize,
    /// Only what is on disk.
    pub(super) from_disk_alone: bool,
    /// What may be at fault too, where nothing else is left.
    pub(super) suspects: bool,
    /// Positions to look at first.
    pub(super) first: i64,
}

#[derive(Default)]
pub(super) struct Parcels {
    by_position: BTreeMap<i64, Parcel>,
    /// Those that are in memory alone.
    unshelved: BTreeSet<i64>,
    /// Those on disk of which there is a copy in memory.
    copies: BTreeSet<i64>,
    /// Those that do not wait for the end of a span.
    at_hand: BTreeSet<i64>,
    /// Those that do not wait for a span to be sent either, as far as is known.
    ready: BTreeSet<i64>,
    /// Which have to be gone before others.
    order: Order,
    claimed: usize,
    next_id: u64,
    /// Bytes that they hold in memory.
    pub(super) memory: usize,
    /// Spans that they hold on disk.
    pub(super) spooled: u64,
}

impl Parcel {
    pub(super) fn in_memory(items: u64, body: Bytes) -> Self {
        Self {
            items,
            length: body.len(),
            body: Some(body),
            entry: None,
            id: 0,
            is_claimed: false,
            is_shelving: false,
            is_alone: false,
            suspicions: 0,
            delivered_before: 0,
            subject: None,
            has_been_tried: false,
        }
    }

    pub(super) fn about(self, subject: Option<Subject>) -> Self {
        Self { subject, ..self }
    }

    pub(super) fn recovered(entry: Entry) -> Self {
        let length = usize::try_from(entry.body_bytes).unwrap_or(usize::MAX);
        let items = entry.items;
        Self { length, entry: Some(entry), body: None, ..Self::in_memory(items, Bytes::new()) }
    }

    pub(super) fn on_disk(mut self, entry: Entry, keeps_copy: bool) -> Self {
        self.entry = Some(entry);
        self.body = self.body.filter(|_| keeps_copy);
        self
    }

    pub(super) fn alone(self) -> Self {
        Self { is_alone: true, ..self }
    }

    /// The suspicions of another are its own.
    pub(super) fn suspected_as(self, other: &Self) -> Self {
        Self { suspicions: other.suspicions, delivered_before: other.delivered_before, ..self }
    }

    fn memory(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }

    fn spooled(&self) -> u64 {
        if self.entry.is_some() { self.items } else { 0 }
    }
}

impl Parcels {
    pub(super) fn insert(&mut self, position: i64, mut parcel: Parcel) {
        self.next_id += 1;
        parcel.id = self.next_id;
        self.memory += parcel.memory();
        self.spooled += parcel.spooled();
        self.order.add(parcel.subject);
        self.by_position.insert(position, parcel);
        self.sort_in(position);
    }

    pub(super) fn take(&mut self, position: i64) -> Option<Parcel> {
        let parcel = self.by_position.remove(&position)?;
        self.memory -= parcel.memory();
        self.spooled -= parcel.spooled();
        self.claimed -= usize::from(parcel.is_claimed);
        self.sort_in(position);
        for freed in self.order.remove(position, parcel.subject) {
            self.sort_in(freed);
        }
        Some(parcel)
    }

    /// Changes one, and what is known of all by it.
    fn change<T>(&mut self, position: i64, change: impl FnOnce(&mut Parcel) -> T) -> Option<T> {
        let parcel = self.by_position.get_mut(&position)?;
        let before = (parcel.memory(), parcel.spooled(), parcel.is_claimed);
        let changed = change(parcel);
        let after = (parcel.memory(), parcel.spooled(), parcel.is_claimed);
        self.memory = self.memory - before.0 + after.0;
        self.spooled = self.spooled - before.1 + after.1;
        self.claimed = self.claimed - usize::from(before.2) + usize::from(after.2);
        self.sort_in(position);
        Some(changed)
    }

    fn sort_in(&mut self, position: i64) {
        let parcel = self.by_position.get(&position);
        let is_alone = parcel.is_some_and(|parcel| parcel.entry.is_none());
        let is_copied = parcel.is_some_and(|parcel| parcel.entry.is_some() && parcel.body.is_some());
        let wait = parcel.filter(|parcel| !parcel.is_claimed);
        let wait = wait.map_or(Wait::Nothing, |parcel| self.order.wait(position, parcel.subject));
        let is_at_hand = parcel.is_some() && wait != Wait::Open;
        let is_ready = parcel.is_some() && wait == Wait::Nothing;
        for (set, belongs) in [
            (&mut self.unshelved, is_alone),
            (&mut self.copies, is_copied),
            (&mut self.at_hand, is_at_hand),
            (&mut self.ready, is_ready),
        ] {
            if belongs {
                set.insert(position);
            } else {
                set.remove(&position);
            }
        }
    }

    fn free<'a>(&self, positions: impl IntoIterator<Item = &'a i64>) -> Option<i64> {
        let is_free =
            |position: &i64| self.by_position.get(position).is_some_and(|parcel| !parcel.is_claimed);
        positions.into_iter().copied().find(is_free)
    }

    /// Lets the copy of one go that is on disk; whether there was one.
    pub(super) fn let_a_copy_go(&mut self) -> bool {
        let newest = self.free(self.copies.iter().rev());
        newest.and_then(|position| self.change(position, |parcel| parcel.body = None)).is_some()
    }

    /// Takes the oldest that is in memory alone and not on its way.
    pub(super) fn take_oldest_unshelved(&mut self) -> Option<Parcel> {
        self.free(&self.unshelved).and_then(|position| self.take(position))
    }

    /// Takes the oldest that is on disk and not on its way.
    pub(super) fn take_oldest_from_disk(&mut self) -> Option<Parcel> {
        let oldest =
            self.by_position.iter().find(|(_, parcel)| parcel.entry.is_some() && !parcel.is_claimed)?;
        self.take(*oldest.0)
    }

    /// Takes those on disk that are meant and not on their way.
    pub(super) fn take_from_disk(&mut self, is_meant: impl Fn(&Entry) -> bool) -> Vec<Parcel> {
        let is_meant = |parcel: &Parcel| !parcel.is_claimed && parcel.entry.as_ref().is_some_and(&is_meant);
        let meant = self.by_position.iter().filter(|(_, parcel)| is_meant(parcel));
        let positions: Vec<i64> = meant.map(|(position, _)| *position).collect();
        positions.into_iter().filter_map(|position| self.take(position)).collect()
    }

    /// Takes those that are in memory alone, on their way or not.
    pub(super) fn take_unshelved(&mut self) -> Vec<Parcel> {
        std::mem::take(&mut self.unshelved).into_iter().filter_map(|position| self.take(position)).collect()
    }

    /// Whether one is in memory alone and nobody is bringing it to the disk.
    pub(super) fn has_unshelved(&self) -> bool {
        self.next_unshelved().is_some()
    }

    fn next_unshelved(&self) -> Option<i64> {
        let is_left =
            |position: &&i64| self.by_position.get(position).is_some_and(|parcel| !parcel.is_shelving);
        self.unshelved.iter().find(is_left).copied()
    }

    /// Whether a thread is bringing one to the disk.
    pub(super) fn is_shelving(&self) -> bool {
        let is_shelving =
            |position: &i64| self.by_position.get(position).is_some_and(|parcel| parcel.is_shelving);
        self.unshelved.iter().any(is_shelving)
    }

    /// One to be brought to the disk, by this thread alone.
    pub(super) fn begin_shelving(&mut self) -> Option<Shelving> {
        let position = self.next_unshelved()?;
        let parcel = self.by_position.get_mut(&position)?;
        let body = parcel.body.clone()?;
        parcel.is_shelving = true;
        Some(Shelving { position, id: parcel.id, items: parcel.items, body })
    }

    /// Notes where it is on disk; gives the entry back if the parcel was accounted for in the meantime.
    pub(super) fn end_shelving(
        &mut self,
        shelving: &Shelving,
        entry: Option<Entry>,
        keeps_copy: bool,
    ) -> Option<Entry> {
        let is_same = self.by_position.get(&shelving.position).is_some_and(|parcel| parcel.id == shelving.id);
        if !is_same {
            return entry;
        }
        self.change(shelving.position, |parcel| {
            parcel.is_shelving = false;
            if entry.is_some() {
                parcel.entry = entry;
                if !keeps_copy && !parcel.is_claimed {
                    parcel.body = None;
                }
            }
        });
        None
    }

    pub(super) fn is_on_disk(&self, position: i64) -> bool {
        self.by_position.get(&position).is_some_and(|parcel| parcel.entry.is_some())
    }

    /// Whether one is not on its way that does not wait for the end of a span.
    pub(super) fn has_free(&self) -> bool {
        self.at_hand.len() > self.claimed
    }

    /// Whether one of these positions has one that does not wait for the end of a span.
    pub(super) fn has_any(&self, positions: Range<i64>) -> bool {
        self.at_hand.range(positions).next().is_some()
    }

    /// A span lives, and what is about it waits for its end.
    pub(super) fn hold(&mut self, span: u64) {
        self.order.hold(span);
    }

    /// A span ended that was held.
    pub(super) fn release(&mut self, span: u64) {
        for position in self.order.release(span) {
            self.sort_in(position);
        }
    }

    /// Marks the first as on their way, as many as fit one request; `packed` is the first that is being encoded.
    pub(super) fn claim(&mut self, wanted: Wanted, packed: Option<i64>) -> Claimed {
        let mut claimed = Claimed::default();
        let Some(start) = self.start(wanted, packed) else { return claimed };
        let (mut items, mut length) = (0, 0);
        for (position, parcel) in self.by_position.range_mut(start..) {
            if !wanted.is_free(parcel) || self.order.holds(*position, parcel.subject, packed) {
                continue;
            }
            let is_first = claimed.positions.is_empty();
            let fits = items + parcel.items <= wanted.batch && length + parcel.length <= wanted.request_bytes;
            // One that may be at fault goes alone, so that no other suffers for it.
            if !is_first && (!fits || parcel.is_alone || parcel.suspicions > 0) {
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
            // What an earlier run left it may have sent.
            claimed.is_again |= parcel.has_been_tried || *position < 0;
            parcel.has_been_tried = true;
            items += parcel.items;
            length += parcel.length;
            if parcel.is_alone || parcel.suspicions > 0 || items >= wanted.batch {
                break;
            }
        }
        self.claimed += claimed.positions.len();
        claimed
    }

    /// The first that a shipment takes: what may be at fault lets the others pass.
    fn start(&self, wanted: Wanted, packed: Option<i64>) -> Option<i64> {
        let free = |positions: Range<i64>| {
            let ready = self.ready.range(positions);
            ready.filter_map(|position| self.by_position.get_key_value(position)).filter(
                |(position, parcel)| {
                    wanted.is_free(parcel) && !self.order.holds(**position, parcel.subject, packed)
                },
            )
        };
        let sound = |positions| free(positions).find(|(_, parcel)| parcel.suspicions == 0);
        let suspect = || free(i64::MIN..i64::MAX).min_by_key(|(_, parcel)| parcel.suspicions);
        let start = sound(wanted.first..i64::MAX).or_else(|| sound(i64::MIN..wanted.first));
        let start = start.or_else(|| if wanted.suspects { suspect() } else { None });
        start.map(|(position, _)| *position)
    }

    /// Notes what one turned out to be about; whether it has to wait for its span.
    pub(super) fn must_wait(&mut self, position: i64, subject: Subject, packed: Option<i64>) -> bool {
        if let Some(parcel) = self.by_position.get_mut(&position).filter(|parcel| parcel.subject.is_none()) {
            self.order.remove(position, None);
            self.order.add(Some(subject));
            parcel.subject = Some(subject);
        }
        self.order.holds(position, Some(subject), packed)
    }

    /// Has each of these go alone from now on.
    pub(super) fn part(&mut self, positions: &[i64]) {
        for position in positions {
            self.change(*position, |parcel| parcel.is_alone = true);
        }
    }

    /// Lets claimed ones go that were not accounted for.
    pub(super) fn unclaim(&mut self, positions: &[i64]) {
        for position in positions {
            self.change(*position, |parcel| parcel.is_claimed = false);
        }
    }

    /// Counts one more suspicion of each; whether one is certain, since the destination took others in between.
    pub(super) fn suspect(&mut self, positions: &[i64], certain: u32, delivered: u64) -> bool {
        let mut is_certain = false;
        for position in positions {
            if let Some(parcel) = self.by_position.get_mut(position) {
                if parcel.suspicions == 0 {
                    parcel.delivered_before = delivered;
                }
                parcel.suspicions += 1;
                is_certain |= parcel.suspicions >= certain && delivered > parcel.delivered_before;
            }
        }
        is_certain
    }
}

impl Wanted {
    fn is_free(&self, parcel: &Parcel) -> bool {
        !parcel.is_claimed && (!self.from_disk_alone || parcel.entry.is_some())
    }
}
