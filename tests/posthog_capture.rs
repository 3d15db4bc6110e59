//! What goes to PostHog by its capture API.

#![cfg(all(feature = "client", feature = "export"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_disk;

use export_disk::Dir;
use opentelemetry::{
    KeyValue, Value as OtelValue,
    trace::{Span as _, Status, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Span},
};
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
    export::{PostHogTransport, Problem, ProblemKind, Report},
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

fn kv(key: &'static str, value: impl Into<OtelValue>) -> KeyValue {
    KeyValue::new(key, value)
}

/// A span of another library.
fn foreign(provider: &SdkTracerProvider, attributes: Vec<KeyValue>, then: impl FnOnce(&mut Span)) {
    let tracer = provider.tracer("theirs");
    let mut span = tracer.span_builder("chat").with_attributes(attributes).start(&tracer);
    then(&mut span);
}

fn provider(telemetry: &Telemetry) -> SdkTracerProvider {
    SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build()
}

fn relevance(more: impl IntoIterator<Item = KeyValue>) -> Vec<KeyValue> {
    let all = [kv("gen_ai.evaluation.name", "relevance"), kv("gen_ai.evaluation.score.value", 1.0)];
    all.into_iter().chain(more).collect()
}

const JUDGED: &str = "gen_ai.evaluation.result";

