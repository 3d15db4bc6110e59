//! Samplers, and parents in other processes.

use super::world::{INNER, OUTER, QUERY, REQUEST, Seen, World, block_on, find, handle, names};
use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};
use std::io;
use tracing_genai::span::Tool;
use tracing_subscriber::{Registry, layer::SubscriberExt};

fn remote(flags: TraceFlags) -> SpanContext {
    let state = TraceState::from_key_value([("vendor", "7")]).unwrap();
    SpanContext::new(TraceId::from(0xA1), SpanId::from(0xB2), flags, true, state)
}

/// What is left behind by `work` that another process asked for.
fn see_remotely(world: &World, flags: TraceFlags, work: impl Future<Output = ()>) -> Seen {
    let subscriber = Registry::default().with(world.layer());
    tracing::subscriber::with_default(subscriber, || {
        let _attached = Context::new().with_remote_span_context(remote(flags)).attach();
        block_on(work);
    });
    world.seen()
}

async fn tool() {
    Tool::new("outer").run(async { Ok::<_, io::Error>("done") }).await.unwrap();
}

#[test]
fn below_a_remote_parent_that_was_not_sampled_there_is_no_span() {
    let world = World::new(false);
    let seen = see_remotely(&world, TraceFlags::default(), handle());
    assert!(seen.destination.is_empty());
    assert_eq!(seen.findings.into_iter().collect::<Vec<_>>(), [("parent_not_sampled", 2)]);
}

#[test]
fn below_a_remote_parent_that_was_not_sampled_their_own_pipeline_keeps_its_ids() {
    let world = World::new(true);
    let seen = see_remotely(&world, TraceFlags::default(), tool());
    assert!(seen.program.is_empty());
    assert!(seen.findings.is_empty());
    let [span] = &seen.destination[..] else { panic!("{:#?}", seen.destination) };
    assert_eq!(span.trace, TraceId::from(0xA1).to_string());
    assert_eq!(span.parent, Some(SpanId::from(0xB2).to_string()));
}

#[test]
fn below_a_remote_parent_that_was_not_sampled_their_own_pipeline_has_one_tree() {
    let world = World::new(true);
    let seen = see_remotely(&world, TraceFlags::default(), handle());
    assert!(seen.program.is_empty());
    assert_eq!(names(&seen.destination), [INNER, OUTER]);
    seen.assert_calls_are_whole();
    assert_eq!(find(&seen.destination, OUTER).trace, TraceId::from(0xA1).to_string());
    // What is between them will never come.
    find(&seen.destination, INNER).assert_below(&find(&seen.destination, OUTER));
}

#[test]
fn below_a_remote_parent_that_was_sampled_all_have_its_trace() {
    for own_pipeline in [false, true] {
        let world = World::new(own_pipeline);
        let seen = see_remotely(&world, TraceFlags::SAMPLED, handle());
        assert_eq!(names(&seen.destination), [INNER, OUTER, QUERY, REQUEST]);
        assert!(seen.findings.is_empty());
        seen.assert_same_calls();
        assert_eq!(find(&seen.destination, OUTER).trace, TraceId::from(0xA1).to_string());
    }
}

/// Decides against tools.
#[derive(Clone, Debug)]
struct NoTools;

impl ShouldSample for NoTools {
    fn should_sample(
        &self,
        _parent: Option<&Context>,
        _trace: TraceId,
        name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let is_tool = name.starts_with("execute_tool");
        let decision = if is_tool { SamplingDecision::Drop } else { SamplingDecision::RecordAndSample };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::NONE }
    }
}

#[test]
fn a_sampler_that_drops_the_spans_is_told_from_a_parent_that_was_not_sampled() {
    let world = World::sampling(false, NoTools);
    let subscriber = Registry::default().with(world.layer());
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.destination), [QUERY, REQUEST]);
    assert_eq!(seen.findings.into_iter().collect::<Vec<_>>(), [("span_not_sampled", 2)]);
}

#[test]
fn a_sampler_that_drops_the_spans_leaves_their_own_pipeline_alone() {
    let world = World::sampling(true, NoTools);
    let subscriber = Registry::default().with(world.layer());
    let seen = world.see(subscriber);
    assert_eq!(names(&seen.program), [QUERY, REQUEST]);
    assert_eq!(names(&seen.destination), [INNER, OUTER, QUERY, REQUEST]);
    assert!(seen.findings.is_empty());
    seen.assert_calls_are_whole();
    // The span between names the call's, which has the ids that the sampler saw.
    find(&seen.destination, QUERY).assert_below(&find(&seen.destination, OUTER));
}

#[test]
fn a_sampler_that_drops_everything_drops_nothing_of_their_own_pipeline() {
    let world = World::sampling(true, Sampler::AlwaysOff);
    let subscriber = Registry::default().with(world.layer());
    let seen = world.see(subscriber);
    assert!(seen.program.is_empty());
    assert_eq!(names(&seen.destination), [INNER, OUTER]);
    seen.assert_calls_are_whole();
    find(&seen.destination, INNER).assert_below(&find(&seen.destination, OUTER));
}

#[test]
fn a_remote_parent_that_is_attached_inside_a_call_is_the_parent() {
    let world = World::new(true);
    let seen = {
        block_on(async {
            let inside = async {
                let _attached =
                    Context::current().with_remote_span_context(remote(TraceFlags::SAMPLED)).attach();
                block_in_place_tool();
                Ok::<_, io::Error>("done")
            };
            Tool::new("outer").run(inside).await.unwrap();
        });
        world.seen()
    };
    assert_eq!(find(&seen.destination, INNER).parent, Some(SpanId::from(0xB2).to_string()));
    assert_eq!(find(&seen.destination, INNER).trace, TraceId::from(0xA1).to_string());
    assert_eq!(find(&seen.destination, OUTER).parent, None);
}

/// A tool in one poll, so that what is attached to the thread stays so.
fn block_in_place_tool() {
    let tool = Tool::new("inner").run(async { Ok::<_, io::Error>("done") });
    let waker = std::task::Waker::noop();
    let polled = std::pin::pin!(tool).poll(&mut std::task::Context::from_waker(waker));
    assert!(polled.is_ready());
}
