//! Which spans a destination gets.

use super::repair;
use crate::{Error, semconv::gen_ai::GEN_AI_EVALUATION_RESULT, vocabulary::tracia::Fit};
use opentelemetry::trace::TraceId;
use opentelemetry_sdk::trace::SpanData;

/// Which spans a [`Destination`](super::Destination) gets, see
/// [`Destination::spans`](super::Destination::spans).
///
/// A span is about generative AI if this crate made it, if an adapter of this crate saw a call in it, or if
/// it has `gen_ai.operation.name` when it has been [repaired](super::RepairingProcessor): calls of models, tools,
/// agents, workflows, retrievals, memory and evaluations, of rig, genai, OpenInference and OpenLLMetry too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanFilter {
    /// Every span.
    #[default]
    All,
    /// Spans about generative AI. Their parents may be spans that the destination does not get.
    GenAi,
    /// Spans about generative AI, and the spans of this process that they are inside of, up to the root:
    /// the handler of the request that asked the model, but not its queries of the database.
    ///
    /// What is above an operation is known by when it starts, as far as it is about generative AI by then (spans
    /// of this crate are; another's are if their first attributes say so), else when it ends. So
    /// a span that ends before an operation below it is sent, but not
    /// - one that ended before the operation started, nor what is above that one alone;
    /// - one that ended before a span below it came to be about generative AI by a later attribute.
    ///
    /// 65 536 live spans are looked after, and 256 generations above one: a span that starts beyond the former
    /// is sent, whatever it is about, and one above the latter is not.
    GenAiAndAncestors,
}

/// How a finished span stands to operations of generative AI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// It is one.
    Operation,
    /// It is above one, or nobody knows.
    Ancestor,
    Unrelated,
}

/// How much of a finished span is judgements of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    None,
    /// It is something else too.
    Some,
    /// It is there for them.
    All,
}

impl Judgement {
    pub(super) fn of(span: &SpanData) -> Self {
        if !span.events.iter().any(|event| event.name == GEN_AI_EVALUATION_RESULT) {
            Self::None
        } else if repair::has_operation(span) {
            Self::Some
        } else {
            Self::All
        }
    }
}

/// A finished span, as far as destinations choose by it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) trace: TraceId,
    pub(super) relation: Relation,
    pub(super) fit: Fit,
    pub(super) judgement: Judgement,
}

/// Whether a destination gets judgements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Judgements {
    /// With everything else.
    #[default]
    Along,
    /// Those on spans too that it does not get.
    Also,
    /// And nothing else.
    Alone,
    /// They go another way.
    Apart,
    /// Neither these nor anything else: it is there for what an earlier run left.
    Nothing,
}

/// What a destination chooses from the spans.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Selection {
    filter: SpanFilter,
    judgements: Judgements,
    /// The random part of a trace's id that is the first not to be sampled, where not all are.
    sampled_below: Option<u64>,
    /// Whether spans are put below the nearest operation above them.
    has_operations_above: bool,
    tracia: Option<ForTracia>,
}

/// That it takes what Tracia has a form for, and nothing else.
#[derive(Clone, Copy, Debug)]
struct ForTracia {
    /// Calls of providers that Tracia does not know too.
    takes_others: bool,
}

impl Selection {
    pub(super) fn new(filter: SpanFilter, sample_ratio: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&sample_ratio) {
            return Err(Error::configuration(format!(
                "Destination::sample_ratio: {sample_ratio} is not a number from 0 to 1"
            )));
        }
        // As the SDK's `TraceIdRatioBased` does it: 63 bits, rounded towards zero.
        let bound = (sample_ratio * (1_u64 << 63) as f64) as u64;
        let sampled_below = (sample_ratio < 1.0).then_some(bound);
        Ok(Self { filter, sampled_below, ..Self::default() })
    }

    /// For a destination that puts spans below the nearest operation above them.
    pub(super) fn with_operations_above(self) -> Self {
        Self { has_operations_above: true, ..self }
    }

    pub(super) fn with_judgements(self, judgements: Judgements) -> Self {
        Self { judgements, ..self }
    }

    /// Whether it must be known which spans are above others.
    pub(super) fn needs_ancestors(&self) -> bool {
        self.filter == SpanFilter::GenAiAndAncestors || self.has_operations_above || self.is_for_tracia()
    }

    /// Whether it is there for what the destination's spans cannot carry.
    pub(super) fn is_beside(&self) -> bool {
        matches!(self.judgements, Judgements::Alone | Judgements::Nothing)
    }

    pub(super) fn for_tracia(self, takes_others: bool) -> Self {
        Self { tracia: Some(ForTracia { takes_others }), ..self }
    }

    pub(super) fn is_for_tracia(&self) -> bool {
        self.tracia.is_some()
    }

    /// Whether it takes a span that is so much to Tracia.
    pub(super) fn fits(&self, fit: Fit) -> bool {
        match fit {
            Fit::Call | Fit::Evaluation => true,
            Fit::CallOfAnother => self.tracia.is_none_or(|tracia| tracia.takes_others),
            Fit::None => self.tracia.is_none(),
        }
    }

    pub(super) fn takes(&self, candidate: &Candidate) -> bool {
        let Candidate { trace, relation, fit, judgement } = *candidate;
        let passes = match (self.judgements, self.filter) {
            (Judgements::Nothing, _) => false,
            (Judgements::Alone, _) => judgement != Judgement::None,
            (Judgements::Also, _) if judgement != Judgement::None => true,
            (Judgements::Apart, _) if judgement == Judgement::All => false,
            (_, SpanFilter::All) => true,
            (_, SpanFilter::GenAi) => relation == Relation::Operation,
            (_, SpanFilter::GenAiAndAncestors) => relation != Relation::Unrelated,
        };
        passes && self.fits(fit) && self.sampled_below.is_none_or(|bound| random_part(trace) < bound)
    }
}

