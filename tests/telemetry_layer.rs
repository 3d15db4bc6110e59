//! `Telemetry::layer()` alone, and beside an OpenTelemetry layer that the program has.
#![allow(clippy::unwrap_used, reason = "a test")]

use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tracing::{Dispatch, Level, Subscriber, dispatcher::with_default, level_filters::LevelFilter};
use tracing_genai::export::{Destination, ProblemKind, Telemetry};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{Targets, filter_fn},
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    reload,
};

type Problems = Arc<Mutex<Vec<ProblemKind>>>;

/// A telemetry whose spans stay pending, and the problems that it tells.
fn telemetry() -> (Telemetry, Problems) {
    let problems = Problems::default();
    let told = Arc::clone(&problems);
    let telemetry = Telemetry::builder()
        .destination(Destination::otlp("http://127.0.0.1:1"))
        .drop_timeout(Duration::ZERO)
        .on_problem(move |problem| told.lock().unwrap().push(problem.kind))
        .build()
        .unwrap();
    (telemetry, problems)
}

/// The program's own OpenTelemetry, and what it exports.
struct Theirs {
    provider: SdkTracerProvider,
    spans: InMemorySpanExporter,
}

impl Theirs {
    fn new() -> Self {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        Self { provider, spans }
    }

    fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer().with_tracer(self.provider.tracer("theirs"))
    }

    fn names(&self) -> Vec<String> {
        let spans = self.spans.get_finished_spans().unwrap();
        spans.into_iter().map(|span| span.name.into_owned()).collect()
    }
}

/// Three spans: one with a child, and one that is never entered.
fn work() {
    tracing::info_span!("parent").in_scope(|| {
        tracing::info_span!("child").in_scope(|| tracing::info!("inside"));
    });
    drop(tracing::info_span!("idle"));
}

/// Runs the work under a subscriber with both layers: theirs must work as if alone, and ours say why
/// it does not.
fn theirs_works_and_ours_is_off(
    subscriber: impl Subscriber + Send + Sync,
    theirs: &Theirs,
    telemetry: &Telemetry,
) {
    with_default(&Dispatch::new(subscriber), || {
        work();
        work();
    });
    let expected = ["child", "parent", "idle", "child", "parent", "idle"];
    assert_eq!(theirs.names(), expected);
    let error = telemetry.check().unwrap_err().to_string();
    assert!(error.contains("processors()"), "{error}");
}

#[test]
fn alone_it_takes_the_spans() {
    let (telemetry, _) = telemetry();
    with_default(&Dispatch::new(Registry::default().with(telemetry.layer())), work);
    assert_eq!(telemetry.report().recorded, 3);
    telemetry.check().unwrap();
}

#[test]
fn alone_the_context_of_a_span_can_be_read_and_its_parent_set() {
    let (telemetry, _) = telemetry();
    with_default(&Dispatch::new(Registry::default().with(telemetry.layer())), || {
        let span = tracing::info_span!("caller");
        let context = span.context();
        assert!(context.span().span_context().is_valid());
        let callee = tracing::info_span!("callee");
        callee.set_parent(context.clone()).unwrap();
        assert_eq!(
            callee.context().span().span_context().trace_id(),
            context.span().span_context().trace_id()
        );
    });
}

#[test]
fn alone_nothing_is_told() {
    let (telemetry, problems) = telemetry();
    let subscriber = Registry::default().with(telemetry.layer());
    with_default(&Dispatch::new(subscriber), || ());
    assert!(problems.lock().unwrap().is_empty());
}

#[test]
fn alone_in_an_option_it_takes_the_spans() {
    let (telemetry, _) = telemetry();
    with_default(&Dispatch::new(Registry::default().with(Some(telemetry.layer()))), work);
    assert_eq!(telemetry.report().recorded, 3);
    telemetry.check().unwrap();
}

#[test]
fn alone_in_a_vec_it_takes_the_spans() {
    let (telemetry, _) = telemetry();
    with_default(&Dispatch::new(Registry::default().with(vec![telemetry.layer().boxed()])), work);
    assert_eq!(telemetry.report().recorded, 3);
    telemetry.check().unwrap();
}

