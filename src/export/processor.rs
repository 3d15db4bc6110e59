//! The one span processor, shared by all destinations.

use super::{
    pipeline::{Finished, Pipeline, Source},
    repair::{self, Origin},
    selection::Relation,
    weight,
};
use crate::{
    capture::ContentCapture,
    context::{is_own, mark},
    record::{Operation, Outcome},
    semconv::{gen_ai::ERROR_TYPE, own::TRACING_GENAI_OUTCOME},
    span::{TARGET, deferred, joined, own_pipeline},
    vocabulary::gen_ai::status_words,
};
use opentelemetry::{
    Context, KeyValue, Value,
    trace::{Span as _, SpanId, Status, TraceContextExt},
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{Span, SpanData, SpanProcessor},
};
use std::{fmt, sync::Arc, time::Duration};

/// Joins a finished span with its record and hands the two to the destinations' queues.
pub(super) struct Processor {
    pipeline: Arc<Pipeline>,
    /// Attributes set in code, which win over the provider's.
    overrides: Vec<KeyValue>,
    source: Arc<Source>,
    /// Whether it is the only one of a provider of our own, where spans may be finished later.
    is_of_own_provider: bool,
}

impl fmt::Debug for Processor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Processor").field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}

impl Processor {
    /// The processor of a provider that is nobody else's.
    pub(super) fn of_own_provider(pipeline: Arc<Pipeline>, overrides: Vec<KeyValue>) -> Self {
        Self { is_of_own_provider: true, ..Self::new(pipeline, overrides) }
    }

    pub(super) fn new(pipeline: Arc<Pipeline>, overrides: Vec<KeyValue>) -> Self {
        let resource = Resource::builder().with_attributes(overrides.iter().cloned()).build();
        Self { pipeline, overrides, source: Arc::new(Source::new(&resource)), is_of_own_provider: false }
    }

    /// How a span that ends stands to generative AI, and the nearest operation above it. One of which nobody
    /// knows what is below it may be above any.
    fn relation(&self, span: &SpanData, is_gen_ai: bool) -> (Relation, Option<SpanId>) {
        let live = self.pipeline.live.as_ref();
        let ended = live.map(|live| live.end(&span.span_context, span.parent_span_id, is_gen_ai));
        let relation = match &ended {
            _ if is_gen_ai => Relation::Operation,
            Some(None) => Relation::Ancestor,
            Some(Some(ended)) if ended.is_above_gen_ai => Relation::Ancestor,
            _ => Relation::Unrelated,
        };
        (relation, ended.flatten().and_then(|ended| ended.nearest_gen_ai))
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        mark(span);
        if self.is_of_own_provider {
            deferred::note_own(span.span_context().span_id());
        }
        if let Some(live) = &self.pipeline.live {
            let is_gen_ai = is_own() || repair::starts_as_gen_ai(span);
            live.start(span.span_context(), cx.span().span_context().span_id(), is_gen_ai);
        }
    }

    fn on_end(&self, mut span: SpanData) {
        if !self.pipeline.is_on() {
            return;
        }
        let operation = joined::take(&span.span_context);
        let origin = repair::origin(&span);
        if origin == Origin::Ours && own_pipeline::gets_it(self.pipeline.number()) {
            if let Some(live) = &self.pipeline.live {
                live.end_twin(&span.span_context);
            }
            return;
        }
        match (origin, &operation) {
            (Origin::Ours, Some(operation)) => set_status(&mut span, operation),
            (Origin::Ours, None) if is_unfailed(&span) => take_error_back(&mut span),
            (Origin::Ours, None) => {}
            (origin, operation) => repair::repair(&mut span, origin, operation.as_deref()),
        }
        let is_gen_ai = origin == Origin::Ours || operation.is_some() || repair::has_operation(&span);
        let (relation, operation_above) = self.relation(&span, is_gen_ai);
        if !self.pipeline.takes(span.span_context.trace_id(), relation) {
            return;
        }
        if origin == Origin::Ours {
            strip(&mut span);
        }
        let plain_status = operation.as_deref().and_then(|operation| plain_status(&span, operation));
        let operation = operation.filter(|_| self.pipeline.keeps_operations);
        let weight = weight::of_span(&span) + operation.as_deref().map_or(0, weight::of_operation);
        let source = Arc::clone(&self.source);
        let finished = Finished { span, plain_status, operation, operation_above, source, weight };
        self.pipeline.push(finished, relation);
    }

