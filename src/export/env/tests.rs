use super::*;
use crate::export::{
    destination::Address,
    http::{self, HttpTransport},
};

type Vars = &'static [(&'static str, &'static str)];

fn lookup(vars: Vars) -> impl Fn(&str) -> Option<String> {
    move |name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

fn route(vars: Vars) -> Result<Address, Error> {
    let destination = destination(&lookup(vars))?;
    Ok(destination.route(Signal::Traces, &http::client(true)?)?.1)
}

fn http(vars: Vars) -> HttpTransport {
    match route(vars).unwrap() {
        Address::Tracia(_) | Address::PostHogCapture(_) => panic!("the environment has no such destination"),
        Address::Http(http) => http,
        #[cfg(feature = "grpc")]
        Address::Grpc { .. } => panic!("HTTP was expected"),
    }
}

fn error(vars: Vars) -> String {
    route(vars).unwrap_err().to_string()
}

#[test]
fn the_sdk_is_disabled_by_true_alone() {
    assert!(is_disabled(&lookup(&[("OTEL_SDK_DISABLED", "True")])));
    assert!(!is_disabled(&lookup(&[("OTEL_SDK_DISABLED", "1")])));
    assert!(!is_disabled(&lookup(&[])));
}

#[test]
fn without_variables_spans_go_to_the_collector_on_this_host() {
    let http = http(&[]);
    assert_eq!(http.url.as_str(), "http://localhost:4318/v1/traces");
    assert_eq!(http.timeout, Duration::from_secs(10));
    assert_eq!(http.compression, Compression::None);
    assert!(http.headers.is_empty());
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let http = http(&[("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("OTEL_EXPORTER_OTLP_PROTOCOL", "")]);
    assert_eq!(http.url.as_str(), "http://localhost:4318/v1/traces");
}

#[test]
fn the_exporter_can_be_none() {
    let none = &[
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ];
    assert!(default_destination(&lookup(none)).unwrap().is_none());
    assert!(default_destination(&lookup(&[("OTEL_TRACES_EXPORTER", "otlp")])).unwrap().is_some());
    assert!(default_destination(&lookup(&[("OTEL_TRACES_EXPORTER", "otlp,console")])).unwrap().is_some());
}

#[test]
fn another_exporter_is_refused_by_name() {
    let error = default_destination(&lookup(&[("OTEL_TRACES_EXPORTER", "zipkin")])).unwrap_err().to_string();
    assert!(error.contains("OTEL_TRACES_EXPORTER") && error.contains("zipkin"), "{error}");
}

fn taken(vars: Vars) -> Vec<Signal> {
    destination(&lookup(vars)).unwrap().taken().collect()
}

#[test]
fn a_destination_asked_of_the_environment_takes_what_the_exporters_say() {
    let others: Vec<Signal> = Signal::exported().filter(|signal| *signal != Signal::Traces).collect();
    assert_eq!(taken(&[("OTEL_TRACES_EXPORTER", "none")]), others);
    assert!(taken(&[("OTEL_TRACES_EXPORTER", "otlp,none")]).contains(&Signal::Traces));
    let none: Vars = &[
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "console"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ];
    assert_eq!(taken(none), []);
    let error = destination(&lookup(&[("OTEL_TRACES_EXPORTER", "console")])).unwrap_err().to_string();
    assert!(error.contains("OTEL_TRACES_EXPORTER") && error.contains("console"), "{error}");
}

#[test]
fn the_general_endpoint_is_a_base_address() {
    let http = http(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/")]);
    assert_eq!(http.url.as_str(), "http://collector:4318/v1/traces");
}

#[test]
fn the_endpoint_of_traces_wins_and_is_used_as_it_is() {
    let http = http(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://wrong:1"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318/custom"),
    ]);
    assert_eq!(http.url.as_str(), "http://collector:4318/custom");
}

#[test]
fn a_malformed_endpoint_is_an_error_that_names_its_variable() {
    assert!(error(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")]).contains("OTEL_EXPORTER_OTLP_ENDPOINT"));
    assert!(
        error(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://")])
            .contains("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    );
}

#[test]
fn headers_are_percent_decoded() {
    let http = http(&[("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20a%3Db, x-team = ml ,")]);
    assert_eq!(http.headers["authorization"], "Bearer a=b");
    assert_eq!(http.headers["x-team"], "ml");
}

#[test]
fn headers_of_traces_win() {
    let http =
        http(&[("OTEL_EXPORTER_OTLP_HEADERS", "x-a=1"), ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-b=2")]);
    assert!(http.headers.contains_key("x-b") && !http.headers.contains_key("x-a"));
}

#[test]
fn malformed_headers_are_an_error_that_keeps_the_key() {
    for list in [
        &[("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")],
        &[("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2%")],
        &[("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2%zz")],
    ] {
        let error = error(list);
        assert!(error.contains("OTEL_EXPORTER_OTLP_HEADERS") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn http_json_is_refused_with_what_is_taken() {
    let error = error(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]);
    assert!(error.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && error.contains("http/protobuf"), "{error}");
}

#[test]
fn the_protocol_of_traces_wins() {
    let vars: Vars = &[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
        // What another exporter sends is that one's.
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ];
    assert!(route(vars).is_ok());
}

#[cfg(feature = "grpc")]
#[test]
fn grpc_goes_to_its_own_port() {
    let Address::Grpc { endpoint, .. } = route(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap() else {
        panic!("gRPC was expected");
    };
    assert_eq!(endpoint.uri().to_string(), "http://localhost:4317/");
}

#[cfg(not(feature = "grpc"))]
#[test]
fn grpc_without_its_feature_is_an_error_that_names_it() {
    assert!(error(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).contains("feature `grpc`"));
}

#[test]
fn compression_is_set_by_its_variable() {
    assert_eq!(http(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]).compression, Compression::Gzip);
    let vars: Vars = &[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
    ];
    assert_eq!(http(vars).compression, Compression::None);
    assert!(error(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "zip")]).contains("OTEL_EXPORTER_OTLP_COMPRESSION"));
}

#[test]
fn a_compression_that_needs_a_feature_is_asked_for_by_its_name() {
    let vars: Vars = &[("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")];
    if cfg!(feature = "zstd") {
        assert_eq!(http(vars).compression, Compression::Zstd);
    } else {
        let error = error(vars);
        assert!(
            error.contains("OTEL_EXPORTER_OTLP_COMPRESSION") && error.contains("feature `zstd`"),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_that_names_variable_and_path() {
    const PATH: &str = "/nowhere/at/all.pem";
    for (name, vars) in [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", &[("OTEL_EXPORTER_OTLP_CERTIFICATE", PATH)]),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", &[("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", PATH)]),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &[("OTEL_EXPORTER_OTLP_CLIENT_KEY", PATH)]),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &[("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", PATH)]),
    ] {
        let error = error(vars);
        assert!(error.starts_with(name) && error.contains(PATH), "{error}");
    }
}

/// A file that can be read, and holds no PEM.
const TEXT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

#[test]
fn a_certificate_without_its_key_is_an_error_that_names_both() {
    for (set, missing) in [
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    ] {
        let lookup = |name: &str| (name == set).then(|| TEXT.to_owned());
        let error = destination(&lookup).unwrap_err().to_string();
        assert!(error.starts_with(set) && error.contains(missing), "{error}");
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[test]
fn a_file_without_a_certificate_is_an_error_that_names_variable_and_path() {
    let error = error(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", TEXT),
    ]);
    assert!(error.contains("OTEL_EXPORTER_OTLP_CERTIFICATE") && error.contains(TEXT), "{error}");
}

#[test]
fn an_http_address_has_no_use_for_the_environments_certificates() {
    assert!(route(&[("OTEL_EXPORTER_OTLP_CERTIFICATE", TEXT)]).is_ok());
}

#[test]
fn a_key_in_the_place_of_a_headers_name_is_not_shown() {
    let error = error(&[("OTEL_EXPORTER_OTLP_HEADERS", "x-a=1,Authorization: Basic aHVudGVyMg==")]);
    assert!(error.contains("OTEL_EXPORTER_OTLP_HEADERS") && error.contains("header 2"), "{error}");
    assert!(!error.contains("aHVudGVyMg"), "{error}");
}

#[test]
fn the_timeout_is_in_milliseconds() {
    assert_eq!(http(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "250")]).timeout, Duration::from_millis(250));
    let vars: Vars = &[("OTEL_EXPORTER_OTLP_TIMEOUT", "250"), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "9")];
    assert_eq!(http(vars).timeout, Duration::from_millis(9));
    assert!(error(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")]).contains("OTEL_EXPORTER_OTLP_TIMEOUT"));
}

#[test]
fn the_queue_and_its_batches_are_set_by_their_variables() {
    let limits = limits(&lookup(&[
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1000"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64"),
    ]))
    .unwrap();
    assert_eq!((limits.delay, limits.spans, limits.batch), (Duration::from_millis(100), 1000, 64));
}

#[test]
fn a_batch_is_never_larger_than_the_queue() {
    assert_eq!(limits(&lookup(&[("OTEL_BSP_MAX_QUEUE_SIZE", "10")])).unwrap().batch, 10);
}

#[test]
fn an_empty_queue_is_refused() {
    let error = limits(&lookup(&[("OTEL_BSP_MAX_QUEUE_SIZE", "0")])).unwrap_err().to_string();
    assert!(error.contains("OTEL_BSP_MAX_QUEUE_SIZE"), "{error}");
}

#[cfg(all(feature = "metrics", feature = "logs"))]
fn route_of(signal: Signal, vars: Vars) -> HttpTransport {
    let destination = default_destination(&lookup(vars)).unwrap().unwrap();
    match destination.route(signal, &http::client(true).unwrap()).unwrap().1 {
        Address::Tracia(_) | Address::PostHogCapture(_) => panic!("the environment has no such destination"),
        Address::Http(http) => http,
        #[cfg(feature = "grpc")]
        Address::Grpc { .. } => panic!("HTTP was expected"),
    }
}

#[cfg(all(feature = "metrics", feature = "logs"))]
#[test]
fn each_signal_has_its_path_under_the_general_endpoint() {
    let vars: Vars = &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/otlp")];
    for (signal, url) in [
        (Signal::Traces, "http://collector:4318/otlp/v1/traces"),
        (Signal::Metrics, "http://collector:4318/otlp/v1/metrics"),
        (Signal::Logs, "http://collector:4318/otlp/v1/logs"),
    ] {
        assert_eq!(route_of(signal, vars).url.as_str(), url);
    }
}

#[cfg(all(feature = "metrics", feature = "logs"))]
#[test]
fn a_signals_own_variables_win_for_it_alone() {
    let vars: Vars = &[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-all=1"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://metrics:9090/api/otlp"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-metrics=1"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "250"),
        ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "none"),
    ];
    let metrics = route_of(Signal::Metrics, vars);
    assert_eq!(metrics.url.as_str(), "http://metrics:9090/api/otlp");
    assert_eq!(metrics.timeout, Duration::from_millis(250));
    assert!(metrics.headers.contains_key("x-metrics") && !metrics.headers.contains_key("x-all"));
    let logs = route_of(Signal::Logs, vars);
    assert_eq!(logs.url.as_str(), "http://collector:4318/v1/logs");
    assert_eq!((logs.compression, logs.timeout), (Compression::None, Duration::from_secs(10)));
    assert!(logs.headers.contains_key("x-all") && !logs.headers.contains_key("x-metrics"));
    assert_eq!(route_of(Signal::Traces, vars).compression, Compression::Gzip);
}

#[cfg(all(feature = "metrics", feature = "logs"))]
#[test]
fn the_endpoint_of_traces_is_that_of_traces_alone() {
    let vars: Vars = &[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/custom"),
    ];
    assert_eq!(route_of(Signal::Logs, vars).url.as_str(), "http://collector:4318/v1/logs");
}

#[cfg(all(feature = "metrics", feature = "logs"))]
#[test]
fn a_signal_with_an_exporter_of_another_kind_is_not_taken() {
    for exporter in ["none", "prometheus"] {
        let lookup = |name: &str| (name == "OTEL_METRICS_EXPORTER").then(|| exporter.to_owned());
        let destination = default_destination(&lookup).unwrap().unwrap();
        assert_eq!(destination.taken().collect::<Vec<_>>(), [Signal::Traces, Signal::Logs], "{exporter}");
    }
}

#[cfg(feature = "metrics")]
#[test]
fn the_temporality_is_cumulative_unless_its_variable_says_otherwise() {
    use opentelemetry_sdk::metrics::Temporality;
    const NAME: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    assert_eq!(temporality(&lookup(&[])).unwrap(), Temporality::Cumulative);
    assert_eq!(temporality(&lookup(&[(NAME, "Delta")])).unwrap(), Temporality::Delta);
    assert_eq!(temporality(&lookup(&[(NAME, "lowmemory")])).unwrap(), Temporality::LowMemory);
    let error = temporality(&lookup(&[(NAME, "often")])).unwrap_err().to_string();
    assert!(error.contains(NAME) && error.contains("often"), "{error}");
}