#[test]
fn alone_behind_reload_it_takes_the_spans() {
    let (telemetry, _) = telemetry();
    let (layer, _handle) = reload::Layer::new(Some(telemetry.layer()));
    with_default(&Dispatch::new(Registry::default().with(layer)), work);
    assert_eq!(telemetry.report().recorded, 3);
    telemetry.check().unwrap();
}

#[test]
fn theirs_below_ours() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let subscriber = Registry::default().with(theirs.layer()).with(telemetry.layer());
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
    assert_eq!(telemetry.report().recorded, 0);
}

#[test]
fn theirs_above_ours() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let subscriber = Registry::default().with(telemetry.layer()).with(theirs.layer());
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
    assert_eq!(telemetry.report().recorded, 0);
}

#[test]
fn theirs_behind_reload_below_ours() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let (reloadable, _handle) = reload::Layer::new(theirs.layer());
    let subscriber = Registry::default().with(reloadable).with(telemetry.layer());
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

#[test]
fn theirs_behind_reload_above_ours() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let (reloadable, _handle) = reload::Layer::new(theirs.layer());
    let subscriber = Registry::default().with(telemetry.layer()).with(reloadable);
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

#[test]
fn theirs_with_a_level_of_its_own_below_ours() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let subscriber =
        Registry::default().with(theirs.layer().with_filter(LevelFilter::INFO)).with(telemetry.layer());
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

#[test]
fn theirs_with_a_level_of_its_own_above_ours() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let subscriber =
        Registry::default().with(telemetry.layer()).with(theirs.layer().with_filter(LevelFilter::INFO));
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

fn this_crate_only() -> Targets {
    Targets::new().with_target(module_path!(), Level::TRACE)
}

#[test]
fn theirs_for_other_targets_below_ours() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let subscriber =
        Registry::default().with(theirs.layer().with_filter(this_crate_only())).with(telemetry.layer());
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

#[test]
fn theirs_for_other_targets_above_ours() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let subscriber =
        Registry::default().with(telemetry.layer()).with(theirs.layer().with_filter(this_crate_only()));
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

#[test]
fn theirs_boxed_among_others() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> =
        vec![theirs.layer().boxed(), tracing_subscriber::fmt::layer().with_writer(std::io::sink).boxed()];
    let subscriber = Registry::default().with(layers).with(telemetry.layer());
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

#[test]
fn ours_boxed() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let subscriber = Registry::default().with(telemetry.layer().boxed()).with(theirs.layer());
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

#[test]
fn ours_with_a_filter_around_it() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let subscriber =
        Registry::default().with(telemetry.layer().with_filter(LevelFilter::INFO)).with(theirs.layer());
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

#[test]
fn ours_in_an_option_above_theirs() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let subscriber = Registry::default().with(theirs.layer()).with(Some(telemetry.layer()));
    theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
}

#[test]
fn a_filter_on_the_whole_subscriber() {
    for theirs_first in [true, false] {
        let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
        let filter = EnvFilter::new(format!("{}=info", module_path!()));
        if theirs_first {
            let subscriber = Registry::default().with(filter).with(theirs.layer()).with(telemetry.layer());
            theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
        } else {
            let subscriber = Registry::default().with(telemetry.layer()).with(theirs.layer()).with(filter);
            theirs_works_and_ours_is_off(subscriber, &theirs, &telemetry);
        }
    }
}

#[test]
fn ours_twice_is_found_too() {
    let (telemetry, _) = telemetry();
    let subscriber = Registry::default().with(telemetry.layer()).with(telemetry.layer());
    with_default(&Dispatch::new(subscriber), work);
    assert!(telemetry.check().is_err());
}

