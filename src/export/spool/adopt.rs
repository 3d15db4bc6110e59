//! What processes that are gone left behind.

use super::{
    disk::{self, Item, Look},
    entry::{self, Born, Entry, Found, Place, Trouble, TroubleKind},
    format::{self, DAMAGED, DESTINATION, HEADER, LOCK, REQUEST, UNFINISHED},
    lock,
    store::{self, SetAside, Store},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, MutexGuard, PoisonError, atomic::AtomicBool},
    time::{Duration, Instant, SystemTime},
};

/// What is remembered from one adoption to the next.
#[derive(Debug, Default)]
pub(super) struct Adoption {
    /// What was told, and is not again.
    told: HashSet<(TroubleKind, PathBuf)>,
    told_orphans: HashSet<String>,
    /// When files of an unbelievable time were found.
    first_seen: HashMap<String, Instant>,
}

/// One adoption.
struct Round<'a> {
    store: &'a Store,
    memory: MutexGuard<'a, Adoption>,
    found: Found,
    orphans: BTreeMap<String, Tally>,
    expired: BTreeMap<String, Tally>,
}

#[derive(Default)]
struct Tally {
    entries: u64,
    items: u64,
    bytes: u64,
    folder: PathBuf,
}

/// A shelf's folder of a process that is gone.
struct Left<'a> {
    folder: &'a Path,
    /// What a person knows it by.
    key: String,
    /// The shelf of ours that it is for.
    shelf: Option<usize>,
}

impl Store {
    /// Takes over the entries of processes that are gone, oldest first, under the names that they have: to
    /// be called at the start, and about once a minute.
    ///
    /// An entry is moved in one step, so that a crash at any moment neither loses nor doubles it. Folders
    /// that another process holds, or looks through now, are passed over.
    pub(in crate::export) fn adopt(&self) -> Found {
        let memory = self.adoption.lock().unwrap_or_else(PoisonError::into_inner);
        self.tidy();
        let mut round = Round {
            store: self,
            memory,
            found: Found::default(),
            orphans: BTreeMap::new(),
            expired: BTreeMap::new(),
        };
        match disk::list(&self.dir) {
            Ok(items) => items.iter().for_each(|item| round.visit(item)),
            // The next write makes it again, or says why it cannot.
            Err(error) if disk::is_vanished(&error) => {}
            Err(error) => round.tell_once(&self.dir, Trouble::of(&error, "read", &self.dir)),
        }
        round.finish()
    }
}

