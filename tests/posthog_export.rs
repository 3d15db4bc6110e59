//! Spans on their way to PostHog.

#![cfg(feature = "export")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_receiver;

use export_receiver::{Program, Receiver, status, value};
use opentelemetry::{
    Context, KeyValue,
    trace::{TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use std::time::Duration;
use tracing_genai::{
    ContentCapture,
    export::{Destination, ProblemKind, SpanFilter, Telemetry},
};

const LIMIT: usize = 4 << 20;

fn chat(content: Option<usize>) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("gen_ai.operation.name", "chat")];
    attributes.extend(content.map(|bytes| {
        let text = "x".repeat(bytes);
        let messages = format!(r#"[{{"role":"user","parts":[{{"type":"text","content":"{text}"}}]}}]"#);
        KeyValue::new("gen_ai.input.messages", messages)
    }));
    attributes
}

fn posthog(receiver: &Receiver) -> Destination {
    Destination::posthog("phc_key").host(&receiver.url).content(ContentCapture::on())
}

/// PostHog's own rule for a request: all of its spans, or none.
fn strict() -> Receiver {
    Receiver::answering(|_, request| {
        if request.path != "/i/v0/ai/otel" {
            return status(404);
        }
        match (request.spans().count(), request.message.encoded_len()) {
            (spans, _) if spans > 100 => status(400),
            (_, bytes) if bytes > LIMIT => status(413),
            _ => status(200).body("{}"),
        }
    })
}

#[test]
fn many_spans_and_large_ones_arrive_all_beside_a_destination_with_the_defaults() {
    for (spans, bytes) in [(150, None), (20, Some(300_000)), (1, Some(6 << 20))] {
        let (theirs, plain) = (strict(), Receiver::new());
        let program = Program::with(
            Telemetry::builder().destination(posthog(&theirs)).destination(Destination::otlp(&plain.url)),
        );
        for _ in 0..spans {
            program.span_with("chat", chat(bytes));
        }
        let report = program.flush();
        assert_eq!((report.rejected, report.dropped), (0, 0));
        assert_eq!((theirs.spans().len(), plain.spans().len()), (spans, spans));
        for request in theirs.requests() {
            assert!(request.spans().count() <= 100 && request.body.len() <= LIMIT);
            assert_eq!(request.headers["authorization"], "Bearer phc_key");
            assert_eq!(request.headers["content-type"], "application/x-protobuf");
        }
    }
}

#[test]
fn a_span_that_was_cut_says_so_and_keeps_the_rest() {
    let receiver = strict();
    let program = Program::with(Telemetry::builder().destination(posthog(&receiver)));
    program.span_with("chat", chat(Some(6 << 20)));
    program.flush();

    let span = &receiver.spans()[0];
    assert_eq!(value(&span.attributes, "tracing_genai.truncated"), Some(&Value::BoolValue(true)));
    assert_eq!(value(&span.attributes, "gen_ai.operation.name"), Some(&Value::StringValue("chat".into())));
    let Some(Value::StringValue(messages)) = value(&span.attributes, "gen_ai.input.messages") else {
        panic!("no messages")
    };
    let messages: serde_json::Value = serde_json::from_str(messages).unwrap();
    let said = messages[0]["parts"][0]["content"].as_str().unwrap();
    assert!(said.len() > 2 << 20 && said.ends_with('…'), "{}", said.len());
}

#[test]
fn spans_between_are_left_out_and_no_parent_dangles() {
    let (theirs, plain) = (strict(), Receiver::new());
    let program = Program::with(
        Telemetry::builder().destination(posthog(&theirs)).destination(Destination::otlp(&plain.url)),
    );
    let tracer = program.provider.tracer("test");
    let start = |name: &'static str, above: &Context, operation: Option<&'static str>| {
        let attributes = operation.map(|operation| KeyValue::new("gen_ai.operation.name", operation));
        let builder = tracer.span_builder(name).with_attributes(attributes);
        above.with_span(builder.start_with_context(&tracer, above))
    };
    let request = start("POST /ask", &Context::new(), None);
    let agent = start("agent", &request, Some("invoke_agent"));
    let step = start("step", &agent, None);
    let call = start("call", &step, Some("chat"));
    for one in [&call, &step, &agent, &request] {
        one.span().end();
    }
    program.flush();

    let spans = theirs.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(theirs.names(), ["agent", "call"]);
    assert!(named("agent").parent_span_id.is_empty());
    assert_eq!(named("call").parent_span_id, named("agent").span_id);
    let others = plain.spans();
    let call = others.iter().find(|span| span.name == "call").unwrap();
    assert_ne!(call.parent_span_id, named("agent").span_id);
}

#[test]
fn the_resource_has_nothing_that_would_spoil_an_event() {
    let receiver = strict();
    let program = Program::with(
        Telemetry::builder()
            .service_name("assistant")
            .resource_attribute("server.address", "10.0.0.1")
            .resource_attribute("ai.region", "x")
            .destination(posthog(&receiver)),
    );
    program.span_with("chat", chat(None));
    program.flush();

    let requests = receiver.requests();
    let resource = requests[0].message.resource_spans[0].resource.as_ref().unwrap();
    assert!(value(&resource.attributes, "service.name").is_some());
    assert!(value(&resource.attributes, "server.address").is_none());
    assert!(value(&resource.attributes, "ai.region").is_none());
}

#[test]
fn content_is_not_sent_unless_it_is_asked_for() {
    let receiver = strict();
    let destination = Destination::posthog("phc_key").host(&receiver.url);
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span_with("chat", chat(Some(10)));
    program.flush();

    assert!(value(&receiver.spans()[0].attributes, "gen_ai.input.messages").is_none());
}

#[test]
fn a_wrong_key_or_path_is_named_and_counted_and_not_hammered() {
    for code in [401, 404] {
        let receiver = Receiver::answering(move |_, _| status(code));
        let program = Program::with(Telemetry::builder().destination(posthog(&receiver)));
        for _ in 0..10 {
            program.span_with("chat", chat(None));
        }
        assert!(program.telemetry.flush_blocking(Duration::from_secs(2)).is_err());

        let problems = program.problems.lock().unwrap();
        let problem = problems.iter().find(|problem| problem.kind == ProblemKind::Misconfigured).unwrap();
        assert!(problem.message.contains(&code.to_string()), "{problem}");
        assert!(!problem.message.contains("phc_key"), "{problem}");
        assert!(receiver.requests().len() <= 3, "{}", receiver.requests().len());
        assert_eq!(program.telemetry.report().delivered, 0);
    }
}

#[test]
fn a_refused_request_is_counted_and_not_sent_again() {
    let receiver = Receiver::answering(|_, _| status(400).body(r#"{"error":"quota exceeded"}"#));
    let program = Program::with(Telemetry::builder().destination(posthog(&receiver)));
    program.span_with("chat", chat(None));
    let report = program.flush();

    assert_eq!((report.rejected, receiver.requests().len()), (1, 1));
}

#[test]
fn a_passing_trouble_is_tried_again() {
    let receiver = Receiver::answering(|number, _| status(if number == 0 { 503 } else { 200 }));
    let program = Program::with(Telemetry::builder().destination(posthog(&receiver)));
    program.span_with("chat", chat(None));
    let report = program.flush();

    assert_eq!((report.delivered, receiver.requests().len()), (1, 2));
}

#[test]
fn a_setting_that_cannot_be_is_an_error_when_it_is_built() {
    let posthog = || Destination::posthog("phc_key");
    for (builder, word) in [
        (Telemetry::builder().destination(Destination::posthog("phx_key")), "personal"),
        (Telemetry::builder().destination(posthog().host("mars")), "region"),
        (Telemetry::builder().destination(posthog().host("https://x.io/ph")), "path"),
        (Telemetry::builder().destination(posthog().spans(SpanFilter::All)), "Destination::spans"),
        (
            Telemetry::builder().resource_attribute("$ai_session_id", "a b").destination(posthog()),
            "$ai_session_id",
        ),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
