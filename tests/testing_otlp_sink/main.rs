//! `testing::OtlpSink` receives OTLP and answers as it is told.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails is a test that fails")]

#[cfg(feature = "grpc")]
mod grpc;
mod http;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};
use tracing_genai::testing::OtlpSink;

fn sink() -> OtlpSink {
    OtlpSink::start().expect("a loopback server")
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

/// One span with everything a span can have.
fn full_span() -> Span {
    let map = KeyValueList { values: vec![pair("role", text("user"))] };
    let array = ArrayValue { values: vec![AnyValue { value: Some(text("stop")) }] };
    Span {
        trace_id: vec![0xab; 16],
        span_id: vec![0x01; 8],
        parent_span_id: vec![0x02; 8],
        name: "chat gpt-4o".to_owned(),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 3_000,
        attributes: vec![
            pair("model", text("gpt-4o")),
            pair("tokens", Value::IntValue(12)),
            pair("temperature", Value::DoubleValue(0.5)),
            pair("stream", Value::BoolValue(true)),
            pair("reasons", Value::ArrayValue(array)),
            pair("message", Value::KvlistValue(map)),
            pair("raw", Value::BytesValue(vec![1, 2])),
        ],
        events: vec![Event {
            time_unix_nano: 2_000,
            name: "exception".to_owned(),
            attributes: vec![pair("exception.type", text("timeout"))],
            ..Event::default()
        }],
        links: vec![Link { trace_id: vec![3; 16], span_id: vec![4; 8], ..Link::default() }],
        status: Some(Status { message: "timed out".to_owned(), code: StatusCode::Error.into() }),
        ..Span::default()
    }
}

fn export(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope {
        name: "my-scope".to_owned(),
        version: "1.2.3".to_owned(),
        ..InstrumentationScope::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![pair("service.name", text("my-service"))],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: "https://s/1".to_owned() }],
            schema_url: "https://r/1".to_owned(),
        }],
    }
}

fn named(name: &str) -> ExportTraceServiceRequest {
    export(vec![Span { name: name.to_owned(), ..Span::default() }])
}
