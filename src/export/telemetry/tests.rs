use super::*;
use opentelemetry::trace::Tracer;

type Vars = &'static [(&'static str, &'static str)];

fn build(builder: TelemetryBuilder, vars: Vars) -> Result<Telemetry, Error> {
    builder
        .build_with(&|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

fn names(telemetry: &Telemetry) -> Vec<String> {
    telemetry.report().destinations.into_iter().map(|destination| destination.name).collect()
}

#[test]
fn without_a_destination_spans_go_where_the_environment_says() {
    let telemetry =
        build(Telemetry::builder(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).unwrap();
    assert_eq!(names(&telemetry), ["http://127.0.0.1:1/v1/traces"]);
}

#[test]
fn a_destination_in_code_stands_for_the_one_of_the_environment() {
    let builder = Telemetry::builder().destination(Destination::otlp("http://127.0.0.1:2"));
    let telemetry = build(builder, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).unwrap();
    assert_eq!(names(&telemetry), ["http://127.0.0.1:2/v1/traces"]);
}

#[test]
fn a_disabled_sdk_records_nothing() {
    let builder = Telemetry::builder().destination(Destination::otlp("http://127.0.0.1:1"));
    let telemetry = build(builder, &[("OTEL_SDK_DISABLED", "true")]).unwrap();
    let is_sampled = telemetry.tracer().in_span("work", |context| {
        opentelemetry::trace::TraceContextExt::span(&context).span_context().is_sampled()
    });
    assert!(!is_sampled, "nobody downstream is told of a span that nobody will see");
    assert_eq!(telemetry.report(), Report::default());
    assert!(telemetry.flush_blocking(Duration::ZERO).is_ok());
}

#[test]
fn an_exporter_of_none_records_nothing() {
    let vars = &[("OTEL_TRACES_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "none")];
    let telemetry = build(Telemetry::builder(), vars).unwrap();
    telemetry.tracer().in_span("work", |_| ());
    assert_eq!(telemetry.report(), Report::default());
}

#[test]
fn a_malformed_endpoint_is_an_error_before_anything_is_sent() {
    let error = build(Telemetry::builder(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[cfg(feature = "metrics")]
#[test]
fn the_exporter_of_metrics_has_the_environments_temporality() {
    use opentelemetry_sdk::metrics::{Temporality, exporter::PushMetricExporter};
    let vars = &[("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")];
    let telemetry = build(Telemetry::builder(), vars).unwrap();
    assert_eq!(telemetry.metric_exporter().temporality(), Temporality::Delta);
}
