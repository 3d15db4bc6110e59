//! An answer, read.

use super::{
    block::{self, Speaker},
    usage,
};
use crate::provider::{
    failure::unexpected_body,
    lenient::{Count, Object, Text},
    pick,
};
use crate::record::{Choice, ErrorInfo, FinishReason, Response, Role};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Sent<'a> {
    #[serde(borrow)]
    output: Object<Output<'a>>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    metrics: Object<Metrics>,
    #[serde(borrow)]
    service_tier: Object<Tier<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    message: Object<SentMessage<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentMessage<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metrics {
    pub(super) latency_ms: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Tier<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
}

/// What the model answered, read from the body of a success that is no stream. The body names neither a
/// model nor an id.
///
/// # Errors
/// [`ErrorKind::Protocol`](crate::record::ErrorKind::Protocol) when the body is not a JSON object
/// with a list as its `output.message.content`.
pub fn read_response(body: &[u8]) -> Result<Response, ErrorInfo> {
    let text = std::str::from_utf8(body).ok().filter(|_| pick::is_object(body));
    let sent = text.and_then(|text| serde_json::from_str::<Sent<'_>>(text).ok());
    let Some((sent, blocks)) = sent.and_then(|sent| sent.blocks().map(|blocks| (sent, blocks))) else {
        return Err(unexpected_body("a message", body));
    };
    let mut response = Response {
        usage: sent.usage.and_then(usage::read).unwrap_or_default(),
        latency_ms: sent.metrics.0.as_ref().and_then(|metrics| metrics.latency_ms.0),
        service_tier: sent.service_tier.0.as_ref().and_then(|tier| tier.kind.get()).map(str::to_owned),
        ..Response::default()
    };
    let mut choice = Choice::new(0);
    if let Some(role) = sent.message().and_then(|message| message.role.get()) {
        choice.message.role = Role::from(role);
    }
    choice.message.parts.reserve(blocks.len());
    for raw in blocks {
        response.output_item_types.push(block::read(raw, Speaker::Model, &mut choice.message.parts));
    }
    if let Some(word) = sent.stop_reason.get() {
        choice.raw_finish_reason = Some(word.to_owned());
        choice.finish_reason = Some(finish_reason(word));
    }
    response.choices.push(choice);
    Ok(response)
}

impl<'a> Sent<'a> {
    fn message(&self) -> Option<&SentMessage<'a>> {
        self.output.0.as_ref()?.message.0.as_ref()
    }

    fn blocks(&self) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.message()?.content?.get()).ok()
    }
}

/// The conventions' word for one of Converse's.
pub(super) fn finish_reason(word: &str) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCall,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}
