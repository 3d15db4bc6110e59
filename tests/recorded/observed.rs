//! What a recorded exchange is expected to give, field by field, and how each is seen in a record.

use serde_json::{Map, Value, json};
use tracing_genai::record::{
    Choice, Embeddings, EmbeddingsRequest, ErrorInfo, Part, RawJson, Request, Response, StreamEnd, ToolCall,
    Usage,
};

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
const FIELDS: [Field; 35] = {
    use Null::{NotSent, Unknown};
    use See::{Answer, Asked, Embeddings, Error, Response, Stream};
    [
        field("request_model", NotSent, Asked(|asked| json!(asked.model))),
        field("response_model", NotSent, Answer(|answer| json!(answer.model))),
        field("response_id", NotSent, Answer(|answer| json!(answer.id))),
        field("service_tier", NotSent, Response(|response| json!(response.service_tier))),
        // The provider's own counts. They are the conventions' wherever `Usage` keeps no others;
        // a provider that counts otherwise shows its own in `usage_raw`.
        field("input_tokens", NotSent, Answer(|answer| json!(answer.usage.input_tokens))),
        field("output_tokens", NotSent, Answer(|answer| json!(answer.usage.output_tokens))),
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
        // The sentinel is an event too.
        field("stream_events", NotSent, Stream(|stream| json!(stream.events))),
        field("stream_done_sentinel", NotSent, Stream(|stream| json!(stream.done))),
        field("stream_terminal_event", NotSent, Stream(|stream| json!(stream.terminal_event))),
        field("embeddings_count", NotSent, Embeddings(|embeddings| json!(embeddings.count))),
        field("embedding_dimensions", NotSent, Embeddings(|embeddings| json!(embeddings.dimensions))),
        field("embedding_encoding", NotSent, Embeddings(|embeddings| json!(embeddings.encoding))),
        field("error_type", NotSent, Error(|error| json!(error.provider_type))),
        field("error_code", NotSent, Error(|error| json!(error.code))),
        field("error_param", NotSent, Error(|error| json!(error.param))),
        field("error_message", NotSent, Error(|error| json!(error.message))),
        // An error inside a stream has no status of its own.
        field("error_status", NotSent, Error(|error| json!(error.http_status))),
        field("error_midstream", Unknown, Error(|error| json!(error.http_status.is_none()))),
    ]
};

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
            See::Asked(_) | See::Embeddings(_) | See::Error(_) => None,
        })
    }

    /// With what an embedding model answered.
    pub(crate) fn embeddings(self, embeddings: &Embeddings) -> Self {
        let (model, id) = (embeddings.model.as_deref(), embeddings.id.as_deref());
        self.with(|see| match see {
            See::Embeddings(see) => Some(see(embeddings)),
            See::Answer(see) => Some(see(&Answer { model, id, usage: &embeddings.usage })),
            See::Asked(_) | See::Response(_) | See::Stream(_) | See::Error(_) => None,
        })
    }

    /// With what went wrong.
    pub(crate) fn error(self, error: &ErrorInfo) -> Self {
        self.with(|see| match see {
            See::Error(see) => Some(see(error)),
            _ => None,
        })
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
    pub(crate) fn differences(&self, expected: &Map<String, Value>) -> Vec<String> {
        let unknown = expected
            .keys()
            .filter(|key| FIELDS.iter().all(|field| field.key != key.as_str()))
            .map(|key| format!("{key}: the table of fields does not have it"));
        let known = FIELDS.iter().filter_map(|Field { key, null, .. }| {
            let expected = expected.get(*key).map(without_the_form_of_calls).unwrap_or_default();
            let got = self.0.get(*key).cloned().unwrap_or_default();
            let compared = !expected.is_null() || *null == Null::NotSent;
            (compared && expected != got).then(|| format!("{key}: expected {expected}, got {got}"))
        });
        unknown.chain(known).collect()
    }
}

/// `expected` without `legacy_function_call` in its tool calls: a record does not tell the older
/// form of a call from the newer, the call's missing id does.
fn without_the_form_of_calls(expected: &Value) -> Value {
    let mut expected = expected.clone();
    for call in expected.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        call.remove("legacy_function_call");
    }
    expected
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
    parts.filter_map(pick).map(tool_call).collect()
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
