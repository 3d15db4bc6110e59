//! What an exchange came to, for who wrote the request, for the caller and for a back end.

use super::{
    Asked, Found,
    calling::{Body, Came, Place},
};
use crate::{
    exchange::Exchange,
    observed::{Observed, is_silent},
};
use opentelemetry::trace::{SpanKind, Status};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, time::Duration};
use tracing_genai::{
    Error,
    provider::Api,
    record::{Call, Message, Operation, Outcome, Part},
    testing::{FinishedSpan, ReceivedRequest},
};

/// The client wrote what it was asked to.
pub(super) fn check_request(
    exchange: &Exchange,
    asked: &Asked,
    place: &Place,
    received: &ReceivedRequest,
    wire: &Call,
    found: &mut Found,
) {
    if let (Some(target), Some(_)) = (&place.target, &asked.recorded) {
        // Amazon's own clients encode the colon of a model's id, others do not.
        let plain = |path: &str| path.replace("%3A", ":");
        found.compare("the path", &plain(target), &plain(&received.path));
    }
    let (header, key) = place.key;
    found.compare(header, &Some(key), &received.header(header));
    found.compare("content-type", &Some("application/json"), &received.header("content-type"));
    let (expected, sent) = (fields(&as_written(asked)), fields(wire));
    for name in expected.keys().chain(sent.keys()).collect::<BTreeSet<_>>() {
        found.compare(&format!("{name} of the request"), &expected.get(name), &sent.get(name));
    }

    // What needs no reader to be compared.
    let Some(recorded) = &asked.recorded else { return };
    let sent = received.json();
    let length = |body: &Value, name: &str| {
        body.get(name).and_then(Value::as_array).map(Vec::len).filter(|length| *length > 0)
    };
    // Google has the model in the address, and its tools in groups.
    if !matches!(exchange.folder(), "openai" | "azure_openai" | "azure_ai_inference" | "anthropic") {
        return;
    }
    if !recorded["model"].is_null() {
        found.compare("model", &recorded["model"], &sent["model"]);
    }
    if asked.api == Api::OpenAiChat {
        found.compare("messages", &length(recorded, "messages"), &length(&sent, "messages"));
    }
    let offered = length(recorded, "tools").or_else(|| length(recorded, "functions"));
    found.compare("tools", &offered, &length(&sent, "tools"));
}

/// The fields of the request in this call.
fn fields(call: &Call) -> Map<String, Value> {
    let request = match call {
        Call::Inference { request, .. } => json!(request),
        Call::Embeddings { request, .. } => json!(request),
        other => panic!("the client makes no such call: {other:?}"),
    };
    request.as_object().cloned().expect("a request is an object")
}

/// What was asked, as the API gets it.
fn as_written(asked: &Asked) -> Call {
    let mut call = asked.call.clone();
    let Call::Inference { request, .. } = &mut call else { return call };
    match asked.api {
        // Messages of the same role that follow each other become one.
        Api::BedrockConverse => {
            let mut merged: Vec<Message> = Vec::new();
            for message in std::mem::take(&mut request.messages) {
                match merged.last_mut() {
                    Some(last) if last.role == message.role => last.parts.extend(message.parts),
                    _ => merged.push(message),
                }
            }
            request.messages = merged;
        }
        Api::OpenAiChat if request.stream => {
            // Asked for unless the caller says otherwise.
            request.options.entry("stream_options").or_insert_with(|| json!({ "include_usage": true }));
        }
        Api::OpenAiResponses => {
            // The API takes an item's id only together with the reasoning before it, so neither is sent.
            for message in &mut request.messages {
                message.parts.retain(|part| !matches!(part, Part::Reasoning(_)));
                for part in &mut message.parts {
                    if let Part::ToolCall(call) = part {
                        call.item_id = None;
                    }
                }
            }
        }
        _ => {}
    }
    call
}

