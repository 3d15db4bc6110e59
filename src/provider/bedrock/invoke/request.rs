//! A request's body, read.

use super::{nova, prompt};
use crate::provider::{anthropic, openai, pick};
use crate::record::Request;
use serde_json::{Map, Value};

/// What a request asks for. `None` if the body is not a JSON object.
///
/// What we do not know, or cannot read, stays among the [`options`](Request::options), Claude's
/// `anthropic_version` too. The text of a model that takes a prompt is a message of the user's, as it was sent.
pub fn read_request(body: &[u8]) -> Option<Request> {
    if !pick::is_object(body) {
        return None;
    }
    let sent: Map<String, Value> = serde_json::from_slice(body).ok()?;
    match sent.get("messages").and_then(Value::as_array) {
        None if is_nova(&sent) => nova::read_request(body),
        None => Some(prompt::read(sent)),
        Some(_) if is_claude(&sent) => anthropic::read_request(body),
        Some(messages) if is_nova(&sent) || has_bare_blocks(messages) => nova::read_request(body),
        Some(_) => openai::chat::read_request(body),
    }
}

fn is_claude(sent: &Map<String, Value>) -> bool {
    let tools = sent.get("tools").and_then(Value::as_array).into_iter().flatten();
    sent.contains_key("anthropic_version") || tools.into_iter().any(|tool| tool.get("input_schema").is_some())
}

fn is_nova(sent: &Map<String, Value>) -> bool {
    ["schemaVersion", "inferenceConfig", "toolConfig"].iter().any(|name| sent.contains_key(*name))
}

/// Whether the blocks of the messages do not say of what type they are.
fn has_bare_blocks(messages: &[Value]) -> bool {
    let mut blocks = messages.iter().filter_map(|message| message.get("content")?.as_array()).flatten();
    blocks.next().is_some_and(|block| block.is_object() && block.get("type").is_none())
}
