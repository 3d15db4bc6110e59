//! A span of the conventions as PostHog's endpoint makes the best event of it.
//!
//! It makes properties of the attributes by rules of its own (`gen_ai.input.messages` becomes `$ai_input`), and what
//! these leave out is said in its own names.

use super::{address::addresses, json, properties::Properties, session::session_id, state, usage};
use crate::{
    record::{Call, EmbeddingInput, Operation, OperationClass, OperationKind, Request, ToolChoice},
    semconv::{gen_ai as names, own, posthog as ph},
};
use opentelemetry::trace::SpanId;
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::Event, status::StatusCode},
};

/// What is known of a span beside what it carries.
pub(crate) struct Facts<'a> {
    /// Its full record, if it has one.
    pub(crate) operation: Option<&'a Operation>,
    /// The nearest span above it that PostHog gets.
    pub(crate) parent: Option<SpanId>,
    /// Whether content may be sent.
    pub(crate) has_content: bool,
    /// The attributes of its resource, which become properties as well.
    pub(crate) resource: &'a [KeyValue],
}

impl<'a> Facts<'a> {
    /// The record, as far as it is one with content that may be sent.
    pub(super) fn content(&self) -> Option<&'a Operation> {
        self.operation.filter(|_| self.has_content)
    }

    fn request(&self) -> Option<&'a Request> {
        match &self.operation?.call {
            Call::Inference { request, .. } => Some(request),
            _ => None,
        }
    }
}

/// Turns a span of the conventions, already with what its destination may have, into one for PostHog.
pub(crate) fn translate(span: &mut Span, facts: &Facts<'_>) {
    // A parent that PostHog never gets would hang in the air, and keep the span from being the trace's root.
    span.parent_span_id = facts.parent.map_or_else(Vec::new, |parent| parent.to_bytes().to_vec());
    span.links.clear();
    // PostHog has no events of spans, but of exceptions.
    span.events.retain(is_exception);
    let mut list = Properties::of(std::mem::take(&mut span.attributes));
    let class = operation_name(&mut list, facts.operation);
    addresses(&mut list, facts.operation);
    identity(&mut list, facts);
    outcome(&mut list, span, class, facts);
    labels(&mut list, class);
    match class {
        OperationClass::Generation => generation(&mut list, facts),
        OperationClass::Embedding => embedding(&mut list, facts),
        _ => state::states(&mut list, facts),
    }
    usage::usage(&mut list, class, span.kind, facts);
    span.attributes = list.into_attributes();
}

fn is_exception(event: &Event) -> bool {
    let is_one = |attribute: &KeyValue| matches!(&*attribute.key, "exception.type" | "exception.message");
    event.name == "exception" || event.attributes.iter().any(is_one)
}

/// The name that makes the right event: PostHog knows `chat` and `embeddings` alone.
fn operation_name(list: &mut Properties, operation: Option<&Operation>) -> OperationClass {
    let named = list.text(names::GEN_AI_OPERATION_NAME).and_then(OperationKind::from_name);
    let kind = operation.map(|operation| operation.kind).or(named);
    let class = kind.map_or(OperationClass::Other, OperationKind::class);
    match (class, kind) {
        (OperationClass::Generation, Some(kind)) => {
            if kind != OperationKind::Chat {
                list.put_text(own::TRACING_GENAI_OPERATION_NAME, Some(kind.name()));
            }
            set_text(list, names::GEN_AI_OPERATION_NAME, OperationKind::Chat.name());
        }
        (_, Some(kind)) if kind != OperationKind::Evaluation => {
            list.put_text(names::GEN_AI_OPERATION_NAME, Some(kind.name()));
        }
        _ => {}
    }
    // A span without any such name is dropped there.
    if !list.iter().any(|(key, _)| key.starts_with("gen_ai.")) {
        set_text(list, names::GEN_AI_OPERATION_NAME, kind.map_or("other", OperationKind::name));
    }
    class
}

fn set_text(list: &mut Properties, key: &str, text: &str) {
    list.set(key, Value::StringValue(text.to_owned()));
}

