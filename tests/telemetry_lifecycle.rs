//! Flushing and ending, from wherever the program is.

mod export_receiver;

use export_receiver::{Program, Receiver, balanced, nowhere};
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::time::{Duration, Instant};
use tracing_genai::export::{Destination, Telemetry};

#[test]
fn dropping_it_delivers_what_is_left() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    drop(program.telemetry);
    assert_eq!(receiver.names(), ["work"]);
}

#[test]
fn flushing_the_provider_delivers_what_is_there() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    program.provider.force_flush().unwrap();
    assert_eq!(receiver.names(), ["work"]);
}

#[test]
fn shutting_the_provider_down_delivers_what_is_there() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    program.provider.shutdown().unwrap();
    assert_eq!(receiver.names(), ["work"]);
}

#[test]
fn a_span_that_ends_after_the_shutdown_is_counted() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    let late = program.provider.tracer("test").start("late");
    drop(program.telemetry);
    drop(late);
    let problems = program.problems.lock().unwrap();
    assert_eq!(problems[0].reason.as_deref(), Some("after_shutdown"));
    assert!(receiver.names().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn a_flush_on_a_current_thread_runtime_comes_to_an_end() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    assert_eq!(program.telemetry.flush(Duration::from_secs(5)).await.unwrap().delivered, 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_blocking_flush_inside_a_current_thread_runtime_comes_to_an_end() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    assert_eq!(program.flush().delivered, 1);
    program.provider.force_flush().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_flush_inside_a_multi_thread_runtime_comes_to_an_end() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    assert_eq!(program.flush().delivered, 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_shutdown_delivers_and_reports() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    let report = balanced(program.telemetry.shutdown(Duration::from_secs(5)).await);
    assert_eq!((report.recorded, report.delivered), (1, 1));
}

#[tokio::test(flavor = "current_thread")]
async fn dropping_it_inside_a_runtime_comes_to_an_end() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    drop(program.telemetry);
    assert_eq!(receiver.names(), ["work"]);
}

#[test]
fn a_flush_needs_no_runtime() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    let report = block_on(program.telemetry.flush(Duration::from_secs(5))).unwrap();
    assert_eq!(report.delivered, 1);
}

#[test]
fn dropping_it_is_over_in_time_when_nobody_takes_the_spans() {
    let program = Program::with(
        Telemetry::builder()
            .destination(Destination::otlp(nowhere()))
            .drop_timeout(Duration::from_millis(100)),
    );
    program.span("work");
    let start = Instant::now();
    drop(program.telemetry);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_hook_that_flushes_does_not_hang() {
    use std::sync::{Arc, OnceLock, mpsc};
    let receiver = Receiver::answering(|_, _| export_receiver::status(400));
    let shared = Arc::new(OnceLock::<SdkTracerProvider>::new());
    let (told, heard) = mpsc::channel();
    let provider = Arc::clone(&shared);
    let telemetry = Telemetry::builder()
        .destination(Destination::otlp(&receiver.url))
        .on_problem(move |_| {
            let result = provider.get().map(SdkTracerProvider::force_flush);
            let _ = told.send(result.is_some_and(|result| result.is_err()));
        })
        .build()
        .unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    shared.set(provider.clone()).unwrap();
    drop(provider.tracer("test").start("work"));
    telemetry.flush_blocking(Duration::from_secs(5)).unwrap();
    assert!(heard.recv_timeout(Duration::from_secs(5)).unwrap());
}

/// Any executor will do: this one parks the thread.
fn block_on<F: Future>(future: F) -> F::Output {
    use std::{
        pin::pin,
        sync::Arc,
        task::{Context, Poll, Wake, Waker},
        thread::{self, Thread},
    };
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_hook_may_log() {
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::{Layer, layer::SubscriberExt};

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<&'static str>>>);
    impl<S: tracing::Subscriber> Layer<S> for Heard {
        fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            self.0.lock().unwrap().push(event.metadata().name());
        }
    }

    let heard = Heard::default();
    let subscriber = tracing_subscriber::registry().with(heard.clone());
    // The courier's thread has no subscriber but the global one.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let receiver = Receiver::answering(|_, _| export_receiver::status(400));
    let telemetry = Telemetry::builder()
        .destination(Destination::otlp(receiver.url.clone()))
        .on_problem(|problem| tracing::event!(name: "problem", tracing::Level::ERROR, "{problem}"))
        .build()
        .unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    provider.tracer("test").in_span("work", |_| ());
    telemetry.flush_blocking(Duration::from_secs(10)).unwrap();
    assert!(heard.0.lock().unwrap().contains(&"problem"));
}
