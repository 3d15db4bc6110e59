//! One exchange over HTTP, its failures in words.

use super::Client;
use crate::{
    Error,
    provider::{self, Api},
    record::{ErrorInfo, ErrorKind},
    span::in_flight::InFlight,
};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use std::{error::Error as StdError, time::Duration};

/// The head of an answer, its body still to come.
pub(super) struct Answer {
    pub(super) body: reqwest::Response,
}

impl Answer {
    /// Whether it says that it is a stream of events.
    pub(super) fn is_event_stream(&self) -> bool {
        let content_type = self.body.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|value| value.split(';').next());
        media_type.is_some_and(|value| value.trim().eq_ignore_ascii_case("text/event-stream"))
    }
}

/// The request to `api` with this body.
pub(super) fn request(client: &Client, api: Api, body: Vec<u8>) -> reqwest::RequestBuilder {
    let inner = &client.0;
    inner.http.post(inner.endpoint.url(api)).headers(inner.endpoint.headers()).body(body)
}

/// Sends `request` and reads the whole answer, `timeout` in all.
pub(super) async fn exchange(
    call: &mut InFlight,
    api: Api,
    request: reqwest::RequestBuilder,
    timeout: Duration,
) -> Result<Bytes, Error> {
    let answer = send(call, api, request.timeout(timeout)).await?;
    let body = call.run(answer.body.bytes()).await;
    body.map_err(|error| transport_error(error, call.operation().http_status))
}

/// Sends `request` and waits for the head of a success. An answer that is none is read whole, so
/// that the error keeps what the provider said.
pub(super) async fn send(
    call: &mut InFlight,
    api: Api,
    request: reqwest::RequestBuilder,
) -> Result<Answer, Error> {
    let body = call.run(request.send()).await.map_err(|error| transport_error(error, None))?;
    let status = body.status().as_u16();
    let operation = call.operation_mut();
    operation.http_status = Some(status);
    operation.request_id = provider::request_id(api, body.headers());
    if body.status().is_success() {
        return Ok(Answer { body });
    }
    let headers = body.headers().clone();
    // A body that breaks off says less, but the status still stands.
    let body = call.run(body.bytes()).await.unwrap_or_default();
    let mut info = provider::read_error(api, status, &headers, &body);
    if (300..400).contains(&status) {
        info.message = format!(
            "the server answers with a redirect, which is not followed since it could carry the key to another host: {}",
            info.message
        );
    }
    Err(info.into())
}

/// A failure of the transport; `status` is the answer's, if its head had come.
pub(super) fn transport_error(error: reqwest::Error, status: Option<u16>) -> Error {
    // An address may hold a key in its query.
    let error = error.without_url();
    let (kind, what) = if error.is_timeout() {
        (ErrorKind::Timeout, "no answer in time")
    } else if error.is_connect() {
        (ErrorKind::Connection, "the provider cannot be reached")
    } else if status.is_some() {
        (ErrorKind::Connection, "the connection broke in the middle of the answer")
    } else if error.is_builder() {
        (ErrorKind::Configuration, "the request cannot be built")
    } else {
        (ErrorKind::Connection, "the connection broke before an answer came")
    };
    let mut cause: &dyn StdError = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let mut info = ErrorInfo::new(kind, format!("{what}: {cause}"));
    info.http_status = status;
    Error::from(info).with_source(error)
}

/// Nothing came for as long as a stream may be silent.
pub(super) fn silence(timeout: Duration) -> Error {
    let message =
        format!("nothing came for {timeout:?}; `.timeout(..)` sets how long a stream may be silent");
    ErrorInfo::new(ErrorKind::Timeout, message).into()
}
