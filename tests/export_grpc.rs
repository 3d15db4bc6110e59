//! Spans on their way to an OTLP receiver over gRPC.
#![cfg(feature = "grpc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod export_receiver;

use export_receiver::{Program, balanced, nowhere};
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use std::time::Duration;
use tonic::Code;
use tracing_genai::{
    export::{Compression, Destination, ProblemKind, Protocol, Telemetry},
    testing::{OtlpSink, SinkAnswer},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

fn destination(sink: &OtlpSink) -> Destination {
    Destination::otlp(sink.grpc_endpoint()).protocol(Protocol::Grpc)
}

fn program(sink: &OtlpSink) -> Program {
    Program::with(Telemetry::builder().destination(destination(sink)))
}

fn refusal(code: Code, message: &str) -> SinkAnswer {
    SinkAnswer::grpc_status(code as i32, message)
}

#[test]
fn a_span_arrives_with_its_integers_and_its_headers() {
    let sink = OtlpSink::start().unwrap();
    let destination = destination(&sink).header("x-key", "hunter2");
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span_with("chat", vec![KeyValue::new("gen_ai.usage.input_tokens", 12)]);
    assert_eq!(program.flush().delivered, 1);

    let requests = sink.requests();
    assert_eq!(requests[0].header("x-key"), Some("hunter2"));
    assert_eq!(requests[0].spans[0].attributes["gen_ai.usage.input_tokens"], 12);
}

#[test]
fn a_compressed_request_arrives_whole() {
    let sink = OtlpSink::start().unwrap();
    let destination = destination(&sink).compression(Compression::Gzip);
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span("work");
    assert_eq!(program.flush().delivered, 1);
    assert_eq!(sink.requests()[0].header("grpc-encoding"), Some("gzip"));
    assert_eq!(sink.spans()[0].name, "work");
}

#[cfg(feature = "zstd")]
#[test]
fn a_request_compressed_by_zstd_arrives_whole() {
    let sink = OtlpSink::start().unwrap();
    let destination = destination(&sink).compression(Compression::Zstd);
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span("work");
    assert_eq!(program.flush().delivered, 1);
    assert_eq!(sink.requests()[0].header("grpc-encoding"), Some("zstd"));
    assert_eq!(sink.spans()[0].name, "work");
}

#[test]
fn what_is_unavailable_for_a_while_loses_nothing_and_gets_it_once() {
    let sink = OtlpSink::start().unwrap();
    sink.answer_with(refusal(Code::Unavailable, "later"));
    let program = program(&sink);
    program.span("work");
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (1, 0));
    assert_eq!(sink.requests().len(), 2);
}

#[test]
fn what_is_refused_is_counted_by_its_code() {
    let sink = OtlpSink::start().unwrap();
    sink.answer_with(refusal(Code::InvalidArgument, "no such project"));
    let program = program(&sink);
    program.span("work");
    let report = program.flush();
    assert_eq!(report.destinations[0].reasons["grpc_invalid_argument"], 1);
}

#[test]
fn a_partial_success_counts_what_was_rejected() {
    let sink = OtlpSink::start().unwrap();
    sink.answer_with(SinkAnswer::partial_success(1, "too old"));
    let program = program(&sink);
    program.span("new");
    program.span("old");
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (1, 1));
}

#[test]
fn what_is_too_large_is_split() {
    let sink = OtlpSink::start().unwrap();
    sink.answer_with(refusal(Code::ResourceExhausted, "grpc: received message larger than max (9 vs. 4)"));
    let program = program(&sink);
    for name in ["a", "b", "c"] {
        program.span(name);
    }
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (3, 0));
    let mut sizes: Vec<_> = sink.requests().iter().map(|request| request.spans.len()).collect();
    sizes[1..].sort_unstable();
    assert_eq!(sizes, [3, 1, 2]);
}

#[test]
fn what_nobody_takes_is_dropped_at_the_shutdowns_deadline_and_counted() {
    let nowhere = Destination::otlp(nowhere()).protocol(Protocol::Grpc);
    let program = Program::with(Telemetry::builder().destination(nowhere));
    program.span("work");
    let report = balanced(program.telemetry.shutdown_blocking(Duration::from_millis(200)));
    assert_eq!(report.destinations[0].reasons["shutdown"], 1);
}

