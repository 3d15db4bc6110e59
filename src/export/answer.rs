//! What an answer means for the spans that were sent: pure, so that each class can be tested.

use crate::capture::redact::scrub_secrets;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, SystemTime},
};

/// What to do with the spans of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The destination has them.
    Accepted,
    /// It has them but for these many.
    Partial { rejected: u64, reason: String, message: String },
    /// It does not take them now.
    Retry(Retry),
    /// It may take fewer at a time.
    TooLarge { reason: String, message: String },
    /// It will never take these.
    Refused { reason: String, message: String },
    /// It will take none: the fault lies in the settings.
    Misconfigured { reason: String, message: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    /// How long the destination asks to be left alone.
    pub(super) after: Option<Duration>,
    /// Whether the request itself may be to blame.
    pub(super) is_suspicious: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

/// What is read of an answer's headers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Headers<'a> {
    pub(super) retry_after: Option<&'a str>,
    pub(super) content_type: Option<&'a str>,
}

impl Headers<'_> {
    /// Whether the answer is for people: no receiver of OTLP gives one, a sign-in or a start page does.
    pub(super) fn is_web_page(&self) -> bool {
        let media = self.content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        media.trim().eq_ignore_ascii_case("text/html")
    }
}

pub(super) const WEB_PAGE: &str = "web_page";

/// The longest wait that a destination can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// After so many answers that may be the request's own fault they are.
pub(super) const SUSPICIOUS_TRIES: u32 = 5;
const EXCERPT: usize = 200;

/// The answer of an HTTP status: `429` and the trouble of a gateway are temporary, `408` and other `5xx` may be.
pub(super) fn of_http(
    status: u16,
    headers: &Headers<'_>,
    body: &[u8],
    now: SystemTime,
    advice: &Advice,
) -> Answer {
    let reason = format!("http_{status}");
    let retry_after = headers.retry_after;
    match status {
        200..=299 if headers.is_web_page() => Answer::Misconfigured {
            reason: WEB_PAGE.to_owned(),
            message: format!(
                "answered {status} with a web page: check the address of this destination, and what stands before it"
            ),
        },
        200..=299 => of_success(body),
        429 | 502 | 503 | 504 => {
            let after = retry_after.and_then(|value| wait(value, now));
            let asks = after.map(|wait| format!(" and asks to be left alone for {wait:?}"));
            let message = format!("answered {status}{}", asks.unwrap_or_default());
            Answer::Retry(Retry { after, is_suspicious: false, message, reason })
        }
        501 | 505 => misconfigured(status, reason, body, advice),
        408 | 500..=599 => Answer::Retry(Retry {
            after: retry_after.and_then(|value| wait(value, now)),
            is_suspicious: true,
            message: said(status, body),
            reason,
        }),
        413 => {
            let message = format!("{}; {TOO_LARGE}", said(status, body));
            Answer::TooLarge { reason, message }
        }
        300..=399 => Answer::Misconfigured {
            reason,
            message: format!(
                "answered {status}, and redirects are not followed since they would carry keys elsewhere: \
                 set the final address"
            ),
        },
        401..=407 | 415 => misconfigured(status, reason, body, advice),
        _ => Answer::Refused { reason, message: said(status, body) },
    }
}

fn misconfigured(status: u16, reason: String, body: &[u8], advice: &Advice) -> Answer {
    Answer::Misconfigured { reason, message: format!("{}; {}", said(status, body), advice.on(status)) }
}

/// What makes a span smaller that is too large by itself.
const TOO_LARGE: &str = "a span that is too large by itself is lost: its texts are left out by Destination::content \
    with ContentCapture::off()";

/// What mends the settings that an answer finds fault with.
#[derive(Debug)]
pub(super) struct Advice {
    key: &'static str,
    path: &'static str,
    form: &'static str,
}

const OTLP_FORM: &str =
    "check that it takes OTLP as http/protobuf, with this compression (Destination::compression)";
const POSTHOG_KEY: &str = "check the project's key (Destination::posthog, POSTHOG_API_KEY), and that its region or host \
    (Destination::host, POSTHOG_HOST) is the project's";

pub(super) static OTLP: Advice = Advice {
    key: "check the key of this destination (Destination::header, OTEL_EXPORTER_OTLP_HEADERS)",
    path: "check the path of this destination's address (Destination::exact_path)",
    form: OTLP_FORM,
};

