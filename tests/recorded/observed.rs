//! What a recorded exchange is expected to give, field by field, and how each is seen in a record.

use crate::exchange::Exchange;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tracing_genai::provider::{self, bedrock};
use tracing_genai::record::{
    Choice, Embeddings, EmbeddingsRequest, ErrorInfo, Iteration, Part, RawJson, Request, Response, StreamEnd,
    ToolCall, Usage,
};
use tracing_genai::wire::event_stream::FrameParser;

/// What was seen of an exchange: a flat object with the keys of the recordings' `expected`.
#[derive(Debug, Default)]
pub(crate) struct Observed(Map<String, Value>);

/// One field of `expected`.
struct Field {
    key: &'static str,
    see: See,
    /// What `null` in `expected`, or no such key, says.
    null: Null,
}

/// Which record shows a field, and how; `Value::Null` for what the provider did not send.
enum See {
    Asked(fn(&Asked<'_>) -> Value),
    Response(fn(&Response) -> Value),
    Stream(fn(&StreamEnd) -> Value),
    Embeddings(fn(&Embeddings) -> Value),
    /// Shown by answers of both kinds.
    Answer(fn(&Answer<'_>) -> Value),
    Error(fn(&ErrorInfo) -> Value),
    /// Shown by the answer itself: no record has it.
    Answered,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Null {
    /// The provider sent none: a record that has one has made it up.
    NotSent,
    /// The API has no such thing, or the oracle does not tell: nothing is compared.
    Unknown,
}

/// What both kinds of requests have.
struct Asked<'a> {
    model: Option<&'a str>,
}

/// What both kinds of answers have.
struct Answer<'a> {
    model: Option<&'a str>,
    id: Option<&'a str>,
    usage: &'a Usage,
}

const fn field(key: &'static str, null: Null, see: See) -> Field {
    Field { key, see, null }
}

/// Every field of `expected` that is known here; a key that is not is a difference.
///
/// `error_message` is compared as it was recorded although [`ErrorInfo::message`] has keys taken
/// out: no recorded message of these providers holds one.
const FIELDS: [Field; 60] = {
    use Null::{NotSent, Unknown};
    use See::{Answer, Answered, Asked, Embeddings, Error, Response, Stream};
    [
        // A deployment in the address is no model to the oracle.
        field("request_model", Unknown, Asked(|asked| json!(asked.model))),
        field("response_model", NotSent, Answer(|answer| json!(answer.model))),
        field("response_id", NotSent, Answer(|answer| json!(answer.id))),
        field("service_tier", NotSent, Response(|response| json!(response.service_tier))),
        // The provider's own counts, which the raw usage keeps.
        field(
            "input_tokens",
            NotSent,
            Answer(|answer| own_count(answer.usage, &INPUT_TOKENS, answer.usage.input_tokens)),
        ),
        field(
            "output_tokens",
            NotSent,
            Answer(|answer| own_count(answer.usage, &OUTPUT_TOKENS, answer.usage.output_tokens)),
        ),
        field("total_tokens", NotSent, Answer(|answer| json!(answer.usage.total_tokens))),
        field("input_tokens_semconv", NotSent, Answer(|answer| json!(answer.usage.input_tokens))),
        field("output_tokens_semconv", NotSent, Answer(|answer| json!(answer.usage.output_tokens))),
        field("cache_read_tokens", NotSent, Answer(|answer| json!(answer.usage.cache_read_input_tokens))),
        field(
            "cache_creation_tokens",
            NotSent,
            Answer(|answer| json!(answer.usage.cache_write_input_tokens)),
        ),
        field("reasoning_tokens", NotSent, Answer(|answer| json!(answer.usage.reasoning_output_tokens))),
        field("tool_use_prompt_tokens", NotSent, Answer(|answer| json!(answer.usage.tool_use_input_tokens))),
        field("usage_iterations_total", NotSent, Answer(|answer| iterations_total(answer.usage))),
        field("usage_raw", NotSent, Answer(|answer| json!(answer.usage.raw.as_ref().map(RawJson::to_value)))),
        field("text", Unknown, Response(|response| json!(response.text()))),
        field("reasoning_text", NotSent, Response(|response| texts(&response.choices, reasoning))),
        field("refusal_text", NotSent, Response(|response| texts(&response.choices, refusal))),
        field("tool_calls", Unknown, Response(|response| tool_calls(response.parts(), client_call))),
        field("server_tool_calls", Unknown, Response(|response| tool_calls(response.parts(), server_call))),
        // The provider's words, of the choices that have one. An API without them has `null`.
        field("finish_reasons", Unknown, Response(|response| json!(finish_reasons(response)))),
        field("choices", Unknown, Response(|response| response.choices.iter().map(choice).collect())),
        field("response_status", NotSent, Response(|response| json!(response.status))),
        field("incomplete_reason", NotSent, Response(|response| json!(response.incomplete_reason))),
        field("output_item_types", Unknown, Response(|response| json!(response.output_item_types))),
        field("content_block_types", Unknown, Response(|response| json!(response.output_item_types))),
        field(
            "part_kinds",
            Unknown,
            Response(|response| json!(response.output_item_types.iter().collect::<BTreeSet<_>>())),
        ),
        field(
            "stop_sequence",
            NotSent,
            Response(|response| first(response, |choice| choice.stop_sequence.as_deref())),
        ),
        field(
            "finish_message",
            NotSent,
            Response(|response| first(response, |choice| choice.finish_message.as_deref())),
        ),
        field("prompt_block_reason", NotSent, Response(|response| json!(response.block_reason))),
        // The sentinel is an event too.
        field("stream_events", NotSent, Stream(|stream| json!(stream.events))),
        field("stream_done_sentinel", Unknown, Stream(|stream| json!(stream.done))),
        field(
            "stream_complete",
            Unknown,
            Stream(|stream| json!(stream.terminal_event.as_deref() == Some("message_stop"))),
        ),
        field("stream_framing", Unknown, Answered),
        field("event_types", Unknown, Answered),
        field("header_input_tokens", Unknown, Answered),
        field("header_output_tokens", Unknown, Answered),
        field("header_cache_read_tokens", Unknown, Answered),
        field("header_cache_write_tokens", Unknown, Answered),
        field("response_type", Unknown, Answered),
        field("model_family", Unknown, Asked(|asked| json!(asked.model.and_then(bedrock::model_family)))),
        field("latency_ms", NotSent, Response(|response| json!(response.latency_ms))),
        field("guardrail_action", NotSent, Response(|response| json!(response.guardrail_action))),
        field(
            "invocation_metrics",
            NotSent,
            Response(|response| json!(response.invocation_metrics.as_ref().map(RawJson::to_value))),
        ),
        field("embedding_types", Unknown, Embeddings(|embeddings| json!([embeddings.encoding]))),
        field("input_tokens_source", Unknown, Answered),
        field("output_tokens_source", Unknown, Answered),
        field("stream_terminal_event", Unknown, Stream(|stream| json!(stream.terminal_event))),
        field("embeddings_count", NotSent, Embeddings(|embeddings| json!(embeddings.count))),
        field("embedding_dimensions", NotSent, Embeddings(|embeddings| json!(embeddings.dimensions))),
        field("embedding_encoding", Unknown, Embeddings(|embeddings| json!(embeddings.encoding))),
        field("error_type", NotSent, Error(|error| json!(error.provider_type))),
        field("error_code", NotSent, Error(|error| json!(error.code))),
        field("error_param", NotSent, Error(|error| json!(error.param))),
        field("error_request_id", Unknown, Error(|error| json!(error.request_id))),
        field("error_details_types", NotSent, Error(details_types)),
        field(
            "error_retry_delay",
            Unknown,
            Error(|error| json!(error.retry_after.map(|delay| format!("{}s", delay.as_secs())))),
        ),
        field("error_message", NotSent, Error(|error| json!(error.message))),
        // An error inside a stream has no status of its own.
        field("error_status", NotSent, Error(|error| json!(error.http_status))),
        field("error_midstream", Unknown, Error(|error| json!(error.http_status.is_none()))),
    ]
};

/// Where the oracle says nothing although the bytes do.
const SILENT: [(&str, &[&str]); 2] = [
    (
        "bedrock/invoke_model_with_response_stream/plain__ai21.jamba-1-5-mini-v1-0__dd-trace-js.json",
        &["response_id", "total_tokens", "usage_raw"],
    ),
    (
        "bedrock/invoke_model_with_response_stream/stop_sequence__anthropic.claude-v2-1__dd-trace-js.json",
        &["stop_sequence"],
    ),
];

/// Whether the oracle says nothing of this although the bytes do.
pub(crate) fn is_silent(exchange: &Exchange, key: &str) -> bool {
    SILENT.iter().any(|(file, keys)| exchange.file == *file && keys.contains(&key))
}

impl Observed {
    /// With what was asked of a language model.
    pub(crate) fn request(self, request: &Request) -> Self {
        self.asked(&Asked { model: request.model.as_deref() })
    }

    /// With what was asked of an embedding model.
    pub(crate) fn embeddings_request(self, request: &EmbeddingsRequest) -> Self {
        self.asked(&Asked { model: request.model.as_deref() })
    }

    /// With what a language model answered.
    pub(crate) fn response(self, response: &Response) -> Self {
        let (model, id) = (response.model.as_deref(), response.id.as_deref());
        self.with(|see| match see {
            See::Response(see) => Some(see(response)),
            See::Stream(see) => response.stream.as_ref().map(see),
            See::Answer(see) => Some(see(&Answer { model, id, usage: &response.usage })),
            See::Asked(_) | See::Embeddings(_) | See::Error(_) | See::Answered => None,
        })
    }

    /// With what an embedding model answered.
    pub(crate) fn embeddings(self, embeddings: &Embeddings) -> Self {
        let (model, id) = (embeddings.model.as_deref(), embeddings.id.as_deref());
        self.with(|see| match see {
            See::Embeddings(see) => Some(see(embeddings)),
            See::Answer(see) => Some(see(&Answer { model, id, usage: &embeddings.usage })),
            See::Asked(_) | See::Response(_) | See::Stream(_) | See::Error(_) | See::Answered => None,
        })
    }

    /// With what went wrong.
    pub(crate) fn error(self, error: &ErrorInfo) -> Self {
        self.with(|see| match see {
            See::Error(see) => Some(see(error)),
            _ => None,
        })
    }

    /// Nothing but what the answer itself shows.
    pub(crate) fn of(exchange: &Exchange) -> Self {
        let mut observed = Self::default();
        if !exchange.succeeded() {
            return observed;
        }
        let mut put = |key: &str, value: Value| observed.0.insert(key.to_owned(), value);
        let body = exchange.response.bytes.as_slice();
        if exchange.is_stream() {
            let is_array = body.trim_ascii_start().starts_with(b"[");
            put("stream_framing", json!(if is_array { "json-array" } else { "sse" }));
            put("event_types", json!(event_types(body)));
        }
        let Some(api) = exchange.api() else { return observed };
        let usage = provider::usage_in_headers(api, &exchange.headers());
        // A record counts the cached ones in, the header does not.
        let cached = [usage.cache_read_input_tokens, usage.cache_write_input_tokens];
        let cached = cached.into_iter().flatten().sum::<u64>();
        put("header_input_tokens", json!(usage.input_tokens.map(|tokens| tokens - cached)));
        put("header_output_tokens", json!(usage.output_tokens));
        put("header_cache_read_tokens", json!(usage.cache_read_input_tokens));
        put("header_cache_write_tokens", json!(usage.cache_write_input_tokens));
        put("input_tokens_source", json!(usage.input_tokens.map(|_| "header")));
        put("output_tokens_source", json!(usage.output_tokens.map(|_| "header")));
        let whole: Value = serde_json::from_slice(body).unwrap_or_default();
        put("response_type", whole["response_type"].clone());
        observed
    }

    fn asked(self, asked: &Asked<'_>) -> Self {
        self.with(|see| match see {
            See::Asked(see) => Some(see(asked)),
            _ => None,
        })
    }

    fn with(mut self, see: impl Fn(&See) -> Option<Value>) -> Self {
        for field in &FIELDS {
            if let Some(value) = see(&field.see) {
                self.0.insert(field.key.to_owned(), value);
            }
        }
        self
    }

    /// What differs from `expected`, a line each; none if all is as it should be.
    pub(crate) fn differences(&self, exchange: &Exchange) -> Vec<String> {
        let expected = &exchange.expected;
        let unknown = expected
            .keys()
            .filter(|key| FIELDS.iter().all(|field| field.key != key.as_str()))
            .map(|key| format!("{key}: the table of fields does not have it"));
        let known = FIELDS.iter().filter_map(|Field { key, null, .. }| {
            let expected = expected.get(*key).map(as_a_record_has_it).unwrap_or_default();
            let expected = match (*key, expected) {
                ("error_code", code) => as_text(&code),
                ("model_family", Value::String(family)) => json!(vendor_of(&family)),
                ("finish_reasons", Value::Array(reasons)) => reasons.iter().map(as_text).collect(),
                (_, other) => other,
            };
            let got = self.0.get(*key).cloned().unwrap_or_default();
            let compared = !expected.is_null() || (*null == Null::NotSent && !is_silent(exchange, key));
            (compared && expected != got).then(|| format!("{key}: expected {expected}, got {got}"))
        });
        unknown.chain(known).collect()
    }
}

/// `expected` without `legacy_function_call` in its tool calls: a record does not tell the older
/// form of a call from the newer, the call's missing id does. A code or a reason that is a number is a
/// text in a record; a choice that cannot refuse has no refusal.
fn as_a_record_has_it(expected: &Value) -> Value {
    let mut expected = expected.clone();
    for choice in expected.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        if choice.contains_key("finish_reason") {
            choice.entry("refusal_text").or_insert(Value::Null);
        }
    }
    for call in expected.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        call.remove("legacy_function_call");
    }
    expected
}

/// The oracle's families are formats: a vendor's kinds of models have one each.
fn vendor_of(family: &str) -> &str {
    match family {
        // Of the one recorded vendor that speaks it.
        "openai_like" => "ai21",
        other => {
            ["_text", "_embed", "_chat"].iter().find_map(|kind| other.strip_suffix(kind)).unwrap_or(other)
        }
    }
}

/// A number as the text that a record keeps of it.
fn as_text(number: &Value) -> Value {
    if number.is_number() { json!(number.to_string()) } else { number.clone() }
}

/// The part, if it is plain text.
pub(crate) fn text(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) => Some(text),
        _ => None,
    }
}

