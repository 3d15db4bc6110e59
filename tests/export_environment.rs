//! The environment's destination, in processes that have one.
#![allow(clippy::unwrap_used, reason = "a test")]

mod export_program;
mod export_receiver;

use export_program::{is_program, run};
use export_receiver::{Program, Receiver};
use tracing_genai::export::{Destination, Telemetry};

#[test]
#[ignore = "a program that the tests run"]
fn sends_where_the_environment_says() {
    if !is_program() {
        return;
    }
    let program = Program::with(Telemetry::builder());
    program.span("work");
    program.flush();
}

#[test]
#[ignore = "a program that the tests run"]
fn sends_to_the_environment_and_to_one_of_its_own() {
    if !is_program() {
        return;
    }
    let own = std::env::var("OWN").unwrap();
    let program = Program::with(
        Telemetry::builder()
            .destination(Destination::from_env().unwrap())
            .destination(Destination::otlp(own)),
    );
    program.span("work");
    program.flush();
}

#[test]
fn everything_is_set_by_the_environment() {
    let receiver = Receiver::new();
    run(
        "sends_where_the_environment_says",
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20key"),
            ("OTEL_SERVICE_NAME", "assistant"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ],
    );
    let requests = receiver.requests();
    assert_eq!(requests[0].headers["x-key"], "a key");
    let resource = format!("{:?}", requests[0].message.resource_spans[0].resource);
    assert!(resource.contains("assistant") && resource.contains("deployment.environment.name"), "{resource}");
}

#[test]
fn headers_of_the_environment_reach_its_destination_alone() {
    let (environments, own) = (Receiver::new(), Receiver::new());
    run(
        "sends_to_the_environment_and_to_one_of_its_own",
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &environments.url),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OWN", &own.url),
        ],
    );
    assert_eq!(environments.requests()[0].headers["x-key"], "hunter2");
    assert!(environments.requests()[0].headers.contains_key("content-encoding"));
    assert!(!own.requests()[0].headers.contains_key("x-key"));
    assert!(!own.requests()[0].headers.contains_key("content-encoding"));
}

#[test]
fn a_sampler_of_the_environment_decides_about_the_spans_of_our_layer() {
    let receiver = Receiver::new();
    run(
        "installs_and_works",
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url), ("OTEL_TRACES_SAMPLER", "always_off")],
    );
    assert!(receiver.requests().is_empty());
}

#[test]
fn installing_is_enough_whatever_rust_log_says() {
    for log in ["", "off", "error", "trace"] {
        let receiver = Receiver::new();
        run("installs_and_works", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url), ("RUST_LOG", log)]);
        assert_eq!(receiver.names(), ["work"], "RUST_LOG={log}");
        let scope = receiver.requests()[0].message.resource_spans[0].scope_spans[0].scope.clone().unwrap();
        assert_eq!(scope.name, "tracing-genai");
    }
}

#[test]
#[ignore = "a program that the tests run"]
fn installs_and_works() {
    if !is_program() {
        return;
    }
    let telemetry = Telemetry::from_env().unwrap();
    telemetry.install().unwrap();
    tracing::info_span!("work").in_scope(|| tracing::info!("inside"));
}

#[test]
#[ignore = "a program that the tests run"]
fn installs_after_somebody_else() {
    if !is_program() {
        return;
    }
    tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    let telemetry =
        Telemetry::builder().destination(Destination::otlp("http://127.0.0.1:1")).build().unwrap();
    let error = telemetry.install().unwrap_err().to_string();
    assert!(error.contains("telemetry.layer()"), "{error}");
}

#[test]
fn installing_beside_another_subscriber_is_an_error_that_names_the_layer() {
    run("installs_after_somebody_else", &[]);
}

#[test]
#[ignore = "a program that the tests run"]
fn sets_both_layers_up() {
    if !is_program() {
        return;
    }
    use tracing_subscriber::layer::SubscriberExt;
    let telemetry =
        Telemetry::builder().destination(Destination::otlp("http://127.0.0.1:1")).build().unwrap();
    let theirs = tracing_opentelemetry::layer();
    let subscriber = tracing_subscriber::registry().with(Some(telemetry.layer())).with(theirs);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    tracing::info_span!("work").in_scope(|| ());
    assert!(telemetry.check().is_err());
    telemetry.shutdown_blocking(std::time::Duration::ZERO);
}

#[test]
fn theirs_above_ours_in_an_option_is_found_in_a_global_subscriber() {
    run("sets_both_layers_up", &[]);
}
