//! Spans that other libraries make for calls that an adapter sees: which they are, and where.

use super::live::TARGET;
use crate::record::{
    OperationClass::{Embedding, Generation},
    OperationKind, Outcome,
};
use opentelemetry::{
    Context, Key, KeyValue,
    trace::{SpanContext, SpanId, TraceContextExt, TraceId},
};
use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tracing::{Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The targets of rig's spans of chats.
const RIGS_CHATS: [&str; 2] = ["rig::completions", "rig::agent_chat"];

/// Whether a span of another library stands for one call of a model of this kind, as `rig` makes them.
pub(super) fn is_of_call(metadata: &Metadata<'static>, kind: OperationKind) -> bool {
    let has = |name| metadata.fields().field(name).is_some();
    let class = match OperationKind::from_name(metadata.name()).map(OperationKind::class) {
        Some(class @ (Generation | Embedding)) => Some(class),
        // By whatever name: a runtime's, or one of before rig called streams `chat` too.
        _ if has("rig.completion_parent") || RIGS_CHATS.contains(&metadata.target()) => Some(Generation),
        _ => None,
    };
    metadata.target() != TARGET && has("gen_ai.operation.name") && class == Some(kind.class())
}

/// How many spans of other libraries are remembered.
const MOST_TAKEN: usize = 256;

/// A span of another library that stands for a call that was seen.
struct Taken {
    span: (TraceId, SpanId),
    /// Which attempt it stands for now.
    attempt: u32,
    /// That one failed: an attempt more is told there too.
    has_failed: bool,
    /// What was written to it.
    written: Vec<Key>,
}

static TAKEN: Mutex<VecDeque<Taken>> = Mutex::new(VecDeque::new());

fn taken() -> MutexGuard<'static, VecDeque<Taken>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes this span for a call that begins, and tells which attempt that is; `None` if it is another call's,
/// unless that failed.
pub(super) fn take(span: &SpanContext) -> Option<u32> {
    let key = (span.trace_id(), span.span_id());
    let mut taken = taken();
    if let Some(found) = taken.iter_mut().find(|taken| taken.span == key) {
        found.attempt += u32::from(found.has_failed);
        return mem::replace(&mut found.has_failed, false).then_some(found.attempt);
    }
    if taken.len() >= MOST_TAKEN {
        taken.pop_front();
    }
    taken.push_back(Taken { span: key, attempt: 0, has_failed: false, written: Vec::new() });
    Some(0)
}

/// The call that took this span was refused: another attempt may begin before this one is let go.
pub(super) fn release(span: &SpanContext) {
    let key = (span.trace_id(), span.span_id());
    if let Some(found) = taken().iter_mut().find(|taken| taken.span == key) {
        found.has_failed = true;
    }
}

/// Leaves of `attributes` what no attempt before has written to this span; false if another attempt has begun
/// since this one, whose word counts.
pub(super) fn write_once(
    span: &SpanContext,
    attempt: u32,
    outcome: &Outcome,
    attributes: &mut Vec<KeyValue>,
) -> bool {
    let key = (span.trace_id(), span.span_id());
    let mut taken = taken();
    let Some(found) = taken.iter_mut().find(|taken| taken.span == key) else { return true };
    if found.attempt > attempt {
        return false;
    }
    attributes.retain(|attribute| !found.written.contains(&attribute.key));
    found.has_failed = outcome.error().is_some();
    if found.has_failed {
        found.written.extend(attributes.iter().map(|attribute| attribute.key.clone()));
    }
    true
}

/// The OpenTelemetry context that belongs to `span`, in which this thread is.
///
/// The active context is not it where the span has no OpenTelemetry twin: then it is that of the
/// application's own span further out.
pub(super) fn context_of_current(span: &Span) -> Option<Context> {
    let is_valid = |context: &Context| context.span().span_context().is_valid();
    Some(span.context()).filter(is_valid).or_else(|| {
        // The extension does not find a layer that can be reloaded. What that one activates on top of
        // nothing is of this span.
        let _nothing = Context::new().attach();
        Some(span.in_scope(Context::current)).filter(is_valid)
    })
}

/// Whether there is an OpenTelemetry layer, and this span, which has no context, is not for it.
pub(super) fn is_kept_from_layer(span: &Span) -> bool {
    // The one question that tells a layer that is not there from a span that the layer does not have: the
    // parent of a span without data is set in vain.
    span.set_parent(Context::new()).is_ok()
}

#[cfg(test)]
mod tests;
