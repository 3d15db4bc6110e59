//! Requests over HTTP: their attempts, their failures in words.

use super::{Client, key, retry::Attempt, route::Route};
use crate::{
    Error,
    context::inject_traceparent,
    provider::{self, Api},
    record::{ErrorInfo, ErrorKind, Usage},
    transport,
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, header::AUTHORIZATION};
use reqwest::Url;
use secrecy::SecretString;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::Instant;

/// A request and what came of its last attempt.
pub(super) struct Transport {
    client: Client,
    route: Arc<Route>,
    api: Api,
    url: Url,
    body: Bytes,
    /// Whether requests tell their trace.
    tells_trace: bool,
    /// The token of the last attempt, if each asks for one.
    token: Option<SecretString>,
    pub(super) attempts: u32,
    /// Of the last attempt's answer, if its head came.
    pub(super) status: Option<u16>,
    pub(super) request_id: Option<String>,
    /// What the headers of the last answer say of its usage.
    pub(super) usage: Usage,
}

impl Transport {
    pub(super) fn new(client: Client, route: Arc<Route>, api: Api, url: Url, body: Bytes) -> Self {
        let tells_trace = route.trace_context;
        Self {
            tells_trace,
            client,
            route,
            api,
            url,
            body,
            token: None,
            attempts: 1,
            status: None,
            request_id: None,
            usage: Usage::default(),
        }
    }

    /// Of a call that is not to be told: the span around it is not its own.
    pub(super) fn untold(self) -> Self {
        Self { tells_trace: false, ..self }
    }

    /// Sends the request and reads the whole answer.
    pub(super) async fn whole(&mut self, deadline: Deadline) -> Result<Bytes, Error> {
        loop {
            let failed = match deadline.bound(self.attempt_whole(deadline)).await {
                Ok(body) => return Ok(body),
                Err(failed) => failed,
            };
            self.before_another(failed, deadline).await?;
        }
    }

    /// Sends the request and waits for the head of a success.
    pub(super) async fn head(&mut self, deadline: Deadline) -> Result<reqwest::Response, Error> {
        loop {
            let failed = match deadline.bound(self.attempt(deadline)).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            self.before_another(failed, deadline).await?;
        }
    }

    /// The same request with another body.
    pub(super) fn with_body(&self, body: Bytes) -> Self {
        let other = Self::new(self.client.clone(), Arc::clone(&self.route), self.api, self.url.clone(), body);
        Self { tells_trace: self.tells_trace, ..other }
    }

    /// Takes the key out of what a provider said.
    pub(super) fn forget_key(&self, info: &mut ErrorInfo) {
        self.route.forget_key(info);
        if let Some(token) = &self.token {
            key::forget(token, info);
        }
    }

    async fn attempt_whole(&mut self, deadline: Deadline) -> Result<Bytes, Failed> {
        let body = self.attempt(deadline).await?.bytes().await;
        body.map_err(|error| transport_error(error, self.status).into())
    }

