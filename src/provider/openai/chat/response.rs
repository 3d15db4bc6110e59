//! A chat completion, read.

use super::super::{pick, unexpected_body, usage};
use super::message;
use crate::record::{ErrorInfo, FinishReason, Response, Role};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    choices: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow, default)]
    system_fingerprint: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// Apart from the log probabilities, which nobody asked for.
#[derive(Deserialize)]
struct Generation<'a> {
    #[serde(borrow, default)]
    index: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

/// What a chat model answered, read from the body of a success that is no stream.
///
/// # Errors
/// [`ErrorKind::Protocol`](crate::record::ErrorKind::Protocol) when the body is not a JSON object
/// with `choices`.
pub fn read_response(body: &[u8]) -> Result<Response, ErrorInfo> {
    let completion = Some(body)
        .filter(|body| pick::is_object(body))
        .and_then(|body| serde_json::from_slice::<Completion<'_>>(body).ok());
    let Some(completion) = completion else {
        return Err(unexpected_body("a chat completion", body));
    };
    let mut response = Response::default();
    response.id = completion.id.and_then(pick::raw_text);
    response.model = completion.model.and_then(pick::raw_text);
    response.service_tier = completion.service_tier.and_then(pick::raw_text);
    response.system_fingerprint = completion.system_fingerprint.and_then(pick::raw_text);
    response.usage = completion.usage.map(usage::read).unwrap_or_default();
    for raw in completion.choices {
        if let Ok(generation) = serde_json::from_str::<Generation<'_>>(raw.get()) {
            read_choice(&generation, &mut response);
        }
    }
    Ok(response)
}

fn read_choice(generation: &Generation<'_>, response: &mut Response) {
    let sent = generation.index.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    let taken = |index: &u32| response.choices.iter().any(|choice| choice.index == *index);
    // A server that numbers none, or all alike, still means the order.
    let next = response.choices.last().map_or(0, |choice| choice.index.saturating_add(1));
    let index = sent.as_ref().and_then(pick::small_number).filter(|index| !taken(index)).unwrap_or(next);
    let choice = response.choice_mut(index);
    choice.raw_finish_reason = generation.finish_reason.and_then(pick::raw_text);
    choice.finish_reason = choice.raw_finish_reason.as_deref().map(finish_reason);
    // Azure sends no message when its content filter took the answer away.
    let message =
        generation.message.and_then(|raw| serde_json::from_str::<Map<String, Value>>(raw.get()).ok());
    if let Some(mut message) = message {
        if let Some(role) = pick::text(&message, "role") {
            choice.message.role = Role::from(role.as_str());
        }
        let content = message.remove("content").unwrap_or_default();
        choice.message.parts = message::said(message, content);
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
