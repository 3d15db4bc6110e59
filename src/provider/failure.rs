//! What the errors of all providers share.

#![allow(clippy::result_large_err, reason = "an error ends the call; its size is never in the way")]

use crate::{
    capture::redact::scrub_secrets,
    record::{ErrorInfo, ErrorKind},
};
use http::HeaderMap;
use serde_json::Value;
use std::time::Duration;

/// How much is kept of a body that cannot be read.
const BODY_BYTES: usize = 500;

/// A body that is not what the API promises: keeps its first bytes.
pub(super) fn unexpected_body(expected: &str, body: &[u8]) -> ErrorInfo {
    let empty = if body.trim_ascii().is_empty() { ": it is empty" } else { "" };
    let mut info = ErrorInfo::new(ErrorKind::Protocol, format!("the answer is not {expected}{empty}"));
    info.body = first_bytes(body);
    info
}

/// The error of an answer that is no success: what `read` finds in its body, given the kind that the
/// status means, with what the status and the headers tell.
///
/// Of a body that holds no message the first 500 bytes are kept beside a message that names the status:
/// such a body may repeat the prompt. A `retry-after` that is a date is passed over, for a reader holds no
/// clock.
pub(super) fn refusal(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    read: impl FnOnce(&Value, ErrorKind) -> Option<ErrorInfo>,
) -> ErrorInfo {
    let kind = ErrorKind::from_status(status);
    let sent = serde_json::from_slice::<Value>(body).ok();
    let mut info = sent.and_then(|sent| read(&sent, kind)).unwrap_or_else(|| ErrorInfo::new(kind, ""));
    if info.message.is_empty() {
        info.message = format!("the server answers with the status {status}");
        info.body = first_bytes(body);
    }
    info.http_status = Some(status);
    info.retry_after = info.retry_after.or_else(|| retry_after(headers));
    info
}

/// An error inside a stream, which says something in any case.
pub(super) fn in_stream(mut info: ErrorInfo) -> ErrorInfo {
    if info.message.is_empty() {
        info.message = "the stream told of an error".to_owned();
    }
    info
}

/// A parameter that was given although the provider has no such thing.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] naming both, if it was.
pub(super) fn refuse(provider: &str, parameter: &str, given: bool) -> Result<(), ErrorInfo> {
    if !given {
        return Ok(());
    }
    Err(wrong(parameter, &format!("{provider} has no such parameter")))
}

/// A parameter that the provider cannot take as it was given.
pub(super) fn wrong(parameter: &str, why: &str) -> ErrorInfo {
    let mut error = ErrorInfo::new(ErrorKind::InvalidRequest, format!("{parameter}: {why}"));
    error.param = Some(parameter.to_owned());
    error
}

/// How long the headers ask to wait: `retry-after-ms` and `retry-after` in seconds, of which the longer
/// one holds, since Azure sends `0` and `1` together. A date is passed over, for a reader holds no clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
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

/// The text of the first of these headers that has one.
pub(super) fn header_text(headers: &HeaderMap, names: &[&str]) -> Option<String> {
    let texts = names.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    texts.into_iter().find(|text| !text.is_empty()).map(str::to_owned)
}

/// The first bytes of a body as text without keys, cut before a character that does not fit.
pub(super) fn first_bytes(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body.get(..BODY_BYTES).unwrap_or(body));
    let cut = body.len() > BODY_BYTES;
    // What the cut left of a character is no part of the text.
    let text = if cut { text.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { &text };
    Some(scrub_secrets(text.trim())).filter(|text| !text.is_empty())
}
