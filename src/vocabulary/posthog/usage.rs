//! What a call used and cost.

use super::{properties::Properties, rules::Known};
use crate::{
    record::{Operation, OperationClass, RawJson},
    semconv::{gen_ai as names, posthog as ph},
};

/// What an event of a call alone may have: on the events around it it would count again.
pub(super) fn is_cost(key: &str) -> bool {
    let is_of_vendor = key.starts_with("$ai_");
    is_of_vendor
        && (key.ends_with("_cost_usd")
            || key.ends_with("_price")
            || [ph::AI_COST_PASSTHROUGH, "$ai_request_count", "$ai_web_search_count"].contains(&key))
}

/// Counts and costs of a call. What an agent or a workflow of this program used in all is the sum of its calls,
/// and is left out; of a service that runs agents nothing else is known.
pub(super) fn usage(list: &mut Properties, class: OperationClass, known: &Known<'_>) {
    let is_call = matches!(class, OperationClass::Generation | OperationClass::Embedding);
    if !is_call {
        list.remove(is_cost);
        if !known.is_client {
            list.remove(|key| key.starts_with("gen_ai.usage."));
        }
        return;
    }
    let is_generation = class == OperationClass::Generation;
    if is_generation {
        for (from, to) in COUNTS {
            list.copy(to, from);
        }
    }
    let Some(usage) = known.operation.and_then(Operation::usage) else {
        if is_generation && has_cached_input(list) {
            list.put(ph::AI_CACHE_REPORTING_EXCLUSIVE, Some(false));
        }
        return;
    };
    if is_generation {
        list.put_count(ph::AI_TOTAL_TOKENS, usage.total_tokens);
        let hour = usage.cache_write_1h_input_tokens;
        list.put_count(ph::AI_CACHE_CREATION_1H_INPUT_TOKENS, hour);
        let minutes = hour.and_then(|hour| usage.cache_write_input_tokens?.checked_sub(hour));
        list.put_count(ph::AI_CACHE_CREATION_5M_INPUT_TOKENS, minutes);
        // The record's input has the cached tokens in it, whatever the provider's has.
        if usage.input_tokens.is_some() {
            list.put(ph::AI_CACHE_REPORTING_EXCLUSIVE, Some(false));
        }
    }
    let provider = known.operation.and_then(|operation| operation.provider.as_deref());
    cost(list, usage.told_cost(provider), is_generation);
    let raw = usage.raw.as_ref().filter(|_| is_generation && known.has_maps).map(RawJson::to_value);
    list.put(ph::AI_USAGE, raw.filter(serde_json::Value::is_object));
}

/// Whether the input of a span without a record has the cached tokens in it, as the conventions want it. Fewer tokens
/// than were cached are those of a library that counts otherwise.
fn has_cached_input(list: &Properties) -> bool {
    const CACHED: [&str; 2] =
        [names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, names::GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS];
    let cached = CACHED.iter().filter_map(|key| list.integer(key)).reduce(i64::saturating_add);
    let input = list.integer(names::GEN_AI_USAGE_INPUT_TOKENS);
    input.zip(cached).is_some_and(|(input, cached)| input >= cached)
}

/// What the provider says that the call cost.
fn cost(list: &mut Properties, told: Option<f64>, is_generation: bool) {
    let is_told = list.iter().any(|(key, _)| is_cost(key));
    if let Some(cost) = told.filter(|_| !is_told) {
        list.put(ph::AI_TOTAL_COST_USD, Some(cost));
        // An embedding has no output that could cost.
        if !is_generation {
            list.put(ph::AI_INPUT_COST_USD, Some(cost));
            list.put(ph::AI_OUTPUT_COST_USD, Some(0.0));
        }
        list.put(ph::AI_COST_PASSTHROUGH, Some(true));
    }
}

/// Counts that PostHog knows by its own names alone.
const COUNTS: [(&str, &str); 9] = [
    (names::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, ph::AI_REASONING_TOKENS),
    (names::GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS, ph::AI_CACHE_CREATION_INPUT_TOKENS),
    (names::GEN_AI_USAGE_TEXT_INPUT_TOKENS, ph::AI_TEXT_INPUT_TOKENS),
    (names::GEN_AI_USAGE_IMAGE_INPUT_TOKENS, ph::AI_IMAGE_INPUT_TOKENS),
    (names::GEN_AI_USAGE_AUDIO_INPUT_TOKENS, ph::AI_AUDIO_INPUT_TOKENS),
    (names::GEN_AI_USAGE_TEXT_OUTPUT_TOKENS, ph::AI_TEXT_OUTPUT_TOKENS),
    (names::GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS, ph::AI_IMAGE_OUTPUT_TOKENS),
    (names::GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS, ph::AI_AUDIO_OUTPUT_TOKENS),
    (names::GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS, ph::AI_CACHE_READ_AUDIO_TOKENS),
];
