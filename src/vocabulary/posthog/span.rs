//! A span of the conventions as PostHog's endpoint makes the best event of it.
//!
//! It makes properties of the attributes by rules of its own (`gen_ai.input.messages` becomes `$ai_input`), and what
//! these leave out is said in its own names.

use super::{
    hex, json,
    properties::{Properties, is_kept},
    rules::{self, Known},
    session::session_id,
};
use crate::{
    record::Operation,
    semconv::{gen_ai as names, posthog as ph},
};
use opentelemetry::trace::SpanId;
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{
        Span,
        span::{Event, SpanKind},
        status::StatusCode,
    },
};

/// What is known of a span beside what it carries.
pub(crate) struct Facts<'a> {
    /// Its full record, if it has one.
    pub(crate) operation: Option<&'a Operation>,
    /// The nearest span above it that PostHog gets.
    pub(crate) parent: Option<SpanId>,
    /// Whether the span's own parent is known, so that it is this or none that PostHog gets.
    pub(crate) is_parent_known: bool,
    /// Whether content may be sent.
    pub(crate) has_content: bool,
    /// The attributes of its resource, which become properties as well.
    pub(crate) resource: &'a [KeyValue],
}

/// Turns a span of the conventions, already with what its destination may have, into one for PostHog.
pub(crate) fn translate(span: &mut Span, facts: &Facts<'_>) {
    // A parent that PostHog never gets would hang in the air, and keep the span from being the trace's root.
    span.parent_span_id = facts.parent.map_or_else(Vec::new, |parent| parent.to_bytes().to_vec());
    span.links.clear();
    // PostHog has no events of spans, but of exceptions.
    span.events.retain(is_exception);
    let carried = std::mem::take(&mut span.attributes);
    let known = known(span, facts);
    let mut list = Properties::of(carried.into_iter().filter_map(json::of_attribute));
    rules::apply(&mut list, &known);
    // Nobody's events are their trace's, as those of judgements are.
    let is_nobodys = list.text(ph::POSTHOG_DISTINCT_ID).is_none() && !known.has_owner;
    if is_nobodys && !span.trace_id.is_empty() {
        list.set(ph::POSTHOG_DISTINCT_ID, hex(&span.trace_id));
    }
    span.attributes = list.into_kept().map(json::into_attribute).collect();
}

/// What the rules go by beside the span's attributes.
pub(super) fn known<'a>(span: &'a Span, facts: &Facts<'a>) -> Known<'a> {
    let status = span.status.as_ref().filter(|status| status.code == StatusCode::Error as i32);
    Known {
        operation: facts.operation,
        has_content: facts.has_content,
        failure: status.map(|status| &*status.message),
        has_exception: span.events.iter().any(is_exception),
        is_client: span.kind == SpanKind::Client as i32,
        has_owner: facts.resource.iter().any(is_owner),
        has_maps: true,
    }
}

/// Leaves of a resource's attributes what may go to PostHog, a session's id in its alphabet.
pub(crate) fn translate_resource(attributes: &mut Vec<KeyValue>) {
    attributes.retain(|attribute| is_kept(&attribute.key));
    for attribute in attributes.iter_mut().filter(|attribute| attribute.key == ph::AI_SESSION_ID) {
        if let Some(Value::StringValue(id)) = attribute.value.as_mut().and_then(|value| value.value.as_mut())
        {
            *id = session_id(id);
        }
    }
}

fn is_exception(event: &Event) -> bool {
    let is_one = |attribute: &KeyValue| matches!(&*attribute.key, "exception.type" | "exception.message");
    event.name == "exception" || event.attributes.iter().any(is_one)
}

/// Whether this says whose all events of a process are.
fn is_owner(attribute: &KeyValue) -> bool {
    [ph::POSTHOG_DISTINCT_ID, names::USER_ID].contains(&attribute.key.as_str())
        && matches!(attribute.value.as_ref().and_then(|value| value.value.as_ref()),
            Some(Value::StringValue(id)) if !id.is_empty())
}

#[cfg(test)]
mod tests;
