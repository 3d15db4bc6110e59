//! `testing::FakePostHog` takes, refuses and maps as PostHog does.
#![cfg(feature = "testing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod capture;
mod control;
mod errors;
mod event_types;
mod json;
mod limits;
mod mapping;
mod pipeline;
mod properties;
mod surface;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use tracing_genai::testing::{FakePostHog, PostHogEvent};

const PROTOBUF: &str = "application/x-protobuf";

fn posthog() -> FakePostHog {
    FakePostHog::start().expect("a loopback server")
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

fn int(key: &str, value: i64) -> KeyValue {
    pair(key, Value::IntValue(value))
}

/// A span below another one that has these attributes alone.
fn span(attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: vec![0xab; 16],
        span_id: vec![0x01; 8],
        parent_span_id: vec![0x02; 8],
        name: "a span".to_owned(),
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 3_500_000_000,
        attributes,
        ..Span::default()
    }
}

/// A chat call with these attributes besides.
fn chat(attributes: Vec<KeyValue>) -> Span {
    let mut chat = span(vec![text("gen_ai.operation.name", "chat")]);
    chat.attributes.extend(attributes);
    chat
}

fn of_resource(resource: Vec<KeyValue>, spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: resource, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

fn export(spans: Vec<Span>) -> ExportTraceServiceRequest {
    of_resource(Vec::new(), spans)
}

fn endpoint(posthog: &FakePostHog) -> String {
    format!("{}/i/v0/ai/otel", posthog.url())
}

fn post(posthog: &FakePostHog, export: &ExportTraceServiceRequest) -> reqwest::RequestBuilder {
    post_raw(posthog, PROTOBUF, export.encode_to_vec())
}

fn post_raw(posthog: &FakePostHog, content_type: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .post(endpoint(posthog))
        .bearer_auth(posthog.project_key())
        .header("content-type", content_type)
        .body(body)
}

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

async fn events_of(export: ExportTraceServiceRequest) -> Vec<PostHogEvent> {
    let posthog = posthog();
    assert_eq!(status(post(&posthog, &export)).await, 200);
    posthog.events()
}

async fn event_of(span: Span) -> PostHogEvent {
    events_of(export(vec![span])).await.remove(0)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}
