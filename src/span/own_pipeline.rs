//! Spans that go straight into a `Telemetry` which asked for them, whatever the program's filter, layers and
//! sampler say.
//!
//! While such a `Telemetry` lives its [`Route`] stands in a slot of the process, and each operation gets a
//! span of its provider beside the `tracing` span. Where that one has an OpenTelemetry span, the twin, both
//! have the same ids, so that two back ends agree. The program's context is left as it is: its own spans and
//! what it propagates never name a span of ours that its exporters have not seen. Ours find each other by a
//! value that the context carries instead.

use crate::{
    context::as_own,
    record::{Operation, Side},
};
use opentelemetry::{
    Context,
    trace::{SpanBuilder, SpanContext, SpanId, SpanKind, TraceContextExt, TraceId},
};
use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::LocalKey,
    time::SystemTime,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Starts a span below the one of a context, and gives the context with it.
type Start = dyn Fn(SpanBuilder, &Context) -> Context + Send + Sync;

/// The way into a `Telemetry`.
#[derive(Clone)]
pub(crate) struct Route {
    /// Tells its spans' processors from others'.
    pub(crate) pipeline: usize,
    /// Whether the program's own spans reach it too, by its layer or its processors.
    #[cfg_attr(not(feature = "instrument"), allow(dead_code, reason = "only what adapters see asks"))]
    pub(crate) is_connected: Arc<AtomicBool>,
    pub(crate) start: Arc<Start>,
}

impl fmt::Debug for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Route").field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}

static IS_TAKEN: AtomicBool = AtomicBool::new(false);
static SLOT: RwLock<Option<Route>> = RwLock::new(None);

/// Holds the slot.
#[derive(Debug)]
pub(crate) struct Claim(());

