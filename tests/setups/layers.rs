//! Filters and layers.

use super::world::{INNER, OUTER, QUERY, REQUEST, World, block_on, find, handle, names};
use std::{collections::BTreeMap, io};
use tracing_genai::Finding;
use tracing_subscriber::{EnvFilter, Layer, Registry, filter::filter_fn, fmt, layer::SubscriberExt, reload};

const ALL: [&str; 4] = [INNER, OUTER, QUERY, REQUEST];

fn found<const N: usize>(findings: [(&'static str, u64); N]) -> BTreeMap<&'static str, u64> {
    BTreeMap::from(findings)
}

/// Another layer that sees every span.
fn log<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fmt::layer().with_writer(io::sink)
}

#[test]
fn in_a_plain_registry_each_call_comes_once_with_the_same_ids() {
    for own_pipeline in [false, true] {
        let world = World::new(own_pipeline);
        let subscriber = Registry::default().with(world.layer());
        let seen = world.see(subscriber);
        assert_eq!((names(&seen.program), names(&seen.destination)), (ALL.into(), ALL.into()));
        assert_eq!(seen.findings, found([]));
        seen.assert_same_calls();
        find(&seen.destination, INNER).assert_below(&find(&seen.destination, QUERY));
        find(&seen.destination, OUTER).assert_below(&find(&seen.destination, REQUEST));
    }
}

#[test]
fn behind_a_reload_layer_the_spans_are_whole() {
    for own_pipeline in [false, true] {
        let world = World::new(own_pipeline);
        let (layer, _handle) = reload::Layer::new(world.layer());
        let subscriber = Registry::default().with(layer);
        let seen = world.see(subscriber);
        assert_eq!((names(&seen.program), names(&seen.destination)), (ALL.into(), ALL.into()));
        assert_eq!(seen.findings, found([]));
        seen.assert_same_calls();
    }
}

#[test]
fn in_an_option_a_list_or_a_box_the_spans_are_whole() {
    for own_pipeline in [false, true] {
        let world = World::new(own_pipeline);
        let layers = vec![world.layer().boxed()];
        let subscriber = Registry::default().with(Some(layers));
        let seen = world.see(subscriber);
        assert_eq!((names(&seen.program), names(&seen.destination)), (ALL.into(), ALL.into()));
        assert_eq!(seen.findings, found([]));
        seen.assert_same_calls();
    }
}

#[test]
fn with_context_activation_off_the_spans_are_whole() {
    for own_pipeline in [false, true] {
        let world = World::new(own_pipeline);
        let subscriber = Registry::default().with(world.layer().with_context_activation(false));
        let seen = world.see(subscriber);
        assert_eq!((names(&seen.program), names(&seen.destination)), (ALL.into(), ALL.into()));
        assert_eq!(seen.findings, found([]));
        seen.assert_same_calls();
    }
}

#[test]
fn behind_a_reload_layer_with_context_activation_off_the_spans_have_their_fields_alone() {
    let world = World::new(false);
    let (layer, _handle) = reload::Layer::new(world.layer().with_context_activation(false));
    let subscriber = Registry::default().with(layer);
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.destination), ALL);
    assert_eq!(seen.findings, found([("no_opentelemetry_span", 2)]));
    let inner = find(&seen.destination, INNER);
    assert_eq!(inner.attributes["gen_ai.tool.name"], "inner");
    // What takes the OpenTelemetry span to be said is missing.
    assert!(!inner.is_error);
}

#[test]
fn behind_a_reload_layer_with_context_activation_off_their_own_pipeline_has_them_whole() {
    let world = World::new(true);
    let (layer, _handle) = reload::Layer::new(world.layer().with_context_activation(false));
    let subscriber = Registry::default().with(layer);
    let seen = world.see(subscriber);
    assert_eq!((names(&seen.program), names(&seen.destination)), (ALL.into(), ALL.into()));
    assert_eq!(seen.findings, found([]));
    seen.assert_calls_are_whole();
}

fn without_our_target<S: tracing::Subscriber>() -> impl tracing_subscriber::layer::Filter<S> {
    filter_fn(|metadata| metadata.target() != "tracing_genai")
}

#[test]
fn a_filter_of_the_opentelemetry_layer_drops_the_spans() {
    let world = World::new(false);
    let subscriber = Registry::default().with(world.layer().with_filter(without_our_target())).with(log());
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.destination), [QUERY, REQUEST]);
    assert_eq!(seen.findings, found([("layer_filtered", 2)]));
}

#[test]
fn a_filter_of_the_opentelemetry_layer_leaves_their_own_pipeline_alone() {
    let world = World::new(true);
    let subscriber = Registry::default().with(world.layer().with_filter(without_our_target())).with(log());
    let seen = world.see(subscriber);
    assert_eq!((names(&seen.program), names(&seen.destination)), (vec![QUERY, REQUEST], ALL.into()));
    assert_eq!(seen.findings, found([]));
    seen.assert_calls_are_whole();
    find(&seen.destination, OUTER).assert_below(&find(&seen.destination, REQUEST));
    find(&seen.destination, INNER).assert_below(&find(&seen.destination, OUTER));
    // The program's trace is what it was.
    find(&seen.program, QUERY).assert_below(&find(&seen.program, REQUEST));
}

