use http::HeaderMap;
use serde_json::json;
use std::time::Duration;
use tracing_genai::provider::{Api, anthropic::read_error, request_id, response_error};
use tracing_genai::record::{ErrorInfo, ErrorKind};

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    all.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn read(status: u16, body: &str) -> ErrorInfo {
    read_error(status, &HeaderMap::new(), body.as_bytes())
}

fn of_type(status: u16, word: &str, message: &str) -> ErrorInfo {
    read(status, &json!({ "type": "error", "error": { "type": word, "message": message } }).to_string())
}

#[test]
fn an_overload_gives_its_type_message_and_request() {
    let error = read(
        529,
        r#"{"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
    );
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Overloaded, "Overloaded"));
    assert_eq!(error.provider_type.as_deref(), Some("overloaded_error"));
    assert_eq!((error.http_status, error.request_id.as_deref()), (Some(529), Some("req_1")));
    assert!(error.details.is_empty());
    assert_eq!(error.error_type(), "overloaded_error");
}

#[test]
fn the_type_tells_the_kind() {
    for (status, word, kind) in [
        (400, "invalid_request_error", ErrorKind::InvalidRequest),
        (401, "authentication_error", ErrorKind::Authentication),
        (402, "billing_error", ErrorKind::RateLimited),
        (403, "permission_error", ErrorKind::Permission),
        (404, "not_found_error", ErrorKind::NotFound),
        (413, "request_too_large", ErrorKind::InvalidRequest),
        (429, "rate_limit_error", ErrorKind::RateLimited),
        (500, "api_error", ErrorKind::Server),
        (504, "timeout_error", ErrorKind::Timeout),
        (500, "overloaded_error", ErrorKind::Overloaded),
    ] {
        assert_eq!(of_type(status, word, "No.").kind, kind, "{word}");
    }
}

#[test]
fn the_message_tells_what_sort_of_invalid_request_it_is() {
    for (message, kind) in [
        ("prompt is too long: 208310 tokens > 200000 maximum", ErrorKind::ContextTooLong),
        ("input length and `max_tokens` exceed context limit: 199 + 64 > 200", ErrorKind::ContextTooLong),
        ("Output blocked by content filtering policy", ErrorKind::ContentRefused),
        ("Your credit balance is too low to access the Anthropic API.", ErrorKind::RateLimited),
        ("messages: at least one message is required", ErrorKind::InvalidRequest),
    ] {
        assert_eq!(of_type(400, "invalid_request_error", message).kind, kind, "{message}");
    }
}

#[test]
fn the_status_tells_the_kind_when_no_word_does() {
    assert_eq!(read(529, "").kind, ErrorKind::Overloaded);
    assert_eq!(of_type(503, "new_error", "No.").kind, ErrorKind::Overloaded);
}

#[test]
fn the_header_tells_the_request_before_the_body() {
    let headers = headers(&[("request-id", "req_h"), ("retry-after", "7")]);
    let error = read_error(429, &headers, br#"{"error":{"type":"rate_limit_error"},"request_id":"req_b"}"#);
    assert_eq!(error.request_id.as_deref(), Some("req_h"));
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(request_id(Api::AnthropicMessages, &headers).as_deref(), Some("req_h"));
}

#[test]
fn a_body_that_cannot_be_read_is_kept_in_its_beginning() {
    let error = read(502, "<html>Bad gateway</html>");
    assert_eq!(error.message, "the server answers with the status 502");
    assert_eq!(error.body.as_deref(), Some("<html>Bad gateway</html>"));
    assert_eq!(error.kind, ErrorKind::Server);
}

#[test]
fn a_gateway_may_send_its_error_in_another_form() {
    for body in [r#"{"error":"Slow."}"#, r#"{"message":"Slow."}"#, r#"{"type":"error","message":"Slow."}"#] {
        let error = read(500, body);
        assert_eq!((error.message.as_str(), error.provider_type), ("Slow.", None), "{body}");
    }
}

#[test]
fn a_key_in_a_message_is_taken_out() {
    let error = of_type(401, "authentication_error", "invalid key sk-ant-api03-abcdefgh");
    assert_eq!(error.message, "invalid key sk-[redacted]");
}

#[test]
fn a_success_may_hold_an_error() {
    let read = |body: &str| response_error(Api::AnthropicMessages, body.as_bytes());
    let error =
        read(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#).unwrap();
    assert_eq!((error.kind, error.http_status), (ErrorKind::Overloaded, None));
    assert_eq!(read(r#"{"type":"message","content":[]}"#), None);
}
