//! `POST /i/v0/ai/otel`: the checks, in the order in which PostHog makes them.

use super::{Events, PostHogEvent, ReceivedRequest, Unreadable, event_type, fan_out, json, mapping, unzip};
use crate::testing::service::Outcome;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, resource::v1::Resource, trace::v1::Span,
};
use prost::Message as _;
use serde_json::json;
use std::borrow::Cow;

/// On the wire and unzipped.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
const SPAN_LIMIT: usize = 1000;
const AI_SPAN_LIMIT: usize = 100;
const EVENT_LIMIT: usize = 8 * 1024 * 1024;

pub(super) fn take(events: &mut Events, request: &ReceivedRequest) -> Outcome {
    let (token, spans) = match read(request) {
        Ok(read) => read,
        Err((status, reason)) => return Outcome::text(status, &reason).because(reason),
    };
    let mut outcome = Outcome::json(200, &json!({}));
    for (_, span) in spans.iter().filter(|(_, span)| !event_type::is_ai(&span.attributes)) {
        let name = &span.name;
        outcome = outcome.because(format!("the span {name:?} has no attribute whose key says it is of AI"));
    }
    let anonymous = events.new_uuid();
    for (resource, span) in spans.iter().filter(|(_, span)| event_type::is_ai(&span.attributes)) {
        let event = event(events, resource, span, &token, &anonymous);
        let size = serde_json::to_string(&event.properties).map_or(0, |text| text.len());
        let stored = if size > EVENT_LIMIT {
            Err(format!("the event of the span {:?} has {size} bytes", span.name))
        } else {
            events.store(event)
        };
        if let Err(reason) = stored {
            outcome = outcome.because(reason);
        }
    }
    outcome
}

type Spans = Vec<(Resource, Span)>;

fn read(request: &ReceivedRequest) -> Result<(String, Spans), Unreadable> {
    if request.body.len() > BODY_LIMIT {
        return Err((413, format!("over {BODY_LIMIT} bytes on the wire")));
    }
    let bad = |reason: &str| (400, reason.to_owned());
    if request.body.is_empty() {
        return Err(bad("the body is empty"));
    }
    let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = token.filter(|token| super::well_formed(token));
    let token = token.ok_or_else(|| (401, "no valid token after \"Bearer \"".to_owned()))?;

    let zipped = match request.headers.get("content-encoding") {
        None => false,
        Some(encoding) if encoding.as_bytes().eq_ignore_ascii_case(b"gzip") => true,
        Some(_) => return Err(bad("the only content encoding is gzip")),
    };
    let is_json = match request.header("content-type") {
        Some(value) if value.starts_with("application/x-protobuf") => false,
        Some(value) if value.starts_with("application/json") => true,
        _ => return Err(bad("the content type is neither application/x-protobuf nor application/json")),
    };
    let body =
        if zipped { Cow::Owned(unzip(&request.body, BODY_LIMIT)?) } else { Cow::Borrowed(&*request.body) };
    let export = if is_json {
        json::export(&body).map_err(|reason| (400, reason))?
    } else {
        ExportTraceServiceRequest::decode(&*body).map_err(|error| (400, error.to_string()))?
    };

    let spans = spans(export);
    if spans.len() > SPAN_LIMIT {
        return Err((400, format!("{} spans, {SPAN_LIMIT} at most", spans.len())));
    }
    let of_ai = spans.iter().filter(|(_, span)| event_type::is_ai(&span.attributes)).count();
    if of_ai > AI_SPAN_LIMIT {
        return Err((400, format!("{of_ai} AI spans, {AI_SPAN_LIMIT} at most")));
    }
    Ok((token.to_owned(), spans))
}

fn spans(export: ExportTraceServiceRequest) -> Spans {
    let of_resource = export.resource_spans.into_iter().map(|spans| {
        let resource = spans.resource.unwrap_or_default();
        (resource, spans.scope_spans.into_iter().flat_map(|scope| scope.spans).collect::<Vec<_>>())
    });
    of_resource
        .flat_map(|(resource, spans)| spans.into_iter().map(move |span| (resource.clone(), span)))
        .collect()
}

fn event(
    events: &mut Events,
    resource: &Resource,
    span: &Span,
    token: &str,
    anonymous: &str,
) -> PostHogEvent {
    let mut properties = fan_out::properties(resource, span);
    let distinct_id = fan_out::distinct_id(resource, span).unwrap_or_else(|| anonymous.to_owned());
    let mut name = event_type::of(span);
    let middleware = mapping::apply(&mut name, &mut properties);
    super::normalize::apply(name, &mut properties);
    PostHogEvent {
        name: name.to_owned(),
        distinct_id,
        properties,
        timestamp: fan_out::timestamp(span),
        uuid: events.new_uuid(),
        project_key: token.to_owned(),
        middleware,
    }
}
