//! The store: writes, reads and removes a process's entries.

use super::{
    Durability, Spool,
    adopt::Adoption,
    disk::{self, Disk},
    entry::{self, Born, Entry, Place, Trouble, TroubleKind, WriteError},
    format::{self, DAMAGED, DESTINATION, HEADER, Header, REQUEST, UNFINISHED, Unfit},
    home::{self, Home},
};
use bytes::Bytes;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// Encoded requests on disk. Its methods may be called by several threads at once, and never panic.
#[derive(Debug)]
pub(in crate::export) struct Store {
    pub(super) dir: PathBuf,
    pub(super) max_bytes: u64,
    pub(super) max_age: Duration,
    durability: Durability,
    pub(super) shelves: Vec<Shelf>,
    started_ms: u64,
    stamp: String,
    sequence: AtomicU64,
    /// The last one is in use; earlier ones were taken away in part, and what is left there still counts.
    pub(super) homes: Mutex<Vec<Arc<Home>>>,
    pub(super) adoption: Mutex<Adoption>,
    pub(super) disk: Disk,
}

/// What one destination keeps.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) key: String,
    pub(super) name: String,
    room: Mutex<Room>,
}

#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) used: u64,
    pub(super) damaged: Vec<SetAside>,
    /// Entries that could not be removed, to be removed later.
    pub(super) stuck: Vec<Entry>,
}

/// A damaged file, kept for a person to look at.
#[derive(Debug)]
pub(super) struct SetAside {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) born: Born,
}

impl Store {
    /// `shelves` are the keys of the destinations, in the order of their index. Of equal ones each has its
    /// own shelf, told apart by their order.
    pub(in crate::export) fn open(settings: &Spool, shelves: &[String]) -> Result<Self, Trouble> {
        let dir = std::path::absolute(&settings.dir)
            .map_err(|error| Trouble::of(&error, "find the directory", &settings.dir))?;
        let shelves: Vec<_> =
            shelves.iter().enumerate().map(|(at, key)| Shelf::new(key, &shelves[..at])).collect();
        let started_ms = home::started_ms();
        let home = Home::make(&dir, started_ms, &shelves)?;
        Ok(Self {
            dir,
            max_bytes: settings.max_bytes,
            max_age: settings.max_age,
            durability: settings.durability,
            shelves,
            started_ms,
            stamp: home::new_stamp(started_ms),
            sequence: AtomicU64::new(0),
            homes: Mutex::new(vec![Arc::new(home)]),
            adoption: Mutex::default(),
            disk: Disk::default(),
        })
    }

    /// Whether a body of so many bytes fits at all.
    pub(in crate::export) fn could_take(&self, body: usize) -> bool {
        format::blocks((HEADER + body) as u64) <= self.max_bytes
    }

    pub(in crate::export) fn durability(&self) -> Durability {
        self.durability
    }

    /// Writes a request of so many spans. Nothing of it is left where that fails.
    pub(in crate::export) fn write(
        &self,
        shelf: usize,
        items: u64,
        body: &[u8],
    ) -> Result<Entry, WriteError> {
        let Some(place) = self.shelves.get(shelf) else {
            let message = format!("the spool has no shelf {shelf}");
            return Err(WriteError::Trouble(Trouble::new(TroubleKind::Io, message)));
        };
        let bytes = format::blocks((HEADER + body.len()) as u64);
        if !place.reserve(bytes, self.max_bytes) {
            return Err(WriteError::Full);
        }
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let stem = format::stem(&self.stamp, sequence);
        let header = Header::of(items, SystemTime::now(), body).encode();
        let placed = self.in_folder(shelf, |folder| {
            let unfinished = entry::path(folder, &stem, UNFINISHED);
            self.disk.place(&unfinished, &entry::path(folder, &stem, REQUEST), &[&header, body])
        });
        match placed {
            Ok(folder) => Ok(Entry {
                items,
                bytes,
                body_bytes: body.len() as u64,
                place: Arc::new(Place {
                    shelf,
                    folder,
                    stem,
                    is_own: true,
                    born: Born::Here(Instant::now()),
                    is_settled: AtomicBool::new(false),
                }),
            }),
            Err(trouble) => {
                let mut room = place.room();
                room.used = room.used.saturating_sub(bytes);
                Err(WriteError::Trouble(trouble))
            }
        }
    }

