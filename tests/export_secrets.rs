//! No key of a destination is shown, whatever goes wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod export_front;
mod export_receiver;

use export_receiver::{Answer, Received, Receiver, nowhere, status};
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use std::{sync::mpsc, time::Duration};
use tracing_genai::{
    Error,
    export::{Destination, Problem, Telemetry, TelemetryBuilder},
};

const BEARER: &str = "correct-horse-battery";
const HEADER: &str = "staple of the horse";
const QUERY: &str = "purple-monkey-dishwasher";

fn assert_hides(shown: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}

fn with_keys(url: &str) -> Destination {
    Destination::otlp(format!("{url}/v1/traces?key={QUERY}"))
        .exact_path()
        .bearer(BEARER)
        .header("x-key", HEADER)
}

/// Everything that a program can be shown of a destination, with one problem that it has.
fn shown(destination: Destination) -> String {
    let (tell, told) = mpsc::channel();
    let healthy = Receiver::new();
    let mut shown = format!("{destination:?} {destination:#?}");
    let builder = Telemetry::builder()
        .destination(destination)
        .destination(Destination::otlp(&healthy.url))
        .on_problem(move |problem: &Problem| _ = tell.send(problem.clone()));
    shown += &format!("{builder:?} {builder:#?}");
    let telemetry = builder.build().unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    provider.tracer("test").in_span("work", |_| ());
    if let Err(error) = telemetry.flush_blocking(Duration::ZERO) {
        shown += &told_of(&error);
    }
    let problem = told.recv_timeout(Duration::from_secs(20)).unwrap();
    shown += &format!("{problem} {problem:?} {telemetry:?} {telemetry:#?} {:?}", telemetry.report());
    healthy.wait_for(1, Duration::from_secs(20));
    for request in healthy.requests() {
        shown += &format!("{:?} {:?}", request.headers, request.message);
    }
    let report = telemetry.shutdown_blocking(Duration::ZERO);
    shown += &format!("{report:?}");
    shown.extend(told.try_iter().map(|problem| format!("{problem} {problem:?}")));
    shown
}

fn told_of(error: &Error) -> String {
    let mut told = format!("{error} {error:?} {error:#?}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        told += &format!("{inner} {inner:?}");
        cause = inner.source();
    }
    told
}

fn refused(builder: TelemetryBuilder) -> String {
    let shown = format!("{builder:?} {builder:#?}");
    shown + &told_of(&builder.build().unwrap_err())
}

/// What it was sent, as servers repeat it.
fn echo(received: &Received) -> String {
    format!("{:?} {:?}", received.path, received.headers)
}

fn hides_what_it_sent(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
    let receiver = Receiver::answering(move |_, received| answer(received));
    assert_hides(&shown(with_keys(&receiver.url)), &[BEARER, HEADER, QUERY]);
    assert!(echo(&receiver.requests()[0]).contains(BEARER), "what is echoed is the key");
}

#[test]
fn a_refusal_that_repeats_the_keys() {
    for code in [400, 401, 403, 413] {
        hides_what_it_sent(move |received| status(code).body(echo(received)));
    }
}

#[test]
fn trouble_that_repeats_the_keys() {
    for code in [408, 429, 500, 503] {
        hides_what_it_sent(move |received| status(code).body(echo(received)));
    }
}

#[test]
fn a_key_of_which_a_long_answer_is_cut() {
    let receiver = Receiver::answering(|_, _| status(401).body(format!("{} {BEARER}", "x".repeat(189))));
    let shown = shown(with_keys(&receiver.url));
    assert!(shown.contains("xxx **********"), "{shown}");
}

#[test]
fn a_partial_success_that_repeats_the_keys() {
    hides_what_it_sent(|received| {
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: echo(received) };
        status(200).body(ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec())
    });
}

#[test]
fn a_redirect_to_an_address_with_the_keys() {
    hides_what_it_sent(|received| status(302).header("location", format!("/{}", received.path)));
}

#[test]
fn a_connection_that_is_refused() {
    assert_hides(&shown(with_keys(&nowhere())), &[BEARER, HEADER, QUERY]);
}

