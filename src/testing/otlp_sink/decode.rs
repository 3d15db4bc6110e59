//! From OTLP messages to plain spans.

use crate::testing::{
    AttributeValue, FinishedSpan, SpanEvent, SpanLink,
    span::{Attributes, attributes},
};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::KeyValue,
    trace::v1::{self as otlp, span::SpanKind as OtlpKind, status::StatusCode},
};
use std::fmt::Write as _;

pub(super) fn spans(request: ExportTraceServiceRequest) -> Vec<FinishedSpan> {
    let mut spans = Vec::new();
    for resource_spans in request.resource_spans {
        let resource =
            resource_spans.resource.map_or_else(Attributes::new, |resource| map(resource.attributes));
        for scope_spans in resource_spans.scope_spans {
            let scope = scope_spans.scope.unwrap_or_default();
            let schema_url = if scope_spans.schema_url.is_empty() {
                &resource_spans.schema_url
            } else {
                &scope_spans.schema_url
            };
            for span in scope_spans.spans {
                spans.push(FinishedSpan {
                    resource: resource.clone(),
                    scope_name: scope.name.clone(),
                    scope_version: scope.version.clone(),
                    schema_url: schema_url.clone(),
                    ..decoded(span)
                });
            }
        }
    }
    spans
}

fn decoded(span: otlp::Span) -> FinishedSpan {
    let kind = match span.kind() {
        OtlpKind::Client => SpanKind::Client,
        OtlpKind::Server => SpanKind::Server,
        OtlpKind::Producer => SpanKind::Producer,
        OtlpKind::Consumer => SpanKind::Consumer,
        // The protocol lets a receiver take the one for the other.
        OtlpKind::Internal | OtlpKind::Unspecified => SpanKind::Internal,
    };
    let status = span.status.unwrap_or_default();
    let (own, duplicates) = attributes(pairs(span.attributes));
    FinishedSpan {
        name: span.name,
        kind,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
        trace_state: span.trace_state,
        start_unix_nanos: span.start_time_unix_nano,
        end_unix_nanos: span.end_time_unix_nano,
        attributes: own,
        status: match status.code() {
            StatusCode::Unset => Status::Unset,
            StatusCode::Ok => Status::Ok,
            StatusCode::Error => Status::error(status.message),
        },
        events: span.events.into_iter().map(event).collect(),
        links: span.links.into_iter().map(link).collect(),
        resource: Attributes::new(),
        scope_name: String::new(),
        scope_version: String::new(),
        schema_url: String::new(),
        operation: None,
        duplicates,
    }
}

fn event(event: otlp::span::Event) -> SpanEvent {
    SpanEvent { name: event.name, unix_nanos: event.time_unix_nano, attributes: map(event.attributes) }
}

fn link(link: otlp::span::Link) -> SpanLink {
    SpanLink { trace_id: hex(&link.trace_id), span_id: hex(&link.span_id), attributes: map(link.attributes) }
}

fn map(attributes_: Vec<KeyValue>) -> Attributes {
    attributes(pairs(attributes_)).0
}

fn pairs(attributes: Vec<KeyValue>) -> impl Iterator<Item = (String, AttributeValue)> {
    attributes.into_iter().map(|pair| (pair.key, pair.value.into()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
