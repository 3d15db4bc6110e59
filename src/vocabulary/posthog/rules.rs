//! What PostHog is told in its own names, of a span of the conventions.

use super::{address::addresses, properties::Properties, session::session_id, state, usage};
use crate::{
    record::{Call, EmbeddingInput, Operation, OperationClass, OperationKind, Request, ToolChoice},
    semconv::{gen_ai as names, own, posthog as ph},
    vocabulary::gen_ai::to_i64,
};
use serde_json::{Map, Value as Json};

/// What is known of a span beside its attributes.
pub(super) struct Known<'a> {
    /// Its full record, if it has one.
    pub(super) operation: Option<&'a Operation>,
    /// Whether content may be said.
    pub(super) has_content: bool,
    /// What its status says, if that is an error.
    pub(super) failure: Option<&'a str>,
    /// Whether an exception on it may say more.
    pub(super) has_exception: bool,
    /// Whether it is the caller's side of something remote.
    pub(super) is_client: bool,
    /// Whether its resource says whose it is.
    pub(super) has_owner: bool,
    /// Whether a property may be a map.
    pub(super) has_maps: bool,
}

impl<'a> Known<'a> {
    /// The record, as far as it is one with content that may be said.
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

/// Adds to the attributes of a span what PostHog does not derive from them, and takes out what it would misread.
pub(super) fn apply(list: &mut Properties, known: &Known<'_>) {
    let class = operation_name(list, known.operation);
    addresses(list, known.operation);
    identity(list, known);
    outcome(list, class, known);
    labels(list, class);
    match class {
        OperationClass::Generation => generation(list, known),
        OperationClass::Embedding => embedding(list, known),
        _ => state::states(list, known),
    }
    usage::usage(list, class, known);
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
            list.set(names::GEN_AI_OPERATION_NAME, OperationKind::Chat.name());
        }
        (_, Some(kind)) if kind != OperationKind::Evaluation => {
            list.put_text(names::GEN_AI_OPERATION_NAME, Some(kind.name()));
        }
        _ => {}
    }
    // A span without any such name is dropped there.
    if !list.iter().any(|(key, _)| key.starts_with("gen_ai.")) {
        list.set(names::GEN_AI_OPERATION_NAME, kind.map_or("other", OperationKind::name));
    }
    class
}

/// Whose it is, or that it is nobody's: an anonymous event would make a person.
pub(super) fn identity(list: &mut Properties, known: &Known<'_>) {
    let marks = known.operation.and_then(|operation| operation.marks.as_deref());
    let user = list.text(names::USER_ID).or_else(|| marks?.user.as_deref()).filter(|user| !user.is_empty());
    let user = user.map(str::to_owned).or_else(|| list.integer(names::USER_ID).map(|id| id.to_string()));
    list.put_text(ph::POSTHOG_DISTINCT_ID, user.as_deref());
    if list.text(ph::POSTHOG_DISTINCT_ID).is_none() && !known.has_owner {
        list.put(ph::PROCESS_PERSON_PROFILE, Some(false));
    }
    let session = list.text(names::SESSION_ID).or_else(|| list.text(names::GEN_AI_CONVERSATION_ID));
    let session = session.or_else(|| marks?.session.as_deref()).or_else(|| marks?.conversation.as_deref());
    let session = list.text(ph::AI_SESSION_ID).or(session).map(session_id);
    if let Some(session) = session {
        list.set(ph::AI_SESSION_ID, session);
    }
}

