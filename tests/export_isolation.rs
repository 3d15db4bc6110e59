//! What each destination gets, and that it is its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod export_front;
mod export_program;
mod export_receiver;

use export_program::{is_program, run};
use export_receiver::{Program, Received, Receiver, status};
use std::{collections::BTreeMap, io::ErrorKind, net::TcpListener};
use tracing_genai::export::{Compression, Destination, Telemetry};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

#[test]
#[ignore = "a program that the tests run"]
fn sends_to_two_of_its_own_and_to_the_environment() {
    if !is_program() {
        return;
    }
    let first = Destination::otlp(variable("FIRST")).bearer("the-first-key").header("x-team", "first");
    let second = Destination::otlp(variable("SECOND"))
        .header("x-api-key", "the-second-key")
        .compression(Compression::Gzip);
    let program = Program::with(
        Telemetry::builder()
            .destination(first)
            .destination(Destination::from_env().unwrap())
            .destination(second),
    );
    program.span("work");
    assert_eq!(program.flush().delivered, 3);
}

/// The headers of every request are these, and those that the export itself sets.
fn assert_headers(requests: &[std::sync::Arc<Received>], address: &str, own: &[(&str, &str)]) {
    assert_eq!(requests.len(), 1);
    for request in requests {
        let mut headers: BTreeMap<&str, &str> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert!(headers.remove("content-length").unwrap().parse::<usize>().unwrap() > 0);
        let host = address.trim_start_matches("https://").trim_start_matches("http://");
        let agent = concat!("tracing-genai/", env!("CARGO_PKG_VERSION"));
        let mut expected = BTreeMap::from([
            ("host", host),
            ("accept", "*/*"),
            ("user-agent", agent),
            ("content-type", "application/x-protobuf"),
        ]);
        expected.extend(own.iter().copied());
        assert_eq!(headers, expected);
    }
}

#[test]
fn each_destination_gets_its_own_headers_and_no_other() {
    let [first, second, environments] = [(); 3].map(|()| Receiver::new());
    run(
        "sends_to_two_of_its_own_and_to_the_environment",
        &[
            ("FIRST", &first.url),
            ("SECOND", &second.url),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &environments.url),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20the-general-key,x-key=another-key"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "20000"),
        ],
    );
    let bearer = ("authorization", "Bearer the-first-key");
    assert_headers(&first.requests(), &first.url, &[bearer, ("x-team", "first")]);
    let gzip = ("content-encoding", "gzip");
    assert_headers(&second.requests(), &second.url, &[("x-api-key", "the-second-key"), gzip]);
    let bearer = ("authorization", "Bearer the-general-key");
    let own = [bearer, ("x-key", "another-key"), gzip];
    assert_headers(&environments.requests(), &environments.url, &own);
}

#[test]
fn the_headers_of_traces_stand_instead_of_the_general_ones() {
    let [first, second, environments] = [(); 3].map(|()| Receiver::new());
    run(
        "sends_to_two_of_its_own_and_to_the_environment",
        &[
            ("FIRST", &first.url),
            ("SECOND", &second.url),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &environments.url),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20the-general-key,x-key=another-key"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-traces=the-traces-key"),
        ],
    );
    let bearer = ("authorization", "Bearer the-first-key");
    assert_headers(&first.requests(), &first.url, &[bearer, ("x-team", "first")]);
    assert_headers(&environments.requests(), &environments.url, &[("x-traces", "the-traces-key")]);
}

