//! Spans on their way to receivers with certificates of their own.
#![cfg(any(feature = "rustls", feature = "native-tls"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_front;
mod export_program;
mod export_receiver;

use export_front::{Authority, Front};
use export_program::{is_program, run};
use export_receiver::{Program, Receiver};
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::{sync::mpsc, time::Duration};
use tracing_genai::export::{Destination, Problem, ProblemKind, Telemetry};

fn https(front: &Front) -> Destination {
    Destination::otlp(&front.url)
}

/// How many spans arrive of one that ends.
fn delivered(destination: Destination) -> u64 {
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span("work");
    program.flush().delivered
}

/// The first problem of a destination that cannot be reached, whose span stays.
fn problem(destination: Destination) -> Problem {
    let (tell, told) = mpsc::channel();
    let hook = move |problem: &Problem| _ = tell.send(problem.clone());
    let telemetry = Telemetry::builder().destination(destination).on_problem(hook).build().unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    provider.tracer("test").in_span("work", |_| ());
    let _ = telemetry.flush_blocking(Duration::ZERO);
    let problem = told.recv_timeout(Duration::from_secs(20)).unwrap();
    let report = telemetry.report();
    assert_eq!((report.pending, report.delivered, report.rejected), (1, 0, 0), "{report:?}");
    telemetry.shutdown_blocking(Duration::ZERO);
    problem
}

fn error(destination: Destination) -> String {
    Telemetry::builder().destination(destination).build().unwrap_err().to_string()
}

#[test]
fn a_server_is_trusted_by_its_authority() {
    let receiver = Receiver::new();
    let front = Front::new(&receiver.url);
    assert_eq!(delivered(https(&front).ca_certificate(front.authority())), 1);
    assert_eq!(receiver.names(), ["work"]);
}

#[test]
fn several_authorities_may_be_given_together_or_one_by_one() {
    let (front, other) = (Front::new(&Receiver::new().url), Authority::new());
    let together = format!("{}{}", other.pem, front.authority());
    assert_eq!(delivered(https(&front).ca_certificate(together)), 1);
    let one_by_one = https(&front).ca_certificate(front.authority()).ca_certificate(&other.pem);
    assert_eq!(delivered(one_by_one), 1);
}

#[test]
fn a_server_that_is_not_trusted_gets_nothing_and_its_certificate_is_told_of() {
    let receiver = Receiver::new();
    let front = Front::new(&receiver.url);
    for destination in [https(&front), https(&front).ca_certificate(&Authority::new().pem)] {
        let problem = problem(destination);
        assert_eq!(problem.kind, ProblemKind::Delayed);
        assert!(problem.message.contains("certificate"), "{problem}");
    }
    assert!(receiver.requests().is_empty());
}

#[test]
fn one_destinations_authority_is_not_anothers() {
    let (first, second) = (Front::new(&Receiver::new().url), Front::new(&Receiver::new().url));
    let (tell, told) = mpsc::channel();
    let telemetry = Telemetry::builder()
        .destination(https(&first).ca_certificate(first.authority()))
        .destination(Destination::otlp(format!("{}/second", second.url)).ca_certificate(first.authority()))
        .destination(Destination::otlp(format!("{}/third", first.url)))
        .on_problem(move |problem| _ = tell.send(problem.destination.clone().unwrap()))
        .build()
        .unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    provider.tracer("test").in_span("work", |_| ());
    let _ = telemetry.flush_blocking(Duration::ZERO);
    let mut failed = [(); 2].map(|()| told.recv_timeout(Duration::from_secs(20)).unwrap());
    failed.sort_by_key(|name| name.contains("third"));
    assert!(failed[0].contains("/second") && failed[1].contains("/third"), "{failed:?}");
    telemetry.shutdown_blocking(Duration::ZERO);
}

#[test]
fn a_server_that_asks_who_calls_is_shown_the_clients_certificate() {
    let receiver = Receiver::new();
    let front = Front::mutual(&receiver.url);
    let client = front.client();
    let destination = https(&front).ca_certificate(front.authority());
    assert_eq!(delivered(destination.client_certificate(client.certificate, client.key)), 1);
    assert_eq!(receiver.names(), ["work"]);
}

#[test]
fn without_the_clients_certificate_such_a_server_takes_nothing() {
    let receiver = Receiver::new();
    let front = Front::mutual(&receiver.url);
    let stranger = Authority::new().issue();
    let destination = || https(&front).ca_certificate(front.authority());
    assert_eq!(problem(destination()).kind, ProblemKind::Delayed);
    let strange = destination().client_certificate(stranger.certificate, stranger.key);
    assert_eq!(problem(strange).kind, ProblemKind::Delayed);
    assert!(receiver.requests().is_empty());
}

#[test]
fn what_is_no_certificate_is_refused_when_the_telemetry_is_built() {
    let authority = Authority::new();
    let issued = authority.issue();
    let garbage = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let cut = &authority.pem[..authority.pem.len() - 40];
    for (pem, words) in [
        ("certificate.pem", "is no PEM"),
        ("", "is no PEM"),
        (issued.key.as_str(), "holds no certificate"),
        (garbage, "cannot be read"),
        (cut, "cannot be read"),
    ] {
        let error = error(Destination::otlp("https://127.0.0.1:1").ca_certificate(pem));
        assert!(error.contains("Destination::ca_certificate") && error.contains(words), "{error}");
    }
}

