//! Tracia's own interface: one request for one call of a model, or for one evaluation.
//!
//! A body is a line with the path and the id of the span that it is about, and then the JSON that is posted. So it
//! lies in the spool; no key is in it.

use super::{
    answer::{self, Answer, Headers, Retry},
    courier,
    encode::span_status,
    http::HttpTransport,
    pipeline::Finished,
    weight,
};
use crate::{
    Error,
    capture::ContentCapture,
    record::{ErrorInfo, ErrorKind},
    vocabulary::tracia::{ErrorCode, Fit, Seen, call, evaluation, id_of, judgements},
};
use bytes::Bytes;
use opentelemetry::trace::{Event, SpanKind, Status};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use reqwest::{
    Url,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::SystemTime,
};

const SPANS: &str = "spans";

/// Which span a body is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) span: u64,
    /// Whether it must not come before that span.
    pub(super) follows: bool,
}

/// What is posted for a span; empty where Tracia has no form for it.
pub(super) fn body(
    finished: &Finished,
    content: Option<&ContentCapture>,
    others: Option<&'static str>,
) -> Bytes {
    let off = ContentCapture::off();
    let content = content.unwrap_or(&off);
    let status = span_status(finished, Some(content));
    let seen = Seen {
        span: &finished.span,
        operation: finished.operation.as_deref(),
        status: &status,
        above: finished.tracia_above.as_deref(),
        content,
        others,
    };
    let posted = call(&seen).map(|(id, json)| (SPANS.to_owned(), id, json));
    let posted = posted
        .or_else(|| evaluation(&seen).map(|(id, json)| (format!("{SPANS}/{id}/evaluations"), id, json)));
    let Some((path, id, json)) = posted else { return Bytes::new() };
    let json = serde_json::Value::Object(json);
    format!("{path} {id}\n{json}").into()
}

/// A body's path, the id of its span, and what is posted.
fn parts(body: &Bytes) -> Option<(&str, &str, Bytes)> {
    let end = memchr::memchr(b'\n', body)?;
    let (path, id) = std::str::from_utf8(body.get(..end)?).ok()?.split_once(' ')?;
    Some((path, id, body.slice(end + 1..)))
}

pub(super) fn subject(body: &Bytes) -> Option<Subject> {
    let (path, id, _) = parts(body)?;
    Some(Subject { span: number(id)?, follows: path != SPANS })
}

/// The number in an id of Tracia.
pub(super) fn number(id: &str) -> Option<u64> {
    u64::from_str_radix(id.get(3..)?, 16).ok()
}

/// A span as what is posted of it, one after the other: the call, and each judgement that it holds.
pub(super) fn items(finished: &Arc<Finished>, fit: Fit) -> Vec<Arc<Finished>> {
    let judgements: Vec<&Event> = judgements(&finished.span).collect();
    let (mut items, judged) = match fit {
        // It is posted as it is, so that a record of it stays with it.
        Fit::Evaluation if judgements.len() == 1 => return vec![Arc::clone(finished)],
        Fit::Evaluation => (Vec::new(), finished.tracia_above.clone()),
        _ => (vec![Arc::clone(finished)], Some(id_of(&finished.span).into())),
    };
    let of = |event| Arc::new(judgement(finished, event, judged.clone()));
    items.extend(judgements.into_iter().map(of));
    items
}

/// A judgement that a span holds, as a span of its own.
fn judgement(finished: &Finished, event: &Event, judged: Option<Arc<str>>) -> Finished {
    let Finished { span, source, .. } = finished;
    let mut events = SpanEvents::default();
    events.events.push(event.clone());
    let span = SpanData {
        span_context: span.span_context.clone(),
        parent_span_id: span.parent_span_id,
        parent_span_is_remote: span.parent_span_is_remote,
        span_kind: SpanKind::Internal,
        name: event.name.clone(),
        start_time: event.timestamp,
        end_time: event.timestamp,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events,
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: span.instrumentation_scope.clone(),
    };
    let weight = weight::of_span(&span);
    Finished {
        span,
        plain_status: None,
        operation: None,
        operation_above: None,
        is_parent_known: false,
        tracia_above: judged,
        source: Arc::clone(source),
        weight,
    }
}

type OnSpanError = dyn Fn(&Error, &str) + Send + Sync;

