//! Spans of what only the program can see.

mod agent;
mod embedding;
mod evaluation;
mod generation;
mod memory;
mod open;
mod plan;
mod retrieval;
mod span_ref;
mod tool;
mod workflow;

pub use agent::Agent;
pub use embedding::Embedding;
pub use evaluation::{Evaluation, Feedback};
pub use generation::Generation;
pub use memory::Memory;
pub use open::OpenSpan;
pub use plan::Plan;
pub use retrieval::Retrieval;
pub use span_ref::SpanRef;
pub use tool::Tool;
pub use workflow::Workflow;

use super::in_flight::InFlight;
use crate::{
    capture::{ContentCapture, redact::scrub_secrets},
    record::{Choice, ErrorInfo, ErrorKind, FinishReason, Operation, Outcome, Server},
};
use std::fmt::{Display, Write};

/// Opens the span of an operation.
fn open(operation: Operation, content: Option<ContentCapture>) -> InFlight {
    InFlight::start(operation, content.unwrap_or_else(ContentCapture::from_env_or_off))
}

/// Ends the span with this error.
fn fail<E: Display + ?Sized>(in_flight: &mut InFlight, error: &E) {
    if in_flight.is_seen() {
        let message = scrub_secrets(&render(error));
        fail_with(in_flight, type_name::<E>(), message);
    }
}

fn fail_with(in_flight: &mut InFlight, code: Option<String>, message: String) {
    let operation = in_flight.operation_mut();
    if let Some(response) = open::response(&mut operation.call) {
        response.choices.iter_mut().for_each(cut_off);
    }
    in_flight
        .settle(Outcome::Failed(Box::new(ErrorInfo { code, ..ErrorInfo::new(ErrorKind::Other, message) })));
}

/// A generation that began and whose reason to stop never came stopped for an error.
fn cut_off(choice: &mut Choice) {
    if choice.finish_reason.is_none() && choice.raw_finish_reason.is_none() {
        choice.finish_reason = Some(FinishReason::Error);
    }
}

/// The value's text; what a broken `Display` gives before it fails, where `to_string` would panic.
pub(crate) fn render<T: Display + ?Sized>(value: &T) -> String {
    let mut text = String::new();
    let _ = write!(text, "{value}");
    text
}

/// The type's name without its parameters: an identifier of low cardinality. A trait object has none.
fn type_name<E: ?Sized>() -> Option<String> {
    let name = std::any::type_name::<E>().trim_start_matches('&');
    let name = name.split(['<', ' ']).next().unwrap_or(name);
    (name != "dyn").then(|| name.to_owned())
}

fn server(address: impl Into<String>, port: u16) -> Option<Server> {
    Some(Server { address: address.into(), port })
}

/// A name, unless it is empty.
fn named(name: impl Into<String>) -> Option<String> {
    Some(name.into()).filter(|name| !name.is_empty())
}
