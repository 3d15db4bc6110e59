//! Errors: the body of an answer that is no success, and the error object inside a stream.

use crate::{
    capture::redact::scrub_secrets,
    record::{ErrorInfo, ErrorKind},
};
use http::HeaderMap;
use serde_json::{Map, Value};
use std::time::Duration;

/// How much is kept of a body that cannot be read.
const BODY_BYTES: usize = 500;

/// Reads the error of an answer that is no success, in OpenAI's form or Azure's.
///
/// Of a body that holds no message the first 500 bytes are kept beside a message that names the status:
/// such a body may repeat the prompt. `retry-after-ms` and `retry-after` in seconds are read and the longer one holds, since
/// Azure sends `0` and `1` together; a `retry-after` that is a date is passed over, for a reader holds
/// no clock.
pub fn read_error(status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorInfo {
    let sent = serde_json::from_slice::<Value>(body).ok();
    let mut info = match sent.as_ref().and_then(error_value) {
        Some(error) => from_value(error, ErrorKind::from_status(status)),
        None => ErrorInfo::new(ErrorKind::from_status(status), ""),
    };
    if info.message.is_empty() {
        info.message = format!("the server answers with the status {status}");
        info.body = first_bytes(body);
    }
    info.http_status = Some(status);
    info.retry_after = retry_after(headers);
    info.request_id = request_id(headers);
    info
}

/// The error object inside a stream event (`{"error": {..}}` of a chat stream, `error` and
/// `response.error` of the Responses API).
pub(crate) fn read_stream_error(error: &Value) -> ErrorInfo {
    // No status tells whose fault it is; this type does.
    let asked_wrongly = error.get("type").and_then(Value::as_str) == Some("invalid_request_error");
    let otherwise = if asked_wrongly { ErrorKind::InvalidRequest } else { ErrorKind::Server };
    let mut info = from_value(error, otherwise);
    if info.message.is_empty() {
        info.message = "the stream told of an error".to_owned();
    }
    info
}

/// The error in the body of a success: some servers and gateways answer 200 with one.
pub(crate) fn read_success_error(body: &[u8]) -> Option<ErrorInfo> {
    let sent: Value = serde_json::from_slice(body).ok()?;
    let error = match sent.get("error") {
        Some(error @ (Value::Object(_) | Value::String(_))) => error,
        _ => Some(&sent).filter(|sent| sent.get("object").is_some_and(|object| object == "error"))?,
    };
    Some(from_value(error, ErrorKind::Server))
}

/// A body that is not what the API promises: keeps its first bytes.
pub(crate) fn unexpected_body(expected: &str, body: &[u8]) -> ErrorInfo {
    let empty = if body.trim_ascii().is_empty() { ": it is empty" } else { "" };
    let mut info = ErrorInfo::new(ErrorKind::Protocol, format!("the answer is not {expected}{empty}"));
    info.body = first_bytes(body);
    info
}

/// The error in a body: under `error` as a rule, the object itself where a gateway writes one, and
/// the first of an array (Google's server of OpenAI's format).
fn error_value(body: &Value) -> Option<&Value> {
    let body = body.as_array().map_or(Some(body), |all| all.first())?;
    let says = |name: &str| body.get(name).is_some_and(Value::is_string);
    match body.get("error") {
        Some(error @ Value::Object(_)) => Some(error),
        // `"error": "Bad Request"` beside a message: the message tells more.
        Some(error @ Value::String(_)) if !says("message") => Some(error),
        _ => (body.get("message").is_some() || body.get("detail").is_some()).then_some(body),
    }
}

fn from_value(error: &Value, otherwise: ErrorKind) -> ErrorInfo {
    let Some(error) = error.as_object() else {
        let message = error.as_str().map(scrub_secrets).unwrap_or_default();
        return ErrorInfo::new(otherwise, message);
    };
    let code = word(error, "code");
    let provider_type = word(error, "type");
    let kind = code
        .as_deref()
        .and_then(kind_of)
        .or_else(|| provider_type.as_deref().and_then(kind_of))
        .or_else(|| numeric_status(code.as_deref()).map(ErrorKind::from_status))
        .unwrap_or(otherwise);
    let mut info = ErrorInfo::new(kind, message_of(error));
    info.code = code;
    info.provider_type = provider_type;
    info.param = word(error, "param");
    info
}

fn message_of(error: &Map<String, Value>) -> String {
    ["message", "detail"]
        .iter()
        .filter_map(|name| error.get(*name))
        .find_map(|said| said.as_str().or_else(|| first_complaint(said)).filter(|text| !text.is_empty()))
        .map(scrub_secrets)
        .unwrap_or_default()
}

/// What a server of `FastAPI` complains of first: `[{"msg": .., "input": ..}]`, under `detail` too. Its
/// `input` repeats the request.
fn first_complaint(said: &Value) -> Option<&str> {
    said.get("detail").unwrap_or(said).get(0)?.get("msg")?.as_str()
}

/// A word that may be sent as a number.
fn word(of: &Map<String, Value>, name: &str) -> Option<String> {
    match of.get(name)? {
        Value::String(text) if !text.is_empty() => Some(scrub_secrets(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A code that is an HTTP status (Azure's `"404"`).
fn numeric_status(code: Option<&str>) -> Option<u16> {
    code?.parse().ok().filter(|status| (400..600).contains(status))
}

/// What a code or type means, where it says more than the HTTP status.
fn kind_of(word: &str) -> Option<ErrorKind> {
    Some(match word.to_ascii_lowercase().as_str() {
        "invalid_api_key" | "invalid_authentication" | "authentication_error" | "unauthorized" => {
            ErrorKind::Authentication
        }
        "permission_error" | "permission_denied" | "insufficient_permissions" | "access_denied" => {
            ErrorKind::Permission
        }
        "insufficient_quota"
        | "rate_limit_exceeded"
        | "rate_limit_error"
        | "rate_limit_reached"
        | "ratelimitreached"
        | "too_many_requests"
        | "billing_hard_limit_reached"
        | "requests"
        | "tokens" => ErrorKind::RateLimited,
        "context_length_exceeded" => ErrorKind::ContextTooLong,
        "content_filter" | "content_policy_violation" | "responsibleaipolicyviolation" => {
            ErrorKind::ContentRefused
        }
        "model_not_found" | "deploymentnotfound" | "not_found_error" | "not_found" => ErrorKind::NotFound,
        "server_error" | "internal_error" | "internal_server_error" | "internalservererror" => {
            ErrorKind::Server
        }
        "overloaded_error" | "overloaded" | "engine_overloaded" | "service_unavailable" | "slow_down" => {
            ErrorKind::Overloaded
        }
        "timeout" | "request_timeout" | "gateway_timeout" => ErrorKind::Timeout,
        _ => return None,
    })
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| {
        let text = headers.get(name)?.to_str().ok()?;
        text.trim().parse::<f64>().ok()
    };
    let millis = number("retry-after-ms").map(|millis| millis / 1000.0);
    [millis, number("retry-after")]
        .into_iter()
        .flatten()
        .filter_map(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .max()
}

/// The id of a request in its answer's headers: OpenAI's name for it, else Azure's.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "apim-request-id", "x-ms-request-id"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .find(|id| !id.is_empty())
        .map(str::to_owned)
}

/// The first bytes of a body as text without keys, cut before a character that does not fit.
fn first_bytes(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body.get(..BODY_BYTES).unwrap_or(body));
    let cut = body.len() > BODY_BYTES;
    // What the cut left of a character is no part of the text.
    let text = if cut { text.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { &text };
    Some(scrub_secrets(text.trim())).filter(|text| !text.is_empty())
}
