//! The probe: one span that tells whether a subscriber has another OpenTelemetry layer.
//!
//! Ours refuses it. A layer above or below that takes it has left its data in it. One that its
//! filter keeps from it is found by who answers: of all OpenTelemetry layers the outermost starts a
//! span that somebody asks about, whoever made it. The probe is never entered, nor exported: it is
//! made on a thread of its own where telemetry is suppressed, since a subscriber that is being set
//! up is no place for arbitrary code, and closed again at once.

use super::{Remover, Watch};
use opentelemetry::Context as OtelContext;
use std::{
    cell::Cell,
    sync::{Arc, atomic::Ordering, mpsc},
    time::Duration,
};
use tracing::{
    Dispatch, Level, Metadata, Subscriber,
    callsite::{Callsite, Identifier},
    dispatcher::{get_default, set_default},
    field::FieldSet,
    level_filters::LevelFilter,
    metadata::Kind,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    Layer,
    layer::{Context, Filter},
    registry::LookupSpan,
};

/// A subscriber that is still busy after this answers later: it is not waited for.
const PATIENCE: Duration = Duration::from_millis(100);

/// Told from others by its address, so it must have one of its own: it cannot be empty.
struct ProbeCallsite(#[expect(dead_code, reason = "makes room")] u8);

static CALLSITE: ProbeCallsite = ProbeCallsite(0);

static METADATA: Metadata<'static> = Metadata::new(
    "tracing_genai.probe",
    "tracing_genai",
    // What layers of OpenTelemetry are filtered to as a rule.
    Level::INFO,
    None,
    None,
    None,
    FieldSet::new(&[], Identifier(&CALLSITE)),
    Kind::SPAN,
);

#[allow(clippy::missing_trait_methods, reason = "the other method is sealed")]
impl Callsite for ProbeCallsite {
    fn set_interest(&self, _interest: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &METADATA
    }
}

pub(super) fn is_probe(metadata: &Metadata<'_>) -> bool {
    metadata.callsite() == Identifier(&CALLSITE)
}

/// What a probe found out, on its thread.
#[derive(Clone, Copy, Default)]
struct Finding {
    /// Whose probe it is, by the address of its watch.
    prober: usize,
    /// Another layer left its data.
    another: bool,
    /// The layer whose probe it is has put data of its own there: the subscriber is its own, and the
    /// outermost layer can be asked.
    planted: bool,
    /// It was ours that answered.
    ours: bool,
}

thread_local! {
    static FINDING: Cell<Option<Finding>> = const { Cell::new(None) };
}

fn note(change: impl FnOnce(&mut Finding)) {
    FINDING.with(|cell| {
        if let Some(mut finding) = cell.get() {
            change(&mut finding);
            cell.set(Some(finding));
        }
    });
}

/// Called by our tracer whenever it starts a span.
pub(super) fn note_ours() {
    note(|finding| finding.ours = true);
}

/// Called by whoever sees whether another layer left its data in a probe.
pub(super) fn note_another(found: bool) {
    note(|finding| finding.another |= found);
}

/// Makes the probe, once for each layer, and turns the layer off if there is another. Without a
/// subscriber it is made in the global one: nobody says here which is current.
pub(super) fn make(watch: &Arc<Watch>, dispatch: Option<&Dispatch>) {
    if watch.is_probed.swap(true, Ordering::SeqCst) {
        return;
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let (watch, dispatch) = (Arc::clone(watch), dispatch.cloned());
    let thread = std::thread::Builder::new().name("tracing-genai-probe".into()).spawn(move || {
        let dispatch = dispatch.unwrap_or_else(|| get_default(Dispatch::clone));
        if finds_another(&watch, &dispatch) {
            watch.turn_off();
        }
        let _ = sender.send(());
    });
    if thread.is_ok() {
        // A panic of some layer ends the thread and with it the wait.
        let _ = receiver.recv_timeout(PATIENCE);
    }
}

fn finds_another(watch: &Arc<Watch>, dispatch: &Dispatch) -> bool {
    let _suppressed = OtelContext::enter_telemetry_suppressed_scope();
    let _silent = set_default(&Dispatch::none());
    FINDING.set(Some(Finding { prober: Arc::as_ptr(watch).addr(), ..Finding::default() }));
    // Contextual, and not a root: it is this thread's context that suppresses it.
    let values = METADATA.fields().value_set(&[]);
    // Layers with filters of their own learn from this whether the span is for them.
    dispatch.enabled(&METADATA);
    let id = dispatch.new_span(&Attributes::new(&METADATA, &values));
    // The prober looks for data, and plants its own.
    dispatch.record(&id, &Record::new(&values));
    let answered = tracing_opentelemetry::get_otel_context(&id, dispatch).is_some();
    dispatch.try_close(id);
    let finding = FINDING.take().unwrap_or_default();
    finding.planted && (finding.another || (answered && !finding.ours))
}

/// Takes part in probes, and in nothing else.
pub(super) struct Prober<S> {
    watch: Arc<Watch>,
    remover: Remover<S>,
    planter: OpenTelemetryLayer<S, opentelemetry::trace::noop::NoopTracer>,
}

impl<S> Prober<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    pub(super) fn new(watch: Arc<Watch>) -> Self {
        Self { watch, remover: Remover::new(), planter: OpenTelemetryLayer::default() }
    }
}

#[allow(clippy::missing_trait_methods, reason = "downcast_raw is unsafe, and the rest is not needed")]
impl<S> Layer<S> for Prober<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        make(&self.watch, Some(dispatch));
    }

    fn on_record(&self, id: &Id, _values: &Record<'_>, ctx: Context<'_, S>) {
        note_another(self.remover.remove(id, ctx.clone()));
        let values = METADATA.fields().value_set(&[]);
        self.planter.on_new_span(&Attributes::new(&METADATA, &values), id, ctx);
        note(|finding| finding.planted |= finding.prober == Arc::as_ptr(&self.watch).addr());
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        self.remover.remove(&id, ctx);
    }
}

/// Lets probes through and nothing else.
pub(super) struct OnlyProbes;

#[allow(clippy::missing_trait_methods, reason = "a filter of metadata needs no more")]
impl<S> Filter<S> for OnlyProbes {
    fn enabled(&self, metadata: &Metadata<'_>, _cx: &Context<'_, S>) -> bool {
        is_probe(metadata)
    }

    fn callsite_enabled(&self, _metadata: &'static Metadata<'static>) -> Interest {
        Interest::never()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::OFF)
    }
}
