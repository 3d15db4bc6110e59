//! A finished span with the texts that a destination's policy redacts.

use super::pipeline::Finished;
use crate::{capture::Redaction, vocabulary::is_content};
use opentelemetry::{Array, KeyValue, StringValue, Value, trace::Status};
use std::sync::Arc;

/// The span as it may be told: its record, and what it carries of content and of errors.
pub(super) fn redacted(finished: &Finished, redaction: &Redaction) -> Finished {
    let mut span = finished.span.clone();
    for attribute in span.attributes.iter_mut().filter(|attribute| is_content(attribute.key.as_str())) {
        redact(attribute, redaction);
    }
    for event in &mut span.events.events {
        let is_said = |key: &str| is_content_of_event(&event.name, key) || key.starts_with("exception.");
        let texts = event.attributes.iter_mut().filter(|attribute| is_said(attribute.key.as_str()));
        texts.for_each(|attribute| redact(attribute, redaction));
    }
    span.status = of_status(&span.status, redaction);
    Finished {
        span,
        plain_status: finished.plain_status.as_ref().map(|status| of_status(status, redaction)),
        operation: finished.operation.as_deref().map(|operation| Arc::new(redaction.operation(operation))),
        operation_above: finished.operation_above,
        is_parent_known: finished.is_parent_known,
        tracia_above: finished.tracia_above.clone(),
        source: Arc::clone(&finished.source),
        weight: finished.weight,
    }
}

fn of_status(status: &Status, redaction: &Redaction) -> Status {
    let Status::Error { description } = status else { return status.clone() };
    let mut words = description.clone().into_owned();
    redaction.text(&mut words);
    Status::error(words)
}

/// Whether an attribute of an event holds what was said: of the conventions' former events for messages each does that
/// is no name.
pub(super) fn is_content_of_event(event: &str, key: &str) -> bool {
    let is_of_message = event.starts_with("gen_ai.")
        && matches!(key, "arguments" | "body" | "content" | "event_body" | "message" | "tool_calls");
    is_of_message || is_content(key)
}

fn redact(attribute: &mut KeyValue, redaction: &Redaction) {
    match &mut attribute.value {
        Value::String(text) => {
            let mut said = text.as_str().to_owned();
            redaction.json_text(&mut said);
            *text = said.into();
        }
        Value::Array(Array::String(texts)) => {
            for text in texts {
                let mut said = text.as_str().to_owned();
                redaction.text(&mut said);
                *text = StringValue::from(said);
            }
        }
        _ => {}
    }
}
