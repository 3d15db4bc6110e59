//! A [`tower`](https://docs.rs/tower) layer for any HTTP client that is a service of [`http::Request`].
//!
//! The inner service is one of `http::Request<RequestBody<B>>`, where the caller sends a body `B`, and the caller
//! gets a [`ResponseBody`]: both pass the same frames on. A client whose type names its body names
//! [`RequestBody`], as that of hyper-util:
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{
//!     client::legacy::{Client, connect::HttpConnector},
//!     rt::TokioExecutor,
//! };
//! use tower_layer::Layer;
//! use tower_service::Service;
//! use tracing_genai::instrument::{RequestBody, tower::GenAiLayer};
//!
//! # async fn call(request: http::Request<Full<Bytes>>) -> Result<(), hyper_util::client::legacy::Error> {
//! let client: Client<HttpConnector, RequestBody<Full<Bytes>>> =
//!     Client::builder(TokioExecutor::new()).build_http();
//! // With tower: ServiceBuilder::new().layer(GenAiLayer::new()).service(client)
//! let mut service = GenAiLayer::new().layer(client);
//! let answer = service.call(request).await?; // of an `http::Request<Full<Bytes>>`
//! # drop(answer);
//! # Ok(())
//! # }
//! ```
//!
//! With hosts of one's own:
//!
//! ```
//! use tracing_genai::instrument::{Instrumentation, Rule, tower::GenAiLayer};
//!
//! let calls = Instrumentation::new().rule(Rule::host("llm.example.com"));
//! let layer = GenAiLayer::from(calls);
//! # drop(layer);
//! ```
//!
//! A body that is in memory is looked at before it is sent; of one that is a stream the span learns the model
//! while it is sent.
//!
//! Stand outside of a layer that decompresses answers, and outside of one that tries again if all attempts
//! are to be one span.

use super::{Instrumentation, ObservedCall, RequestBody, ResponseBody, body, rule::Address};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use std::{
    fmt::Display,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// Makes a [`GenAiService`] of a service.
#[derive(Clone, Debug, Default)]
pub struct GenAiLayer(Instrumentation);

impl GenAiLayer {
    /// A layer with [the settings to begin with](Instrumentation::new).
    pub fn new() -> Self {
        Self::default()
    }
}

impl From<Instrumentation> for GenAiLayer {
    fn from(instrumentation: Instrumentation) -> Self {
        Self(instrumentation)
    }
}

impl<S> Layer<S> for GenAiLayer {
    type Service = GenAiService<S>;

    fn layer(&self, inner: S) -> GenAiService<S> {
        GenAiService { inner, instrumentation: self.0.clone() }
    }
}

/// A service whose calls of models are spans; see the [module](self).
#[derive(Clone, Debug)]
pub struct GenAiService<S> {
    inner: S,
    instrumentation: Instrumentation,
}

impl<S, B, R> Service<Request<B>> for GenAiService<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    S::Error: Display,
    B: Body<Data = Bytes> + Unpin,
    R: Body<Data = Bytes>,
    R::Error: Display,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let address = Address::of(request.uri(), request.headers());
        let target = address.and_then(|address| self.instrumentation.recognise(request.method(), address));
        let Some(target) = target else {
            let inner = self.inner.call(request.map(RequestBody::untouched));
            return ResponseFuture { inner, call: ObservedCall::none() };
        };
        let (mut parts, body) = request.into_parts();
        let (mut body, in_memory) = RequestBody::look(body);
        let altered = in_memory
            .as_ref()
            .and_then(|bytes| self.instrumentation.altered(&target, bytes, &mut parts.headers));
        if let Some(altered) = altered {
            body.replace(altered);
        }
        let call = self.instrumentation.begin(target, &mut parts.headers, in_memory.as_ref());
        body.tell(call.sent());
        let inner = call.poll(|| self.inner.call(Request::from_parts(parts, body)));
        ResponseFuture { inner, call }
    }
}

pin_project! {
    /// What a [`GenAiService`] gives.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        call: ObservedCall,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes>,
    R::Error: Display,
    E: Display,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(match ready!(this.call.poll(|| this.inner.poll(context))) {
            Ok(response) => {
                let mut call = mem::replace(this.call, ObservedCall::none());
                call.head(response.status().as_u16(), response.headers());
                Ok(response.map(|body| ResponseBody::new(body, call)))
            }
            Err(error) => {
                if this.call.is_open() {
                    this.call.fail(body::unanswered(&error));
                }
                Err(error)
            }
        })
    }
}