    /// The body of an entry. One that is `Damaged` (and set aside then) or `Gone` is off the account, so that
    /// there is nothing to remove; after another trouble it is still there.
    pub(in crate::export) fn read(&self, entry: &Entry) -> Result<Bytes, Trouble> {
        let path = entry.path(REQUEST);
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if disk::is_vanished(&error) => {
                self.settle(entry);
                let message = format!(
                    "{} was removed from the spool by something else, with {} spans: give Spool::new a \
                     directory that nothing cleans",
                    path.display(),
                    entry.items
                );
                return Err(self.trouble(entry, TroubleKind::Gone, message));
            }
            Err(error) => return Err(self.on_shelf(entry, Trouble::of(&error, "read", &path))),
        };
        match Header::parse(&file) {
            Ok(header) if header.file_bytes() == file.len() as u64 => {
                let body = Bytes::from(file).slice(HEADER..);
                if crc32fast::hash(&body) == header.body_crc {
                    return Ok(body);
                }
            }
            Err(Unfit::Newer) => {
                self.settle(entry);
                return Err(self.trouble(entry, TroubleKind::Newer, newer(&entry.place.folder)));
            }
            Ok(_) | Err(Unfit::Damaged) => {}
        }
        let aside = entry.path(DAMAGED);
        let path = if fs::rename(&path, &aside).is_ok() { aside } else { path };
        let message = damaged(&path, Some(entry.items));
        // Its bytes stay counted, for the file that is set aside.
        if entry.settle() {
            if let Some(shelf) = self.shelves.get(entry.place.shelf) {
                let aside = SetAside { path, bytes: entry.bytes, born: Born::Here(Instant::now()) };
                shelf.room().damaged.push(aside);
            }
        }
        Err(self.trouble(entry, TroubleKind::Damaged, message))
    }

    /// Removes an entry. One that cannot be removed stays counted, and is tried again by
    /// [`adopt`](Self::adopt).
    pub(in crate::export) fn remove(&self, entry: Entry) -> Result<(), Trouble> {
        let removed = self.unlink(&entry);
        let trouble = match removed {
            Ok(()) => return Ok(()),
            Err(error) => self.on_shelf(&entry, Trouble::of(&error, "remove", &entry.path(REQUEST))),
        };
        if let Some(shelf) = self.shelves.get(entry.place.shelf) {
            shelf.room().stuck.push(entry);
        }
        Err(trouble)
    }

    /// Whether it is older than [`Spool::max_age`].
    pub(in crate::export) fn is_expired(&self, entry: &Entry, now: SystemTime) -> bool {
        entry.place.born.age(now, Instant::now()) > self.max_age
    }

    /// Tries again what could not be removed, and removes what was set aside long ago.
    pub(super) fn tidy(&self) {
        for shelf in &self.shelves {
            let (stuck, damaged) = {
                let mut room = shelf.room();
                (std::mem::take(&mut room.stuck), std::mem::take(&mut room.damaged))
            };
            let stuck: Vec<_> = stuck.into_iter().filter(|entry| self.unlink(entry).is_err()).collect();
            let (now, instant) = (SystemTime::now(), Instant::now());
            let (old, mut kept): (Vec<_>, Vec<_>) =
                damaged.into_iter().partition(|aside| aside.born.age(now, instant) > self.max_age);
            let mut freed = 0;
            for aside in old {
                match missing_is_fine((self.disk.remove)(&aside.path)) {
                    Ok(()) => freed += aside.bytes,
                    Err(_) => kept.push(aside),
                }
            }
            let mut room = shelf.room();
            room.used = room.used.saturating_sub(freed);
            room.stuck.extend(stuck);
            room.damaged.extend(kept);
        }
    }

    fn unlink(&self, entry: &Entry) -> io::Result<()> {
        missing_is_fine((self.disk.remove)(&entry.path(REQUEST)))?;
        self.settle(entry);
        Ok(())
    }

    /// Gives its bytes back, once.
    fn settle(&self, entry: &Entry) {
        if entry.settle() {
            if let Some(shelf) = self.shelves.get(entry.place.shelf) {
                let mut room = shelf.room();
                room.used = room.used.saturating_sub(entry.bytes);
            }
        }
    }

    fn trouble(&self, entry: &Entry, kind: TroubleKind, message: String) -> Trouble {
        self.on_shelf(entry, Trouble::new(kind, message).items(Some(entry.items)))
    }

    fn on_shelf(&self, entry: &Entry, trouble: Trouble) -> Trouble {
        let shelf = entry.place.shelf;
        trouble.on(shelf, self.shelves.get(shelf).map_or("", |shelf| &shelf.key))
    }

    fn homes(&self) -> MutexGuard<'_, Vec<Arc<Home>>> {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_home(&self, folder: &Path) -> bool {
        self.homes().iter().any(|home| home.folder == folder)
    }

    /// Does something in a shelf's folder, which is made first where it is missing.
    pub(super) fn in_folder(
        &self,
        shelf: usize,
        deed: impl Fn(&Path) -> io::Result<()>,
    ) -> Result<Arc<Path>, Trouble> {
        let folder_now = || self.homes().last().and_then(|home| home.folders.get(shelf).cloned());
        let key = self.shelves.get(shelf).map_or("", |shelf| &shelf.key);
        let folder = match folder_now() {
            Some(folder) => folder,
            None => self.prepare(shelf)?,
        };
        let trouble =
            |error: &io::Error, folder: &Path| Trouble::of(error, "write to", folder).on(shelf, key);
        match deed(&folder) {
            Ok(()) => Ok(folder),
            Err(error) if disk::is_vanished(&error) => {
                let folder = self.prepare(shelf).map_err(|trouble| trouble.on(shelf, key))?;
                deed(&folder).map_err(|error| trouble(&error, &folder))?;
                Ok(folder)
            }
            Err(error) => Err(trouble(&error, &folder)),
        }
    }

    /// Makes a shelf's folder, and the process's where somebody took that away.
    fn prepare(&self, shelf: usize) -> Result<Arc<Path>, Trouble> {
        let mut homes = self.homes();
        let home = match homes.last() {
            Some(home) if home.lock.is_in_place() => Arc::clone(home),
            _ => {
                let home = Arc::new(Home::make(&self.dir, self.started_ms, &self.shelves)?);
                homes.retain(|home| home.folder.exists());
                homes.push(Arc::clone(&home));
                home
            }
        };
        let (Some(folder), Some(place)) = (home.folders.get(shelf), self.shelves.get(shelf)) else {
            return Err(Trouble::new(TroubleKind::Io, format!("the spool has no shelf {shelf}")));
        };
        let made = disk::make_folder(folder).and_then(|()| {
            if disk::read_key(folder).is_some() {
                return Ok(());
            }
            let unfinished = folder.join(format!("{DESTINATION}.{UNFINISHED}"));
            let _ = fs::remove_file(&unfinished);
            self.disk.place(&unfinished, &folder.join(DESTINATION), &[place.key.as_bytes(), b"\n"])
        });
        made.map_err(|error| Trouble::of(&error, "make", folder))?;
        Ok(Arc::clone(folder))
    }
}

