use super::*;
use crate::export::spool::{Trouble, disk::Disk};
use std::{io, io::ErrorKind, io::Write, time::Instant};

fn trouble(error: WriteError) -> Trouble {
    match error {
        WriteError::Trouble(trouble) => trouble,
        WriteError::Full => panic!("full"),
    }
}

fn opening(path: &Path) -> Trouble {
    Store::open(&Spool::new(path), &[KEY.to_owned()]).map(kill).unwrap_err()
}

/// It says where, and which setting mends it.
fn is_told(trouble: &Trouble, kind: TroubleKind, path: &Path) {
    assert_eq!(trouble.kind, kind, "{trouble:?}");
    assert!(trouble.message.contains(&path.display().to_string()), "{trouble:?}");
    assert!(trouble.message.contains("Spool::"), "{trouble:?}");
}

#[test]
fn a_path_that_is_a_file_is_told() {
    let dir = Dir::new();
    let path = dir.0.join("file");
    fs::write(&path, "").unwrap();
    is_told(&opening(&path), TroubleKind::Unavailable, &path);
    assert!(path.is_file());
}

#[test]
fn a_path_below_a_file_is_told() {
    let dir = Dir::new();
    fs::write(dir.0.join("file"), "").unwrap();
    let path = dir.0.join("file/spool");
    is_told(&opening(&path), TroubleKind::Unavailable, &path);
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_made_is_told() {
    let path = Path::new("/proc/spool");
    let trouble = opening(path);
    is_told(&trouble, TroubleKind::Unavailable, path);
    assert!(trouble.message.contains("parent"), "{}", trouble.message);
}

#[test]
fn a_disk_that_is_full_half_way_is_told_and_nothing_is_left() {
    let dir = Dir::new();
    let mut store = dir.open();
    store.write(0, 1, b"fits").unwrap();
    store.disk.fill = |path, parts| {
        fs::File::create(path)?.write_all(parts[0])?;
        Err(ErrorKind::StorageFull.into())
    };
    let trouble = trouble(store.write(0, 1, b"does not").unwrap_err());
    is_told(&trouble, TroubleKind::DiskFull, &dir.0);
    assert_eq!((trouble.shelf, trouble.destination.as_deref()), (Some(0), Some(KEY)));
    assert_eq!((used(&store, 0), dir.files("tmp").len(), dir.files(REQUEST).len()), (4096, 0, 1));
    store.disk = Disk::default();
    store.write(0, 1, b"fits again").unwrap();
}

#[test]
fn a_disk_that_became_read_only_is_told() {
    let dir = Dir::new();
    let mut store = dir.open();
    let entry = store.write(0, 1, b"spans").unwrap();
    store.disk.fill = |_, _| Err(ErrorKind::ReadOnlyFilesystem.into());
    is_told(&trouble(store.write(0, 1, b"more").unwrap_err()), TroubleKind::Unavailable, &dir.0);
    assert_eq!(body(&store, &entry), "spans");
}

#[test]
fn an_entry_that_cannot_be_removed_stays_counted_until_it_can() {
    let dir = Dir::new();
    let mut store = dir.open();
    let entry = store.write(0, 1, b"spans").unwrap();
    store.disk.remove = |_| Err(io::Error::other("broken"));
    is_told(&store.remove(entry).unwrap_err(), TroubleKind::Io, &dir.0);
    store.adopt();
    assert_eq!(used(&store, 0), 4096);
    store.disk = Disk::default();
    store.adopt();
    assert_eq!((used(&store, 0), dir.files(REQUEST).len()), (0, 0));
}

#[test]
fn a_directory_that_vanishes_is_made_again_with_its_lock() {
    let dir = Dir::new();
    let store = dir.open();
    let lost = store.write(0, 2, b"lost").unwrap();
    fs::remove_dir_all(dir.0.join("spool")).unwrap();
    let entry = store.write(0, 1, b"kept").unwrap();
    assert_eq!(body(&store, &entry), "kept");
    assert_eq!(store.read(&lost).unwrap_err().kind, TroubleKind::Gone);
    assert!(dir.open().adopt().entries.is_empty(), "it is held");
}

#[test]
fn a_shelf_that_vanishes_is_made_again_in_its_place() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 2, b"lost").unwrap();
    fs::remove_dir_all(entry.path(REQUEST).parent().unwrap()).unwrap();
    store.write(0, 1, b"kept").unwrap();
    assert_eq!((dir.processes(), dir.files("destination").len()), (1, 1));
}

#[test]
fn a_directory_that_is_replaced_by_a_file_is_told() {
    let dir = Dir::new();
    let store = dir.open();
    let path = dir.0.join("spool");
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "").unwrap();
    is_told(&trouble(store.write(0, 1, b"spans").unwrap_err()), TroubleKind::Unavailable, &path);
    assert_eq!(used(&store, 0), 0);
    assert!(store.adopt().troubles.is_empty());
}

#[test]
fn an_entry_that_somebody_deletes_is_gone_and_off_the_account() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 2, b"spans").unwrap();
    fs::remove_file(entry.path(REQUEST)).unwrap();
    let trouble = store.read(&entry).unwrap_err();
    is_told(&trouble, TroubleKind::Gone, &entry.path(REQUEST));
    assert_eq!((trouble.items, used(&store, 0)), (Some(2), 0));
    store.remove(entry).unwrap();
    assert_eq!(used(&store, 0), 0);
}

