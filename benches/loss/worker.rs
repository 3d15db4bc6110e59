//! The process that ends spans, with one way of export.

use crate::{
    load::Load,
    memory::{Peak, resident},
};
use opentelemetry::{
    Context,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use std::{
    io, thread,
    time::{Duration, Instant},
};
use tracing_genai::export::{Destination, Durability, Report, Spool, Telemetry};

/// Who gets the spans.
enum Export {
    Ours(Telemetry),
    Sdk,
    Nobody,
}

#[derive(Debug)]
struct NoOp;

impl SpanProcessor for NoOp {
    fn on_start(&self, _: &mut Span, _: &Context) {}
    fn on_end(&self, _: SpanData) {}
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// `arguments` are the kind, two addresses, the spool's directory, and its bytes or 0.
fn connect(arguments: &[String]) -> (SdkTracerProvider, Export) {
    let [kind, first, second, dir, bytes, ..] = arguments else { panic!("too few arguments") };
    let provider = SdkTracerProvider::builder();
    let sdk = |queue: usize| {
        let provider = SdkTracerProvider::builder();
        [first, second]
            .iter()
            .fold(provider, |provider, address| provider.with_span_processor(sdk_processor(address, queue)))
    };
    match kind.as_str() {
        "ours" | "ours-always" => {
            let mut spool = Spool::new(dir);
            match bytes.parse() {
                Ok(0) | Err(_) => {}
                Ok(bytes) => spool = spool.max_bytes(bytes),
            }
            if kind == "ours-always" {
                spool = spool.durability(Durability::Always);
            }
            let telemetry = Telemetry::builder()
                .destination(Destination::otlp(first))
                .destination(Destination::otlp(second))
                .spool(spool)
                .on_problem(|_| ())
                .build()
                .expect("an export");
            let provider = provider.with_span_processor(telemetry.processors()).build();
            (provider, Export::Ours(telemetry))
        }
        "sdk" => (sdk(2_048).build(), Export::Sdk),
        "sdk-tuned" => (sdk(131_072).build(), Export::Sdk),
        _ => (provider.with_span_processor(NoOp).build(), Export::Nobody),
    }
}

fn sdk_processor(address: &str, queue: usize) -> BatchSpanProcessor {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{address}/v1/traces"))
        .build()
        .expect("an exporter");
    let config = BatchConfigBuilder::default().with_max_queue_size(queue).build();
    BatchSpanProcessor::builder(exporter).with_batch_config(config).build()
}

/// Answers `go` with the times of each load, and `finish <seconds>` with what became of the spans.
pub(crate) fn work(arguments: &[String], loads: &[Load]) {
    let (provider, export) = connect(arguments);
    let peak = Peak::watch();
    let mut lines = io::stdin().lines();
    let mut line = || lines.next().and_then(Result::ok);
    if line().is_none() {
        return;
    }
    for load in loads {
        println!("{}", load.run(&provider).line());
    }
    println!();
    let Some(patience) = line() else { return };
    let patience: u64 = patience.parse().expect("seconds");
    let begun = Instant::now();
    match export {
        Export::Ours(telemetry) => {
            if loads.is_empty() {
                wait_for_what_was_left(&telemetry);
            }
            wait(&telemetry, Duration::from_secs(patience));
            let whole = begun.elapsed();
            // What is pending goes to the spool.
            let report = telemetry.shutdown_blocking(Duration::from_secs(1));
            tell(&report);
            if report.delivered == report.recorded {
                println!("took;{:.1}", whole.as_secs_f64());
            }
        }
        Export::Sdk => {
            thread::sleep(Duration::from_secs(patience));
            let _ = provider.shutdown();
        }
        Export::Nobody => {}
    }
    println!("memory;{};{}", peak.bytes(), resident());
    println!();
    let _ = line();
}

/// Ends a hundred spans, says so, and ends without a word to anybody once a line comes.
pub(crate) fn exit(arguments: &[String]) -> ! {
    let (provider, _export) = connect(arguments);
    for _ in 0..100 {
        provider.tracer("loss").start("chat gpt-4o").end();
    }
    println!("ended");
    let _ = io::stdin().lines().next();
    std::process::exit(0)
}

/// What an earlier program left is found a moment after the start, if there is any.
fn wait_for_what_was_left(telemetry: &Telemetry) {
    let begun = Instant::now();
    while telemetry.report().recovered == 0 && begun.elapsed() < Duration::from_secs(3) {
        thread::sleep(Duration::from_millis(50));
    }
}

fn wait(telemetry: &Telemetry, patience: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < patience && telemetry.report().pending > 0 {
        assert_adds_up(&telemetry.report());
        thread::sleep(Duration::from_millis(50));
    }
}

fn assert_adds_up(report: &Report) {
    for one in &report.destinations {
        let sum = one.delivered + one.pending + one.rejected + one.dropped;
        assert_eq!(one.recorded, sum, "{report:?}");
    }
}

fn tell(report: &Report) {
    assert_adds_up(report);
    for one in &report.destinations {
        println!(
            "report;{};{};{};{};{};{}",
            one.recorded, one.delivered, one.pending, one.spooled, one.rejected, one.dropped
        );
    }
}
