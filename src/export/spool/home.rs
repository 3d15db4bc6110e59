//! The folder that a process has in the spool while it lives.

use super::{
    disk,
    entry::{Trouble, TroubleKind},
    format::{self, LOCK},
    lock::{self, Lock},
    store::Shelf,
};
use std::{
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

/// The process's folder, locked while it is held.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) folder: PathBuf,
    /// The folders of the shelves, made when they are needed.
    pub(super) folders: Vec<Arc<Path>>,
    pub(super) lock: Lock,
}

impl Home {
    /// Makes and locks a folder that no process had before.
    pub(super) fn make(dir: &Path, started_ms: u64, shelves: &[Shelf]) -> Result<Self, Trouble> {
        /// Another process may take a folder for a dead one's before it is locked.
        const TRIES: u32 = 8;
        disk::make_dir(dir).map_err(|error| Trouble::of(&error, "make the directory", dir))?;
        for _ in 0..TRIES {
            let folder = dir.join(new_stamp(started_ms));
            disk::make_folder(&folder).map_err(|error| Trouble::of(&error, "make", &folder))?;
            let path = folder.join(LOCK);
            match lock::try_lock(&path) {
                Ok(Some(lock)) => {
                    let folders = shelves.iter().map(|shelf| folder.join(&shelf.name).into()).collect();
                    return Ok(Self { folder, folders, lock });
                }
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    let _ = fs::remove_file(&path);
                    let _ = fs::remove_dir(&folder);
                    return Err(Trouble::of(&error, "lock", &path));
                }
            }
        }
        let message = format!(
            "the spool cannot keep a folder in {}: something removes it; give Spool::new a directory that \
             nothing cleans",
            dir.display()
        );
        Err(Trouble::new(TroubleKind::Unavailable, message))
    }
}

/// The time as a store's start: later than that of every other store of the process, to order them.
pub(super) fn started_ms() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = format::unix_ms(SystemTime::now());
    let next = |last: u64| now.max(last.saturating_add(1));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    last.map_or(now, next)
}

/// A name that no store had before.
pub(super) fn new_stamp(started_ms: u64) -> String {
    // The standard library's hashes are seeded by the system, each one anew.
    format::stamp(started_ms, std::process::id(), RandomState::new().build_hasher().finish())
}