/// Whose it is, or that it is nobody's: an anonymous event would make a person.
pub(super) fn identity(list: &mut Properties, facts: &Facts<'_>) {
    let marks = facts.operation.and_then(|operation| operation.marks.as_deref());
    let user = list.text(names::USER_ID).or_else(|| marks?.user.as_deref()).filter(|user| !user.is_empty());
    let user = user.map(str::to_owned).or_else(|| list.integer(names::USER_ID).map(|id| id.to_string()));
    list.put_text(ph::POSTHOG_DISTINCT_ID, user.as_deref());
    let is_of_process = |attribute: &KeyValue| {
        [ph::POSTHOG_DISTINCT_ID, names::USER_ID].contains(&attribute.key.as_str())
            && matches!(attribute.value.as_ref().and_then(|value| value.value.as_ref()),
                Some(Value::StringValue(id)) if !id.is_empty())
    };
    if list.text(ph::POSTHOG_DISTINCT_ID).is_none() && !facts.resource.iter().any(is_of_process) {
        list.put_flag(ph::PROCESS_PERSON_PROFILE, Some(false));
    }
    let session = list.text(names::SESSION_ID).or_else(|| list.text(names::GEN_AI_CONVERSATION_ID));
    let session = session.or_else(|| marks?.session.as_deref()).or_else(|| marks?.conversation.as_deref());
    let session = list.text(ph::AI_SESSION_ID).or(session).map(session_id);
    if let Some(session) = session {
        set_text(list, ph::AI_SESSION_ID, &session);
    }
}

/// How it ended. A status is always said for a call: PostHog would take one from the numbers in a message.
fn outcome(list: &mut Properties, span: &Span, class: OperationClass, facts: &Facts<'_>) {
    let status = span.status.as_ref().filter(|status| status.code == StatusCode::Error as i32);
    let record = facts.operation;
    let answered = record.and_then(|operation| operation.http_status).map(i64::from);
    let answered = answered.or_else(|| list.integer("http.response.status_code"));
    list.put_flag(ph::AI_IS_ERROR, Some(status.is_some()));
    let Some(status) = status else {
        list.put(ph::AI_HTTP_STATUS, answered.map(Value::IntValue));
        return;
    };
    list.copy(ph::AI_ERROR_TYPE, names::ERROR_TYPE);
    // Of a span of another library the exception may say more.
    if record.is_some() || span.events.is_empty() {
        list.put_text(ph::AI_ERROR, Some(&status.message));
    }
    let told = record.and_then(|operation| operation.outcome.error()?.http_status).map(i64::from);
    let failure = [told, answered].into_iter().flatten().find(|status| *status >= 400);
    let is_call = matches!(class, OperationClass::Generation | OperationClass::Embedding);
    // An answer that failed after its head is a failure of the server's to PostHog; no answer has no status.
    let unsaid = is_call.then_some(if answered.is_some() { 500 } else { 0 });
    // Said before the call failed, a success would win.
    if list.integer(ph::AI_HTTP_STATUS).is_some_and(|status| status < 400) {
        list.take(ph::AI_HTTP_STATUS);
    }
    list.put(ph::AI_HTTP_STATUS, failure.or(unsaid).map(Value::IntValue));
}

fn labels(list: &mut Properties, class: OperationClass) {
    list.copy(ph::AI_AGENT_NAME, names::GEN_AI_AGENT_NAME);
    list.copy(ph::AI_PROMPT_NAME, names::GEN_AI_PROMPT_NAME);
    list.copy(ph::AI_PROMPT_VERSION, names::GEN_AI_PROMPT_VERSION);
    let word = match class {
        OperationClass::Generation => "generation",
        OperationClass::Embedding => "embedding",
        OperationClass::Tool => "tool",
        OperationClass::Agent => "agent",
        OperationClass::Workflow => "workflow",
        OperationClass::Retrieval => "retrieval",
        OperationClass::Memory => "memory",
        OperationClass::Other => "other",
    };
    list.put_text(ph::AI_SPAN_TYPE, Some(word));
    library(list);
}

/// Which library speaks.
pub(super) fn library(list: &mut Properties) {
    for (name, version) in [(ph::LIB, ph::LIB_VERSION), (ph::AI_LIB, ph::AI_LIB_VERSION)] {
        if !list.has(name) {
            list.put_text(name, Some(env!("CARGO_PKG_NAME")));
            list.put_text(version, Some(env!("CARGO_PKG_VERSION")));
        }
    }
    // They would take the place of the above.
    list.remove(|key| key.starts_with("telemetry.sdk."));
}

