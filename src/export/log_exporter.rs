//! Log records on the way of the spans.

use super::{
    pipeline::Pipeline,
    processor::{flush, with_overrides},
    signal::Signal,
};
use opentelemetry::{InstrumentationScope, KeyValue, logs::Severity};
use opentelemetry_proto::{
    tonic::collector::logs::v1::ExportLogsServiceRequest,
    transform::{common::tonic::ResourceAttributesWithSchema, logs::tonic::group_logs_by_resource_and_scope},
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    logs::{LogBatch, LogExporter as SdkLogExporter, SdkLogRecord},
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

/// Encodes batches of log records and hands them to the destinations' queues.
pub(super) struct LogExporter {
    pipeline: Arc<Pipeline>,
    /// Attributes set in code, which win over the provider's.
    overrides: Vec<KeyValue>,
    resource: ResourceAttributesWithSchema,
    is_shut_down: AtomicBool,
}

impl fmt::Debug for LogExporter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LogExporter").field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}

impl LogExporter {
    pub(super) fn new(pipeline: Arc<Pipeline>, overrides: Vec<KeyValue>) -> Self {
        let resource = Resource::builder().with_attributes(overrides.iter().cloned()).build();
        Self { pipeline, overrides, resource: (&resource).into(), is_shut_down: AtomicBool::new(false) }
    }

    fn hand_over(&self, batch: &LogBatch<'_>) -> OTelSdkResult {
        if self.is_shut_down.load(Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        if !self.pipeline.takes_signal(Signal::Logs) {
            return Ok(());
        }
        let records: Vec<(&SdkLogRecord, &InstrumentationScope)> = batch.iter().collect();
        let resource_logs = group_logs_by_resource_and_scope(&LogBatch::new(&records), &self.resource);
        let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
        self.pipeline.post(Signal::Logs, records.len() as u64, &body.into());
        Ok(())
    }
}

impl SdkLogExporter for LogExporter {
    fn export(&self, batch: LogBatch<'_>) -> impl Future<Output = OTelSdkResult> + Send {
        ready(self.hand_over(&batch))
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

    fn event_enabled(&self, _: Severity, _: &str, _: Option<&str>) -> bool {
        self.pipeline.takes_signal(Signal::Logs)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = (&with_overrides(resource, &self.overrides)).into();
    }
}
