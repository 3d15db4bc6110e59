//! Spans of other libraries, taken for the call that is seen inside them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use crate::{
    capture::Recording,
    record::{Call, ErrorInfo, ErrorKind, Operation, OperationKind, Outcome, Server},
    span::{in_flight::InFlight, live::LiveSpan},
};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider, SpanData};
use std::time::SystemTime;
use tracing::{Dispatch, Span, Subscriber, dispatcher::with_default, field::Empty};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    reload,
};

/// The spans that `work` exports in a program with this subscriber.
fn exported<S>(subscriber: impl FnOnce(SdkTracer) -> S, work: impl FnOnce()) -> Vec<SpanData>
where
    S: Subscriber + Send + Sync + 'static,
{
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    with_default(&Dispatch::new(subscriber(provider.tracer("theirs"))), work);
    exporter.get_finished_spans().unwrap()
}

fn plain(tracer: SdkTracer) -> impl Subscriber + Send + Sync {
    Registry::default().with(tracing_opentelemetry::layer().with_tracer(tracer))
}

fn theirs() -> Span {
    tracing::info_span!(target: "rig::completions", "chat", gen_ai.operation.name = "chat", gen_ai.response.id = Empty)
}

fn operation(kind: OperationKind) -> Operation {
    Operation::new(kind, Call::Inference { request: Box::default(), response: Default::default() })
}

fn call() -> InFlight {
    call_with(Recording::default())
}

fn call_with(recording: Recording) -> InFlight {
    let mut operation = operation(OperationKind::Chat);
    operation.server = Some(Server { address: "api.example".to_owned(), port: 443 });
    InFlight::start_or_adopt(operation, recording)
}

fn names(spans: &[SpanData]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_ref()).collect()
}

fn address(span: &SpanData) -> Option<String> {
    let mut attributes = span.attributes.iter();
    let found = attributes.find(|attribute| attribute.key.as_str() == "server.address");
    found.map(|attribute| attribute.value.to_string())
}

#[test]
fn a_call_in_a_span_of_its_own_is_told_there() {
    let spans = exported(plain, || theirs().in_scope(|| call().settle(Outcome::Done)));
    assert_eq!(names(&spans), ["chat"]);
    assert_eq!(address(&spans[0]).as_deref(), Some("api.example"));
}

#[test]
fn it_is_told_in_posthogs_words_once_and_when_asked_for() {
    for posthog in [false, true] {
        let recording = Recording { posthog, ..Recording::default() };
        let failure = Outcome::Failed(Box::new(ErrorInfo::new(ErrorKind::Connection, "broken")));
        let spans = exported(plain, || {
            theirs().in_scope(|| {
                call_with(recording.clone()).settle(failure);
                call_with(recording).settle(Outcome::Done);
            });
        });
        assert_eq!(names(&spans), ["chat"]);
        let has = |name: &str| spans[0].attributes.iter().filter(|one| one.key.as_str() == name).count();
        assert_eq!((has("$lib"), has("$ai_base_url")), if posthog { (1, 1) } else { (0, 0) });
        // Its maker tells how it ended.
        assert_eq!((has("$ai_is_error"), has("$ai_http_status")), (0, 0));
    }
}

#[test]
fn another_call_in_the_same_span_has_a_span_of_its_own() {
    let spans = exported(plain, || {
        theirs().in_scope(|| {
            call().settle(Outcome::Done);
            call().settle(Outcome::Done);
        });
    });
    assert_eq!(names(&spans), ["chat", "chat"]);
    assert_eq!(spans.iter().filter_map(address).count(), 2);
    assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
}

#[test]
fn an_attempt_after_one_that_failed_is_told_in_the_same_span_and_nothing_twice() {
    let spans = exported(plain, || {
        theirs().in_scope(|| {
            let busy = ErrorInfo::new(ErrorKind::Server, "busy");
            call().settle(Outcome::Failed(Box::new(busy)));
            call().settle(Outcome::Done);
        });
    });
    assert_eq!(names(&spans), ["chat"]);
    let told = |name| spans[0].attributes.iter().filter(|attribute| attribute.key.as_str() == name).count();
    assert_eq!((told("server.address"), told("server.port")), (1, 1));
}

