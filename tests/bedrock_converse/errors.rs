use http::HeaderMap;
use serde_json::json;
use std::time::Duration;
use tracing_genai::provider::{Api, bedrock::read_error, request_id, usage_in_headers};
use tracing_genai::record::{ErrorInfo, ErrorKind};
use tracing_genai::wire::event_stream::{FrameParser, encode};

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    all.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn of_type(status: u16, word: &str, message: &str) -> ErrorInfo {
    let word = format!("{word}:http://internal.amazon.com/coral/com.amazon.bedrock/");
    let body = json!({ "message": message }).to_string();
    read_error(status, &headers(&[("x-amzn-errortype", &word)]), body.as_bytes())
}

#[test]
fn an_error_gives_its_type_message_and_request() {
    let headers = headers(&[
        ("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"),
        ("x-amzn-requestid", "r-1"),
        ("retry-after", "2"),
    ]);
    let body = br#"{"message":"Too many tokens, please wait before trying again."}"#;
    let error = read_error(429, &headers, body);
    assert_eq!((error.kind, error.http_status), (ErrorKind::RateLimited, Some(429)));
    assert_eq!(error.message, "Too many tokens, please wait before trying again.");
    assert_eq!(error.provider_type.as_deref(), Some("ThrottlingException"));
    assert_eq!(error.error_type(), "ThrottlingException");
    assert_eq!(error.request_id.as_deref(), Some("r-1"));
    assert_eq!(error.retry_after, Some(Duration::from_secs(2)));
    assert_eq!(request_id(Api::BedrockConverse, &headers).as_deref(), Some("r-1"));
}

#[test]
fn the_body_tells_the_type_where_no_header_does() {
    let body = br##"{"__type":"com.amazon.coral.service#UnrecognizedClientException","Message":"No."}"##;
    let error = read_error(403, &HeaderMap::new(), body);
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Authentication, "No."));
    assert_eq!(error.provider_type.as_deref(), Some("UnrecognizedClientException"));
}

#[test]
fn a_body_that_cannot_be_read_leaves_the_header_and_the_status() {
    let headers = headers(&[("x-amzn-errortype", "ServiceUnavailableException")]);
    let error = read_error(503, &headers, b"<html>");
    assert_eq!((error.kind, error.body.as_deref()), (ErrorKind::Overloaded, Some("<html>")));
    assert_eq!(error.provider_type.as_deref(), Some("ServiceUnavailableException"));
    assert!(error.message.contains("503"), "{}", error.message);
    let bare = read_error(403, &HeaderMap::new(), b"");
    assert_eq!((bare.kind, bare.provider_type), (ErrorKind::Permission, None));
}

#[test]
fn the_type_tells_the_kind() {
    for (status, word, kind) in [
        (400, "ServiceQuotaExceededException", ErrorKind::RateLimited),
        (429, "TooManyRequestsException", ErrorKind::RateLimited),
        (403, "AccessDeniedException", ErrorKind::Permission),
        (403, "UnrecognizedClientException", ErrorKind::Authentication),
        (403, "InvalidSignatureException", ErrorKind::Authentication),
        (403, "ExpiredTokenException", ErrorKind::Authentication),
        (403, "IncompleteSignature", ErrorKind::Authentication),
        (403, "MissingAuthenticationToken", ErrorKind::Authentication),
        (404, "ResourceNotFoundException", ErrorKind::NotFound),
        (400, "ValidationException", ErrorKind::InvalidRequest),
        (408, "ModelTimeoutException", ErrorKind::Timeout),
        (429, "ModelNotReadyException", ErrorKind::Overloaded),
        (503, "ServiceUnavailableException", ErrorKind::Overloaded),
        (500, "InternalServerException", ErrorKind::Server),
        (424, "ModelErrorException", ErrorKind::Server),
        (403, "SomethingNew", ErrorKind::Permission),
    ] {
        assert_eq!(of_type(status, word, "No.").kind, kind, "{word}");
    }
}

#[test]
fn the_message_tells_what_sort_of_invalid_request_it_is() {
    for (message, kind) in [
        ("Input Tokens Exceeded: Number of input tokens exceeds maximum length.", ErrorKind::ContextTooLong),
        ("Input is too long for requested model.", ErrorKind::ContextTooLong),
        ("prompt is too long: 208310 tokens > 200000 maximum", ErrorKind::ContextTooLong),
        ("Output blocked by content filtering policy", ErrorKind::ContentRefused),
        ("The provided model identifier is invalid.", ErrorKind::InvalidRequest),
        ("Value at 'system' failed to satisfy constraint: expected maxLength: 5", ErrorKind::InvalidRequest),
    ] {
        assert_eq!(of_type(400, "ValidationException", message).kind, kind, "{message}");
    }
}

#[test]
fn a_model_that_wants_a_profile_is_told_with_one() {
    let said = "Invocation of model ID anthropic.claude-x-v1:0 with on-demand throughput isn\u{2019}t supported. \
                Retry your request with the ID or ARN of an inference profile that contains this model.";
    let error = of_type(400, "ValidationException", said);
    assert_eq!(error.message, said);
    let hint = error.hint.unwrap();
    assert!(hint.contains("inference profile") && hint.contains("us.anthropic.claude-x-v1:0"), "{hint}");
}

#[test]
fn a_wrong_clock_is_told() {
    for said in [
        "Signature expired: 20250101T000000Z is now earlier than 20250101T001000Z",
        "Signature not yet current: 20250101T001000Z is still later than 20250101T000000Z",
    ] {
        let error = of_type(403, "InvalidSignatureException", said);
        assert_eq!(error.kind, ErrorKind::Authentication);
        assert_eq!(error.message, said);
        assert!(error.hint.unwrap().contains("clock"));
    }
}

#[test]
fn a_model_that_is_not_enabled_is_told_of_where_it_must_be() {
    let said = "You don't have access to the model with the specified model ID.";
    let error = of_type(403, "AccessDeniedException", said);
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Permission, said));
    assert!(error.hint.unwrap().contains("region"));
}

#[test]
fn headers_tell_the_usage_with_what_the_cache_gave() {
    let usage = usage_in_headers(
        Api::BedrockInvokeModel,
        &headers(&[
            ("x-amzn-bedrock-input-token-count", "4"),
            ("x-amzn-bedrock-output-token-count", "50"),
            ("x-amzn-bedrock-cache-read-input-token-count", "18131"),
            ("x-amzn-bedrock-cache-write-input-token-count", "0"),
        ]),
    );
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(18135), Some(50)));
    assert_eq!((usage.cache_read_input_tokens, usage.cache_write_input_tokens), (Some(18131), Some(0)));
    let none = usage_in_headers(Api::BedrockInvokeModel, &HeaderMap::new());
    assert_eq!((none.input_tokens, none.cache_read_input_tokens), (None, None));
}

#[test]
fn a_frame_cuts_what_is_too_long_between_characters() {
    let bytes = encode(&[(&"ä".repeat(200), &"ö".repeat(40_000))], b"");
    let (mut parser, mut value) = (FrameParser::new(), None);
    parser.feed(&bytes, &mut |frame| value = frame.header(&"ä".repeat(127)).map(str::to_owned));
    assert_eq!((value, parser.error()), (Some("ö".repeat(32_767)), None));
}
