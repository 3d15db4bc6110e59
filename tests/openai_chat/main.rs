//! Chat completions of OpenAI and of servers that speak its format. All bodies here are synthetic.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod requests;
mod responses;
mod streams;

use serde_json::{Value, json};
use tracing_genai::provider::openai::Dialect;
use tracing_genai::provider::openai::chat::{StreamReader, read_request, read_response, write_request};
use tracing_genai::provider::{Delta, Limits};
use tracing_genai::record::{Media, MediaSource, Modality, Part, Request, Response, ToolCall};

fn request(sent: &Value) -> Request {
    read_request(sent.to_string().as_bytes()).unwrap()
}

fn written_in(request: &Request, dialect: Dialect) -> Value {
    serde_json::from_slice(&write_request(request, dialect).unwrap()).unwrap()
}

fn written(request: &Request) -> Value {
    written_in(request, Dialect::default())
}

fn parts_of(message: &Value) -> Vec<Part> {
    let request = request(&json!({ "messages": [message] }));
    request.messages.into_iter().next().unwrap().parts
}

fn response(sent: &Value) -> Response {
    read_response(sent.to_string().as_bytes()).unwrap()
}

fn answer(message: &Value) -> Vec<Part> {
    let response = response(&json!({ "choices": [{ "index": 0, "message": message }] }));
    response.parts().cloned().collect()
}

fn call(id: Option<&str>, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.map(str::to_owned),
        item_id: None,
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        ..ToolCall::default()
    }
}

fn media(modality: Modality, mime_type: Option<&str>, source: MediaSource) -> Part {
    Part::Media(Media::new(modality, mime_type.map(str::to_owned), source))
}

/// Reads these chunks; the deltas as text beside.
fn stream_within(limits: Limits, chunks: &[Value]) -> (StreamReader, Vec<String>) {
    let mut reader = StreamReader::new(limits);
    let mut deltas = Vec::new();
    for chunk in chunks {
        let data = chunk.as_str().map_or_else(|| chunk.to_string(), str::to_owned);
        reader.event(None, data.as_bytes(), &mut |delta| {
            deltas.push(match delta {
                Delta::Text { choice, text } => format!("{choice} text {text}"),
                Delta::Reasoning { choice, text } => format!("{choice} reasoning {text}"),
                Delta::Refusal { choice, text } => format!("{choice} refusal {text}"),
                Delta::ToolCallStart { choice, index, id, name } => {
                    format!("{choice} call {index} {} {name}", id.unwrap_or("-"))
                }
                Delta::ToolCallArguments { choice, index, fragment } => {
                    format!("{choice} arguments {index} {fragment}")
                }
                Delta::Usage(usage) => format!("usage {:?}", usage.output_tokens),
                Delta::Finished { choice, reason } => format!("{choice} {}", reason.as_str()),
                other => format!("{other:?}"),
            });
        });
    }
    (reader, deltas)
}

fn stream(chunks: &[Value]) -> (StreamReader, Vec<String>) {
    stream_within(Limits::default(), chunks)
}

fn streamed(chunks: &[Value]) -> Response {
    stream(chunks).0.finish().0
}

fn delta(choice: u32, delta: &Value) -> Value {
    json!({ "id": "c", "model": "m", "choices": [{ "index": choice, "delta": delta }] })
}

fn calls_of(response: &Response) -> Vec<ToolCall> {
    response.tool_calls().cloned().collect()
}

#[test]
fn a_body_cut_anywhere_never_panics() {
    let request = json!({
        "model": "m", "stop": ["ü"], "n": 2.0, "tools": [{ "type": "function", "function": { "name": "f" } }],
        "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:;base64,A" } }] }],
    })
    .to_string();
    let answer = json!({
        "id": "ü", "choices": [{ "index": 0, "message": { "content": "\u{1F600}\n", "tool_calls": [{ "id": "1" }] } }],
        "usage": { "prompt_tokens": 1e3 },
    })
    .to_string();
    let chunk = json!({
        "id": "ü", "choices": [{ "index": 4_294_967_295_u32, "delta": { "content": "\u{1F600}\n", "tool_calls": [
            { "index": 4_294_967_295_u32, "function": { "name": "f", "arguments": "{}" } }, { "id": "x" },
        ] } }],
        "usage": { "prompt_tokens": 1e300 },
    })
    .to_string();
    for body in [&request, &answer, &chunk] {
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
