//! What goes to PostHog by its capture API.

#![cfg(all(feature = "client", feature = "export"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_disk;

use export_disk::Dir;
use opentelemetry::{
    KeyValue,
    trace::{Status, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tracing::{Dispatch, instrument::WithSubscriber};
use tracing_genai::{
    Client, ContentCapture, Destination, Telemetry,
    client::Provider,
    context::scope,
    export::{PostHogTransport, Problem, ProblemKind},
    span::{Agent, Evaluation, Feedback, SpanRef, Tool},
    testing::{Answer, FakePostHog, FakeProvider, PostHogEvent, ServiceAnswer},
};
use tracing_subscriber::layer::SubscriberExt;

const PATIENCE: Duration = Duration::from_secs(20);
const BATCH: &str = "/i/v0/ai/batch/";

fn destination(posthog: &FakePostHog) -> Destination {
    Destination::posthog(posthog.project_key()).host(posthog.url()).content(ContentCapture::on())
}

fn captured(posthog: &FakePostHog) -> Destination {
    destination(posthog).posthog_transport(PostHogTransport::Capture)
}

fn client(provider: &FakeProvider) -> Client {
    let builder = Client::builder().base_url(provider.base_url()).api_key("sk-test");
    builder.provider(Provider::OpenAi).max_retries(0).build().unwrap()
}

fn subscriber(telemetry: &Telemetry) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(telemetry.layer()))
}

/// Records `work`, and gives what PostHog stored of it.
fn events_of(posthog: &FakePostHog, to: Destination, work: impl FnOnce()) -> Vec<PostHogEvent> {
    let telemetry = Telemetry::builder().service_name("shop").destination(to).build().unwrap();
    tracing::dispatcher::with_default(&subscriber(&telemetry), work);
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    assert_eq!((report.rejected, report.dropped), (0, 0), "{report:?}");
    assert!(posthog.refusals().is_empty(), "{:?}", posthog.refusals());
    posthog.events()
}

fn judged() -> SpanRef {
    SpanRef::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7").unwrap()
}