#[test]
fn a_key_that_does_not_fit_is_refused_when_the_telemetry_is_built() {
    let (first, second) = (Authority::new().issue(), Authority::new().issue());
    let encrypted = first.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let cut = format!("{}\n-----END PRIVATE KEY-----\n", &first.key[..first.key.len() / 2]);
    for (key, words) in [
        ("key.pem", "is no PEM"),
        (first.certificate.as_str(), "holds no private key"),
        (second.key.as_str(), "cannot be used with"),
        (cut.as_str(), "cannot be used with"),
        (encrypted.as_str(), "is an encrypted key"),
    ] {
        let destination =
            Destination::otlp("https://127.0.0.1:1").client_certificate(&first.certificate, key);
        let error = error(destination);
        assert!(error.contains("Destination::client_certificate") && error.contains(words), "{error}");
    }
}

#[test]
fn certificates_for_an_http_address_are_refused() {
    let authority = Authority::new();
    let error = error(Destination::otlp("http://127.0.0.1:1").ca_certificate(&authority.pem));
    assert!(error.contains("http address") && error.contains("Destination::ca_certificate"), "{error}");
}

/// A file for one test, which goes with it.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tracing-genai-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
#[ignore = "a program that the tests run"]
fn sends_where_the_environment_says() {
    if is_program() {
        assert_eq!(delivered(Destination::from_env().unwrap()), 1);
    }
}

#[test]
fn the_environments_certificates_are_read_from_their_files() {
    let receiver = Receiver::new();
    let front = Front::mutual(&receiver.url);
    let client = front.client();
    let authority = File::new("authority.pem", front.authority());
    let certificate = File::new("certificate.pem", &client.certificate);
    let key = File::new("key.pem", &client.key);
    run(
        "sends_where_the_environment_says",
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &front.url),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/at/all.pem"),
            ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", authority.path()),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate.path()),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", key.path()),
            // They would read the general certificate.
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_LOGS_EXPORTER", "none"),
        ],
    );
    assert_eq!(receiver.names(), ["work"]);
}

#[test]
#[ignore = "a program that the tests run"]
fn trusts_the_platform_or_an_authority_of_its_own() {
    if !is_program() {
        return;
    }
    let url = std::env::var("URL").unwrap();
    assert_eq!(delivered(Destination::otlp(&url)), 1);
    let own = Destination::otlp(url).ca_certificate(&Authority::new().pem);
    assert!(problem(own).message.contains("certificate"));
}

// Elsewhere than here the platform's authorities are no file.
#[cfg(target_os = "linux")]
#[test]
fn an_authority_of_its_own_stands_instead_of_the_platforms() {
    let front = Front::new(&Receiver::new().url);
    let platform = File::new("platform.pem", front.authority());
    run(
        "trusts_the_platform_or_an_authority_of_its_own",
        &[("URL", &front.url), ("SSL_CERT_FILE", platform.path())],
    );
}

#[cfg(all(feature = "grpc", feature = "rustls"))]
mod grpc {
    use super::*;
    use tracing_genai::{export::Protocol, testing::OtlpSink};

    fn grpc(front: &Front) -> Destination {
        https(front).protocol(Protocol::Grpc)
    }

    #[test]
    fn a_server_is_trusted_by_its_authority() {
        let sink = OtlpSink::start().unwrap();
        let front = Front::grpc(&sink.grpc_endpoint());
        assert_eq!(delivered(grpc(&front).ca_certificate(front.authority())), 1);
        assert_eq!(sink.spans()[0].name, "work");
    }

    #[test]
    fn a_server_that_is_not_trusted_gets_nothing_and_its_certificate_is_told_of() {
        let sink = OtlpSink::start().unwrap();
        let front = Front::grpc(&sink.grpc_endpoint());
        let problem = problem(grpc(&front).ca_certificate(&Authority::new().pem));
        assert_eq!(problem.kind, ProblemKind::Delayed);
        assert!(problem.message.contains("certificate"), "{problem}");
        assert!(sink.requests().is_empty());
    }

    #[test]
    fn a_server_that_asks_who_calls_is_shown_the_clients_certificate() {
        let sink = OtlpSink::start().unwrap();
        let front = Front::mutual_grpc(&sink.grpc_endpoint());
        let client = front.client();
        let destination = || grpc(&front).ca_certificate(front.authority());
        assert_eq!(delivered(destination().client_certificate(client.certificate, client.key)), 1);
        assert_eq!(problem(destination()).kind, ProblemKind::Delayed);
        assert_eq!(sink.requests().len(), 1);
    }

    #[test]
    fn what_is_no_certificate_is_refused_when_the_telemetry_is_built() {
        let garbage = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let destination = Destination::otlp("https://127.0.0.1:1").protocol(Protocol::Grpc);
        let error = error(destination.ca_certificate(garbage));
        assert!(error.contains("Destination::ca_certificate"), "{error}");
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused_when_the_telemetry_is_built() {
        let (first, second) = (Authority::new().issue(), Authority::new().issue());
        let destination = Destination::otlp("https://127.0.0.1:1").protocol(Protocol::Grpc);
        let error = error(destination.client_certificate(&first.certificate, &second.key));
        assert!(error.contains("Destination::client_certificate"), "{error}");
    }
}