pub(super) static POSTHOG: Advice = Advice {
    key: POSTHOG_KEY,
    path: "check that PostHog is at this host (Destination::host, POSTHOG_HOST)",
    form: OTLP_FORM,
};

pub(super) static POSTHOG_CAPTURE: Advice = Advice {
    key: POSTHOG_KEY,
    path: "check that PostHog is at this host (Destination::host, POSTHOG_HOST), and of a version that takes batches \
        of AI events, without which there are no judgements, and no PostHogTransport::Capture",
    form: "check that PostHog at this host takes its events as JSON, with this compression (Destination::compression)",
};

impl Advice {
    pub(super) fn on(&self, status: u16) -> &'static str {
        match status {
            401 | 402 | 403 | 407 => self.key,
            404 | 405 => self.path,
            _ => self.form,
        }
    }
}

/// No answer came.
pub(super) fn of_network(message: &str) -> Answer {
    Answer::Retry(Retry {
        after: None,
        is_suspicious: false,
        reason: "network".into(),
        message: scrub_secrets(message),
    })
}

/// A body that is no OTLP message is a success too: some back ends answer `{}`.
fn of_success(body: &[u8]) -> Answer {
    let partial = ExportTraceServiceResponse::decode(body).ok().and_then(|answer| answer.partial_success);
    match partial {
        Some(partial) => of_partial(partial.rejected_spans, &partial.error_message),
        None => Answer::Accepted,
    }
}

pub(super) fn of_partial(rejected: i64, message: &str) -> Answer {
    match u64::try_from(rejected) {
        Ok(rejected) if rejected > 0 => Answer::Partial {
            rejected,
            reason: "partial_success".to_owned(),
            message: format!("took a request in part: {}", excerpt(message.as_bytes())),
        },
        _ => Answer::Accepted,
    }
}

#[cfg(feature = "grpc")]
pub(super) fn of_grpc(status: &tonic::Status) -> Answer {
    use tonic::Code;
    let code = status.code();
    let said = excerpt(status.message().as_bytes());
    let message = format!("answered {code:?}: {said}");
    let reason = format!("grpc_{}", snake_case(&format!("{code:?}")));
    let after = retry_info(status.details()).map(|wait| wait.min(LONGEST_WAIT));
    match code {
        // Servers answer so to a message over their limit: grpc-go and grpc-java the one, tonic the other.
        Code::ResourceExhausted | Code::OutOfRange if is_about_size(status.message()) => {
            Answer::TooLarge { reason, message: format!("{message}; {TOO_LARGE}") }
        }
        Code::ResourceExhausted if after.is_none() => Answer::Refused { reason, message },
        Code::ResourceExhausted
        | Code::Unavailable
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss => Answer::Retry(Retry { after, is_suspicious: false, reason, message }),
        // Not the server's word: the connection broke under the request.
        _ if is_local(status) => of_network(&described(status)),
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::NotFound => {
            let advice = match code {
                Code::Unimplemented | Code::NotFound => "check that this destination takes OTLP over gRPC",
                _ => OTLP.on(401),
            };
            Answer::Misconfigured { reason, message: format!("{message}; {advice}") }
        }
        _ => Answer::Refused { reason, message },
    }
}

/// Whether a status was made on this side, of an error of the connection.
#[cfg(feature = "grpc")]
fn is_local(status: &tonic::Status) -> bool {
    std::error::Error::source(status).is_some() || status.message().starts_with("Service was not ready")
}

/// An error with its causes: the outermost alone seldom says what happened.
pub(super) fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(feature = "grpc")]
fn is_about_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["message larger than max", "message length too large", "exceeds maximum size"]
        .iter()
        .any(|words| message.contains(words))
}

/// The wait of a `google.rpc.RetryInfo` in a status's details.
#[cfg(feature = "grpc")]
fn retry_info(details: &[u8]) -> Option<Duration> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<Delay>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }
    let details = Status::decode(details).ok()?.details;
    let info = details.iter().find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?))
}