fn memmem(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn sorted_names(events: &[PostHogEvent]) -> Vec<&str> {
    let mut names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn an_evaluation_is_one_in_the_trace_of_what_was_judged() {
    let posthog = FakePostHog::start().unwrap();
    let events = events_of(&posthog, destination(&posthog), || {
        let evaluation = Evaluation::new("relevance").score(0.9).passed(true).explanation("Names the city.");
        evaluation.content(ContentCapture::on()).record(judged());
    });

    assert_eq!(sorted_names(&events), ["$ai_evaluation", "$ai_metric"]);
    let evaluation = events.iter().find(|event| event.name == "$ai_evaluation").unwrap();
    let property = |name: &str| &evaluation.properties[name];
    assert_eq!(property("$ai_trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(property("$ai_parent_id"), "00f067aa0ba902b7");
    assert_eq!(property("$ai_target_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(property("$ai_evaluation_name"), "relevance");
    assert_eq!(property("$ai_evaluation_result"), true);
    assert_eq!(property("$ai_evaluation_reasoning"), "Names the city.");
    assert_eq!(property("service.name"), "shop");
    assert_eq!(
        events.iter().find(|event| event.name == "$ai_metric").unwrap().properties["$ai_metric_value"],
        "0.9"
    );
}

#[test]
fn feedback_is_the_users_own() {
    let posthog = FakePostHog::start().unwrap();
    let events = events_of(&posthog, destination(&posthog), || {
        let feedback = Feedback::thumbs_down().comment("Wrong office.");
        scope().user("jane").session("s/1").in_scope(|| feedback.record(judged()));
    });

    assert_eq!(sorted_names(&events), ["$ai_feedback", "$ai_metric"]);
    for event in &events {
        assert_eq!(event.distinct_id, "jane");
        assert_eq!(event.properties["$ai_session_id"], "s~2F1");
        assert_eq!(event.properties["$ai_trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    }
    let metric = events.iter().find(|event| event.name == "$ai_metric").unwrap();
    assert_eq!(metric.properties["$ai_metric_name"], "user_feedback");
    assert_eq!(metric.properties["$ai_metric_value"], "thumbs_down");
    let feedback = events.iter().find(|event| event.name == "$ai_feedback").unwrap();
    assert_eq!(feedback.properties["$ai_feedback_text"], "Wrong office.");
}

#[test]
fn what_was_said_of_an_answer_does_not_leave_without_being_asked_for() {
    for transport in [PostHogTransport::Otlp, PostHogTransport::Capture] {
        let posthog = FakePostHog::start().unwrap();
        let to = destination(&posthog).content(ContentCapture::off()).posthog_transport(transport);
        let events = events_of(&posthog, to, || {
            let on = ContentCapture::on;
            Evaluation::new("relevance").score(1.0).explanation("a secret").content(on()).record(judged());
            Feedback::new().comment("a secret").content(on()).record(judged());
        });

        assert_eq!(sorted_names(&events), ["$ai_evaluation", "$ai_feedback", "$ai_metric"]);
        assert!(!posthog.saw("secret"));
    }
}

/// An agent's run with a bit of everything.
async fn agent_run(provider: &FakeProvider) {
    provider.enqueue(Answer::text("18 degrees"));
    let client = client(provider);
    let inside = Box::pin(async {
        let chat = client.chat("gpt-4o-mini").system("Be brief.").user("How warm is it?").temperature(0.5);
        let _ = chat.max_output_tokens(50).send().await;
        let tool = Tool::new("get_weather").arguments(r#"{"city":"Lund"}"#);
        let _ = tool.run(async { Ok::<_, io::Error>(r#"{"degrees":18}"#) }).await;
        let broken = Tool::new("get_tide").arguments("{}");
        let _ = broken.run(async { Err::<&str, _>(io::Error::other("no sea here")) }).await;
        let _ = client.embed("text-embedding-3-small").inputs(["a", "b"]).send().await;
        provider.enqueue(Answer::error(429, "rate_limit_error", "rate_limit_exceeded", "slow down"));
        let _ = client.chat("gpt-4o-mini").user("And now?").send().await;
        Ok::<_, io::Error>(())
    });
    let _ = scope()
        .user("jane")
        .session("s/1")
        .run(Agent::invoke("forecaster").user("How warm?").run(inside))
        .await;
}

#[tokio::test]
async fn events_are_the_same_by_either_way() {
    let (by_otlp, by_capture) = (FakePostHog::start().unwrap(), FakePostHog::start().unwrap());
    let provider = FakeProvider::start().unwrap();
    let telemetry = Telemetry::builder().service_name("shop");
    let telemetry =
        telemetry.destination(destination(&by_otlp)).destination(captured(&by_capture)).build().unwrap();
    agent_run(&provider).with_subscriber(subscriber(&telemetry)).await;
    // A span of another library, which fails with an exception.
    let theirs = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    let tracer = theirs.tracer("theirs");
    let attributes = [
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.request.model", "gpt-5"),
        KeyValue::new("gen_ai.input.messages", r#"[{"role":"user","content":"Hi"}]"#),
        KeyValue::new("$groups", r#"{"company":"x"}"#),
    ];
    let mut span = tracer.span_builder("chat gpt-5").with_attributes(attributes).start(&tracer);
    opentelemetry::trace::Span::record_error(&mut span, &io::Error::other("reset"));
    opentelemetry::trace::Span::set_status(&mut span, Status::error("failed"));
    drop(span);
    telemetry.flush(PATIENCE).await.unwrap();

    assert!(
        by_capture.requests().iter().all(|request| request.route() == BATCH),
        "{:?}",
        by_capture.requests()
    );
    assert!(by_otlp.refusals().is_empty() && by_capture.refusals().is_empty());
    let (theirs, ours) = (by_otlp.events(), by_capture.events());
    assert_eq!((theirs.len(), ours.len()), (7, 7));
    for event in &theirs {
        let id = &event.properties["$ai_span_id"];
        let other = ours.iter().find(|other| other.properties["$ai_span_id"] == *id).unwrap();
        assert_eq!((&other.name, &other.timestamp), (&event.name, &event.timestamp));
        let mut expected = event.properties.clone();
        // PostHog says of its own which way an event came.
        expected.remove("$ai_ingestion_source");
        if event.name == "$ai_span" {
            // Of a tool that failed it makes an HTTP status up.
            expected.remove("$ai_http_status");
        }
        assert_eq!(Value::Object(other.properties.clone()), Value::Object(expected), "{}", event.name);
        if event.distinct_id == "jane" {
            assert_eq!(other.distinct_id, "jane");
        }
    }
}

/// What PostHog stored of so many spans with this message, and this error.
fn events_of_spans(spans: usize, message: &str, error: &str) -> Vec<PostHogEvent> {
    let posthog = FakePostHog::start().unwrap();
    let telemetry = Telemetry::builder().destination(captured(&posthog)).build().unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    let tracer = provider.tracer("theirs");
    let messages = json!([{ "role": "user", "parts": [{ "type": "text", "content": message }] }]);
    for _ in 0..spans {
        let attributes = [
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.input.messages", messages.to_string()),
            KeyValue::new("$ai_error", error.to_owned()),
        ];
        drop(tracer.span_builder("chat").with_attributes(attributes).start(&tracer));
    }
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    assert_eq!((report.rejected, report.dropped), (0, 0), "{report:?}");
    posthog.events()
}

#[test]
fn many_spans_and_large_ones_arrive_all() {
    for (spans, bytes) in [(150, 10), (20, 300_000), (1, 6 << 20)] {
        let events = events_of_spans(spans, &"x".repeat(bytes), "");
        assert_eq!(events.len(), spans);
        assert!(events.iter().all(|event| event.properties["$ai_input"].is_array()));
    }
}

#[test]
fn an_event_that_grows_when_it_is_escaped_is_cut_until_posthog_takes_it() {
    let events = events_of_spans(1, "How warm is it?", &"\u{1}".repeat(3 << 20));
    let error = events[0].properties["$ai_error"].as_str().unwrap();
    assert!(error.ends_with('…') && error.len() > 100_000, "{}", error.len());
}

#[test]
fn an_event_whose_answer_was_lost_is_stored_once() {
    for transport in [PostHogTransport::Otlp, PostHogTransport::Capture] {
        let posthog = FakePostHog::start().unwrap();
        posthog.answer_next(1, &ServiceAnswer::hang_up().taken());
        let telemetry = Telemetry::builder().destination(destination(&posthog).posthog_transport(transport));
        let telemetry = telemetry.build().unwrap();
        let work = || Evaluation::new("relevance").passed(false).record(judged());
        tracing::dispatcher::with_default(&subscriber(&telemetry), work);
        let report = telemetry.flush_blocking(PATIENCE).unwrap();

        assert_eq!((report.delivered, posthog.requests().len(), posthog.events().len()), (1, 2, 1));
        assert_eq!(posthog.events()[0].properties["$ai_evaluation_result"], false);
    }
}

#[test]
fn events_wait_on_disk_without_the_key() {
    let dir = Dir::new();
    let posthog = FakePostHog::start().unwrap();
    let start = || {
        let telemetry = Telemetry::builder().destination(captured(&posthog)).spool(dir.spool());
        telemetry.on_problem(|_| {}).build().unwrap()
    };
    posthog.answer_next(1, &ServiceAnswer::status(503).header("retry-after", "60"));
    let first = start();
    tracing::dispatcher::with_default(&subscriber(&first), || {
        Evaluation::new("a").passed(true).record(judged());
    });
    assert_eq!(first.shutdown_blocking(Duration::from_millis(300)).spooled, 1);
    let kept = std::fs::read(&dir.requests()[0]).unwrap();
    assert!(memmem(&kept, b"$ai_evaluation") && !memmem(&kept, posthog.project_key().as_bytes()));

    let next = start();
    let report = next.shutdown_blocking(PATIENCE);
    assert_eq!((report.recovered, report.delivered), (1, 1), "{report:?}");
    assert_eq!(sorted_names(&posthog.events()), ["$ai_evaluation"]);
}

#[test]
fn a_wrong_key_is_named_and_not_shown() {
    for (status, setting) in [(401, "POSTHOG_API_KEY"), (404, "POSTHOG_HOST")] {
        for transport in [PostHogTransport::Otlp, PostHogTransport::Capture] {
            let posthog = FakePostHog::start().unwrap();
            posthog.answer_next(9, &ServiceAnswer::body(status, "text/plain", "no phc_test_key"));
            let problems: Arc<Mutex<Vec<Problem>>> = Arc::default();
            let told = Arc::clone(&problems);
            let to = Destination::posthog("phc_test_key").host(posthog.url()).posthog_transport(transport);
            let telemetry = Telemetry::builder().destination(to);
            let telemetry = telemetry.on_problem(move |problem| told.lock().unwrap().push(problem.clone()));
            let telemetry = telemetry.build().unwrap();
            let work = || drop(Tool::new("clock").start());
            tracing::dispatcher::with_default(&subscriber(&telemetry), work);
            assert!(telemetry.flush_blocking(Duration::from_secs(2)).is_err());

            let problems = problems.lock().unwrap();
            let problem = problems.iter().find(|problem| problem.kind == ProblemKind::Misconfigured).unwrap();
            assert!(problem.message.contains(setting), "{problem}");
            assert!(!problem.message.contains("phc_test_key"), "{problem}");
        }
    }
}

#[test]
fn a_program_that_judges_nothing_sees_one_destination() {
    let posthog = FakePostHog::start().unwrap();
    let telemetry = Telemetry::builder().destination(destination(&posthog)).build().unwrap();
    let work = || Tool::new("clock").start().finish();
    tracing::dispatcher::with_default(&subscriber(&telemetry), work);
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    assert_eq!(report.destinations.len(), 1);
    assert_eq!(sorted_names(&posthog.events()), ["$ai_trace"]);

    tracing::dispatcher::with_default(&subscriber(&telemetry), || Feedback::thumbs_up().record(judged()));
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    assert_eq!(report.destinations.len(), 2);
    assert!(report.destinations[1].name.ends_with(BATCH), "{report}");
}

#[test]
fn a_transport_of_posthog_is_refused_for_another_destination() {
    let other = Destination::otlp("http://localhost:4318").posthog_transport(PostHogTransport::Capture);
    let error = Telemetry::builder().destination(other).build().unwrap_err().to_string();
    assert!(error.contains("Destination::posthog_transport"), "{error}");
}
