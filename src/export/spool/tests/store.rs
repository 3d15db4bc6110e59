use super::*;
use std::time::{Instant, SystemTime};

#[test]
fn what_is_written_is_read_again() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 3, b"spans").unwrap();
    assert_eq!((entry.items, entry.body_bytes, entry.bytes), (3, 5, 4096));
    assert_eq!(body(&store, &entry), "spans");
}

#[test]
fn a_store_says_when_it_is_to_be_written() {
    let dir = Dir::new();
    assert_eq!(open(&dir.spool().durability(Durability::Always)).durability(), Durability::Always);
}

#[test]
fn an_empty_body_is_a_body() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 0, b"").unwrap();
    assert_eq!(body(&store, &entry), "");
}

#[test]
fn an_entry_that_is_removed_is_off_the_disk_and_the_account() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 1, &[7; 5000]).unwrap();
    assert_eq!(used(&store, 0), 8192);
    store.remove(entry).unwrap();
    assert_eq!((used(&store, 0), dir.files(REQUEST).len()), (0, 0));
}

#[test]
fn an_entry_that_is_removed_twice_is_given_back_once() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 1, b"one").unwrap();
    store.write(0, 1, b"two").unwrap();
    store.remove(entry.clone()).unwrap();
    store.remove(entry).unwrap();
    assert_eq!(used(&store, 0), 4096);
}

#[test]
fn each_destination_has_its_own_bytes_and_no_more() {
    let dir = Dir::new();
    let store = open(&dir.spool().max_bytes(8192));
    store.write(0, 1, b"one").unwrap();
    let second = store.write(0, 1, b"two").unwrap();
    assert_eq!(store.write(0, 1, b"three").unwrap_err(), WriteError::Full);
    assert_eq!(dir.files("").len(), 4, "lock, destination and two requests");
    store.write(1, 1, b"for the other").unwrap();
    store.remove(second).unwrap();
    store.write(0, 1, b"three").unwrap();
}

#[test]
fn entries_order_as_they_were_recorded() {
    let dir = Dir::new();
    let store = dir.open();
    let first = store.write(0, 1, b"first").unwrap();
    let second = store.write(1, 1, b"second").unwrap();
    assert!(first < second);
}

#[test]
fn an_entry_of_another_process_comes_before_our_own() {
    let dir = Dir::new();
    let store = dir.open();
    let own = store.write(0, 1, b"own").unwrap();
    leave(&dir, &["another's"]);
    let found = store.adopt();
    assert!(found.entries[0].1 < own);
}

#[test]
fn what_was_written_here_ages_by_the_clock_that_nobody_sets() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 1, b"spans").unwrap();
    let years = Duration::from_secs(10 * 365 * 86_400);
    assert!(!store.is_expired(&entry, SystemTime::now() + years));
    let (now, week) = (SystemTime::now(), Duration::from_secs(7 * 86_400));
    assert!(entry.place.born.age(now, Instant::now() + week) >= week);
}

#[test]
fn two_destinations_of_one_key_do_not_mix() {
    let dir = Dir::new();
    let keys = [KEY.to_owned(), KEY.to_owned()];
    let store = Store::open(&dir.spool(), &keys).unwrap();
    store.write(1, 1, b"for the second").unwrap();
    kill(store);
    let found = Store::open(&dir.spool(), &keys).unwrap().adopt();
    assert_eq!(found.entries.iter().map(|(shelf, _)| *shelf).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_shelf_says_in_full_whose_it_is() {
    let dir = Dir::new();
    let store = dir.open();
    store.write(0, 1, b"spans").unwrap();
    let files = dir.files("destination");
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), format!("{KEY}\n"));
}

#[test]
fn a_store_that_ends_with_nothing_left_leaves_nothing() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 1, b"spans").unwrap();
    store.remove(entry).unwrap();
    drop(store);
    assert_eq!(dir.processes(), 0);
}

#[test]
fn a_store_that_ends_leaves_what_is_left() {
    let dir = Dir::new();
    let store = dir.open();
    store.write(0, 1, b"spans").unwrap();
    drop(store);
    let next = dir.open();
    assert_eq!(bodies(&next, &next.adopt()), ["spans"]);
}

#[test]
fn threads_write_and_remove_at_once() {
    let dir = Dir::new();
    let store = dir.open();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..50_u64 {
                    let entry = store.write(0, 1, &number.to_le_bytes()).unwrap();
                    assert_eq!(store.read(&entry).unwrap(), &number.to_le_bytes()[..]);
                    if number % 2 == 0 {
                        store.remove(entry).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!((used(&store, 0), dir.files(REQUEST).len()), (100 * 4096, 100));
}

#[cfg(unix)]
#[test]
fn a_lock_whose_file_is_replaced_guards_nothing() {
    use crate::export::spool::lock::try_lock;
    let dir = Dir::new();
    let path = dir.0.join("lock");
    let first = try_lock(&path).unwrap().unwrap();
    assert!(first.is_in_place() && try_lock(&path).unwrap().is_none());
    fs::remove_file(&path).unwrap();
    let second = try_lock(&path).unwrap().unwrap();
    assert!(!first.is_in_place() && second.is_in_place());
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
#[test]
fn folders_and_files_are_for_this_user_alone() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 1, b"spans").unwrap();
    let shelf = entry.path(REQUEST).parent().unwrap().to_owned();
    let process = shelf.parent().unwrap().to_owned();
    for folder in [&shelf, &process, &dir.0.join("spool")] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    let files = dir.files("");
    assert_eq!(files.len(), 3, "lock, destination and request: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_exists_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    let path = dir.0.join("spool");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let store = dir.open();
    let entry = store.write(0, 1, b"spans").unwrap();
    assert_eq!(mode(&path), 0o755);
    assert_eq!(mode(entry.path(REQUEST).parent().unwrap()), 0o700);
}

#[test]
fn missing_parents_of_the_directory_are_made() {
    let dir = Dir::new();
    let store = open(&Spool::new(dir.0.join("a/b/c")));
    store.write(0, 1, b"spans").unwrap();
    assert_eq!(dir.files(REQUEST).len(), 1);
}
