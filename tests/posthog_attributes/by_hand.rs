//! Spans by hand, in a process that has the variable.

use crate::world::{World, differences};
use std::process::{Command, Stdio};
use tracing_genai::{
    ContentCapture, Destination, Finding,
    context::scope,
    diagnosis,
    span::{Agent, Tool},
    testing::OtlpSink,
};

/// What tells a program that it is one, and not a test that somebody runs.
const PROGRAM: &str = "TRACING_GENAI_TEST_PROGRAM";

fn is_program(name: &str) -> bool {
    std::env::var(PROGRAM).is_ok_and(|program| program == name)
}

/// Whether a program with this value of the variable does what it is to.
fn does(program: &str, value: &str) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("by_hand::{program}"), "--ignored"]);
    command.stdout(Stdio::null());
    command.env(PROGRAM, program).env("TRACING_GENAI_POSTHOG_ATTRIBUTES", value);
    command.env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY").status().unwrap().success()
}

/// An agent with a tool that works and one that fails.
fn work() {
    let agent = Agent::invoke("forecaster").instructions("Be brief.").user("How warm is it?").start();
    agent.in_scope(|| {
        let mut tool = Tool::new("get_weather").arguments(r#"{"city":"Lund"}"#).start();
        tool.result(r#"{"degrees":18}"#);
        tool.finish();
        Tool::new("get_wind").arguments(r#"{"city":"Lund"}"#).start().fail(r#"no wind at {"city":"Lund"}"#);
    });
    agent.finish();
}

#[test]
#[ignore = "a program that the tests run"]
fn is_the_same_by_either_way() {
    if !is_program("is_the_same_by_either_way") {
        return;
    }
    let (without, with) = (OtlpSink::start().unwrap(), OtlpSink::start().unwrap());
    let destinations = [
        Destination::otlp(without.endpoint()).content(ContentCapture::off()),
        Destination::otlp(with.endpoint()).content(ContentCapture::on()),
    ];
    let world = World::new(ContentCapture::on(), destinations);
    tracing::dispatcher::with_default(&world.dispatch, || scope().session("s/1").in_scope(work));

    let events = world.events();
    let names: Vec<_> = events.iter().map(|(event, _)| event.name.as_str()).collect();
    assert_eq!(names, ["$ai_span", "$ai_span", "$ai_trace"]);
    for (exported, destined) in &events {
        assert_eq!(exported.properties["$ai_session_id"], "s~2F1");
        // The destination has what was said as states alone.
        let mut found = differences(exported, destined);
        found.retain(|found| !found.starts_with("gen_ai.") && !found.starts_with("$ai_input:"));
        assert_eq!(found, Vec::<String>::new());
    }
    let input = |place: usize| &events[place].0.properties["$ai_input_state"];
    assert_eq!(input(0), r#"{"city":"Lund"}"#);
    assert!(input(2).as_str().unwrap().contains("Be brief."));
    assert_eq!(events[1].0.properties["$ai_error"], r#"no wind at {"city":"Lund"}"#);

    for (sink, has_states) in [(&without, false), (&with, true)] {
        let spans = sink.spans();
        assert_eq!(spans.len(), 3);
        let states = spans.iter().filter(|span| span.attribute("$ai_input_state").is_some()).count();
        assert_eq!(states, if has_states { 3 } else { 0 });
        let said = format!("{spans:?}");
        for word in ["Lund", "degrees", "Be brief", "How warm"] {
            assert_eq!(said.contains(word), has_states, "{word}: {said}");
        }
    }
}

#[test]
#[ignore = "a program that the tests run"]
fn has_nothing_of_posthog() {
    if !is_program("has_nothing_of_posthog") {
        return;
    }
    let spans = tracing_genai::testing::capture(work);
    let mut names = spans.iter().flat_map(|span| span.attributes.keys());
    assert_eq!(names.find(|name| name.starts_with('$')), None);
    let value = std::env::var("TRACING_GENAI_POSTHOG_ATTRIBUTES").unwrap();
    let found = diagnosis().into_iter().find(|(finding, _)| *finding == Finding::PostHogVariableUnreadable);
    assert_eq!(found.map(|(_, count)| count), (value == "perhaps").then_some(1));
}

#[test]
fn an_agent_and_its_tools_are_the_same_events_by_either_way() {
    assert!(does("is_the_same_by_either_way", "true"));
}

#[test]
fn a_value_that_says_no_or_cannot_be_read_is_off_and_the_latter_is_found_once() {
    assert!(does("has_nothing_of_posthog", "false"));
    assert!(does("has_nothing_of_posthog", ""));
    assert!(does("has_nothing_of_posthog", "perhaps"));
}
