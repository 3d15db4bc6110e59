//! A variable for content that cannot be read, in a process that has one.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::{Command, Stdio};
use tracing_genai::{Finding, diagnosis, span::Agent};

/// What tells a program that it is one, and not a test that somebody runs.
const IS_PROGRAM: &str = "TRACING_GENAI_TEST_PROGRAM";

/// How often the program is to find it.
const EXPECTED: &str = "TRACING_GENAI_TEST_EXPECTED";

#[test]
#[ignore = "a program that the tests run"]
fn runs_agents_and_finds_what_it_expects() {
    if std::env::var_os(IS_PROGRAM).is_none() {
        return;
    }
    // No subscriber is there to take a warning.
    for _ in 0..2 {
        Agent::invoke("clerk").start().finish();
    }
    let found = diagnosis().into_iter().find(|(finding, _)| *finding == Finding::ContentVariableUnreadable);
    let count = found.map_or(0, |(_, count)| count);
    assert_eq!(count.to_string(), std::env::var(EXPECTED).unwrap());
}

/// Whether a program with this value finds it so often.
fn finds(value: &str, expected: &str) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "runs_agents_and_finds_what_it_expects", "--ignored"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.env(IS_PROGRAM, "1").env(EXPECTED, expected);
    command.env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value).status().unwrap().success()
}

#[test]
fn a_value_that_the_variable_does_not_take_is_found_once() {
    assert!(finds("true", "1"));
}

#[test]
fn a_value_that_it_takes_is_not_found() {
    assert!(finds("SPAN_ONLY", "0"));
    assert!(finds("", "0"));
}
