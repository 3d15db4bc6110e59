//! Amazon Nova's own format: that of `Converse` but for the names of some parameters and counts.

mod block;
mod request;
mod stream;

pub(super) use request::read_request;
pub(super) use stream::Blocks;

use super::answer::{Answer, Counts};
use crate::provider::lenient::{Count, Object, Text};
use crate::provider::{Limits, pick};
use crate::record::{RawJson, Response, Role, Usage};
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
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    message: Object<Message<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// The cached tokens have two names; the models that send both mean the same.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SentUsage {
    input_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    cache_read_input_tokens: Count,
    cache_read_input_token_count: Count,
    cache_write_input_tokens: Count,
    cache_write_input_token_count: Count,
}

/// Reads an answer; `None` if its message has no list of blocks.
pub(super) fn read_response(body: &[u8]) -> Option<Response> {
    let sent: Sent<'_> = serde_json::from_slice(body).ok()?;
    let message = sent.output.0?.message.0?;
    let blocks: Vec<&RawValue> = match message.content {
        Some(content) => serde_json::from_str(content.get()).ok()?,
        None => Vec::new(),
    };
    let mut answer = Answer::new(Limits::default());
    let response = &mut answer.response;
    if let Some(usage) = sent.usage.and_then(read_usage) {
        response.usage = usage;
    }
    let choice = response.choice_mut(0);
    if let Some(role) = message.role.get() {
        choice.message.role = Role::from(role);
    }
    let mut kinds = Vec::with_capacity(blocks.len());
    for raw in blocks {
        kinds.push(block::read(raw, &mut choice.message.parts));
    }
    response.output_item_types = kinds;
    answer.stop(0, sent.stop_reason.get(), &mut |_| {});
    Some(answer.response)
}

/// Reads a `usage` object; `None` if it is no object. The cached input is counted beside the input.
fn read_usage(raw: &RawValue) -> Option<Usage> {
    if !pick::is_object(raw.get().as_bytes()) {
        return None;
    }
    let sent: SentUsage = serde_json::from_str(raw.get()).ok()?;
    let mut usage =
        Usage { total_tokens: sent.total_tokens.0, raw: Some(RawJson::new(raw)), ..Usage::default() };
    let counts = Counts {
        input: sent.input_tokens.0,
        output: sent.output_tokens.0,
        cache_read: sent.cache_read_input_token_count.0.or(sent.cache_read_input_tokens.0),
        cache_write: sent.cache_write_input_token_count.0.or(sent.cache_write_input_tokens.0),
    };
    counts.tell(&mut usage);
    Some(usage)
}
