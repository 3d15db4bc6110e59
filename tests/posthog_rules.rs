//! Rules of PostHog's endpoint that no other test holds.

#![cfg(all(feature = "export", feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use serde_json::{Value, json};
use std::time::Duration;
use tracing_genai::{
    ContentCapture, Destination, Telemetry,
    context::{Scope, scope},
    export::{Compression, Report},
    record::{Request, ToolDefinition},
    span::{Agent, Embedding, Generation, Tool},
    testing::{FakePostHog, PostHogEvent, ServiceAnswer},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

const PATIENCE: Duration = Duration::from_secs(20);

fn telemetry(posthog: &FakePostHog, settings: impl FnOnce(Destination) -> Destination) -> Telemetry {
    let destination = settings(Destination::posthog(posthog.project_key()).host(posthog.url()));
    Telemetry::builder().destination(destination).on_problem(|_| {}).build().unwrap()
}

fn under(telemetry: &Telemetry, work: impl FnOnce()) {
    tracing::subscriber::with_default(Registry::default().with(telemetry.layer()), work);
}

/// The events of `work`, all of which were taken.
fn events_of(work: impl FnOnce()) -> Vec<PostHogEvent> {
    let posthog = FakePostHog::start().unwrap();
    let telemetry = telemetry(&posthog, |destination| destination.content(ContentCapture::on()));
    under(&telemetry, work);
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    assert_eq!((report.recorded, posthog.refusals().len()), (report.delivered, 0));
    posthog.events()
}

fn named<'a>(events: &'a [PostHogEvent], name: &str) -> &'a PostHogEvent {
    events.iter().find(|event| event.name == name).unwrap_or_else(|| panic!("no {name}: {events:?}"))
}

fn call() {
    Generation::new("openai", "gpt-4o").user("Where to?").start().finish();
}

#[test]
fn requests_go_to_one_path_with_nothing_behind_it_and_a_bearers_token() {
    let posthog = FakePostHog::start().unwrap();
    let telemetry = telemetry(&posthog, |destination| destination);
    under(&telemetry, call);
    telemetry.flush_blocking(PATIENCE).unwrap();

    let requests = posthog.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(request.path, "/i/v0/ai/otel");
    assert_eq!(request.header("authorization"), Some("Bearer phc_test"));
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
}

#[test]
fn requests_may_be_gzipped_and_nothing_else() {
    let posthog = FakePostHog::start().unwrap();
    let zipped = telemetry(&posthog, |destination| destination.compression(Compression::Gzip));
    under(&zipped, call);
    zipped.flush_blocking(PATIENCE).unwrap();
    assert_eq!(posthog.requests()[0].header("content-encoding"), Some("gzip"));
    assert_eq!(posthog.events().len(), 1);

    let plain = telemetry(&posthog, |destination| destination.compression(Compression::None));
    under(&plain, call);
    plain.flush_blocking(PATIENCE).unwrap();
    assert_eq!(posthog.requests()[1].header("content-encoding"), None);
    assert_eq!(posthog.events().len(), 2);
}

#[test]
fn a_span_of_every_kind_has_a_key_that_keeps_it() {
    let events = events_of(|| {
        call();
        Embedding::new("openai", "text-embedding-3-small").start().finish();
        Tool::new("get_weather").start().finish();
        Agent::invoke("guide").start().finish();
    });
    assert_eq!(events.len(), 4);
}

#[test]
fn a_property_that_the_program_sets_arrives_as_it_is() {
    let properties = [
        ("$ai_framework", json!("mine")),
        ("$ai_experiment_id", json!("e-1")),
        ("$ai_billable", json!(true)),
        ("$ai_stop_reason", json!("enough")),
        ("$ai_base_url", json!("https://gateway.example.com")),
        ("$groups", json!({ "company": "acme" })),
        ("tenant", json!("acme")),
    ];
    let marked = properties.iter().fold(scope(), |scope, (name, value)| scope.tag(*name, value.clone()));
    let events = events_of(|| marked.in_scope(call));
    for (name, value) in properties {
        assert_eq!(events[0].properties[name], value, "{name}");
    }
}