#[test]
fn a_damaged_body_is_set_aside_and_stays_counted_until_it_is_old() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 2, b"spans").unwrap();
    let path = entry.path(REQUEST);
    let mut file = fs::read(&path).unwrap();
    file[HEADER] ^= 1;
    fs::write(&path, file).unwrap();
    let trouble = store.read(&entry).unwrap_err();
    is_told(&trouble, TroubleKind::Damaged, &entry.path(DAMAGED));
    store.remove(entry).unwrap();
    assert_eq!((trouble.items, used(&store, 0), dir.files(DAMAGED).len()), (Some(2), 4096, 1));
    let born = super::super::entry::Born::Before(std::time::UNIX_EPOCH);
    store.shelves[0].room().damaged[0].born = born;
    store.adopt();
    assert_eq!((used(&store, 0), dir.files(DAMAGED).len()), (0, 0));
}

#[test]
fn a_flip_anywhere_in_an_entry_is_found() {
    let dir = Dir::new();
    let store = dir.open();
    let whole = store.write(0, 2, b"spans").map(|entry| fs::read(entry.path(REQUEST)).unwrap()).unwrap();
    for position in 0..whole.len() * 8 {
        let entry = store.write(0, 2, b"spans").unwrap();
        let mut file = fs::read(entry.path(REQUEST)).unwrap();
        file[position / 8] ^= 1 << (position % 8);
        fs::write(entry.path(REQUEST), file).unwrap();
        let kind = store.read(&entry).unwrap_err().kind;
        assert!(matches!(kind, TroubleKind::Damaged | TroubleKind::Newer), "bit {position}: {kind:?}");
    }
}

#[test]
fn an_entry_of_any_other_length_is_damaged() {
    let dir = Dir::new();
    let store = dir.open();
    for length in (0..HEADER + 5).chain([HEADER + 6]) {
        let entry = store.write(0, 2, b"spans").unwrap();
        let mut file = fs::read(entry.path(REQUEST)).unwrap();
        file.resize(length, 0);
        fs::write(entry.path(REQUEST), file).unwrap();
        assert_eq!(store.read(&entry).unwrap_err().kind, TroubleKind::Damaged, "{length}");
    }
}

/// What is found after this was made of a dead process's request of three spans.
fn after(dir: &Dir, change: impl FnOnce(&mut Vec<u8>)) -> (Store, Found) {
    let dead = dir.open();
    let path = dead.write(0, 3, b"spans").unwrap().path(REQUEST);
    kill(dead);
    let mut file = fs::read(&path).unwrap();
    change(&mut file);
    fs::write(&path, file).unwrap();
    let store = dir.open();
    let found = store.adopt();
    (store, found)
}

#[test]
fn a_truncated_entry_is_set_aside_with_what_it_held() {
    let dir = Dir::new();
    let (store, found) = after(&dir, |file| file.truncate(HEADER + 2));
    assert_eq!((kinds(&found), found.troubles[0].items), (vec![TroubleKind::Damaged], Some(3)));
    assert_eq!((found.entries.len(), used(&store, 0), dir.files(DAMAGED).len()), (0, 4096, 1));
    assert_eq!(found.troubles[0].shelf, Some(0));
    assert!(found.troubles[0].message.contains(&dir.files(DAMAGED)[0].display().to_string()));
    assert!(store.adopt().troubles.is_empty());
}

#[test]
fn an_empty_entry_is_set_aside_with_what_is_not_known() {
    let dir = Dir::new();
    let (_store, found) = after(&dir, Vec::clear);
    assert_eq!((kinds(&found), found.troubles[0].items), (vec![TroubleKind::Damaged], None));
}

#[test]
fn a_damaged_file_is_inherited_and_counted() {
    let dir = Dir::new();
    let (store, _) = after(&dir, Vec::clear);
    fs::write(&dir.files(DAMAGED)[0], "junk").unwrap();
    kill(store);
    let store = dir.open();
    assert!(store.adopt().troubles.is_empty(), "it was told");
    assert_eq!((used(&store, 0), dir.files(DAMAGED).len(), dir.processes()), (4096, 1, 1));
}

#[test]
fn an_entry_of_a_newer_version_is_told_once_and_left_for_it() {
    let dir = Dir::new();
    let (store, found) = after(&dir, |file| file[8] = 2);
    assert_eq!(kinds(&found), [TroubleKind::Newer]);
    assert!(found.troubles[0].message.contains("written by a newer version of tracing-genai; left for it"));
    assert!(store.adopt().troubles.is_empty());
    assert_eq!((dir.files(REQUEST).len(), dir.processes(), used(&store, 0)), (1, 2, 0));
}

#[test]
fn a_damaged_entry_of_a_destination_that_is_gone_is_set_aside_where_it_is() {
    let dir = Dir::new();
    leave(&dir, &["one"]);
    fs::write(&dir.files(REQUEST)[0], "").unwrap();
    let store = Store::open(&dir.spool(), &[OTHER.to_owned()]).unwrap();
    let found = store.adopt();
    assert_eq!((kinds(&found), found.troubles[0].shelf), (vec![TroubleKind::Damaged], None));
    assert_eq!((used(&store, 0), dir.files(DAMAGED).len()), (0, 1));
}

#[test]
fn a_shelf_that_there_is_not_is_told() {
    let dir = Dir::new();
    assert_eq!(trouble(dir.open().write(2, 1, b"spans").unwrap_err()).kind, TroubleKind::Io);
}

#[test]
fn no_trouble_holds_content() {
    let dir = Dir::new();
    let store = dir.open();
    let entry = store.write(0, 1, b"a secret").unwrap();
    fs::write(entry.path(REQUEST), "a secret").unwrap();
    let trouble = store.read(&entry).unwrap_err();
    assert!(!format!("{trouble:?} {entry:?}").contains("secret"));
    assert!(
        store.shelves[0].room().damaged[0].born.age(std::time::SystemTime::now(), Instant::now())
            < Duration::from_secs(3600)
    );
}
