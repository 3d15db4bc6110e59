//! A lane's part of the disk: what goes there, what comes back from there.

use super::{Lane, Place, WhenFull, parcels::Parcel};
use crate::export::{
    lane::QUEUE_FULL,
    report::{Problem, ProblemKind},
    spool::{Entry, Store, Trouble, TroubleKind, WriteError},
    spooling::Alarm,
};
use std::{sync::Arc, time::SystemTime};

const SPOOL_EXPIRED: &str = "spool_expired";

/// A lane's place in the spool.
#[derive(Debug)]
pub(in crate::export) struct Shelf {
    pub(in crate::export) store: Arc<Store>,
    pub(in crate::export) index: usize,
    pub(in crate::export) alarm: Arc<Alarm>,
}

impl Lane {
    /// Gives it a place on disk.
    pub(in crate::export) fn put_on_shelf(&self, shelf: Shelf) {
        self.lock().shelf = Some(Arc::new(shelf));
    }

    /// Needs its place on disk no longer: what is there is left to a later run.
    pub(in crate::export) fn leave_shelf(&self) {
        self.lock().shelf = None;
    }

    pub(super) fn shelf(&self) -> Option<Arc<Shelf>> {
        self.lock().shelf.clone()
    }

    /// The parcel with its body on disk, if the disk takes it.
    pub(super) fn shelve(&self, parcel: Parcel, problems: &mut Vec<Problem>) -> Parcel {
        let Some(body) = &parcel.body else { return parcel };
        match self.write(parcel.items, body, problems) {
            Some(entry) => {
                // A copy in memory saves reading it again, as long as there is room.
                let keeps_copy = {
                    let state = self.lock();
                    state.is_eager() && state.memory() < self.limits.bytes / 4
                };
                parcel.on_disk(entry, keeps_copy)
            }
            None => parcel,
        }
    }

    fn write(&self, items: u64, body: &[u8], problems: &mut Vec<Problem>) -> Option<Entry> {
        let shelf = self.shelf()?;
        loop {
            let (reason, message) = match shelf.store.write(shelf.index, items, body) {
                Ok(entry) => return Some(entry),
                Err(WriteError::Full) => {
                    // One that never fits is no reason to drop the others.
                    let makes_room =
                        self.limits.when_full == WhenFull::DropOldest && shelf.store.could_take(body.len());
                    if makes_room && self.evict_from_disk(problems) {
                        continue;
                    }
                    let message = "the spool has reached Spool::max_bytes; spans are kept in memory while there \
                        is room";
                    ("spool_full", message.to_owned())
                }
                Err(WriteError::Trouble(trouble)) => (reason(&trouble), trouble.message),
            };
            let mut state = self.lock();
            state.refuse_disk();
            problems.extend(self.first(&mut state, ProblemKind::Spool, reason, || message));
            return None;
        }
    }

    fn evict_from_disk(&self, problems: &mut Vec<Problem>) -> bool {
        let (entry, problem) = {
            let mut state = self.lock();
            let Some((items, entry)) = state.take_oldest_from_disk() else { return false };
            let message = "the spool has reached Spool::max_bytes; the oldest spans are dropped to make room";
            (entry, self.lose(&mut state, ProblemKind::Dropped, items, QUEUE_FULL, || message.to_owned()))
        };
        problems.extend(problem);
        self.remove(vec![entry], problems);
        true
    }

    /// Takes entries off the disk whose spans are accounted for.
    pub(super) fn remove(&self, entries: Vec<Entry>, problems: &mut Vec<Problem>) {
        if let Some(shelf) = self.shelf() {
            self.remove_from(&shelf, entries, problems);
        }
    }

    fn remove_from(&self, shelf: &Shelf, entries: Vec<Entry>, problems: &mut Vec<Problem>) {
        if entries.is_empty() {
            return;
        }
        for entry in entries {
            if let Err(trouble) = shelf.store.remove(entry) {
                problems.extend(self.tell(&trouble));
            }
        }
        self.lock().ask_disk_again();
    }

    /// The trouble as a problem, the first time that one of its kind comes up.
    pub(in crate::export) fn tell(&self, trouble: &Trouble) -> Option<Problem> {
        self.first(&mut self.lock(), ProblemKind::Spool, reason(trouble), || trouble.message.clone())
    }

