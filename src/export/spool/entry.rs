//! What the store hands out: entries, and what is wrong.

#![allow(clippy::missing_trait_methods, reason = "an order has many; it is exporters that must have all")]

use super::disk;
use std::{
    cmp::Ordering,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{self, AtomicBool},
    },
    time::{Duration, Instant, SystemTime},
};

/// A request on disk. They are ordered as they were recorded, those of other processes first.
#[derive(Clone, Debug)]
pub(in crate::export) struct Entry {
    /// The spans in it.
    pub(in crate::export) items: u64,
    /// What it counts against the bytes that its destination may have.
    pub(in crate::export) bytes: u64,
    /// How long its body is.
    pub(in crate::export) body_bytes: u64,
    pub(super) place: Arc<Place>,
}

#[derive(Debug)]
pub(super) struct Place {
    pub(super) shelf: usize,
    /// Shared by the entries of a shelf.
    pub(super) folder: Arc<Path>,
    pub(super) stem: String,
    pub(super) is_own: bool,
    pub(super) born: Born,
    /// Whether its bytes are given back, or another's matter now.
    pub(super) is_settled: AtomicBool,
}

/// Since when an entry ages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Born {
    /// By the clock that nobody sets.
    Here(Instant),
    /// By the time of day, of an earlier process.
    Before(SystemTime),
}

impl Born {
    pub(super) fn age(self, now: SystemTime, instant: Instant) -> Duration {
        match self {
            Self::Here(born) => instant.saturating_duration_since(born),
            Self::Before(born) => now.duration_since(born).unwrap_or_default(),
        }
    }
}

impl Entry {
    pub(super) fn path(&self, ending: &str) -> PathBuf {
        path(&self.place.folder, &self.place.stem, ending)
    }

    /// Whether this is the first to settle it.
    pub(super) fn settle(&self) -> bool {
        !self.place.is_settled.swap(true, atomic::Ordering::Relaxed)
    }

    fn rank(&self) -> (bool, &str) {
        (self.place.is_own, &self.place.stem)
    }
}

pub(super) fn path(folder: &Path, stem: &str, ending: &str) -> PathBuf {
    folder.join(format!("{stem}.{ending}"))
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// What other processes left behind.
#[derive(Debug, Default)]
pub(in crate::export) struct Found {
    /// Entries with the index of their shelf, oldest first.
    pub(in crate::export) entries: Vec<(usize, Entry)>,
    /// What was skipped, set aside or removed.
    pub(in crate::export) troubles: Vec<Trouble>,
}

/// Something that is wrong with the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::export) struct Trouble {
    pub(in crate::export) kind: TroubleKind,
    /// The spans that it costs, or keeps, where that is known.
    pub(in crate::export) items: Option<u64>,
    /// What is wrong, where, and what mends it; never content.
    pub(in crate::export) message: String,
    /// The index of the destination concerned, if it is one of the program's.
    pub(in crate::export) shelf: Option<usize>,
    /// The key of the destination concerned.
    pub(in crate::export) destination: Option<String>,
}

/// The kind of a [`Trouble`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::export) enum TroubleKind {
    /// The directory cannot be used.
    Unavailable,
    /// The disk, or the user's part of it, is full.
    DiskFull,
    /// An entry cannot be read and is set aside.
    Damaged,
    /// An entry of a newer version is left for it.
    Newer,
    /// An entry was removed by somebody else.
    Gone,
    /// Entries of a destination that the program does not have.
    Orphaned,
    /// Entries of such a destination that were too old, and removed.
    Expired,
    /// Another error of the file system.
    Io,
}

impl Trouble {
    pub(super) fn new(kind: TroubleKind, message: String) -> Self {
        Self { kind, items: None, message, shelf: None, destination: None }
    }

    /// An error of the file system, while doing something with a path.
    pub(super) fn of(error: &io::Error, deed: &str, path: &Path) -> Self {
        let (kind, advice) = disk::judge(error);
        let path = path.display();
        Self::new(kind, format!("the spool cannot {deed} {path}: {error}; {advice}"))
    }

    pub(super) fn items(mut self, items: Option<u64>) -> Self {
        self.items = items;
        self
    }

    pub(super) fn on(mut self, shelf: usize, key: &str) -> Self {
        self.shelf = Some(shelf);
        self.destination = Some(key.to_owned());
        self
    }
}

/// Why a request was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::export) enum WriteError {
    /// Its destination would have more than [`Spool::max_bytes`](super::Spool::max_bytes).
    Full,
    Trouble(Trouble),
}
