//! Google's formats: the Gemini API and Vertex AI.
//!
//! Both speak one language in two spellings: names may be written `likeThis` or `like_this`, and are
//! read as the former. The model, and whether the answer is streamed, are in the URL and in no body.

#![allow(clippy::result_large_err, reason = "an error ends the call; its size is never in the way")]

pub mod embeddings;
mod error;
mod fields;
mod part;
mod request;
mod response;
mod stream;
mod tool;
mod usage;
mod write;
mod written;

pub use error::read_error;
pub(super) use error::read_success_error;
pub use request::read_request;
pub use response::read_response;
pub use stream::StreamReader;
pub use write::write_request;
