//! Amazon Bedrock's `InvokeModel` and `InvokeModelWithResponseStream`. All bodies here are synthetic.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod chat;
mod claude;
mod exceptions;
mod nova;
mod plain;
mod requests;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tracing_genai::provider::bedrock::invoke::{StreamReader, read_request, read_response};
use tracing_genai::provider::{Delta, Limits};
use tracing_genai::record::{FinishReason, Request, Response};
use tracing_genai::wire::{event_stream::encode, events::EventParser};

fn request(sent: &Value) -> Request {
    read_request(sent.to_string().as_bytes()).unwrap()
}

fn response(sent: &Value) -> Response {
    read_response(sent.to_string().as_bytes()).unwrap()
}

/// The frame of a chunk that holds this.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    let payload = json!({ "bytes": STANDARD.encode(bytes), "p": "abcdef" }).to_string();
    encode(&[(":event-type", "chunk"), (":message-type", "event")], payload.as_bytes())
}

fn exception(kind: &str, data: &Value) -> Vec<u8> {
    encode(&[(":exception-type", kind), (":message-type", "exception")], data.to_string().as_bytes())
}

/// Reads frames, and tells of each delta.
fn read(frames: &[Vec<u8>], limits: Limits) -> (StreamReader, Vec<String>) {
    let (mut parser, mut reader, mut deltas) = (EventParser::aws(), StreamReader::new(limits), Vec::new());
    parser.feed(&frames.concat(), &mut |event| {
        reader.event(event.name, event.data, &mut |delta| deltas.push(tell(delta)));
    });
    assert_eq!(parser.broken(), None);
    (reader, deltas)
}

fn stream(chunks: &[Value]) -> (StreamReader, Vec<String>) {
    let frames: Vec<_> = chunks.iter().map(|sent| chunk(sent.to_string().as_bytes())).collect();
    read(&frames, Limits::default())
}

/// What a stream of these comes to; it is whole.
fn streamed(chunks: &[Value]) -> Response {
    let (reader, _) = stream(chunks);
    assert!(reader.is_complete());
    assert_eq!((reader.unreadable_events(), reader.error()), (0, None));
    let response = reader.finish().0;
    assert_eq!(response.stream.as_ref().unwrap().events, chunks.len() as u64);
    response
}

fn tell(delta: Delta<'_>) -> String {
    match delta {
        Delta::Text { choice: 0, text } => format!("text {text}"),
        Delta::Text { choice, text } => format!("text of {choice} {text}"),
        Delta::Reasoning { text, .. } => format!("reasoning {text}"),
        Delta::ToolCallStart { index, id, name, .. } => format!("call {index} {id:?} {name}"),
        Delta::ToolCallArguments { index, fragment, .. } => format!("arguments {index} {fragment}"),
        Delta::Usage(usage) => format!("usage {:?} {:?}", usage.input_tokens, usage.output_tokens),
        Delta::Finished { reason, .. } => reason.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

/// The first generation's reason and the provider's word for it.
fn finish(response: &Response) -> (Option<&FinishReason>, Option<&str>) {
    let choice = response.choices.first().unwrap();
    (choice.finish_reason.as_ref(), choice.raw_finish_reason.as_deref())
}

fn counts(response: &Response) -> (Option<u64>, Option<u64>) {
    (response.usage.input_tokens, response.usage.output_tokens)
}

const STOP: FinishReason = FinishReason::Stop;
