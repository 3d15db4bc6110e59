//! Evaluations, which the conventions have as an event.

use super::List;
use crate::{
    capture::ContentCapture,
    record::{Call, ErrorInfo, Operation},
    semconv::gen_ai as names,
};
use opentelemetry::KeyValue;

/// The event of an evaluation: its name and its attributes; `None` for any other operation.
///
/// An explanation, a judge's reasons or a user's comment, may quote what was judged, so it goes by the content
/// policy, though the conventions recommend it.
pub(crate) fn evaluation_event(
    operation: &Operation,
    content: &ContentCapture,
) -> Option<(&'static str, Vec<KeyValue>)> {
    let Call::Evaluation(evaluation) = &operation.call else { return None };
    let mut list = List(Vec::with_capacity(6));
    list.put(names::GEN_AI_EVALUATION_NAME, Some(evaluation.name.clone()));
    list.put(names::GEN_AI_EVALUATION_SCORE_VALUE, evaluation.score);
    list.text(names::GEN_AI_EVALUATION_SCORE_LABEL, evaluation.label.as_deref());
    if content.is_on() {
        list.text(names::GEN_AI_EVALUATION_EXPLANATION, evaluation.explanation.as_deref());
    }
    list.text(names::GEN_AI_RESPONSE_ID, evaluation.response_id.as_deref());
    list.put(names::ERROR_TYPE, operation.outcome.error().map(ErrorInfo::error_type));
    Some((names::GEN_AI_EVALUATION_RESULT, list.0))
}
