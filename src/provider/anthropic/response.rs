//! An answer, read.

use super::{block, usage};
use crate::provider::{
    failure::unexpected_body,
    lenient::{Object, Text},
    pick,
    text::set,
};
use crate::record::{Choice, ErrorInfo, FinishReason, Response, Role};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An answer as it was sent; in a stream as far as its first event tells.
#[derive(Deserialize)]
pub(super) struct Sent<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) model: Text<'a>,
    #[serde(borrow, default)]
    pub(super) role: Text<'a>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Text<'a>,
    #[serde(borrow, default)]
    stop_sequence: Text<'a>,
    #[serde(borrow, default)]
    stop_details: Object<StopDetails<'a>>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
}

/// Of a refusal.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StopDetails<'a> {
    #[serde(borrow)]
    explanation: Text<'a>,
}

/// Why the model stopped.
pub(super) struct Stop<'a> {
    pub(super) reason: &'a Text<'a>,
    pub(super) sequence: &'a Text<'a>,
    pub(super) details: &'a Object<StopDetails<'a>>,
}

impl Stop<'_> {
    /// Sets what is said of it; whether the reason is another one than before.
    pub(super) fn tell(&self, choice: &mut Choice) -> bool {
        set(&mut choice.stop_sequence, self.sequence.get());
        let details = self.details.0.as_ref();
        set(&mut choice.finish_message, details.and_then(|details| details.explanation.get()));
        let known = choice.raw_finish_reason.as_deref();
        let Some(word) = self.reason.get().filter(|word| known != Some(word)) else {
            return false;
        };
        choice.raw_finish_reason = Some(word.to_owned());
        choice.finish_reason = Some(finish_reason(word));
        true
    }
}

/// What the model answered, read from the body of a success that is no stream.
///
/// # Errors
/// [`ErrorKind::Protocol`](crate::record::ErrorKind::Protocol) when the body is not a JSON object
/// with a list as its `content`.
pub fn read_response(body: &[u8]) -> Result<Response, ErrorInfo> {
    let text = std::str::from_utf8(body).ok().filter(|_| pick::is_object(body));
    let sent = text.and_then(|text| serde_json::from_str::<Sent<'_>>(text).ok());
    let Some((sent, blocks)) = sent.and_then(|sent| sent.blocks().map(|blocks| (sent, blocks))) else {
        return Err(unexpected_body("a message", body));
    };
    let (usage, service_tier) = sent.usage.and_then(usage::read).unwrap_or_default();
    let owned = |text: &Text<'_>| text.get().map(str::to_owned);
    let mut response = Response {
        id: owned(&sent.id),
        model: owned(&sent.model),
        usage,
        service_tier,
        ..Response::default()
    };
    let mut choice = Choice::new(0);
    if let Some(role) = sent.role.get() {
        choice.message.role = Role::from(role);
    }
    choice.message.parts.reserve(blocks.len());
    for raw in blocks {
        let kind = block::parse(raw).and_then(|block| block.kind.get().map(str::to_owned));
        response.output_item_types.push(kind.unwrap_or_default());
        block::read(raw, &mut choice.message.parts);
    }
    sent.stop().tell(&mut choice);
    response.choices.push(choice);
    Ok(response)
}

impl<'a> Sent<'a> {
    pub(super) fn stop(&self) -> Stop<'_> {
        Stop { reason: &self.stop_reason, sequence: &self.stop_sequence, details: &self.stop_details }
    }

    fn blocks(&self) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.content?.get()).ok()
    }
}

/// The conventions' word for one of Anthropic's.
fn finish_reason(word: &str) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCall,
        "refusal" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}
