use super::*;
use crate::{
    export::{
        courier::Commands,
        encode::View,
        lane::{Lane, Limits},
        live::Live,
        report::Hook,
        selection::{Selection, SpanFilter},
        signal::Signal,
    },
    record::{Call, ErrorInfo, ErrorKind, Operation, OperationKind, ToolExecution},
};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// A processor without a courier: what it takes stays in its one lane.
fn processor(keeps_operations: bool) -> (Processor, Arc<Lane>) {
    selecting(keeps_operations, SpanFilter::All)
}

fn selecting(keeps_operations: bool, filter: SpanFilter) -> (Processor, Arc<Lane>) {
    let selection = Selection::new(filter, 1.0).unwrap();
    let lane = Arc::new(Lane::new("test".into(), Signal::Traces, Limits::default(), View::whole()));
    let pipeline = Pipeline {
        lanes: vec![Arc::clone(&lane)],
        other_lanes: Vec::new(),
        #[cfg(feature = "metrics")]
        components: Vec::new(),
        selections: vec![selection],
        live: selection.needs_ancestors().then(Live::default),
        hook: Hook::default(),
        keeps_operations,
        commands: Commands::nowhere(),
        patience: Duration::ZERO,
        _consumer: Some(joined::Consumer::register()),
    };
    (Processor::new(Arc::new(pipeline), Vec::new()), lane)
}

