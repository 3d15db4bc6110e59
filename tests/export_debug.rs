//! What waits for a destination is not printed by `{:?}`: it may be prompts.
#![allow(clippy::unwrap_used, reason = "a test")]

mod export_receiver;

use export_receiver::{Program, nowhere};
use opentelemetry::KeyValue;
use std::{fmt::Debug, time::Duration};
#[cfg(any(feature = "metrics", feature = "logs"))]
use tracing_genai::export::{Destination, Telemetry};

const PROMPT: &str = "the patient's name is Alder";

/// A program with a span pending that holds a prompt.
fn program() -> (Program, String) {
    let address = nowhere();
    let program = Program::sending_to(&[&address]);
    program.span_with("chat", vec![KeyValue::new("gen_ai.input.messages", PROMPT)]);
    assert_eq!(program.telemetry.report().pending, 1);
    (program, address)
}

/// That it can be shown, without the prompt in words or in bytes.
fn assert_hides(value: &impl Debug) -> String {
    let shown = format!("{value:?} {value:#?}");
    let bytes = format!("{:?}", PROMPT.as_bytes());
    assert!(!shown.contains(PROMPT) && !shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
    shown
}

fn end(program: &Program) {
    program.telemetry.shutdown_blocking(Duration::ZERO);
}

#[test]
fn a_telemetry_shows_its_destinations_and_how_much_is_pending() {
    let (program, address) = program();
    let shown = assert_hides(&program.telemetry);
    assert!(shown.contains(&address) && shown.contains("1 span pending"), "{shown}");
    end(&program);
}

#[test]
fn a_provider_with_its_processor_shows_no_span() {
    let (program, address) = program();
    let shown = assert_hides(&program.provider);
    assert!(shown.contains(&address), "{shown}");
    end(&program);
}

#[test]
fn neither_is_an_encoded_request_shown() {
    let (program, _) = program();
    let _ = program.telemetry.flush_blocking(Duration::from_millis(200));
    assert_eq!(program.telemetry.report().pending, 1);
    assert_hides(&program.telemetry);
    assert_hides(&program.provider);
    end(&program);
}

#[cfg(feature = "metrics")]
#[test]
fn an_exporter_of_metrics_shows_no_span() {
    let (program, _) = program();
    assert_hides(&program.telemetry.metric_exporter());
    end(&program);
}

#[cfg(feature = "logs")]
#[test]
fn a_logger_provider_shows_no_record() {
    use opentelemetry::logs::{LogRecord, Logger, LoggerProvider};
    let telemetry = Telemetry::builder().destination(Destination::otlp(nowhere())).build().unwrap();
    let loggers = opentelemetry_sdk::logs::SdkLoggerProvider::builder()
        .with_simple_exporter(telemetry.log_exporter())
        .build();
    let logger = loggers.logger("test");
    let mut record = logger.create_log_record();
    record.set_body(PROMPT.into());
    logger.emit(record);
    assert_eq!(telemetry.report().pending, 1);
    assert_hides(&loggers);
    telemetry.shutdown_blocking(Duration::ZERO);
}
