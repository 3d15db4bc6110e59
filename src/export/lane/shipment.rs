//! One request's worth of parcels on their way.

use super::{
    Lane,
    parcels::{Claimed, Parcel, Source},
    reason,
};
use crate::export::{
    report::{Problem, ProblemKind},
    spool::{Entry, Trouble, TroubleKind},
};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Parcels that one request carries: they stay pending until each is accounted for, and what is not when it is
/// dropped is tried again.
pub(in crate::export) struct Shipment {
    lane: Arc<Lane>,
    positions: Vec<i64>,
    bodies: Vec<Source>,
    loaded: usize,
    is_again: bool,
}

impl Shipment {
    pub(super) fn new(lane: &Arc<Lane>, claimed: Claimed) -> Option<Self> {
        let Claimed { positions, bodies, loaded, is_again } = claimed;
        (!positions.is_empty()).then(|| Self { lane: Arc::clone(lane), positions, bodies, loaded, is_again })
    }

    /// The request's body, unless a parcel cannot be read.
    pub(in crate::export) async fn body(&mut self) -> Result<Bytes, Unreadable> {
        let mut bodies = Vec::with_capacity(self.bodies.len());
        for source in &self.bodies {
            bodies.push(match source {
                Source::Memory(body) => body.clone(),
                Source::Disk { position, entry } => {
                    let (lane, entry) = (Arc::clone(&self.lane), entry.clone());
                    // A slow disk must not hold other destinations up.
                    match spawn_blocking(move || lane.read(&entry)).await {
                        Ok(Some(Ok(body))) => body,
                        Ok(Some(Err(trouble))) => return Err(self.lane.unreadable(*position, &trouble)),
                        // The export ends.
                        Ok(None) | Err(_) => return Err(Unreadable::ForNow(None)),
                    }
                }
            });
        }
        // Messages of OTLP are lists: one after the other they are the list of all.
        Ok(match bodies.as_slice() {
            [one] => one.clone(),
            several => {
                let mut whole = BytesMut::with_capacity(several.iter().map(Bytes::len).sum());
                several.iter().for_each(|body| whole.extend_from_slice(body));
                whole.freeze()
            }
        })
    }

    /// Whether the destination may have it of an earlier try, of an earlier run too.
    pub(in crate::export) fn is_again(&self) -> bool {
        self.is_again
    }

    /// Whether it is about a span that has to be there before it, and is not. What came from an earlier run is
    /// known by its body alone.
    pub(in crate::export) fn must_wait(&self, body: &Bytes) -> bool {
        let ([position], Some(subject)) = (self.positions.as_slice(), self.lane.view.subject(body)) else {
            return false;
        };
        let mut state = self.lane.lock();
        let packed = state.packing.first().copied();
        state.parcels.must_wait(*position, subject, packed)
    }

    pub(in crate::export) async fn delivered(mut self) -> Vec<Problem> {
        self.settle(0, "", "").await
    }

    /// Spans that the destination refused, `rejected` of these; it took the others.
    pub(in crate::export) async fn rejected(
        mut self,
        rejected: u64,
        reason: &str,
        message: &str,
    ) -> Vec<Problem> {
        self.settle(rejected, reason, message).await
    }

    /// Counts a failure that may be the parcels' own fault. Whether it is: after `certain` of them, while the
    /// destination took others.
    pub(in crate::export) fn suspect(&self, certain: u32) -> bool {
        let mut state = self.lane.lock();
        let delivered = state.delivered;
        state.parcels.suspect(&self.positions, certain, delivered)
    }

    /// Sees to it that the next try carries less, if it can; gives itself back where it holds one span.
    pub(in crate::export) fn divide(mut self, body: &Bytes) -> Result<Vec<Problem>, Self> {
        let mut problems = Vec::new();
        if self.positions.len() > 1 {
            self.lane.too_large(body.len());
            self.lane.lock().parcels.part(&self.positions);
            return Ok(problems);
        }
        let halves = self.positions.first().zip(self.lane.view.halves(self.lane.signal, body));
        let Some((position, [first, second])) = halves else { return Err(self) };
        self.lane.too_large(body.len());
        // Parts are written before the whole is removed: a crash in between sends twice, and loses nothing.
        let mut kept = |(items, body)| {
            let parcel = Parcel::in_memory(items, body).alone();
            if self.is_on_disk() { self.lane.shelve(parcel, &mut problems) } else { parcel }
        };
        let halves = [kept(first), kept(second)];
        let obsolete = self.lane.lock().divide(*position, halves);
        self.lane.remove(obsolete, &mut problems);
        self.positions.clear();
        self.lane.wake.notify_one();
        Ok(problems)
    }

