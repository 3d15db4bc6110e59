//! What goes to the disk, and comes back.

use super::*;
use crate::export::spool::{Durability, Spool, Store};
use std::{path::PathBuf, time::SystemTime};
/// A directory of the test's own, gone with it.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tracing-genai-lane-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn shelve(&self, lane: &Lane, settings: impl FnOnce(Spool) -> Spool) -> Arc<Store> {
        let store = Arc::new(Store::open(&settings(Spool::new(&self.0)), &["test".to_owned()]).unwrap());
        lane.put_on_shelf(Shelf { store: Arc::clone(&store), index: 0, alarm: Arc::default() });
        store
    }

    /// Files of entries in it.
    fn entries(&self) -> usize {
        fn count(path: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries
                .map(|entry| match entry.path() {
                    path if path.is_dir() => count(&path),
                    path => usize::from(path.extension().is_some_and(|ending| ending == "request")),
                })
                .sum()
        }
        count(&self.0)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_parcel_that_was_divided_while_it_was_written_is_not_taken_for_its_half() {
    let (lane, dir) = (lane(10, usize::MAX), Dir::new("divided"));
    let store = dir.shelve(&lane, |spool| spool);
    lane.push(&span(1));
    lane.push(&span(1));
    let mut shipment = ship(&lane).unwrap();
    let shelving = lane.lock().parcels.begin_shelving().unwrap();
    let whole = body(&mut shipment);
    assert!(shipment.divide(&whole).is_ok());
    let entry = store.write(0, shelving.items, &shelving.body).ok();
    let obsolete = lane.lock().parcels.end_shelving(&shelving, entry, false);
    assert!(obsolete.is_some());
    while let Some(mut shipment) = ship(&lane) {
        assert_eq!(spans_in(&body(&mut shipment)), 1);
        run(shipment.delivered());
    }
    assert_eq!(report(&lane).delivered, 2);
}

#[test]
fn one_thread_alone_brings_a_parcel_to_the_disk() {
    let (lane, dir) = (lane(10, usize::MAX), Dir::new("one-thread"));
    dir.shelve(&lane, |spool| spool);
    lane.push(&span(1));
    drop(ship(&lane));
    let shelving = lane.lock().parcels.begin_shelving();
    assert!(shelving.is_some() && lane.lock().parcels.begin_shelving().is_none());
    assert!(lane.is_busy());
}

#[test]
fn a_parcel_on_disk_is_divided_on_disk_though_it_went_from_memory() {
    let (lane, dir) = (lane(10, usize::MAX), Dir::new("divided-on-disk"));
    dir.shelve(&lane, |spool| spool);
    lane.push(&span(1));
    lane.push(&span(1));
    let mut shipment = ship(&lane).unwrap();
    let body = body(&mut shipment);
    lane.keep_all(&mut Vec::new());
    assert_eq!(report(&lane).spooled, 2);
    assert!(shipment.divide(&body).is_ok());
    assert_eq!((report(&lane).spooled, dir.entries()), (2, 2));
}

#[test]
fn one_request_that_never_fits_the_disk_costs_no_other() {
    let lane = lane_with(Limits { batch: 1, when_full: WhenFull::DropOldest, ..limits(1_000, usize::MAX) });
    let dir = Dir::new("never-fits");
    dir.shelve(&lane, |spool| spool.max_bytes(4_096).durability(Durability::Always));
    lane.push(&span(1));
    lane.keep(&mut Vec::new());
    lane.push(&Arc::new(Finished::example(Box::leak("x".repeat(40_000).into_boxed_str()), 1)));
    lane.keep(&mut Vec::new());
    assert_eq!((report(&lane).dropped, report(&lane).spooled, dir.entries()), (0, 1, 1));
}

#[test]
fn what_a_flush_waits_for_goes_before_what_an_earlier_run_left() {
    let dir = Dir::new("flush-first");
    let first = lane(10, usize::MAX);
    let store = dir.shelve(&first, |spool| spool);
    first.push(&Arc::new(Finished::example("earlier", 1)));
    first.keep_all(&mut Vec::new());
    first.leave_shelf();
    drop(store);

    let lane = lane(10, usize::MAX);
    let store = dir.shelve(&lane, |spool| spool);
    store.adopt().entries.into_iter().for_each(|(_, entry)| lane.recover(entry));
    lane.push(&Arc::new(Finished::example("now", 1)));
    lane.flushing(true);
    let mut shipment = ship(&lane).unwrap();
    assert!(String::from_utf8_lossy(&body(&mut shipment)).contains("now"));
    run(shipment.delivered());
    let mut shipment = ship(&lane).unwrap();
    assert!(String::from_utf8_lossy(&body(&mut shipment)).contains("earlier"));
}

#[test]
fn with_always_nothing_is_sent_before_it_is_on_disk() {
    let (lane, dir) = (lane(10, usize::MAX), Dir::new("always"));
    dir.shelve(&lane, |spool| spool.durability(Durability::Always));
    lane.push(&span(1));
    assert!(ship(&lane).is_none());
    lane.keep(&mut Vec::new());
    assert_eq!((dir.entries(), report(&lane).spooled), (1, 1));
    run(ship(&lane).unwrap().delivered());
    assert_eq!((dir.entries(), report(&lane).spooled, report(&lane).delivered), (0, 0, 1));
}

#[test]
fn on_outage_the_disk_is_left_alone_while_all_is_well() {
    let (lane, dir) = (lane(10, usize::MAX), Dir::new("well"));
    dir.shelve(&lane, |spool| spool);
    lane.push(&span(1));
    lane.keep(&mut Vec::new());
    assert_eq!(dir.entries(), 0);
    lane.failing(ProblemKind::Delayed, "answered 503");
    lane.keep(&mut Vec::new());
    assert_eq!((dir.entries(), lane.lock().memory()), (1, 0));
}

#[test]
fn requests_on_disk_are_joined_and_go_in_their_order() {
    let (lane, dir) = (lane_with(Limits { batch: 3, ..limits(10, usize::MAX) }), Dir::new("joined"));
    dir.shelve(&lane, |spool| spool.durability(Durability::Always));
    for name in ["one", "two", "three", "four"] {
        lane.push(&Arc::new(Finished::example(name, 1)));
        lane.keep(&mut Vec::new());
        // Nothing in memory: it is read from the disk.
        lane.lock().parcels.let_a_copy_go();
    }
    let names = |body: &Bytes| {
        let text = String::from_utf8_lossy(body).into_owned();
        let mut found: Vec<(usize, &str)> = ["one", "two", "three", "four"]
            .into_iter()
            .filter_map(|name| Some((text.find(name)?, name)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
    };
    let mut shipment = ship(&lane).unwrap();
    assert_eq!(names(&body(&mut shipment)), ["one", "two", "three"]);
    run(shipment.delivered());
    let mut shipment = ship(&lane).unwrap();
    assert_eq!(names(&body(&mut shipment)), ["four"]);
}

#[test]
fn a_thread_that_fills_the_memory_beyond_half_brings_some_of_it_to_the_disk() {
    let (lane, dir) = (lane_with(Limits { batch: 100, ..limits(1_000, 10_000) }), Dir::new("pressed"));
    dir.shelve(&lane, |spool| spool);
    for _ in 0..100 {
        lane.push(&span(1_000));
        assert!(lane.lock().memory() <= 6_000);
    }
    let report = report(&lane);
    assert_eq!((report.pending, report.dropped), (100, 0));
    assert!(report.spooled > 90, "{report:?}");
}

#[test]
fn a_full_spool_costs_the_newest_spans_and_the_account_is_exact() {
    let (lane, dir) = (lane_with(Limits { batch: 1, ..limits(1_000, 4_000) }), Dir::new("full"));
    dir.shelve(&lane, |spool| spool.max_bytes(3 * 4_096));
    for _ in 0..100 {
        lane.push(&span(1_000));
    }
    let account = report(&lane);
    assert_eq!((dir.entries(), account.spooled), (3, 3));
    assert_eq!(account.dropped, 100 - account.pending);
    while let Some(shipment) = ship(&lane) {
        run(shipment.delivered());
    }
    assert_eq!(report(&lane).delivered, account.pending);
}

#[test]
fn a_full_spool_costs_the_oldest_spans_where_that_was_asked_for() {
    let lane = lane_with(Limits { batch: 1, when_full: WhenFull::DropOldest, ..limits(1_000, 4_000) });
    let dir = Dir::new("oldest");
    dir.shelve(&lane, |spool| spool.max_bytes(3 * 4_096));
    for number in 0..20 {
        let name: &'static str = Box::leak(format!("span-{number:02}").into_boxed_str());
        lane.push(&Arc::new(Finished::example(name, 1_000)));
    }
    let mut left = String::new();
    while let Some(mut shipment) = ship(&lane) {
        left.push_str(&String::from_utf8_lossy(&body(&mut shipment)));
        run(shipment.delivered());
    }
    assert!(left.contains("span-19") && !left.contains("span-00"), "{left:?}");
    assert_eq!(report(&lane).dropped + report(&lane).delivered, 20);
}

#[test]
fn what_is_left_at_the_end_is_kept_on_disk_for_the_next_run() {
    let dir = Dir::new("next-run");
    let first = lane(10, usize::MAX);
    let store = dir.shelve(&first, |spool| spool);
    for _ in 0..3 {
        first.push(&span(1));
    }
    let in_flight = ship(&first).unwrap();
    first.close();
    first.keep_all(&mut Vec::new());
    assert_eq!(first.abandon(), None);
    assert_eq!((report(&first).pending, report(&first).spooled), (3, 3));
    drop(in_flight);
    first.leave_shelf();
    drop(store);

    let second = lane(10, usize::MAX);
    let store = dir.shelve(&second, |spool| spool);
    for (_, entry) in store.adopt().entries {
        second.recover(entry);
    }
    let account = report(&second);
    assert_eq!((account.recorded, account.recovered, account.spooled), (3, 3, 3));
    while let Some(mut shipment) = ship(&second) {
        body(&mut shipment);
        run(shipment.delivered());
    }
    assert_eq!((report(&second).delivered, dir.entries()), (3, 0));
}

#[test]
fn an_entry_that_somebody_removed_is_counted_with_its_reason() {
    let (lane, dir) = (lane(10, usize::MAX), Dir::new("removed"));
    dir.shelve(&lane, |spool| spool);
    lane.push(&span(1));
    lane.failing(ProblemKind::Delayed, "answered 503");
    lane.keep(&mut Vec::new());
    let _ = std::fs::remove_dir_all(&dir.0);
    let mut shipment = ship(&lane).unwrap();
    let Err(Unreadable::Lost(problems)) = run(shipment.body()) else { panic!("it is gone") };
    assert_eq!(problems[0].reason.as_deref(), Some("spool_entry_gone"));
    drop(shipment);
    assert_eq!(report(&lane).reasons["spool_entry_gone"], 1);
}

#[test]
fn what_is_too_old_is_dropped_with_its_reason() {
    let (lane, dir) = (lane(10, usize::MAX), Dir::new("expired"));
    dir.shelve(&lane, |spool| spool.max_age(Duration::from_nanos(1)));
    lane.push(&span(1));
    lane.failing(ProblemKind::Delayed, "answered 503");
    lane.keep(&mut Vec::new());
    lane.expire(SystemTime::now(), &mut Vec::new());
    assert_eq!((report(&lane).reasons["spool_expired"], dir.entries()), (1, 0));
}

#[test]
fn the_disk_makes_room_where_the_queue_has_its_count_of_spans() {
    let dir = Dir::new("count");
    let lane = lane_with(limits(8, usize::MAX));
    dir.shelve(&lane, |spool| spool);
    for _ in 0..100 {
        lane.push(&span(1));
    }
    let report = report(&lane);
    assert_eq!((report.pending, report.dropped), (100, 0));
}

#[test]
fn what_is_on_its_way_goes_to_the_disk_before_a_span_is_dropped() {
    let dir = Dir::new("on_its_way");
    let lane = lane_with(limits(2, usize::MAX));
    lane.push(&span(1));
    lane.push(&span(1));
    let shipment = ship(&lane).unwrap();
    dir.shelve(&lane, |spool| spool);
    lane.push(&span(1));
    assert_eq!((report(&lane).spooled, report(&lane).dropped), (2, 0));
    run(shipment.delivered());
    assert_eq!((report(&lane).delivered, dir.entries()), (2, 0));
}

#[test]
fn a_little_that_waits_is_no_file_of_its_own_while_requests_on_their_way_fill_the_memory() {
    let dir = Dir::new("little");
    let lane = lane_with(Limits { batch: 10, ..limits(1_000, 6_400) });
    lane.push(&span(3_300));
    // What is being encoded counts until it is.
    let claim = lane.lock().claim(1, usize::MAX);
    dir.shelve(&lane, |spool| spool);
    for _ in 0..4 {
        lane.push(&span(100));
    }
    assert_eq!((report(&lane).spooled, dir.entries()), (4, 2));
    drop(claim);
}