#[tokio::test]
async fn events_are_the_same_by_either_way() {
    let (by_otlp, by_capture) = (FakePostHog::start().unwrap(), FakePostHog::start().unwrap());
    let provider_of_models = FakeProvider::start().unwrap();
    let telemetry = Telemetry::builder().service_name("shop");
    let telemetry =
        telemetry.destination(destination(&by_otlp)).destination(captured(&by_capture)).build().unwrap();
    agent_run(&provider_of_models).with_subscriber(subscriber(&telemetry)).await;
    // Spans of another library.
    let theirs = provider(&telemetry);
    let model = || kv("gen_ai.request.model", "gpt-5");
    let all = [
        vec![model(), kv("$ai_model", "my-alias")],
        vec![model(), kv("gen_ai.response.model", "gpt-5-2025"), kv("$ai_model", "my-alias")],
        vec![kv("posthog.geoip_disable", false)],
        vec![kv("gen_ai.usage.input_tokens", 9_i64), kv("gen_ai.usage.cache_creation.input_tokens", 7_i64)],
        vec![kv("gen_ai.provider.name", "openai"), kv("gen_ai.system", "azure.ai.openai")],
        vec![kv("gen_ai.usage.prompt_tokens", 7_i64), kv("gen_ai.usage.completion_tokens", 3_i64)],
        vec![kv("gen_ai.usage.prompt_tokens", 8_i64), kv("gen_ai.usage.input_tokens", 7_i64)],
        vec![kv("$ai_parent_id", "x"), kv("$ai_trace_id", "y")],
        vec![kv("$ai_gateway_key", "1")],
        vec![kv("telemetry.sdk.language", "rust"), kv("telemetry.sdk.name", "other")],
        vec![kv("gen_ai.input.messages", "\"Hi\""), kv("gen_ai.output.messages", "7")],
        vec![kv("gen_ai.input.messages", "no JSON"), kv("gen_ai.system_instructions", "Be brief.")],
        vec![kv("gen_ai.system_instructions", "Be brief.")],
        vec![
            kv("gen_ai.input.messages", r#"[{"role":"system","content":"x"}]"#),
            kv("gen_ai.system_instructions", r#"[{"type":"text","content":"Be brief."}]"#),
        ],
        vec![
            kv("gen_ai.input.messages", r#"[{"role":"user","content":"x"}]"#),
            kv(
                "gen_ai.system_instructions",
                r#"[{"type":"text","content":"Be"},{"type":"x","content":"no"}]"#,
            ),
        ],
        vec![kv("$groups", r#"{"company":"x"}"#)],
        vec![kv("$groups", "[1]")],
        vec![kv("$groups", format!(r#"{{"company":"{}"}}"#, "x".repeat(10_000)))],
        vec![kv("user.id", "jane"), kv("posthog.distinct_id", "joe")],
        vec![kv("$process_person_profile", true)],
    ];
    for attributes in all {
        for fails in [None, Some(""), Some("failed")] {
            let attributes =
                attributes.iter().cloned().chain([kv("gen_ai.operation.name", "chat")]).collect::<Vec<_>>();
            foreign(&theirs, attributes.clone(), |span| {
                if let Some(words) = fails {
                    span.set_status(Status::error(words));
                }
            });
        }
    }
    for exception in [vec![kv("exception.type", "")], vec![kv("exception.message", "reset")]] {
        foreign(&theirs, vec![kv("gen_ai.operation.name", "chat"), kv("$ai_is_error", false)], |span| {
            span.record_error(&io::Error::other("broken"));
            span.add_event("exception", exception.clone());
            span.set_status(Status::error("failed"));
        });
    }
    telemetry.flush(PATIENCE).await.unwrap();

    assert!(
        by_capture.requests().iter().all(|request| request.route() == BATCH),
        "{:?}",
        by_capture.requests()
    );
    assert!(by_otlp.refusals().is_empty() && by_capture.refusals().is_empty());
    let (theirs, ours) = (by_otlp.events(), by_capture.events());
    assert_eq!((theirs.len(), ours.len()), (6 + 20 * 3 + 2, 6 + 20 * 3 + 2));
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
        assert_eq!(other.distinct_id, event.distinct_id);
    }
}

/// What PostHog stored of so many spans with this message, and this error.
fn events_of_spans(spans: usize, message: &str, error: &str) -> Vec<PostHogEvent> {
    let posthog = FakePostHog::start().unwrap();
    let telemetry = Telemetry::builder().destination(captured(&posthog)).build().unwrap();
    let provider = provider(&telemetry);
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

        assert_eq!((report.delivered, posthog.requests().len(), posthog.events().len()), (1, 2, 2));
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
    assert_eq!(sorted_names(&posthog.events()), ["$ai_evaluation", "$ai_metric"]);
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

/// What becomes of spans of another library.
fn report_of(
    to: Destination,
    spans: impl IntoIterator<Item = Vec<KeyValue>>,
    then: impl Fn(&mut Span),
) -> Report {
    let telemetry = Telemetry::builder().destination(to).on_problem(|_| {}).build().unwrap();
    let provider = provider(&telemetry);
    for mut attributes in spans {
        attributes.push(kv("gen_ai.operation.name", "chat"));
        foreign(&provider, attributes, &then);
    }
    telemetry.flush_blocking(PATIENCE).unwrap()
}

#[test]
fn a_text_that_is_nested_deeply_costs_no_event() {
    let deep = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    for levels in [100, 126, 1_000] {
        for key in ["gen_ai.input.messages", "gen_ai.tool.definitions", "$groups"] {
            let posthog = FakePostHog::start().unwrap();
            let spans = (0..20).map(|n| vec![kv(key, if n == 7 { deep(levels) } else { "{}".to_owned() })]);
            let report = report_of(captured(&posthog), spans, |_| {});
            assert_eq!((report.delivered, posthog.events().len()), (20, 20), "{key} {levels}: {report}");
        }
    }
}

#[test]
fn an_event_that_posthog_refuses_costs_itself_alone() {
    let posthog = FakePostHog::start().unwrap();
    // All four, the first two, the first.
    posthog.answer_next(3, &ServiceAnswer::status(400));
    let report = report_of(captured(&posthog), vec![Vec::new(); 4], |_| {});
    assert_eq!((report.delivered, report.rejected, posthog.events().len()), (3, 1, 3), "{report}");
    assert_eq!(report.destinations[0].reasons.get("http_400"), Some(&1));
}

#[test]
fn what_is_refused_of_the_whole_project_is_not_divided() {
    let posthog = FakePostHog::start().unwrap();
    posthog.answer_next(9, &FakePostHog::quota_exceeded());
    let report = report_of(captured(&posthog), vec![Vec::new(); 4], |_| {});
    assert_eq!((report.rejected, posthog.requests().len()), (4, 1), "{report}");
}

#[test]
fn a_long_explanation_is_cut_and_costs_neither_the_span_nor_another_judgement() {
    for (transport, spans) in [(PostHogTransport::Otlp, 2), (PostHogTransport::Capture, 1)] {
        for long in ["x".repeat(9 << 20), "\u{1}".repeat(3 << 20)] {
            let posthog = FakePostHog::start().unwrap();
            let to = destination(&posthog).posthog_transport(transport);
            let report = report_of(to, [Vec::new()], |span| {
                span.add_event(JUDGED, relevance([]));
                span.add_event(JUDGED, relevance([kv("gen_ai.evaluation.explanation", long.clone())]));
            });
            assert_eq!((report.delivered, report.rejected), (spans, 0), "{report}");
            let events = posthog.events();
            let all = ["$ai_evaluation", "$ai_evaluation", "$ai_generation", "$ai_metric", "$ai_metric"];
            assert_eq!(sorted_names(&events), all);
            let why = events.iter().find_map(|event| event.properties.get("$ai_evaluation_reasoning"));
            let why = why.unwrap().as_str().unwrap();
            assert!(why.ends_with('…') && why.len() > 400_000, "{}", why.len());
        }
    }
}

#[test]
fn many_judgements_of_one_span_arrive_all_whatever_it_says() {
    for transport in [PostHogTransport::Otlp, PostHogTransport::Capture] {
        let posthog = FakePostHog::start().unwrap();
        let to = destination(&posthog).posthog_transport(transport);
        let document = vec![kv("my.document", "x".repeat(100_000))];
        let report = report_of(to, [document], |span| {
            (0..120).for_each(|case| span.add_event(JUDGED, relevance([kv("case", case)])));
        });
        assert_eq!(report.rejected, 0, "{report}");
        assert_eq!(posthog.events().len(), 1 + 2 * 120);
    }
}

#[test]
fn a_line_that_is_too_large_is_divided_between_its_events() {
    let posthog = FakePostHog::start().unwrap();
    posthog.answer_next(1, &ServiceAnswer::status(413));
    let report = report_of(captured(&posthog), [Vec::new()], |span| {
        (0..3).for_each(|_| span.add_event(JUDGED, relevance([])));
    });
    assert_eq!((report.delivered, posthog.events().len(), posthog.requests().len()), (1, 7, 3), "{report}");
}

#[test]
fn a_long_text_that_is_no_content_is_cut_too() {
    for transport in [PostHogTransport::Otlp, PostHogTransport::Capture] {
        let posthog = FakePostHog::start().unwrap();
        let to = destination(&posthog).posthog_transport(transport);
        let report = report_of(to, [vec![kv("my.document", "x".repeat(9 << 20))]], |_| {});
        assert_eq!((report.delivered, report.rejected), (1, 0), "{report}");
        let event = &posthog.events()[0];
        assert!(event.properties["my.document"].as_str().unwrap().ends_with('…'));
        assert_eq!(event.properties["tracing_genai.truncated"], true);
    }
}

#[test]
fn what_was_kept_is_sent_in_its_form_after_the_transport_was_changed() {
    use PostHogTransport::{Capture, Otlp};
    for is_named in [true, false] {
        for (first, second) in [(Otlp, Capture), (Capture, Otlp)] {
            let dir = Dir::new();
            let posthog = FakePostHog::start().unwrap();
            let start = |transport| {
                let to = destination(&posthog).posthog_transport(transport);
                let to = if is_named { to.name("acme") } else { to };
                Telemetry::builder().destination(to).spool(dir.spool()).on_problem(|_| {}).build().unwrap()
            };
            let requests = if first == Otlp { 2 } else { 1 };
            posthog.answer_next(requests, &ServiceAnswer::status(503).header("retry-after", "60"));
            let one = start(first);
            tracing::dispatcher::with_default(&subscriber(&one), || {
                Tool::new("clock").start().finish();
                Evaluation::new("a").passed(true).record(judged());
            });
            assert_eq!(one.shutdown_blocking(Duration::from_millis(300)).spooled, 2);

            let two = start(second);
            tracing::dispatcher::with_default(&subscriber(&two), || Tool::new("new").start().finish());
            let report = two.shutdown_blocking(PATIENCE);
            assert_eq!((report.recovered, report.delivered, report.rejected), (2, 3, 0), "{report}");
            let all = ["$ai_evaluation", "$ai_metric", "$ai_trace", "$ai_trace"];
            assert_eq!(sorted_names(&posthog.events()), all);
            assert!(
                posthog.refusals().iter().all(|refusal| refusal.status == 503),
                "{:?}",
                posthog.refusals()
            );
        }
    }
}

#[test]
fn a_way_of_judgements_that_is_not_there_fails_no_flush_of_spans() {
    let posthog = FakePostHog::start().unwrap();
    let telemetry = Telemetry::builder().destination(destination(&posthog)).on_problem(|_| {});
    let telemetry = telemetry.build().unwrap();
    let judge = || Feedback::thumbs_up().record(judged());
    let call = || Tool::new("clock").start().finish();
    posthog.answer_next(1, &ServiceAnswer::status(404));
    tracing::dispatcher::with_default(&subscriber(&telemetry), judge);
    // What it cost is accounted for.
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    assert!(report.rejected == 1 && report.destinations[1].trouble.is_some(), "{report}");
    tracing::dispatcher::with_default(&subscriber(&telemetry), call);
    assert_eq!(telemetry.flush_blocking(PATIENCE).unwrap().delivered, 1);

    // While one waits for it to be mended, that is said.
    tracing::dispatcher::with_default(&subscriber(&telemetry), judge);
    let error = telemetry.flush_blocking(Duration::from_millis(300)).unwrap_err().to_string();
    assert!(error.contains(BATCH), "{error}");
}

#[test]
fn groups_are_a_map_on_every_event() {
    for transport in [PostHogTransport::Otlp, PostHogTransport::Capture] {
        let posthog = FakePostHog::start().unwrap();
        let events = events_of(&posthog, destination(&posthog).posthog_transport(transport), || {
            scope().tag("$groups", json!({ "company": "x" })).in_scope(|| {
                Evaluation::new("a").passed(true).record(judged());
                Tool::new("clock").start().finish();
            });
        });
        assert_eq!(events.len(), 3);
        assert!(events.iter().all(|event| event.properties["$groups"] == json!({ "company": "x" })));
    }
}

#[test]
fn a_judgement_inside_a_span_that_posthog_does_not_get_is_below_the_operation_around_it() {
    let posthog = FakePostHog::start().unwrap();
    let events = events_of(&posthog, destination(&posthog), || {
        let agent = Agent::invoke("a").start();
        agent.in_scope(|| {
            tracing::info_span!("handler").in_scope(|| Evaluation::new("a").passed(true).record(None));
        });
        agent.finish();
    });
    let agent = events.iter().find(|event| event.name == "$ai_trace").unwrap();
    let evaluation = events.iter().find(|event| event.name == "$ai_evaluation").unwrap();
    assert_eq!(evaluation.properties["$ai_parent_id"], agent.properties["$ai_span_id"]);
}

#[test]
fn a_judgement_of_nothing_known_has_no_target() {
    let posthog = FakePostHog::start().unwrap();
    let events = events_of(&posthog, destination(&posthog), || Evaluation::new("a").score(1.0).record(None));
    assert_eq!(sorted_names(&events), ["$ai_evaluation", "$ai_metric"]);
    assert!(events.iter().all(|event| !event.properties.contains_key("$ai_target_id")));
}

#[test]
fn nobodys_events_are_one_and_the_sames_in_a_trace() {
    for transport in [PostHogTransport::Otlp, PostHogTransport::Capture] {
        let posthog = FakePostHog::start().unwrap();
        let events = events_of(&posthog, destination(&posthog).posthog_transport(transport), || {
            let tool = Tool::new("clock").start();
            let of = tool.span_ref();
            tool.finish();
            Feedback::thumbs_up().record(of);
        });
        assert_eq!(sorted_names(&events), ["$ai_metric", "$ai_trace"]);
        for event in &events {
            assert_eq!(Value::from(event.distinct_id.clone()), event.properties["$ai_trace_id"]);
            assert_eq!(event.properties["$process_person_profile"], false);
        }
    }
}

#[test]
fn two_projects_have_each_their_own_events() {
    let posthog = FakePostHog::start().unwrap();
    let telemetry = Telemetry::builder()
        .destination(captured(&posthog))
        .destination(Destination::posthog("phc_other").host(posthog.url()))
        .build()
        .unwrap();
    tracing::dispatcher::with_default(&subscriber(&telemetry), || Feedback::thumbs_up().record(judged()));
    telemetry.flush_blocking(PATIENCE).unwrap();
    assert!(posthog.refusals().is_empty(), "{:?}", posthog.refusals());
    let mut keys: Vec<_> = posthog.events().into_iter().map(|event| event.project_key).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["phc_other", "phc_test"]);
}

#[test]
fn a_session_of_the_provider_is_written_in_posthogs_alphabet() {
    for transport in [PostHogTransport::Otlp, PostHogTransport::Capture] {
        let posthog = FakePostHog::start().unwrap();
        let to = destination(&posthog).posthog_transport(transport);
        let telemetry = Telemetry::builder().destination(to).build().unwrap();
        let resource = Resource::builder_empty().with_attribute(kv("$ai_session_id", "s/1")).build();
        let provider = SdkTracerProvider::builder().with_resource(resource);
        let provider = provider.with_span_processor(telemetry.processors()).build();
        foreign(&provider, vec![kv("gen_ai.operation.name", "chat")], |span| {
            span.add_event(JUDGED, relevance([]));
        });
        telemetry.flush_blocking(PATIENCE).unwrap();
        let events = posthog.events();
        assert_eq!(events.len(), 3);
        assert!(events.iter().all(|event| event.properties["$ai_session_id"] == "s~2F1"), "{events:?}");
    }
}