impl Round<'_> {
    fn visit(&mut self, process: &Item) {
        let is_process = process.is_folder && format::is_stamp(&process.name);
        if !is_process || self.store.is_home(&process.path) {
            return;
        }
        let path = process.path.join(LOCK);
        let lock = match lock::try_lock(&path) {
            Ok(Some(lock)) => lock,
            Ok(None) => return,
            Err(error) if disk::is_vanished(&error) => return,
            Err(error) => return self.tell_once(&path, Trouble::of(&error, "lock", &path)),
        };
        for folder in self.list(&process.path) {
            if folder.is_folder && format::is_shelf_name(&folder.name) {
                self.empty(&folder);
            }
        }
        disk::remove_home(&process.path, lock);
    }

    fn empty(&mut self, folder: &Item) {
        let key = disk::read_key(&folder.path);
        let shelf = self.store.shelves.iter().position(|shelf| match &key {
            Some(key) => shelf.key == *key,
            None => shelf.name == folder.name,
        });
        let key = key.unwrap_or_else(|| folder.name.clone());
        let left = Left { folder: &folder.path, key, shelf };
        for file in self.list(&folder.path) {
            if file.is_file {
                self.take(&left, &file);
            }
        }
        disk::remove_shelf(&folder.path);
    }

    fn take(&mut self, left: &Left<'_>, file: &Item) {
        if file.name == format!("{DESTINATION}.{UNFINISHED}") {
            let _ = fs::remove_file(&file.path);
        }
        match format::split(&file.name) {
            Some((_, UNFINISHED)) => {
                let _ = fs::remove_file(&file.path);
            }
            Some((stem, REQUEST)) => self.take_request(left, file, stem),
            Some((stem, DAMAGED)) => {
                self.take_damaged(left, &file.path, stem);
            }
            _ => {}
        }
    }

    fn take_request(&mut self, left: &Left<'_>, file: &Item, stem: &str) {
        let (look, metadata) = match disk::look(&file.path) {
            Ok(look) => look,
            Err(error) if disk::is_vanished(&error) => return,
            Err(error) => {
                let trouble = left.name(self.store, Trouble::of(&error, "read", &file.path));
                return self.tell_once(&file.path, trouble);
            }
        };
        let header = match look {
            Look::Whole(header) => header,
            Look::Newer => {
                let trouble = Trouble::new(TroubleKind::Newer, store::newer(left.folder));
                return self.tell_once(left.folder, left.name(self.store, trouble));
            }
            Look::Damaged { items } => {
                let aside = entry::path(left.folder, stem, DAMAGED);
                if let Err(error) = fs::rename(&file.path, &aside) {
                    return self.tell_once(&file.path, Trouble::of(&error, "set aside", &file.path));
                }
                let path = self.take_damaged(left, &aside, stem);
                let trouble = Trouble::new(TroubleKind::Damaged, store::damaged(&path, items)).items(items);
                return self.found.troubles.push(left.name(self.store, trouble));
            }
        };
        let born = self.born(stem, header.recorded(SystemTime::now()));
        let bytes = format::blocks(metadata.len());
        match left.shelf {
            Some(shelf) => {
                let folder = match self.move_in(shelf, &file.path, stem, REQUEST) {
                    Ok(folder) => folder,
                    Err(trouble) => return self.tell_once(&file.path, trouble),
                };
                self.memory.first_seen.remove(stem);
                let place = Place {
                    shelf,
                    folder,
                    stem: stem.to_owned(),
                    is_own: false,
                    born,
                    is_settled: AtomicBool::new(false),
                };
                let body_bytes = metadata.len().saturating_sub(HEADER as u64);
                let entry = Entry { items: header.items, bytes, body_bytes, place: Arc::new(place) };
                self.found.entries.push((shelf, entry));
                self.count(shelf, bytes);
            }
            None if self.is_old(born) => {
                if self.remove(left, &file.path, stem) {
                    Tally::add(&mut self.expired, left, header.items, bytes);
                }
            }
            None => Tally::add(&mut self.orphans, left, header.items, bytes),
        }
    }

    /// Keeps a damaged file on our shelf, or where it is if it is not for us; gives its path then.
    fn take_damaged(&mut self, left: &Left<'_>, path: &Path, stem: &str) -> PathBuf {
        let Ok(metadata) = fs::symlink_metadata(path) else { return path.to_owned() };
        let written = metadata.modified().ok().and_then(|time| format::believable(time, SystemTime::now()));
        let born = self.born(stem, written);
        let Some(shelf) = left.shelf else {
            if self.is_old(born) {
                self.remove(left, path, stem);
            }
            return path.to_owned();
        };
        match self.move_in(shelf, path, stem, DAMAGED) {
            Ok(folder) => {
                self.memory.first_seen.remove(stem);
                let path = entry::path(&folder, stem, DAMAGED);
                let bytes = format::blocks(metadata.len());
                if let Some(shelf) = self.store.shelves.get(shelf) {
                    shelf.room().damaged.push(SetAside { path: path.clone(), bytes, born });
                }
                self.count(shelf, bytes);
                path
            }
            Err(trouble) => {
                self.tell_once(path, trouble);
                path.to_owned()
            }
        }
    }

    /// Moves a file to our shelf, under its name.
    fn move_in(&self, shelf: usize, from: &Path, stem: &str, ending: &str) -> Result<Arc<Path>, Trouble> {
        self.store.in_folder(shelf, |folder| {
            let to = entry::path(folder, stem, ending);
            if fs::symlink_metadata(&to).is_ok() {
                return Err(io::Error::other("a file of this name is there already"));
            }
            fs::rename(from, to)
        })
    }

    /// Since when a file ages; from now on, where its time is not to be believed.
    fn born(&mut self, stem: &str, time: Option<SystemTime>) -> Born {
        match time {
            Some(time) => Born::Before(time),
            None => Born::Here(*self.memory.first_seen.entry(stem.to_owned()).or_insert_with(Instant::now)),
        }
    }

    fn is_old(&self, born: Born) -> bool {
        born.age(SystemTime::now(), Instant::now()) > self.store.max_age
    }

    fn remove(&mut self, left: &Left<'_>, path: &Path, stem: &str) -> bool {
        match (self.store.disk.remove)(path) {
            Ok(()) => {
                self.memory.first_seen.remove(stem);
                true
            }
            Err(error) => {
                let trouble = left.name(self.store, Trouble::of(&error, "remove", path));
                self.tell_once(path, trouble);
                false
            }
        }
    }

    fn count(&self, shelf: usize, bytes: u64) {
        if let Some(shelf) = self.store.shelves.get(shelf) {
            let mut room = shelf.room();
            room.used = room.used.saturating_add(bytes);
        }
    }

    fn list(&mut self, folder: &Path) -> Vec<Item> {
        match disk::list(folder) {
            Ok(items) => items,
            Err(error) if disk::is_vanished(&error) => Vec::new(),
            Err(error) => {
                self.tell_once(folder, Trouble::of(&error, "read", folder));
                Vec::new()
            }
        }
    }

    fn tell_once(&mut self, path: &Path, trouble: Trouble) {
        if self.memory.told.insert((trouble.kind, path.to_owned())) {
            self.found.troubles.push(trouble);
        }
    }

    fn finish(mut self) -> Found {
        let kept = days(self.store.max_age);
        for (key, tally) in std::mem::take(&mut self.orphans) {
            if self.memory.told_orphans.insert(key.clone()) {
                let message = format!(
                    "the spool keeps {} for {}, which is no destination of this program now, in {} and \
                     elsewhere perhaps: they are delivered when it is one again, and removed when they are \
                     {kept} old (Spool::max_age); delete the folder if they are not wanted",
                    tally.words(),
                    key.escape_debug(),
                    tally.folder.display()
                );
                self.found.troubles.push(tally.trouble(TroubleKind::Orphaned, key, message));
            }
        }
        for (key, tally) in std::mem::take(&mut self.expired) {
            let message = format!(
                "the spool has removed {} for {}, which is no destination of this program now: they were \
                 more than {kept} old (Spool::max_age)",
                tally.words(),
                key.escape_debug()
            );
            self.found.troubles.push(tally.trouble(TroubleKind::Expired, key, message));
        }
        self.found.entries.sort_by(|(_, one), (_, other)| one.cmp(other));
        self.found
    }
}

