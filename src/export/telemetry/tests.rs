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

fn twins(spooled: bool, names: [Option<&str>; 2]) -> Result<Telemetry, Error> {
    let dir = std::env::temp_dir().join(format!("tracing-genai-twins-{}", std::process::id()));
    let builder = names.into_iter().fold(Telemetry::builder(), |builder, name| {
        let tenant = Destination::otlp("http://127.0.0.1:1?key=of-a-tenant");
        builder.destination(match name {
            Some(name) => tenant.name(name),
            None => tenant,
        })
    });
    let telemetry = build(if spooled { builder.spool(&dir) } else { builder }, &[]);
    if let Ok(telemetry) = &telemetry {
        telemetry.shutdown_blocking(Duration::ZERO);
        let _ = std::fs::remove_dir_all(dir);
    }
    telemetry
}

#[test]
fn tenants_at_one_address_have_to_be_named_where_there_is_a_spool() {
    let error = twins(true, [Some("acme"), None]).unwrap_err().to_string();
    assert!(error.contains("Destination::name") && !error.contains("of-a-tenant"), "{error}");
    let named = twins(true, [Some("acme"), Some("umbrella")]).unwrap();
    assert_eq!(names(&named), ["http://127.0.0.1:1/v1/traces"; 2]);
    assert!(twins(false, [None, None]).is_ok());
}

#[test]
fn a_destination_that_the_environment_leaves_nothing_records_nothing() {
    let none = |name: &str| name.ends_with("_EXPORTER").then(|| "none".to_owned());
    let builder = Telemetry::builder().destination(env::destination(&none).unwrap());
    let telemetry = build(builder, &[]).unwrap();
    telemetry.tracer().in_span("work", |_| ());
    assert_eq!(telemetry.report(), Report::default());
    assert!(telemetry.flush_blocking(Duration::from_secs(5)).is_ok());
}

#[test]
fn a_destination_that_code_leaves_nothing_is_refused() {
    let builder = Telemetry::builder().destination(Destination::otlp("http://127.0.0.1:1").signals([]));
    assert!(build(builder, &[]).unwrap_err().to_string().contains("Destination::signals"));
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
