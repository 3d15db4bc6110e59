//! A request to Tracia, its tries, and what becomes of the answer.

use super::{Api, refusal};
use crate::{
    Error,
    capture::redact,
    connections::Connections,
    record::{ErrorInfo, ErrorKind},
    transport::{LONGEST_ASKED, back_off, random, with_cause},
    vocabulary::tracia::ErrorCode,
};
use bytes::{Bytes, BytesMut};
use reqwest::{
    Method, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::{fmt, time::Duration};
use tokio::time::Instant;

/// What is read of an answer: a page of spans is far smaller.
const ANSWER_BYTES: usize = 64 << 20;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("tracing-genai/", env!("CARGO_PKG_VERSION")));

pub(super) struct Inner {
    pub(super) http: Connections,
    pub(super) base: Url,
    pub(super) key: SecretString,
    pub(super) authorization: HeaderValue,
    pub(super) timeout: Duration,
    pub(super) max_retries: u32,
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Inner")
            .field("base", &self.base.as_str())
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .finish_non_exhaustive()
    }
}

/// A request; its path, with its query, is below the base.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    pub(super) fn with_body(method: Method, path: impl Into<String>, body: impl Into<Value>) -> Self {
        Self { method, path: path.into(), body: Some(body.into()) }
    }

    /// Whether two of it do what one does.
    fn is_repeatable(&self) -> bool {
        // A prompt that was renamed is not found under its old name.
        let renames = self.body.as_ref().is_some_and(|body| body.get("slug").is_some());
        matches!(self.method, Method::GET | Method::PUT) && !renames
    }

    fn changes_something(&self) -> bool {
        self.method != Method::GET
    }
}

/// The answer of a success.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    body: Bytes,
    changed_something: bool,
}

impl Answered {
    pub(super) fn is_empty(&self) -> bool {
        self.body.trim_ascii().is_empty()
    }

    /// The object that is answered.
    ///
    /// # Errors
    /// Anything else, as an answer of success that cannot be read.
    pub(super) fn object(&self, expected: &str) -> Result<Value, Error> {
        match serde_json::from_slice(&self.body) {
            Ok(value @ Value::Object(_)) => Ok(value),
            _ => Err(self.unreadable(expected)),
        }
    }

    /// A success that was not followed by what it promises.
    pub(super) fn unreadable(&self, expected: &str) -> Error {
        let what = if self.is_empty() { "without" } else { "with something else than" };
        let mut message = format!("Tracia answered {} {what} {expected}", self.status);
        if self.changed_something {
            message.push_str(CARRIED_OUT);
        }
        let mut info = ErrorInfo::new(ErrorKind::Protocol, message);
        info.http_status = Some(self.status);
        info.body = refusal::beginning(&self.body);
        Error::from(info).with_tracia_code(ErrorCode::Unknown)
    }
}

const CARRIED_OUT: &str = "; the request was carried out, so do not send it again";

/// A try that came to nothing.
struct Failed {
    error: Error,
    /// Whether it is certain that nothing was taken.
    is_untaken: bool,
}

