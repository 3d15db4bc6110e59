//! The account of the export as metrics: see [`Telemetry::observe`](super::Telemetry::observe).

use super::{destination::Address, lane, pipeline::Pipeline, report::DestinationReport, signal::Signal};
use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};
use reqwest::Url;
use std::sync::{Arc, Weak};

/// What metrics call one destination of one signal.
#[derive(Debug)]
pub(super) struct Component {
    kind: &'static str,
    attributes: Vec<KeyValue>,
}

impl Component {
    /// The next after those of `before`.
    pub(super) fn new(signal: Signal, address: &str, way: &Address, before: &[Self]) -> Self {
        let kind = match (way, signal) {
            (Address::Tracia(_), _) => "tracia_span_exporter",
            (Address::PostHogCapture(_), _) => "posthog_capture_exporter",
            (Address::Http(_), Signal::Traces) => "otlp_http_span_exporter",
            (Address::Http(_), Signal::Metrics) => "otlp_http_metric_exporter",
            (Address::Http(_), Signal::Logs) => "otlp_http_log_exporter",
            #[cfg(feature = "grpc")]
            (Address::Grpc { .. }, Signal::Traces) => "otlp_grpc_span_exporter",
            #[cfg(feature = "grpc")]
            (Address::Grpc { .. }, Signal::Metrics) => "otlp_grpc_metric_exporter",
            #[cfg(feature = "grpc")]
            (Address::Grpc { .. }, Signal::Logs) => "otlp_grpc_log_exporter",
        };
        let number = before.iter().filter(|other| other.kind == kind).count();
        let url = Url::parse(address).ok();
        let host = url.as_ref().and_then(|url| url.host_str().map(str::to_owned));
        let port = url.as_ref().and_then(Url::port_or_known_default).map(i64::from);
        let mut attributes = vec![
            KeyValue::new("otel.component.name", format!("{kind}/{number}")),
            KeyValue::new("otel.component.type", kind),
        ];
        attributes.extend(host.map(|host| KeyValue::new("server.address", host)));
        attributes.extend(port.map(|port| KeyValue::new("server.port", port)));
        Self { kind, attributes }
    }
}

/// What an instrument tells of one account, each number with attributes of its own.
type Telling = fn(&DestinationReport) -> Vec<(u64, Vec<KeyValue>)>;

pub(super) fn observe(pipeline: &Arc<Pipeline>, meter: &Meter) {
    for signal in Signal::exported() {
        let (item, unit) = match signal {
            Signal::Traces => ("span", "{span}"),
            Signal::Metrics => ("metric_data_point", "{data_point}"),
            Signal::Logs => ("log", "{log_record}"),
        };
        let name = |what: &str| format!("otel.sdk.exporter.{item}.{what}");
        let is_meant = move |report: &DestinationReport| report.signal == signal;
        counter(
            pipeline,
            meter,
            name("exported"),
            unit,
            "Delivered, rejected or dropped",
            is_meant,
            exported,
        );
        level(pipeline, meter, name("inflight"), unit, "In memory or in the spool", is_meant, |report| {
            vec![(report.pending, Vec::new())]
        });
    }
    let name = |what: &str| format!("tracing_genai.export.{what}");
    let all = |_: &DestinationReport| true;
    counter(pipeline, meter, name("recorded"), "{item}", "Meant for a destination", all, |report| {
        vec![(report.recorded, Vec::new())]
    });
    counter(pipeline, meter, name("recovered"), "{item}", "Left by an earlier run", all, |report| {
        vec![(report.recovered, Vec::new())]
    });
    level(pipeline, meter, name("spooled"), "{item}", "In the spool", all, |report| {
        vec![(report.spooled, Vec::new())]
    });
}

fn exported(report: &DestinationReport) -> Vec<(u64, Vec<KeyValue>)> {
    let lost = report.reasons.iter().map(|(reason, count)| {
        let outcome = if lane::is_dropped(reason) { "dropped" } else { "rejected" };
        let attributes = vec![
            KeyValue::new("error.type", reason.clone()),
            KeyValue::new("tracing_genai.export.outcome", outcome),
        ];
        (*count, attributes)
    });
    std::iter::once((report.delivered, Vec::new())).chain(lost).collect()
}

fn counter(
    pipeline: &Arc<Pipeline>,
    meter: &Meter,
    name: String,
    unit: &'static str,
    description: &'static str,
    is_meant: impl Fn(&DestinationReport) -> bool + Send + Sync + 'static,
    telling: Telling,
) {
    let pipeline = Arc::downgrade(pipeline);
    let instrument = meter.u64_observable_counter(name).with_unit(unit).with_description(description);
    instrument
        .with_callback(move |observer| tell(&pipeline, &is_meant, telling, observer, |number| number))
        .build();
}

fn level(
    pipeline: &Arc<Pipeline>,
    meter: &Meter,
    name: String,
    unit: &'static str,
    description: &'static str,
    is_meant: impl Fn(&DestinationReport) -> bool + Send + Sync + 'static,
    telling: Telling,
) {
    let pipeline = Arc::downgrade(pipeline);
    let as_level = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let instrument = meter.i64_observable_up_down_counter(name).with_unit(unit).with_description(description);
    instrument.with_callback(move |observer| tell(&pipeline, &is_meant, telling, observer, as_level)).build();
}

fn tell<T>(
    pipeline: &Weak<Pipeline>,
    is_meant: &dyn Fn(&DestinationReport) -> bool,
    telling: Telling,
    observer: &dyn AsyncInstrument<T>,
    converted: fn(u64) -> T,
) {
    let Some(pipeline) = pipeline.upgrade() else { return };
    for (component, report) in pipeline.components.iter().zip(pipeline.reports()) {
        let Some(report) = report.filter(|report| is_meant(report)) else { continue };
        for (number, attributes) in telling(&report) {
            let attributes = [component.attributes.as_slice(), attributes.as_slice()].concat();
            observer.observe(converted(number), &attributes);
        }
    }
}
