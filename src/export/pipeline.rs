//! What processors, courier and handle share.

use super::{
    courier::Commands,
    lane::Lane,
    live::Live,
    report::{DestinationReport, Hook, Problem, Report},
    selection::{Candidate, Judgement, Relation, Selection},
};
use crate::{
    diagnosis::{self, Finding},
    record::Operation,
    span::joined,
    vocabulary::tracia::Fit,
};
use opentelemetry::trace::{SpanId, Status, TraceId};
use opentelemetry_proto::{
    tonic::resource::v1::Resource, transform::common::tonic::ResourceAttributesWithSchema,
};
use opentelemetry_sdk::trace::SpanData;
use std::{fmt, sync::Arc, time::Duration};
#[cfg(any(feature = "metrics", feature = "logs"))]
use {super::signal::Signal, bytes::Bytes};

/// A span that ended, once for all destinations.
pub(super) struct Finished {
    pub(super) span: SpanData,
    /// Its status for a destination without content, where the span says more.
    pub(super) plain_status: Option<Status>,
    /// Its full record, where a destination may render content from it.
    pub(super) operation: Option<Arc<Operation>>,
    /// The nearest span of generative AI above it, where a destination needs to know.
    pub(super) operation_above: Option<SpanId>,
    /// Whether its parent lived here when it started, so that this is all that there is above it.
    pub(super) is_parent_known: bool,
    /// The id in Tracia of the nearest call above it; of an evaluation, of what was judged.
    pub(super) tracia_above: Option<Arc<str>>,
    pub(super) source: Arc<Source>,
    /// Estimated bytes that it holds.
    pub(super) weight: usize,
}

impl fmt::Debug for Finished {
    /// Without what the span holds: that may be a prompt.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Finished").field("weight", &self.weight).finish_non_exhaustive()
    }
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

pub(super) struct Pipeline {
    /// Those of spans.
    pub(super) lanes: Vec<Arc<Lane>>,
    /// Those of metrics and logs.
    pub(super) other_lanes: Vec<Arc<Lane>>,
    /// What metrics call the lanes, in this order.
    #[cfg(feature = "metrics")]
    pub(super) components: Vec<super::self_metrics::Component>,
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

impl fmt::Debug for Pipeline {
    /// The names of the destinations, with how much there is for each: what waits may be prompts.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lanes = self.lanes.iter().chain(&self.other_lanes).map(|lane| lane.report());
        let told = lanes.map(|lane| format!("{}: {} pending", lane.name, lane.signal.counted(lane.pending)));
        let destinations: Vec<String> = told.collect();
        formatter.debug_struct("Pipeline").field("destinations", &destinations).finish_non_exhaustive()
    }
}

impl Pipeline {
    /// Tells it from others that live.
    pub(super) fn number(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    pub(super) fn is_on(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// Whether any destination gets such a span.
    pub(super) fn takes(&self, candidate: &Candidate) -> bool {
        self.selections.iter().any(|selection| selection.takes(candidate))
    }

    /// Whether a destination speaks Tracia's language.
    pub(super) fn has_tracia(&self) -> bool {
        self.selections.iter().any(Selection::is_for_tracia)
    }

    /// Whether Tracia gets a span of this trace that is so much to it.
    pub(super) fn tracia_takes(&self, trace: TraceId, fit: Fit) -> bool {
        let judgement = if fit == Fit::Evaluation { Judgement::All } else { Judgement::None };
        let candidate = Candidate { trace, relation: Relation::Operation, fit, judgement };
        self.selections.iter().any(|selection| selection.is_for_tracia() && selection.takes(&candidate))
    }

    /// Hands a span to those lanes that take it, and whose selection is one of these.
    pub(super) fn push_to(
        &self,
        span: &Arc<Finished>,
        candidate: &Candidate,
        is_meant: impl Fn(&Selection) -> bool,
    ) {
        let ways = self.lanes.iter().zip(&self.selections);
        let ways = ways.filter(|(_, selection)| is_meant(selection) && selection.takes(candidate));
        for (lane, _) in ways {
            for problem in lane.push(span) {
                self.tell(problem);
            }
        }
    }

    /// Notes a span that comes after the end.
    pub(super) fn note_end(&self) {
        if self.lanes.first().is_some_and(|lane| lane.is_closed()) {
            diagnosis::note(Finding::TelemetryDropped);
        }
    }

    /// The lanes to Tracia.
    pub(super) fn tracia_lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        let ways = self.lanes.iter().zip(&self.selections);
        ways.filter(|(_, selection)| selection.is_for_tracia()).map(|(lane, _)| lane)
    }

    /// Whether any destination gets metrics, or logs.
    #[cfg(any(feature = "metrics", feature = "logs"))]
    pub(super) fn takes_signal(&self, signal: Signal) -> bool {
        self.other_lanes.iter().any(|lane| lane.signal() == signal)
    }

    /// Hands an encoded request of metrics or logs to each destination that takes them.
    #[cfg(any(feature = "metrics", feature = "logs"))]
    pub(super) fn post(&self, signal: Signal, items: u64, body: &Bytes) {
        if items == 0 {
            return;
        }
        for lane in self.other_lanes.iter().filter(|lane| lane.signal() == signal) {
            for (items, body) in signal.pieces(items, body.clone(), lane.request_bytes()) {
                lane.post(items, body).into_iter().for_each(|problem| self.tell(problem));
            }
        }
    }

    /// Tells a problem on the courier's thread where that lives: a hook may be slow.
    pub(super) fn tell(&self, problem: Problem) {
        if let Err(problem) = self.commands.tell(problem) {
            self.hook.tell(&problem);
        }
    }

    /// Whether a destination said last that its settings are wrong, and it is for that that a flush fails.
    pub(super) fn is_misconfigured(&self) -> bool {
        let mut lanes = self.lanes.iter().chain(&self.other_lanes);
        lanes.any(|lane| lane.fails_flushes() || (lane.is_misconfigured() && lane.report().pending > 0))
    }

    pub(super) fn report(&self) -> Report {
        Report::of(self.reports().flatten().collect())
    }

    /// The account of each lane, unless it is one beside the destination's spans that had nothing.
    pub(super) fn reports(&self) -> impl Iterator<Item = Option<DestinationReport>> {
        let of_spans = self.lanes.iter().zip(&self.selections).map(|(lane, of)| (lane, !of.is_beside()));
        let all = of_spans.chain(self.other_lanes.iter().map(|lane| (lane, false)));
        all.map(|(lane, is_shown)| Some(lane.report()).filter(|report| is_shown || report.recorded > 0))
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
            operation_above: None,
            is_parent_known: false,
            tracia_above: None,
            source: Arc::default(),
            weight,
        }
    }
}
