//! Amazon Bedrock `Converse` and `ConverseStream`: one format for the models of every maker.
//!
//! The model and whether the answer is streamed stand in the URL, not in the body.

mod block;
mod event;
mod family;
mod media;
mod message;
mod options;
mod request;
mod response;
mod stream;
mod tool;
mod usage;
mod write;

pub use request::read_request;
pub use response::read_response;
pub use stream::StreamReader;
pub use write::write_request;

/// Who is named in an error of a request that the API cannot take.
const API: &str = "Amazon Bedrock's Converse";
