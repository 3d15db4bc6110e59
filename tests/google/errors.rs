use http::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;
use tracing_genai::{
    provider::{Api, google::read_error, response_error},
    record::{ErrorInfo, ErrorKind},
};

fn read(status: u16, error: &Value) -> ErrorInfo {
    read_error(status, &HeaderMap::new(), json!({"error": error}).to_string().as_bytes())
}

#[test]
fn an_error_gives_its_code_status_and_message() {
    // Synthetic: the recordings have no 500 and no 503.
    let body = json!({"code": 500, "message": "An internal error has occurred.", "status": "INTERNAL"});
    let error = read(500, &body);
    assert_eq!((error.kind, error.http_status), (ErrorKind::Server, Some(500)));
    assert_eq!((error.code.as_deref(), error.provider_type.as_deref()), (Some("500"), Some("INTERNAL")));
    assert_eq!(error.message, "An internal error has occurred.");
    assert_eq!(error.error_type(), "INTERNAL");
    let in_array = json!([{"error": body}]).to_string();
    assert_eq!(read_error(500, &HeaderMap::new(), in_array.as_bytes()), error);
}

#[test]
fn the_status_tells_the_kind() {
    for (http, status, kind) in [
        (401, "UNAUTHENTICATED", ErrorKind::Authentication),
        (403, "PERMISSION_DENIED", ErrorKind::Permission),
        (404, "NOT_FOUND", ErrorKind::NotFound),
        (400, "INVALID_ARGUMENT", ErrorKind::InvalidRequest),
        (400, "FAILED_PRECONDITION", ErrorKind::InvalidRequest),
        (429, "RESOURCE_EXHAUSTED", ErrorKind::RateLimited),
        (503, "UNAVAILABLE", ErrorKind::Overloaded),
        (500, "INTERNAL", ErrorKind::Server),
        (504, "DEADLINE_EXCEEDED", ErrorKind::Timeout),
        (499, "CANCELLED", ErrorKind::Cancelled),
        (429, "SOMETHING_NEW", ErrorKind::RateLimited),
    ] {
        assert_eq!(
            read(http, &json!({"code": http, "status": status, "message": "m"})).kind,
            kind,
            "{status}"
        );
    }
}

#[test]
fn a_wrong_key_is_told_by_its_reason_or_message() {
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"});
    let by_reason = json!({"code": 400, "message": "No.", "status": "INVALID_ARGUMENT", "details": [info]});
    let message = "API key not valid. Please pass a valid API key.";
    let by_message = json!({"code": 400, "message": message, "status": "INVALID_ARGUMENT"});
    for error in [read(400, &by_reason), read(400, &by_message)] {
        assert_eq!(error.kind, ErrorKind::Authentication);
        assert_eq!(error.provider_type.as_deref(), Some("INVALID_ARGUMENT"));
    }
    assert_eq!(read(400, &by_reason).details, [info]);
}

#[test]
fn a_prompt_that_is_too_long_is_told_by_its_message() {
    let message = "The input token count (2) exceeds the maximum number of tokens allowed (1).";
    let error = read(400, &json!({"code": 400, "message": message, "status": "INVALID_ARGUMENT"}));
    assert_eq!(error.kind, ErrorKind::ContextTooLong);
}

#[test]
fn the_details_or_the_headers_tell_how_long_to_wait() {
    let after = |delay: &str| {
        let info = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay});
        read(429, &json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": [info]}))
            .retry_after
    };
    assert_eq!(after("48s"), Some(Duration::from_secs(48)));
    assert_eq!(after("1.5s"), Some(Duration::from_millis(1500)));
    for odd in ["s", "-1s", "soon", "1e300s", "NaNs"] {
        assert_eq!(after(odd), None, "{odd}");
    }
    let headers = HeaderMap::from_iter([("retry-after".parse().unwrap(), "7".parse().unwrap())]);
    assert_eq!(read_error(503, &headers, b"{}").retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn a_violated_field_is_the_parameter() {
    let request = json!({"fieldViolations": [{"field": "contents[0].parts", "description": "empty"}]});
    let error = read(400, &json!({"code": 400, "message": "m", "details": [request]}));
    assert_eq!(error.param.as_deref(), Some("contents[0].parts"));
}

#[test]
fn keys_leave_neither_in_the_message_nor_in_the_details() {
    let key = format!("AIza{}", "x".repeat(35));
    let info = json!({"metadata": {"consumer": format!("api_key:{key}")}});
    let error =
        read(403, &json!({"code": 403, "message": format!("Key {key} is blocked."), "details": [info]}));
    assert!(!format!("{error:?}").contains(&key), "{error:?}");
    assert_eq!(error.message, "Key AIza[redacted] is blocked.");
}

#[test]
fn a_body_that_says_nothing_is_kept() {
    let error = read_error(502, &HeaderMap::new(), b"<html>Bad Gateway</html>");
    assert_eq!((error.kind, error.body.as_deref()), (ErrorKind::Server, Some("<html>Bad Gateway</html>")));
    assert!(error.message.contains("502"), "{}", error.message);
}

#[test]
fn an_error_in_a_success_is_found() {
    let api = Api::GoogleGenerateContent;
    let body = json!([{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}]).to_string();
    assert_eq!(response_error(api, body.as_bytes()).unwrap().kind, ErrorKind::RateLimited);
    assert_eq!(response_error(api, br#"{"candidates": []}"#), None);
    assert_eq!(response_error(api, b"{"), None);
}
