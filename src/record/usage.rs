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
    /// The part of the output that was reasoning.
    pub reasoning_output_tokens: Option<u64>,
    /// The input by modality, where the provider tells.
    pub input: ByModality,
    /// The output by modality, where the provider tells.
    pub output: ByModality,
    /// The cached input by modality, where the provider tells.
    pub cache_read: ByModality,
    /// The provider's own usage object.
    pub raw: Option<RawJson>,
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
