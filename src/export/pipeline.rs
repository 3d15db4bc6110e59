//! What processors, courier and handle share.

use super::{
    courier::Commands,
    lane::Lane,
    live::Live,
    report::{Hook, Problem, Report},
    selection::{Relation, Selection},
};
use crate::{
    diagnosis::{self, Finding},
    record::Operation,
    span::joined,
};
use opentelemetry::trace::{Status, TraceId};
use opentelemetry_proto::{
    tonic::resource::v1::Resource, transform::common::tonic::ResourceAttributesWithSchema,
};
use opentelemetry_sdk::trace::SpanData;
use std::{sync::Arc, time::Duration};

/// A span that ended, once for all destinations.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) span: SpanData,
    /// Its status for a destination without content, where the span says more.
    pub(super) plain_status: Option<Status>,
    /// Its full record, where a destination may render content from it.
    pub(super) operation: Option<Arc<Operation>>,
    pub(super) source: Arc<Source>,
    /// Estimated bytes that it holds.
    pub(super) weight: usize,
}

/// The resource of the provider that a span came from.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) resource: Resource,
    pub(super) schema_url: String,
}

impl Source {
    pub(super) fn new(resource: &opentelemetry_sdk::Resource) -> Self {
        let ResourceAttributesWithSchema { attributes, schema_url } = resource.into();
        Self {
            resource: Resource { attributes: attributes.0, ..Resource::default() },
            schema_url: schema_url.unwrap_or_default(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) lanes: Vec<Arc<Lane>>,
    /// What each of the lanes takes.
    pub(super) selections: Vec<Selection>,
    /// The spans that live, where a selection needs them.
    pub(super) live: Option<Live>,
    pub(super) hook: Hook,
    /// Whether any destination renders content.
    pub(super) keeps_operations: bool,
    pub(super) commands: Commands,
    /// What `force_flush` may take, which the SDK gives no time for.
    pub(super) patience: Duration,
    /// Keeps the records of operations coming; `None` where nothing is exported.
    pub(super) _consumer: Option<joined::Consumer>,
}

impl Pipeline {
    /// Tells it from others that live.
    pub(super) fn number(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    pub(super) fn is_on(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// Whether any destination gets a span of this trace that stands so to generative AI.
    pub(super) fn takes(&self, trace: TraceId, relation: Relation) -> bool {
        self.selections.iter().any(|selection| selection.takes(trace, relation))
    }

    pub(super) fn push(&self, span: Finished, relation: Relation) {
        if self.lanes.first().is_some_and(|lane| lane.is_closed()) {
            diagnosis::note(Finding::TelemetryDropped);
        }
        let span = Arc::new(span);
        let trace = span.span.span_context.trace_id();
        let ways = self.lanes.iter().zip(&self.selections);
        for (lane, _) in ways.filter(|(_, selection)| selection.takes(trace, relation)) {
            for problem in lane.push(&span) {
                self.tell(problem);
            }
        }
    }

    /// Tells a problem on the courier's thread where that lives: a hook may be slow.
    pub(super) fn tell(&self, problem: Problem) {
        if let Err(problem) = self.commands.tell(problem) {
            self.hook.tell(&problem);
        }
    }

    pub(super) fn report(&self) -> Report {
        Report::of(self.lanes.iter().map(|lane| lane.report()).collect())
    }
}

#[cfg(test)]
impl Finished {
    pub(super) fn example(name: &'static str, weight: usize) -> Self {
        use opentelemetry::{
            InstrumentationScope,
            trace::{SpanContext, SpanId, SpanKind, TraceFlags, TraceId, TraceState},
        };
        let time = std::time::UNIX_EPOCH + Duration::from_secs(1);
        Self {
            span: SpanData {
                span_context: SpanContext::new(
                    TraceId::from(7),
                    SpanId::from(9),
                    TraceFlags::SAMPLED,
                    false,
                    TraceState::NONE,
                ),
                parent_span_id: SpanId::INVALID,
                parent_span_is_remote: false,
                span_kind: SpanKind::Internal,
                name: name.into(),
                start_time: time,
                end_time: time + Duration::from_millis(5),
                attributes: Vec::new(),
                dropped_attributes_count: 0,
                events: opentelemetry_sdk::trace::SpanEvents::default(),
                links: opentelemetry_sdk::trace::SpanLinks::default(),
                status: Status::Unset,
                instrumentation_scope: InstrumentationScope::builder("example").build(),
            },
            plain_status: None,
            operation: None,
            source: Arc::default(),
            weight,
        }
    }
}
