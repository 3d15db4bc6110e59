//! Anthropic's messages.

#![allow(clippy::result_large_err, reason = "an error ends the call; its size is never in the way")]

mod block;
mod error;
mod limit;
mod message;
mod options;
mod request;
mod response;
mod stream;
mod tool;
mod usage;
mod write;

pub use error::read_error;
pub(super) use error::{read_success_error, request_id};
pub use limit::default_max_tokens;
#[cfg(feature = "client")]
pub(crate) use options::max_tokens;
pub use request::read_request;
pub use response::read_response;
pub use stream::StreamReader;
pub use write::write_request;

/// Who is named in an error of a request that the API cannot take.
const API: &str = "Anthropic's API of messages";