    fn force_flush(&self) -> OTelSdkResult {
        flush(&self.pipeline, self.pipeline.patience)
    }

    /// Delivers what is there. The courier goes on: other providers may use it.
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        // A provider of our own ends with its last span, on whatever thread drops that, and the `Telemetry`
        // has delivered by then.
        if self.is_of_own_provider { Ok(()) } else { flush(&self.pipeline, timeout) }
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.shutdown_with_timeout(self.pipeline.patience)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.source = Arc::new(Source::new(&with_overrides(resource, &self.overrides)));
    }
}

/// A provider's resource, under what was set in code.
pub(super) fn with_overrides(resource: &Resource, overrides: &[KeyValue]) -> Resource {
    let attributes = resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let attributes = attributes.chain(overrides.iter().cloned());
    let merged = match resource.schema_url() {
        Some(url) => Resource::builder_empty().with_schema_url(attributes, url.to_owned()),
        None => Resource::builder_empty().with_attributes(attributes),
    };
    merged.build()
}

pub(super) fn flush(pipeline: &Pipeline, patience: Duration) -> OTelSdkResult {
    if pipeline.commands.flush_blocking(patience) { Ok(()) } else { Err(OTelSdkError::Timeout(patience)) }
}

/// What `tracing-opentelemetry` writes of the place where a span is made: on a span of this crate a line of its
/// own source, as it lay where the program was built, and the thread of the first poll.
const NOISE: [&str; 8] = [
    "busy_ns",
    "code.file.path",
    "code.line.number",
    "code.module.name",
    "idle_ns",
    "target",
    "thread.id",
    "thread.name",
];

/// Takes out what says nothing of the operation, of a span of this crate.
fn strip(span: &mut SpanData) {
    // One of another library's that was repaired before keeps its own.
    let is_elsewhere = |attribute: &KeyValue| {
        attribute.key.as_str() == "target"
            && !matches!(&attribute.value, Value::String(target) if target.as_str() == TARGET)
    };
    if !span.attributes.iter().any(is_elsewhere) {
        span.attributes.retain(|attribute| !NOISE.contains(&attribute.key.as_str()));
    }
}

/// The status as the outcome has it: an `error!` inside the span is no failure of the operation.
pub(super) fn set_status(span: &mut SpanData, operation: &Operation) {
    match status_words(operation, &ContentCapture::off()) {
        None => take_error_back(span),
        // What it says in full it was given under a policy of its own.
        Some(_) if says_all(span, operation) => {}
        Some(words) => span.status = Status::error(words.into_owned()),
    }
}

fn says_all(span: &SpanData, operation: &Operation) -> bool {
    let whole = status_words(operation, &ContentCapture::on());
    matches!(&span.status, Status::Error { description } if whole.as_deref() == Some(&**description))
}

/// The status for a destination without content, where the span says more.
fn plain_status(span: &SpanData, operation: &Operation) -> Option<Status> {
    let words = status_words(operation, &ContentCapture::off()).filter(|_| says_all(span, operation))?;
    Some(Status::error(words.into_owned())).filter(|status| *status != span.status)
}

/// Unless the span says what failed: another library may fail at an answer that came whole.
fn take_error_back(span: &mut SpanData) {
    let has_failed = span.attributes.iter().any(|attribute| attribute.key.as_str() == ERROR_TYPE);
    if matches!(span.status, Status::Error { .. }) && !has_failed {
        span.status = Status::Unset;
    }
}

/// Whether the span itself says that its operation did not fail.
fn is_unfailed(span: &SpanData) -> bool {
    span.attributes.iter().any(|attribute| {
        attribute.key.as_str() == TRACING_GENAI_OUTCOME
            && matches!(&attribute.value, Value::String(outcome)
                if outcome.as_str() == Outcome::Done.name() || outcome.as_str() == Outcome::Abandoned.name())
    })
}

#[cfg(test)]
mod tests;
