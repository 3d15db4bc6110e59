//! An exchange made anew: the client asks a server on this machine, which answers as recorded.

use crate::{
    cutting::{self, Random},
    exchange::Exchange,
    observed::Observed,
};
use bytes::Bytes;
use opentelemetry::trace::{SpanKind, Status};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    time::Duration,
};
use tracing_genai::{
    Client, Error,
    client::{Chat, ChatEvent, Embed},
    provider::{self, Api},
    record::{Call, Embeddings, EmbeddingsRequest, Operation, Outcome, Part, Request, Response},
    testing::{Answer, FakeProvider, FinishedSpan, ReceivedRequest, capture_async},
};

/// How often a body is cut at random places.
const CUTS: u64 = 3;

/// What the client is to ask.
#[derive(Debug)]
pub(crate) struct Asked {
    api: Api,
    call: Call,
    /// The body of the recorded request; `None` for a request of the test's own.
    recorded: Option<Value>,
}

impl Asked {
    /// What the exchange's own request asks, or why nobody can tell.
    pub(crate) fn own(exchange: &Exchange) -> Result<Self, String> {
        let api = exchange.api().ok_or("the client does not speak this API")?;
        let request = exchange.request.as_ref().ok_or("its request was not recorded")?;
        let body = request.body.as_deref().ok_or("its request has no body")?;
        let call = provider::read_request(api, body.as_bytes()).ok_or("its request is not JSON")?;
        let recorded = serde_json::from_str(body).expect("a request that could be read is JSON");
        Ok(Self { api, call, recorded: Some(recorded) })
    }

    /// A plain question in place of the exchange's own, to get its answer all the same.
    pub(crate) fn stand_in(exchange: &Exchange) -> Self {
        let api = exchange.api().unwrap_or(Api::OpenAiChat);
        let body = json!({
            "model": "stand-in",
            "messages": [{ "role": "user", "content": "Hi" }],
            "input": "Hi",
            "stream": exchange.is_stream(),
        });
        let call = provider::read_request(api, body.to_string().as_bytes()).expect("a request's body");
        Self { api, call, recorded: None }
    }
}

/// The client refused to send a request, in these words.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

/// Makes the exchange once for each way in which its answer may arrive; what differs from what is
/// known of it, a line each.
pub(crate) fn differences(exchange: &Exchange, asked: &Asked) -> Result<Vec<String>, Refused> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut differences = Vec::new();
    for (way, answer) in answers(exchange) {
        let mut found = Found::default();
        runtime.block_on(replay(exchange, asked, answer, &mut found))?;
        differences.extend(found.0.into_iter().map(|difference| format!("{way}: {difference}")));
    }
    Ok(differences)
}

/// The recorded answer in every way in which it may arrive.
fn answers(exchange: &Exchange) -> Vec<(String, Answer)> {
    let body = exchange.response.body.as_bytes();
    let copied = |pieces: Vec<&[u8]>| -> Vec<Bytes> {
        pieces.into_iter().filter(|piece| !piece.is_empty()).map(Bytes::copy_from_slice).collect()
    };
    let (status, content_type) = (exchange.response.status, exchange.header("content-type"));
    let content_type = content_type.unwrap_or_default();
    let whole = Answer::raw(status, content_type, Bytes::copy_from_slice(body));
    let mut answers = vec![("in one piece".to_owned(), whole)];
    if exchange.is_stream() {
        let events = copied(events(body));
        answers.push(("event by event".to_owned(), Answer::chunks(status, content_type, events)));
    }
    let cuts = if exchange.is_normalized() { 0 } else { CUTS };
    for seed in 0..cuts {
        let pieces = copied(cutting::pieces(body, &mut Random::new(seed)));
        answers.push((format!("cut by seed {seed}"), Answer::chunks(status, content_type, pieces)));
    }
    let with_headers = |answer: Answer| {
        let others = exchange.response.headers.iter().filter(|(name, _)| *name != "content-type");
        others.fold(answer, |answer, (name, value)| answer.header(name, value))
    };
    answers.into_iter().map(|(way, answer)| (way, with_headers(answer))).collect()
}

