//! Anthropic's messages. All bodies here are synthetic.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod a_request;
mod a_response;
mod a_stream;
mod a_written_request;
mod errors;

use serde_json::{Value, json};
use tracing_genai::provider::anthropic::{StreamReader, read_request, read_response, write_request};
use tracing_genai::provider::{Delta, Limits};
use tracing_genai::record::{
    ErrorInfo, ErrorKind, Media, MediaSource, Message, Modality, Part, Request, Response, Role, ToolCall,
};

fn request(sent: &Value) -> Request {
    read_request(sent.to_string().as_bytes()).unwrap()
}

/// The messages of a request with these.
fn messages(sent: &Value) -> Vec<Message> {
    request(&json!({ "messages": sent })).messages
}

/// The parts of a user's message with this content.
fn parts(content: &Value) -> Vec<Part> {
    messages(&json!([{ "role": "user", "content": content }])).remove(0).parts
}

fn written(request: &Request) -> Value {
    serde_json::from_slice(&write_request(request).unwrap()).unwrap()
}

fn saying(role: Role, parts: Vec<Part>) -> Message {
    Message::new(role, parts)
}

/// A request of these messages.
fn asking(messages: Vec<Message>) -> Request {
    let mut request = Request::default();
    request.model = Some("claude-sonnet-4-5".to_owned());
    request.messages = messages;
    request
}

/// The messages that are sent.
fn sent(messages: Vec<Message>) -> Value {
    written(&asking(messages))["messages"].clone()
}

/// The error of a request that is refused before it is sent.
fn refused(request: &Request) -> ErrorInfo {
    let error = write_request(request).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
    assert!(error.message.contains("Anthropic"), "{}", error.message);
    error
}

fn response(sent: &Value) -> Response {
    read_response(sent.to_string().as_bytes()).unwrap()
}

/// The parts of an answer of these blocks.
fn answer(content: &Value) -> Vec<Part> {
    response(&json!({ "content": content })).parts().cloned().collect()
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

fn media(modality: Modality, mime_type: Option<&str>, source: MediaSource) -> Media {
    Media::new(modality, mime_type.map(str::to_owned), source)
}

/// Reads these events; the deltas as text beside.
fn stream_within(limits: Limits, events: &[Value]) -> (StreamReader, Vec<String>) {
    let mut reader = StreamReader::new(limits);
    let mut deltas = Vec::new();
    for event in events {
        reader.event(event["type"].as_str(), event.to_string().as_bytes(), &mut |delta| {
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
        });
    }
    (reader, deltas)
}

fn stream(events: &[Value]) -> (StreamReader, Vec<String>) {
    stream_within(Limits::default(), events)
}

fn streamed(events: &[Value]) -> Response {
    stream(events).0.finish().0
}

fn start(index: u64, block: &Value) -> Value {
    json!({ "type": "content_block_start", "index": index, "content_block": block })
}

fn piece(index: u64, delta: &Value) -> Value {
    json!({ "type": "content_block_delta", "index": index, "delta": delta })
}

fn said(index: u64, text: &str) -> Value {
    piece(index, &json!({ "type": "text_delta", "text": text }))
}

fn stop(index: u64) -> Value {
    json!({ "type": "content_block_stop", "index": index })
}

#[test]
fn a_body_cut_anywhere_never_panics() {
    let asked = json!({
        "model": "m", "system": "ü", "stop_sequences": ["ü"], "thinking": { "type": "enabled", "budget_tokens": 2e3 },
        "messages": [{ "role": "user", "content": [{ "type": "image", "source": { "type": "url", "url": "u" } }] }],
        "tools": [{ "name": "f", "input_schema": {} }], "tool_choice": { "type": "any" },
    })
    .to_string();
    let answered = json!({
        "id": "ü", "content": [{ "type": "text", "text": "\u{1F600}\n" }, { "type": "tool_use", "input": { "a": 1 } }],
        "usage": { "input_tokens": 1e300, "iterations": [1, {}] },
    })
    .to_string();
    let event = json!({
        "type": "content_block_start", "index": 1_000_000_000_000_u64,
        "content_block": { "type": "text", "text": "\u{1F600}\n", "citations": [{}] },
    })
    .to_string();
    for body in [&asked, &answered, &event] {
        for end in 0..=body.len() {
            let cut = &body.as_bytes()[..end];
            let mut reader = StreamReader::new(Limits::of_text_bytes(3));
            reader.event(None, cut, &mut |_| {});
            assert_eq!(reader.unreadable_events(), u64::from(end < body.len()));
            assert_eq!(read_request(cut).is_some(), end == body.len());
            let _ = read_response(cut);
        }
    }
}