/// What the caller learns.
pub(super) fn check_caller(
    exchange: &Exchange,
    asked: &Asked,
    came: &Came,
    wire: &Call,
    operation: &Operation,
    found: &mut Found,
) {
    let mut observed = see_request(exchange, asked, wire);
    observed = match (&came.answer, &operation.call) {
        (Some(Body::Response(response)), _) => observed.response(response),
        (Some(Body::Embeddings(embeddings)), _) => observed.embeddings(embeddings),
        (None, Call::Inference { response, .. }) if came.told.is_some() => observed.response(response),
        (None, _) => observed,
    };
    if let Some(error) = &came.error {
        observed = observed.error(error.info());
    }
    found
        .0
        .extend(observed.differences(exchange).into_iter().map(|difference| format!("reply: {difference}")));

    let request_id = request_id(exchange);
    match &came.error {
        None => found.compare("the reply's request id", &request_id, &came.request_id.as_deref()),
        Some(error) if exchange.succeeded() => {
            found.compare("the error's request id", &request_id, &error.info().request_id.as_deref());
        }
        Some(error) => {
            let info = error.info();
            found.compare("the error's request id", &request_id, &info.request_id.as_deref());
            let told = exchange.expected.get("error_retry_delay").and_then(Value::as_str);
            let seconds = exchange.header("retry-after").or(told.map(|told| told.trim_end_matches('s')));
            let seconds = seconds.map(|text| text.parse().expect("seconds"));
            found.compare("retry_after", &seconds.map(Duration::from_secs), &info.retry_after);
        }
    }
    if let (Some(told), Some(text)) = (&came.told, exchange.expected["text"].as_str()) {
        let events: String = told.values().map(|(text, _)| text.as_str()).collect();
        found.compare("the text of the events", &text, &events.as_str());
    }
    if let (Some(told), Some(Body::Response(response))) = (&came.told, &came.answer) {
        let calls: String = response.tool_calls().map(|call| call.arguments.as_str()).collect();
        let events: String = told.values().map(|(_, arguments)| arguments.as_str()).collect();
        // Calls at the same time may send their pieces by turns.
        let sorted = |text: String| {
            let mut bytes = text.into_bytes();
            bytes.sort_unstable();
            bytes
        };
        found.compare("the arguments of the events", &sorted(calls), &sorted(events));
    }
}

fn see_request(exchange: &Exchange, asked: &Asked, call: &Call) -> Observed {
    let observed = Observed::of(exchange);
    // A stand-in's is not the exchange's, but for the model that an address names.
    if asked.recorded.is_none() && exchange.expected["request_model"].is_null() {
        return observed;
    }
    match call {
        Call::Inference { request, .. } => observed.request(request),
        Call::Embeddings { request, .. } => observed.embeddings_request(request),
        other => panic!("the client makes no such call: {other:?}"),
    }
}

/// What the span's operation holds: the same, whoever looks.
pub(super) fn check_operation(
    exchange: &Exchange,
    asked: &Asked,
    came: &Came,
    operation: &Operation,
    found: &mut Found,
) {
    let mut observed = see_request(exchange, asked, &operation.call);
    // A call that the provider refused has no answer, only an empty place for one.
    if exchange.succeeded() {
        observed = match &operation.call {
            Call::Inference { response, .. } => observed.response(response),
            Call::Embeddings { response, .. } => observed.embeddings(response),
            other => panic!("the client makes no such call: {other:?}"),
        };
    }
    if let Some(error) = operation.outcome.error() {
        observed = observed.error(error);
    }
    found.0.extend(
        observed.differences(exchange).into_iter().map(|difference| format!("operation: {difference}")),
    );
    found.compare("the operation's status", &Some(exchange.response.status), &operation.http_status);
    found.compare("the operation's request id", &request_id(exchange), &operation.request_id.as_deref());
    let error = came.error.as_ref().map(Error::info);
    found.compare("the operation's error", &error, &operation.outcome.error());
    let is_abandoned = operation.outcome == Outcome::Abandoned;
    found.compare("abandoned", &false, &is_abandoned);
}