    /// Brings what is in memory to the disk: all of it where that was asked for or the destination does not
    /// take spans, else what fills the memory faster than the courier empties it. Runs on the spool's thread.
    pub(in crate::export) fn keep(&self, problems: &mut Vec<Problem>) {
        let is_due = self.lock().wants_disk();
        if is_due {
            self.keep_all(problems);
        }
        while self.lock().is_filling(&self.limits) && self.pack(self.limits.relief(), Place::Disk, problems) {
        }
    }

    /// Whether something is to be brought to the disk.
    pub(in crate::export) fn is_due_on_disk(&self) -> bool {
        let state = self.lock();
        (state.wants_disk() && !state.disk_refuses() && state.has_unshelved())
            || state.is_filling(&self.limits)
    }

    /// Brings some of what is in memory to the disk, on its way or not.
    pub(super) fn relieve(&self, problems: &mut Vec<Problem>) {
        if !self.pack(self.limits.relief(), Place::Disk, problems) {
            self.shelve_next(problems);
        }
    }

    /// Brings the next parcel to the disk that is in memory alone; whether there was one that the disk took.
    fn shelve_next(&self, problems: &mut Vec<Problem>) -> bool {
        let Some(shelf) = self.shelf() else { return false };
        let Some(shelving) = self.lock().parcels.begin_shelving() else { return false };
        let entry = self.write(shelving.items, &shelving.body, problems);
        let is_taken = entry.is_some();
        let obsolete = {
            let mut state = self.lock();
            let keeps_copy = state.is_eager();
            state.parcels.end_shelving(&shelving, entry, keeps_copy)
        };
        self.remove_from(&shelf, obsolete.into_iter().collect(), problems);
        self.made_room();
        is_taken
    }

    /// Brings to the disk what is in memory, on its way or not, until the disk refuses.
    pub(in crate::export) fn keep_all(&self, problems: &mut Vec<Problem>) {
        {
            let mut state = self.lock();
            if state.shelf.is_none() {
                return;
            }
            state.ask_disk_again();
        }
        while self.shelve_next(problems) {}
        // What comes meanwhile waits for its turn: other destinations do too.
        let mark = self.mark();
        while self.lock().is_to_be_packed(mark) && self.pack(self.limits.request_bytes, Place::Disk, problems)
        {
        }
        self.made_room();
    }

    /// Takes over what an earlier run left.
    pub(in crate::export) fn recover(&self, entry: Entry) {
        self.lock().recover(entry);
    }

    /// Counts what an earlier run left and is damaged.
    pub(in crate::export) fn miss(&self, trouble: &Trouble) {
        if let (TroubleKind::Damaged, Some(items @ 1..)) = (trouble.kind, trouble.items) {
            self.lock().miss(items, reason(trouble));
        }
    }

    /// Drops what has been on disk for too long.
    pub(in crate::export) fn expire(&self, now: SystemTime, problems: &mut Vec<Problem>) {
        let Some(shelf) = self.shelf() else { return };
        let (entries, problem) = {
            let mut state = self.lock();
            let (items, entries) = state.take_from_disk(|entry| shelf.store.is_expired(entry, now));
            let message = "spans were in the spool for longer than Spool::max_age";
            (
                entries,
                self.lose(&mut state, ProblemKind::Dropped, items, SPOOL_EXPIRED, || message.to_owned()),
            )
        };
        problems.extend(problem);
        self.remove(entries, problems);
    }
}

/// The name of a trouble with the spool, as reports have it.
pub(in crate::export) fn reason(trouble: &Trouble) -> &'static str {
    match trouble.kind {
        TroubleKind::Unavailable => "spool_unavailable",
        TroubleKind::DiskFull => "spool_disk_full",
        TroubleKind::Damaged => "spool_damaged",
        TroubleKind::Newer => "spool_newer_version",
        TroubleKind::Gone => "spool_entry_gone",
        TroubleKind::Orphaned => "spool_orphaned",
        TroubleKind::Expired => SPOOL_EXPIRED,
        TroubleKind::Io => "spool_error",
    }
}
