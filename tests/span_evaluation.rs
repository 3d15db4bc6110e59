//! An evaluation is the conventions' event, below the span that it judges, whenever and wherever it is made.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use opentelemetry::trace::{SpanContext, SpanId, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracer, SdkTracerProvider, SpanData};
use std::io;
use tracing::Subscriber;
use tracing_genai::{
    ContentCapture,
    record::{Call, ErrorKind},
    span::{Agent, Evaluation, Feedback, Generation, SpanRef, Tool},
    testing::{FinishedSpan, capture, capture_async},
};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Registry, layer::SubscriberExt, registry::LookupSpan, reload};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn elsewhere() -> SpanRef {
    SpanRef::from_hex(TRACE, SPAN).unwrap()
}

#[track_caller]
fn assert_below_elsewhere(span: &FinishedSpan) {
    assert_eq!(span.trace_id, TRACE);
    assert_eq!(span.parent_span_id.as_deref(), Some(SPAN));
}

#[test]
fn an_evaluation_is_one_event_on_a_span_below_the_judged_one() {
    let spans = capture(|| {
        let evaluation = Evaluation::new("relevance").score(0.9).label("relevant");
        let evaluation = evaluation.explanation("Names the city.").content(ContentCapture::on());
        evaluation.response_id("chatcmpl-1").record(elsewhere());
    });
    assert_eq!(spans.len(), 1);
    let span = &spans[0];
    assert_below_elsewhere(span);
    assert_eq!(span.name, "gen_ai.evaluation.result");
    assert_eq!(span.status, Status::Unset);
    assert_eq!(span.events.len(), 1);
    let event = &span.events[0];
    assert_eq!(event.name, "gen_ai.evaluation.result");
    let attributes: Vec<_> = event.attributes.keys().map(String::as_str).collect();
    assert_eq!(
        attributes,
        [
            "gen_ai.evaluation.explanation",
            "gen_ai.evaluation.name",
            "gen_ai.evaluation.score.label",
            "gen_ai.evaluation.score.value",
            "gen_ai.response.id"
        ]
    );
    assert_eq!(event.attributes["gen_ai.evaluation.name"], "relevance");
    assert_eq!(event.attributes["gen_ai.evaluation.score.value"], 0.9);
    assert_eq!(event.attributes["gen_ai.evaluation.score.label"], "relevant");
    assert_eq!(event.attributes["gen_ai.response.id"], "chatcmpl-1");
}

#[test]
fn its_span_has_no_name_of_an_operation_since_the_conventions_have_none() {
    let spans = capture(|| Evaluation::new("relevance").record(elsewhere()));
    assert!(!spans[0].attributes.keys().any(|key| key.starts_with("gen_ai.")), "{:?}", spans[0].attributes);
}

#[test]
fn the_evaluation_itself_travels_with_its_span_to_the_destinations() {
    let spans = capture(|| Feedback::thumbs_up().comment("Splendid.").record(elsewhere()));
    let Call::Evaluation(evaluation) = &spans[0].operation.as_ref().unwrap().call else {
        panic!("{:?}", spans[0].operation);
    };
    assert_eq!(evaluation.name, "user_feedback");
    assert_eq!((evaluation.score, evaluation.label.as_deref()), (Some(1.0), Some("thumbs_up")));
    assert_eq!(evaluation.explanation.as_deref(), Some("Splendid."));
    assert!(evaluation.is_feedback);
}

#[test]
fn the_current_span_is_left_alone() {
    let spans = capture(|| {
        tracing::info_span!("app").in_scope(|| Evaluation::new("relevance").record(elsewhere()));
    });
    assert_below_elsewhere(&spans[0]);
    assert_eq!(spans[1].name, "app");
    assert!(spans[1].events.is_empty());
    assert_ne!(spans[1].trace_id, TRACE);
}

#[tokio::test]
async fn a_span_is_judged_after_it_has_ended() {
    let (_, spans) = capture_async(async {
        let work = async { Ok::<_, io::Error>(SpanRef::current()) };
        let judged = Agent::invoke("guide").run(work).await.unwrap();
        Evaluation::new("relevance").score(1.0).record(judged);
    })
    .await;
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["invoke_agent guide", "gen_ai.evaluation.result"]);
    assert_eq!(spans[1].parent_span_id.as_ref(), Some(&spans[0].span_id));
    assert_eq!(spans[1].trace_id, spans[0].trace_id);
}