    /// Gives up one span for a try that the settings made fail, and keeps the others; gives up all where it is
    /// these that are refused, after `certain` tries while the destination took others.
    pub(in crate::export) async fn sacrifice(
        mut self,
        body: &Bytes,
        certain: u32,
        reason: &str,
        message: &str,
    ) -> Vec<Problem> {
        if self.suspect(certain) {
            return self.rejected(u64::MAX, reason, message).await;
        }
        // Several go one by one from now on.
        if self.positions.len() > 1 {
            return Vec::new();
        }
        let Some(position) = self.positions.first().copied() else { return Vec::new() };
        let (mut one, mut parts, mut kept) = (body.clone(), Vec::new(), 0);
        while let Some([(_, first), (items, second)]) = self.lane.view.halves(self.lane.signal, &one) {
            kept += items;
            parts.push(second);
            one = first;
        }
        if parts.is_empty() {
            return self.rejected(u64::MAX, reason, message).await;
        }
        parts.reverse();
        let mut problems = Vec::new();
        let others = Parcel::in_memory(kept, Bytes::from(parts.concat()));
        let others = if self.is_on_disk() { self.lane.shelve(others, &mut problems) } else { others };
        let obsolete = {
            let mut state = self.lane.lock();
            let (lost, obsolete) = state.keep_others(position, others);
            problems.extend(
                self.lane.lose(&mut state, ProblemKind::Rejected, lost, reason, || message.to_owned()),
            );
            obsolete
        };
        let obsolete = obsolete.into_iter().collect();
        self.lane.remove(obsolete, &mut problems);
        self.positions.clear();
        self.lane.wake.notify_one();
        problems
    }

    fn is_on_disk(&self) -> bool {
        let state = self.lane.lock();
        state.is_eager() || self.positions.iter().any(|position| state.parcels.is_on_disk(*position))
    }

    async fn settle(&mut self, rejected: u64, reason: &str, message: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let positions = std::mem::take(&mut self.positions);
        let entries = {
            let mut state = self.lane.lock();
            let (settled, entries) = state.settle(&positions);
            let rejected = rejected.min(settled);
            state.delivered += settled - rejected;
            state.removing += entries.len();
            problems.extend(
                self.lane.lose(&mut state, ProblemKind::Rejected, rejected, reason, || message.to_owned()),
            );
            entries
        };
        if !entries.is_empty() {
            let lane = Arc::clone(&self.lane);
            problems.extend(spawn_blocking(move || lane.remove_settled(entries)).await.unwrap_or_default());
        }
        problems
    }
}

/// Why a shipment has no body.
#[derive(Debug)]
pub(in crate::export) enum Unreadable {
    /// A parcel is lost, and accounted for.
    Lost(Vec<Problem>),
    /// It may be read later.
    ForNow(Option<Problem>),
}

impl Lane {
    /// `None` where the lane has left its shelf.
    fn read(&self, entry: &Entry) -> Option<Result<Bytes, Trouble>> {
        self.shelf().map(|shelf| shelf.store.read(entry))
    }

    fn remove_settled(&self, entries: Vec<Entry>) -> Vec<Problem> {
        let (mut problems, count) = (Vec::new(), entries.len());
        self.remove(entries, &mut problems);
        self.lock().removing -= count;
        self.settled.notify_waiters();
        problems
    }

    /// A parcel that the disk does not give back: one that is damaged or gone is lost; another error is no reason
    /// to give up.
    fn unreadable(&self, position: i64, trouble: &Trouble) -> Unreadable {
        let mut state = self.lock();
        let message = || trouble.message.clone();
        if matches!(trouble.kind, TroubleKind::Damaged | TroubleKind::Gone | TroubleKind::Newer) {
            let (items, _) = state.settle(&[position]);
            let lost = self.lose(&mut state, ProblemKind::Dropped, items, reason(trouble), message);
            return Unreadable::Lost(lost.into_iter().collect());
        }
        // Others go first.
        let delivered = state.delivered;
        state.parcels.suspect(&[position], u32::MAX, delivered);
        Unreadable::ForNow(self.first(&mut state, ProblemKind::Spool, reason(trouble), message))
    }
}

impl Drop for Shipment {
    fn drop(&mut self) {
        self.lane.lock().unclaim(&self.positions, self.loaded);
        self.lane.made_room();
        if !self.positions.is_empty() {
            // What is to be tried again does not wait for the schedule.
            self.lane.wake.notify_one();
        }
    }
}
