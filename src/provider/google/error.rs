//! Errors: the body of an answer that is no success, and the error object inside a stream.

use crate::{
    capture::redact::scrub_secrets,
    provider::failure::{in_stream, refusal},
    record::{ErrorInfo, ErrorKind},
};
use http::HeaderMap;
use serde_json::{Map, Value};
use std::time::Duration;

/// Reads the error of an answer that is no success; how long to wait is told by `RetryInfo` among the
/// details, else by the headers. Of a body that holds no message the first 500 bytes are kept.
pub fn read_error(status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorInfo {
    refusal(status, headers, body, |sent, kind| Some(from_value(error_value(sent)?, kind)))
}

/// The error object inside a stream.
pub(super) fn read_stream_error(error: &Value) -> ErrorInfo {
    in_stream(from_value(error, ErrorKind::Server))
}

/// The error in the body of a success.
pub(crate) fn read_success_error(body: &[u8]) -> Option<ErrorInfo> {
    let sent: Value = serde_json::from_slice(body).ok()?;
    let error = error_value(&sent).filter(|error| error.is_object() || error.is_string())?;
    Some(from_value(error, ErrorKind::Server))
}

/// What is under `error`, also of the first of an array: a stream that is no event stream is one.
fn error_value(body: &Value) -> Option<&Value> {
    body.as_array().map_or(Some(body), |all| all.first())?.get("error")
}

fn from_value(error: &Value, otherwise: ErrorKind) -> ErrorInfo {
    let Some(error) = error.as_object() else {
        return ErrorInfo::new(otherwise, error.as_str().map(scrub_secrets).unwrap_or_default());
    };
    let message = error.get("message").and_then(Value::as_str).map(scrub_secrets).unwrap_or_default();
    let code = word(error, "code");
    let status = word(error, "status");
    let details: &[Value] = error.get("details").and_then(Value::as_array).map_or(&[], Vec::as_slice);
    let numeric = code.as_deref().and_then(|code| code.parse().ok()).filter(|code| (400..600).contains(code));
    let kind = better_told(&message, details)
        .or_else(|| status.as_deref().and_then(kind_of))
        .or_else(|| numeric.map(ErrorKind::from_status))
        .unwrap_or(otherwise);
    let mut info = ErrorInfo::new(kind, message);
    info.code = code;
    info.provider_type = status;
    info.param = details.iter().find_map(wrong_field);
    info.retry_after = details.iter().find_map(retry_delay);
    info.details = details.iter().map(scrubbed).collect();
    info
}

/// A word that may be sent as a number.
fn word(of: &Map<String, Value>, name: &str) -> Option<String> {
    match of.get(name)? {
        Value::String(text) if !text.is_empty() => Some(scrub_secrets(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What the message or the details tell, where the status does not: a wrong key and a prompt that is too
/// long are both an `INVALID_ARGUMENT`.
fn better_told(message: &str, details: &[Value]) -> Option<ErrorKind> {
    let reason = |word: &str| details.iter().any(|detail| detail.get("reason").is_some_and(|it| it == word));
    let says = |text: &str| message.contains(text);
    if reason("API_KEY_INVALID") || says("API key not valid") || says("API key expired") {
        return Some(ErrorKind::Authentication);
    }
    let too_long = says("token count") && says("exceeds");
    too_long.then_some(ErrorKind::ContextTooLong)
}

/// The status words of Google's APIs.
fn kind_of(status: &str) -> Option<ErrorKind> {
    Some(match status {
        "UNAUTHENTICATED" => ErrorKind::Authentication,
        "PERMISSION_DENIED" => ErrorKind::Permission,
        "NOT_FOUND" => ErrorKind::NotFound,
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" | "ALREADY_EXISTS" | "UNIMPLEMENTED" => {
            ErrorKind::InvalidRequest
        }
        "RESOURCE_EXHAUSTED" => ErrorKind::RateLimited,
        "UNAVAILABLE" => ErrorKind::Overloaded,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" | "ABORTED" => ErrorKind::Server,
        "DEADLINE_EXCEEDED" => ErrorKind::Timeout,
        "CANCELLED" => ErrorKind::Cancelled,
        _ => return None,
    })
}

/// The first field that `BadRequest` complains of.
fn wrong_field(detail: &Value) -> Option<String> {
    let field = detail.get("fieldViolations")?.get(0)?.get("field")?.as_str()?;
    Some(scrub_secrets(field)).filter(|field| !field.is_empty())
}

/// `retryDelay` of `RetryInfo`, such as `48s` or `1.5s`.
fn retry_delay(detail: &Value) -> Option<Duration> {
    let seconds = detail.get("retryDelay")?.as_str()?.strip_suffix('s')?;
    Duration::try_from_secs_f64(seconds.trim().parse().ok()?).ok()
}

/// A detail as it was sent but for keys: `consumer` may name one.
fn scrubbed(detail: &Value) -> Value {
    match detail {
        Value::String(text) => Value::from(scrub_secrets(text)),
        Value::Array(all) => all.iter().map(scrubbed).collect(),
        Value::Object(all) => {
            Value::Object(all.iter().map(|(name, value)| (name.clone(), scrubbed(value))).collect())
        }
        other => other.clone(),
    }
}
