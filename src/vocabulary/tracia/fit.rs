//! Which spans Tracia has a form for.

use super::{attributes::Attributes, evaluation, provider, span_kind};
use crate::{
    record::OperationKind,
    semconv::gen_ai::{
        GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, GEN_AI_RESPONSE_MODEL,
    },
};
use opentelemetry_sdk::trace::SpanData;

/// What a span is to Tracia.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Nothing that it has a form for.
    #[default]
    None,
    /// A call of a language or embedding model.
    Call,
    /// A call of a model whose provider it does not know.
    CallOfAnother,
    /// A judgement of a span.
    Evaluation,
}

/// What `span`, as it is repaired, is to Tracia.
pub(crate) fn fit(span: &SpanData) -> Fit {
    let attributes = Attributes(&span.attributes);
    match (kind(attributes), model(attributes)) {
        (Some(_), Some(model)) => match provider::of(attributes.text(GEN_AI_PROVIDER_NAME), model) {
            Some(_) => Fit::Call,
            None => Fit::CallOfAnother,
        },
        (Some(_), None) => Fit::None,
        (None, _) if evaluation::is_one(span) => Fit::Evaluation,
        (None, _) => Fit::None,
    }
}

/// Whether a span says already that it is an operation and no call of a model.
pub(crate) fn is_no_call(span: &SpanData) -> bool {
    let attributes = Attributes(&span.attributes);
    attributes.text(GEN_AI_OPERATION_NAME).is_some() && kind(attributes).is_none()
}

/// Tracia's kind of the operation.
pub(super) fn kind(attributes: Attributes<'_>) -> Option<&'static str> {
    attributes.text(GEN_AI_OPERATION_NAME).and_then(OperationKind::from_name).and_then(span_kind)
}

/// The model as it was asked for.
pub(super) fn model<'a>(attributes: Attributes<'a>) -> Option<&'a str> {
    attributes.text(GEN_AI_REQUEST_MODEL).or_else(|| attributes.text(GEN_AI_RESPONSE_MODEL))
}
