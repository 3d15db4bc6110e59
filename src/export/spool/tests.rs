#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod adopt;
mod random;
mod store;
mod trouble;

use super::{
    Durability, Entry, Spool, Store, TroubleKind, WriteError, disk,
    entry::Found,
    format::{self, DAMAGED, HEADER, REQUEST},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const KEY: &str = "https://otlp.example.com/v1/traces";
const OTHER: &str = "http://localhost:4318/v1/traces";

/// A directory of a test's own.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tracing-genai-spool-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn spool(&self) -> Spool {
        Spool::new(self.0.join("spool"))
    }

    fn open(&self) -> Store {
        open(&self.spool())
    }

    /// Every file in the spool with this ending.
    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for item in disk::list(&folder).unwrap_or_default() {
                match item.is_folder {
                    true => folders.push(item.path),
                    false if item.name.ends_with(ending) => files.push(item.path),
                    false => {}
                }
            }
        }
        files.sort();
        files
    }

    /// The folders of processes.
    fn processes(&self) -> usize {
        disk::list(&self.0.join("spool")).unwrap().iter().filter(|item| format::is_stamp(&item.name)).count()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(spool: &Spool) -> Store {
    Store::open(spool, &[KEY.to_owned(), OTHER.to_owned()]).unwrap()
}

/// Ends a store as a killed process ends: all that happens is that its lock is let go.
fn kill(mut store: Store) {
    store.homes.get_mut().unwrap().clear();
}

/// What a killed process with these requests for the first destination leaves.
fn leave(dir: &Dir, bodies: &[&str]) {
    let store = dir.open();
    for body in bodies {
        store.write(0, 1, body.as_bytes()).unwrap();
    }
    kill(store);
}

fn used(store: &Store, shelf: usize) -> u64 {
    store.shelves[shelf].room().used
}

fn bodies(store: &Store, found: &Found) -> Vec<String> {
    found.entries.iter().map(|(_, entry)| body(store, entry)).collect()
}

fn body(store: &Store, entry: &Entry) -> String {
    String::from_utf8(store.read(entry).unwrap().to_vec()).unwrap()
}

fn kinds(found: &Found) -> Vec<TroubleKind> {
    found.troubles.iter().map(|trouble| trouble.kind).collect()
}

/// Puts another header before a file's body.
fn reheader(path: &Path, change: impl FnOnce(&mut format::Header)) {
    let file = fs::read(path).unwrap();
    let mut header = format::Header::parse(&file).unwrap();
    change(&mut header);
    fs::write(path, [&header.encode(), &file[HEADER..]].concat()).unwrap();
}

#[test]
fn a_spool_of_no_bytes_is_an_error_that_names_the_setting() {
    let error = Spool::new("spool").max_bytes(0).check().unwrap_err();
    assert!(error.to_string().contains("Spool::max_bytes"), "{error}");
}

#[test]
fn a_spool_of_no_time_is_an_error_that_names_the_setting() {
    let error = Spool::new("spool").max_age(Duration::ZERO).check().unwrap_err();
    assert!(error.to_string().contains("Spool::max_age"), "{error}");
}

#[test]
fn a_spool_of_no_path_is_an_error_that_names_the_setting() {
    let error = Spool::new("").check().unwrap_err();
    assert!(error.to_string().contains("Spool::new"), "{error}");
}

#[test]
fn a_path_of_any_kind_is_a_spool_with_the_defaults() {
    for spool in
        [Spool::from("a"), String::from("a").into(), Path::new("a").into(), PathBuf::from("a").into()]
    {
        assert!(spool.check().is_ok());
        assert_eq!(
            (spool.max_bytes, spool.max_age, spool.durability),
            (1 << 30, Duration::from_secs(7 * 86_400), Durability::OnOutage)
        );
    }
}

#[test]
fn destinations_that_read_alike_have_different_folders() {
    assert_ne!(format::shelf_name("http://a/b"), format::shelf_name("http://a_b"));
    assert!(format::is_shelf_name(&format::shelf_name("http://a/b")));
    assert!(format::shelf_name(&"é/".repeat(500)).len() < 100);
}

#[test]
fn names_order_as_their_processes_started_and_as_they_wrote() {
    let early = format::stamp(999, 4_000_000_000, u64::MAX);
    let late = format::stamp(1_000, 1, 0);
    assert!(format::stem(&early, 1_000) < format::stem(&late, 9));
    assert!(format::stem(&late, 9) < format::stem(&late, 10));
}
