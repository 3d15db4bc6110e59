//! OpenAI's formats, which many other servers speak: chat completions, Responses, embeddings.

#![allow(
    clippy::result_large_err,
    reason = "at most one error comes of a call, and its fields are there to match"
)]

pub mod chat;
pub mod embeddings;
mod error;
pub mod responses;
mod usage;

pub(super) use super::failure::unexpected_body;
pub use error::read_error;
pub(super) use error::read_stream_error;
pub(crate) use error::{read_success_error, request_id};

/// What differs between servers that speak OpenAI's chat format.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Send the output limit as `max_completion_tokens`, which OpenAI and Azure want; other servers
    /// know only `max_tokens`.
    pub max_completion_tokens: bool,
    /// Ask a stream for its usage (`stream_options.include_usage`).
    pub stream_usage: bool,
    /// Send the seed as `random_seed` (Mistral).
    pub random_seed: bool,
    /// Send the length of vectors as `output_dimension` (Mistral, Voyage).
    pub output_dimension: bool,
    /// Send the reasoning before a call of a tool back (`DeepSeek`, Moonshot), which others refuse or pass over.
    pub reasoning_content: bool,
    /// Hold to the limits that OpenAI documents for its parameters; other servers have their own.
    pub openai_limits: bool,
}

impl Default for Dialect {
    /// OpenAI's own.
    fn default() -> Self {
        Self {
            max_completion_tokens: true,
            stream_usage: true,
            random_seed: false,
            output_dimension: false,
            reasoning_content: false,
            openai_limits: true,
        }
    }
}