impl Claim {
    /// Takes the slot for this route; `None` if another has it.
    pub(crate) fn take(route: Route) -> Option<Self> {
        let mut slot = SLOT.write().unwrap_or_else(PoisonError::into_inner);
        if slot.is_some() {
            return None;
        }
        *slot = Some(route);
        IS_TAKEN.store(true, Ordering::Relaxed);
        Some(Self(()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let route = {
            let mut slot = SLOT.write().unwrap_or_else(PoisonError::into_inner);
            IS_TAKEN.store(false, Ordering::Relaxed);
            slot.take()
        };
        // Outside of the lock: the provider may end with it.
        drop(route);
    }
}

/// Whether there is a pipeline of our own.
pub(super) fn is_taken() -> bool {
    IS_TAKEN.load(Ordering::Relaxed)
}

fn route() -> Option<Route> {
    if !is_taken() {
        return None;
    }
    SLOT.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// An operation's span in the pipeline of its own.
#[derive(Debug)]
pub(super) struct OwnSpan {
    context: Context,
    /// Its pipeline lives as long as the context does, so no other has this number meanwhile.
    pipeline: usize,
    /// Whether the program's exporters get the twin, so that spans below may name it.
    has_sampled_twin: bool,
}

/// The span of ours that surrounds what runs, carried by the context.
#[derive(Clone, Debug)]
struct Surrounding {
    span: SpanContext,
    has_sampled_twin: bool,
    /// The span of the program that is current along with it.
    beside: SpanId,
}

/// Starts the span of `operation`, if a pipeline of its own is there; to be called where the operation's
/// parent is current, or with the context of its `parent`. `twin` is the context of the program's OpenTelemetry
/// span for the same operation.
pub(super) fn start(
    operation: &Operation,
    twin: Option<&Context>,
    parent: Option<SpanContext>,
) -> Option<OwnSpan> {
    let route = route()?;
    start_on(&route, operation, twin, parent)
}

/// As [`start`], inside a span that another library made for the operation: only where that span does not
/// come by itself.
#[cfg(feature = "instrument")]
pub(super) fn start_within(operation: &Operation, theirs: Option<&Context>) -> Option<OwnSpan> {
    let route = route()?;
    let comes = route.is_connected.load(Ordering::Relaxed)
        && theirs.is_some_and(|context| context.span().is_recording());
    if comes { None } else { start_on(&route, operation, None, None) }
}

fn start_on(
    route: &Route,
    operation: &Operation,
    twin: Option<&Context>,
    given: Option<SpanContext>,
) -> Option<OwnSpan> {
    let here = Context::current();
    let parent = given.unwrap_or_else(|| parent(&here));
    let builder = SpanBuilder::from_name(operation.span_name()).with_kind(match operation.side {
        Side::Client => SpanKind::Client,
        Side::Internal => SpanKind::Internal,
    });
    let twin = twin.map(|twin| twin.span().span_context().clone());
    let shared = twin
        .as_ref()
        .filter(|twin| !parent.is_valid() || parent.trace_id() == twin.trace_id())
        .map(|twin| (twin.trace_id(), twin.span_id()));
    let below = here.with_remote_span_context(parent);
    let context = with(&IDS, shared, || as_own(|| (route.start)(builder, &below)));
    // It is not where telemetry is suppressed, or the pipeline has been shut down.
    let is_there = context.span().is_recording();
    let has_sampled_twin = twin.is_some_and(|twin| twin.is_sampled());
    is_there.then_some(OwnSpan { context, pipeline: route.pipeline, has_sampled_twin })
}

/// The span that an operation beginning here is a child of.
fn parent(here: &Context) -> SpanContext {
    let current = current_span(here);
    let Some(surrounding) = here.get::<Surrounding>() else { return current };
    // Somebody put a span of another process between.
    let is_elsewhere = current.is_remote() && current.span_id() != surrounding.beside;
    // A span between that is not sampled would be missing.
    let is_whole = surrounding.has_sampled_twin && current.is_sampled();
    if is_elsewhere || is_whole { current } else { surrounding.span.clone() }
}

/// The span that an operation beginning now is a child of.
pub(super) fn current() -> SpanContext {
    parent(&Context::current())
}

/// The program's span that is current in `here`, which is the current context.
pub(super) fn current_span(here: &Context) -> SpanContext {
    let attached = here.span().span_context().clone();
    if attached.is_valid() && !attached.is_remote() {
        return attached;
    }
    // A layer without context activation attaches nothing; then the extension finds it.
    let entered = Span::current().context();
    let entered = entered.span().span_context().clone();
    let is_below = entered.is_valid() && (!attached.is_valid() || attached.trace_id() == entered.trace_id());
    if is_below { entered } else { attached }
}

impl OwnSpan {
    /// The context with this span, to write to.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Ends the span, as of then or now.
    pub(super) fn end(self, ended: Option<SystemTime>) {
        end(&self.context, ended);
    }

    /// Runs what ends the program's span for the same operation, which our processors pass over.
    fn end_twin(&self, end: impl FnOnce()) {
        with(&SENT, self.pipeline, end);
    }
}

/// Runs `work` with `value` in the cell, which has its own value again after it, and after a panic in it.
fn with<T: Copy + 'static, R>(cell: &'static LocalKey<Cell<T>>, value: T, work: impl FnOnce() -> R) -> R {
    struct Restore<T: Copy + 'static>(&'static LocalKey<Cell<T>>, T);
    impl<T: Copy + 'static> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(cell, cell.replace(value));
    work()
}

/// Runs `work`, which ends the program's span, and says so where the same operation has a span of ours.
pub(super) fn beside(own: Option<&OwnSpan>, work: impl FnOnce()) {
    match own {
        Some(own) => own.end_twin(work),
        None => work(),
    }
}

/// Ends the span of `context`, as of then or now.
pub(super) fn end(context: &Context, ended: Option<SystemTime>) {
    match ended {
        Some(ended) => context.span().end_with_timestamp(ended),
        None => context.span().end(),
    }
}

/// Runs `work`, where operations that begin are below this span.
pub(super) fn within<T>(own: Option<&OwnSpan>, work: impl FnOnce() -> T) -> T {
    let Some(own) = own else { return work() };
    let surrounding = Surrounding {
        span: own.context.span().span_context().clone(),
        has_sampled_twin: own.has_sampled_twin,
        beside: Context::map_current(|context| context.span().span_context().span_id()),
    };
    let _attached = Context::current_with_value(surrounding).attach();
    work()
}

thread_local! {
    static IDS: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
    static SENT: Cell<usize> = const { Cell::new(0) };
}

/// The ids that the span starting on this thread is to have.
#[cfg_attr(not(feature = "export"), allow(dead_code, reason = "only a provider of ours asks"))]
pub(crate) fn ids() -> Option<(TraceId, SpanId)> {
    IDS.get()
}

/// Whether the span that is ending on this thread is one whose operation this pipeline gets by itself.
#[cfg_attr(not(feature = "export"), allow(dead_code, reason = "only a processor of ours asks"))]
pub(crate) fn gets_it(pipeline: usize) -> bool {
    SENT.get() == pipeline
}