#[test]
fn a_property_that_the_ingestion_sets_cannot_be_spoilt() {
    let names = ["$ai_trace_id", "$ai_span_id", "$ai_parent_id", "$ai_ingestion_source", "$ai_span_name"];
    let marked = names.iter().fold(scope(), |scope, name| scope.tag(*name, "mine"));
    let events = events_of(|| {
        marked.in_scope(|| {
            let agent = Agent::invoke("guide").start();
            agent.in_scope(call);
            agent.finish();
        });
    });
    let (trace, below) = (named(&events, "$ai_trace"), named(&events, "$ai_generation"));
    assert_eq!(below.properties["$ai_parent_id"], trace.properties["$ai_span_id"]);
    assert_eq!(below.properties["$ai_trace_id"], trace.properties["$ai_trace_id"]);
    assert_eq!(below.properties["$ai_ingestion_source"], "otel");
    assert_eq!(below.properties["$ai_span_name"], "chat gpt-4o");
    assert!(!trace.properties.contains_key("$ai_parent_id"));
}

#[test]
fn messages_and_tools_are_lists_there_and_not_texts() {
    let events = events_of(|| {
        let mut request = Request::default();
        request.model = Some("gpt-4o".into());
        request.tools = vec![ToolDefinition::function("get_weather", "", json!({ "type": "object" }))];
        let mut span = Generation::from_request("openai", request).user("Where to?").start();
        span.text("To Lund.");
        span.finish();
    });
    let properties = &events[0].properties;
    let text = |name: &str| properties[name][0]["parts"][0]["content"].clone();
    assert_eq!((text("$ai_input"), text("$ai_output_choices")), (json!("Where to?"), json!("To Lund.")));
    assert_eq!(properties["$ai_tools"], json!([{ "type": "function", "name": "get_weather" }]));
}

#[test]
fn a_status_said_too_early_and_a_port_in_the_words_are_no_status_of_a_failure() {
    let events = events_of(|| {
        scope().tag("$ai_http_status", 200).in_scope(|| {
            let span = Generation::new("openai", "gpt-4o").start();
            span.fail_as("connection", "http status of https://api.openai.com:443/v1 unknown");
        });
    });
    assert_eq!(events[0].properties["$ai_http_status"], 0);
    assert_eq!(events[0].properties["$ai_is_error"], true);
}

/// Whose the event of a call in this scope is, and what it says of a profile.
fn person(marked: Scope) -> (String, Option<Value>) {
    let event = events_of(|| marked.in_scope(call)).remove(0);
    (event.distinct_id, event.properties.get("$process_person_profile").cloned())
}

#[test]
fn an_event_is_of_the_person_that_is_named_and_makes_no_profile_of_nobody() {
    assert_eq!(person(scope().user("u-7")), ("u-7".to_owned(), None));
    let both = scope().user("u-7").tag("posthog.distinct_id", "d-9");
    assert_eq!(person(both), ("d-9".to_owned(), None));
    assert_eq!(person(scope()).1, Some(json!(false)));
}

#[test]
fn a_session_is_on_every_event_of_its_scope() {
    let events = events_of(|| {
        scope().session("s-1").in_scope(|| {
            let agent = Agent::invoke("guide").start();
            agent.in_scope(|| {
                call();
                Tool::new("get_weather").start().finish();
            });
            agent.finish();
        });
    });
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.properties["$ai_session_id"] == "s-1"));
}

/// The account of one call whose first request is answered so, and the numbers of requests and events.
fn after(answer: &ServiceAnswer) -> (Report, usize, usize) {
    let posthog = FakePostHog::start().unwrap();
    let telemetry = telemetry(&posthog, |destination| destination);
    posthog.answer_next(1, answer);
    under(&telemetry, call);
    // A key or a path that is refused is an error of the flush too.
    let report = telemetry.flush_blocking(PATIENCE).unwrap_or_else(|_| telemetry.report());
    (report, posthog.requests().len(), posthog.events().len())
}

#[test]
fn what_may_pass_is_sent_again() {
    let troubles = [408, 429, 500, 502, 503, 504].map(ServiceAnswer::status);
    for trouble in troubles.into_iter().chain([ServiceAnswer::hang_up()]) {
        let (report, requests, events) = after(&trouble);
        assert_eq!((report.delivered, requests, events), (1, 2, 1), "{trouble:?}");
    }
}

#[test]
fn what_will_not_pass_is_not_sent_again() {
    for status in [400, 413] {
        let (report, requests, events) = after(&ServiceAnswer::status(status));
        assert_eq!((report.rejected, requests, events), (1, 1, 0), "{status}");
    }
}