fn reasoning(part: &Part) -> Option<&str> {
    match part {
        Part::Reasoning(text) => Some(text),
        _ => None,
    }
}

fn refusal(part: &Part) -> Option<&str> {
    match part {
        Part::Refusal(text) => Some(text),
        _ => None,
    }
}

fn client_call(part: &Part) -> Option<&ToolCall> {
    match part {
        Part::ToolCall(call) => Some(call),
        _ => None,
    }
}

fn server_call(part: &Part) -> Option<&ToolCall> {
    match part {
        Part::ServerToolCall(call) => Some(call),
        _ => None,
    }
}

/// These texts one after the other; null if there is none.
fn texts(choices: &[Choice], pick: fn(&Part) -> Option<&str>) -> Value {
    let text: String = choices.iter().flat_map(|choice| &choice.message.parts).filter_map(pick).collect();
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

fn tool_calls<'a>(parts: impl Iterator<Item = &'a Part>, pick: fn(&Part) -> Option<&ToolCall>) -> Value {
    let mut calls: Vec<Value> = Vec::new();
    let mut follows_call = false;
    for part in parts {
        // Google's proof belongs to the call before it.
        if let (Part::Signature(_), true, Some(call)) = (part, follows_call, calls.last_mut()) {
            call["thought_signature"] = json!(true);
        }
        let call = pick(part);
        follows_call = call.is_some();
        calls.extend(call.map(tool_call));
    }
    calls.into()
}

