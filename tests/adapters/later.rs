//! Where the spans go to `Telemetry::layer()` alone bodies are read after the call, on a thread of the crate's
//! own, and no span is lost for it.

use crate::world::{self, ANSWER, ASKED, ASKED_STREAM, EVENTS, Scripted, Step, data, outcome};
use std::{
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_service::Service;
use tracing::{Dispatch, Subscriber, dispatcher, span};
use tracing_genai::{
    Telemetry,
    export::Destination,
    testing::{FinishedSpan, OtlpSink},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

const CALLS: usize = 100;

struct World {
    sink: OtlpSink,
    telemetry: Telemetry,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        let sink = OtlpSink::start().unwrap();
        let telemetry = Telemetry::builder().destination(Destination::otlp(sink.endpoint())).build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { sink, telemetry, runtime }
    }

    fn subscriber(&self) -> Dispatch {
        Dispatch::new(tracing_subscriber::registry().with(self.telemetry.layer()))
    }

    /// Makes so many calls, a half of them streams.
    fn calls(&self) {
        dispatcher::with_default(&self.subscriber(), || {
            for call in 0..CALLS {
                self.runtime.block_on(one(call % 2 == 0));
            }
        });
    }
}

async fn one(streams: bool) {
    let mut service = world::answering(move || match streams {
        true => world::streamed(Scripted::events()),
        false => world::unary(Scripted::new([data(ANSWER)])),
    });
    let request = world::asked(if streams { ASKED_STREAM } else { ASKED });
    world::drain(service.call(request).await.unwrap().into_body()).await.unwrap();
}

fn all_are_whole(spans: &[FinishedSpan]) {
    assert_eq!(spans.len(), CALLS);
    for span in spans {
        assert_eq!((span.name.as_str(), outcome(span)), ("chat gpt-4o-mini", "done"));
        assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 9);
        assert_eq!(span.attributes["gen_ai.response.id"], "c-1");
    }
}

#[test]
fn a_flush_has_them_all() {
    let world = World::new();
    world.calls();
    let report = world.telemetry.flush_blocking(Duration::from_secs(10)).unwrap();
    assert_eq!(report.delivered, CALLS as u64);
    all_are_whole(&world.sink.spans());
}

#[test]
fn a_shutdown_has_them_all() {
    let world = World::new();
    world.calls();
    let report = world.telemetry.shutdown_blocking(Duration::from_secs(10));
    assert_eq!((report.recorded, report.delivered), (CALLS as u64, CALLS as u64));
    all_are_whole(&world.sink.spans());
}

#[test]
fn dropping_it_has_them_all() {
    let world = World::new();
    world.calls();
    drop(world.telemetry);
    all_are_whole(&world.sink.spans());
}

#[test]
fn a_flush_awaited_on_a_current_thread_runtime_has_them_all() {
    let world = World::new();
    world.calls();
    world.runtime.block_on(world.telemetry.flush(Duration::from_secs(5))).unwrap();
    all_are_whole(&world.sink.spans());
}

/// Notes who writes on spans, and when the first did.
#[derive(Clone, Default)]
struct Writers(Arc<Mutex<Vec<ThreadId>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Writers {
    fn on_record(&self, id: &span::Id, _: &span::Record<'_>, context: Context<'_, S>) {
        if context.metadata(id).is_some_and(|metadata| metadata.name() == "gen_ai") {
            self.0.lock().unwrap().push(thread::current().id());
        }
    }
}

#[test]
fn nothing_is_read_on_the_callers_thread() {
    let world = World::new();
    let writers = Writers::default();
    let subscriber = tracing_subscriber::registry().with(world.telemetry.layer()).with(writers.clone());
    dispatcher::with_default(&Dispatch::new(subscriber), || {
        for call in 0..CALLS {
            world.runtime.block_on(one(call % 2 == 0));
        }
    });
    let World { sink, telemetry, .. } = world;
    thread::spawn(move || telemetry.flush_blocking(Duration::from_secs(10)).unwrap()).join().unwrap();
    all_are_whole(&sink.spans());
    let writers = writers.0.lock().unwrap();
    assert_eq!(writers.len(), CALLS);
    assert!(!writers.contains(&thread::current().id()));
}

#[test]
fn a_span_ends_when_the_call_did_and_not_when_it_was_read() {
    let world = World::new();
    let writers = Writers::default();
    // The reader cannot finish a span before the call has long been over.
    let held = writers.0.lock().unwrap();
    let subscriber = tracing_subscriber::registry().with(world.telemetry.layer()).with(writers.clone());
    dispatcher::with_default(&Dispatch::new(subscriber), || world.runtime.block_on(one(true)));
    let over = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    drop(held);
    drop(world.telemetry);
    let spans = world.sink.spans();
    assert!(u128::from(spans[0].end_unix_nanos) <= over);
    assert!(spans[0].start_unix_nanos < spans[0].end_unix_nanos);
}

#[test]
fn streams_that_are_left_or_broken_tell_what_came() {
    let world = World::new();
    let broken = || Scripted::new([data(EVENTS[0]), data(EVENTS[1]), data(" "), Step::Fail("reset by peer")]);
    dispatcher::with_default(&world.subscriber(), || {
        world.runtime.block_on(async {
            let mut service = world::answering(move || world::streamed(broken()));
            let body = service.call(world::asked(ASKED_STREAM)).await.unwrap().into_body();
            assert!(world::drain(body).await.is_err());
            let mut body = service.call(world::asked(ASKED_STREAM)).await.unwrap().into_body();
            for _ in 0..3 {
                world::chunk(&mut body).await.unwrap().unwrap();
            }
        });
    });
    drop(world.telemetry);
    let spans = world.sink.spans();
    assert_eq!(spans.iter().map(outcome).collect::<Vec<_>>(), ["failed", "abandoned"]);
    for span in &spans {
        assert_eq!(span.attributes["gen_ai.response.id"], "c-1");
    }
}

#[test]
fn the_parent_ends_after_the_call_even_if_it_is_closed_first() {
    let world = World::new();
    dispatcher::with_default(&world.subscriber(), || {
        let parent = tracing::info_span!("parent");
        parent.in_scope(|| world.runtime.block_on(one(false)));
    });
    drop(world.telemetry);
    let spans = world.sink.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name).expect("a span");
    let (parent, call) = (named("parent"), named("chat gpt-4o-mini"));
    assert_eq!(call.parent_span_id.as_deref(), Some(parent.span_id.as_str()));
    assert!(parent.end_unix_nanos >= call.end_unix_nanos);
}