impl Drop for Store {
    /// Removes the folder if nothing is left in it; what is left is the next process's.
    fn drop(&mut self) {
        for home in self.homes().drain(..) {
            for folder in &home.folders {
                disk::remove_shelf(folder);
            }
            if let Some(home) = Arc::into_inner(home) {
                disk::remove_home(&home.folder, home.lock);
            }
        }
    }
}

impl Shelf {
    fn new(key: &str, before: &[String]) -> Self {
        let key = match before.iter().filter(|other| *other == key).count() {
            0 => key.to_owned(),
            same => format!("{key} ({})", same + 1),
        };
        Self { name: format::shelf_name(&key), key, room: Mutex::default() }
    }

    pub(super) fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(&self, bytes: u64, most: u64) -> bool {
        let mut room = self.room();
        let used = room.used.saturating_add(bytes);
        let fits = used <= most;
        if fits {
            room.used = used;
        }
        fits
    }
}

fn missing_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if disk::is_vanished(&error) => Ok(()),
        removed => removed,
    }
}

pub(super) fn newer(path: &Path) -> String {
    format!("requests in {} were written by a newer version of tracing-genai; left for it", path.display())
}

pub(super) fn damaged(path: &Path, items: Option<u64>) -> String {
    let lost = items.map_or("an unknown number of spans".to_owned(), |items| format!("{items} spans"));
    format!(
        "a file of the spool is damaged, with {lost}, and set aside: {}; delete it if it is of no use, \
         Spool::max_age does so later",
        path.display()
    )
}