#[test]
fn a_header_that_cannot_be_sent() {
    for (name, value) in [
        ("x-key", "correct-horse-battery\n"),
        ("correct-horse-battery: ", "x"),
        ("Authorization: Basic correct-horse-battery", ""),
        ("content-type", "correct-horse-battery"),
    ] {
        let destination = Destination::otlp("http://127.0.0.1:1").header(name, value);
        let error = Telemetry::builder().destination(destination).build().unwrap_err();
        assert_hides(&told_of(&error), &[BEARER]);
    }
}

#[test]
fn an_address_that_is_none() {
    for address in [
        format!("http://?key={QUERY}"),
        format!("collector?key={QUERY}"),
        format!("ftp://collector/?key={QUERY}"),
        format!("http://user:{QUERY}@collector"),
    ] {
        let destination = Destination::otlp(address).bearer(BEARER);
        assert_hides(&refused(Telemetry::builder().destination(destination)), &[QUERY, BEARER]);
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls {
    use super::*;
    use crate::export_front::{Authority, Front};

    /// A line of the key itself.
    fn secret(key: &str) -> &str {
        key.lines().nth(1).unwrap()
    }

    #[test]
    fn a_server_that_is_not_trusted() {
        let (front, client) = (Front::new(&Receiver::new().url), Authority::new().issue());
        let destination = with_keys(&front.url).client_certificate(&client.certificate, &client.key);
        assert_hides(&shown(destination), &[BEARER, HEADER, QUERY, secret(&client.key)]);
    }

    #[test]
    fn a_server_that_speaks_no_tls() {
        let url = Receiver::new().url.replace("http:", "https:");
        assert_hides(&shown(with_keys(&url)), &[BEARER, HEADER, QUERY]);
    }

    #[test]
    fn a_clients_key_that_cannot_be_used() {
        let (first, second) = (Authority::new().issue(), Authority::new().issue());
        let secret = secret(&first.key);
        let cut = first.key.replace("-----END PRIVATE KEY-----", "");
        let broken = format!("-----BEGIN PRIVATE KEY-----\n!{secret}\n-----END PRIVATE KEY-----");
        for (certificate, key) in [
            (second.certificate.as_str(), first.key.as_str()),
            (&first.certificate, &cut),
            (&first.certificate, &broken),
            (&first.certificate, secret),
            (&first.key, &first.key),
        ] {
            let destination = with_keys("https://127.0.0.1:1").client_certificate(certificate, key);
            let shown = refused(Telemetry::builder().destination(destination));
            assert_hides(&shown, &[BEARER, HEADER, QUERY, secret]);
        }
    }

    #[test]
    fn a_key_in_the_place_of_an_authority() {
        let issued = Authority::new().issue();
        let destination = with_keys("https://127.0.0.1:1").ca_certificate(&issued.key);
        let shown = refused(Telemetry::builder().destination(destination));
        assert_hides(&shown, &[BEARER, HEADER, QUERY, secret(&issued.key)]);
    }
}

#[cfg(feature = "grpc")]
mod grpc {
    use super::*;
    use tracing_genai::{
        export::Protocol,
        testing::{OtlpSink, SinkAnswer},
    };

    #[test]
    fn an_answer_that_repeats_the_keys() {
        let echo = format!("no Bearer {BEARER}, no {HEADER}");
        for answer in [
            SinkAnswer::grpc_status(16, echo.clone()),
            SinkAnswer::grpc_status(14, echo.clone()),
            SinkAnswer::partial_success(1, echo.clone()),
        ] {
            let sink = OtlpSink::start().unwrap();
            sink.answer_with(answer);
            let destination = with_keys(&sink.grpc_endpoint()).protocol(Protocol::Grpc);
            assert_hides(&shown(destination), &[BEARER, HEADER, QUERY]);
        }
    }

    #[test]
    fn an_address_that_grpc_cannot_use() {
        // It is an address, and longer than the client's parser takes.
        let address = format!("http://127.0.0.1:1/{}?key={QUERY}", "x".repeat(1 << 17));
        let destination = Destination::otlp(address).protocol(Protocol::Grpc);
        let error = Telemetry::builder().destination(destination).build().unwrap_err();
        assert_hides(&told_of(&error), &[QUERY]);
    }
}
