//! Google's generateContent and embeddings, on fixtures made up for one behaviour each.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod a_request;
mod a_response;
mod a_stream;
mod embeddings;
mod errors;

use serde_json::{Value, json};
use tracing_genai::{
    provider::google::{read_request, read_response, write_request},
    record::{Choice, ErrorInfo, Message, Part, Request, Response, Role},
};

fn response(body: &Value) -> Response {
    read_response(body.to_string().as_bytes()).unwrap()
}

/// What a candidate of these parts is read as.
fn choice(parts: &Value) -> Choice {
    let body =
        json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]});
    response(&body).choices.remove(0)
}

fn request(body: &Value) -> Request {
    read_request(body.to_string().as_bytes()).unwrap()
}

fn written(request: &Request) -> Value {
    serde_json::from_slice(&write_request(request).unwrap()).unwrap()
}

fn refused(request: &Request) -> ErrorInfo {
    write_request(request).unwrap_err()
}

/// What a message of these parts is written as.
fn content(role: Role, parts: Vec<Part>) -> Value {
    let mut request = Request::default();
    request.messages.push(Message::new(role, parts));
    written(&request)["contents"].take()
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}
