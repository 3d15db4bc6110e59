use super::{export, full_span, named, pair, sink, text};
use flate2::{Compression, write::GzEncoder};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    trace::v1::Span,
};
use prost::Message;
use std::{collections::BTreeMap, io::Write, time::Duration};
use tracing_genai::testing::{AttributeValue, Gate, OtlpSink, SinkAnswer};

const PATIENCE: Duration = Duration::from_secs(10);

fn post(sink: &OtlpSink, request: &ExportTraceServiceRequest) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .post(format!("{}/v1/traces", sink.endpoint()))
        .header("content-type", "application/x-protobuf")
        .body(request.encode_to_vec())
}

#[tokio::test]
async fn receives_all_that_a_span_has() {
    let sink = sink();
    let response = post(&sink, &export(vec![full_span()])).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-protobuf");

    let span = &sink.spans()[0];
    assert_eq!((span.name.as_str(), span.kind.clone()), ("chat gpt-4o", SpanKind::Client));
    assert_eq!(span.trace_id, "abababababababababababababababab");
    assert_eq!(span.span_id, "0101010101010101");
    assert_eq!(span.parent_span_id.as_deref(), Some("0202020202020202"));
    assert_eq!(span.duration(), Duration::from_micros(2));
    assert_eq!(span.status, Status::error("timed out"));
    assert_eq!(span.events[0].name, "exception");
    assert_eq!(span.events[0].attributes["exception.type"], "timeout");
    assert_eq!(span.links[0].span_id, "0404040404040404");
    assert_eq!(span.resource["service.name"], "my-service");
    assert_eq!((span.scope_name.as_str(), span.scope_version.as_str()), ("my-scope", "1.2.3"));
    assert_eq!(span.schema_url, "https://s/1");
}

#[tokio::test]
async fn keeps_the_type_of_every_attribute() {
    let sink = sink();
    post(&sink, &export(vec![full_span()])).send().await.unwrap();
    let span = &sink.spans()[0];
    assert_eq!(span.attributes["model"], "gpt-4o");
    assert_eq!(span.attributes["tokens"], 12);
    assert_ne!(span.attributes["tokens"], 12.0);
    assert_ne!(span.attributes["tokens"], "12");
    assert_eq!(span.attributes["temperature"], 0.5);
    assert_eq!(span.attributes["stream"], true);
    assert_eq!(span.attributes["reasons"], ["stop"]);
    assert_eq!(span.attributes["raw"].as_bytes(), Some(&[1, 2][..]));
    let message = BTreeMap::from([("role".to_owned(), AttributeValue::Str("user".to_owned()))]);
    assert_eq!(span.attribute("message").unwrap().as_map(), Some(&message));
}

#[tokio::test]
async fn shows_attributes_that_came_twice() {
    let sink = sink();
    let attributes = vec![pair("a", text("1")), pair("b", text("1")), pair("a", text("2"))];
    post(&sink, &export(vec![Span { attributes, ..Span::default() }])).send().await.unwrap();
    assert_eq!(sink.spans()[0].duplicate_attributes(), ["a"]);
    assert_eq!(sink.spans()[0].attributes["a"], "2");
}

#[tokio::test]
async fn reads_gzip() {
    let sink = sink();
    let message = export(vec![full_span(); 50]).encode_to_vec();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&message).unwrap();
    let body = encoder.finish().unwrap();
    let encoded_size = body.len();
    let request = post(&sink, &named("replaced")).header("content-encoding", "gzip").body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(sink.spans().len(), 50);
    let request = &sink.requests()[0];
    assert_eq!((request.encoded_size, request.decoded_size), (encoded_size, message.len()));
    assert_eq!(request.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn accepts_any_path_that_ends_as_it_should() {
    let sink = sink();
    for (path, status) in [("/api/otel/v1/traces", 200), ("/v1/traces/", 404), ("/v1/metrics", 404)] {
        let url = format!("{}{path}", sink.endpoint());
        let request = reqwest::Client::new().post(url).header("content-type", "application/x-protobuf");
        assert_eq!(request.send().await.unwrap().status(), status, "{path}");
    }
    assert_eq!(sink.requests().len(), 1);
}

#[tokio::test]
async fn refuses_what_is_not_otlp() {
    let sink = sink();
    let json = reqwest::Client::new().post(format!("{}/v1/traces", sink.endpoint()));
    let json = json.header("content-type", "application/json").body("{}");
    assert_eq!(json.send().await.unwrap().status(), 415);
    let broken = post(&sink, &named("x")).body("not protobuf");
    assert_eq!(broken.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn answers_as_it_is_told_and_counts_only_what_it_accepted() {
    let sink = sink();
    sink.answer_with(SinkAnswer::status(503).header("retry-after", "7"));
    sink.answer_with(SinkAnswer::body(400, "text/plain", "no"));
    let response = post(&sink, &named("refused")).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(post(&sink, &named("refused")).send().await.unwrap().text().await.unwrap(), "no");
    assert!(sink.spans().is_empty());

    assert_eq!(post(&sink, &named("accepted")).send().await.unwrap().status(), 200);
    assert_eq!(sink.spans()[0].name, "accepted");
    assert_eq!(sink.requests().len(), 3);
    assert_eq!(sink.requests()[0].spans[0].name, "refused");
}

#[tokio::test]
async fn tells_of_partial_success() {
    let sink = sink();
    sink.answer_with(SinkAnswer::partial_success(1, "too long"));
    let response = post(&sink, &named("x")).send().await.unwrap();
    let body = ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = body.partial_success.unwrap();
    assert_eq!((partial.rejected_spans, partial.error_message.as_str()), (1, "too long"));
}

#[tokio::test]
async fn hangs_up() {
    let sink = sink();
    sink.answer_with(SinkAnswer::hang_up());
    assert!(post(&sink, &named("x")).send().await.is_err());
    assert!(sink.spans().is_empty());
}

#[tokio::test]
async fn holds_an_answer_until_released() {
    let (sink, gate) = (sink(), Gate::new());
    sink.answer_with(SinkAnswer::accepted().held(&gate));
    let sent = tokio::spawn(post(&sink, &named("late")).send());
    assert!(gate.reached_async().await);
    assert!(sink.spans().is_empty());
    gate.release();
    assert_eq!(sink.wait_for_spans_async(1, PATIENCE).await[0].name, "late");
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn sees_an_exporter_give_up() {
    let (sink, gate) = (sink(), Gate::new());
    sink.answer_with(SinkAnswer::accepted().held(&gate));
    let sent = tokio::spawn(post(&sink, &named("late")).send());
    assert!(gate.reached_async().await);
    sent.abort();
    assert!(gate.client_gone_async().await);
    assert!(sink.spans().is_empty());
}

#[test]
fn gives_what_came_when_time_is_up() {
    assert!(sink().wait_for_spans(1, Duration::ZERO).is_empty());
}

/// A paused clock would otherwise be at the end of the wait before the request arrived.
#[tokio::test(start_paused = true)]
async fn waits_while_the_clock_is_paused() {
    let sink = sink();
    let sent = tokio::spawn(post(&sink, &named("x")).send());
    assert_eq!(sink.wait_for_spans_async(1, PATIENCE).await.len(), 1);
    sent.await.unwrap().unwrap();
}
