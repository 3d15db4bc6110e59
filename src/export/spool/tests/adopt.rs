use super::*;
use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Barrier,
    time::SystemTime,
};

#[test]
fn what_a_killed_process_left_is_taken_over_in_order() {
    let dir = Dir::new();
    leave(&dir, &["one", "two", "three"]);
    let store = dir.open();
    let found = store.adopt();
    assert_eq!(bodies(&store, &found), ["one", "two", "three"]);
    assert_eq!((found.troubles.len(), used(&store, 0), dir.processes()), (0, 3 * 4096, 1));
    let (shelf, entry) = &found.entries[0];
    assert_eq!((*shelf, entry.items, entry.bytes, entry.body_bytes), (0, 1, 4096, 3));
}

#[test]
fn what_is_taken_over_is_found_once() {
    let dir = Dir::new();
    leave(&dir, &["one"]);
    let store = dir.open();
    assert_eq!(store.adopt().entries.len(), 1);
    assert_eq!(store.adopt().entries.len(), 0);
}

#[test]
fn what_is_taken_over_keeps_its_order_for_the_next() {
    let dir = Dir::new();
    leave(&dir, &["one", "two"]);
    let second = dir.open();
    second.write(0, 1, b"three").unwrap();
    second.adopt();
    kill(second);
    let third = dir.open();
    assert_eq!(bodies(&third, &third.adopt()), ["one", "two", "three"]);
}

#[test]
fn what_a_living_process_has_is_not_touched() {
    let dir = Dir::new();
    let living = dir.open();
    let entry = living.write(0, 1, b"mine").unwrap();
    let found = dir.open().adopt();
    assert_eq!((found.entries.len(), found.troubles.len()), (0, 0));
    assert_eq!(body(&living, &entry), "mine");
}