#[test]
fn the_export_makes_no_spans_of_its_own() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing::subscriber::set_global_default(Registry::default().with(layer)).unwrap();
    let sink = OtlpSink::start().unwrap();
    let program = program(&sink);
    program.span("work");
    assert_eq!(program.flush().delivered, 1);

    let spans = exporter.get_finished_spans().unwrap();
    let threads: Vec<_> = spans
        .iter()
        .flat_map(|span| &span.attributes)
        .filter(|attribute| attribute.key.as_str() == "thread.name")
        .map(|attribute| attribute.value.as_str())
        .collect();
    assert!(!threads.is_empty(), "HTTP/2 makes spans where it is heard");
    assert!(!threads.contains(&"tracing-genai".into()), "{threads:?}");
}

/// What a code comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    Delivered,
    Pending,
    Rejected,
    Misconfigured,
}

const CODES: [(Code, Class); 17] = [
    (Code::Ok, Class::Delivered),
    (Code::Cancelled, Class::Pending),
    (Code::Unknown, Class::Rejected),
    (Code::InvalidArgument, Class::Rejected),
    (Code::DeadlineExceeded, Class::Pending),
    (Code::NotFound, Class::Misconfigured),
    (Code::AlreadyExists, Class::Rejected),
    (Code::PermissionDenied, Class::Misconfigured),
    (Code::ResourceExhausted, Class::Rejected),
    (Code::FailedPrecondition, Class::Rejected),
    (Code::Aborted, Class::Pending),
    (Code::OutOfRange, Class::Pending),
    (Code::Unimplemented, Class::Misconfigured),
    (Code::Internal, Class::Rejected),
    (Code::Unavailable, Class::Pending),
    (Code::DataLoss, Class::Pending),
    (Code::Unauthenticated, Class::Misconfigured),
];

/// `google.rpc.Status { details: [Any { RetryInfo { retry_delay: 300 ms } }] }` as a server sends it.
fn retry_info() -> String {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    let url = b"type.googleapis.com/google.rpc.RetryInfo";
    let delay = [0x10, 0x80, 0xc6, 0x86, 0x8f, 0x01];
    let mut any = vec![0x0a, u8::try_from(url.len()).unwrap()];
    any.extend_from_slice(url);
    any.extend_from_slice(&[0x12, 8, 0x0a, 6]);
    any.extend_from_slice(&delay);
    let mut details = vec![0x1a, u8::try_from(any.len()).unwrap()];
    details.extend(any);
    STANDARD_NO_PAD.encode(details)
}

/// One span is answered so, and everything later is taken.
fn comes_to(code: Code, class: Class, with_retry_info: bool) {
    let sink = OtlpSink::start().unwrap();
    let mut answer = if code == Code::Ok { SinkAnswer::accepted() } else { refusal(code, "so it is") };
    if with_retry_info {
        answer = answer.header("grpc-status-details-bin", retry_info());
    }
    sink.answer_with(answer);
    let program = program(&sink);
    program.span("work");
    let start = std::time::Instant::now();
    let report = program.flush();
    let lost = u64::from(matches!(class, Class::Rejected | Class::Misconfigured));
    assert_eq!((report.delivered, report.rejected), (1 - lost, lost), "{code:?}");
    let kinds: Vec<_> = program.problems.lock().unwrap().iter().map(|problem| problem.kind).collect();
    let expected: &[ProblemKind] = match class {
        Class::Delivered => &[],
        Class::Pending => &[ProblemKind::Delayed],
        Class::Rejected => &[ProblemKind::Rejected],
        Class::Misconfigured => &[ProblemKind::Misconfigured, ProblemKind::Rejected],
    };
    assert_eq!(kinds, expected, "{code:?}");
    assert_eq!(sink.requests().len(), if class == Class::Pending { 2 } else { 1 }, "{code:?}");
    if class == Class::Pending && with_retry_info {
        assert!(start.elapsed() >= Duration::from_millis(300), "{code:?} asked to be left alone");
    }
    program.span("later");
    let report = program.flush_until_whole();
    assert_eq!((report.delivered, report.rejected), (2 - lost, lost), "{code:?}");
    assert_eq!(report.destinations[0].trouble, None, "{code:?}");
}

#[test]
fn each_code_comes_to_what_otlp_says() {
    std::thread::scope(|scope| {
        for (code, class) in CODES {
            scope.spawn(move || comes_to(code, class, false));
        }
    });
}

#[test]
fn retry_info_makes_an_exhausted_resource_temporary_and_sets_the_wait() {
    std::thread::scope(|scope| {
        for (code, class) in CODES {
            let class = if code == Code::ResourceExhausted { Class::Pending } else { class };
            scope.spawn(move || comes_to(code, class, true));
        }
    });
}
