//! Finished spans as OTLP messages.

use super::{
    pipeline::{Finished, Source},
    posthog as capture,
    redacted::{self, is_content_of_event},
    signal::Signal,
    tracia::{self, Subject},
};
use crate::{
    capture::ContentCapture,
    semconv::gen_ai::GEN_AI_EVALUATION_RESULT,
    vocabulary::{
        gen_ai::{CONTENT_ATTRIBUTES, content_attributes, evaluation_event, status_words},
        is_content, posthog,
    },
};
use bytes::Bytes;
use opentelemetry::{
    Array, InstrumentationScope, KeyValue, Value,
    trace::{Event, Link, SpanContext, SpanId, SpanKind, Status},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{
        AnyValue, ArrayValue, InstrumentationScope as ScopeMessage, KeyValue as KeyValueMessage,
        any_value::Value as AnyValueKind,
    },
    resource::v1::Resource as ResourceMessage,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span as SpanMessage, SpanFlags, Status as StatusMessage,
        span::{Event as EventMessage, Link as LinkMessage, SpanKind as KindMessage},
        status::StatusCode,
    },
};
use prost::Message;
use std::{
    borrow::Cow,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Key and length of a nested message, at most.
const FRAME: usize = 6;

/// What of a span its destination gets.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Its policy, if it has one: without, content goes as the span carries it.
    pub(super) content: Option<ContentCapture>,
    /// Whether it gets what is noted of place and thread.
    pub(super) has_code: bool,
    /// The words that it knows.
    pub(super) vocabulary: Vocabulary,
}

/// Whose words a destination knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// The conventions'.
    GenAi,
    /// PostHog's.
    PostHog,
    /// PostHog's, as events in JSON: of judgements, or of all spans.
    PostHogCapture { has_spans: bool },
    /// Tracia's, in JSON, where calls of providers that it does not know may go under another's word.
    Tracia { others: Option<&'static str> },
}

impl View {
    /// Which span a request is about, where that is one and matters.
    pub(super) fn subject(&self, body: &Bytes) -> Option<Subject> {
        match self.vocabulary {
            Vocabulary::GenAi | Vocabulary::PostHog | Vocabulary::PostHogCapture { .. } => None,
            Vocabulary::Tracia { .. } => tracia::subject(body),
        }
    }

    /// A request as two, where it holds more than one item.
    pub(super) fn halves(&self, signal: Signal, body: &[u8]) -> Option<[(u64, Bytes); 2]> {
        match self.vocabulary {
            Vocabulary::GenAi | Vocabulary::PostHog => signal.halves(body),
            Vocabulary::PostHogCapture { .. } => capture::halves(body),
            Vocabulary::Tracia { .. } => None,
        }
    }

    fn keeps(&self, attribute: &KeyValue) -> bool {
        let name = attribute.key.as_str();
        self.has_code
            || !(name.starts_with("code.")
                || name.starts_with("thread.")
                || matches!(name, "target" | "busy_ns" | "idle_ns"))
    }
}

/// `spans` in as few encoded requests as the limits allow, each with the number of its spans. One span that is
/// too big goes alone, as it is: the destination has the last word on what it takes.
pub(super) fn requests(
    spans: &[Arc<Finished>],
    view: &View,
    batch: usize,
    request_bytes: usize,
) -> Vec<(u64, Bytes)> {
    // Before anything is made of them, so that no form of them is passed over.
    let redacted: Vec<Arc<Finished>>;
    let spans = match view.content.as_ref().and_then(ContentCapture::redaction) {
        Some(redaction) => {
            redacted = spans.iter().map(|span| Arc::new(redacted::redacted(span, redaction))).collect();
            &redacted
        }
        None => spans,
    };
    match view.vocabulary {
        Vocabulary::GenAi | Vocabulary::PostHog => {}
        Vocabulary::PostHogCapture { has_spans } => {
            return capture::bodies(spans, view, has_spans, batch, request_bytes);
        }
        Vocabulary::Tracia { others } => {
            let body = |finished: &Arc<Finished>| (1, tracia::body(finished, view.content.as_ref(), others));
            return spans.iter().map(body).collect();
        }
    }
    let mut requests = Vec::new();
    let mut packing = Packing::default();
    for finished in spans {
        let mut message = span(finished, view);
        if view.vocabulary == Vocabulary::PostHog {
            posthog::shorten(&mut message, MOST_FOR_POSTHOG.saturating_sub(alone(finished, view)));
        }
        let size = message.encoded_len() + FRAME;
        let is_full = packing.count >= batch as u64
            || packing.size + size + packing.overhead(finished, view) > request_bytes;
        if is_full && packing.count > 0 {
            requests.push(std::mem::take(&mut packing).close());
        }
        packing.add(finished, message, size, view);
    }
    if packing.count > 0 {
        requests.push(packing.close());
    }
    requests
}