#[test]
fn an_open_span_tells_where_it_is() {
    let mut told = None;
    let spans = capture(|| {
        let span = Generation::new("vllm", "q").start();
        told = span.span_ref();
        span.finish();
    });
    let told = told.unwrap();
    assert_eq!((told.trace_id(), told.span_id()), (spans[0].trace_id.clone(), spans[0].span_id.clone()));
}

#[test]
fn without_a_span_it_is_found_by_the_response_and_below_the_current_span() {
    let spans = capture(|| {
        tracing::info_span!("app")
            .in_scope(|| Evaluation::new("relevance").response_id("chatcmpl-1").record(None));
    });
    assert_eq!(spans[0].events[0].attributes["gen_ai.response.id"], "chatcmpl-1");
    assert_eq!(spans[0].parent_span_id.as_ref(), Some(&spans[1].span_id));
}

#[test]
fn without_a_span_anywhere_it_is_sent_in_a_trace_of_its_own() {
    let spans = capture(|| {
        Evaluation::new("relevance").response_id("chatcmpl-1").record(None);
        Feedback::thumbs_up().record(None);
    });
    assert_eq!(spans.len(), 2);
    assert!(spans.iter().all(|span| span.parent_span_id.is_none() && span.events.len() == 1), "{spans:#?}");
    assert_ne!(spans[0].trace_id, spans[1].trace_id);
}

#[test]
fn an_evaluation_that_failed_has_an_error_type_and_no_verdict() {
    let spans = capture(|| Evaluation::new("relevance").failed("judge_timeout").record(elsewhere()));
    let event = &spans[0].events[0];
    assert_eq!(event.attributes["error.type"], "judge_timeout");
    assert!(!event.attributes.contains_key("gen_ai.evaluation.score.value"));
    assert_eq!(spans[0].attributes["error.type"], "judge_timeout");
    assert!(matches!(spans[0].status, Status::Error { .. }));
}

#[test]
fn what_a_user_wrote_is_content() {
    let comment = |content| {
        let feedback = Feedback::thumbs_down().comment("It told my secret.").content(content);
        let spans = capture(|| feedback.record(elsewhere()));
        assert_eq!(spans[0].events[0].attributes["gen_ai.evaluation.score.label"], "thumbs_down");
        assert_eq!(spans[0].events[0].attributes["gen_ai.evaluation.score.value"], 0.0);
        spans[0].events[0].attributes.get("gen_ai.evaluation.explanation").cloned()
    };
    assert!(comment(ContentCapture::off()).is_none());
    assert_eq!(comment(ContentCapture::on()).unwrap(), "It told my secret.");
}

#[test]
fn a_judges_reasons_are_content_since_they_may_quote_the_answer() {
    let reasons = |content| {
        let evaluation = Evaluation::new("relevance").explanation("It says: Hej.").content(content);
        let spans = capture(|| evaluation.record(elsewhere()));
        spans[0].events[0].attributes.get("gen_ai.evaluation.explanation").cloned()
    };
    assert!(reasons(ContentCapture::off()).is_none());
    assert_eq!(reasons(ContentCapture::on()).unwrap(), "It says: Hej.");
}

#[test]
fn feedback_takes_a_name_a_score_and_a_label_of_the_programs_own() {
    let spans = capture(|| Feedback::new().name("stars").score(4.0).label("good").record(elsewhere()));
    let event = &spans[0].events[0];
    assert_eq!(event.attributes["gen_ai.evaluation.name"], "stars");
    assert_eq!(event.attributes["gen_ai.evaluation.score.value"], 4.0);
}

#[test]
fn a_score_that_is_not_finite_is_left_out() {
    for score in [f64::NAN, f64::INFINITY] {
        let spans = capture(|| Evaluation::new("relevance").score(score).record(elsewhere()));
        assert!(!spans[0].events[0].attributes.contains_key("gen_ai.evaluation.score.value"));
    }
}

#[test]
fn ids_are_read_in_either_letter_case() {
    let upper = SpanRef::from_hex(&TRACE.to_uppercase(), &SPAN.to_uppercase()).unwrap();
    assert_eq!(upper, elsewhere());
    assert_eq!((upper.trace_id().as_str(), upper.span_id().as_str()), (TRACE, SPAN));
}