/// The events of a stream, each with the empty line that ends it.
fn events(body: &[u8]) -> Vec<&[u8]> {
    let mut events = Vec::new();
    let (mut start, mut end) = (0, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line.trim_ascii().is_empty() {
            events.push(&body[start..end]);
            start = end;
        }
    }
    events.push(&body[start..]);
    events
}

/// What differs.
#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn compare<T: PartialEq + Debug>(&mut self, what: &str, expected: &T, got: &T) {
        if expected != got {
            self.0.push(format!("{what}: expected {expected:?}, got {got:?}"));
        }
    }
}

/// What the caller got.
struct Came {
    answer: Option<Body>,
    request_id: Option<String>,
    error: Option<Error>,
    /// The text and the tools' arguments of a stream's events, by choice.
    told: Option<BTreeMap<u32, (String, String)>>,
}

enum Body {
    Response(Response),
    Embeddings(Embeddings),
}

async fn replay(
    exchange: &Exchange,
    asked: &Asked,
    answer: Answer,
    found: &mut Found,
) -> Result<(), Refused> {
    let provider = FakeProvider::start().expect("a port on this machine");
    provider.enqueue(answer);
    let client = Client::builder().base_url(provider.base_url()).api_key("sk-test");
    let client = client.timeout(Duration::from_secs(20)).build().expect("a client");

    let (came, spans) = capture_async(call(&client, asked)).await;

    let requests = provider.requests();
    if let (Some(error), []) = (&came.error, requests.as_slice()) {
        found.compare("spans of a call that was refused", &0, &spans.len());
        return Err(Refused(error.to_string()));
    }
    let ([received], [span]) = (requests.as_slice(), spans.as_slice()) else {
        panic!("{}: {} requests and {} spans", exchange.file, requests.len(), spans.len());
    };
    let operation = span.operation.as_deref().expect("the operation of a captured span");
    let wire = provider::read_request(asked.api, &received.body).expect("the client writes JSON");
    check_request(asked, received, &wire, found);
    check_caller(exchange, asked, &came, &wire, operation, found);
    check_operation(exchange, asked, &came, operation, found);
    check_span(exchange, asked, span, found);
    Ok(())
}

async fn call(client: &Client, asked: &Asked) -> Came {
    match &asked.call {
        Call::Inference { request, .. } => {
            let chat = chat(client, asked.api, request);
            if request.stream { stream(chat).await } else { send(chat).await }
        }
        Call::Embeddings { request, .. } => match embed(client, request).send().await {
            Ok(reply) => Came {
                answer: Some(Body::Embeddings(reply.embeddings().clone())),
                request_id: reply.request_id().map(str::to_owned),
                error: None,
                told: None,
            },
            Err(error) => Came::failed(error),
        },
        other => panic!("the client makes no such call: {other:?}"),
    }
}

async fn send(chat: Chat) -> Came {
    match chat.send().await {
        Ok(reply) => Came {
            answer: Some(Body::Response(reply.response().clone())),
            request_id: reply.request_id().map(str::to_owned),
            error: None,
            told: None,
        },
        Err(error) => Came::failed(error),
    }
}

async fn stream(chat: Chat) -> Came {
    let mut stream = match chat.stream().await {
        Ok(stream) => stream,
        Err(error) => return Came::failed(error),
    };
    let mut told: BTreeMap<u32, (String, String)> = BTreeMap::new();
    let (mut done, mut error) = (None, None);
    while let Some(event) = stream.next().await {
        assert!(done.is_none() && error.is_none(), "an event after the last: {event:?}");
        match event {
            Ok(ChatEvent::Text { text, choice }) => told.entry(choice).or_default().0.push_str(&text),
            Ok(ChatEvent::ToolArguments { fragment, choice, .. }) => {
                told.entry(choice).or_default().1.push_str(&fragment);
            }
            Ok(ChatEvent::Done(reply)) => done = Some(reply),
            Ok(_) => {}
            Err(failure) => error = Some(failure),
        }
    }
    // A stream that failed may have let go of it; the span's operation has it still.
    let so_far = stream.so_far().cloned();
    if let Some(reply) = &done {
        assert_eq!(so_far.as_ref(), Some(reply.response()), "what came, and the reply at its end");
    }
    let request_id = done.and_then(|reply| reply.request_id().map(str::to_owned));
    Came { answer: so_far.map(Body::Response), request_id, error, told: Some(told) }
}