#[derive(Default)]
struct Packing {
    count: u64,
    resources: Vec<ResourceSpans>,
    /// Where each message's spans come from: the resource it is under, and its scope.
    groups: Vec<Group>,
    size: usize,
}

struct Group {
    source: Arc<Source>,
    scope: InstrumentationScope,
    resource: usize,
    scope_spans: usize,
}

impl Packing {
    fn group(&self, finished: &Finished) -> Option<&Group> {
        self.groups.iter().find(|group| {
            Arc::ptr_eq(&group.source, &finished.source) && group.scope == finished.span.instrumentation_scope
        })
    }

    /// What the span's resource and scope add to a request that has not had them.
    fn overhead(&self, finished: &Finished, view: &View) -> usize {
        if self.group(finished).is_some() { 0 } else { alone(finished, view) }
    }

    fn add(&mut self, finished: &Finished, message: SpanMessage, size: usize, view: &View) {
        self.size += size + self.overhead(finished, view);
        let (resource, scope_spans) = match self.group(finished) {
            Some(group) => (group.resource, group.scope_spans),
            None => self.open(finished, view),
        };
        self.resources[resource].scope_spans[scope_spans].spans.push(message);
        self.count += 1;
    }

    fn open(&mut self, finished: &Finished, view: &View) -> (usize, usize) {
        let known = self.groups.iter().find(|group| Arc::ptr_eq(&group.source, &finished.source));
        let resource = known.map_or(self.resources.len(), |group| group.resource);
        if resource == self.resources.len() {
            self.resources.push(ResourceSpans {
                resource: Some(resource_of(finished, view)),
                scope_spans: Vec::new(),
                schema_url: finished.source.schema_url.clone(),
            });
        }
        let scopes = &mut self.resources[resource].scope_spans;
        let instrumentation = &finished.span.instrumentation_scope;
        scopes.push(ScopeSpans {
            scope: Some(scope(instrumentation)),
            spans: Vec::new(),
            schema_url: instrumentation.schema_url().unwrap_or_default().to_owned(),
        });
        let scope_spans = scopes.len() - 1;
        self.groups.push(Group {
            source: Arc::clone(&finished.source),
            scope: instrumentation.clone(),
            resource,
            scope_spans,
        });
        (resource, scope_spans)
    }

    fn close(self) -> (u64, Bytes) {
        let request = ExportTraceServiceRequest { resource_spans: self.resources };
        (self.count, request.encode_to_vec().into())
    }
}

/// The most bytes of a request with one span that PostHog takes: 4 MiB, with some to spare.
const MOST_FOR_POSTHOG: usize = (4 << 20) - (64 << 10);

/// What resource and scope add to a request of this span alone.
fn alone(finished: &Finished, view: &View) -> usize {
    let scope = scope(&finished.span.instrumentation_scope).encoded_len();
    let schema = finished.span.instrumentation_scope.schema_url().map_or(0, str::len);
    let resource = match view.vocabulary {
        Vocabulary::PostHog => resource_of(finished, view).encoded_len(),
        _ => finished.source.resource.encoded_len(),
    };
    scope + schema + resource + finished.source.schema_url.len() + 6 * FRAME
}

fn resource_of(finished: &Finished, view: &View) -> ResourceMessage {
    let mut resource = finished.source.resource.clone();
    if view.vocabulary == Vocabulary::PostHog {
        posthog::translate_resource(&mut resource.attributes);
    }
    resource
}

