//! Errors.
use crate::record::{ErrorInfo, ErrorKind};
/// stub
pub fn read_error(status: u16, _headers: &http::HeaderMap, _body: &[u8]) -> ErrorInfo {
    ErrorInfo::new(ErrorKind::from_status(status), "")
}
/// The error object inside a stream event (`{"error": {..}}` of a chat stream, `error` and
/// `response.error` of the Responses API).
pub(crate) fn read_stream_error(_error: &serde_json::Value) -> ErrorInfo {
    ErrorInfo::new(ErrorKind::Server, "")
}
/// A body that is not what the API promises: keeps its first bytes.
pub(crate) fn unexpected_body(expected: &str, _body: &[u8]) -> ErrorInfo {
    ErrorInfo::new(ErrorKind::Protocol, format!("the answer is not {expected}"))
}