#[test]
fn a_filter_of_the_only_layer_is_one_of_the_whole_subscriber() {
    let world = World::new(false);
    let subscriber = Registry::default().with(world.layer().with_filter(without_our_target()));
    assert_eq!(world.see(subscriber).findings, found([("span_filtered", 2)]));
}

#[test]
fn filters_of_all_layers_together_drop_the_spans() {
    let world = World::new(false);
    let subscriber = Registry::default()
        .with(log().with_filter(EnvFilter::new("warn")))
        .with(world.layer().with_filter(EnvFilter::new("setups=info")));
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.destination), [QUERY, REQUEST]);
    assert_eq!(seen.findings, found([("span_filtered", 2)]));
    // There is no filter over the whole subscriber here: the advice is right for this one too.
    let advice = Finding::SpanFiltered.advice();
    assert!(advice.contains("those of all its layers") && advice.contains("tracing_genai=info"), "{advice}");
}

#[test]
fn rust_log_warn_over_the_whole_subscriber_drops_the_spans() {
    let world = World::new(false);
    let subscriber = Registry::default().with(EnvFilter::new("warn")).with(world.layer());
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.destination), [REQUEST]);
    assert_eq!(seen.findings, found([("span_filtered", 2)]));
}

#[test]
fn rust_log_warn_over_the_whole_subscriber_leaves_their_own_pipeline_alone() {
    let world = World::new(true);
    let subscriber = Registry::default().with(EnvFilter::new("warn")).with(world.layer());
    let seen = world.see(subscriber);
    assert_eq!(
        (names(&seen.program), names(&seen.destination)),
        (vec![REQUEST], vec![INNER, OUTER, REQUEST])
    );
    assert_eq!(seen.findings, found([]));
    seen.assert_calls_are_whole();
    find(&seen.destination, OUTER).assert_below(&find(&seen.destination, REQUEST));
    find(&seen.destination, INNER).assert_below(&find(&seen.destination, OUTER));
}

#[test]
fn rust_log_with_the_target_keeps_the_spans() {
    let world = World::new(false);
    let subscriber = Registry::default().with(EnvFilter::new("warn,tracing_genai=info")).with(world.layer());
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.destination), [INNER, OUTER, REQUEST]);
    assert_eq!(seen.findings, found([]));
}

#[test]
fn a_filter_of_the_log_layer_alone_keeps_the_spans() {
    let world = World::new(false);
    let subscriber = Registry::default().with(log().with_filter(EnvFilter::new("warn"))).with(world.layer());
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.destination), ALL);
    assert_eq!(seen.findings, found([]));
}

#[test]
fn without_an_opentelemetry_layer_there_is_no_span_to_export() {
    let seen = World::new(false).see(Registry::default().with(log()));
    assert!(seen.destination.is_empty());
    assert_eq!(seen.findings, found([("no_opentelemetry_span", 2)]));
}

#[test]
fn without_an_opentelemetry_layer_their_own_pipeline_has_a_trace_of_the_calls() {
    let seen = World::new(true).see(Registry::default().with(log()));
    assert_eq!(names(&seen.destination), [INNER, OUTER]);
    assert_eq!(seen.findings, found([]));
    seen.assert_calls_are_whole();
    assert_eq!(find(&seen.destination, OUTER).parent, None);
    find(&seen.destination, INNER).assert_below(&find(&seen.destination, OUTER));
}

#[test]
fn without_a_subscriber_there_is_no_span() {
    let world = World::unconnected(false);
    block_on(handle());
    let seen = world.seen();
    assert!(seen.destination.is_empty());
    assert_eq!(seen.findings, found([("no_subscriber", 2)]));
}

#[test]
fn without_a_subscriber_their_own_pipeline_has_a_trace_of_the_calls() {
    let world = World::unconnected(true);
    block_on(handle());
    let seen = world.seen();
    assert_eq!(names(&seen.destination), [INNER, OUTER]);
    assert_eq!(seen.findings, found([]));
    seen.assert_calls_are_whole();
    find(&seen.destination, INNER).assert_below(&find(&seen.destination, OUTER));
}

#[test]
fn of_two_opentelemetry_layers_the_telemetrys_is_off() {
    let world = World::unconnected(false);
    let subscriber = Registry::default().with(world.layer()).with(world.telemetry.layer());
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.program), ALL);
    assert!(seen.destination.is_empty());
    assert_eq!(seen.findings, found([("second_layer", 1)]));
}

#[test]
fn beside_another_opentelemetry_layer_their_own_pipeline_has_the_calls_with_the_same_ids() {
    let world = World::unconnected(true);
    let subscriber = Registry::default().with(world.layer());
    let seen = world.see(subscriber);
    assert_eq!((names(&seen.program), names(&seen.destination)), (ALL.into(), vec![INNER, OUTER]));
    assert_eq!(seen.findings, found([]));
    seen.assert_same_calls();
}

#[test]
fn the_telemetrys_own_layer_does_not_bring_the_calls_again() {
    let world = World::unconnected(true);
    let subscriber = Registry::default().with(world.telemetry.layer());
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.destination), ALL);
    seen.assert_calls_are_whole();
    find(&seen.destination, INNER).assert_below(&find(&seen.destination, QUERY));
}
