//! A call of a model as the object that is posted for it.

use super::{
    attributes::Attributes,
    fit::{kind, model},
    id,
    messages::{self, bounded},
    provider,
};
use crate::{
    capture::{ContentCapture, redact::scrub_secrets},
    record::{Call, EmbeddingInput, Operation, Outcome},
    semconv::{gen_ai as names, own, tracia, tracia::keys},
    vocabulary::gen_ai::content_attributes,
};
use opentelemetry::{KeyValue, trace::Status};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, Value, json};

/// What Tracia calls a call whose caller went away.
const ABORTED: &str = "Stream aborted";

/// A finished span, and what is to be known of it besides.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) span: &'a SpanData,
    /// Its full record, if it has one.
    pub(crate) operation: Option<&'a Operation>,
    /// Its status as the content policy allows.
    pub(crate) status: &'a Status,
    /// The id in Tracia of the nearest call above it; of an evaluation, of what was judged.
    pub(crate) above: Option<&'a str>,
    pub(crate) content: &'a ContentCapture,
    /// The provider of those that Tracia does not know.
    pub(crate) others: Option<&'static str>,
}

/// The id of the call, and what is posted for it; `None` for what is no call that Tracia has a form for.
pub(crate) fn call(seen: &Seen<'_>) -> Option<(String, Map<String, Value>)> {
    let attributes = Attributes(&seen.span.attributes);
    let kind = kind(attributes)?;
    let model = model(attributes)?;
    let provider = provider::of(attributes.text(names::GEN_AI_PROVIDER_NAME), model).or(seen.others)?;
    let span_id = id::span_id(seen.span);
    let is_embedding = kind == "EMBEDDING";

    let mut body = Map::new();
    let mut put = |key: &str, value: Value| _ = body.insert(key.to_owned(), value);
    put(keys::SPAN_ID, span_id.as_str().into());
    put(keys::TRACE_ID, id::trace_id(seen.span).into());
    if let Some(parent) = seen.above.or_else(|| id::own_parent_id(seen.span)) {
        put(keys::PARENT_SPAN_ID, parent.into());
    }
    // Tracia's SDKs name this kind alone: another is a call of a language model.
    if is_embedding {
        put(keys::SPAN_KIND, kind.into());
    }
    put(keys::MODEL, model.into());
    put(keys::PROVIDER, provider.into());

    let rendered = rendered(seen);
    let said = Attributes(rendered.as_deref().unwrap_or(&[]));
    if is_embedding {
        put(keys::INPUT, json!({ "text": embedded(seen) }));
        put(keys::OUTPUT, vectors(seen, attributes).map_or(Value::Null, Value::String));
    } else {
        put(keys::INPUT, json!({ "messages": messages::input(said) }));
        put(keys::OUTPUT, messages::output(said).map_or(Value::Null, Value::String));
        let numbers = [
            (keys::TEMPERATURE, attributes.number(names::GEN_AI_REQUEST_TEMPERATURE).map(Value::from)),
            (keys::TOP_P, attributes.number(names::GEN_AI_REQUEST_TOP_P).map(Value::from)),
            (keys::MAX_OUTPUT_TOKENS, attributes.count(names::GEN_AI_REQUEST_MAX_TOKENS).map(Value::from)),
        ];
        numbers.into_iter().for_each(|(key, number)| {
            if let Some(number) = number {
                put(key, number);
            }
        });
        for (key, list) in
            [(keys::TOOLS, messages::tools(said)), (keys::TOOL_CALLS, messages::tool_calls(said))]
        {
            if !list.is_empty() {
                put(key, list.into());
            }
        }
    }
    put(keys::VARIABLES, variables(seen, said, attributes, is_embedding));

    let error = error(seen, attributes);
    put(keys::STATUS, if error.is_some() { "ERROR" } else { "SUCCESS" }.into());
    put(keys::ERROR, error.map_or(Value::Null, Value::String));
    let latency = seen.span.end_time.duration_since(seen.span.start_time).unwrap_or_default();
    put(keys::LATENCY_MS, u64::try_from(latency.as_millis()).unwrap_or(u64::MAX).into());
    let [input, output, total] = tokens(seen, attributes, is_embedding);
    put(keys::INPUT_TOKENS, input.into());
    put(keys::OUTPUT_TOKENS, output.into());
    put(keys::TOTAL_TOKENS, total.into());

    let tags = tags(attributes);
    if !tags.is_empty() {
        put(keys::TAGS, tags.into());
    }
    if let Some(user) = attributes.text(names::USER_ID).or_else(|| attributes.text("enduser.id")) {
        put(keys::USER_ID, user.into());
    }
    let session =
        attributes.text(names::SESSION_ID).or_else(|| attributes.text(names::GEN_AI_CONVERSATION_ID));
    if let Some(session) = session {
        put(keys::SESSION_ID, session.into());
    }
    Some((span_id, body))
}

