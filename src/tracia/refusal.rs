//! Answers that are no success.

use crate::{
    Error,
    capture::redact::scrub_secrets,
    record::{ErrorInfo, ErrorKind},
    vocabulary::tracia::ErrorCode,
};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// How much is kept of a body that cannot be read.
const BODY_BYTES: usize = 500;

/// The error of an answer. Its code is what the body says, below `error` or at the top, and never the status.
pub(super) fn of(status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
    let sent = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let below = &sent["error"];
    let words = if below.is_object() { below } else { &sent };
    let text = |key: &str| words[key].as_str().filter(|text| !text.is_empty()).map(scrub_secrets);
    let message = text("message").or_else(|| below.as_str().map(scrub_secrets));

    let mut info = ErrorInfo::new(ErrorKind::from_status(status), "");
    info.message = match message {
        Some(message) => message,
        None => {
            info.body = beginning(body);
            format!("Tracia answered {status}")
        }
    };
    if (300..400).contains(&status) {
        info.message = format!(
            "the server answers with a redirect, which is not followed since it could carry the key to another host: {}",
            info.message
        );
    }
    let code = text("code");
    let known = code.as_deref().and_then(ErrorCode::of_server).unwrap_or(ErrorCode::Unknown);
    info.code = code;
    info.details = words.get("details").filter(|details| !details.is_null()).cloned().into_iter().collect();
    info.http_status = Some(status);
    info.retry_after =
        headers.get(RETRY_AFTER).and_then(|value| wait(value.to_str().ok()?, SystemTime::now()));
    let id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    info.request_id = id.filter(|id| !id.is_empty()).map(str::to_owned);
    Error::from(info).with_tracia_code(known)
}

/// A `Retry-After`: seconds, or a date.
pub(super) fn wait(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    match value.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()),
    }
}

/// The first bytes of a body as text without keys.
pub(super) fn beginning(body: &[u8]) -> Option<String> {
    // Before it is cut, which would leave the beginning of a key.
    let text = scrub_secrets(String::from_utf8_lossy(body).trim());
    let mut end = text.len().min(BODY_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Some(text[..end].to_owned()).filter(|text| !text.is_empty())
}
