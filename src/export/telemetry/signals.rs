//! The exporters for a program's other signals.

use super::Telemetry;
use std::sync::Arc;

impl Telemetry {
    /// An exporter of metrics for a meter provider of the program's; may be called for each of several.
    ///
    /// What it is given is encoded once and handed to each destination that
    /// [takes metrics](crate::export::Destination::signals); without one nothing happens. It gives its answer then,
    /// at once: delivery is the export's, and [`report`](Self::report) tells of it, in data points. The provider's
    /// resource goes with them, under what was [set in code](super::TelemetryBuilder::resource_attribute).
    ///
    /// A flush of the provider hands over what was measured, and [`flush`](Self::flush) after it waits until that
    /// is delivered. Shut the provider down before the `Telemetry`: what comes later is counted as dropped.
    ///
    /// Counters and histograms are cumulative unless `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` says
    /// `delta` or `lowmemory`.
    ///
    /// ```
    /// use opentelemetry::metrics::MeterProvider;
    /// use opentelemetry_sdk::metrics::SdkMeterProvider;
    /// use std::time::Duration;
    /// use tracing_genai::{Destination, Telemetry};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let address = "http://127.0.0.1:9";
    /// let telemetry = Telemetry::builder().destination(Destination::otlp(address)).build()?;
    /// let meters = SdkMeterProvider::builder().with_periodic_exporter(telemetry.metric_exporter()).build();
    /// meters.meter("shop").u64_counter("orders").build().add(1, &[]);
    /// meters.force_flush()?;
    /// assert_eq!(telemetry.report().recorded, 1);
    /// # telemetry.shutdown_blocking(Duration::ZERO);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn metric_exporter(
        &self,
    ) -> impl opentelemetry_sdk::metrics::exporter::PushMetricExporter + std::fmt::Debug + use<> {
        let overrides = self.overrides.clone();
        crate::export::metric_exporter::MetricExporter::new(
            Arc::clone(&self.pipeline),
            overrides,
            self.temporality,
        )
    }

    /// An exporter of log records for a logger provider of the program's, as a rule behind its batch processor; may
    /// be called for each of several.
    ///
    /// As [`metric_exporter`](Self::metric_exporter) it hands each batch over, encoded once, to every destination
    /// that [takes logs](crate::export::Destination::signals), and [`report`](Self::report) counts the records.
    ///
    /// ```
    /// use opentelemetry::logs::{LogRecord, Logger, LoggerProvider};
    /// use opentelemetry_sdk::logs::SdkLoggerProvider;
    /// use tracing_genai::{Destination, Telemetry};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let address = "http://127.0.0.1:9";
    /// let telemetry = Telemetry::builder().destination(Destination::otlp(address)).build()?;
    /// let loggers = SdkLoggerProvider::builder().with_batch_exporter(telemetry.log_exporter()).build();
    /// let logger = loggers.logger("shop");
    /// let mut record = logger.create_log_record();
    /// record.set_body("an order came".into());
    /// logger.emit(record);
    /// loggers.force_flush()?;
    /// assert_eq!(telemetry.report().recorded, 1);
    /// # telemetry.shutdown_blocking(std::time::Duration::ZERO);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "logs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "logs")))]
    pub fn log_exporter(&self) -> impl opentelemetry_sdk::logs::LogExporter + 'static + use<> {
        crate::export::log_exporter::LogExporter::new(Arc::clone(&self.pipeline), self.overrides.clone())
    }

    /// Has `meter` tell the numbers of [`report`](Self::report) at each collection. Once for a meter, which may
    /// export [through this `Telemetry`](Self::metric_exporter) or elsewhere; it does not keep the export alive.
    ///
    /// Names and attributes are those of the [conventions for SDKs], where these have one:
    ///
    /// | Instrument | Kind, unit | What it counts |
    /// |---|---|---|
    /// | `otel.sdk.exporter.span.exported` | counter, `{span}` | delivered; with `error.type`, the reason, those rejected or dropped, told apart by `tracing_genai.export.outcome` (`rejected`, `dropped`) |
    /// | `otel.sdk.exporter.span.inflight` | up-down counter, `{span}` | pending, in memory and in the spool |
    /// | `otel.sdk.exporter.metric_data_point.exported`, `….inflight` | the same, `{data_point}` | the same of metrics |
    /// | `otel.sdk.exporter.log.exported`, `….inflight` | the same, `{log_record}` | the same of logs |
    /// | `tracing_genai.export.recorded` | counter, `{item}` | recorded: all of the above |
    /// | `tracing_genai.export.recovered` | counter, `{item}` | of the recorded ones, those of earlier runs |
    /// | `tracing_genai.export.spooled` | up-down counter, `{item}` | of the pending ones, those in the spool |
    ///
    /// Each has a value for every destination and signal that the report has, by `otel.component.name`
    /// (`otlp_http_span_exporter/0`, numbered in the order of the destinations), `otel.component.type`,
    /// `server.address` and `server.port`.
    ///
    /// ```
    /// use opentelemetry::metrics::MeterProvider;
    /// use opentelemetry_sdk::metrics::SdkMeterProvider;
    /// use tracing_genai::{Destination, Telemetry};
    ///
    /// # fn main() -> Result<(), tracing_genai::Error> {
    /// let telemetry = Telemetry::builder().destination(Destination::otlp("http://localhost:4318")).build()?;
    /// let meters = SdkMeterProvider::builder().with_periodic_exporter(telemetry.metric_exporter()).build();
    /// telemetry.observe(&meters.meter("telemetry"));
    /// # drop(meters);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [conventions for SDKs]: https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn observe(&self, meter: &opentelemetry::metrics::Meter) {
        crate::export::self_metrics::observe(&self.pipeline, meter);
    }
}
