//! Bursts beyond the queue, with a spool and a destination that is down: by the sink's count of ids.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_disk;
mod export_receiver;

use export_disk::Dir;
use export_receiver::{Program, Receiver, balanced, nowhere, status};
use opentelemetry::{
    KeyValue,
    trace::{Span, Tracer, TracerProvider},
};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tracing_genai::export::{Destination, Report, Spool, Telemetry, TelemetryBuilder};

const THREADS: usize = 8;
const SPANS: usize = 4_000;
const QUEUE: usize = 2 << 20;

/// The ids of the spans that were taken.
type Taken = Arc<Mutex<HashSet<Vec<u8>>>>;

/// A destination that is down until it is told otherwise, and what it takes from then on.
fn down_at_first() -> (Receiver, Arc<AtomicBool>, Taken) {
    let (is_up, taken) = (Arc::<AtomicBool>::default(), Taken::default());
    let (asked, ids) = (Arc::clone(&is_up), Arc::clone(&taken));
    let receiver = Receiver::answering(move |_, request| {
        if !asked.load(Ordering::SeqCst) {
            return status(503);
        }
        ids.lock().unwrap().extend(request.spans().map(|span| span.span_id.clone()));
        status(200)
    });
    (receiver, is_up, taken)
}

fn program(urls: &[&str], queue: usize, spool: Spool) -> Program {
    let destinations = urls.iter().map(|url| Destination::otlp(*url).queue_bytes(queue));
    Program::with(destinations.fold(Telemetry::builder().spool(spool), TelemetryBuilder::destination))
}

/// Ends the spans from several threads, as fast as it goes.
fn burst(program: &Program) {
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let tracer = program.provider.tracer("test");
                for _ in 0..SPANS / THREADS {
                    let mut span = tracer.start("work");
                    span.set_attribute(KeyValue::new("app.text", "x".repeat(2 << 10)));
                    span.end();
                }
            });
        }
    });
}

#[test]
fn a_burst_beyond_the_queue_loses_nothing_at_either_of_two_destinations_of_which_one_is_down() {
    let dir = Dir::new();
    let (up, is_always_up, all) = down_at_first();
    is_always_up.store(true, Ordering::SeqCst);
    let (down, is_up, taken) = down_at_first();
    let program = program(&[&up.url, &down.url], QUEUE, Spool::new(dir.spool()));
    burst(&program);
    let report = balanced(program.telemetry.report());
    assert_eq!((report.recorded, report.dropped), (2 * SPANS as u64, 0));
    assert_eq!(report.destinations[1].delivered, 0);
    is_up.store(true, Ordering::SeqCst);
    let report = program.flush();
    assert_eq!(report.delivered, 2 * SPANS as u64);
    assert_eq!([&all, &taken].map(|ids| ids.lock().unwrap().len()), [SPANS; 2]);
}

#[test]
fn what_neither_memory_nor_disk_takes_is_counted_to_the_span() {
    let dir = Dir::new();
    let spool = || Spool::new(dir.spool()).max_bytes(QUEUE as u64);
    let (down, is_up, taken) = down_at_first();
    let first = program(&[&down.url], QUEUE, spool());
    burst(&first);
    let left: Report = balanced(first.telemetry.shutdown_blocking(Duration::ZERO));
    assert_eq!((left.recorded, left.delivered, left.rejected), (SPANS as u64, 0, 0));
    assert!(left.dropped > 0 && left.spooled > 0 && left.spooled == left.pending, "{left:?}");
    is_up.store(true, Ordering::SeqCst);
    let refused = down.requests().len();
    let second = program(&[&down.url], QUEUE, spool());
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while second.telemetry.report().delivered < left.spooled && std::time::Instant::now() < until {
        down.wait_for(refused + 1, Duration::from_secs(20));
        std::thread::yield_now();
    }
    let report = balanced(second.telemetry.report());
    assert_eq!((report.recovered, report.delivered), (left.spooled, left.spooled));
    assert_eq!(taken.lock().unwrap().len() as u64, left.spooled);
}

#[test]
fn a_queue_of_few_spans_is_relieved_before_its_count_is_reached() {
    let dir = Dir::new();
    let program = program(&[&nowhere()], 1 << 30, Spool::new(dir.spool()));
    // 65 536 spans, by default, are far fewer bytes than this queue may hold.
    for _ in 0..70_000 {
        program.span("work");
    }
    let report = balanced(program.telemetry.report());
    assert_eq!((report.pending, report.dropped), (70_000, 0));
    // Nobody is there to wait for.
    program.telemetry.shutdown_blocking(Duration::ZERO);
}
