//! The account of the export as OpenTelemetry metrics.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_receiver;

use export_receiver::{Program, Receiver, status};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData, ScopeMetrics, SumDataPoint},
};
use prost::Message;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, mpsc},
};
use tracing_genai::export::{Destination, Report, Signal, Telemetry};

struct Meters {
    exporter: InMemoryMetricExporter,
    provider: SdkMeterProvider,
}

impl Meters {
    fn observing(telemetry: &Telemetry) -> Self {
        let exporter = InMemoryMetricExporter::default();
        let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
        telemetry.observe(&provider.meter("test"));
        Self { exporter, provider }
    }

    /// Each number by the metric's name and its attributes, as `name{key=value,…}`.
    fn numbers(&self) -> BTreeMap<String, u64> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let mut numbers = BTreeMap::new();
        for resource in self.exporter.get_finished_metrics().unwrap() {
            for metric in resource.scope_metrics().flat_map(ScopeMetrics::metrics) {
                let entries: Vec<(String, u64)> = match metric.data() {
                    AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                        assert!(sum.is_monotonic());
                        sum.data_points().map(|point| (key(point), point.value())).collect()
                    }
                    AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                        assert!(!sum.is_monotonic());
                        let number = |value| u64::try_from(value).unwrap();
                        sum.data_points().map(|point| (key(point), number(point.value()))).collect()
                    }
                    other => panic!("{other:?}"),
                };
                numbers.extend(
                    entries.into_iter().map(|(key, value)| (format!("{}{key}", metric.name()), value)),
                );
            }
        }
        numbers
    }
}

fn key<T>(point: &SumDataPoint<T>) -> String {
    let mut attributes: Vec<String> = point
        .attributes()
        .filter(|attribute| attribute.key.as_str() != "server.port")
        .map(|KeyValue { key, value, .. }| format!("{key}={value}"))
        .collect();
    attributes.sort();
    format!("{{{}}}", attributes.join(","))
}

/// What the metrics are to be, by what the report says of destinations over HTTP.
fn expected(report: &Report) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    let mut counts = BTreeMap::<&str, usize>::new();
    for destination in &report.destinations {
        let (item, kind) = match destination.signal {
            Signal::Traces => ("span", "otlp_http_span_exporter"),
            Signal::Metrics => ("metric_data_point", "otlp_http_metric_exporter"),
            other => panic!("{other}"),
        };
        let number = counts.entry(kind).or_default();
        let own = format!(
            "otel.component.name={kind}/{number},otel.component.type={kind},server.address=127.0.0.1"
        );
        *number += 1;
        for (name, value) in [
            (format!("otel.sdk.exporter.{item}.exported"), destination.delivered),
            (format!("otel.sdk.exporter.{item}.inflight"), destination.pending),
            ("tracing_genai.export.recorded".into(), destination.recorded),
            ("tracing_genai.export.recovered".into(), destination.recovered),
            ("tracing_genai.export.spooled".into(), destination.spooled),
        ] {
            numbers.insert(format!("{name}{{{own}}}"), value);
        }
        let mut lost = BTreeMap::<&str, u64>::new();
        for (reason, count) in &destination.reasons {
            let outcome = if reason.starts_with("http") { "rejected" } else { "dropped" };
            *lost.entry(outcome).or_default() += count;
            let attributes = format!("error.type={reason},{own},tracing_genai.export.outcome={outcome}");
            numbers.insert(format!("otel.sdk.exporter.{item}.exported{{{attributes}}}"), *count);
        }
        let sum = |outcome| lost.get(outcome).copied().unwrap_or_default();
        assert_eq!((sum("rejected"), sum("dropped")), (destination.rejected, destination.dropped));
    }
    numbers
}

#[test]
fn the_metrics_are_the_report_of_deliveries_rejections_and_drops() {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let slow = Receiver::answering(move |_, _| {
        // Until the test has seen what is pending, or is over.
        let _ = gate.lock().unwrap().recv();
        status(200)
    });
    let refusing = Receiver::answering(|_, _| status(400));
    let program = Program::with(
        Telemetry::builder()
            .destination(Destination::otlp(&slow.url).queue_bytes(1))
            .destination(Destination::otlp(&refusing.url)),
    );
    let meters = Meters::observing(&program.telemetry);
    program.span("fills the queue");
    program.span("has no room");
    let pending = meters.numbers();
    let first = "{otel.component.name=otlp_http_span_exporter/0,otel.component.type=otlp_http_span_exporter,\
        server.address=127.0.0.1}";
    assert_eq!(pending[&format!("otel.sdk.exporter.span.inflight{first}")], 1);
    drop(open);
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected, report.dropped), (1, 2, 1));
    assert_eq!(meters.numbers(), expected(&report));
}

#[test]
fn observing_does_not_keep_the_export_alive() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    let meters = Meters::observing(&program.telemetry);
    program.span("work");
    assert!(!meters.numbers().is_empty());
    drop(program);
    assert_eq!(meters.numbers(), BTreeMap::new());
}

#[test]
fn metrics_that_export_through_what_they_observe_do_not_make_more_of_themselves() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    let exporter = program.telemetry.metric_exporter();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
    program.telemetry.observe(&provider.meter("test"));
    let points = |report: &Report| {
        let metrics = report.destinations.iter().find(|destination| destination.signal == Signal::Metrics);
        metrics.map_or(0, |destination| destination.recorded)
    };
    let mut totals = vec![0];
    for _ in 0..4 {
        provider.force_flush().unwrap();
        totals.push(points(&program.flush()));
    }
    let grown: Vec<u64> = totals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The first export makes an account of metrics, which the others tell of too.
    assert_eq!((grown[1], grown[2]), (grown[2], grown[3]), "{grown:?}");
    assert_eq!(receiver.requests().len(), 4);
    let last = Arc::clone(&receiver.requests()[3]);
    let request = ExportMetricsServiceRequest::decode(last.body.as_slice()).unwrap();
    assert_eq!(request.resource_metrics[0].scope_metrics[0].scope.as_ref().unwrap().name, "test");
}