#[test]
fn of_many_that_start_at_once_exactly_one_gets_each_entry() {
    let dir = Dir::new();
    let names: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    leave(&dir, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let start = Barrier::new(4);
    let found: Vec<String> = std::thread::scope(|scope| {
        let search = || {
            start.wait();
            let store = dir.open();
            let found = store.adopt();
            let found = bodies(&store, &found);
            // It lives on, so that the others do not inherit from it.
            (store, found)
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(search)).collect();
        let ended: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        ended.iter().flat_map(|(_, found)| found.clone()).collect()
    });
    assert_eq!(found.len(), 50);
    assert_eq!(found.into_iter().collect::<HashSet<_>>().len(), 50);
}

#[test]
fn a_process_that_starts_while_others_look_for_the_dead_keeps_what_it_writes() {
    let dir = Dir::new();
    let start = Barrier::new(4);
    let living: Vec<_> = std::thread::scope(|scope| {
        let live = || {
            start.wait();
            let living = (0..40).map(|_| {
                let store = dir.open();
                let entry = store.write(0, 1, b"mine").unwrap();
                assert_eq!(store.adopt().entries.len(), 0);
                (store, entry)
            });
            living.collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(live)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(living.iter().all(|(store, entry)| body(store, entry) == "mine"));
    assert_eq!(dir.processes(), living.len());
}

#[test]
fn a_crash_half_way_through_an_adoption_loses_and_doubles_nothing() {
    let dir = Dir::new();
    leave(&dir, &["one", "two", "three"]);
    let moved = dir.files(REQUEST).remove(1);
    let second = dir.open();
    let own = second.write(0, 1, b"four").unwrap();
    fs::rename(&moved, own.place.folder.join(moved.file_name().unwrap())).unwrap();
    kill(second);
    let third = dir.open();
    assert_eq!(bodies(&third, &third.adopt()), ["one", "two", "three", "four"]);
    assert_eq!(dir.processes(), 1);
}

#[test]
fn a_crash_before_the_first_entry_leaves_nothing_for_good() {
    let dir = Dir::new();
    let store = dir.open();
    let folder = dir.0.join("spool").join(format::stamp(1, 2, 3));
    fs::create_dir(&folder).unwrap();
    store.adopt();
    assert!(!folder.exists());
}

#[test]
fn a_shelf_whose_key_is_lost_is_known_by_its_name() {
    let dir = Dir::new();
    leave(&dir, &["one"]);
    fs::write(&dir.files("destination")[0], "").unwrap();
    let store = dir.open();
    assert_eq!(bodies(&store, &store.adopt()), ["one"]);
}

#[test]
fn a_file_half_written_by_a_dead_process_is_removed() {
    let dir = Dir::new();
    leave(&dir, &["one"]);
    let whole = &dir.files(REQUEST)[0];
    fs::write(whole.with_extension("tmp"), "half").unwrap();
    let store = dir.open();
    assert_eq!(store.adopt().entries.len(), 1);
    assert_eq!(dir.files("tmp").len(), 0);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let dir = Dir::new();
    leave(&dir, &["one"]);
    let shelf = dir.files(REQUEST)[0].parent().unwrap().to_owned();
    let foreign = [
        dir.0.join("spool/notes.tmp"),
        shelf.join("notes.tmp"),
        shelf.join("x.request"),
        shelf.join("x.damaged"),
    ];
    for path in &foreign {
        fs::write(path, "notes").unwrap();
    }
    let folder = dir.0.join("spool/somebody");
    fs::create_dir(&folder).unwrap();
    let store = dir.open();
    let found = store.adopt();
    assert_eq!((found.entries.len(), found.troubles.len()), (1, 0));
    assert!(foreign.iter().all(|path| path.exists()) && folder.exists());
}

#[cfg(unix)]
#[test]
fn a_link_is_not_followed() {
    let dir = Dir::new();
    leave(&dir, &["one"]);
    let path = dir.files(REQUEST).remove(0);
    let elsewhere = dir.0.join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let found = dir.open().adopt();
    assert_eq!((found.entries.len(), elsewhere.exists()), (0, true));
}

#[test]
fn entries_for_a_destination_that_is_gone_are_told_once_and_kept() {
    let dir = Dir::new();
    leave(&dir, &["one", "two"]);
    let store = Store::open(&dir.spool(), &[OTHER.to_owned()]).unwrap();
    let found = store.adopt();
    assert_eq!(kinds(&found), [TroubleKind::Orphaned]);
    let trouble = &found.troubles[0];
    assert_eq!((trouble.items, trouble.shelf, trouble.destination.as_deref()), (Some(2), None, Some(KEY)));
    for word in ["2 requests", "2 spans", "8192 bytes", KEY, "7 days", "Spool::max_age"] {
        assert!(trouble.message.contains(word), "{word}: {}", trouble.message);
    }
    assert!(store.adopt().troubles.is_empty());
    assert_eq!((dir.files(REQUEST).len(), used(&store, 0)), (2, 0));
}

#[test]
fn entries_for_a_destination_that_comes_back_are_delivered() {
    let dir = Dir::new();
    leave(&dir, &["one"]);
    let without = Store::open(&dir.spool(), &[OTHER.to_owned()]).unwrap();
    without.adopt();
    let with = dir.open();
    assert_eq!(bodies(&with, &with.adopt()), ["one"]);
}

#[test]
fn entries_for_a_destination_that_is_gone_are_removed_when_they_are_too_old() {
    let dir = Dir::new();
    leave(&dir, &["one", "two"]);
    let eight_days_ago = SystemTime::now() - Duration::from_secs(8 * 86_400);
    reheader(&dir.files(REQUEST)[0], |header| header.recorded_ms = format::unix_ms(eight_days_ago));
    let store = Store::open(&dir.spool(), &[OTHER.to_owned()]).unwrap();
    let found = store.adopt();
    assert_eq!(kinds(&found), [TroubleKind::Orphaned, TroubleKind::Expired]);
    assert_eq!(found.troubles[1].items, Some(1));
    assert!(found.troubles[1].message.contains(KEY));
    assert_eq!(dir.files(REQUEST).len(), 1);
}

/// The entry that is found after its recorded time was set to this.
fn recorded_at(dir: &Dir, time: SystemTime) -> (Store, Entry) {
    leave(dir, &["one"]);
    reheader(&dir.files(REQUEST)[0], |header| header.recorded_ms = format::unix_ms(time));
    let store = dir.open();
    let entry = store.adopt().entries.remove(0).1;
    (store, entry)
}

#[test]
fn what_is_taken_over_ages_by_the_time_of_day() {
    let dir = Dir::new();
    let now = SystemTime::now();
    let (store, entry) = recorded_at(&dir, now - Duration::from_secs(6 * 86_400));
    assert!(!store.is_expired(&entry, now));
    assert!(store.is_expired(&entry, now + Duration::from_secs(2 * 86_400)));
}

#[test]
fn an_entry_from_the_future_is_new_when_it_is_found() {
    let dir = Dir::new();
    let now = SystemTime::now();
    let (store, entry) = recorded_at(&dir, now + Duration::from_secs(86_400));
    assert!(!store.is_expired(&entry, now + Duration::from_secs(30 * 86_400)));
}

#[test]
fn an_entry_of_an_unset_clock_is_new_when_it_is_found() {
    let dir = Dir::new();
    let (store, entry) = recorded_at(&dir, SystemTime::UNIX_EPOCH + Duration::from_secs(60));
    assert!(!store.is_expired(&entry, SystemTime::now()));
}

/// The other process of the next test.
#[test]
#[ignore = "another test runs it"]
fn process_that_is_killed() {
    let Ok(path) = std::env::var("TRACING_GENAI_TEST_SPOOL") else { return };
    let store = open(&Spool::new(path));
    store.write(0, 1, b"from another process").unwrap();
    writeln!(std::io::stdout(), "written").unwrap();
    let mut line = String::new();
    // It ends when it is killed, or with the test that started it.
    let _ = std::io::stdin().read_line(&mut line);
    kill(store);
}

#[test]
fn another_process_keeps_its_entries_until_it_dies() {
    let dir = Dir::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "export::spool::tests::adopt::process_that_is_killed", "--ignored", "--nocapture"])
        .env("TRACING_GENAI_TEST_SPOOL", dir.0.join("spool"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("written")), "it ended early");
    let store = dir.open();
    assert_eq!(store.adopt().entries.len(), 0);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(bodies(&store, &store.adopt()), ["from another process"]);
}
