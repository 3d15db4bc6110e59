//! The `usage` object.

use crate::provider::lenient::{Count, Few, Object, Text};
use crate::record::{Iteration, RawJson, Usage};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use std::{borrow::Cow, collections::BTreeMap};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent<'a> {
    input_tokens: Count,
    output_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
    cache_creation: Object<CacheCreation>,
    output_tokens_details: Object<OutputDetails>,
    #[serde(borrow)]
    iterations: Few<Pass<'a>>,
    #[serde(borrow)]
    service_tier: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pass<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    input_tokens: Count,
    output_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
}

/// Reads a `usage` object, and the service tier that it names; `None` if it is no object.
///
/// Anthropic counts the cached input beside the input: both are in
/// [`input_tokens`](Usage::input_tokens).
pub(super) fn read(raw: &RawValue) -> Option<(Usage, Option<String>)> {
    let sent = serde_json::from_str::<Object<Sent<'_>>>(raw.get()).ok()?.0?;
    let cached = [sent.cache_read_input_tokens, sent.cache_creation_input_tokens];
    let usage = Usage {
        input_tokens: whole_input(sent.input_tokens, cached),
        output_tokens: sent.output_tokens.0,
        cache_read_input_tokens: sent.cache_read_input_tokens.0,
        cache_write_input_tokens: sent.cache_creation_input_tokens.0,
        cache_write_1h_input_tokens: sent
            .cache_creation
            .0
            .and_then(|creation| creation.ephemeral_1h_input_tokens.0),
        reasoning_output_tokens: sent.output_tokens_details.0.and_then(|details| details.thinking_tokens.0),
        iterations: sent.iterations.iter().map(Pass::kept).collect(),
        raw: Some(RawJson::new(raw)),
        ..Usage::default()
    };
    Some((usage, sent.service_tier.get().map(str::to_owned)))
}

/// All input: a cached count that was not sent adds nothing.
fn whole_input(input: Count, cached: [Count; 2]) -> Option<u64> {
    let beside = cached.iter().filter_map(|count| count.0);
    Some(beside.fold(input.0?, u64::saturating_add))
}

impl Pass<'_> {
    fn kept(&self) -> Iteration {
        Iteration {
            kind: self.kind.get().map(str::to_owned),
            input_tokens: whole_input(
                self.input_tokens,
                [self.cache_read_input_tokens, self.cache_creation_input_tokens],
            ),
            output_tokens: self.output_tokens.0,
            cache_read_input_tokens: self.cache_read_input_tokens.0,
            cache_write_input_tokens: self.cache_creation_input_tokens.0,
        }
    }
}

/// The usage that a stream told of first with what it tells of now: each key that is sent again takes
/// the place of the old one, a 0 too, for the counts are revised in both directions. A `null` says
/// nothing.
pub(super) fn revise(before: &RawJson, now: &RawValue) -> Option<Box<RawValue>> {
    type Keys<'a> = BTreeMap<Key<'a>, &'a RawValue>;
    let mut whole: Keys<'_> = serde_json::from_str(before.as_str()).ok()?;
    let new: Keys<'_> = serde_json::from_str(now.get()).ok()?;
    whole.extend(new.into_iter().filter(|(_, value)| value.get() != "null"));
    to_raw_value(&whole).ok()
}

/// Borrowed where it holds no escape.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
