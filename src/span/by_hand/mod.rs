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
    capture::{ContentCapture, Recording, redact::scrub_secrets},
    error::told_by,
    record::{Choice, ErrorInfo, ErrorKind, FinishReason, Operation, Outcome, Server},
};
use std::fmt::{Display, Write};

/// Opens the span of an operation.
fn open(operation: Operation, content: Option<ContentCapture>) -> InFlight {
    InFlight::start(operation, Recording::or_env(content, None))
}

/// Ends the span with this error; of this type, or of its own.
fn fail<E: Display + ?Sized>(in_flight: &mut InFlight, error: &E, error_type: Option<String>) {
    if !in_flight.is_seen() {
        return;
    }
    let (text, told) = told_by(|| render(error));
    let message = scrub_secrets(&text);
    let info = match (error_type, told) {
        (None, Some(told)) => ErrorInfo { message, ..told },
        (error_type, _) => of_type(error_type.or_else(type_name::<E>), message),
    };
    fail_with(in_flight, info);
}

/// What is known of an error by its type alone.
fn of_type(error_type: Option<String>, message: impl Into<String>) -> ErrorInfo {
    ErrorInfo { code: error_type, ..ErrorInfo::new(ErrorKind::Other, message) }
}

fn fail_with(in_flight: &mut InFlight, info: ErrorInfo) {
    let operation = in_flight.operation_mut();
    if let Some(response) = open::response(&mut operation.call) {
        response.choices.iter_mut().for_each(cut_off);
    }
    in_flight.settle(Outcome::Failed(Box::new(info)));
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

/// The type's name without its parameters: an identifier of low cardinality. A trait object has none, and
/// a pointer that of what it points to.
fn type_name<E: ?Sized>() -> Option<String> {
    const POINTERS: [&str; 5] = ["&", "mut ", "alloc::boxed::Box<", "alloc::sync::Arc<", "alloc::rc::Rc<"];
    let mut name = std::any::type_name::<E>();
    while let Some(inner) = POINTERS.iter().find_map(|pointer| name.strip_prefix(pointer)) {
        name = inner;
    }
    let name = name.split(['<', '>', ' ', ',']).next().unwrap_or(name);
    (name != "dyn").then(|| name.to_owned())
}

fn server(address: impl Into<String>, port: u16) -> Option<Server> {
    Some(Server { address: address.into(), port })
}

/// A name, unless it is empty.
fn named(name: impl Into<String>) -> Option<String> {
    Some(name.into()).filter(|name| !name.is_empty())
}
