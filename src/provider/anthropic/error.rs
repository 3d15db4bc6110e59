//! Errors: the body of an answer that is no success, and the event inside a stream.

use crate::{
    capture::redact::scrub_secrets,
    provider::failure::{header_text, in_stream, refusal},
    record::{ErrorInfo, ErrorKind},
};
use http::HeaderMap;
use serde_json::Value;

/// Reads the error of an answer that is no success.
///
/// Of a body that holds no message the first 500 bytes are kept beside a message that names the
/// status. A bill that is not paid (`billing_error`, or a message that the credit balance is too low)
/// is [`ErrorKind::RateLimited`], as a used-up quota is with other providers. A `retry-after` that is
/// a date is passed over, for a reader holds no clock.
pub fn read_error(status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorInfo {
    let mut info = refusal(status, headers, body, |sent, kind| Some(from_body(sent, kind)));
    info.request_id = request_id(headers).or(info.request_id);
    info
}

/// The error that an event of a stream tells of.
pub(super) fn read_stream_error(event: &Value) -> ErrorInfo {
    in_stream(from_body(event, ErrorKind::Server))
}

/// The error in the body of a success.
pub(crate) fn read_success_error(body: &[u8]) -> Option<ErrorInfo> {
    let sent: Value = serde_json::from_slice(body).ok()?;
    let is_error = sent.get("type").is_some_and(|kind| kind == "error")
        || sent.get("type").is_none() && sent.get("error").is_some_and(Value::is_object);
    is_error.then(|| read_stream_error(&sent))
}

/// The provider's id of a request, in its answer's headers.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    header_text(headers, &["request-id"])
}

fn from_body(sent: &Value, otherwise: ErrorKind) -> ErrorInfo {
    // A gateway may send the error object alone, or a text in its place.
    let error = sent.get("error").unwrap_or(sent);
    let said = error.get("message").or_else(|| sent.get("message")).unwrap_or(error);
    let message = said.as_str().map(scrub_secrets).unwrap_or_default();
    let provider_type =
        error.get("type").and_then(Value::as_str).filter(|word| !["", "error"].contains(word));
    let kind = provider_type.and_then(|word| kind_of(word, &message)).unwrap_or(otherwise);
    let mut info = ErrorInfo::new(kind, message);
    info.provider_type = provider_type.map(scrub_secrets);
    info.request_id = sent.get("request_id").and_then(Value::as_str).map(str::to_owned);
    info.details = match error.get("details") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
    };
    info
}

fn kind_of(word: &str, message: &str) -> Option<ErrorKind> {
    Some(match word {
        "invalid_request_error" => return complaint(message),
        "authentication_error" => ErrorKind::Authentication,
        "permission_error" => ErrorKind::Permission,
        "billing_error" | "rate_limit_error" => ErrorKind::RateLimited,
        "not_found_error" => ErrorKind::NotFound,
        // The body has too many bytes, whatever the model would take.
        "request_too_large" => ErrorKind::InvalidRequest,
        "api_error" => ErrorKind::Server,
        "overloaded_error" => ErrorKind::Overloaded,
        "timeout_error" => ErrorKind::Timeout,
        _ => return None,
    })
}

/// Only the message tells what sort of invalid request it is.
fn complaint(message: &str) -> Option<ErrorKind> {
    let says = |words: &str| message.to_ascii_lowercase().contains(words);
    Some(if says("prompt is too long") || says("exceed context limit") {
        ErrorKind::ContextTooLong
    } else if says("blocked by content filtering policy") {
        ErrorKind::ContentRefused
    } else if says("credit balance is too low") {
        ErrorKind::RateLimited
    } else {
        ErrorKind::InvalidRequest
    })
}