/// The exchange whose error has words of its request, and what its span says instead.
const REPEATS_ITS_REQUEST: [(&str, &str); 1] = [(
    "openai/chat/error_400__gpt-4o-mini__openllmetry.json",
    "invalid_image_url (its words repeat the request and are left out)",
)];

/// What a back end sees.
pub(super) fn check_span(exchange: &Exchange, asked: &Asked, span: &FinishedSpan, found: &mut Found) {
    let expected = &exchange.expected;
    let fails = ["error_type", "error_code", "error_message"]
        .iter()
        .any(|key| expected.get(*key).is_some_and(|value| !value.is_null()));
    let kind = asked.api.operation_kind().name();
    let model = match &asked.call {
        Call::Inference { request, .. } => request.model.as_deref(),
        Call::Embeddings { request, .. } => request.model.as_deref(),
        _ => None,
    };
    found.compare("the span's name", &format!("{kind} {}", model.unwrap_or_default()), &span.name);
    found.compare("the span's kind", &SpanKind::Client, &span.kind);
    found.compare("attributes that came twice", &0, &span.duplicate_attributes().len());
    let message = expected.get("error_message").and_then(Value::as_str).unwrap_or_default();
    let status = match (fails, REPEATS_ITS_REQUEST.iter().find(|(file, _)| exchange.file == *file)) {
        (false, _) => Status::Unset,
        // No content is asked for, so words of the request are left out.
        (true, Some((_, words))) => Status::error(*words),
        (true, None) => Status::error(message.to_owned()),
    };
    found.compare("the span's status", &status, &span.status);

    let field = |key: &str| expected.get(key).cloned().unwrap_or_default();
    let seen = |name: &str| {
        span.attribute(name).map_or(Value::Null, |value| {
            let texts = value.as_array().map(|all| all.iter().map(|one| one.as_str()).collect::<Vec<_>>());
            match (value.as_str(), value.as_i64(), texts) {
                (Some(text), ..) => json!(text),
                (_, Some(number), _) => json!(number),
                (.., Some(texts)) => json!(texts),
                _ => panic!("{name} is {value:?}"),
            }
        })
    };
    let id_on_span = matches!(asked.call, Call::Inference { .. }) && !is_silent(exchange, "response_id");
    let response_id = if id_on_span { field("response_id") } else { seen("gen_ai.response.id") };
    let attributes = [
        ("tracing_genai.outcome", json!(if fails { "failed" } else { "done" })),
        ("gen_ai.operation.name", json!(kind)),
        ("gen_ai.request.model", json!(model)),
        ("gen_ai.response.model", field("response_model")),
        ("gen_ai.response.id", response_id),
        ("gen_ai.usage.input_tokens", field("input_tokens_semconv")),
        ("gen_ai.usage.output_tokens", field("output_tokens_semconv")),
        ("gen_ai.response.finish_reasons", finish_reasons(exchange)),
        ("gen_ai.embeddings.dimension.count", dimensions(exchange, asked)),
        ("error.type", error_type(exchange)),
    ];
    for (name, expected) in attributes {
        found.compare(name, &expected, &seen(name));
    }
    let streams = matches!(&asked.call, Call::Inference { request, .. } if request.stream);
    let has_first = span.attribute("gen_ai.response.time_to_first_chunk").is_some();
    let has_content = ["text", "reasoning_text", "refusal_text"]
        .iter()
        .any(|key| expected.get(*key).and_then(Value::as_str).is_some_and(|text| !text.is_empty()))
        || expected["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
    found.compare("time to first chunk", &(streams && has_content), &has_first);
}

/// `gen_ai.response.finish_reasons`: the provider's words, or for an API without them the
/// conventions', which follow from where the response stands.
fn finish_reasons(exchange: &Exchange) -> Value {
    let expected = &exchange.expected;
    let reasons = &expected["finish_reasons"];
    let calls = expected["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
    if expected.get("error_midstream") == Some(&json!(true)) && reasons.as_array().is_some_and(Vec::is_empty)
    {
        return json!(["error"]);
    }
    if !expected.get("prompt_block_reason").is_none_or(Value::is_null) {
        return json!(["content_filter"]);
    }
    if let Some(reasons) = reasons.as_array().filter(|reasons| !reasons.is_empty()) {
        return reasons.iter().map(|reason| conventions_word(exchange, reason, calls)).collect();
    }
    let reason = |key: &str| expected.get(key).and_then(Value::as_str);
    match (reason("response_status"), reason("incomplete_reason")) {
        (Some("completed"), _) if calls => json!(["tool_call"]),
        (Some("completed"), _) => json!(["stop"]),
        (Some("incomplete"), Some("max_output_tokens")) => json!(["length"]),
        (Some("failed"), _) => json!(["error"]),
        (None, _) => Value::Null,
        other => panic!("{}: {other:?}", exchange.file),
    }
}

/// The provider's word for OpenAI's format, the conventions' for all others.
fn conventions_word(exchange: &Exchange, reason: &Value, calls: bool) -> Value {
    let word = match (exchange.folder(), reason.to_string().trim_matches('"')) {
        ("anthropic", "end_turn" | "stop_sequence") => "stop",
        ("anthropic", "max_tokens") => "length",
        ("anthropic", "tool_use") => "tool_call",
        ("bedrock", "end_turn" | "stop_sequence" | "STOP_SEQUENCE" | "FINISH" | "COMPLETE" | "stop") => {
            "stop"
        }
        ("bedrock", "max_tokens" | "LENGTH" | "MAX_TOKENS" | "length") => "length",
        ("bedrock", "tool_use") => "tool_call",
        ("bedrock", "guardrail_intervened" | "content_filtered" | "CONTENT_FILTERED") => "content_filter",
        ("google" | "google_vertex", "STOP" | "1") if calls => "tool_call",
        ("google" | "google_vertex", "STOP" | "1") => "stop",
        ("google" | "google_vertex", "MAX_TOKENS" | "2") => "length",
        ("google" | "google_vertex", "SAFETY" | "RECITATION") => "content_filter",
        _ => return reason.clone(),
    };
    json!(word)
}

/// `gen_ai.embeddings.dimension.count`: those that came, else those that were asked for.
fn dimensions(exchange: &Exchange, asked: &Asked) -> Value {
    match &asked.call {
        Call::Embeddings { request, .. } => {
            let came = exchange.expected["embedding_dimensions"].as_u64();
            json!(came.or(request.dimensions.map(u64::from)))
        }
        _ => Value::Null,
    }
}

/// `error.type`: the provider's code, unless it is the status once more, its type, or the status.
fn error_type(exchange: &Exchange) -> Value {
    let word = |key: &str| exchange.expected.get(key).filter(|value| value.is_string());
    let code =
        word("error_code").filter(|code| code.as_str().is_some_and(|code| code.parse::<u16>().is_err()));
    let status = exchange.expected.get("error_status").filter(|status| status.is_u64());
    code.or_else(|| word("error_type"))
        .cloned()
        .or_else(|| status.map(|status| json!(status.to_string())))
        .unwrap_or_default()
}

/// The id that the answer's head gives the request.
fn request_id(exchange: &Exchange) -> Option<&str> {
    if exchange.folder() == "anthropic" {
        let in_body = || exchange.expected.get("error_request_id")?.as_str();
        return exchange.header("request-id").or_else(in_body);
    }
    if exchange.folder() == "bedrock" {
        return exchange.header("x-amzn-requestid");
    }
    if exchange.folder().starts_with("google") {
        return None;
    }
    exchange.header("x-request-id").or_else(|| exchange.header("apim-request-id"))
}
