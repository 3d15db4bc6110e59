//! Amazon Bedrock's Converse. All bodies here are synthetic.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod a_request;
mod a_response;
mod a_stream;
mod a_written_request;
mod errors;

use serde_json::{Value, json};
use tracing_genai::provider::bedrock::converse::{StreamReader, read_request, read_response, write_request};
use tracing_genai::provider::{Api, Delta, Limits, event_parser};
use tracing_genai::record::{
    ErrorInfo, ErrorKind, Media, MediaSource, Message, Modality, Part, Request, Response, Role, ToolCall,
};
use tracing_genai::wire::event_stream::encode;

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "us.amazon.nova-2-lite-v1:0";

fn request(sent: &Value) -> Request {
    read_request(sent.to_string().as_bytes()).unwrap()
}

/// The message of this role with these blocks.
fn message(role: &str, content: &Value) -> Message {
    let sent = json!({ "messages": [{ "role": role, "content": content }] });
    request(&sent).messages.remove(0)
}

/// The parts of a user's message of these blocks.
fn parts(content: &Value) -> Vec<Part> {
    message("user", content).parts
}

fn written(request: &Request) -> Value {
    serde_json::from_slice(&write_request(request).unwrap()).unwrap()
}

fn saying(role: Role, parts: Vec<Part>) -> Message {
    Message::new(role, parts)
}

/// A request of these messages to this model.
fn asking(model: &str, messages: Vec<Message>) -> Request {
    let mut request = Request::default();
    request.model = Some(model.to_owned());
    request.messages = messages;
    request
}

fn hello(model: &str) -> Request {
    asking(model, vec![Message::text(Role::User, "Hi")])
}

/// The messages that are sent to one of Anthropic's models.
fn sent(messages: Vec<Message>) -> Value {
    written(&asking(CLAUDE, messages))["messages"].clone()
}

/// The error of a request that is refused before it is sent.
fn refused(request: &Request) -> ErrorInfo {
    let error = write_request(request).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
    assert!(error.message.contains("Converse"), "{}", error.message);
    error
}

fn response(sent: &Value) -> Response {
    read_response(sent.to_string().as_bytes()).unwrap()
}

/// An answer of these blocks.
fn answer(content: &Value) -> Response {
    response(&json!({ "output": { "message": { "role": "assistant", "content": content } } }))
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: Some(id.to_owned()),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        ..ToolCall::default()
    }
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn media(modality: Modality, mime_type: Option<&str>, source: MediaSource) -> Part {
    Part::Media(Media::new(modality, mime_type.map(str::to_owned), source))
}

fn base64(data: &str) -> MediaSource {
    MediaSource::Base64(data.to_owned())
}

fn uri(uri: &str) -> MediaSource {
    MediaSource::Uri(uri.to_owned())
}

/// One frame of an event.
fn frame(name: &str, payload: &Value) -> Vec<u8> {
    encode(&[(":event-type", name), (":message-type", "event")], payload.to_string().as_bytes())
}

/// One frame of an exception.
fn exception(name: &str, payload: &str) -> Vec<u8> {
    encode(&[(":exception-type", name), (":message-type", "exception")], payload.as_bytes())
}

/// Reads these frames; the deltas as text beside.
fn stream_within(limits: Limits, frames: &[Vec<u8>]) -> (StreamReader, Vec<String>) {
    let mut reader = StreamReader::new(limits);
    let mut deltas = Vec::new();
    let mut on_delta = |delta: Delta<'_>| {
        deltas.push(match delta {
            Delta::Text { text, .. } => format!("text {text}"),
            Delta::Reasoning { text, .. } => format!("reasoning {text}"),
            Delta::ToolCallStart { index, id, name, .. } => {
                format!("call {index} {} {name}", id.unwrap_or("-"))
            }
            Delta::ToolCallArguments { index, fragment, .. } => format!("arguments {index} {fragment}"),
            Delta::Usage(usage) => format!("usage {:?}", usage.output_tokens),
            Delta::Finished { reason, .. } => reason.as_str().to_owned(),
            other => format!("{other:?}"),
        });
    };
    let mut parser = event_parser(Api::BedrockConverse);
    parser.feed(&frames.concat(), &mut |event| reader.event(event.name, event.data, &mut on_delta));
    assert_eq!(parser.broken(), None);
    (reader, deltas)
}

fn stream(frames: &[Vec<u8>]) -> (StreamReader, Vec<String>) {
    stream_within(Limits::default(), frames)
}

/// The parts of what these frames bring.
fn streamed(frames: &[Vec<u8>]) -> Vec<Part> {
    stream(frames).0.finish().0.parts().cloned().collect()
}

fn start(index: u64, start: &Value) -> Vec<u8> {
    frame("contentBlockStart", &json!({ "contentBlockIndex": index, "p": "abc", "start": start }))
}

fn piece(index: u64, delta: &Value) -> Vec<u8> {
    frame("contentBlockDelta", &json!({ "contentBlockIndex": index, "delta": delta, "p": "abcdef" }))
}

fn said(index: u64, text: &str) -> Vec<u8> {
    piece(index, &json!({ "text": text }))
}

fn stop(index: u64) -> Vec<u8> {
    frame("contentBlockStop", &json!({ "contentBlockIndex": index }))
}

fn end(word: &str) -> Vec<u8> {
    frame("messageStop", &json!({ "stopReason": word }))
}

#[test]
fn a_body_cut_anywhere_never_panics() {
    let asked = json!({
        "system": [{ "text": "ü" }], "inferenceConfig": { "maxTokens": 2e3, "stopSequences": ["ü"] },
        "messages": [{ "role": "user", "content": [
            { "image": { "format": "png", "source": { "bytes": "AAAA" } } },
            { "toolResult": { "toolUseId": "t", "content": [{ "json": {} }] } },
        ] }],
        "toolConfig": { "tools": [{ "toolSpec": { "name": "f" } }], "toolChoice": { "any": {} } },
    })
    .to_string();
    let answered = json!({
        "output": { "message": { "content": [{ "text": "\u{1F600}\n" }, { "toolUse": { "input": { "a": 1 } } }] } },
        "usage": { "inputTokens": 1e300, "cacheDetails": [1, {}] },
    })
    .to_string();
    let event = json!({
        "contentBlockIndex": 1_000_000_000_000_u64, "start": { "toolUse": {} }, "stopReason": "ü",
        "delta": { "text": "\u{1F600}\n", "citation": {}, "reasoningContent": { "signature": "ü" } },
    })
    .to_string();
    let names =
        ["contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "x"];
    for body in [&asked, &answered, &event] {
        for end in 0..=body.len() {
            let cut = &body.as_bytes()[..end];
            let mut reader = StreamReader::new(Limits::of_text_bytes(3));
            for name in names {
                reader.event(Some(name), cut, &mut |_| {});
            }
            assert_eq!(reader.unreadable_events(), if end < body.len() { 6 } else { 0 });
            assert_eq!(read_request(cut).is_some(), end == body.len());
            let _ = read_response(cut);
        }
    }
}
