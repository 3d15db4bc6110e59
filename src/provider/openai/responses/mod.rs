//! Responses.

mod json;
mod response;
mod stream;

pub use response::{read_response, response_error};
pub use stream::StreamReader;

use crate::record::{ErrorInfo, Request};

/// stub
pub fn read_request(_body: &[u8]) -> Option<Request> {
    None
}
/// stub
pub fn write_request(_request: &Request) -> Result<Vec<u8>, ErrorInfo> {
    Ok(Vec::new())
}
