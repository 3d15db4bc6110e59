//! Which spans are of AI, and which event each becomes. Keys of attributes alone decide.

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};

pub(super) const GENERATION: &str = "$ai_generation";
pub(super) const EMBEDDING: &str = "$ai_embedding";
pub(super) const SPAN: &str = "$ai_span";
pub(super) const TRACE: &str = "$ai_trace";

enum Provider {
    Vercel,
    PydanticAi,
    Traceloop,
    Conventions,
}

pub(super) fn is_ai(attributes: &[KeyValue]) -> bool {
    provider(attributes).is_some()
}

/// The first of them in PostHog's order.
fn provider(attributes: &[KeyValue]) -> Option<Provider> {
    let any = |prefixes: &[&str]| {
        attributes.iter().any(|pair| prefixes.iter().any(|prefix| pair.key.starts_with(prefix)))
    };
    if any(&["ai.", "eve."]) {
        Some(Provider::Vercel)
    } else if any(&["pydantic_ai."]) {
        Some(Provider::PydanticAi)
    } else if any(&["traceloop."]) || attributes.iter().any(|pair| pair.key == "llm.request.type") {
        Some(Provider::Traceloop)
    } else {
        any(&["gen_ai."]).then_some(Provider::Conventions)
    }
}

pub(super) fn of(span: &Span) -> &'static str {
    let of_operation = || match text(span, "gen_ai.operation.name") {
        Some("chat") => GENERATION,
        Some("embeddings") => EMBEDDING,
        _ => SPAN,
    };
    match provider(&span.attributes) {
        Some(Provider::Vercel) => match text(span, "ai.operationId") {
            Some("ai.embed.doEmbed" | "ai.embedMany.doEmbed") => EMBEDDING,
            Some(operation) if operation.ends_with(".doGenerate") || operation.ends_with(".doStream") => {
                GENERATION
            }
            Some(_) => SPAN,
            None => of_operation(),
        },
        Some(Provider::Traceloop) => match text(span, "llm.request.type") {
            Some("chat" | "completion") => GENERATION,
            Some("embedding" | "embeddings") => EMBEDDING,
            _ => SPAN,
        },
        Some(Provider::Conventions) => of_operation(),
        Some(Provider::PydanticAi) | None => SPAN,
    }
}

/// The attribute, if it is text.
pub(super) fn text_of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let pair = attributes.iter().rev().find(|pair| pair.key == key)?;
    match pair.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn text<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    text_of(&span.attributes, key)
}
