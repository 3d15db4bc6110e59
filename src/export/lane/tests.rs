mod disk;

use super::*;
use crate::export::encode;
use bytes::Bytes;

fn limits(spans: usize, bytes: usize) -> Limits {
    Limits { spans, bytes, batch: 2, ..Limits::default() }
}

fn lane_with(limits: Limits) -> Arc<Lane> {
    Arc::new(Lane::new("test".into(), Signal::Traces, limits, View::whole()))
}

fn lane(spans: usize, bytes: usize) -> Arc<Lane> {
    lane_with(limits(spans, bytes))
}

fn span(weight: usize) -> Arc<Finished> {
    Arc::new(Finished::example("span", weight))
}

/// The next shipment, packed if need be.
fn ship(lane: &Arc<Lane>) -> Option<Shipment> {
    lane.claim(false, false).or_else(|| {
        lane.pack_for_shipment(false, &mut Vec::new());
        lane.claim(false, true)
    })
}

/// The report, whose sums must hold.
fn report(lane: &Lane) -> DestinationReport {
    let report = lane.report();
    let sum = report.delivered + report.pending + report.rejected + report.dropped;
    assert_eq!(report.recorded, sum, "{report:?}");
    report
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn body(shipment: &mut Shipment) -> Bytes {
    run(shipment.body()).unwrap()
}

fn spans_in(body: &Bytes) -> usize {
    let halves = Signal::Traces.halves(body);
    halves.map_or(1, |halves| halves.iter().map(|(items, _)| usize::try_from(*items).unwrap()).sum())
}

#[test]
fn the_newest_span_is_dropped_when_the_queue_has_its_count() {
    let lane = lane(1, usize::MAX);
    assert!(lane.push(&span(1)).is_empty());
    let problems = lane.push(&span(1));
    assert_eq!(problems[0].reason.as_deref(), Some(QUEUE_FULL));
    let report = report(&lane);
    assert_eq!((report.pending, report.dropped), (1, 1));
}

#[test]
fn the_queue_is_bounded_by_bytes_but_takes_one_span_of_any_size() {
    let lane = lane(10, 100);
    lane.push(&span(1_000));
    lane.push(&span(1));
    assert_eq!(report(&lane).pending, 1);
}

#[test]
fn the_oldest_span_makes_room_where_that_was_asked_for() {
    let lane = lane_with(Limits { when_full: WhenFull::DropOldest, batch: 1, ..limits(10, 100) });
    for weight in [60, 30, 20] {
        lane.push(&span(weight));
    }
    let report = report(&lane);
    assert_eq!((report.pending, report.dropped, report.reasons[QUEUE_FULL]), (2, 1, 1));
    assert_eq!(lane.lock().memory(), 50);
}

#[test]
fn a_request_on_its_way_is_not_what_makes_room() {
    let lane = lane_with(Limits { when_full: WhenFull::DropOldest, batch: 1, ..limits(1, usize::MAX) });
    lane.push(&span(1));
    let shipment = ship(&lane).unwrap();
    lane.push(&span(1));
    assert_eq!(report(&lane).dropped, 1);
    run(shipment.delivered());
    assert_eq!(report(&lane).delivered, 1);
}

#[test]
fn whoever_ends_a_span_waits_for_room_where_that_was_asked_for() {
    let lane = lane_with(Limits { when_full: WhenFull::Block, ..limits(1, usize::MAX) });
    lane.push(&span(1));
    let waiting = std::thread::spawn({
        let lane = Arc::clone(&lane);
        move || lane.push(&span(1))
    });
    // Whatever it has reached by now, it gets in once this one is settled, and not before.
    run(ship(&lane).unwrap().delivered());
    assert!(waiting.join().unwrap().is_empty());
    let report = report(&lane);
    assert_eq!((report.delivered, report.pending, report.dropped), (1, 1, 0));
}

#[test]
fn a_shutdown_ends_the_wait_for_room() {
    let lane = lane_with(Limits { when_full: WhenFull::Block, ..limits(1, usize::MAX) });
    lane.push(&span(1));
    let waiting = std::thread::spawn({
        let lane = Arc::clone(&lane);
        move || lane.push(&span(1))
    });
    lane.close();
    assert_eq!(waiting.join().unwrap()[0].reason.as_deref(), Some(AFTER_SHUTDOWN));
    assert_eq!(report(&lane).dropped, 1);
}

#[test]
fn a_loss_is_told_once_for_each_reason() {
    let lane = lane(1, usize::MAX);
    lane.push(&span(1));
    assert_eq!(lane.push(&span(1)).len(), 1);
    assert!(lane.push(&span(1)).is_empty());
    lane.close();
    assert_eq!(lane.push(&span(1))[0].reason.as_deref(), Some(AFTER_SHUTDOWN));
}

#[test]
fn spans_on_their_way_still_count_against_the_budget() {
    let lane = lane(1, usize::MAX);
    lane.push(&span(1));
    let shipment = ship(&lane).unwrap();
    lane.push(&span(1));
    assert_eq!(report(&lane).dropped, 1);
    run(shipment.delivered());
    lane.push(&span(1));
    let report = report(&lane);
    assert_eq!((report.delivered, report.pending, report.dropped), (1, 1, 1));
}

#[test]
fn all_memory_is_given_back() {
    let lane = lane(100, usize::MAX);
    for _ in 0..7 {
        lane.push(&span(1_000));
    }
    while let Some(shipment) = ship(&lane) {
        assert!(lane.lock().memory() > 0);
        run(shipment.delivered());
    }
    assert_eq!(lane.lock().memory(), 0);
    assert_eq!(report(&lane).delivered, 7);
}

#[test]
fn a_mark_is_settled_when_everything_before_it_is_accounted_for() {
    let lane = lane(10, usize::MAX);
    for _ in 0..3 {
        lane.push(&span(1));
    }
    let mark = lane.mark();
    let first = ship(&lane).unwrap();
    run(ship(&lane).unwrap().delivered());
    assert!(!lane.is_settled(0..mark));
    run(first.delivered());
    assert!(lane.is_settled(0..mark));
}

#[test]
fn a_span_that_comes_later_does_not_hold_a_flush_up() {
    let lane = lane(10, usize::MAX);
    lane.push(&span(1));
    let mark = lane.mark();
    let shipment = ship(&lane).unwrap();
    lane.push(&span(1));
    run(shipment.delivered());
    assert!(lane.is_settled(0..mark));
}

#[test]
fn what_was_not_accounted_for_is_shipped_again() {
    let lane = lane(10, usize::MAX);
    lane.push(&span(1));
    drop(ship(&lane).unwrap());
    run(ship(&lane).unwrap().delivered());
    assert_eq!(report(&lane).delivered, 1);
}

#[test]
fn what_is_given_up_is_dropped_and_not_delivered_afterwards() {
    let lane = lane(10, usize::MAX);
    lane.push(&span(1));
    let shipment = ship(&lane).unwrap();
    lane.push(&span(1));
    lane.abandon();
    run(shipment.delivered());
    let report = report(&lane);
    assert_eq!((report.dropped, report.delivered, report.pending), (2, 0, 0));
}

#[test]
fn a_partial_success_counts_both_sides() {
    let lane = lane(10, usize::MAX);
    lane.push(&span(1));
    lane.push(&span(1));
    run(ship(&lane).unwrap().rejected(1, "partial_success", "one too many"));
    let report = report(&lane);
    assert_eq!((report.delivered, report.rejected), (1, 1));
}

#[test]
fn what_is_too_large_is_halved_and_those_that_follow_are_smaller() {
    let lane = lane_with(Limits { batch: 4, ..limits(100, usize::MAX) });
    let name: &'static str = Box::leak("x".repeat(40_000).into_boxed_str());
    for _ in 0..8 {
        lane.push(&Arc::new(Finished::example(name, 1)));
    }
    let mut shipment = ship(&lane).unwrap();
    let whole = body(&mut shipment);
    assert!(shipment.divide(&whole).is_ok());
    let mut sizes = Vec::new();
    while let Some(mut shipment) = ship(&lane) {
        let body = body(&mut shipment);
        assert!(body.len() < whole.len());
        sizes.push(spans_in(&body));
        run(shipment.delivered());
    }
    assert_eq!(sizes.iter().sum::<usize>(), 8);
    assert_eq!(report(&lane).delivered, 8);
}

#[test]
fn halves_are_not_put_together_again() {
    let lane = lane(100, usize::MAX);
    lane.push(&span(1));
    lane.push(&span(1));
    let mut shipment = ship(&lane).unwrap();
    let whole = body(&mut shipment);
    assert!(shipment.divide(&whole).is_ok());
    let mut shipment = ship(&lane).unwrap();
    assert_eq!(spans_in(&body(&mut shipment)), 1);
}

#[test]
fn small_requests_are_not_made_smaller_for_one_that_was_too_large() {
    let lane = lane(10, usize::MAX);
    let before = lane.lock().request_bytes;
    lane.too_large(300);
    assert_eq!(lane.lock().request_bytes, SMALLEST_REQUEST);
    for _ in 0..1_000 {
        let bytes = lane.lock().request_bytes;
        lane.not_too_large(bytes);
    }
    assert_eq!(lane.lock().request_bytes, before);
}

#[test]
fn a_single_span_that_is_too_large_cannot_be_halved() {
    let lane = lane(10, usize::MAX);
    lane.push(&span(1));
    let mut shipment = ship(&lane).unwrap();
    let body = body(&mut shipment);
    assert!(shipment.divide(&body).is_err());
}

#[test]
fn what_may_be_at_fault_lets_others_pass_and_is_certain_only_when_those_were_taken() {
    let lane = lane_with(Limits { batch: 1, ..limits(10, usize::MAX) });
    lane.push(&span(1));
    for _ in 0..10 {
        assert!(!ship(&lane).unwrap().suspect(2), "nothing else was taken: it may be an outage");
    }
    lane.push(&span(1));
    lane.pack_for_shipment(false, &mut Vec::new());
    run(ship(&lane).unwrap().delivered());
    assert!(ship(&lane).unwrap().suspect(2));
}

#[test]
fn halves_hold_all_spans_in_their_order() {
    let spans: Vec<_> = ["one", "two", "three"].map(|name| Arc::new(Finished::example(name, 1))).into();
    let requests = encode::requests(&spans, &View::whole(), 10, usize::MAX);
    let [(first, one), (second, rest)] = Signal::Traces.halves(&requests[0].1).unwrap();
    assert_eq!((first, second), (1, 2));
    let text = |body: &Bytes| String::from_utf8_lossy(body).into_owned();
    assert!(text(&one).contains("one") && !text(&one).contains("two"));
    assert!(text(&rest).contains("two") && text(&rest).contains("three"));
}