impl Api {
    /// Sends a request and reads the answer of a success, tried again where it may be.
    pub(super) async fn exchange(&self, request: Request) -> Result<Answered, Error> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::configuration(
                "a request to Tracia needs a tokio runtime around it: `#[tokio::main]`, or `block_on` of a runtime \
                 built with `enable_all()`",
            ));
        }
        let inner = &self.0;
        let url = format!("{}{}", inner.base, request.path);
        let url = Url::parse(&url).map_err(|_| Error::configuration("the request has no valid address"))?;
        // A limit beyond the clock's range is none.
        let end = Instant::now().checked_add(inner.timeout);
        let body = request.body.as_ref().map(|body| Bytes::from(body.to_string()));
        let mut tries = 1;
        loop {
            let attempt = self.attempt(&request, &url, body.clone());
            let outcome = match end {
                Some(end) => tokio::time::timeout_at(end, attempt).await,
                None => Ok(attempt.await),
            };
            let failed = match outcome {
                Ok(Ok(answered)) => return Ok(answered),
                Ok(Err(failed)) => failed,
                Err(_) => Failed { error: too_late(inner.timeout), is_untaken: false },
            };
            let wait = self.wait(&request, &failed, tries);
            let fits =
                |wait: &Duration| end.is_none_or(|end| *wait < end.saturating_duration_since(Instant::now()));
            let Some(wait) = wait.filter(fits) else { return Err(self.told(failed.error, tries)) };
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    async fn attempt(&self, request: &Request, url: &Url, body: Option<Bytes>) -> Result<Answered, Failed> {
        let inner = &self.0;
        let mut sent = inner
            .http
            .here()
            .request(request.method.clone(), url.clone())
            .header(AUTHORIZATION, inner.authorization.clone())
            .header(ACCEPT, JSON)
            .header(CONTENT_TYPE, JSON)
            .header(USER_AGENT, AGENT);
        if let Some(body) = body {
            sent = sent.body(body);
        }
        let mut answer = sent.send().await.map_err(|error| {
            let is_untaken = error.is_connect() || error.is_builder();
            Failed { error: unreached(error, None, false), is_untaken }
        })?;
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let mut read = BytesMut::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if read.len() + chunk.len() > ANSWER_BYTES => {
                    let info =
                        ErrorInfo::new(ErrorKind::Protocol, "the answer of Tracia has more than 64 MiB");
                    let error = Error::from(info).with_tracia_code(ErrorCode::Unknown);
                    return Err(Failed { error, is_untaken: false });
                }
                Ok(Some(chunk)) => read.extend_from_slice(&chunk),
                Ok(None) => break,
                // Of a refusal the status says the most.
                Err(_) if !answer.status().is_success() => break,
                Err(error) => {
                    let error = unreached(error, Some(status), request.changes_something());
                    return Err(Failed { error, is_untaken: false });
                }
            }
        }
        let body = read.freeze();
        if answer.status().is_success() {
            return Ok(Answered { status, body, changed_something: request.changes_something() });
        }
        let error = refusal::of(status, &headers, &body);
        let is_untaken = status == 429 || (status == 503 && error.info().retry_after.is_some());
        Err(Failed { error, is_untaken })
    }

    /// How long to wait before another try; `None` if there is to be none.
    fn wait(&self, request: &Request, failed: &Failed, tries: u32) -> Option<Duration> {
        let info = failed.error.info();
        let may_pass = match info.http_status {
            None | Some(200..=299) => info.kind == ErrorKind::Connection,
            Some(status) => matches!(status, 408 | 429 | 500..=599),
        };
        if tries > self.0.max_retries || !may_pass || !(failed.is_untaken || request.is_repeatable()) {
            return None;
        }
        match info.retry_after {
            Some(asked) => (asked <= LONGEST_ASKED).then_some(asked),
            None => Some(back_off(tries, random())),
        }
    }

    /// The error as the caller gets it: without the key, with the number of tries.
    fn told(&self, mut error: Error, tries: u32) -> Error {
        let info = error.info_mut();
        if tries > 1 {
            info.message = format!("{} (tried {tries} times)", info.message);
        }
        redact::forget(self.0.key.expose_secret(), info);
        error
    }
}

/// The answer did not come in time.
fn too_late(timeout: Duration) -> Error {
    let message = format!("the request to Tracia timed out after {timeout:?}, which `.timeout(..)` sets");
    ErrorInfo::new(ErrorKind::Timeout, message).into()
}

/// A failure of the transport; `status` is the answer's, if its head had come.
fn unreached(error: reqwest::Error, status: Option<u16>, is_carried_out: bool) -> Error {
    let (kind, what) = if error.is_timeout() {
        (ErrorKind::Timeout, "the request to Tracia timed out")
    } else if error.is_connect() {
        (ErrorKind::Connection, "Network error: Tracia cannot be reached")
    } else if error.is_builder() {
        (ErrorKind::Configuration, "the request to Tracia cannot be built")
    } else if status.is_some() {
        (ErrorKind::Connection, "Network error: the connection broke in the middle of the answer")
    } else {
        (ErrorKind::Connection, "Network error: the connection broke before an answer came")
    };
    let mut message = with_cause(what, &error);
    if is_carried_out {
        message.push_str(CARRIED_OUT);
    }
    let mut info = ErrorInfo::new(kind, message);
    info.http_status = status;
    Error::from(info).with_source(error.without_url())
}