impl Came {
    fn failed(error: Error) -> Self {
        Self { answer: None, request_id: None, error: Some(error), told: None }
    }
}

/// The call that this request asks for.
fn chat(client: &Client, api: Api, request: &Request) -> Chat {
    fn with<T>(chat: Chat, value: Option<T>, set: impl FnOnce(Chat, T) -> Chat) -> Chat {
        match value {
            Some(value) => set(chat, value),
            None => chat,
        }
    }
    let mut chat = client.chat(request.model.as_deref().unwrap_or_default());
    if api == Api::OpenAiResponses {
        chat = chat.responses();
    }
    chat = chat.messages(request.messages.iter().cloned());
    chat = request.tools.iter().cloned().fold(chat, Chat::tool);
    chat = request.stop_sequences.iter().fold(chat, Chat::stop);
    chat = with(chat, request.tool_choice.clone(), Chat::tool_choice);
    chat = with(chat, request.choice_count, Chat::choices);
    chat = with(chat, request.max_output_tokens, Chat::max_output_tokens);
    chat = with(chat, request.temperature, Chat::temperature);
    chat = with(chat, request.top_p, Chat::top_p);
    chat = with(chat, request.frequency_penalty, Chat::frequency_penalty);
    chat = with(chat, request.presence_penalty, Chat::presence_penalty);
    chat = with(chat, request.seed, Chat::seed);
    chat = with(chat, request.output_format.clone(), Chat::output_format);
    chat = with(chat, request.reasoning_level.as_deref(), Chat::reasoning);
    chat = with(chat, request.previous_response_id.as_deref(), Chat::previous_response);
    chat = with(chat, request.service_tier.as_deref(), Chat::service_tier);
    chat = with(chat, request.user.as_deref(), Chat::end_user);
    // What has no method of its own.
    chat = with(chat, instructions(request), |chat, text| chat.option("instructions", text));
    request.options.iter().fold(chat, |chat, (name, value)| chat.option(name, value.clone()))
}