#[test]
fn a_second_layer_is_told_once() {
    let ((telemetry, problems), theirs) = (telemetry(), Theirs::new());
    for _ in 0..2 {
        let subscriber = Registry::default().with(theirs.layer()).with(telemetry.layer());
        with_default(&Dispatch::new(subscriber), work);
    }
    let _ = telemetry.flush_blocking(Duration::ZERO);
    drop(telemetry);
    assert_eq!(*problems.lock().unwrap(), [ProblemKind::SecondLayer]);
}

#[test]
fn a_subscriber_with_theirs_does_not_turn_off_one_without() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    let alone = Dispatch::new(Registry::default().with(telemetry.layer()));
    let _both = Dispatch::new(Registry::default().with(theirs.layer()).with(telemetry.layer()));
    with_default(&alone, work);
    assert_eq!(telemetry.report().recorded, 3);
}

#[test]
fn the_probe_is_in_nobodys_export() {
    let ((telemetry, _), theirs) = (telemetry(), Theirs::new());
    drop(Dispatch::new(Registry::default().with(theirs.layer()).with(telemetry.layer())));
    drop(Dispatch::new(Registry::default().with(telemetry.layer())));
    assert!(theirs.names().is_empty());
    assert_eq!(telemetry.report().recorded, 0);
}

#[test]
fn a_layer_that_makes_spans_while_it_is_set_up_does_not_hold_it_up() {
    struct Talkative;
    impl<S: Subscriber> Layer<S> for Talkative {
        fn on_new_span(&self, _: &tracing::span::Attributes<'_>, _: &tracing::Id, _: Context<'_, S>) {
            tracing::info!("a span, while the subscriber is being registered");
        }
    }
    let (telemetry, _) = telemetry();
    let _another = Dispatch::new(Registry::default());
    let start = std::time::Instant::now();
    let subscriber = Registry::default().with(Talkative).with(telemetry.layer());
    with_default(&Dispatch::new(subscriber), work);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(telemetry.report().recorded, 3);
}

#[test]
fn what_it_leaves_out_other_layers_still_get() {
    #[derive(Clone, Default)]
    struct Names(Arc<Mutex<Vec<&'static str>>>);
    impl<S: Subscriber> Layer<S> for Names {
        fn on_new_span(&self, attrs: &tracing::span::Attributes<'_>, _: &tracing::Id, _: Context<'_, S>) {
            self.0.lock().unwrap().push(attrs.metadata().name());
        }
    }
    let (telemetry, _) = telemetry();
    let names = Names::default();
    let seen = names.clone().with_filter(filter_fn(|metadata| metadata.target() != "tracing_genai"));
    with_default(&Dispatch::new(Registry::default().with(telemetry.layer()).with(seen)), || {
        drop(tracing::debug_span!("detail"));
        drop(tracing::info_span!(target: "hyper::client", "connect"));
        drop(tracing::info_span!("work"));
    });
    assert_eq!(*names.0.lock().unwrap(), ["detail", "connect", "work"]);
    assert_eq!(telemetry.report().recorded, 1);
}

#[test]
fn alone_it_does_not_raise_the_level_of_the_program() {
    let (telemetry, _) = telemetry();
    let subscriber = Registry::default().with(telemetry.layer());
    assert_eq!(subscriber.max_level_hint(), Some(LevelFilter::INFO));
    with_default(&Dispatch::new(subscriber), || {
        assert!(tracing::debug_span!("detail").is_disabled());
        assert!(!tracing::info_span!("work").is_disabled());
    });
}

/// tokio-rs/tracing#2519: what `enabled!` found out stays behind, and the next span pays for it.
#[test]
fn a_question_of_somebody_else_does_not_cost_the_next_span() {
    let (telemetry, _) = telemetry();
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    let log = log.with_filter(LevelFilter::INFO);
    let subscriber = Registry::default().with(log).with(telemetry.layer());
    with_default(&Dispatch::new(subscriber), || {
        for _ in 0..2 {
            let _ = tracing::enabled!(target: "hyper", Level::INFO);
            drop(tracing::info_span!("work"));
        }
    });
    assert_eq!(telemetry.report().recorded, 2);
}