/// What was said, as far as the policy allows: from the record, else as another library wrote it.
fn rendered(seen: &Seen<'_>) -> Option<Vec<KeyValue>> {
    if !seen.content.is_on() {
        return None;
    }
    Some(match seen.operation {
        Some(operation) => content_attributes(operation, seen.content),
        None => seen.span.attributes.clone(),
    })
}

/// The texts that were embedded, which spans do not carry.
fn embedded(seen: &Seen<'_>) -> Vec<Value> {
    match seen.operation.map(|operation| &operation.call) {
        Some(Call::Embeddings { request, .. }) if seen.content.is_on() => {
            let text = |input: &EmbeddingInput| match input {
                EmbeddingInput::Text(text) => bounded(text).into(),
                EmbeddingInput::Tokens(ids) => format!("[{} tokens]", ids.len()).into(),
            };
            request.input.iter().map(text).collect()
        }
        _ => Vec::new(),
    }
}

/// The form of the vectors that came, which tells nothing of what was said.
fn vectors(seen: &Seen<'_>, attributes: Attributes<'_>) -> Option<String> {
    let Call::Embeddings { response, .. } = &seen.operation?.call else { return None };
    let dimensions = attributes.count(names::GEN_AI_EMBEDDINGS_DIMENSION_COUNT);
    let dimensions = dimensions.or(response.dimensions.map(|count| count as u64))?;
    let count = response.count;
    (count > 0).then(|| format!("{{\"dimensions\":{dimensions},\"count\":{count}}}"))
}

/// Variables are what a prompt was made of, so they are content too.
fn variables(seen: &Seen<'_>, said: Attributes<'_>, attributes: Attributes<'_>, is_embedding: bool) -> Value {
    if is_embedding || !seen.content.is_on() {
        return Value::Null;
    }
    let of = |list: Attributes<'_>| list.json(tracia::TRACIA_VARIABLES);
    let Some(Value::Object(variables)) = of(said).or_else(|| of(attributes)) else {
        return Value::Null;
    };
    let text = |value: Value| match value {
        Value::String(text) => bounded(&text).into_owned(),
        other => bounded(&other.to_string()).into_owned(),
    };
    variables.into_iter().map(|(name, value)| (name, Value::from(text(value)))).collect::<Map<_, _>>().into()
}

/// Why the call failed; `None` if it did not.
fn error(seen: &Seen<'_>, attributes: Attributes<'_>) -> Option<String> {
    if let Status::Error { description } = seen.status {
        let event = seen.span.events.iter().find(|event| event.name == "exception");
        let exception = event.and_then(|event| Attributes(&event.attributes).text("exception.message"));
        let words = Some(&**description).filter(|words| !words.is_empty());
        let words = words.or(exception).or_else(|| attributes.text(names::ERROR_TYPE)).unwrap_or("_OTHER");
        return Some(bounded(&scrub_secrets(words)).into_owned());
    }
    let is_abandoned = attributes.text(own::TRACING_GENAI_OUTCOME) == Some(Outcome::Abandoned.name());
    is_abandoned.then(|| ABORTED.to_owned())
}

/// Tokens in, out and in all. A provider that leaves its cache out of the total is corrected.
fn tokens(seen: &Seen<'_>, attributes: Attributes<'_>, is_embedding: bool) -> [u64; 3] {
    let usage = seen.operation.and_then(Operation::usage);
    let total = usage.and_then(|usage| usage.total_tokens);
    let input = attributes
        .count(names::GEN_AI_USAGE_INPUT_TOKENS)
        .or_else(|| usage.and_then(|usage| usage.input_tokens))
        .or(total.filter(|_| is_embedding))
        .unwrap_or(0);
    let output = attributes
        .count(names::GEN_AI_USAGE_OUTPUT_TOKENS)
        .or_else(|| usage.and_then(|usage| usage.output_tokens))
        .filter(|_| !is_embedding)
        .unwrap_or(0);
    let sum = input.saturating_add(output);
    [input, output, total.map_or(sum, |total| total.max(sum))]
}

/// Tags for Tracia alone and those of the scope, each once.
fn tags(attributes: Attributes<'_>) -> Vec<Value> {
    let mut tags: Vec<&str> = Vec::new();
    for tag in attributes.texts(tracia::TRACIA_TAGS).chain(attributes.texts(own::TRACING_GENAI_TAGS)) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.into_iter().map(Value::from).collect()
}
