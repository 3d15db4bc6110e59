//! A program's metrics on their way to OTLP receivers, beside its spans.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_disk;
mod export_receiver;

use export_disk::Dir;
use export_receiver::{Program, Received, Receiver, balanced, nowhere, of_signal, refusing, status, value};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest, common::v1::any_value::Value, metrics::v1::Metric,
    metrics::v1::metric::Data,
};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};
use prost::Message;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tracing_genai::export::{Destination, Signal, Spool, Telemetry};

const METRICS: &str = "/v1/metrics";
const TRACES: &str = "/v1/traces";

fn meters(program: &Program) -> SdkMeterProvider {
    SdkMeterProvider::builder().with_periodic_exporter(program.telemetry.metric_exporter()).build()
}

/// A counter with so many data points.
fn count(meters: &SdkMeterProvider, points: i64) {
    let counter = meters.meter("test").u64_counter("orders").build();
    for point in 0..points {
        counter.add(1, &[KeyValue::new("point", point)]);
    }
    meters.force_flush().unwrap();
}

fn metrics(received: &Received) -> Vec<Metric> {
    let request = ExportMetricsServiceRequest::decode(received.body.as_slice()).unwrap();
    let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    scopes.flat_map(|scope| scope.metrics).collect()
}

/// The points of counters in it, by their attribute.
fn points(received: &Received) -> Vec<i64> {
    let of = |metric: Metric| match metric.data {
        Some(Data::Sum(sum)) => sum.data_points,
        other => panic!("{other:?}"),
    };
    let points = metrics(received).into_iter().flat_map(of);
    points
        .map(|point| match value(&point.attributes, "point") {
            Some(Value::IntValue(point)) => *point,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_counter_and_a_histogram_arrive_at_every_destination_with_its_own_headers() {
    let receivers = [Receiver::new(), Receiver::new()];
    let [first, second] = [("first", &receivers[0]), ("second", &receivers[1])]
        .map(|(key, receiver)| Destination::otlp(&receiver.url).header("x-key", key));
    let program = Program::with(Telemetry::builder().destination(first).destination(second));
    let meters = meters(&program);
    meters.meter("test").f64_histogram("latency").build().record(0.5, &[]);
    count(&meters, 1);
    program.flush();
    for (key, receiver) in ["first", "second"].into_iter().zip(&receivers) {
        let requests = receiver.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!((requests[0].path.as_str(), requests[0].headers["x-key"].as_str()), (METRICS, key));
        let mut names: Vec<_> = metrics(&requests[0]).into_iter().map(|metric| metric.name).collect();
        names.sort();
        assert_eq!(names, ["latency", "orders"]);
    }
}

#[test]
fn the_account_counts_data_points_apart_from_spans() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    let meters = meters(&program);
    count(&meters, 3);
    program.span("work");
    let report = program.flush();
    let metrics = of_signal(&report, Signal::Metrics);
    assert_eq!(metrics.name, format!("{}{METRICS}", receiver.url));
    assert_eq!((metrics.recorded, metrics.delivered), (3, 3));
    assert_eq!(of_signal(&report, Signal::Traces).delivered, 1);
    assert_eq!((report.recorded, report.delivered), (4, 4));
}

#[test]
fn a_report_says_nothing_of_metrics_where_there_were_none() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    assert_eq!(program.flush().destinations.len(), 1);
}

#[test]
fn the_resource_is_the_providers_under_what_was_set_in_code() {
    let receiver = Receiver::new();
    let builder = Telemetry::builder().service_name("code").destination(Destination::otlp(&receiver.url));
    let program = Program::with(builder);
    let resource = [KeyValue::new("service.name", "provider"), KeyValue::new("team", "ml")];
    let meters = SdkMeterProvider::builder()
        .with_resource(Resource::builder_empty().with_attributes(resource).build())
        .with_periodic_exporter(program.telemetry.metric_exporter())
        .build();
    count(&meters, 1);
    program.flush();
    let request = ExportMetricsServiceRequest::decode(receiver.requests()[0].body.as_slice()).unwrap();
    let attributes = request.resource_metrics[0].resource.clone().unwrap().attributes;
    assert_eq!(value(&attributes, "service.name"), Some(&Value::StringValue("code".into())));
    assert_eq!(value(&attributes, "team"), Some(&Value::StringValue("ml".into())));
}

#[test]
fn metrics_that_are_refused_are_counted_and_stop_no_spans() {
    let receiver = refusing(METRICS, 400);
    let program = Program::sending_to(&[&receiver.url]);
    let meters = meters(&program);
    count(&meters, 2);
    program.flush();
    program.span("work");
    let report = program.flush();
    let metrics = of_signal(&report, Signal::Metrics);
    assert_eq!((metrics.delivered, metrics.rejected, metrics.reasons["http_400"]), (0, 2, 2));
    assert_eq!(of_signal(&report, Signal::Traces).delivered, 1);
}

#[test]
fn spans_that_are_refused_stop_no_metrics() {
    let receiver = refusing(TRACES, 400);
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    program.flush();
    let meters = meters(&program);
    count(&meters, 2);
    let report = program.flush();
    assert_eq!(of_signal(&report, Signal::Metrics).delivered, 2);
    assert_eq!(of_signal(&report, Signal::Traces).rejected, 1);
}

#[test]
fn a_key_that_metrics_lack_stops_no_spans() {
    let receiver = refusing(METRICS, 401);
    let program = Program::sending_to(&[&receiver.url]);
    let meters = meters(&program);
    count(&meters, 1);
    assert_eq!(program.flush().rejected, 1);
    program.span("work");
    let report = program.flush();
    assert_eq!(of_signal(&report, Signal::Traces).delivered, 1);
    assert!(of_signal(&report, Signal::Metrics).trouble.is_some());
    assert_eq!(of_signal(&report, Signal::Traces).trouble, None);
}

#[test]
fn an_outage_of_metrics_holds_no_spans_up_and_costs_no_metrics() {
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let receiver = Receiver::answering(move |_, received| {
        status(if received.path == METRICS && down.load(Ordering::SeqCst) { 503 } else { 200 })
    });
    let program = Program::sending_to(&[&receiver.url]);
    let meters = meters(&program);
    count(&meters, 2);
    receiver.wait_for(1, Duration::from_secs(20));
    program.span("work");
    // A flush waits for all signals, of which one cannot be had.
    let flush = || program.telemetry.flush_blocking(Duration::from_millis(50)).is_err();
    let is_delivered = || of_signal(&program.telemetry.report(), Signal::Traces).delivered == 1;
    assert!((0..400).any(|_| flush() && is_delivered()));
    let report = balanced(program.telemetry.report());
    assert_eq!(of_signal(&report, Signal::Metrics).pending, 2);
    is_down.store(false, Ordering::SeqCst);
    assert_eq!(of_signal(&program.flush(), Signal::Metrics).delivered, 2);
}

#[test]
fn an_export_does_not_wait_for_its_delivery() {
    let builder = Telemetry::builder().destination(Destination::otlp(nowhere()));
    let program = Program::with(builder.drop_timeout(Duration::ZERO));
    let meters = meters(&program);
    count(&meters, 1);
    assert_eq!(of_signal(&program.telemetry.report(), Signal::Metrics).pending, 1);
}

#[test]
fn a_request_that_is_too_large_is_split_and_every_point_arrives_once() {
    let receiver =
        Receiver::answering(|_, received| status(if points(received).len() > 2 { 413 } else { 200 }));
    let program = Program::sending_to(&[&receiver.url]);
    let meters = meters(&program);
    count(&meters, 7);
    let report = of_signal(&program.flush(), Signal::Metrics);
    assert_eq!((report.delivered, report.rejected), (7, 0));
    let accepted = receiver.requests().into_iter().map(|request| points(&request));
    let mut arrived: Vec<i64> = accepted.filter(|points| points.len() <= 2).flatten().collect();
    arrived.sort_unstable();
    assert_eq!(arrived, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_spool_keeps_metrics_for_the_next_run() {
    let dir = Dir::new();
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let receiver =
        Receiver::answering(move |_, _| status(if down.load(Ordering::SeqCst) { 503 } else { 200 }));
    let run = || {
        let builder = Telemetry::builder().destination(Destination::otlp(&receiver.url));
        Program::with(builder.spool(Spool::new(dir.spool())))
    };
    let first = run();
    first.span("work");
    let meters = meters(&first);
    count(&meters, 3);
    let report = balanced(first.telemetry.shutdown_blocking(Duration::from_millis(200)));
    assert_eq!(of_signal(&report, Signal::Metrics).spooled, 3);
    is_down.store(false, Ordering::SeqCst);
    let before = receiver.requests().len();
    let second = run();
    receiver.wait_for(before + 2, Duration::from_secs(20));
    drop(second);
    let later = receiver.requests().split_off(before);
    let to = |path: &str| later.iter().filter(|request| request.path == path).cloned().collect::<Vec<_>>();
    assert_eq!((to(METRICS).len(), to(TRACES).len()), (1, 1));
    assert_eq!(points(&to(METRICS)[0]).len(), 3);
}

#[test]
fn an_exact_path_is_one_of_spans_unless_it_is_said_to_be_another() {
    let (traces, prometheus) = (Receiver::new(), Receiver::new());
    let traces_alone = Destination::otlp(format!("{}{TRACES}", traces.url)).exact_path();
    let metrics_alone = Destination::otlp(format!("{}/api/otlp{METRICS}", prometheus.url))
        .exact_path()
        .signals([Signal::Metrics]);
    let program = Program::with(Telemetry::builder().destination(traces_alone).destination(metrics_alone));
    let meters = meters(&program);
    count(&meters, 1);
    program.span("work");
    assert_eq!(program.flush().delivered, 2);
    let paths = |receiver: &Receiver| -> Vec<String> {
        receiver.requests().iter().map(|request| request.path.clone()).collect()
    };
    assert_eq!(paths(&traces), [TRACES]);
    assert_eq!(paths(&prometheus), [format!("/api/otlp{METRICS}")]);
}

#[test]
fn what_is_measured_after_the_shutdown_is_counted_as_dropped() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    let meters = meters(&program);
    let problems = Arc::clone(&program.problems);
    program.telemetry.shutdown_blocking(Duration::from_secs(20));
    count(&meters, 1);
    let problems = problems.lock().unwrap();
    assert!(
        problems.iter().any(|problem| problem.reason.as_deref() == Some("after_shutdown")),
        "{problems:?}"
    );
    assert!(receiver.requests_to(METRICS).is_empty());
}
