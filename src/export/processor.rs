//! The one span processor, shared by all destinations.

use super::{
    live::{Ended, Fate},
    pipeline::{Finished, Pipeline, Source},
    repair::{self, Origin},
    selection::{Candidate, Judgement, Relation, Selection},
    tracia as items, weight,
};
use crate::{
    capture::ContentCapture,
    context::{is_own, mark, marks},
    diagnosis::{self, Finding},
    record::{Call, Operation, Outcome},
    semconv::{gen_ai::ERROR_TYPE, own::TRACING_GENAI_OUTCOME, tracia::TRACIA_SPAN_ID},
    span::{TARGET, deferred, joined, own_pipeline, place},
    vocabulary::{
        gen_ai::status_words,
        tracia::{self, Fit},
    },
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

    /// How a span that ends stands to generative AI, and what is known of those around it. One of which nobody
    /// knows what is below it may be above any.
    fn relation(&self, span: &SpanData, is_gen_ai: bool) -> (Relation, Option<Ended>) {
        let live = self.pipeline.live.as_ref();
        let ended = live.map(|live| live.end(&span.span_context, span.parent_span_id, is_gen_ai));
        let relation = match &ended {
            _ if is_gen_ai => Relation::Operation,
            Some(None) => Relation::Ancestor,
            Some(Some(ended)) if ended.is_above_gen_ai => Relation::Ancestor,
            _ => Relation::Unrelated,
        };
        (relation, ended.flatten())
    }

    /// What becomes in Tracia of a span that starts, as far as it says by now.
    fn fate(&self, span: &SpanData) -> Fate {
        let fit = tracia::fit(span);
        if !self.pipeline.tracia_takes(span.span_context.trace_id(), fit) {
            let is_certain = tracia::is_no_call(span) || (fit == Fit::CallOfAnother && is_own());
            return if is_certain { Fate::Unsent } else { Fate::Unknown };
        }
        if fit == Fit::Evaluation {
            return Fate::Unknown;
        }
        // A span of this crate is given its marks at its end.
        let marks = marks().filter(|_| is_own());
        let marked = marks.as_ref().and_then(|marks| marks.attributes.get(TRACIA_SPAN_ID)?.as_str());
        let own = tracia::own_span_id(span).or_else(|| marked.and_then(tracia::valid));
        Fate::Sent(own.map_or_else(|| tracia::of_span(span.span_context.span_id()).into(), Arc::from))
    }

    /// The id in Tracia of the span that an evaluation is of, which waits in the lanes while that lives; `None` where
    /// Tracia does not get that.
    fn judged(&self, evaluation: &SpanData, operation: Option<&Operation>) -> Option<Arc<str>> {
        let judged = evaluation.parent_span_id;
        let given = match operation.map(|operation| &operation.call) {
            Some(Call::Evaluation(evaluation)) => evaluation.tracia_span_id.as_deref(),
            _ => None,
        };
        let id = given.and_then(tracia::valid).map_or_else(|| tracia::of_span(judged).into(), Arc::from);
        let Some(live) = &self.pipeline.live else { return Some(id) };
        let hold = |id: &str| {
            let number = items::number(id);
            number.into_iter().for_each(|id| self.pipeline.tracia_lanes().for_each(|lane| lane.hold(id)));
        };
        live.judge(evaluation.span_context.trace_id(), judged, id, hold)
    }

    /// Keeps what became of a span in Tracia, where an evaluation would go wrong without.
    fn remember(&self, span: &SpanData, candidate: &Candidate, is_gen_ai: bool) {
        let Some(live) = self.pipeline.live.as_ref().filter(|_| self.pipeline.has_tracia()) else { return };
        let is_call = matches!(candidate.fit, Fit::Call | Fit::CallOfAnother);
        if is_call && self.pipeline.tracia_takes(candidate.trace, candidate.fit) {
            if let Some(id) = tracia::own_span_id(span) {
                live.remember(&span.span_context, Fate::Sent(id.into()));
            }
        } else if is_gen_ai && repair::has_operation(span) {
            live.remember(&span.span_context, Fate::Unsent);
            // Whoever judges an operation on its own span means that.
            if !is_call && tracia::judgements(span).next().is_some() {
                diagnosis::note(Finding::TraciaEvaluationUnplaced);
            }
        }
    }

    /// Hands a span to the destinations: to Tracia as what is posted of it.
    fn push(&self, span: &Arc<Finished>, candidate: &Candidate) {
        let is_tracia = Selection::is_for_tracia;
        self.pipeline.note_end();
        self.pipeline.push_to(span, candidate, |selection| !is_tracia(selection));
        let is_unplaced = candidate.fit == Fit::Evaluation && span.tracia_above.is_none();
        if !is_unplaced && self.pipeline.tracia_takes(candidate.trace, candidate.fit) {
            for item in items::items(span, candidate.fit) {
                self.pipeline.push_to(&item, candidate, is_tracia);
            }
        }
    }

    /// Hands a span that ended to the destinations that take it.
    fn hand_on(
        &self,
        mut span: SpanData,
        operation: Option<Arc<Operation>>,
        origin: Origin,
        candidate: &Candidate,
        ended: Option<Ended>,
    ) {
        let is_parent_known =
            ended.as_ref().is_some_and(|ended| ended.local_root != span.span_context.span_id());
        let (operation_above, nearest_call) =
            ended.map_or_else(Default::default, |ended| (ended.nearest_gen_ai, ended.nearest_call));
        let fit = candidate.fit;
        let tracia_above = if fit != Fit::Evaluation {
            nearest_call
        } else if self.pipeline.tracia_takes(candidate.trace, fit) {
            let judged = self.judged(&span, operation.as_deref());
            if judged.is_none() {
                diagnosis::note(Finding::TraciaEvaluationUnplaced);
            }
            judged
        } else {
            None
        };
        if origin == Origin::Ours {
            strip(&mut span);
        }
        let plain_status = operation.as_deref().and_then(|operation| plain_status(&span, operation));
        let operation = operation.filter(|_| self.pipeline.keeps_operations);
        let weight = weight::of_span(&span) + operation.as_deref().map_or(0, weight::of_operation);
        let source = Arc::clone(&self.source);
        let finished = Finished {
            span,
            plain_status,
            operation,
            operation_above,
            is_parent_known,
            tracia_above,
            source,
            weight,
        };
        self.push(&Arc::new(finished), candidate);
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        mark(span);
        if self.is_of_own_provider {
            deferred::note_own(span.span_context().span_id());
        }
        if let Some(live) = &self.pipeline.live {
            let has_tracia = self.pipeline.has_tracia();
            // A copy is not made for nothing.
            let seen = if has_tracia || !is_own() { repair::as_started(span) } else { None };
            let is_gen_ai = is_own() || seen.as_ref().is_some_and(repair::has_operation);
            let fate = seen.as_ref().filter(|_| has_tracia).map(|seen| self.fate(seen)).unwrap_or_default();
            live.start(span.span_context(), cx.span().span_context().span_id(), is_gen_ai, fate);
        }
    }

    fn on_end(&self, mut span: SpanData) {
        if !self.pipeline.is_on() {
            return;
        }
        let operation = joined::take(&span.span_context);
        clear_stand_in(&mut span);
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
        let (relation, ended) = self.relation(&span, is_gen_ai);
        let fit = if self.pipeline.has_tracia() { tracia::fit(&span) } else { Fit::None };
        let trace = span.span_context.trace_id();
        if fit == Fit::CallOfAnother && !self.pipeline.tracia_takes(trace, fit) {
            diagnosis::note(Finding::TraciaProviderUnknown);
        }
        let candidate = Candidate { trace, relation, fit, judgement: Judgement::of(&span) };
        self.remember(&span, &candidate, is_gen_ai);
        let awaited = ended.as_ref().and_then(|ended| ended.awaited.clone());
        if self.pipeline.takes(&candidate) {
            self.hand_on(span, operation, origin, &candidate, ended);
        }
        // What waited for it comes after it.
        if let Some(id) = awaited.as_deref().and_then(items::number) {
            self.pipeline.tracia_lanes().for_each(|lane| lane.release(id));
        }
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

/// Takes out a parent that is there only since the program chose the trace's id.
fn clear_stand_in(span: &mut SpanData) {
    if span.parent_span_is_remote && place::is_stand_in(span.span_context.trace_id(), span.parent_span_id) {
        span.parent_span_id = SpanId::INVALID;
        span.parent_span_is_remote = false;
    }
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
