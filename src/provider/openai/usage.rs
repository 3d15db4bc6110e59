//! The `usage` object of chat completions, Responses and embeddings.

use crate::record::{ByModality, RawJson, Usage};
use serde_json::{Map, Value, value::RawValue};

/// Reads a `usage` object of any of OpenAI's APIs, and keeps it as it was sent.
///
/// Counts may be floats (`28.0`); one that is no count at all is passed over. What is not an object
/// (`null`, in every chunk of a stream but one) is no usage.
pub(super) fn read(raw: &RawValue) -> Usage {
    let mut usage = Usage::default();
    let Ok(sent) = serde_json::from_str::<Map<String, Value>>(raw.get()) else {
        return usage;
    };
    usage.raw = Some(RawJson::new(raw));
    usage.input_tokens = first_count(&sent, &["prompt_tokens", "input_tokens"]);
    usage.output_tokens = first_count(&sent, &["completion_tokens", "output_tokens"]);
    usage.total_tokens = count(&sent, "total_tokens");
    if let Some(input) = first_object(&sent, &["prompt_tokens_details", "input_tokens_details"]) {
        usage.cache_read_input_tokens = count(input, "cached_tokens");
        usage.cache_write_input_tokens = count(input, "cache_write_tokens");
        usage.input = by_modality(input);
        if let Some(cached) = object(input, "cached_tokens_details") {
            usage.cache_read = by_modality(cached);
        }
    }
    // Servers that speak OpenAI's format but count the cache beside it: DeepSeek, Moonshot.
    if usage.cache_read_input_tokens.is_none() {
        usage.cache_read_input_tokens = first_count(&sent, &["prompt_cache_hit_tokens", "cached_tokens"]);
    }
    if let Some(output) = first_object(&sent, &["completion_tokens_details", "output_tokens_details"]) {
        usage.reasoning_output_tokens = count(output, "reasoning_tokens");
        usage.output = by_modality(output);
    }
    usage
}

fn by_modality(details: &Map<String, Value>) -> ByModality {
    let mut tokens = ByModality::default();
    tokens.text = count(details, "text_tokens");
    tokens.image = count(details, "image_tokens");
    tokens.audio = count(details, "audio_tokens");
    tokens
}

fn first_count(of: &Map<String, Value>, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| count(of, name))
}

fn first_object<'a>(of: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Map<String, Value>> {
    names.iter().find_map(|name| object(of, name))
}

fn object<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    of.get(name).and_then(Value::as_object)
}

fn count(of: &Map<String, Value>, name: &str) -> Option<u64> {
    of.get(name).and_then(super::pick::whole_number)
}
