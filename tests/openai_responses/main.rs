//! OpenAI's Responses API, on fixtures made up for one behaviour each.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod a_request;
mod a_response;
mod a_stream;

use serde_json::{Value, json};
use tracing_genai::{
    provider::openai::responses::{read_request, read_response},
    record::{Request, Response},
};

fn response(body: &Value) -> Response {
    read_response(body.to_string().as_bytes()).unwrap()
}

fn completed(output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "model": "gpt-5", "status": "completed", "output": output,
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
    })
}

fn said(text: &str) -> Value {
    json!({
        "type": "message", "id": "msg_1", "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    })
}

fn request(body: &Value) -> Request {
    read_request(body.to_string().as_bytes()).unwrap()
}