fn scope(scope: &InstrumentationScope) -> ScopeMessage {
    ScopeMessage {
        name: scope.name().to_owned(),
        version: scope.version().unwrap_or_default().to_owned(),
        attributes: attributes(scope.attributes()),
        dropped_attributes_count: 0,
    }
}

/// The span with what `view` allows of it, in the words of its destination.
fn span(finished: &Finished, view: &View) -> SpanMessage {
    let mut message = conventional(finished, view);
    if view.vocabulary == Vocabulary::PostHog {
        posthog::translate(&mut message, &facts(finished, view));
    }
    message
}

/// What PostHog's events have of what the span does not carry.
pub(super) fn facts<'a>(finished: &'a Finished, view: &View) -> posthog::Facts<'a> {
    posthog::Facts {
        operation: finished.operation.as_deref(),
        parent: finished.operation_above,
        is_parent_known: finished.is_parent_known,
        has_content: view.content.as_ref().is_some_and(ContentCapture::is_on),
        resource: &finished.source.resource.attributes,
    }
}

/// The span in the conventions' words.
pub(super) fn conventional(finished: &Finished, view: &View) -> SpanMessage {
    let span = &finished.span;
    let parent = span.parent_span_id;
    SpanMessage {
        trace_id: span.span_context.trace_id().to_bytes().to_vec(),
        span_id: span.span_context.span_id().to_bytes().to_vec(),
        trace_state: span.span_context.trace_state().header(),
        parent_span_id: if parent == SpanId::INVALID { Vec::new() } else { parent.to_bytes().to_vec() },
        flags: flags(&span.span_context, span.parent_span_is_remote),
        name: span.name.to_string(),
        kind: kind(&span.span_kind) as i32,
        start_time_unix_nano: nanoseconds(span.start_time),
        end_time_unix_nano: nanoseconds(span.end_time),
        attributes: span_attributes(finished, view),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span
            .events
            .iter()
            .map(|event| EventMessage {
                time_unix_nano: nanoseconds(event.timestamp),
                name: event.name.to_string(),
                attributes: event_attributes(event, finished, view),
                dropped_attributes_count: event.dropped_attributes_count,
            })
            .collect(),
        dropped_events_count: span.events.dropped_count,
        links: span.links.iter().map(link).collect(),
        dropped_links_count: span.links.dropped_count,
        status: Some(status(&span_status(finished, view.content.as_ref()))),
    }
}

/// The status with as much of an error's words as `content` allows.
pub(super) fn span_status<'a>(finished: &'a Finished, content: Option<&ContentCapture>) -> Cow<'a, Status> {
    let own = Cow::Borrowed(&finished.span.status);
    let Some(content) = content else { return own };
    if !content.is_on() {
        return finished.plain_status.as_ref().map_or(own, Cow::Borrowed);
    }
    let words = finished.operation.as_deref().and_then(|operation| status_words(operation, content));
    words.map_or(own, |words| Cow::Owned(Status::error(words.into_owned())))
}

fn span_attributes(finished: &Finished, view: &View) -> Vec<KeyValueMessage> {
    let carried = finished.span.attributes.iter().filter(|attribute| view.keeps(attribute));
    let Some(content) = &view.content else {
        return attributes(carried);
    };
    let has_record = finished.operation.is_some();
    // What is rendered from the record takes the place of what the span carries.
    let is_replaced =
        |key: &str| has_record && (CONTENT_ATTRIBUTES.contains(&key) || posthog::is_of_content(key));
    let plain = carried.filter(|attribute| {
        let key = attribute.key.as_str();
        if content.is_on() { !is_replaced(key) } else { !is_content(key) }
    });
    let Some(operation) = &finished.operation else { return attributes(plain) };
    let mut rendered = content_attributes(operation, content);
    let mut for_posthog = Vec::new();
    if posthog::is_marked(&finished.span.attributes) {
        for_posthog = posthog::attributes(operation, content);
    }
    if view.vocabulary == Vocabulary::PostHog {
        // It is told the same from the record, as far as it can be there in a better form.
        return plain.filter(|one| !for_posthog.contains(one)).chain(&rendered).map(attribute).collect();
    }
    rendered.extend(for_posthog.into_iter().filter(|one| posthog::is_of_content(one.key.as_str())));
    plain.chain(&rendered).map(attribute).collect()
}

