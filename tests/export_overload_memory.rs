//! A queue's budget is kept by what is really allocated: a program of its own, since the counter is its allocator.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_receiver;

use export_receiver::{balanced, nowhere};
use opentelemetry::{
    KeyValue,
    trace::{Span, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::{
    alloc::System,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tracing_genai::export::{Destination, Telemetry};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const THREADS: usize = 8;
const SPANS: usize = 5_000;
const QUEUE: usize = 2 << 20;

fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

#[test]
fn a_burst_many_times_the_queue_goes_to_the_disk_and_stays_within_the_queues_budget() {
    let dir = std::env::temp_dir().join(format!("tracing-genai-overload-memory-{}", std::process::id()));
    let telemetry = Telemetry::builder()
        .destination(Destination::otlp(nowhere()).queue_bytes(QUEUE))
        .spool(&dir)
        .on_problem(|_| ())
        .build()
        .unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    let (base, most) = (live(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let tracer = provider.tracer("test");
                for _ in 0..SPANS / THREADS {
                    let mut span = tracer.start("work");
                    span.set_attribute(KeyValue::new("app.text", "x".repeat(2 << 10)));
                    span.end();
                    most.fetch_max(live(), Ordering::Relaxed);
                }
            });
        }
    });
    let report = balanced(telemetry.report());
    assert_eq!((report.recorded, report.pending, report.dropped), (SPANS as u64, SPANS as u64, 0));
    // Each thread may be encoding a little at that moment, which is there twice or three times then.
    let most = most.into_inner().saturating_sub(base);
    assert!(most < 2 * QUEUE, "{most} bytes for a queue of {QUEUE}");
    let report = balanced(telemetry.shutdown_blocking(Duration::ZERO));
    assert_eq!((report.spooled, report.dropped), (SPANS as u64, 0));
    let _ = std::fs::remove_dir_all(&dir);
}
