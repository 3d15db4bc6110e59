#![cfg(all(feature = "metrics", feature = "logs"))]

use super::*;
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
        metric::Data,
    },
};
use prost::Message;

/// Requests of one metric with three points, one with one, and one of another kind with two.
fn metrics() -> ExportMetricsServiceRequest {
    let points = |times: &[u64]| -> Vec<NumberDataPoint> {
        times.iter().map(|time| NumberDataPoint { time_unix_nano: *time, ..Default::default() }).collect()
    };
    let metric = |name: &str, data| Metric {
        name: name.into(),
        unit: "s".into(),
        data: Some(data),
        ..Default::default()
    };
    let sum = Sum { data_points: points(&[1, 2, 3]), aggregation_temporality: 2, is_monotonic: true };
    let gauge = Gauge { data_points: points(&[4]) };
    let of_histogram = |time| HistogramDataPoint { time_unix_nano: time, ..Default::default() };
    let histogram = Histogram { data_points: [5, 6].map(of_histogram).into(), aggregation_temporality: 1 };
    let first = ScopeMetrics {
        metrics: vec![metric("sum", Data::Sum(sum)), metric("gauge", Data::Gauge(gauge))],
        schema_url: "first".into(),
        ..Default::default()
    };
    let second = ScopeMetrics {
        metrics: vec![metric("histogram", Data::Histogram(histogram))],
        schema_url: "second".into(),
        ..Default::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics: vec![first, second], ..Default::default() }],
    }
}

/// Each point with all that it belongs to.
fn points(body: &[u8]) -> Vec<String> {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    let mut all = Vec::new();
    for scope in request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics) {
        for metric in &scope.metrics {
            let (kind, times) = match metric.data.as_ref().unwrap() {
                Data::Sum(sum) => {
                    let times = sum.data_points.iter().map(|point| point.time_unix_nano).collect::<Vec<_>>();
                    (format!("sum {} {}", sum.aggregation_temporality, sum.is_monotonic), times)
                }
                Data::Gauge(gauge) => {
                    ("gauge".into(), gauge.data_points.iter().map(|point| point.time_unix_nano).collect())
                }
                Data::Histogram(histogram) => (
                    format!("histogram {}", histogram.aggregation_temporality),
                    histogram.data_points.iter().map(|point| point.time_unix_nano).collect(),
                ),
                other => panic!("{other:?}"),
            };
            assert!(!times.is_empty(), "a metric without a point is not sent");
            let of =
                |time: &u64| format!("{} {} {} {kind} {time}", scope.schema_url, metric.name, metric.unit);
            all.extend(times.iter().map(of));
        }
    }
    all
}

#[test]
fn halves_of_metrics_have_every_point_once_with_its_metric() {
    let body = metrics().encode_to_vec();
    let [(first, one), (second, other)] = Signal::Metrics.halves(&body).unwrap();
    assert_eq!((first, second), (3, 3));
    assert_eq!([points(&one), points(&other)].concat(), points(&body));
}

#[test]
fn one_metric_with_several_points_is_split_within() {
    let body = metrics().encode_to_vec();
    let [(_, sums), _] = Signal::Metrics.halves(&body).unwrap();
    let [(first, one), (second, other)] = Signal::Metrics.halves(&sums).unwrap();
    assert_eq!((first, second), (1, 2));
    assert_eq!([points(&one), points(&other)].concat(), points(&sums));
    assert!(Signal::Metrics.halves(&one).is_none(), "one point is not split");
}

fn logs(count: u64) -> Vec<u8> {
    let log_records =
        (0..count).map(|time| LogRecord { time_unix_nano: time, ..Default::default() }).collect();
    let scope = ScopeLogs { log_records, schema_url: "scope".into(), ..Default::default() };
    let resource =
        ResourceLogs { scope_logs: vec![scope], schema_url: "resource".into(), ..Default::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec()
}

fn records(body: &[u8]) -> Vec<String> {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let mut all = Vec::new();
    for resource in &request.resource_logs {
        for scope in &resource.scope_logs {
            let of = |record: &LogRecord| {
                format!("{} {} {}", resource.schema_url, scope.schema_url, record.time_unix_nano)
            };
            all.extend(scope.log_records.iter().map(of));
        }
    }
    all
}

#[test]
fn halves_of_logs_have_every_record_once() {
    let body = logs(5);
    let [(first, one), (second, other)] = Signal::Logs.halves(&body).unwrap();
    assert_eq!((first, second), (2, 3));
    assert_eq!([records(&one), records(&other)].concat(), records(&body));
    assert!(Signal::Logs.halves(&logs(1)).is_none(), "one record is not split");
}

#[test]
fn pieces_are_in_order_and_as_large_as_may_be() {
    let body = Bytes::from(logs(100));
    assert_eq!(Signal::Logs.pieces(100, body.clone(), body.len()).len(), 1);
    let pieces = Signal::Logs.pieces(100, body.clone(), body.len() / 3);
    assert_eq!(pieces.iter().map(|(items, _)| items).sum::<u64>(), 100);
    assert!(pieces.iter().all(|(_, piece)| piece.len() <= body.len() / 3));
    let together: Vec<String> = pieces.iter().flat_map(|(_, piece)| records(piece)).collect();
    assert_eq!(together, records(&body));
    assert_eq!(Signal::Logs.pieces(3, logs(3).into(), 1).len(), 3, "one record goes alone, as it is");
}