/// How it ended. A status is always said for a call: PostHog would take one from the numbers in a message.
fn outcome(list: &mut Properties, class: OperationClass, known: &Known<'_>) {
    let record = known.operation;
    let answered = record.and_then(|operation| operation.http_status).map(i64::from);
    let answered = answered.or_else(|| list.integer("http.response.status_code"));
    let Some(words) = known.failure else {
        list.put(ph::AI_IS_ERROR, Some(false));
        list.put(ph::AI_HTTP_STATUS, answered);
        return;
    };
    // It is one to PostHog, whatever was said before.
    list.set(ph::AI_IS_ERROR, true);
    list.copy(ph::AI_ERROR_TYPE, names::ERROR_TYPE);
    // Of a span of another library the exception may say more.
    if record.is_some() || !known.has_exception {
        list.put_text(ph::AI_ERROR, Some(words));
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
    list.put(ph::AI_HTTP_STATUS, failure.or(unsaid));
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

fn generation(list: &mut Properties, known: &Known<'_>) {
    list.copy(ph::AI_TEMPERATURE, names::GEN_AI_REQUEST_TEMPERATURE);
    list.copy(ph::AI_MAX_TOKENS, names::GEN_AI_REQUEST_MAX_TOKENS);
    list.copy(ph::AI_STREAM, names::GEN_AI_REQUEST_STREAM);
    list.put(ph::AI_STREAM, known.request().map(|request| request.stream));
    list.copy(ph::AI_TIME_TO_FIRST_TOKEN, names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK);
    list.copy(ph::AI_COMPLETION_ID, names::GEN_AI_RESPONSE_ID);
    let reason = match list.get(names::GEN_AI_RESPONSE_FINISH_REASONS) {
        Some(Json::Array(reasons)) => reasons.first().cloned(),
        Some(reason @ Json::String(_)) => Some(reason.clone()),
        _ => None,
    };
    list.put(ph::AI_STOP_REASON, reason);
    if known.has_maps {
        parameters(list, known);
        list.put(ph::AI_PROVIDER_METADATA, known.operation.and_then(provider_metadata));
    }
    let is_responses = known.operation.is_some_and(|operation| operation.api.as_deref() == Some("responses"));
    if is_responses {
        let instructions = known.content().and_then(state::instructions);
        list.put_text(ph::AI_INSTRUCTIONS, instructions.as_deref());
    }
}

/// All settings of the request in one map, as the provider knows them.
fn parameters(list: &mut Properties, known: &Known<'_>) {
    const NOT_SETTINGS: [&str; 3] = [
        names::GEN_AI_REQUEST_MODEL,
        names::GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID,
        names::GEN_AI_REQUEST_STREAM_CURSOR,
    ];
    let settings = list.iter().filter(|(key, _)| !NOT_SETTINGS.contains(key));
    let mut settings: Map<String, Json> = settings
        .filter_map(|(key, value)| {
            Some((key.strip_prefix("gen_ai.request.")?.replace('.', "_"), value.clone()))
        })
        .collect();
    if let Some(request) = known.request() {
        let mut add = |key: &str, value: Option<Json>| {
            if let Some(value) = value {
                settings.entry(key).or_insert(value);
            }
        };
        add("stream", Some(request.stream.into()));
        let choice = request.tool_choice.as_ref().map(|choice| match choice {
            ToolChoice::Auto => "auto",
            ToolChoice::None => "none",
            ToolChoice::Required => "required",
            ToolChoice::Tool(name) => name,
        });
        add("tool_choice", choice.map(Json::from));
        add("parallel_tool_calls", request.parallel_tool_calls.map(Json::from));
        add("reasoning_budget", request.reasoning_budget.map(|budget| to_i64(budget).into()));
        add("service_tier", request.service_tier.as_deref().map(Json::from));
    }
    list.put(ph::AI_MODEL_PARAMETERS, Some(settings).filter(|settings| !settings.is_empty()));
}

/// What the provider says of its answer that no other property has.
fn provider_metadata(operation: &Operation) -> Option<Json> {
    let Call::Inference { response, .. } = &operation.call else { return None };
    let entries = [
        ("request_id", &operation.request_id),
        ("service_tier", &response.service_tier),
        ("system_fingerprint", &response.system_fingerprint),
        ("incomplete_reason", &response.incomplete_reason),
        ("block_reason", &response.block_reason),
        ("guardrail_action", &response.guardrail_action),
    ];
    let entries = entries.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into())));
    Some(entries.collect::<Map<_, _>>()).filter(|entries| !entries.is_empty()).map(Json::Object)
}

/// What was embedded: one input as it is, several as a list.
fn embedding(list: &mut Properties, known: &Known<'_>) {
    let Some(Call::Embeddings { request, .. }) = known.content().map(|operation| &operation.call) else {
        return;
    };
    let input = match request.input.as_slice() {
        [] => return,
        [one] => embedded(one),
        several => several.iter().map(embedded).collect(),
    };
    list.put(ph::AI_INPUT, Some(input));
}

fn embedded(input: &EmbeddingInput) -> Json {
    match input {
        EmbeddingInput::Text(text) => text.as_str().into(),
        EmbeddingInput::Tokens(tokens) => tokens.as_slice().into(),
    }
}