#[test]
fn no_redirect_brings_a_key_or_even_a_connection_elsewhere() {
    for code in [301, 302, 303, 307, 308] {
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let target = format!("http://{}/v1/traces", elsewhere.local_addr().unwrap());
        let receiver = Receiver::answering(move |_, _| status(code).header("location", target.clone()));
        let destination = Destination::otlp(&receiver.url).bearer("the-key");
        let program = Program::with(Telemetry::builder().destination(destination));
        program.span("work");
        assert!(program.telemetry.flush_blocking(std::time::Duration::from_secs(20)).is_err());

        let report = program.telemetry.report();
        assert_eq!(report.destinations[0].reasons[&format!("http_{code}")], 1);
        assert_eq!(receiver.requests().len(), 1);
        assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "{code}");
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls {
    use super::*;
    use crate::export_front::Front;
    use opentelemetry::trace::{Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use std::{
        io::{BufRead, BufReader, Write},
        sync::mpsc,
        time::Duration,
    };

    #[test]
    fn the_environments_certificate_is_no_destinations_but_its_own() {
        let [plain, strangers, environments] = [(); 3].map(|()| Receiver::new());
        let front = Front::new(&environments.url);
        // Another whose certificate the authority of the environment issued.
        let authority = std::env::temp_dir().join(format!("tracing-genai-{}-ca.pem", std::process::id()));
        std::fs::write(&authority, front.authority()).unwrap();
        let stranger = front.another(&strangers.url);
        run(
            "tls::sends_to_the_environment_and_to_a_stranger",
            &[
                ("PLAIN", &plain.url),
                ("STRANGER", &stranger),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &front.url),
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=the-environments-key"),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", authority.to_str().unwrap()),
            ],
        );
        std::fs::remove_file(authority).unwrap();
        assert_headers(&environments.requests(), &front.url, &[("x-key", "the-environments-key")]);
        assert_headers(&plain.requests(), &plain.url, &[]);
        assert!(strangers.requests().is_empty());
    }

    #[test]
    #[ignore = "a program that the tests run"]
    fn sends_to_the_environment_and_to_a_stranger() {
        if !is_program() {
            return;
        }
        let program = Program::with(
            Telemetry::builder()
                .destination(Destination::from_env().unwrap())
                .destination(Destination::otlp(variable("PLAIN"))),
        );
        program.span("work");
        assert_eq!(program.flush().delivered, 2);
        let problem = first_problem(Destination::otlp(variable("STRANGER")));
        assert!(problem.contains("certificate"), "{problem}");
    }

    /// What is told of a destination that cannot be reached.
    fn first_problem(destination: Destination) -> String {
        let (tell, told) = mpsc::channel();
        let builder = Telemetry::builder().destination(destination);
        let telemetry =
            builder.on_problem(move |problem| _ = tell.send(problem.to_string())).build().unwrap();
        let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
        provider.tracer("test").in_span("work", |_| ());
        let _ = telemetry.flush_blocking(Duration::ZERO);
        let problem = told.recv_timeout(Duration::from_secs(20)).unwrap();
        telemetry.shutdown_blocking(Duration::ZERO);
        problem
    }

    #[test]
    #[ignore = "a program that the tests run"]
    fn sends_by_a_proxy_and_past_it() {
        if !is_program() {
            return;
        }
        let problem = first_problem(Destination::otlp("https://otlp.example:4318").bearer("the-far-key"));
        assert!(!problem.contains("the-proxys-key") && !problem.contains("the-far-key"), "{problem}");
        let near = Destination::otlp(variable("NEAR")).bearer("the-near-key");
        let program = Program::with(Telemetry::builder().destination(near));
        program.span("work");
        assert_eq!(program.flush().delivered, 1);
    }

    #[test]
    fn a_proxy_gets_no_destinations_key_and_no_destination_gets_the_proxys() {
        let near = Receiver::new();
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://user:the-proxys-key@{}", proxy.local_addr().unwrap());
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in proxy.incoming().map_while(Result::ok) {
                let mut writer = stream.try_clone().unwrap();
                let lines = BufReader::new(stream).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let _ = writer.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
                let _ = tell.send(head.join("\n").to_ascii_lowercase());
            }
        });
        run(
            "tls::sends_by_a_proxy_and_past_it",
            &[
                ("HTTPS_PROXY", &address),
                ("HTTP_PROXY", &address),
                ("NO_PROXY", "127.0.0.1"),
                ("NEAR", &near.url),
            ],
        );
        let head = told.try_recv().unwrap();
        assert!(
            head.starts_with("connect otlp.example:4318") && head.contains("proxy-authorization"),
            "{head}"
        );
        assert!(!head.contains("the-far-key") && !head.contains("\nauthorization"), "{head}");
        assert_headers(&near.requests(), &near.url, &[("authorization", "Bearer the-near-key")]);
    }
}
