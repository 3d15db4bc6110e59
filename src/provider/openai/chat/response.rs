//! A chat completion, read.

use super::super::{unexpected_body, usage};
use super::message;
use crate::provider::lenient::{Count, Object, Text};
use crate::provider::pick;
use crate::record::{ErrorInfo, FinishReason, Response, Role};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    choices: Vec<Object<Generation<'a>>>,
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    service_tier: Text<'a>,
    #[serde(borrow, default)]
    system_fingerprint: Text<'a>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// Apart from the log probabilities, which nobody asked for.
#[derive(Deserialize)]
struct Generation<'a> {
    #[serde(default)]
    index: Count,
    #[serde(default)]
    message: Object<message::Sent>,
    #[serde(borrow, default)]
    finish_reason: Text<'a>,
}

/// What a chat model answered, read from the body of a success that is no stream.
///
/// # Errors
/// [`ErrorKind::Protocol`](crate::record::ErrorKind::Protocol) when the body is not a JSON object
/// with `choices`.
pub fn read_response(body: &[u8]) -> Result<Response, ErrorInfo> {
    let text = std::str::from_utf8(body).ok().filter(|_| pick::is_object(body));
    let Some(completion) = text.and_then(|text| serde_json::from_str::<Completion<'_>>(text).ok()) else {
        return Err(unexpected_body("a chat completion", body));
    };
    let owned = |text: Text<'_>| text.get().map(str::to_owned);
    let mut response = Response {
        id: owned(completion.id),
        model: owned(completion.model),
        service_tier: owned(completion.service_tier),
        system_fingerprint: owned(completion.system_fingerprint),
        usage: completion.usage.map(usage::read).unwrap_or_default(),
        ..Response::default()
    };
    for generation in completion.choices.into_iter().filter_map(|choice| choice.0) {
        read_choice(generation, &mut response);
    }
    Ok(response)
}

fn read_choice(generation: Generation<'_>, response: &mut Response) {
    let taken = |index: &u32| response.choices.iter().any(|choice| choice.index == *index);
    // A server that numbers none, or all alike, still means the order.
    let next = response.choices.last().map_or(0, |choice| choice.index.saturating_add(1));
    let index = generation.index.small().filter(|index| !taken(index)).unwrap_or(next);
    let choice = response.choice_mut(index);
    choice.raw_finish_reason = generation.finish_reason.get().map(str::to_owned);
    choice.finish_reason = choice.raw_finish_reason.as_deref().map(finish_reason);
    // Azure sends no message when its content filter took the answer away.
    if let Some(message) = generation.message.0 {
        if let Some(role) = message.role.as_str().filter(|role| !role.is_empty()) {
            choice.message.role = Role::from(role);
        }
        choice.message.parts = message.said();
    }
}

/// The conventions' word for one of OpenAI's.
pub(super) fn finish_reason(word: &str) -> FinishReason {
    match word {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" => FinishReason::ToolCall,
        "error" => FinishReason::Error,
        other => FinishReason::Other(other.to_owned()),
    }
}