#[test]
fn an_attempt_that_is_let_go_after_the_next_says_nothing_more() {
    let spans = exported(plain, || {
        theirs().in_scope(|| {
            let mut refused = call();
            refused.note_refusal();
            call().settle(Outcome::Done);
            refused.operation_mut().server = None;
            refused.settle(Outcome::Failed(Box::new(ErrorInfo::new(ErrorKind::Server, "busy"))));
        });
    });
    assert_eq!(names(&spans), ["chat"]);
    assert_eq!(address(&spans[0]).as_deref(), Some("api.example"));
}

#[test]
fn a_stream_of_a_former_rig_is_told_in_its_span() {
    let spans = exported(plain, || {
        let theirs =
            tracing::info_span!(target: "rig::completions", "chat_streaming", gen_ai.operation.name = "chat");
        theirs.in_scope(|| call().settle(Outcome::Done));
    });
    assert_eq!(names(&spans), ["chat_streaming"]);
}

#[test]
fn a_span_of_the_program_that_is_called_as_a_call_is_left_alone() {
    let spans = exported(plain, || {
        tracing::info_span!("chat").in_scope(|| call().settle(Outcome::Done));
    });
    assert_eq!(names(&spans), ["chat", "chat"]);
    assert_eq!(spans.iter().filter_map(address).count(), 1);
}

#[test]
fn an_embedding_in_the_span_of_a_chat_is_not_told_there() {
    with_default(&Dispatch::new(Registry::default()), || {
        theirs().in_scope(|| assert!(LiveSpan::adopt(&operation(OperationKind::Embeddings)).is_none()));
    });
}

#[test]
fn a_layer_that_activates_no_context_does_not_hide_the_span() {
    let inactive = |tracer| {
        let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_context_activation(false);
        Registry::default().with(layer)
    };
    let spans = exported(inactive, || theirs().in_scope(|| call().settle(Outcome::Done)));
    assert_eq!(names(&spans), ["chat"]);
    assert_eq!(address(&spans[0]).as_deref(), Some("api.example"));
}

#[test]
fn a_layer_that_can_be_reloaded_does_not_hide_the_span() {
    let reloadable = |tracer| {
        let (layer, _) = reload::Layer::new(tracing_opentelemetry::layer().with_tracer(tracer));
        Registry::default().with(layer)
    };
    let spans = exported(reloadable, || theirs().in_scope(|| call().settle(Outcome::Done)));
    assert_eq!(names(&spans), ["chat"]);
    assert_eq!(address(&spans[0]).as_deref(), Some("api.example"));
}

#[test]
fn where_a_filter_keeps_it_from_the_layer_the_call_has_a_span_of_ours_and_no_other_is_written_to() {
    let filtered = |tracer| {
        let filter = Targets::new().with_default(LevelFilter::INFO).with_target("rig", LevelFilter::OFF);
        let theirs = tracing_opentelemetry::layer().with_tracer(tracer).with_filter(filter);
        // Another layer takes rig's span.
        let log = fmt::layer().with_writer(std::io::sink);
        Registry::default().with(log).with(theirs)
    };
    let spans = exported(filtered, || {
        let app = tracing::info_span!("app");
        app.in_scope(|| {
            let theirs = theirs();
            assert!(!theirs.is_disabled());
            theirs.in_scope(|| call().settle(Outcome::Done));
        });
    });
    assert_eq!(names(&spans), ["chat", "app"]);
    assert_eq!(address(&spans[0]).as_deref(), Some("api.example"));
    assert_eq!(address(&spans[1]), None);
}

#[test]
fn without_an_opentelemetry_layer_no_second_span_is_made() {
    with_default(&Dispatch::new(Registry::default()), || {
        theirs().in_scope(|| assert!(LiveSpan::adopt(&operation(OperationKind::Chat)).is_some()));
    });
}

#[test]
fn a_call_that_outlasts_the_last_exit_of_the_span_is_its_end() {
    let mut dropped = SystemTime::UNIX_EPOCH;
    let spans = exported(plain, || {
        let theirs = theirs();
        let call = theirs.in_scope(call);
        dropped = SystemTime::now();
        drop(call);
    });
    assert!(spans[0].end_time >= dropped);
}

#[test]
fn a_call_keeps_the_span_open_that_its_maker_lets_go() {
    let spans = exported(plain, || {
        let call = theirs().in_scope(call);
        drop(call);
    });
    assert_eq!(names(&spans), ["chat"]);
    assert_eq!(address(&spans[0]).as_deref(), Some("api.example"));
}
