//! What a span of another library lacks, as far as it tells it in another way.

use super::{
    attributes::{find, has, text, tidy, word_of_today},
    value::{converted, is_of, type_of},
};
use crate::{
    provider::{Provider, provider_name},
    record::{OperationClass, OperationKind},
    semconv::{
        former::{OPENINFERENCE, others},
        gen_ai as names,
    },
};
use opentelemetry::{KeyValue, Value, trace::SpanKind};
use opentelemetry_sdk::trace::SpanData;

/// Calls of models that rig knows and the conventions do not.
const OTHER_CALLS: [&str; 4] = ["rerank", "transcription", "image_generation", "audio_generation"];

/// Types, names, and what is missing; what cannot be read stays as it was.
pub(super) fn repair(span: &mut SpanData) {
    tidy(&mut span.attributes);
    if has(&span.attributes, others::OPENINFERENCE_SPAN_KIND) {
        translate(&mut span.attributes);
    }
    if !has(&span.attributes, names::GEN_AI_OPERATION_NAME) {
        if let Some(kind) = told_operation(span) {
            span.attributes.push(KeyValue::new(names::GEN_AI_OPERATION_NAME, kind.name()));
        }
    }
    let Some(name) = text(&span.attributes, names::GEN_AI_OPERATION_NAME) else { return };
    let kind = OperationKind::from_name(name);
    let calls_model = OTHER_CALLS.contains(&name)
        || kind.is_some_and(|kind| {
            matches!(kind.class(), OperationClass::Generation | OperationClass::Embedding)
        });
    let full_name = kind
        .filter(|kind| span.name == kind.name())
        .and_then(|kind| Some(format!("{} {}", kind.name(), text(&span.attributes, about(kind)?)?)));
    if let Some(full_name) = full_name {
        span.name = full_name.into();
    }
    if !calls_model {
        return;
    }
    if !has(&span.attributes, names::GEN_AI_PROVIDER_NAME) {
        if let Some(provider) = told_provider(&span.attributes) {
            span.attributes.push(KeyValue::new(names::GEN_AI_PROVIDER_NAME, provider));
        }
    }
    // A `tracing` span is internal until it says otherwise.
    if span.span_kind == SpanKind::Internal {
        span.span_kind = SpanKind::Client;
    }
}

/// What OpenInference tells by its own names, said by the conventions' too. Its names stay: who reads
/// them reads no others.
fn translate(attributes: &mut Vec<KeyValue>) {
    for (theirs, today) in OPENINFERENCE {
        if has(attributes, today) {
            continue;
        }
        let Some(value) = find(attributes, theirs) else { continue };
        let wanted = type_of(today);
        let right = wanted.and_then(|wanted| converted(value, wanted)).unwrap_or_else(|| value.clone());
        if is_of(&right, wanted) {
            let word = (today == names::GEN_AI_PROVIDER_NAME).then(|| word_of_today(&right)).flatten();
            attributes.push(KeyValue::new(today, word.unwrap_or(right)));
        }
    }
}

/// The operation, as other conventions tell it, or as the span is called.
fn told_operation(span: &SpanData) -> Option<OperationKind> {
    let attributes = &span.attributes;
    let told = |name| text(attributes, name).map(str::to_ascii_lowercase);
    let by_openinference = told(others::OPENINFERENCE_SPAN_KIND).and_then(|kind| match kind.as_str() {
        "llm" => Some(OperationKind::Chat),
        "embedding" => Some(OperationKind::Embeddings),
        "tool" => Some(OperationKind::ExecuteTool),
        "agent" => Some(OperationKind::InvokeAgent),
        "retriever" => Some(OperationKind::Retrieval),
        _ => None,
    });
    let by_request = || {
        told(others::LLM_REQUEST_TYPE).and_then(|kind| match kind.as_str() {
            "chat" => Some(OperationKind::Chat),
            "completion" => Some(OperationKind::TextCompletion),
            "embedding" => Some(OperationKind::Embeddings),
            _ => None,
        })
    };
    let by_traceloop = || {
        told(others::TRACELOOP_SPAN_KIND).and_then(|kind| match kind.as_str() {
            "agent" => Some(OperationKind::InvokeAgent),
            "tool" => Some(OperationKind::ExecuteTool),
            "workflow" => Some(OperationKind::InvokeWorkflow),
            _ => None,
        })
    };
    by_openinference.or_else(by_request).or_else(by_traceloop).or_else(|| named_operation(span))
}

/// The operation that the span's name begins with, where the span is about what such an operation is
/// about: a program may call any span of its own `chat` or `plan the day`.
fn named_operation(span: &SpanData) -> Option<OperationKind> {
    let (first, rest) = span.name.split_once(' ').unwrap_or((&span.name, ""));
    let kind = OperationKind::from_name(first)?;
    let object = text(&span.attributes, about(kind)?)?;
    (rest.is_empty() || rest == object).then_some(kind)
}

/// The attribute that a span of this kind has in its name.
const fn about(kind: OperationKind) -> Option<&'static str> {
    match kind.class() {
        OperationClass::Generation | OperationClass::Embedding => Some(names::GEN_AI_REQUEST_MODEL),
        OperationClass::Tool => Some(names::GEN_AI_TOOL_NAME),
        OperationClass::Agent => Some(names::GEN_AI_AGENT_NAME),
        OperationClass::Workflow => Some(names::GEN_AI_WORKFLOW_NAME),
        OperationClass::Retrieval => Some(names::GEN_AI_DATA_SOURCE_ID),
        OperationClass::Memory | OperationClass::Other => None,
    }
}

/// The provider, as the server's address tells it, or the model's name.
fn told_provider(attributes: &[KeyValue]) -> Option<&'static str> {
    let port = match find(attributes, names::SERVER_PORT) {
        Some(Value::I64(port)) => u16::try_from(*port).unwrap_or_default(),
        _ => 0,
    };
    let by_server = text(attributes, names::SERVER_ADDRESS).and_then(|host| provider_name(host, port));
    let of_model = |name| {
        let (provider, _) = Provider::of_model(text(attributes, name)?)?;
        Some(provider.name())
    };
    by_server
        .or_else(|| of_model(names::GEN_AI_REQUEST_MODEL))
        .or_else(|| of_model(names::GEN_AI_RESPONSE_MODEL))
}
