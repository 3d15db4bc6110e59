//! Evaluations, which are posted to the span that was judged.

use super::{attributes::Attributes, call::Seen, messages::bounded};
use crate::{
    semconv::{
        gen_ai::{
            GEN_AI_EVALUATION_EXPLANATION, GEN_AI_EVALUATION_NAME, GEN_AI_EVALUATION_RESULT,
            GEN_AI_EVALUATION_SCORE_VALUE, GEN_AI_OPERATION_NAME,
        },
        tracia::keys,
    },
    vocabulary::gen_ai::evaluation_event,
};
use opentelemetry::trace::{Event, SpanId};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, Value};

/// Whether the span is there for judgements in numbers, of another span.
pub(super) fn is_one(span: &SpanData) -> bool {
    let is_operation = Attributes(&span.attributes).text(GEN_AI_OPERATION_NAME).is_some();
    !is_operation && span.parent_span_id != SpanId::INVALID && judgements(span).next().is_some()
}

/// The judgements in numbers that a span holds: Tracia takes none without a value.
pub(crate) fn judgements(span: &SpanData) -> impl Iterator<Item = &Event> {
    let judgements = span.events.iter().filter(|event| event.name == GEN_AI_EVALUATION_RESULT);
    judgements.filter(|event| value(Attributes(&event.attributes)).is_some())
}

fn value(event: Attributes<'_>) -> Option<(&str, f64)> {
    Some((event.text(GEN_AI_EVALUATION_NAME)?, event.number(GEN_AI_EVALUATION_SCORE_VALUE)?))
}

/// The id of the judged span, and what is posted for it.
pub(crate) fn evaluation(seen: &Seen<'_>) -> Option<(String, Map<String, Value>)> {
    let carried = Attributes(&judgements(seen.span).next()?.attributes);
    let (name, value) = value(carried)?;
    let mut body = Map::new();
    body.insert(keys::EVALUATOR_KEY.into(), name.into());
    // A whole number is written as one: 1 and not 1.0.
    let whole = value as i64;
    let number = if whole as f64 == value { Value::from(whole) } else { Value::from(value) };
    body.insert(keys::VALUE.into(), number);
    if seen.content.is_on() {
        let rendered = seen.operation.and_then(|operation| evaluation_event(operation, seen.content));
        let rendered = rendered.map(|(_, attributes)| attributes);
        let said = rendered.as_deref().map_or(carried, Attributes);
        if let Some(note) = said.text(GEN_AI_EVALUATION_EXPLANATION) {
            body.insert(keys::NOTE.into(), bounded(note).into());
        }
    }
    Some((seen.above?.to_owned(), body))
}