/// Who is told of each span that Tracia refused.
#[derive(Clone)]
pub(super) struct SpanErrorHook(Arc<OnSpanError>);

impl SpanErrorHook {
    pub(super) fn new(hook: impl Fn(&Error, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    fn tell(&self, error: &Error, span: &str) {
        // A hook that panics must not take the courier with it.
        let _ = catch_unwind(AssertUnwindSafe(|| courier::aloud(|| (self.0)(error, span))));
    }
}

impl fmt::Debug for SpanErrorHook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SpanErrorHook")
    }
}

#[derive(Debug)]
pub(super) struct TraciaTransport {
    /// Its address is that of spans.
    http: HttpTransport,
    on_span_error: Option<SpanErrorHook>,
}

impl TraciaTransport {
    pub(super) fn new(http: HttpTransport, on_span_error: Option<SpanErrorHook>) -> Self {
        Self { http, on_span_error }
    }

    /// One try; `is_again` where there may have been another before.
    pub(super) async fn send(&self, body: &Bytes, is_again: bool) -> Answer {
        let Some((path, _, json)) = parts(body) else {
            let message = "Tracia has no form for the span".to_owned();
            return Answer::Refused { reason: "not_representable".to_owned(), message };
        };
        let request = self
            .http
            .client
            .post(self.url(path))
            .headers(self.http.headers.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .timeout(self.http.timeout)
            .body(json);
        match self.http.read(request).await {
            Ok(answered) => {
                of_http(answered.status, &answered.headers(), &answered.body, is_again, path == SPANS)
            }
            Err(error) => answer::of_network(&answer::described(&error.without_url())),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.http.url.clone();
        if let Some(below) = path.strip_prefix(SPANS).filter(|below| !below.is_empty()) {
            let path = format!("{}{below}", url.path());
            url.set_path(&path);
        }
        url
    }

    /// Tells the program of a span that is lost.
    pub(super) fn lost(&self, body: &Bytes, reason: &str, message: &str) {
        let Some(hook) = &self.on_span_error else { return };
        let Some((path, span, _)) = parts(body) else { return };
        let what = if path == SPANS { "a span" } else { "an evaluation" };
        let status: Option<u16> = reason.strip_prefix("http_").and_then(|status| status.parse().ok());
        let kind = status.map_or(ErrorKind::Other, ErrorKind::from_status);
        let mut info = ErrorInfo::new(kind, format!("Tracia did not take {what}: {message}"));
        info.http_status = status;
        // The words of an answer have it, if it had one.
        let code = message.split(": ").find_map(ErrorCode::of_server).unwrap_or(ErrorCode::Unknown);
        hook.tell(&Error::from(info).with_tracia_code(code), span);
    }
}

/// What mends an address at which Tracia is not.
const ADDRESS: &str = "check this destination's base address (Tracia::base_url, TRACIA_BASE_URL)";

/// What an answer means: what may pass is tried again, whatever else is not.
fn of_http(status: u16, headers: &Headers<'_>, body: &[u8], is_again: bool, is_of_span: bool) -> Answer {
    let reason = format!("http_{status}");
    match status {
        200..=299 if headers.is_web_page() => {
            misconfigured(answer::WEB_PAGE.to_owned(), &format!("answered {status} with a web page"), ADDRESS)
        }
        200..=299 => Answer::Accepted,
        // It had come, and the answer to that was lost.
        409 if is_again => Answer::Accepted,
        408 | 429 | 500..=599 => Answer::Retry(Retry {
            after: headers.retry_after.and_then(|value| answer::wait(value, SystemTime::now())),
            is_suspicious: !matches!(status, 429 | 502 | 503 | 504),
            message: said(status, body),
            reason,
        }),
        413 => Answer::TooLarge { reason, message: said(status, body) },
        401..=403 | 407 => misconfigured(
            reason,
            &said(status, body),
            "check the key of this destination (Destination::tracia, TRACIA_API_KEY)",
        ),
        // Of an evaluation it is the judged span that is not there.
        300..=399 | 404 | 405 if is_of_span => misconfigured(reason, &said(status, body), ADDRESS),
        _ => Answer::Refused { reason, message: said(status, body) },
    }
}

fn misconfigured(reason: String, said: &str, advice: &str) -> Answer {
    Answer::Misconfigured { reason, message: format!("{said}; {advice}") }
}

/// The words of an error, which are at the top or below `error`.
fn said(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Words {
        code: String,
        message: String,
    }
    #[derive(Deserialize)]
    struct Below {
        error: Words,
    }
    let below = serde_json::from_slice(body).map(|Below { error }| error);
    match below.or_else(|_| serde_json::from_slice::<Words>(body)) {
        Ok(Words { code, message }) => answer::said(status, format!("{code}: {message}").as_bytes()),
        Err(_) => answer::said(status, body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, is_again: bool, is_of_span: bool) -> Answer {
        of_http(status, &Headers::default(), b"", is_again, is_of_span)
    }

    #[test]
    fn a_success_of_any_body_is_accepted() {
        for body in [&b""[..], b"{\"spanId\":\"sp_1\",\"cost\":null}", b"ok"] {
            assert_eq!(of_http(200, &Headers::default(), body, false, true), Answer::Accepted);
        }
        assert_eq!(of(204, false, true), Answer::Accepted);
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for status in [408, 429, 500, 501, 502, 503, 504, 529] {
            assert!(matches!(of(status, false, true), Answer::Retry(_)), "{status}");
        }
    }

    #[test]
    fn a_hopeless_answer_is_not_tried_again() {
        for status in [400, 409, 410, 422] {
            assert!(matches!(of(status, false, true), Answer::Refused { .. }), "{status}");
        }
    }

    #[test]
    fn a_conflict_at_a_retry_means_that_it_had_come() {
        assert_eq!(of(409, true, true), Answer::Accepted);
    }

    #[test]
    fn wrong_settings_are_named_with_what_mends_them() {
        for (status, setting) in
            [(401, "TRACIA_API_KEY"), (403, "TRACIA_API_KEY"), (404, "base_url"), (302, "base_url")]
        {
            let Answer::Misconfigured { message, .. } = of(status, false, true) else {
                unreachable!("{status} counts as something else")
            };
            assert!(message.contains(setting), "{message}");
        }
    }

    #[test]
    fn a_success_with_a_web_page_blames_the_address() {
        let headers = Headers { retry_after: None, content_type: Some("text/html; charset=utf-8") };
        let Answer::Misconfigured { reason, message } = of_http(200, &headers, b"<html>", false, true) else {
            unreachable!("it counts as something else")
        };
        assert_eq!(reason, "web_page");
        assert!(message.contains("base_url"), "{message}");
    }

    #[test]
    fn an_evaluation_of_a_span_that_is_not_there_is_refused_by_itself() {
        assert!(matches!(of(404, false, false), Answer::Refused { .. }));
        assert!(matches!(of(401, false, false), Answer::Misconfigured { .. }));
    }

    #[test]
    fn the_wait_that_is_asked_for_is_kept() {
        let headers = Headers { retry_after: Some("7"), content_type: None };
        let Answer::Retry(retry) = of_http(429, &headers, b"", false, true) else {
            unreachable!("a 429 counts as something else")
        };
        assert_eq!(retry.after, Some(std::time::Duration::from_secs(7)));
    }

    #[test]
    fn the_words_of_an_error_are_read_in_both_forms() {
        for body in [
            r#"{"error":{"code":"INVALID_REQUEST","message":"no model"}}"#,
            r#"{"code":"INVALID_REQUEST","message":"no model"}"#,
        ] {
            assert_eq!(said(400, body.as_bytes()), "answered 400: INVALID_REQUEST: no model");
        }
        assert_eq!(said(503, b"<html>"), "answered 503: <html>");
    }

    #[test]
    fn a_body_tells_which_span_it_is_about() {
        let span = Subject { span: 0xab, follows: false };
        assert_eq!(subject(&Bytes::from_static(b"spans sp_00000000000000ab\n{}")), Some(span));
        let evaluation = b"spans/sp_00000000000000ab/evaluations sp_00000000000000ab\n{}";
        assert_eq!(subject(&Bytes::from_static(evaluation)), Some(Subject { follows: true, ..span }));
        assert_eq!(subject(&Bytes::new()), None);
        assert_eq!(subject(&Bytes::from_static(b"\x0a\x03abc")), None);
    }
}
