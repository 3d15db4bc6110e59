//! Chat completions, OpenAI's and those of every server that speaks their format.

mod chunk;
mod message;
mod request;
mod response;
mod stream;
mod tool;

pub use request::{read_request, write_request};
pub use response::read_response;
pub use stream::StreamReader;
