//! Errors and headers.

use crate::{
    capture::redact::scrub_secrets,
    provider::failure::{header_text, in_stream, refusal},
    record::{ErrorInfo, ErrorKind, Usage},
};
use http::HeaderMap;
use serde_json::Value;

/// Reads the error of an answer that is no success.
///
/// The provider's words come first; where they do not say what to do, that follows in parentheses: the
/// model must be called by an inference profile, or this machine's clock is wrong. Of a body that holds
/// no message the first 500 bytes are kept beside a message that names the status. A `retry-after` that
/// is a date is passed over, for a reader holds no clock.
pub fn read_error(status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorInfo {
    let word = header_text(headers, &["x-amzn-errortype"]);
    let told = |sent: &Value, kind| {
        let word = word.as_deref().or_else(|| sent.get("__type").and_then(Value::as_str));
        from_words(word, sent, kind)
    };
    let mut info = refusal(status, headers, body, |sent, kind| Some(told(sent, kind)));
    if info.provider_type.is_none() {
        // The body is no JSON, or tells no type; the header may.
        let bare = told(&Value::Null, info.kind);
        (info.kind, info.provider_type) = (bare.kind, bare.provider_type);
    }
    info.request_id = request_id(headers);
    info
}

/// The error that an exception among the frames of a stream tells of.
pub(super) fn read_exception(word: &str, payload: &[u8]) -> ErrorInfo {
    let sent = serde_json::from_slice(payload)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(payload).trim()));
    in_stream(from_words(Some(word), &sent, ErrorKind::Server))
}

/// The provider's id of a request.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    header_text(headers, &["x-amzn-requestid"])
}

/// The counts that the headers of an answer tell. The input is counted there without what the cache
/// gave and took; here it is whole.
pub(crate) fn usage_in_headers(headers: &HeaderMap) -> Usage {
    let count = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let cache_read = count("x-amzn-bedrock-cache-read-input-token-count");
    let cache_write = count("x-amzn-bedrock-cache-write-input-token-count");
    let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
    Usage {
        input_tokens: count("x-amzn-bedrock-input-token-count").map(|input| input.saturating_add(cached)),
        output_tokens: count("x-amzn-bedrock-output-token-count"),
        cache_read_input_tokens: cache_read,
        cache_write_input_tokens: cache_write,
        ..Usage::default()
    }
}

fn from_words(word: Option<&str>, sent: &Value, otherwise: ErrorKind) -> ErrorInfo {
    let said = ["message", "Message", "originalMessage"].into_iter().find_map(|name| {
        let text = sent.get(name)?.as_str()?;
        Some(text).filter(|text| !text.is_empty())
    });
    let message = scrub_secrets(said.or(sent.as_str()).unwrap_or_default());
    let word = word.map(bare).filter(|word| !word.is_empty());
    let kind = word.and_then(|word| kind_of(word, &message)).unwrap_or(otherwise);
    let hint = hint(&message);
    let mut info = ErrorInfo::new(kind, message);
    info.hint = hint;
    info.provider_type = word.map(scrub_secrets);
    info
}

/// The name of an exception without its namespace, `com.amazon.coral.service#`, and without the address
/// behind it, `:http://internal.amazon.com/..`.
fn bare(word: &str) -> &str {
    let word = word.rsplit_once('#').map_or(word, |(_, name)| name);
    word.split(':').next().unwrap_or_default().trim()
}

/// A stream's exceptions begin with a small letter.
fn kind_of(word: &str, message: &str) -> Option<ErrorKind> {
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    Some(if is(&["ValidationException"]) {
        complaint(message)
    } else if is(&["ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException"]) {
        ErrorKind::RateLimited
    } else if is(&["AccessDeniedException"]) {
        // A key of Bedrock's own that is wrong is told of like one that may not do this.
        let wrong_key = says(message, "authentication failed") || says(message, "api key is valid");
        if wrong_key { ErrorKind::Authentication } else { ErrorKind::Permission }
    } else if is(&[
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "InvalidClientTokenId",
    ]) {
        ErrorKind::Authentication
    } else if is(&["ResourceNotFoundException"]) {
        ErrorKind::NotFound
    } else if is(&["ModelTimeoutException"]) {
        ErrorKind::Timeout
    } else if is(&["ModelNotReadyException", "ServiceUnavailableException"]) {
        ErrorKind::Overloaded
    } else if is(&[
        "InternalServerException",
        "InternalFailure",
        "ModelErrorException",
        "ModelStreamErrorException",
    ]) {
        ErrorKind::Server
    } else {
        return None;
    })
}

/// Only the message tells what sort of invalid request it is; each family of models has its own words.
fn complaint(message: &str) -> ErrorKind {
    const TOO_LONG: [&str; 8] = [
        "input tokens exceeded",
        "input is too long",
        "prompt is too long",
        "too many input tokens",
        "exceed context limit",
        "exceeds the maximum number of input tokens",
        "maximum context length",
        "exceeds the model's context",
    ];
    const REFUSED: [&str; 2] = ["blocked by our content filter", "blocked by content filtering policy"];
    if TOO_LONG.iter().any(|words| says(message, words)) {
        ErrorKind::ContextTooLong
    } else if REFUSED.iter().any(|words| says(message, words)) {
        ErrorKind::ContentRefused
    } else {
        ErrorKind::InvalidRequest
    }
}

fn says(message: &str, words: &str) -> bool {
    message.to_ascii_lowercase().contains(words)
}

/// What is to be done, where the message does not say so.
fn hint(message: &str) -> Option<String> {
    if says(message, "on-demand throughput isn") {
        let model = message.split_once("model ID ").and_then(|(_, rest)| rest.split_whitespace().next());
        let model = model.unwrap_or("MODEL");
        return Some(format!(
            "give the id of an inference profile as the model, such as us.{model}, or its ARN"
        ));
    }
    if says(message, "signature expired") || says(message, "signature not yet current") {
        return Some("this machine's clock differs from the service's and must be set".to_owned());
    }
    says(message, "have access to the model")
        .then(|| "the model must be enabled for this account in the region that is called".to_owned())
}
