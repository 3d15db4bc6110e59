//! `error.type` of what a hand-wrapped span fails with.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use opentelemetry::trace::Status;
use std::{error::Error, fmt, io, panic::AssertUnwindSafe, rc::Rc, sync::Arc};
use tracing_genai::{
    ContentCapture,
    record::{ErrorInfo, ErrorKind},
    span::{Agent, Generation, Tool},
    testing::{FinishedSpan, capture, capture_async},
};

fn failed<E: fmt::Display>(error: &E) -> FinishedSpan {
    capture(|| Tool::new("saw").start().fail(error)).remove(0)
}

#[track_caller]
fn assert_type<E: fmt::Display>(error: &E, expected: &str) {
    let span = failed(error);
    assert_eq!(span.attributes["error.type"], expected);
    assert_eq!(span.status, Status::error("broken"));
}

#[test]
fn an_error_behind_a_pointer_has_its_own_type() {
    assert_type(&io::Error::other("broken"), "std::io::error::Error");
    assert_type(&Box::new(io::Error::other("broken")), "std::io::error::Error");
    assert_type(&Arc::new(Box::new(io::Error::other("broken"))), "std::io::error::Error");
    assert_type(&&mut Rc::new(io::Error::other("broken")), "std::io::error::Error");
    assert_type(&"broken", "str");
}

#[test]
fn an_error_behind_a_pointer_to_any_error_is_other() {
    let boxed: Box<dyn Error + Send + Sync> = "broken".into();
    assert_type(&boxed, "_OTHER");
    assert_type(&&boxed, "_OTHER");
    let boxed: Box<dyn Error> = "broken".into();
    assert_type(&boxed, "_OTHER");
    let shared: Arc<dyn Error + Send + Sync> = Arc::from(Box::<dyn Error + Send + Sync>::from("broken"));
    assert_type(&shared, "_OTHER");
    let shared: Rc<dyn fmt::Display> = Rc::new("broken");
    assert_type(&shared, "_OTHER");
}

#[tokio::test]
async fn a_run_tells_the_same() {
    let work = async { Err::<(), Box<dyn Error + Send + Sync>>("broken".into()) };
    let (_, spans) = capture_async(Agent::invoke("guide").run(work)).await;
    assert_eq!(spans[0].attributes["error.type"], "_OTHER");
}

#[test]
fn a_program_gives_an_error_type_of_its_own() {
    let spans = capture(|| Tool::new("saw").start().fail_as("rate_limit", &io::Error::other("broken")));
    assert_eq!(spans[0].attributes["error.type"], "rate_limit");
    assert_eq!(spans[0].status, Status::error("broken"));
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "failed");
}

#[test]
fn an_error_type_that_is_no_identifier_is_other() {
    for text in ["too many requests", "", &"x".repeat(65)] {
        let spans = capture(|| Tool::new("saw").start().fail_as(text, &"broken"));
        assert_eq!(spans[0].attributes["error.type"], "_OTHER", "{text:?}");
    }
}

fn limited() -> tracing_genai::Error {
    let mut info = ErrorInfo::new(ErrorKind::RateLimited, "slow down");
    info.code = Some("rate_limit_exceeded".to_owned());
    info.http_status = Some(429);
    info.into()
}

/// An error of a program, which shows what it came of.
#[derive(Debug)]
struct Lost(Box<dyn Error + Send + Sync>);

impl fmt::Display for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no answer: {}", self.0)
    }
}

#[test]
fn an_error_of_a_call_gives_the_providers_code_however_it_is_wrapped() {
    let text = limited().to_string();
    let boxed: Box<dyn Error + Send + Sync> = limited().into();
    let spans = [failed(&limited()), failed(&boxed), failed(&Lost(limited().into()))];
    for span in &spans {
        assert_eq!(span.attributes["error.type"], "rate_limit_exceeded");
    }
    assert_eq!(spans[1].status, Status::error(text.clone()));
    assert_eq!(spans[2].status, Status::error(format!("no answer: {text}")));
}

#[test]
fn an_error_of_a_call_without_a_code_gives_its_status_or_kind() {
    let mut info = ErrorInfo::new(ErrorKind::Server, "broken");
    assert_eq!(failed(&tracing_genai::Error::from(info.clone())).attributes["error.type"], "server_error");
    info.http_status = Some(503);
    assert_eq!(failed(&tracing_genai::Error::from(info)).attributes["error.type"], "503");
}

#[test]
fn a_call_that_failed_before_gives_nothing_to_another_error() {
    let _ = limited().to_string();
    assert_type(&io::Error::other("broken"), "std::io::error::Error");
    failed(&limited());
    assert_type(&io::Error::other("broken"), "std::io::error::Error");
}

#[test]
fn an_answer_that_could_not_be_read_is_told_only_where_content_may_be() {
    let mut info = ErrorInfo::new(ErrorKind::Protocol, "not readable");
    info.body = Some("<secret>".to_owned());
    let error = tracing_genai::Error::from(info);
    for (content, text) in
        [(ContentCapture::off(), "not readable"), (ContentCapture::on(), "not readable: <secret>")]
    {
        let spans = capture(|| Generation::new("vllm", "q").content(content).start().fail(&error));
        assert_eq!(spans[0].status, Status::error(text));
    }
    assert_eq!(error.to_string(), "not readable: <secret>");
}

/// An error that shows one of ours and then panics.
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", limited())?;
        panic!("on purpose");
    }
}

#[test]
fn a_text_that_panics_leaves_nothing_behind() {
    assert!(std::panic::catch_unwind(AssertUnwindSafe(|| failed(&Broken))).is_err());
    let mut info = ErrorInfo::new(ErrorKind::Protocol, "not readable");
    info.body = Some("<html>".to_owned());
    assert_eq!(tracing_genai::Error::from(info).to_string(), "not readable: <html>");
}