/// What the SDK's `TraceIdRatioBased` goes by: the lower half of the id, without its last bit.
fn random_part(trace: TraceId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::SpanKind;
    use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

    const RELATIONS: [Relation; 3] = [Relation::Operation, Relation::Ancestor, Relation::Unrelated];

    fn candidate(trace: TraceId, relation: Relation) -> Candidate {
        Candidate { trace, relation, fit: Fit::None, judgement: Judgement::None }
    }

    fn taken(filter: SpanFilter) -> [bool; 3] {
        let selection = Selection::new(filter, 1.0).unwrap();
        RELATIONS.map(|relation| selection.takes(&candidate(TraceId::from(7), relation)))
    }

    #[test]
    fn judgements_go_along_or_alone_or_not_at_all() {
        let taken = |judgements| {
            let selection = Selection::new(SpanFilter::GenAi, 1.0).unwrap().with_judgements(judgements);
            [Judgement::None, Judgement::Some, Judgement::All].map(|judgement| {
                let operation = candidate(TraceId::from(7), Relation::Operation);
                selection.takes(&Candidate { judgement, ..operation })
            })
        };
        assert_eq!(taken(Judgements::Along), [true, true, true]);
        assert_eq!(taken(Judgements::Also), [true, true, true]);
        assert_eq!(taken(Judgements::Alone), [false, true, true]);
        assert_eq!(taken(Judgements::Apart), [true, true, false]);
        assert_eq!(taken(Judgements::Nothing), [false; 3]);
    }

    #[test]
    fn each_filter_takes_what_it_says() {
        assert_eq!(taken(SpanFilter::All), [true, true, true]);
        assert_eq!(taken(SpanFilter::GenAi), [true, false, false]);
        assert_eq!(taken(SpanFilter::GenAiAndAncestors), [true, true, false]);
    }

    #[test]
    fn a_ratio_keeps_the_traces_that_the_sdks_sampler_keeps() {
        for ratio in [0.0, 1e-18, 0.1, 0.25, 0.5, 0.7, 0.999_999, 1.0] {
            let selection = Selection::new(SpanFilter::All, ratio).unwrap();
            let bound = (ratio * (1_u64 << 63) as f64) as u64;
            let near = [bound.saturating_sub(1), bound, bound + 1].map(|low| u128::from(low) << 1);
            let spread = (1..1_000_u128).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            for id in spread.chain(near).chain(near.map(|id| id | 1)).chain([1, u128::MAX]) {
                let trace = TraceId::from(id);
                let sampler = Sampler::TraceIdRatioBased(ratio);
                let by_sdk = sampler.should_sample(None, trace, "", &SpanKind::Internal, &[], &[]);
                let is_sampled = by_sdk.decision == SamplingDecision::RecordAndSample;
                assert_eq!(
                    selection.takes(&candidate(trace, Relation::Unrelated)),
                    is_sampled,
                    "{ratio} {trace}"
                );
            }
        }
    }

    #[test]
    fn a_ratio_that_cannot_be_is_an_error_that_names_the_option() {
        for ratio in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = Selection::new(SpanFilter::All, ratio).unwrap_err().to_string();
            assert!(error.contains("Destination::sample_ratio"), "{error}");
        }
    }
}
