use super::RawJson;
use serde::{Deserialize, Serialize};

/// What a call used, in tokens, with the conventions' meanings for every provider.
///
/// A count that the provider did not send is `None`, never 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// All input tokens, cached ones included (`gen_ai.usage.input_tokens`).
    pub input_tokens: Option<u64>,
    /// All output tokens, reasoning included (`gen_ai.usage.output_tokens`).
    pub output_tokens: Option<u64>,
    /// The provider's own total.
    pub total_tokens: Option<u64>,
    /// The part of the input that was read from a cache.
    pub cache_read_input_tokens: Option<u64>,
    /// The part of the input that was written to a cache.
    pub cache_write_input_tokens: Option<u64>,
    /// The part of what was written to a cache that is to stay for an hour (Anthropic).
    pub cache_write_1h_input_tokens: Option<u64>,
    /// What the results of the provider's own tools added to the prompt, which Google counts beside the
    /// input.
    pub tool_use_input_tokens: Option<u64>,
    /// The part of the output that was reasoning.
    pub reasoning_output_tokens: Option<u64>,
    /// The input by modality, where the provider tells.
    pub input: ByModality,
    /// The output by modality, where the provider tells.
    pub output: ByModality,
    /// The cached input by modality, where the provider tells.
    pub cache_read: ByModality,
    /// Passes of the model that are billed beside the counts above (Anthropic compaction and advisors).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub iterations: Vec<Iteration>,
    /// The provider's own usage object.
    pub raw: Option<RawJson>,
}

impl Usage {
    /// What a call of this provider cost in US dollars by the provider's own word: OpenRouter's `usage.cost`. Others
    /// tell none, or in another unit.
    pub(crate) fn told_cost(&self, provider: Option<&str>) -> Option<f64> {
        let raw = self.raw.as_ref().filter(|_| provider == Some("openrouter"))?.to_value();
        raw.get("cost")?.as_f64().filter(|cost| cost.is_finite())
    }

    /// Takes from `other` the totals that are not known.
    pub fn fill_from(&mut self, other: &Self) {
        self.input_tokens = self.input_tokens.or(other.input_tokens);
        self.output_tokens = self.output_tokens.or(other.output_tokens);
        self.cache_read_input_tokens = self.cache_read_input_tokens.or(other.cache_read_input_tokens);
        self.cache_write_input_tokens = self.cache_write_input_tokens.or(other.cache_write_input_tokens);
    }
}

/// One pass of a model within a call (Anthropic `usage.iterations`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Iteration {
    /// What it was for, in the provider's word: `message`, `compaction`.
    pub kind: Option<String>,
    /// All its input tokens, cached ones included.
    pub input_tokens: Option<u64>,
    /// Its output tokens.
    pub output_tokens: Option<u64>,
    /// The part of the input that was read from a cache.
    pub cache_read_input_tokens: Option<u64>,
    /// The part of the input that was written to a cache.
    pub cache_write_input_tokens: Option<u64>,
}

/// Token counts by modality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ByModality {
    /// Text tokens.
    pub text: Option<u64>,
    /// Image tokens.
    pub image: Option<u64>,
    /// Audio tokens.
    pub audio: Option<u64>,
}
