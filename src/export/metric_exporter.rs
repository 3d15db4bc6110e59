//! Metrics on the way of the spans.

use super::{
    pipeline::{Pipeline, Source},
    processor::{flush, with_overrides},
    signal::{Signal, data_points},
};
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
};
use prost::Message;
use std::{
    fmt,
    future::{Future, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Encodes what a reader collected and hands it to the destinations' queues.
pub(super) struct MetricExporter {
    pipeline: Arc<Pipeline>,
    /// Attributes set in code, which win over the provider's.
    overrides: Vec<KeyValue>,
    temporality: Temporality,
    is_shut_down: AtomicBool,
}

impl fmt::Debug for MetricExporter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MetricExporter").field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}

impl MetricExporter {
    pub(super) fn new(pipeline: Arc<Pipeline>, overrides: Vec<KeyValue>, temporality: Temporality) -> Self {
        Self { pipeline, overrides, temporality, is_shut_down: AtomicBool::new(false) }
    }

    fn hand_over(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if self.is_shut_down.load(Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        if !self.pipeline.takes_signal(Signal::Metrics) {
            return Ok(());
        }
        let mut request = ExportMetricsServiceRequest::from(metrics);
        if !self.overrides.is_empty() {
            let source = Source::new(&with_overrides(metrics.resource(), &self.overrides));
            for message in &mut request.resource_metrics {
                message.resource = Some(source.resource.clone());
            }
        }
        let items = data_points(&request) as u64;
        self.pipeline.post(Signal::Metrics, items, &request.encode_to_vec().into());
        Ok(())
    }
}

impl PushMetricExporter for MetricExporter {
    fn export(&self, metrics: &ResourceMetrics) -> impl Future<Output = OTelSdkResult> + Send {
        ready(self.hand_over(metrics))
    }

    fn force_flush(&self) -> OTelSdkResult {
        flush(&self.pipeline, self.pipeline.patience)
    }

    /// Delivers what is there. The courier goes on: other providers may use it.
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.is_shut_down.swap(true, Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        flush(&self.pipeline, timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.shutdown_with_timeout(self.pipeline.patience)
    }

    fn temporality(&self) -> Temporality {
        self.temporality
    }
}