    /// One attempt, up to the head of a success. An answer that is none is read whole, so that the error
    /// keeps what the provider said.
    async fn attempt(&mut self, deadline: Deadline) -> Result<reqwest::Response, Failed> {
        (self.status, self.request_id) = (None, None);
        let mut headers = self.route.headers();
        if self.tells_trace {
            inject_traceparent(&mut headers);
        }
        if let Some(source) = self.route.token_source() {
            let token = source().await.map_err(|error| {
                Error::configuration(format!("`.token_source(..)` gave no token: {error}")).with_source(error)
            })?;
            headers.insert(AUTHORIZATION, key::bearer(&token)?);
            self.token = Some(token);
        }
        #[cfg(feature = "bedrock")]
        let signed = match &self.route.signer {
            Some(signer) => Some((signer, signer.sign(&self.url, &mut headers, &self.body).await?)),
            None => None,
        };
        // An error may repeat what was signed.
        #[cfg(feature = "bedrock")]
        if let Some(token) = headers.get("x-amz-security-token").and_then(|token| token.to_str().ok()) {
            self.token = Some(token.into());
        }
        // Put together by hand: a builder would copy the headers.
        let mut request = reqwest::Request::new(Method::POST, self.url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(self.body.clone().into());
        let answer =
            self.client.0.http.here().execute(request).await.map_err(|error| transport_error(error, None))?;
        let status = answer.status().as_u16();
        self.status = Some(status);
        self.request_id = provider::request_id(self.api, answer.headers());
        if answer.status().is_success() {
            self.usage = provider::usage_in_headers(self.api, answer.headers());
            return Ok(answer);
        }
        let headers = answer.headers().clone();
        let body = error_body(answer, deadline.left().min(ERROR_BODY_TIME * 2) / 2).await;
        let mut info = provider::read_error(self.api, status, &headers, &body);
        if (300..400).contains(&status) {
            info.message = format!(
                "the server answers with a redirect, which is not followed since it could carry the key to another host: {}",
                info.message
            );
        }
        #[cfg(feature = "bedrock")]
        if let Some((signer, (number, were_kept))) = signed.filter(|_| info.kind == ErrorKind::Authentication)
        {
            signer.refused(number);
            // Credentials that were good before may have been rotated: fresh ones may do.
            return Err(Failed { should_retry: were_kept.then_some(true), error: info.into() });
        }
        Err(Failed { should_retry: should_retry(&headers), error: info.into() })
    }

    /// Waits until it may be tried again.
    ///
    /// # Errors
    /// What failed, if it may not.
    async fn before_another(&mut self, failed: Failed, deadline: Deadline) -> Result<(), Error> {
        let Failed { error, should_retry } = failed;
        let attempt = Attempt { number: self.attempts, error: error.info(), should_retry };
        let wait = self.client.0.retry.wait(&attempt).filter(|wait| *wait < deadline.left());
        let Some(wait) = wait else { return Err(error) };
        tokio::time::sleep(wait).await;
        self.attempts += 1;
        Ok(())
    }
}

/// An attempt that came to nothing.
struct Failed {
    error: Error,
    /// What the answer says of another attempt, if it does.
    should_retry: Option<bool>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, should_retry: None }
    }
}

/// When a call must be over, whatever its attempts.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    end: Option<Instant>,
    timeout: Duration,
}

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        // A limit beyond the clock's range is none.
        Self { end: Instant::now().checked_add(timeout), timeout }
    }

    fn left(self) -> Duration {
        self.end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }

    /// Gives `work` up when the time is over.
    async fn bound<T>(self, work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
        let Some(end) = self.end else { return work.await };
        tokio::time::timeout_at(end, work).await.unwrap_or_else(|_| Err(too_late(self.timeout).into()))
    }
}

/// How long the body of an error is waited for, and how much of it is read: the status says the most.
const ERROR_BODY_TIME: Duration = Duration::from_secs(5);
const ERROR_BODY_BYTES: usize = 1 << 20;

/// The body of an error, as far as it comes.
async fn error_body(mut answer: reqwest::Response, time: Duration) -> Bytes {
    let mut body = BytesMut::new();
    let read = async {
        while let Ok(Some(chunk)) = answer.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= ERROR_BODY_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(time, read).await;
    body.freeze()
}

/// OpenAI's and Anthropic's word on whether another attempt is of use.
fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.to_str().ok()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The answer did not come in time.
fn too_late(timeout: Duration) -> Error {
    let message = format!("no answer in time: {timeout:?}, which `.timeout(..)` sets");
    ErrorInfo::new(ErrorKind::Timeout, message).into()
}

/// A failure of the transport; `status` is the answer's, if its head had come.
pub(super) fn transport_error(error: reqwest::Error, status: Option<u16>) -> Error {
    Error::from(transport::failure(&error, status)).with_source(error.without_url())
}

/// The answer came, and was not whole in time.
pub(super) fn unfinished(timeout: Duration) -> Error {
    let message = format!("the stream was not over in time: {timeout:?} in all, which `.timeout(..)` sets");
    ErrorInfo::new(ErrorKind::Timeout, message).into()
}

/// Nothing came for as long as a stream may be silent.
pub(super) fn silence(timeout: Duration) -> Error {
    let message =
        format!("nothing came for {timeout:?}; `.silence_timeout(..)` sets how long a stream may be silent");
    ErrorInfo::new(ErrorKind::Timeout, message).into()
}
