use super::*;
use crate::{
    record::{
        Call, ErrorInfo, ErrorKind, Evaluation, Message as RecordMessage, Operation, OperationKind, Outcome,
        Request, Role, ToolExecution,
    },
    semconv::gen_ai::{self as names, GEN_AI_EVALUATION_EXPLANATION},
};
use opentelemetry::trace::{Event, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_proto::transform::{
    common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope,
};
use opentelemetry_sdk::{Resource, trace::SpanData};
use std::time::Duration;

fn finished(name: &'static str) -> Finished {
    Finished::example(name, 1)
}

fn with(content: Option<&ContentCapture>) -> View {
    View { content: content.cloned(), ..View::whole() }
}

fn decoded(body: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(body).unwrap()
}

fn counts(requests: &[(u64, Bytes)]) -> Vec<u64> {
    requests.iter().map(|(items, _)| *items).collect()
}

/// A span with one of everything.
fn full() -> SpanData {
    let mut span = finished("chat gpt-5").span;
    let state = TraceState::from_key_value([("vendor", "1")]).unwrap();
    span.span_context =
        SpanContext::new(TraceId::from(1 << 77), SpanId::from(42), TraceFlags::SAMPLED, false, state);
    span.parent_span_id = SpanId::from(41);
    span.parent_span_is_remote = true;
    span.span_kind = SpanKind::Client;
    span.attributes = vec![
        KeyValue::new("text", "a"),
        KeyValue::new("integer", 12),
        KeyValue::new("number", 0.5),
        KeyValue::new("truth", true),
        KeyValue::new("texts", Value::Array(Array::String(vec!["a".into(), "b".into()]))),
        KeyValue::new("integers", Value::Array(Array::I64(vec![1, 2]))),
        KeyValue::new("numbers", Value::Array(Array::F64(vec![0.5]))),
        KeyValue::new("truths", Value::Array(Array::Bool(vec![true, false]))),
    ];
    span.dropped_attributes_count = 3;
    let event = Event::new("exception", span.end_time, vec![KeyValue::new("exception.type", "x")], 1);
    span.events.events.push(event);
    span.events.dropped_count = 4;
    let linked =
        SpanContext::new(TraceId::from(5), SpanId::from(6), TraceFlags::default(), true, TraceState::NONE);
    span.links.links.push(Link::new(linked, vec![KeyValue::new("why", "retry")], 2));
    span.links.dropped_count = 5;
    span.status = Status::error("no such model");
    span.instrumentation_scope = InstrumentationScope::builder("tracing-genai")
        .with_version("0.1.0")
        .with_schema_url(crate::semconv::gen_ai::SCHEMA_URL)
        .with_attributes([KeyValue::new("scoped", 1)])
        .build();
    span
}

#[test]
fn a_span_is_encoded_as_the_reference_transform_encodes_it() {
    let resource = Resource::builder_empty()
        .with_schema_url([KeyValue::new("service.name", "assistant")], "https://example.com/schema")
        .build();
    let source = Arc::new(Source::new(&resource));
    let spans = [full(), finished("plain").span, full()];
    let ours = spans
        .iter()
        .cloned()
        .map(|span| Arc::new(Finished { span, source: Arc::clone(&source), ..finished("example") }));
    let requests = requests(&ours.collect::<Vec<_>>(), &View::whole(), 512, usize::MAX);

    let expected =
        group_spans_by_resource_and_scope(spans.to_vec(), &ResourceAttributesWithSchema::from(&resource));
    assert_eq!(requests.len(), 1);
    assert_eq!(decoded(&requests[0].1).resource_spans, expected);
}

#[test]
fn spans_of_two_providers_keep_their_resources() {
    let one = Finished { source: Arc::new(Source::default()), ..finished("one") };
    let two = Finished { source: Arc::new(Source::default()), ..finished("two") };
    let requests = requests(&[Arc::new(one), Arc::new(two)], &View::whole(), 512, usize::MAX);
    assert_eq!(decoded(&requests[0].1).resource_spans.len(), 2);
}

fn sized(bytes: usize) -> Arc<Finished> {
    let mut span = finished("sized");
    span.span.attributes.push(KeyValue::new("text", "x".repeat(bytes)));
    Arc::new(span)
}

#[test]
fn no_request_is_larger_than_the_limit() {
    let source: Arc<Source> = Arc::default();
    let spans = (0..100).map(|_| {
        let span = Arc::try_unwrap(sized(900)).unwrap();
        Arc::new(Finished { source: Arc::clone(&source), ..span })
    });
    let requests = requests(&spans.collect::<Vec<_>>(), &View::whole(), 512, 10_000);
    let sizes: Vec<usize> = requests.iter().map(|(_, body)| body.len()).collect();
    assert!(sizes.iter().all(|size| *size <= 10_000), "{sizes:?}");
    assert!(sizes.len() <= 12, "the requests are well filled: {sizes:?}");
    assert_eq!(counts(&requests).iter().sum::<u64>(), 100);
}

#[test]
fn a_span_too_big_for_any_request_goes_alone() {
    let requests = requests(&[sized(1), sized(5_000), sized(1)], &View::whole(), 512, 1_000);
    assert_eq!(counts(&requests), [1, 1, 1]);
}

#[test]
fn no_request_has_more_spans_than_the_limit() {
    let spans: Vec<_> = (0..5).map(|_| sized(1)).collect();
    assert_eq!(counts(&requests(&spans, &View::whole(), 2, usize::MAX)), [2, 2, 1]);
}

fn keys(finished: &Finished, content: Option<&ContentCapture>) -> Vec<String> {
    span(finished, &with(content)).attributes.into_iter().map(|attribute| attribute.key).collect()
}

fn with_content() -> Finished {
    let mut finished = finished("chat");
    finished.span.attributes =
        vec![KeyValue::new("gen_ai.system", "openai"), KeyValue::new(names::GEN_AI_INPUT_MESSAGES, "[]")];
    finished
}

#[test]
fn content_that_a_span_carries_passes_where_a_destination_has_no_policy() {
    assert_eq!(keys(&with_content(), None), ["gen_ai.system", names::GEN_AI_INPUT_MESSAGES]);
}

#[test]
fn content_that_a_span_carries_is_kept_from_a_destination_without_content() {
    assert_eq!(keys(&with_content(), Some(&ContentCapture::off())), ["gen_ai.system"]);
}

#[test]
fn content_of_a_span_without_a_record_passes_to_a_destination_with_content() {
    assert_eq!(
        keys(&with_content(), Some(&ContentCapture::on())),
        ["gen_ai.system", names::GEN_AI_INPUT_MESSAGES]
    );
}

#[test]
fn content_is_rendered_from_the_record_and_not_repeated() {
    let mut finished = with_content();
    let operation = Operation::new(OperationKind::ExecuteTool, Call::Tool(Box::<ToolExecution>::default()));
    let rendered = content_attributes(&operation, &ContentCapture::on());
    finished.operation = Some(Arc::new(operation));
    let keys = keys(&finished, Some(&ContentCapture::on()));
    assert!(!keys.contains(&names::GEN_AI_INPUT_MESSAGES.to_owned()), "{keys:?}");
    assert_eq!(keys.len(), 1 + rendered.len());
}

fn explained(record: Option<Evaluation>, content: &ContentCapture) -> Option<String> {
    let mut finished = finished("gen_ai.evaluation.result");
    let attribute = KeyValue::new(GEN_AI_EVALUATION_EXPLANATION, "as carried");
    let event = Event::new(GEN_AI_EVALUATION_RESULT, finished.span.end_time, vec![attribute], 0);
    finished.span.events.events.push(event);
    let operation =
        record.map(|record| Operation::new(OperationKind::Evaluation, Call::Evaluation(Box::new(record))));
    finished.operation = operation.map(Arc::new);
    let mut attributes = span(&finished, &with(Some(content))).events.remove(0).attributes.into_iter();
    let found = attributes.find(|attribute| attribute.key == GEN_AI_EVALUATION_EXPLANATION)?;
    match found.value?.value? {
        AnyValueKind::StringValue(text) => Some(text),
        other => panic!("{other:?}"),
    }
}

fn recorded() -> Option<Evaluation> {
    Some(Evaluation { explanation: Some("as recorded".to_owned()), ..Evaluation::default() })
}

#[test]
fn an_explanation_goes_to_a_destination_with_content_alone() {
    assert_eq!(explained(recorded(), &ContentCapture::on()).as_deref(), Some("as recorded"));
    assert_eq!(explained(recorded(), &ContentCapture::off()), None);
}

#[test]
fn an_explanation_without_a_record_is_content_too() {
    assert_eq!(explained(None, &ContentCapture::on()).as_deref(), Some("as carried"));
    assert_eq!(explained(None, &ContentCapture::off()), None);
}

/// A span that failed under a policy with content, of a call whose error repeats the prompt.
fn refused() -> Finished {
    let mut request = Request::default();
    request.messages.push(RecordMessage::text(Role::User, "My name is Jane Roe and I live in Lund."));
    let call = Call::Inference { request: Box::new(request), response: Arc::default() };
    let mut operation = Operation::new(OperationKind::Chat, call);
    let error = ErrorInfo::new(ErrorKind::InvalidRequest, "no: My name is Jane Roe and I live in Lund.");
    operation.outcome = Outcome::Failed(Box::new(error));
    let mut finished = finished("chat");
    finished.span.status = Status::error("as the span says");
    finished.plain_status = Some(Status::error("left out"));
    finished.operation = Some(Arc::new(operation));
    finished
}

fn status_for(finished: &Finished, content: Option<&ContentCapture>) -> String {
    span(finished, &with(content)).status.unwrap().message
}

#[test]
fn a_destination_without_content_gets_no_more_of_an_error_than_it_may() {
    assert_eq!(status_for(&refused(), Some(&ContentCapture::off())), "left out");
}

#[test]
fn a_destination_with_content_gets_the_whole_error_from_the_record() {
    let whole = "no: My name is Jane Roe and I live in Lund.";
    assert_eq!(status_for(&refused(), Some(&ContentCapture::on())), whole);
}

#[test]
fn a_destination_without_a_policy_gets_the_status_that_the_span_has() {
    assert_eq!(status_for(&refused(), None), "as the span says");
}

#[test]
fn a_time_before_the_epoch_is_zero() {
    assert_eq!(nanoseconds(UNIX_EPOCH - Duration::from_secs(1)), 0);
}

#[test]
fn place_and_thread_are_kept_from_a_destination_that_wants_none_and_the_rest_is_not() {
    let names = ["code.file.path", "thread.id", "target", "busy_ns", "idle_ns", "app.code", "gen_ai.system"];
    let mut finished = finished("work");
    finished.span.attributes = names.map(|name| KeyValue::new(name, 1)).to_vec();
    let noted = finished.span.attributes.clone();
    finished.span.events.events.push(Event::new("logged", finished.span.end_time, noted, 0));
    let (off, on) = (ContentCapture::off(), ContentCapture::on());
    for content in [None, Some(&off), Some(&on)] {
        let bare = span(&finished, &View { has_code: false, ..with(content) });
        let keys = |attributes: &[KeyValueMessage]| -> Vec<String> {
            attributes.iter().map(|attribute| attribute.key.clone()).collect()
        };
        assert_eq!(keys(&bare.attributes), ["app.code", "gen_ai.system"]);
        assert_eq!(keys(&bare.events[0].attributes), ["app.code", "gen_ai.system"]);
        assert_eq!(span(&finished, &with(content)).attributes.len(), names.len());
    }
}

/// What other libraries call what was said.
const THEIRS: [&str; 6] = [
    "gen_ai.prompt.0.content",
    "input.value",
    "llm.input_messages.0.message.content",
    "traceloop.entity.input",
    "$ai_input",
    "tracia.variables",
];

fn of_another_library() -> Finished {
    let mut finished = finished("chat");
    finished.span.attributes = THEIRS.map(|key| KeyValue::new(key, r#"[{"said":"Jane Roe"}]"#)).into();
    finished.span.attributes.push(KeyValue::new("llm.model_name", "gpt-5"));
    let said = vec![KeyValue::new("content", "Jane Roe"), KeyValue::new("gen_ai.system", "openai")];
    finished.span.events.events.push(Event::new("gen_ai.user.message", UNIX_EPOCH, said, 0));
    finished.span.status = Status::error("no such person: Jane Roe");
    finished
}

fn sent(finished: Finished, content: &ContentCapture) -> Vec<SpanMessage> {
    let requests = requests(&[Arc::new(finished)], &with(Some(content)), 512, 4 << 20);
    let scopes = decoded(&requests[0].1).resource_spans.remove(0).scope_spans;
    scopes.into_iter().flat_map(|scope| scope.spans).collect()
}

#[test]
fn what_another_library_says_under_its_own_names_is_content_too() {
    let span = sent(of_another_library(), &ContentCapture::off()).remove(0);
    let keys: Vec<_> = span.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["llm.model_name"]);
    let keys: Vec<_> = span.events[0].attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["gen_ai.system"]);

    let span = sent(of_another_library(), &ContentCapture::on()).remove(0);
    assert_eq!(span.attributes.len(), THEIRS.len() + 1);
}

#[test]
fn a_policy_that_redacts_sees_every_text_of_a_span_with_and_without_a_record() {
    let content = ContentCapture::on().redact(|text| text.replace("Jane Roe", "[name]").into());
    let request =
        Request { messages: vec![RecordMessage::text(Role::User, "I am Jane Roe")], ..Request::default() };
    let call = Call::Inference { request: Box::new(request), response: Arc::default() };
    let mut operation = Operation::new(OperationKind::Chat, call);
    operation.outcome =
        Outcome::Failed(Box::new(ErrorInfo::new(ErrorKind::InvalidRequest, "no such person: Jane Roe")));
    let recorded = Finished { operation: Some(Arc::new(operation)), ..of_another_library() };
    for finished in [of_another_library(), recorded] {
        let has_record = finished.operation.is_some();
        let span = sent(finished, &content).remove(0);
        let told = format!("{span:?}");
        assert!(!told.contains("Jane") && told.contains("[name]"), "{told}");
        assert_eq!(span.status.unwrap().message, "no such person: [name]");
        let is_input = |attribute: &KeyValueMessage| attribute.key == names::GEN_AI_INPUT_MESSAGES;
        assert_eq!(span.attributes.iter().any(is_input), has_record);
    }
}
