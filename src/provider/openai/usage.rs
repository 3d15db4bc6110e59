//! The `usage` object of chat completions, Responses and embeddings.

use crate::provider::lenient::{Count, Object};
use crate::record::{ByModality, RawJson, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent<'a> {
    prompt_tokens: Count,
    input_tokens: Count,
    completion_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    // Servers that speak OpenAI's format but count the cache beside it: DeepSeek, Moonshot.
    prompt_cache_hit_tokens: Count,
    cached_tokens: Count,
    #[serde(borrow)]
    prompt_tokens_details: Object<Details<'a>>,
    #[serde(borrow)]
    input_tokens_details: Object<Details<'a>>,
    #[serde(borrow)]
    completion_tokens_details: Object<Details<'a>>,
    #[serde(borrow)]
    output_tokens_details: Object<Details<'a>>,
}

/// Of the input or of the output.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Details<'a> {
    cached_tokens: Count,
    cache_write_tokens: Count,
    reasoning_tokens: Count,
    text_tokens: Count,
    image_tokens: Count,
    audio_tokens: Count,
    #[serde(borrow)]
    cached_tokens_details: Option<&'a RawValue>,
}

/// Reads a `usage` object of any of OpenAI's APIs, and keeps it as it was sent.
///
/// Counts may be floats (`28.0`); one that is no count at all is passed over. What is not an object
/// (`null`, in every chunk of a stream but one) is no usage.
pub(super) fn read(raw: &RawValue) -> Usage {
    let Some(sent) = object::<Sent<'_>>(raw) else {
        return Usage::default();
    };
    let input = sent.prompt_tokens_details.0.or(sent.input_tokens_details.0).unwrap_or_default();
    let output = sent.completion_tokens_details.0.or(sent.output_tokens_details.0).unwrap_or_default();
    let cached = input.cached_tokens_details.and_then(object::<Details<'_>>).unwrap_or_default();
    let mut usage = Usage {
        input_tokens: sent.prompt_tokens.0.or(sent.input_tokens.0),
        output_tokens: sent.completion_tokens.0.or(sent.output_tokens.0),
        total_tokens: sent.total_tokens.0,
        cache_read_input_tokens: [input.cached_tokens, sent.prompt_cache_hit_tokens, sent.cached_tokens]
            .iter()
            .find_map(|count| count.0),
        cache_write_input_tokens: input.cache_write_tokens.0,
        reasoning_output_tokens: output.reasoning_tokens.0,
        input: input.by_modality(),
        output: output.by_modality(),
        cache_read: cached.by_modality(),
        raw: Some(RawJson::new(raw)),
        ..Usage::default()
    };
    if let Some(whole) = output_with_reasoning(&usage) {
        usage.output_tokens = Some(whole);
    }
    usage
}

/// The output of a server that counts the reasoning beside it (xAI), which its total gives away.
fn output_with_reasoning(usage: &Usage) -> Option<u64> {
    let whole = usage.output_tokens?.checked_add(usage.reasoning_output_tokens?)?;
    let total = usage.input_tokens?.checked_add(whole)?;
    (usage.total_tokens? == total).then_some(whole)
}

fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str::<Object<T>>(raw.get()).ok()?.0
}

impl Details<'_> {
    fn by_modality(&self) -> ByModality {
        ByModality { text: self.text_tokens.0, image: self.image_tokens.0, audio: self.audio_tokens.0 }
    }
}
