//! The OpenTelemetry layer that [`Telemetry::layer`](super::Telemetry::layer) makes, which never
//! shares a subscriber with another one.
//!
//! Two OpenTelemetry layers in one registry make the first span panic: both store their data of a
//! span under the same type. So ours asks, before any span is made, whether another is there
//! ([`probe`]), and for each span that it takes whether one below it was faster ([`Yielder`]).

mod probe;

use opentelemetry::{
    Context as OtelContext,
    trace::{
        SpanBuilder, Tracer,
        noop::{NoopSpan, NoopTracer},
    },
};
use opentelemetry_sdk::trace::{SdkTracer, Span};
use probe::{Prober, is_probe};
use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::{
    Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id},
    subscriber::Interest,
};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    Layer,
    layer::{Context, Filter},
    registry::LookupSpan,
};

/// Crates that exporting is made of: a span of theirs would be about the export itself.
const NOISY: [&str; 7] = ["hyper", "hyper_util", "h2", "reqwest", "tonic", "rustls", "opentelemetry"];

/// What the parts of one layer share.
pub(super) struct Watch {
    level: LevelFilter,
    /// There is another OpenTelemetry layer: this one takes no spans.
    is_off: AtomicBool,
    /// Whether the probe has been made.
    is_probed: AtomicBool,
    on_second_layer: Box<dyn Fn() + Send + Sync>,
}

impl Watch {
    fn turn_off(&self) {
        if !self.is_off.swap(true, Ordering::SeqCst) {
            (self.on_second_layer)();
        }
    }

    fn is_off(&self) -> bool {
        self.is_off.load(Ordering::SeqCst)
    }

    fn is_probed(&self) -> bool {
        self.is_probed.load(Ordering::SeqCst)
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && !is_noisy(metadata.target()) && !is_probe(metadata)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").field("level", &self.level).field("is_off", &self.is_off()).finish()
    }
}

fn is_noisy(target: &str) -> bool {
    let krate = target.split("::").next().unwrap_or(target);
    NOISY.contains(&krate)
}

/// The layer: spans and events up to `level`, without those of the export itself.
pub(super) fn layer<S>(
    tracer: SdkTracer,
    level: LevelFilter,
    on_second_layer: impl Fn() + Send + Sync + 'static,
) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let watch = Arc::new(Watch {
        level,
        is_off: AtomicBool::new(false),
        is_probed: AtomicBool::new(level == LevelFilter::OFF),
        on_second_layer: Box::new(on_second_layer),
    });
    let spans = OpenTelemetryLayer::new(OurTracer(tracer));
    let yielder = Yielder { watch: Arc::clone(&watch), remover: Remover::new() };
    let prober = Prober::new(Arc::clone(&watch));
    // The left of a pair is asked first: the yielder stands before the spans.
    let spans = yielder.and_then(spans).and_then(Retractor(Remover::new())).with_filter(Guard(watch));
    prober.with_filter(probe::OnlyProbes).and_then(spans)
}

/// Keeps spans from the layer that it does not want, leaving other layers alone.
struct Guard(Arc<Watch>);

impl<S: Subscriber> Filter<S> for Guard {
    fn enabled(&self, metadata: &Metadata<'_>, _cx: &Context<'_, S>) -> bool {
        if !self.0.wants(metadata) || self.0.is_off() {
            return false;
        }
        if !self.0.is_probed() {
            // An `Option` or a `Vec` of layers does not tell them which subscriber they are part of.
            probe::make(&self.0, None);
        }
        !self.0.is_off()
    }

    /// Never "always": then ours could not turn off without asking every callsite again, and what
    /// somebody's `enabled!` left behind would decide about the next span (tokio-rs/tracing#2519).
    /// ([`OnlyProbes`](probe::OnlyProbes), which no callsite interests, keeps the sum from it too.)
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.0.wants(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn event_enabled(&self, _event: &tracing::Event<'_>, _cx: &Context<'_, S>) -> bool {
        true
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.level)
    }

    fn on_new_span(&self, _attrs: &Attributes<'_>, _id: &Id, _ctx: Context<'_, S>) {}

    fn on_record(&self, _id: &Id, _values: &tracing::span::Record<'_>, _ctx: Context<'_, S>) {}

    fn on_enter(&self, _id: &Id, _ctx: Context<'_, S>) {}

    fn on_exit(&self, _id: &Id, _ctx: Context<'_, S>) {}

    fn on_close(&self, _id: Id, _ctx: Context<'_, S>) {}
}

/// Makes room for our layer in each span that it takes: where a layer below has been there first,
/// its data goes, so that nothing panics, ours stands in for it in this one span, and from the next
/// on ours is off. This is what finds a layer whose filter hid it from the probe.
struct Yielder<S> {
    watch: Arc<Watch>,
    remover: Remover<S>,
}

#[allow(clippy::missing_trait_methods, reason = "downcast_raw is unsafe, and the rest is not needed")]
impl<S> Layer<S> for Yielder<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let found = self.remover.remove(id, ctx);
        if is_probe(attrs.metadata()) {
            probe::note_another(found);
        } else if found {
            self.watch.turn_off();
        }
    }
}

/// Takes our data out of a probe, which the guard refuses but gets nevertheless when a filter of the
/// whole subscriber has answered before it.
struct Retractor<S>(Remover<S>);

#[allow(clippy::missing_trait_methods, reason = "downcast_raw is unsafe, and the rest is not needed")]
impl<S> Layer<S> for Retractor<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if is_probe(attrs.metadata()) {
            self.0.remove(id, ctx);
        }
    }
}

/// Takes the OpenTelemetry data out of a span, by the one way that there is: a layer of its own whose
/// `on_close` does, and whose tracer hears of it.
struct Remover<S>(OpenTelemetryLayer<S, Ear>);

impl<S> Remover<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn new() -> Self {
        Self(OpenTelemetryLayer::new(Ear))
    }

    /// Whether there was any that had not been started.
    fn remove(&self, id: &Id, ctx: Context<'_, S>) -> bool {
        HEARD.set(false);
        self.0.on_close(id.clone(), ctx);
        HEARD.replace(false)
    }
}

thread_local! {
    static HEARD: Cell<bool> = const { Cell::new(false) };
}

/// A tracer that makes nothing and notes that it was asked.
#[derive(Debug)]
struct Ear;

#[allow(clippy::missing_trait_methods, reason = "the other methods all end here")]
impl Tracer for Ear {
    type Span = NoopSpan;

    fn build_with_context(&self, builder: SpanBuilder, parent: &OtelContext) -> NoopSpan {
        HEARD.set(true);
        NoopTracer::new().build_with_context(builder, parent)
    }
}

/// The SDK's tracer, which notes that it was ours that was asked.
#[derive(Debug)]
struct OurTracer(SdkTracer);

#[allow(clippy::missing_trait_methods, reason = "the other methods all end here")]
impl Tracer for OurTracer {
    type Span = Span;

    fn build_with_context(&self, builder: SpanBuilder, parent: &OtelContext) -> Span {
        probe::note_ours();
        self.0.build_with_context(builder, parent)
    }
}
