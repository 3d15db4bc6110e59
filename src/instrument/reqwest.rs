//! What adapters for clients that send with `reqwest` share.

#[cfg(feature = "reqwest-middleware")]
use super::body;
use super::{
    Instrumentation, ObservedCall, RequestBody, ResponseBody,
    rule::{Address, Target},
};
use crate::{record::ErrorInfo, transport};
#[cfg(feature = "reqwest-middleware")]
use ::reqwest::Error;
use ::reqwest::{Body, Request, Response, ResponseBuilderExt};
#[cfg(feature = "reqwest-middleware")]
use std::{
    fmt::Display,
    future::{Future, poll_fn},
    pin::pin,
};

/// Opens the span of `request`, if it is a call of a model. The request is the same after it, but for what the
/// user has asked to be altered.
pub(super) fn begin(instrumentation: &Instrumentation, request: &mut Request) -> ObservedCall {
    let Some(target) = recognise(instrumentation, request) else { return ObservedCall::none() };
    let is_in_memory = request.body().is_none_or(|body| body.as_bytes().is_some());
    let Some(body) = request.body_mut().take() else {
        return instrumentation.begin(target, request.headers_mut(), Some(&Default::default()));
    };
    let (mut sent, bytes) = RequestBody::look(body);
    if let Some(bytes) = bytes.as_ref().filter(|_| is_in_memory) {
        let altered = instrumentation.altered(&target, bytes, request.headers_mut());
        let call = instrumentation.begin(target, request.headers_mut(), Some(bytes));
        // Made of the same buffer, it can be sent again as before.
        *request.body_mut() = Some(Body::from(altered.unwrap_or_else(|| bytes.clone())));
        return call;
    }
    let call = instrumentation.begin(target, request.headers_mut(), bytes.as_ref());
    sent.tell(call.sent());
    *request.body_mut() = Some(Body::wrap(sent));
    call
}

/// The call of a model that `request` is, if it is one.
fn recognise(instrumentation: &Instrumentation, request: &Request) -> Option<Target> {
    let url = request.url();
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let is_plain = url.scheme() == "http";
    let address = Address { host, port, path: url.path(), query: url.query(), is_plain };
    instrumentation.recognise(request.method(), address)
}

/// Alters a request that is sent once more as [`begin`] altered the first.
#[cfg(feature = "async-openai")]
pub(super) fn alter(instrumentation: &Instrumentation, request: &mut Request) {
    let Some(target) = recognise(instrumentation, request) else { return };
    instrumentation.propagate(&target, request.headers_mut());
    let Some(body) = request.body_mut().take() else { return };
    let mut body = Some(body);
    let bytes = body.as_ref().and_then(Body::as_bytes);
    if let Some(altered) =
        bytes.and_then(|bytes| instrumentation.altered(&target, bytes, request.headers_mut()))
    {
        body = Some(altered.into());
    }
    *request.body_mut() = body;
}

/// Waits for the head of the answer, inside the span; `as_reqwest` finds what `reqwest` says in an error.
#[cfg(feature = "reqwest-middleware")]
pub(super) async fn watch<E>(
    mut call: ObservedCall,
    send: impl Future<Output = Result<Response, E>>,
    as_reqwest: impl Fn(&E) -> Option<&Error>,
) -> Result<Response, E>
where
    E: Display,
{
    let mut send = pin!(send);
    match poll_fn(|context| call.poll(|| send.as_mut().poll(context))).await {
        Ok(response) => {
            call.head(response.status().as_u16(), response.headers());
            Ok(wrapped(response, call))
        }
        Err(error) => {
            if call.is_open() {
                call.fail(match as_reqwest(&error) {
                    Some(error) => transport::failure(error, None),
                    None => body::unanswered(&error),
                });
            }
            Err(error)
        }
    }
}

/// The answer with a body that is seen as it passes.
pub(super) fn wrapped(response: Response, call: ObservedCall) -> Response {
    if !call.is_open() {
        return response;
    }
    let url = response.url().clone();
    let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
    // The address is lost on the way through `http`, unless it is marked in a way of reqwest's own.
    if let Ok(marked) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(marked.into_parts().0.extensions);
    }
    let body = ResponseBody::described(body, call, |error| ErrorInfo {
        // The call knows which.
        http_status: None,
        ..transport::failure(error, Some(200))
    });
    http::Response::from_parts(parts, Body::wrap(body)).into()
}
