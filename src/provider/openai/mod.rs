//! OpenAI's formats, which many other servers speak: chat completions, Responses, embeddings.

#![allow(
    clippy::result_large_err,
    reason = "at most one error comes of a call, and its fields are there to match"
)]

pub mod chat;
pub mod embeddings;
mod error;
mod lenient;
mod pick;
pub mod responses;
mod usage;

pub use error::read_error;
pub(super) use error::read_stream_error;
pub(crate) use error::{read_success_error, request_id, unexpected_body};

/// What differs between servers that speak OpenAI's chat format.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Send the output limit as `max_completion_tokens`, which OpenAI and Azure want; other servers
    /// know only `max_tokens`.
    pub max_completion_tokens: bool,
    /// Ask a stream for its usage (`stream_options.include_usage`).
    pub stream_usage: bool,
}

impl Default for Dialect {
    /// OpenAI's own.
    fn default() -> Self {
        Self { max_completion_tokens: true, stream_usage: true }
    }
}
