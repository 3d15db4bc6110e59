//! What is wrong with a request whoever gets it.

use super::failure::wrong;
use crate::record::{ErrorInfo, Media, MediaSource, Part, Request};

/// Refuses what no provider can take: a number that is none, a tool's result that answers no call.
pub(super) fn request(request: &Request) -> Result<(), ErrorInfo> {
    let numbers = [
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("frequency_penalty", request.frequency_penalty),
        ("presence_penalty", request.presence_penalty),
    ];
    for (name, value) in numbers {
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(wrong(name, "it must be a finite number"));
        }
    }
    if request.choice_count == Some(0) {
        return Err(wrong("choice_count", "at least one answer must be asked for"));
    }
    if request.max_output_tokens == Some(0) {
        return Err(wrong("max_output_tokens", "it must be at least 1"));
    }
    if request.has_part(|part| matches!(part, Part::Media(media) if !has_address(media))) {
        return Err(wrong("media", "an image or a document is given by an https: or data:…;base64, address"));
    }
    results(request)
}

/// Whether a medium is somewhere: in the message, in a provider's store, or at an address.
fn has_address(media: &Media) -> bool {
    match &media.source {
        MediaSource::Uri(uri) => uri.contains("://"),
        MediaSource::Base64(text) | MediaSource::FileId(text) => !text.is_empty(),
    }
}

/// A number within these limits.
pub(super) fn within(
    parameter: &str,
    value: Option<f64>,
    (least, most): (f64, f64),
    provider: &str,
) -> Result<(), ErrorInfo> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(wrong(parameter, &format!("{provider} takes {least} to {most}, not {value}")))
        }
        _ => Ok(()),
    }
}

/// Every result of a tool answers a call of the conversation, where that is all here.
fn results(request: &Request) -> Result<(), ErrorInfo> {
    let is_elsewhere = request.previous_response_id.is_some() || request.conversation_id.is_some();
    // What we do not know may be a call.
    if is_elsewhere || request.has_part(|part| matches!(part, Part::Other { .. })) {
        return Ok(());
    }
    let mut calls = Vec::new();
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::ToolCall(call) => calls.push(call),
            Part::ToolResult(result) => {
                let answers = |id: &str| calls.iter().any(|call| call.id.as_deref() == Some(id));
                match &result.call_id {
                    Some(id) if !answers(id) => {
                        let why = format!("no earlier message has a tool call with the id {id:?}");
                        return Err(wrong("tool_result", &why));
                    }
                    None if calls.is_empty() => {
                        return Err(wrong("tool_result", "no earlier message has a tool call"));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}