const INPUT_TOKENS: [&str; 4] = ["input_tokens", "prompt_tokens", "promptTokenCount", "inputTokens"];
const OUTPUT_TOKENS: [&str; 4] =
    ["output_tokens", "completion_tokens", "candidatesTokenCount", "outputTokens"];

/// The kinds of frames of an AWS event stream.
fn event_types(body: &[u8]) -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    let mut parser = FrameParser::new();
    parser.feed(body, &mut |frame| types.extend(frame.header(":event-type").map(str::to_owned)));
    types
}

/// A count as the provider sent it: in its usage object, or where it has none beside the answer.
fn own_count(usage: &Usage, names: &[&str], beside: Option<u64>) -> Value {
    let Some(raw) = usage.raw.as_ref().map(RawJson::to_value) else { return json!(beside) };
    names.iter().find_map(|name| raw.get(*name)).cloned().unwrap_or_default()
}

/// The counts of all passes, in the provider's way of counting: without the cache.
fn iterations_total(usage: &Usage) -> Value {
    if usage.iterations.is_empty() {
        return Value::Null;
    }
    let sum = |count: fn(&Iteration) -> Option<u64>| usage.iterations.iter().filter_map(count).sum::<u64>();
    let (read, written) =
        (sum(|pass| pass.cache_read_input_tokens), sum(|pass| pass.cache_write_input_tokens));
    json!({
        "input_tokens": sum(|pass| pass.input_tokens) - read - written,
        "output_tokens": sum(|pass| pass.output_tokens),
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    })
}

