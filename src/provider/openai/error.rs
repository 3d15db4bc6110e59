//! Errors: the body of an answer that is no success, and the error object inside a stream.

use crate::{
    capture::redact::scrub_secrets,
    provider::failure::{header_text, in_stream, refusal},
    record::{ErrorInfo, ErrorKind},
};
use http::HeaderMap;
use serde_json::{Map, Value};

/// Reads the error of an answer that is no success, in OpenAI's form or Azure's.
///
/// Of a body that holds no message the first 500 bytes are kept. `retry-after-ms` and `retry-after` in seconds
/// are read and the longer one holds, since Azure sends `0` and `1` together.
pub fn read_error(status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorInfo {
    let mut info = refusal(status, headers, body, |sent, kind| Some(from_value(error_value(sent)?, kind)));
    info.request_id = request_id(headers);
    info
}

/// The error object inside a stream event (`{"error": {..}}` of a chat stream, `error` and
/// `response.error` of the Responses API).
pub(crate) fn read_stream_error(error: &Value) -> ErrorInfo {
    // No status tells whose fault it is; this type does.
    let asked_wrongly = error.get("type").and_then(Value::as_str) == Some("invalid_request_error");
    let otherwise = if asked_wrongly { ErrorKind::InvalidRequest } else { ErrorKind::Server };
    in_stream(from_value(error, otherwise))
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

/// The id of a request in its answer's headers: OpenAI's name for it, else Azure's.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    header_text(headers, &["x-request-id", "apim-request-id", "x-ms-request-id"])
}