/// What an event may tell. An evaluation's explanation a destination gets from the record, whatever the span carries.
fn event_attributes(event: &Event, finished: &Finished, view: &View) -> Vec<KeyValueMessage> {
    let carried = event.attributes.iter().filter(|attribute| view.keeps(attribute));
    let Some(content) = &view.content else { return attributes(carried) };
    let judged = finished.operation.as_ref().filter(|_| event.name == GEN_AI_EVALUATION_RESULT);
    match judged.and_then(|operation| evaluation_event(operation, content)) {
        Some((_, rendered)) => attributes(&rendered),
        None if content.is_on() => attributes(carried),
        None => attributes(carried.filter(|one| !is_content_of_event(&event.name, one.key.as_str()))),
    }
}

fn link(link: &Link) -> LinkMessage {
    LinkMessage {
        trace_id: link.span_context.trace_id().to_bytes().to_vec(),
        span_id: link.span_context.span_id().to_bytes().to_vec(),
        trace_state: link.span_context.trace_state().header(),
        attributes: attributes(&link.attributes),
        dropped_attributes_count: link.dropped_attributes_count,
        flags: flags(&link.span_context, link.span_context.is_remote()),
    }
}

fn flags(context: &SpanContext, is_remote: bool) -> u32 {
    let remote = if is_remote { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
    u32::from(context.trace_flags().to_u8()) | SpanFlags::ContextHasIsRemoteMask as u32 | remote
}

fn kind(kind: &SpanKind) -> KindMessage {
    match kind {
        SpanKind::Client => KindMessage::Client,
        SpanKind::Consumer => KindMessage::Consumer,
        SpanKind::Internal => KindMessage::Internal,
        SpanKind::Producer => KindMessage::Producer,
        SpanKind::Server => KindMessage::Server,
    }
}

fn status(status: &Status) -> StatusMessage {
    let (code, message) = match status {
        Status::Unset => (StatusCode::Unset, String::new()),
        Status::Ok => (StatusCode::Ok, String::new()),
        Status::Error { description } => (StatusCode::Error, description.to_string()),
    };
    StatusMessage { message, code: code as i32 }
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn attributes<'a>(attributes: impl IntoIterator<Item = &'a KeyValue>) -> Vec<KeyValueMessage> {
    attributes.into_iter().map(attribute).collect()
}

fn attribute(attribute: &KeyValue) -> KeyValueMessage {
    KeyValueMessage {
        key: attribute.key.as_str().to_owned(),
        value: Some(value(&attribute.value)),
        ..KeyValueMessage::default()
    }
}

fn value(value: &Value) -> AnyValue {
    let kind = match value {
        Value::Bool(value) => Some(AnyValueKind::BoolValue(*value)),
        Value::I64(value) => Some(AnyValueKind::IntValue(*value)),
        Value::F64(value) => Some(AnyValueKind::DoubleValue(*value)),
        Value::String(value) => Some(AnyValueKind::StringValue(value.as_str().to_owned())),
        Value::Array(values) => array(values).map(AnyValueKind::ArrayValue),
        // A kind of a later version: an empty value says so without failing.
        _ => None,
    };
    AnyValue { value: kind }
}

fn array(array: &Array) -> Option<ArrayValue> {
    let values: Vec<AnyValueKind> = match array {
        Array::Bool(values) => values.iter().map(|value| AnyValueKind::BoolValue(*value)).collect(),
        Array::I64(values) => values.iter().map(|value| AnyValueKind::IntValue(*value)).collect(),
        Array::F64(values) => values.iter().map(|value| AnyValueKind::DoubleValue(*value)).collect(),
        Array::String(values) => {
            values.iter().map(|value| AnyValueKind::StringValue(value.as_str().to_owned())).collect()
        }
        _ => return None,
    };
    let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
    Some(ArrayValue { values })
}

#[cfg(test)]
impl View {
    /// The span as it is.
    pub(super) fn whole() -> Self {
        Self { content: None, has_code: true, vocabulary: Vocabulary::GenAi }
    }
}

#[cfg(test)]
mod tests;
