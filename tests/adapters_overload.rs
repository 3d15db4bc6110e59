//! Where bodies come faster than they can be read the caller does not wait for it, and no span is lost.

#![cfg(all(feature = "tower", feature = "reqwest-middleware"))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

#[path = "adapters/world.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod world;

use bytes::Bytes;
use http_body_util::Full;
use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};
use tower_service::Service;
use tracing::{Dispatch, Subscriber, dispatcher, span};
use tracing_genai::{Finding, Telemetry, diagnosis, export::Destination, testing::OtlpSink};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};
use world::{ANSWER, Scripted, data};

/// Holds the thread that reads bodies up, when it writes on its first span.
#[derive(Clone, Default)]
struct HeldUp(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    is_there: bool,
    may_go_on: bool,
}

impl HeldUp {
    fn wait_until(&self, is_so: impl Fn(&State) -> bool) {
        let (state, changed) = &*self.0;
        let patience = Duration::from_secs(10);
        let wait = changed.wait_timeout_while(state.lock().unwrap(), patience, |state| !is_so(state));
        assert!(!wait.unwrap().1.timed_out());
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for HeldUp {
    fn on_record(&self, _: &span::Id, _: &span::Record<'_>, _: Context<'_, S>) {
        if thread::current().name() == Some("tracing-genai-reader") {
            self.change(|state| state.is_there = true);
            self.wait_until(|state| state.may_go_on);
        }
    }
}

fn overloaded() -> u64 {
    diagnosis()
        .into_iter()
        .find(|(finding, _)| *finding == Finding::ReaderOverloaded)
        .map_or(0, |(_, count)| count)
}

#[test]
fn a_span_that_nobody_has_time_to_read_ends_with_what_the_headers_told() {
    let sink = OtlpSink::start().unwrap();
    let telemetry = Telemetry::builder().destination(Destination::otlp(sink.endpoint())).build().unwrap();
    let held_up = HeldUp::default();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer()).with(held_up.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // All share this buffer; it counts for each that waits.
    let filling = " ".repeat((4 << 20) - 100);
    let body = Bytes::from(format!(r#"{{"model":"gpt-4o-mini","messages":[]{filling}}}"#));
    let call = || async {
        let mut service = world::answering(|| {
            let mut answer = world::unary(Scripted::new([data(ANSWER)]));
            answer.headers_mut().insert("x-request-id", "r-1".parse().unwrap());
            answer
        });
        let answer = service.call(world::post(Full::new(body.clone()))).await.unwrap();
        assert_eq!(world::drain(answer.into_body()).await.unwrap(), ANSWER);
    };
    let (waiting, too_many) = (15, 5);
    dispatcher::with_default(&Dispatch::new(subscriber), || {
        runtime.block_on(call());
        held_up.wait_until(|state| state.is_there);
        // 64 MiB may wait.
        for _ in 0..waiting {
            runtime.block_on(call());
        }
        assert_eq!(overloaded(), 0);
        for _ in 0..too_many {
            runtime.block_on(call());
        }
        assert_eq!(overloaded(), too_many);
    });
    held_up.change(|state| state.may_go_on = true);
    drop(telemetry);

    let spans = sink.spans();
    assert_eq!(spans.len() as u64, 1 + waiting + too_many);
    let (read, unread): (Vec<_>, Vec<_>) =
        spans.iter().partition(|span| span.attribute("gen_ai.usage.input_tokens").is_some());
    assert_eq!(unread.len() as u64, too_many);
    assert_eq!(read.len() as u64, 1 + waiting);
    for span in unread {
        assert_eq!((span.name.as_str(), world::outcome(span)), ("chat gpt-4o-mini", "done"));
        assert_eq!(span.attributes["gen_ai.request.model"], "gpt-4o-mini");
    }
}