fn instructions(request: &Request) -> Option<String> {
    let texts: Vec<&str> = request
        .system_instructions
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            other => panic!("instructions that are no text: {other:?}"),
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

fn embed(client: &Client, request: &EmbeddingsRequest) -> Embed {
    let mut embed = client.embed(request.model.as_deref().unwrap_or_default());
    embed = embed.inputs(request.input.iter().cloned());
    embed = request.dimensions.into_iter().fold(embed, Embed::dimensions);
    embed = request.encoding_formats.iter().fold(embed, Embed::encoding_format);
    embed = request.user.iter().fold(embed, Embed::end_user);
    request.options.iter().fold(embed, |embed, (name, value)| embed.option(name, value.clone()))
}

/// The client wrote what it was asked to.
fn check_request(asked: &Asked, received: &ReceivedRequest, wire: &Call, found: &mut Found) {
    found.compare("the path", &format!("/v1/{}", asked.api.path()), &received.path);
    found.compare("authorization", &Some("Bearer sk-test"), &received.header("authorization"));
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
    found.compare("model", &recorded["model"], &sent["model"]);
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
fn check_caller(
    exchange: &Exchange,
    asked: &Asked,
    came: &Came,
    wire: &Call,
    operation: &Operation,
    found: &mut Found,
) {
    let mut observed = see_request(asked, wire, Observed::default());
    observed = match (&came.answer, &operation.call) {
        (Some(Body::Response(response)), _) => observed.response(response),
        (Some(Body::Embeddings(embeddings)), _) => observed.embeddings(embeddings),
        (None, Call::Inference { response, .. }) if came.told.is_some() => observed.response(response),
        (None, _) => observed,
    };
    if let Some(error) = &came.error {
        observed = observed.error(error.info());
    }
    found.0.extend(
        observed.differences(&exchange.expected).into_iter().map(|difference| format!("reply: {difference}")),
    );

    let request_id = request_id(exchange);
    match &came.error {
        None => found.compare("the reply's request id", &request_id, &came.request_id.as_deref()),
        Some(error) if exchange.succeeded() => {
            found.compare("the error's request id", &request_id, &error.info().request_id.as_deref());
        }
        Some(error) => {
            let info = error.info();
            found.compare("the error's request id", &request_id, &info.request_id.as_deref());
            let seconds = exchange.header("retry-after").map(|text| text.parse().expect("seconds"));
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

fn see_request(asked: &Asked, call: &Call, observed: Observed) -> Observed {
    // A stand-in's is not the exchange's.
    if asked.recorded.is_none() {
        return observed;
    }
    match call {
        Call::Inference { request, .. } => observed.request(request),
        Call::Embeddings { request, .. } => observed.embeddings_request(request),
        other => panic!("the client makes no such call: {other:?}"),
    }
}

/// What the span's operation holds: the same, whoever looks.
fn check_operation(
    exchange: &Exchange,
    asked: &Asked,
    came: &Came,
    operation: &Operation,
    found: &mut Found,
) {
    let mut observed = see_request(asked, &operation.call, Observed::default());
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
        observed
            .differences(&exchange.expected)
            .into_iter()
            .map(|difference| format!("operation: {difference}")),
    );
    found.compare("the operation's status", &Some(exchange.response.status), &operation.http_status);
    found.compare("the operation's request id", &request_id(exchange), &operation.request_id.as_deref());
    let error = came.error.as_ref().map(Error::info);
    found.compare("the operation's error", &error, &operation.outcome.error());
    let is_abandoned = operation.outcome == Outcome::Abandoned;
    found.compare("abandoned", &false, &is_abandoned);
}

/// What a back end sees.
fn check_span(exchange: &Exchange, asked: &Asked, span: &FinishedSpan, found: &mut Found) {
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
    let message = expected.get("error_message").and_then(Value::as_str);
    let status = if fails { Status::error(message.unwrap_or_default().to_owned()) } else { Status::Unset };
    found.compare("the span's status", &status, &span.status);

    let field = |key: &str| expected.get(key).cloned().unwrap_or_default();
    let attributes = [
        ("tracing_genai.outcome", json!(if fails { "failed" } else { "done" })),
        ("gen_ai.operation.name", json!(kind)),
        ("gen_ai.request.model", json!(model)),
        ("gen_ai.response.model", field("response_model")),
        ("gen_ai.response.id", field("response_id")),
        ("gen_ai.usage.input_tokens", field("input_tokens_semconv")),
        ("gen_ai.usage.output_tokens", field("output_tokens_semconv")),
        ("gen_ai.response.finish_reasons", finish_reasons(exchange)),
        ("gen_ai.embeddings.dimension.count", dimensions(exchange, asked)),
        ("error.type", error_type(exchange)),
    ];
    for (name, expected) in attributes {
        let got = span.attribute(name).map_or(Value::Null, |value| {
            let texts = value.as_array().map(|all| all.iter().map(|one| one.as_str()).collect::<Vec<_>>());
            match (value.as_str(), value.as_i64(), texts) {
                (Some(text), ..) => json!(text),
                (_, Some(number), _) => json!(number),
                (.., Some(texts)) => json!(texts),
                _ => panic!("{name} is {value:?}"),
            }
        });
        found.compare(name, &expected, &got);
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
    if reasons.as_array().is_some_and(|reasons| !reasons.is_empty()) {
        return reasons.clone();
    }
    let calls = expected["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
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
    exchange.header("x-request-id").or_else(|| exchange.header("apim-request-id"))
}
