//! Errors of OpenAI and of servers that speak its format. All bodies here are synthetic.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use http::HeaderMap;
use std::time::Duration;
use tracing_genai::{
    provider::openai::read_error,
    record::{ErrorInfo, ErrorKind},
};

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    all.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn read(status: u16, body: &str) -> ErrorInfo {
    read_error(status, &HeaderMap::new(), body.as_bytes())
}

#[test]
fn an_openai_error_gives_its_code_type_and_parameter() {
    let error = read(
        400,
        r#"{"error":{"message":"Too high.","type":"invalid_request_error","param":"temperature","code":"decimal_above_max_value"}}"#,
    );
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
    assert_eq!(error.message, "Too high.");
    assert_eq!(error.http_status, Some(400));
    assert_eq!(error.code.as_deref(), Some("decimal_above_max_value"));
    assert_eq!(error.provider_type.as_deref(), Some("invalid_request_error"));
    assert_eq!(error.param.as_deref(), Some("temperature"));
}

#[test]
fn the_code_tells_the_kind_before_the_type_and_the_status() {
    for (status, word, kind) in [
        (401, "invalid_api_key", ErrorKind::Authentication),
        (429, "insufficient_quota", ErrorKind::RateLimited),
        (429, "rate_limit_exceeded", ErrorKind::RateLimited),
        (400, "context_length_exceeded", ErrorKind::ContextTooLong),
        (400, "content_filter", ErrorKind::ContentRefused),
        (400, "content_policy_violation", ErrorKind::ContentRefused),
        (400, "model_not_found", ErrorKind::NotFound),
        (404, "DeploymentNotFound", ErrorKind::NotFound),
        (200, "server_error", ErrorKind::Server),
    ] {
        let by_code =
            read(status, &format!(r#"{{"error":{{"code":"{word}","type":"invalid_request_error"}}}}"#));
        let by_type = read(status, &format!(r#"{{"error":{{"code":null,"type":"{word}"}}}}"#));
        assert_eq!(by_code.kind, kind, "{word}");
        assert_eq!(by_type.kind, kind, "{word}");
    }
}

#[test]
fn a_numeric_code_is_kept_and_tells_the_kind() {
    let error = read(502, r#"{"error":{"code":429,"message":"Provider returned error"}}"#);
    assert_eq!(error.code.as_deref(), Some("429"));
    assert_eq!(error.kind, ErrorKind::RateLimited);
}

#[test]
fn the_status_tells_the_kind_when_no_word_does() {
    let error = read(403, r#"{"error":{"message":"No.","type":"invalid_request_error","code":null}}"#);
    assert_eq!(error.kind, ErrorKind::Permission);
    assert_eq!(error.code, None);
}

#[test]
fn an_error_may_be_a_string_or_stand_alone_or_in_a_list() {
    for body in [
        r#"{"error":"Slow."}"#,
        r#"{"error":"Bad Request","message":"Slow."}"#,
        r#"{"message":"Slow.","statusCode":500}"#,
        r#"{"detail":"Slow."}"#,
        r#"[{"error":{"message":"Slow."}}]"#,
    ] {
        assert_eq!(read(500, body).message, "Slow.", "{body}");
    }
}

#[test]
fn a_body_that_is_no_json_is_kept_apart_from_the_message() {
    let error = read(503, "\nupstream connect error or disconnect/reset before headers\n");
    assert_eq!(error.kind, ErrorKind::Overloaded);
    assert_eq!(error.message, "the server answers with the status 503");
    assert_eq!(error.body.as_deref(), Some("upstream connect error or disconnect/reset before headers"));
}

#[test]
fn a_complaint_that_repeats_the_request_gives_its_words_alone() {
    let prompt = "PATIENT JANE DOE";
    let detail = format!(r#"[{{"loc":["body"],"msg":"Extra inputs are not permitted","input":"{prompt}"}}]"#);
    for body in [
        format!(r#"{{"detail":{detail}}}"#),
        format!(r#"{{"object":"error","message":{{"detail":{detail}}}}}"#),
    ] {
        let error = read(422, &body);
        assert_eq!(error.message, "Extra inputs are not permitted");
        assert_eq!(error.body, None);
    }
}

#[test]
fn a_long_body_is_cut_between_characters() {
    let error = read(500, &"ü".repeat(10_000));
    assert_eq!(error.body, Some("ü".repeat(250)));
    let shifted = read(500, &format!("a{}", "ü".repeat(10_000)));
    assert_eq!(shifted.body, Some(format!("a{}", "ü".repeat(249))));
}

#[test]
fn an_empty_body_leaves_the_status() {
    for body in ["", "  \r\n"] {
        let error = read(502, body);
        assert_eq!((error.message.as_str(), error.body), ("the server answers with the status 502", None));
    }
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let error = read_error(500, &HeaderMap::new(), b"\xff\xfeoops");
    assert!(error.body.unwrap().ends_with("oops"));
}

#[test]
fn keys_are_taken_out_of_every_message() {
    let key = "sk-proj-abcdefghijkl";
    for body in [
        format!(r#"{{"error":{{"message":"Incorrect API key provided: {key}.","code":"invalid_api_key"}}}}"#),
        format!(r#"{{"error":"bad key {key}"}}"#),
        format!("bad key {key}"),
        format!(r#"{{"unknown":"{key}"}}"#),
    ] {
        let said = format!("{:?}", read(401, &body));
        assert!(!said.contains(key) && said.contains("[redacted]"), "{said}");
    }
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
    let headers = headers(&[("retry-after", "20"), ("x-request-id", "req_1")]);
    let body =
        br#"{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}"#;
    let error = read_error(429, &headers, body);
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.retry_after, Some(Duration::from_secs(20)));
    assert_eq!(error.request_id.as_deref(), Some("req_1"));
}

#[test]
fn the_longer_wait_of_two_holds() {
    let azure = headers(&[("retry-after-ms", "0"), ("retry-after", "1")]);
    assert_eq!(read_error(429, &azure, b"").retry_after, Some(Duration::from_secs(1)));
    let exact = headers(&[("retry-after-ms", "1250"), ("retry-after", "1")]);
    assert_eq!(read_error(429, &exact, b"").retry_after, Some(Duration::from_millis(1250)));
}

#[test]
fn a_wait_that_is_no_number_of_seconds_is_passed_over() {
    for value in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "NaN", "inf", "1e300", "soon", ""] {
        assert_eq!(read_error(429, &headers(&[("retry-after", value)]), b"").retry_after, None, "{value}");
    }
}

#[test]
fn azure_names_the_request_in_its_own_header() {
    for name in ["apim-request-id", "x-ms-request-id"] {
        let error = read_error(401, &headers(&[(name, "id")]), b"{}");
        assert_eq!(error.request_id.as_deref(), Some("id"), "{name}");
    }
}