#[cfg(feature = "grpc")]
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// A `Retry-After`: seconds, or a date.
pub(super) fn wait(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

pub(super) fn said(status: u16, body: &[u8]) -> String {
    let body = excerpt(body);
    if body.is_empty() { format!("answered {status}") } else { format!("answered {status}: {body}") }
}

/// The beginning of what a server wrote, on one line and without anything like a key.
fn excerpt(body: &[u8]) -> String {
    // Whole keys are taken out before the cut, which would leave the beginning of one.
    let text = scrub_secrets(&String::from_utf8_lossy(body));
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(EXCERPT).collect()
}

/// How long to wait before the try after `failures` of them: doubling from a quarter of a second to
/// half a minute, and from half of that to all of it at random, so that programs do not march in step.
pub(super) fn back_off(failures: u32) -> Duration {
    doubled(Duration::from_millis(250), Duration::from_secs(30), failures)
}

/// The same where the settings are wrong, which somebody has to mend: from five seconds to five minutes.
pub(super) fn back_off_misconfigured(failures: u32) -> Duration {
    doubled(Duration::from_secs(5), Duration::from_secs(300), failures)
}

fn doubled(first: Duration, most: Duration, failures: u32) -> Duration {
    let whole = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most);
    let random = RandomState::new().build_hasher().finish();
    let share = f64::from(u32::try_from(random >> 32).unwrap_or_default()) / f64::from(u32::MAX);
    whole.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn http(status: u16) -> Answer {
        of_http(status, &Headers::default(), b"", NOW, &OTLP)
    }

    #[test]
    fn a_success_of_any_body_is_accepted() {
        for body in [&b""[..], b"{}", b"ok", b"{\"partialSuccess\":{}}"] {
            assert_eq!(of_http(200, &Headers::default(), body, NOW, &OTLP), Answer::Accepted);
        }
        assert_eq!(http(202), Answer::Accepted);
    }

    #[test]
    fn a_success_with_a_web_page_blames_the_address() {
        for (content_type, is_page) in [
            ("text/html", true),
            ("Text/HTML; charset=utf-8", true),
            ("text/plain", false),
            ("application/json", false),
            ("application/x-protobuf", false),
        ] {
            let headers = Headers { retry_after: None, content_type: Some(content_type) };
            match of_http(200, &headers, b"<!doctype html>", NOW, &OTLP) {
                Answer::Misconfigured { reason, message } if is_page => {
                    assert_eq!(reason, "web_page");
                    assert!(message.contains("web page") && message.contains("address"), "{message}");
                }
                answer => assert!(!is_page && answer == Answer::Accepted, "{content_type}: {answer:?}"),
            }
        }
    }

    #[test]
    fn a_partial_success_says_how_many_were_rejected() {
        let partial = ExportTracePartialSuccess { rejected_spans: 3, error_message: "too old".into() };
        let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        assert!(
            matches!(of_http(200, &Headers::default(), &body, NOW, &OTLP), Answer::Partial { rejected: 3, message, .. } if message.contains("too old"))
        );
    }

    #[test]
    fn a_partial_success_without_rejected_spans_is_a_success() {
        let partial = ExportTracePartialSuccess { rejected_spans: 0, error_message: "slow down".into() };
        let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!(of_http(200, &Headers::default(), &body, NOW, &OTLP), Answer::Accepted);
    }

    #[test]
    fn trouble_of_a_gateway_is_tried_again_for_as_long_as_it_takes() {
        for status in [429, 502, 503, 504] {
            assert!(matches!(http(status), Answer::Retry(Retry { is_suspicious: false, .. })), "{status}");
        }
    }

    #[test]
    fn what_may_be_the_requests_own_fault_is_tried_again_with_suspicion() {
        for status in [408, 500, 507, 520, 599] {
            assert!(matches!(http(status), Answer::Retry(Retry { is_suspicious: true, .. })), "{status}");
        }
    }

    #[test]
    fn a_request_that_is_too_large_is_split() {
        let Answer::TooLarge { message, .. } = http(413) else { panic!("413 is about size") };
        assert!(message.contains("Destination::content"), "{message}");
    }

    #[test]
    fn what_the_settings_are_to_blame_for_names_what_mends_it() {
        for (status, setting) in [
            (302, "address"),
            (401, "Destination::header"),
            (403, "Destination::header"),
            (404, "exact_path"),
            (405, "exact_path"),
            (415, "compression"),
            (501, "http/protobuf"),
        ] {
            let Answer::Misconfigured { reason, message } = http(status) else { panic!("{status}") };
            assert_eq!(reason, format!("http_{status}"));
            assert!(message.contains(setting), "{message}");
        }
    }

    #[test]
    fn other_refusals_are_final() {
        for status in [400, 409, 422] {
            assert!(
                matches!(http(status), Answer::Refused { reason, .. } if reason == format!("http_{status}"))
            );
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let headers = |value| Headers { retry_after: Some(value), content_type: None };
        let after = |value| match of_http(503, &headers(value), b"", NOW, &OTLP) {
            Answer::Retry(retry) => retry.after,
            _ => None,
        };
        assert_eq!(after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(after("Thu, 01 Jan 1970 00:00:09 GMT"), Some(Duration::from_secs(9)));
        assert_eq!(after("soon"), None);
        assert_eq!(after("999999"), Some(LONGEST_WAIT));
    }

    #[test]
    fn what_a_server_wrote_is_repeated_without_keys() {
        let Answer::Misconfigured { message, .. } =
            of_http(401, &Headers::default(), b"bad key sk-abcdefghijklmnop\n", NOW, &OTLP)
        else {
            panic!("401 blames the settings");
        };
        assert!(message.contains("bad key") && !message.contains("abcdefghijklmnop"), "{message}");
    }

    #[test]
    fn back_off_grows_to_half_a_minute() {
        assert!((125..=250).contains(&back_off(1).as_millis()));
        assert!((500..=1_000).contains(&back_off(3).as_millis()));
        assert!((15_000..=30_000).contains(&back_off(1_000).as_millis()));
    }
}

#[cfg(all(test, feature = "grpc"))]
mod grpc_tests {
    use super::*;
    use tonic::{Code, Status};

    #[test]
    fn the_codes_that_otlp_calls_temporary_are_tried_again() {
        for code in [
            Code::Unavailable,
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::OutOfRange,
            Code::DataLoss,
        ] {
            assert!(matches!(of_grpc(&Status::new(code, "")), Answer::Retry(_)), "{code:?}");
        }
    }

    #[test]
    fn an_exhausted_resource_is_temporary_only_with_retry_info() {
        assert!(matches!(of_grpc(&Status::new(Code::ResourceExhausted, "quota")), Answer::Refused { .. }));
        // google.rpc.Status { details: [Any { RetryInfo { retry_delay: 2 s } }] }
        let url = b"type.googleapis.com/google.rpc.RetryInfo";
        let mut any = vec![0x0a, url.len() as u8];
        any.extend_from_slice(url);
        any.extend_from_slice(&[0x12, 4, 0x0a, 2, 0x08, 2]);
        let mut details = vec![0x1a, any.len() as u8];
        details.extend(any);
        let status = Status::with_details(Code::ResourceExhausted, "quota", details.into());
        assert!(
            matches!(of_grpc(&status), Answer::Retry(Retry { after: Some(wait), .. }) if wait.as_secs() == 2)
        );
    }

    #[test]
    fn a_message_over_the_servers_limit_is_split() {
        let status = Status::new(Code::ResourceExhausted, "grpc: received message larger than max (5 vs. 4)");
        assert!(matches!(of_grpc(&status), Answer::TooLarge { .. }));
        let status = Status::new(Code::OutOfRange, "Error, decoded message length too large: found 5 bytes");
        assert!(matches!(of_grpc(&status), Answer::TooLarge { .. }));
    }

    #[test]
    fn a_connection_that_breaks_under_a_request_is_no_refusal() {
        let mut status = Status::unknown("transport error");
        status.set_source(std::sync::Arc::new(std::io::Error::other("broken pipe")));
        assert!(matches!(of_grpc(&status), Answer::Retry(Retry { is_suspicious: false, .. })));
    }

    #[test]
    fn other_codes_are_final() {
        for code in [Code::InvalidArgument, Code::FailedPrecondition, Code::Internal] {
            assert!(matches!(of_grpc(&Status::new(code, "")), Answer::Refused { .. }), "{code:?}");
        }
    }

    #[test]
    fn codes_that_the_settings_are_to_blame_for_say_so() {
        for code in [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented] {
            assert!(matches!(of_grpc(&Status::new(code, "")), Answer::Misconfigured { .. }), "{code:?}");
        }
    }
}