#[test]
fn ids_that_are_none_are_refused_with_the_reason() {
    for (trace, span, reason) in [
        ("", SPAN, "trace id \"\" is not 32 hex digits"),
        (&TRACE[1..], SPAN, "is not 32 hex digits"),
        ("+bf92f3577b34da6a3ce929d0e0e4736", SPAN, "is not 32 hex digits"),
        ("4bf92f35-77b3-4da6-a3ce-929d0e0e47", SPAN, "is not 32 hex digits"),
        (TRACE, "00f067aa0ba902bx", "span id \"00f067aa0ba902bx\" is not 16 hex digits"),
        (TRACE, TRACE, "is not 16 hex digits"),
        (TRACE, "0000000000000000", "span id is all zeros"),
        ("00000000000000000000000000000000", SPAN, "trace id is all zeros"),
    ] {
        let error = SpanRef::from_hex(trace, span).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn nowhere_there_is_no_current_span() {
    assert_eq!(SpanRef::current(), None);
    Evaluation::new("relevance").record(elsewhere());
}

struct Pipeline {
    provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
}

impl Pipeline {
    fn new() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_simple_exporter(exporter.clone())
            .build();
        Self { provider, exporter }
    }

    fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> OpenTelemetryLayer<S, SdkTracer> {
        tracing_opentelemetry::layer().with_tracer(self.provider.tracer("test"))
    }

    /// The evaluation's span, and the one that was current when it was made.
    fn run(&self, subscriber: impl Subscriber + Send + Sync + 'static) -> (Option<SpanData>, SpanData) {
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("app")
                .in_scope(|| Evaluation::new("relevance").score(1.0).record(elsewhere()));
        });
        let spans = self.exporter.get_finished_spans().unwrap();
        let find = |name| spans.iter().find(|span| span.name == name).cloned();
        (find("gen_ai.evaluation.result"), find("app").unwrap())
    }
}

#[track_caller]
fn assert_whole((evaluation, app): (Option<SpanData>, SpanData)) {
    let evaluation = evaluation.unwrap();
    assert_eq!(evaluation.parent_span_id.to_string(), SPAN);
    assert_eq!(evaluation.span_context.trace_id().to_string(), TRACE);
    assert_eq!(
        evaluation.events.iter().map(|event| event.name.as_ref()).collect::<Vec<_>>(),
        ["gen_ai.evaluation.result"]
    );
    assert_untouched(&app);
}

#[track_caller]
fn assert_untouched(app: &SpanData) {
    assert_eq!(app.parent_span_id, SpanId::INVALID);
    assert!(app.events.iter().next().is_none());
    assert_ne!(app.span_context.trace_id().to_string(), TRACE);
}

#[test]
fn in_a_plain_registry_it_is_whole() {
    let pipeline = Pipeline::new();
    assert_whole(pipeline.run(Registry::default().with(pipeline.layer())));
}

#[test]
fn behind_a_reload_layer_it_is_whole() {
    let pipeline = Pipeline::new();
    let (layer, _handle) = reload::Layer::new(pipeline.layer());
    assert_whole(pipeline.run(Registry::default().with(layer)));
}

#[test]
fn with_context_activation_off_it_is_whole() {
    let pipeline = Pipeline::new();
    assert_whole(pipeline.run(Registry::default().with(pipeline.layer().with_context_activation(false))));
}

#[test]
fn without_an_opentelemetry_layer_nothing_is_sent_and_the_next_span_is_no_child() {
    let pipeline = Pipeline::new();
    let plain = Registry::default().with(tracing_subscriber::fmt::layer().with_writer(io::sink));
    tracing::subscriber::with_default(plain, || Evaluation::new("relevance").record(elsewhere()));
    let subscriber = Registry::default().with(pipeline.layer());
    tracing::subscriber::with_default(subscriber, || tracing::info_span!("app").in_scope(|| ()));
    let spans = pipeline.exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 1);
    assert_untouched(&spans[0]);
}

#[tokio::test]
async fn of_a_span_that_was_not_sampled_nothing_is_sent() {
    let exporter = InMemorySpanExporter::default();
    // Decides by the parent, and of a root by its trace: none.
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)))
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing::Dispatch::new(Registry::default().with(layer));
    let _default = tracing::dispatcher::set_default(&subscriber);
    let work = async { Ok::<_, io::Error>(SpanRef::current().map_or("none", |_| "one")) };
    let seen = std::cell::Cell::new(None);
    let work = async {
        seen.set(SpanRef::current());
        work.await
    };
    assert_eq!(Tool::new("saw").run(work).await.unwrap(), "one");
    Evaluation::new("relevance").record(seen.get());
    assert!(exporter.get_finished_spans().unwrap().is_empty());
    // One of which only the ids are known counts as sampled.
    Evaluation::new("relevance").record(elsewhere());
    let sent: Vec<SpanContext> =
        exporter.get_finished_spans().unwrap().into_iter().map(|span| span.span_context).collect();
    assert_eq!(sent.len(), 1);
}
