//! A program's log records on their way to OTLP receivers, beside its spans.
#![cfg(feature = "logs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_disk;
mod export_receiver;

use export_disk::Dir;
use export_receiver::{Program, Received, Receiver, balanced, of_signal, refusing, status, value};
use opentelemetry::{
    KeyValue,
    logs::{LogRecord as _, Logger, LoggerProvider, Severity},
};
use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse},
    common::v1::any_value::Value,
    logs::v1::LogRecord,
};
use opentelemetry_sdk::{Resource, logs::SdkLoggerProvider};
use prost::Message;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tracing_genai::export::{Destination, Signal, Spool, Telemetry};

const LOGS: &str = "/v1/logs";
const TRACES: &str = "/v1/traces";

fn loggers(program: &Program) -> SdkLoggerProvider {
    SdkLoggerProvider::builder().with_batch_exporter(program.telemetry.log_exporter()).build()
}

/// Records with these bodies, handed over.
fn log(loggers: &SdkLoggerProvider, bodies: &[&'static str]) {
    let logger = loggers.logger("test");
    for body in bodies {
        let mut record = logger.create_log_record();
        record.set_severity_number(Severity::Warn);
        record.set_body((*body).into());
        logger.emit(record);
    }
    loggers.force_flush().unwrap();
}

fn records(received: &Received) -> Vec<LogRecord> {
    let request = ExportLogsServiceRequest::decode(received.body.as_slice()).unwrap();
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

fn bodies(received: &Received) -> Vec<String> {
    let body = |record: LogRecord| match record.body.unwrap().value.unwrap() {
        Value::StringValue(body) => body,
        other => panic!("{other:?}"),
    };
    records(received).into_iter().map(body).collect()
}

#[test]
fn records_arrive_at_every_destination_with_its_own_headers() {
    let receivers = [Receiver::new(), Receiver::new()];
    let [first, second] = [("first", &receivers[0]), ("second", &receivers[1])]
        .map(|(key, receiver)| Destination::otlp(&receiver.url).header("x-key", key));
    let program = Program::with(Telemetry::builder().destination(first).destination(second));
    let loggers = loggers(&program);
    log(&loggers, &["one", "two"]);
    program.flush();
    for (key, receiver) in ["first", "second"].into_iter().zip(&receivers) {
        let requests = receiver.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!((requests[0].path.as_str(), requests[0].headers["x-key"].as_str()), (LOGS, key));
        assert_eq!(bodies(&requests[0]), ["one", "two"]);
        assert_eq!(records(&requests[0])[0].severity_number, Severity::Warn as i32);
    }
}

#[test]
fn the_account_counts_records_apart_from_spans() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    let loggers = loggers(&program);
    log(&loggers, &["one", "two"]);
    program.span("work");
    let report = program.flush();
    let logs = of_signal(&report, Signal::Logs);
    assert_eq!((logs.recorded, logs.delivered), (2, 2));
    assert_eq!(of_signal(&report, Signal::Traces).delivered, 1);
    assert_eq!(report.delivered, 3);
}

#[test]
fn the_resource_is_the_providers_under_what_was_set_in_code() {
    let receiver = Receiver::new();
    let builder = Telemetry::builder().service_name("code").destination(Destination::otlp(&receiver.url));
    let program = Program::with(builder);
    let resource = [KeyValue::new("service.name", "provider"), KeyValue::new("team", "ml")];
    let loggers = SdkLoggerProvider::builder()
        .with_resource(Resource::builder_empty().with_attributes(resource).build())
        .with_batch_exporter(program.telemetry.log_exporter())
        .build();
    log(&loggers, &["one"]);
    program.flush();
    let request = ExportLogsServiceRequest::decode(receiver.requests()[0].body.as_slice()).unwrap();
    let attributes = request.resource_logs[0].resource.clone().unwrap().attributes;
    assert_eq!(value(&attributes, "service.name"), Some(&Value::StringValue("code".into())));
    assert_eq!(value(&attributes, "team"), Some(&Value::StringValue("ml".into())));
}

#[test]
fn records_that_are_refused_are_counted_and_stop_no_spans() {
    for code in [400, 401] {
        let receiver = refusing(LOGS, code);
        let program = Program::sending_to(&[&receiver.url]);
        let loggers = loggers(&program);
        log(&loggers, &["one"]);
        let _ = program.telemetry.flush_blocking(Duration::from_secs(20));
        program.span("work");
        let report = program.flush();
        assert_eq!(of_signal(&report, Signal::Traces).delivered, 1, "{code}");
        assert_eq!(of_signal(&report, Signal::Logs).reasons[&format!("http_{code}")], 1);
    }
}

#[test]
fn spans_that_are_refused_stop_no_records() {
    for code in [400, 401] {
        let receiver = refusing(TRACES, code);
        let program = Program::sending_to(&[&receiver.url]);
        program.span("work");
        let _ = program.telemetry.flush_blocking(Duration::from_secs(20));
        let loggers = loggers(&program);
        log(&loggers, &["one"]);
        let report = program.flush();
        assert_eq!(of_signal(&report, Signal::Logs).delivered, 1, "{code}");
    }
}

#[test]
fn a_partial_success_counts_what_was_rejected() {
    let partial = ExportLogsPartialSuccess { rejected_log_records: 1, error_message: "too old".into() };
    let answer = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let receiver = Receiver::answering(move |_, _| status(200).body(answer.clone()));
    let program = Program::sending_to(&[&receiver.url]);
    let loggers = loggers(&program);
    log(&loggers, &["one", "two", "three"]);
    let logs = of_signal(&program.flush(), Signal::Logs);
    assert_eq!((logs.delivered, logs.reasons["partial_success"]), (2, 1));
}

#[test]
fn an_outage_of_logs_holds_no_spans_up_and_costs_no_records() {
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let receiver = Receiver::answering(move |_, received| {
        status(if received.path == LOGS && down.load(Ordering::SeqCst) { 503 } else { 200 })
    });
    let program = Program::sending_to(&[&receiver.url]);
    let loggers = loggers(&program);
    log(&loggers, &["one", "two"]);
    receiver.wait_for(1, Duration::from_secs(20));
    program.span("work");
    // A flush waits for all signals, of which one cannot be had.
    let flush = || program.telemetry.flush_blocking(Duration::from_millis(50)).is_err();
    let is_delivered = || of_signal(&program.telemetry.report(), Signal::Traces).delivered == 1;
    assert!((0..400).any(|_| flush() && is_delivered()));
    let report = balanced(program.telemetry.report());
    assert_eq!(of_signal(&report, Signal::Logs).pending, 2);
    is_down.store(false, Ordering::SeqCst);
    assert_eq!(of_signal(&program.flush(), Signal::Logs).delivered, 2);
}

#[test]
fn a_request_that_is_too_large_is_split_and_every_record_arrives_once() {
    let receiver =
        Receiver::answering(|_, received| status(if records(received).len() > 1 { 413 } else { 200 }));
    let program = Program::sending_to(&[&receiver.url]);
    let loggers = loggers(&program);
    log(&loggers, &["a", "b", "c", "d", "e"]);
    let logs = of_signal(&program.flush(), Signal::Logs);
    assert_eq!((logs.delivered, logs.rejected), (5, 0));
    let accepted = receiver.requests().into_iter().map(|request| bodies(&request));
    let mut arrived: Vec<String> = accepted.filter(|bodies| bodies.len() == 1).flatten().collect();
    arrived.sort();
    assert_eq!(arrived, ["a", "b", "c", "d", "e"]);
}

#[test]
fn the_spool_keeps_records_for_the_next_run() {
    let dir = Dir::new();
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let receiver =
        Receiver::answering(move |_, _| status(if down.load(Ordering::SeqCst) { 503 } else { 200 }));
    let run = || {
        let builder = Telemetry::builder().destination(Destination::otlp(&receiver.url));
        Program::with(builder.spool(Spool::new(dir.spool())))
    };
    let first = run();
    let loggers = loggers(&first);
    log(&loggers, &["one", "two"]);
    let report = balanced(first.telemetry.shutdown_blocking(Duration::from_millis(200)));
    assert_eq!(of_signal(&report, Signal::Logs).spooled, 2);
    is_down.store(false, Ordering::SeqCst);
    let before = receiver.requests().len();
    let second = run();
    receiver.wait_for(before + 1, Duration::from_secs(20));
    drop(second);
    let later = receiver.requests().split_off(before);
    assert_eq!(later[0].path, LOGS);
    assert_eq!(bodies(&later[0]), ["one", "two"]);
}
