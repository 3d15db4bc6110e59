//! The `usage` object.

use super::block::object;
use crate::provider::lenient::{Count, Few, Text};
use crate::record::{RawJson, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Some counts come under two names, of which one is enough.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Sent<'a> {
    input_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    cache_read_input_tokens: Count,
    cache_read_input_token_count: Count,
    cache_write_input_tokens: Count,
    cache_write_input_token_count: Count,
    #[serde(borrow)]
    cache_details: Few<CacheDetail<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CacheDetail<'a> {
    input_tokens: Count,
    #[serde(borrow)]
    ttl: Text<'a>,
}

/// Reads a `usage` object; `None` if it is no object.
///
/// Bedrock counts the cached input beside the input: both are in [`input_tokens`](Usage::input_tokens).
pub(super) fn read(raw: &RawValue) -> Option<Usage> {
    let sent = object::<Sent<'_>>(raw)?;
    let cache_read = sent.cache_read_input_tokens.0.or(sent.cache_read_input_token_count.0);
    let cache_write = sent.cache_write_input_tokens.0.or(sent.cache_write_input_token_count.0);
    let cached = [cache_read, cache_write].into_iter().flatten();
    let for_an_hour = sent.cache_details.iter().filter(|detail| detail.ttl.get() == Some("1h"));
    Some(Usage {
        input_tokens: sent.input_tokens.0.map(|input| cached.fold(input, u64::saturating_add)),
        output_tokens: sent.output_tokens.0,
        total_tokens: sent.total_tokens.0,
        cache_read_input_tokens: cache_read,
        cache_write_input_tokens: cache_write,
        cache_write_1h_input_tokens: for_an_hour
            .filter_map(|detail| detail.input_tokens.0)
            .reduce(u64::saturating_add),
        raw: Some(RawJson::new(raw)),
        ..Usage::default()
    })
}
