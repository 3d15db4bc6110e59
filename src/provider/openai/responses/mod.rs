//! Responses: requests, response objects and the events of a stream.

#![allow(clippy::result_large_err, reason = "an error ends the call; its size is never in the way")]

mod event;
mod json;
mod request;
mod response;
mod stream;
mod write;

pub use request::read_request;
#[cfg(feature = "client")]
pub(crate) use response::output_items;
pub use response::{read_response, response_error};
pub use stream::StreamReader;
pub use write::write_request;