/// A span that an `error!` marked as failed.
fn failed_span(id: u64) -> SpanData {
    let mut span = Finished::example("chat", 1).span;
    span.span_context = SpanContext::new(
        TraceId::from(u128::from(id)),
        SpanId::from(id),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    span.status = Status::error("");
    span
}

fn operation(outcome: Outcome) -> Arc<Operation> {
    let call = Call::Tool(Box::<ToolExecution>::default());
    let mut operation = Operation::new(OperationKind::ExecuteTool, call);
    operation.outcome = outcome;
    Arc::new(operation)
}

fn status_of(id: u64, outcome: Outcome) -> Status {
    let (processor, lane) = processor(false);
    let span = failed_span(id);
    joined::put(&span.span_context, &operation(outcome));
    processor.on_end(span);
    lane.take_spans()[0].span.status.clone()
}

#[test]
fn an_error_logged_inside_does_not_fail_an_operation_that_is_done() {
    assert_eq!(status_of(0x1001, Outcome::Done), Status::Unset);
}

#[test]
fn an_error_logged_inside_does_not_fail_an_operation_that_was_abandoned() {
    assert_eq!(status_of(0x1002, Outcome::Abandoned), Status::Unset);
}

#[test]
fn an_operation_that_failed_says_why() {
    let error = ErrorInfo::new(ErrorKind::RateLimited, "slow down");
    assert_eq!(status_of(0x1003, Outcome::Failed(Box::new(error))), Status::error("slow down"));
}

#[test]
fn a_long_error_is_cut_unless_the_span_was_given_all_of_it() {
    let message = "x".repeat(1000);
    let error = ErrorInfo::new(ErrorKind::InvalidRequest, message.clone());
    let failed = Outcome::Failed(Box::new(error));
    assert_eq!(status_of(0x100a, failed.clone()), Status::error("x".repeat(512)));

    let (processor, lane) = processor(false);
    let mut span = failed_span(0x100b);
    span.status = Status::error(message.clone());
    joined::put(&span.span_context, &operation(failed));
    processor.on_end(span);
    let finished = &lane.take_spans()[0];
    assert_eq!(finished.span.status, Status::error(message));
    assert_eq!(finished.plain_status, Some(Status::error("x".repeat(512))));
}

fn status_without_record(id: u64, outcome: Option<&'static str>) -> Status {
    let (processor, lane) = processor(false);
    let mut span = failed_span(id);
    span.attributes.extend(outcome.map(|outcome| KeyValue::new(TRACING_GENAI_OUTCOME, outcome)));
    processor.on_end(span);
    lane.take_spans()[0].span.status.clone()
}

#[test]
fn the_outcome_on_the_span_stands_for_a_record() {
    assert_eq!(status_without_record(0x1004, Some("done")), Status::Unset);
    assert_eq!(status_without_record(0x1005, Some("failed")), Status::error(""));
}

#[test]
fn the_status_of_another_librarys_span_is_its_own() {
    assert_eq!(status_without_record(0x1006, None), Status::error(""));
}

#[test]
fn records_are_kept_only_for_a_destination_that_renders_them() {
    for (id, keeps) in [(0x1007, true), (0x1008, false)] {
        let (processor, lane) = processor(keeps);
        let span = failed_span(id);
        joined::put(&span.span_context, &operation(Outcome::Done));
        processor.on_end(span);
        assert_eq!(lane.take_spans()[0].operation.is_some(), keeps);
    }
}

#[test]
fn another_librarys_span_is_completed_with_the_call_that_was_seen_in_it() {
    let (processor, lane) = processor(true);
    let mut span = failed_span(0x1009);
    span.attributes = vec![KeyValue::new("gen_ai.usage.input_tokens", "12")];
    joined::put(&span.span_context, &operation(Outcome::Done));
    processor.on_end(span);
    let finished = &lane.take_spans()[0];
    let expected = [
        KeyValue::new("gen_ai.usage.input_tokens", 12),
        KeyValue::new("gen_ai.operation.name", "execute_tool"),
        KeyValue::new(TRACING_GENAI_OUTCOME, "done"),
    ];
    assert_eq!(finished.span.attributes, expected);
    assert!(finished.operation.is_some());
}

/// What is left of a span's attributes besides its outcome, which makes it ours.
fn left_of(id: u64, attributes: Vec<KeyValue>) -> Vec<KeyValue> {
    let (processor, lane) = processor(false);
    let mut span = failed_span(id);
    span.attributes = attributes;
    span.attributes.push(KeyValue::new(TRACING_GENAI_OUTCOME, "done"));
    processor.on_end(span);
    let mut left = lane.take_spans()[0].span.attributes.clone();
    left.retain(|attribute| attribute.key.as_str() != TRACING_GENAI_OUTCOME);
    left
}

#[test]
fn the_place_in_this_crates_source_is_taken_out_of_its_spans() {
    let kept = KeyValue::new("gen_ai.tool.name", "search");
    let mut attributes: Vec<KeyValue> = NOISE.into_iter().map(|name| KeyValue::new(name, 7)).collect();
    attributes.retain(|attribute| attribute.key.as_str() != "target");
    attributes.extend([KeyValue::new("target", TARGET), kept.clone()]);
    assert_eq!(left_of(0x100a, attributes), std::slice::from_ref(&kept));
    // A layer may be told to write no target.
    assert_eq!(left_of(0x100b, vec![KeyValue::new("code.line.number", 7), kept.clone()]), [kept]);
}

#[test]
fn another_librarys_span_that_was_repaired_before_keeps_its_place() {
    let attributes = vec![KeyValue::new("code.line.number", 7), KeyValue::new("target", "rig::completions")];
    assert_eq!(left_of(0x100c, attributes.clone()), attributes);
}

#[test]
fn what_was_set_in_code_wins_over_the_providers_resource() {
    let (mut processor, _) = processor(false);
    processor.overrides = vec![KeyValue::new("service.name", "ours")];
    let theirs = [KeyValue::new("service.name", "theirs"), KeyValue::new("host.name", "one")];
    processor.set_resource(&Resource::builder_empty().with_attributes(theirs).build());
    let resource = format!("{:?}", processor.source.resource);
    assert!(
        resource.contains("ours") && resource.contains("one") && !resource.contains("theirs"),
        "{resource}"
    );
}

#[test]
fn a_span_of_which_nobody_knows_what_is_below_it_is_kept() {
    for (filter, is_kept) in [(SpanFilter::GenAiAndAncestors, true), (SpanFilter::GenAi, false)] {
        let (processor, lane) = selecting(false, filter);
        processor.on_end(failed_span(0x100d));
        assert_eq!(!lane.take_spans().is_empty(), is_kept, "{filter:?}");
    }
}

#[test]
fn a_span_in_which_a_call_was_seen_is_of_generative_ai_whatever_it_says_itself() {
    let (processor, lane) = selecting(false, SpanFilter::GenAi);
    let span = failed_span(0x100e);
    joined::put(&span.span_context, &operation(Outcome::Done));
    processor.on_end(span);
    assert!(!lane.take_spans().is_empty());
}