impl Left<'_> {
    fn name(&self, store: &Store, mut trouble: Trouble) -> Trouble {
        trouble.shelf = self.shelf;
        let key = self.shelf.and_then(|shelf| store.shelves.get(shelf)).map_or(&self.key, |shelf| &shelf.key);
        trouble.destination = Some(key.clone());
        trouble
    }
}

impl Tally {
    fn add(tallies: &mut BTreeMap<String, Self>, left: &Left<'_>, items: u64, bytes: u64) {
        let tally = tallies.entry(left.key.clone()).or_default();
        tally.entries += 1;
        tally.items = tally.items.saturating_add(items);
        tally.bytes = tally.bytes.saturating_add(bytes);
        left.folder.clone_into(&mut tally.folder);
    }

    fn words(&self) -> String {
        let Self { entries, items, bytes, .. } = self;
        format!("{entries} requests with {items} spans ({bytes} bytes)")
    }

    fn trouble(&self, kind: TroubleKind, key: String, message: String) -> Trouble {
        let mut trouble = Trouble::new(kind, message).items(Some(self.items));
        trouble.destination = Some(key);
        trouble
    }
}

/// A time as a person says it.
fn days(age: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match age.as_secs() {
        seconds if seconds >= DAY && seconds % DAY == 0 => format!("{} days", seconds / DAY),
        seconds => format!("{seconds} s"),
    }
}
