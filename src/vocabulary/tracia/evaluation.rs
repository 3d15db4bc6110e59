//! Evaluations, which are posted to the span that was judged.

use super::{attributes::Attributes, call::Seen, messages::bounded};
use crate::{
    semconv::{
        gen_ai::{
            GEN_AI_EVALUATION_EXPLANATION, GEN_AI_EVALUATION_NAME, GEN_AI_EVALUATION_RESULT,
            GEN_AI_EVALUATION_SCORE_VALUE,
        },
        tracia::keys,
    },
    vocabulary::gen_ai::evaluation_event,
};
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, Value};

/// Whether the span holds a judgement in numbers, of another span: Tracia takes none without a value.
pub(super) fn is_one(span: &SpanData) -> bool {
    span.parent_span_id != SpanId::INVALID && event(span).is_some_and(|event| value(event).is_some())
}

fn event(span: &SpanData) -> Option<Attributes<'_>> {
    let event = span.events.iter().find(|event| event.name == GEN_AI_EVALUATION_RESULT)?;
    Some(Attributes(&event.attributes))
}

fn value(event: Attributes<'_>) -> Option<(&str, f64)> {
    Some((event.text(GEN_AI_EVALUATION_NAME)?, event.number(GEN_AI_EVALUATION_SCORE_VALUE)?))
}

/// The id of the judged span, and what is posted for it.
pub(crate) fn evaluation(seen: &Seen<'_>) -> Option<(String, Map<String, Value>)> {
    let carried = event(seen.span)?;
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
