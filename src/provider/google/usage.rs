//! `usageMetadata`.

use super::fields::word;
use crate::provider::lenient::{Count, Few, Object};
use crate::record::{ByModality, RawJson, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Sent<'a> {
    prompt_token_count: Count,
    candidates_token_count: Count,
    total_token_count: Count,
    thoughts_token_count: Count,
    cached_content_token_count: Count,
    tool_use_prompt_token_count: Count,
    #[serde(borrow)]
    prompt_tokens_details: Few<Detail<'a>>,
    #[serde(borrow)]
    candidates_tokens_details: Few<Detail<'a>>,
    #[serde(borrow)]
    cache_tokens_details: Few<Detail<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail<'a> {
    #[serde(borrow)]
    modality: Option<&'a RawValue>,
    token_count: Count,
}

/// Reads a `usageMetadata` object, and keeps it as it was sent. What is not an object is no usage.
///
/// Google counts the thoughts beside the candidates: both are output. What its own tools added to the
/// prompt it counts beside the prompt, and so do we.
pub(super) fn read(raw: &RawValue) -> Usage {
    let Some(sent) = serde_json::from_str::<Object<Sent<'_>>>(raw.get()).ok().and_then(|sent| sent.0) else {
        return Usage::default();
    };
    Usage {
        input_tokens: sent.prompt_token_count.0,
        output_tokens: sum(sent.candidates_token_count.0, sent.thoughts_token_count.0),
        total_tokens: sent.total_token_count.0,
        cache_read_input_tokens: sent.cached_content_token_count.0,
        reasoning_output_tokens: sent.thoughts_token_count.0,
        tool_use_input_tokens: sent.tool_use_prompt_token_count.0,
        input: by_modality(&sent.prompt_tokens_details),
        output: by_modality(&sent.candidates_tokens_details),
        cache_read: by_modality(&sent.cache_tokens_details),
        raw: Some(RawJson::new(raw)),
        ..Usage::default()
    }
}

/// `None` only if neither was sent.
pub(super) fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

/// Of the five modalities, the three that the record has.
fn by_modality(details: &Few<Detail<'_>>) -> ByModality {
    let mut counts = ByModality::default();
    for detail in details.iter() {
        let place = match detail.modality.and_then(word).as_deref() {
            Some("TEXT" | "1") => &mut counts.text,
            Some("IMAGE" | "2") => &mut counts.image,
            Some("AUDIO" | "4") => &mut counts.audio,
            _ => continue,
        };
        *place = sum(*place, detail.token_count.0);
    }
    counts
}
