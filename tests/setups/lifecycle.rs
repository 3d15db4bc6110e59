//! When the pipeline is there.

use super::world::{OUTER, World, block_on, handle, names, telemetry};
use opentelemetry::Context;
use std::{collections::BTreeMap, io};
use tracing::Dispatch;
use tracing_genai::{record::ErrorKind, span::Tool, testing::OtlpSink};
use tracing_subscriber::{Registry, layer::SubscriberExt};

#[test]
fn a_second_telemetry_cannot_have_it_until_the_first_ends() {
    let world = World::unconnected(true);
    let sink = OtlpSink::start().unwrap();
    let error = telemetry(&sink).own_pipeline(true).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("own_pipeline"), "{error}");
    drop(world);

    let _world = World::unconnected(true);
}

#[test]
fn a_call_that_outlives_the_telemetry_ends_for_the_programs_exporter() {
    let world = World::unconnected(true);
    let subscriber = Dispatch::new(Registry::default().with(world.layer()));
    let mut call = Box::pin(Tool::new("outer").run(std::future::pending::<Result<String, io::Error>>()));
    let waker = std::task::Waker::noop();
    tracing::dispatcher::with_default(&subscriber, || {
        assert!(call.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    });
    let ended = world.end();
    drop(call);
    assert_eq!(ended.exporter.get_finished_spans().unwrap()[0].name, OUTER);
    assert_eq!(ended.findings(), BTreeMap::from([("telemetry_dropped", 1)]));
}

#[test]
fn spans_after_the_telemetry_was_dropped_are_found_missing() {
    let world = World::new(false);
    let subscriber = Dispatch::new(Registry::default().with(world.layer()));
    let ended = world.end();
    assert_eq!(ended.findings(), BTreeMap::new());
    tracing::dispatcher::with_default(&subscriber, || block_on(handle()));
    assert_eq!(ended.findings(), BTreeMap::from([("telemetry_dropped", 4)]));
    // The program's exporter goes on.
    assert_eq!(ended.exporter.get_finished_spans().unwrap().len(), 4);
}

#[test]
fn an_abandoned_call_ends_in_it() {
    let world = World::unconnected(true);
    let mut call = Box::pin(Tool::new("outer").run(std::future::pending::<Result<String, io::Error>>()));
    let waker = std::task::Waker::noop();
    assert!(call.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    drop(call);
    let seen = world.seen();
    assert_eq!(seen.destination[0].attributes["tracing_genai.outcome"], "abandoned");
}

#[test]
fn where_telemetry_is_suppressed_there_is_no_span() {
    let world = World::unconnected(true);
    {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        block_on(handle());
    }
    assert!(world.seen().destination.is_empty());
}

#[test]
fn switched_off_the_calls_go_as_the_program_has_it() {
    let world = World::unconnected(false);
    let subscriber = Registry::default().with(world.layer());
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.program).len(), 4);
    assert!(seen.destination.is_empty());
}
