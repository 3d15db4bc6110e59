//! Chat completions, OpenAI's and those of every server that speaks their format.

mod message;
mod request;
mod tool;

pub use request::{read_request, write_request};

use crate::{
    provider::{Delta, Limits},
    record::{ErrorInfo, Response},
};

/// stub
pub fn read_response(body: &[u8]) -> Result<Response, ErrorInfo> {
    Err(super::unexpected_body("a chat completion", body))
}
/// stub
#[derive(Debug)]
pub struct StreamReader {
    response: Response,
}
impl StreamReader {
    /// stub
    pub fn new(_limits: Limits) -> Self {
        Self { response: Response::default() }
    }
    /// stub
    pub fn event(&mut self, _name: Option<&str>, _data: &[u8], _on_delta: &mut impl FnMut(Delta<'_>)) {}
    /// stub
    pub fn response(&self) -> &Response {
        &self.response
    }
    /// stub
    pub fn error(&self) -> Option<&ErrorInfo> {
        None
    }
    /// stub
    pub fn is_complete(&self) -> bool {
        false
    }
    /// stub
    pub fn unreadable_events(&self) -> u64 {
        0
    }
    /// stub
    pub fn finish(self) -> (Response, Option<ErrorInfo>) {
        (self.response, None)
    }
}
