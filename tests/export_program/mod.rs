//! Programs in processes of their own, which are tests that do nothing unless one runs them so.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses its part, in tests")]

use std::process::{Command, Stdio};

/// What tells a program that it is one, and not a test that somebody runs.
pub const IS_PROGRAM: &str = "TRACING_GENAI_TEST_PROGRAM";

pub fn is_program() -> bool {
    std::env::var_os(IS_PROGRAM).is_some()
}

/// Runs one of the programs with these variables, and waits for its end.
pub fn run(program: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", program, "--ignored", "--nocapture"]).env(IS_PROGRAM, "1");
    let command = command.stdin(Stdio::null()).envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