/// What the first choice that has it says.
fn first(response: &Response, pick: fn(&Choice) -> Option<&str>) -> Value {
    json!(response.choices.iter().find_map(pick))
}

fn details_types(error: &ErrorInfo) -> Value {
    if error.details.is_empty() {
        return Value::Null;
    }
    error.details.iter().map(|detail| detail["@type"].clone()).collect()
}

fn tool_call(call: &ToolCall) -> Value {
    let arguments = call.arguments_json().filter(Value::is_object);
    let mut seen = json!({ "id": call.id, "name": call.name, "arguments": arguments });
    if let Some(item_id) = &call.item_id {
        seen["item_id"] = json!(item_id);
    }
    if arguments.is_none() {
        seen["arguments_raw"] = json!(call.arguments);
    }
    seen
}

fn finish_reasons(response: &Response) -> Vec<&str> {
    response.choices.iter().filter_map(|choice| choice.raw_finish_reason.as_deref()).collect()
}

fn choice(choice: &Choice) -> Value {
    let parts = &choice.message.parts;
    json!({
        "index": choice.index,
        "finish_reason": choice.raw_finish_reason,
        "text": parts.iter().filter_map(text).collect::<String>(),
        "refusal_text": texts(std::slice::from_ref(choice), refusal),
        "tool_calls": tool_calls(parts.iter(), client_call),
    })
}