fn generation(list: &mut Properties, facts: &Facts<'_>) {
    list.copy(ph::AI_TEMPERATURE, names::GEN_AI_REQUEST_TEMPERATURE);
    list.copy(ph::AI_MAX_TOKENS, names::GEN_AI_REQUEST_MAX_TOKENS);
    list.copy(ph::AI_STREAM, names::GEN_AI_REQUEST_STREAM);
    list.put_flag(ph::AI_STREAM, facts.request().map(|request| request.stream));
    list.copy(ph::AI_TIME_TO_FIRST_TOKEN, names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK);
    list.copy(ph::AI_COMPLETION_ID, names::GEN_AI_RESPONSE_ID);
    let reason = match list.get(names::GEN_AI_RESPONSE_FINISH_REASONS) {
        Some(Value::ArrayValue(reasons)) => reasons.values.first().and_then(|reason| reason.value.clone()),
        Some(reason @ Value::StringValue(_)) => Some(reason.clone()),
        _ => None,
    };
    list.put(ph::AI_STOP_REASON, reason);
    parameters(list, facts);
    if let Some(metadata) = facts.operation.and_then(provider_metadata) {
        list.put(ph::AI_PROVIDER_METADATA, Some(metadata));
    }
    let is_responses = facts.operation.is_some_and(|operation| operation.api.as_deref() == Some("responses"));
    if is_responses {
        let instructions = facts.content().and_then(state::instructions);
        list.put_text(ph::AI_INSTRUCTIONS, instructions.as_deref());
    }
}

/// All settings of the request in one map, as the provider knows them.
fn parameters(list: &mut Properties, facts: &Facts<'_>) {
    const NOT_SETTINGS: [&str; 3] = [
        names::GEN_AI_REQUEST_MODEL,
        names::GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID,
        names::GEN_AI_REQUEST_STREAM_CURSOR,
    ];
    let settings = list.iter().filter(|(key, _)| !NOT_SETTINGS.contains(key));
    let mut settings: Vec<(String, Value)> = settings
        .filter_map(|(key, value)| {
            Some((key.strip_prefix("gen_ai.request.")?.replace('.', "_"), value.clone()))
        })
        .collect();
    if let Some(request) = facts.request() {
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value.filter(|_| !settings.iter().any(|(known, _)| known == key)) {
                settings.push((key.to_owned(), value));
            }
        };
        add("stream", Some(Value::BoolValue(request.stream)));
        let choice = request.tool_choice.as_ref().map(|choice| match choice {
            ToolChoice::Auto => "auto",
            ToolChoice::None => "none",
            ToolChoice::Required => "required",
            ToolChoice::Tool(name) => name,
        });
        add("tool_choice", choice.map(|choice| Value::StringValue(choice.to_owned())));
        add("parallel_tool_calls", request.parallel_tool_calls.map(Value::BoolValue));
        let budget = request.reasoning_budget.and_then(|budget| i64::try_from(budget).ok());
        add("reasoning_budget", budget.map(Value::IntValue));
        add("service_tier", request.service_tier.clone().map(Value::StringValue));
    }
    if !settings.is_empty() {
        let map = json::map(settings.iter().map(|(key, value)| (key.as_str(), value.clone())));
        list.put(ph::AI_MODEL_PARAMETERS, Some(map));
    }
}

/// What the provider says of its answer that no other property has.
fn provider_metadata(operation: &Operation) -> Option<Value> {
    let Call::Inference { response, .. } = &operation.call else { return None };
    let entries = [
        ("request_id", &operation.request_id),
        ("service_tier", &response.service_tier),
        ("system_fingerprint", &response.system_fingerprint),
        ("incomplete_reason", &response.incomplete_reason),
        ("block_reason", &response.block_reason),
        ("guardrail_action", &response.guardrail_action),
    ];
    let entries =
        entries.into_iter().filter_map(|(key, text)| Some((key, Value::StringValue(text.clone()?))));
    let entries: Vec<_> = entries.collect();
    (!entries.is_empty()).then(|| json::map(entries))
}

/// What was embedded: one input as it is, several as a list.
fn embedding(list: &mut Properties, facts: &Facts<'_>) {
    let Some(Call::Embeddings { request, .. }) = facts.content().map(|operation| &operation.call) else {
        return;
    };
    let input = match request.input.as_slice() {
        [] => return,
        [one] => embedded(one),
        several => array(several.iter().map(embedded)),
    };
    list.put(ph::AI_INPUT, Some(input));
}

fn embedded(input: &EmbeddingInput) -> Value {
    match input {
        EmbeddingInput::Text(text) => Value::StringValue(text.clone()),
        EmbeddingInput::Tokens(tokens) => {
            array(tokens.iter().map(|token| Value::IntValue(i64::from(*token))))
        }
    }
}

fn array(values: impl Iterator<Item = Value>) -> Value {
    Value::ArrayValue(ArrayValue { values: values.map(|value| AnyValue { value: Some(value) }).collect() })
}

#[cfg(test)]
mod tests;
