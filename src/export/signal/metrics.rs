//! Requests of data points, in halves.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{
        ExponentialHistogram, Gauge, Histogram, Metric, ResourceMetrics, ScopeMetrics, Sum, Summary,
        metric::Data,
    },
};
use prost::Message;

/// How many data points there are.
pub(in crate::export) fn count(request: &ExportMetricsServiceRequest) -> usize {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics).map(points).sum()
}

/// Two requests with the metrics of one; a metric with points in both is in both.
pub(super) fn halves(body: &[u8]) -> Option<[(u64, Bytes); 2]> {
    let request = ExportMetricsServiceRequest::decode(body).ok()?;
    let count = count(&request);
    let mut room = count / 2;
    if room == 0 {
        return None;
    }
    let mut halves = [Vec::new(), Vec::new()];
    for resource in request.resource_metrics {
        let mut parts = [Vec::new(), Vec::new()];
        for scope in resource.scope_metrics {
            let mut metrics = [Vec::new(), Vec::new()];
            for mut metric in scope.metrics {
                let rest = split_off(&mut metric, room);
                room -= points(&metric);
                metrics[0].extend(Some(metric).filter(|metric| points(metric) > 0));
                metrics[1].extend(Some(rest).filter(|metric| points(metric) > 0));
            }
            for (part, metrics) in parts.iter_mut().zip(metrics) {
                if !metrics.is_empty() {
                    let schema_url = scope.schema_url.clone();
                    part.push(ScopeMetrics { scope: scope.scope.clone(), metrics, schema_url });
                }
            }
        }
        for (half, scope_metrics) in halves.iter_mut().zip(parts) {
            if !scope_metrics.is_empty() {
                let schema_url = resource.schema_url.clone();
                half.push(ResourceMetrics { resource: resource.resource.clone(), scope_metrics, schema_url });
            }
        }
    }
    let encoded = |resource_metrics| ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into();
    let [first, second] = halves.map(encoded);
    let half = (count / 2) as u64;
    Some([(half, first), (count as u64 - half, second)])
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    }
}

/// Takes the points after the first `room` out, as a metric like this one.
fn split_off(metric: &mut Metric, room: usize) -> Metric {
    fn rest<T>(points: &mut Vec<T>, room: usize) -> Vec<T> {
        points.split_off(room.min(points.len()))
    }
    // Points are moved and not copied: of the rest of a metric there is little.
    let data = metric.data.as_mut().map(|data| match data {
        Data::Gauge(gauge) => {
            let points = rest(&mut gauge.data_points, room);
            Data::Gauge(Gauge { data_points: points })
        }
        Data::Sum(sum) => {
            let data_points = rest(&mut sum.data_points, room);
            let (aggregation_temporality, is_monotonic) = (sum.aggregation_temporality, sum.is_monotonic);
            Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
        }
        Data::Histogram(histogram) => {
            let data_points = rest(&mut histogram.data_points, room);
            let aggregation_temporality = histogram.aggregation_temporality;
            Data::Histogram(Histogram { data_points, aggregation_temporality })
        }
        Data::ExponentialHistogram(histogram) => {
            let data_points = rest(&mut histogram.data_points, room);
            let aggregation_temporality = histogram.aggregation_temporality;
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }
        Data::Summary(summary) => {
            let data_points = rest(&mut summary.data_points, room);
            Data::Summary(Summary { data_points })
        }
    });
    Metric {
        name: metric.name.clone(),
        description: metric.description.clone(),
        unit: metric.unit.clone(),
        metadata: metric.metadata.clone(),
        data,
    }
}
