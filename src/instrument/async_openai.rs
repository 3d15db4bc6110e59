//! A service for [`async-openai`](https://docs.rs/async-openai), its retries kept.
//!
//! ```
//! use async_openai::{Client, config::OpenAIConfig};
//! use tracing_genai::instrument;
//!
//! let client = Client::with_config(OpenAIConfig::default())
//!     .with_http_service(instrument::async_openai::service(reqwest::Client::new()));
//! # drop(client);
//! ```
//!
//! Calls of chat completions, the Responses API and embeddings become spans, a call with all its attempts one;
//! `tracing_genai.attempts` is how often its request was built. Everything else passes. A host that the crate
//! does not know, a gateway or a local server, counts as `openai`, since the client speaks its format; a
//! [`Rule`] says otherwise.
//!
//! `with_http_service` takes the client's own retries away, so [`service`] has them again. A stack of one's own
//! takes [`OpenAiLayer`] as its outermost layer:
//!
//! ```
//! use async_openai::middleware::{ReqwestService, retry::OpenAIRetryLayer};
//! use tower_layer::Layer;
//! use tracing_genai::instrument::async_openai::OpenAiLayer;
//!
//! // With tower: ServiceBuilder::new().layer(OpenAiLayer::new()).layer(OpenAIRetryLayer::new(5)).service(..)
//! let retrying = OpenAIRetryLayer::new(5).layer(ReqwestService::new(reqwest::Client::new()));
//! let service = OpenAiLayer::new().layer(retrying);
//! # drop(service);
//! ```
//!
//! The first request is built here, looked at, and handed on as it is: nothing is built twice. A retry layer that
//! reads the answer of a 429 gives back its error without its headers, so the record of such a call has no
//! request id. Streams are read by a task of the client's own: the span of one that is dropped ends once that task
//! has seen it.

use super::{Instrumentation, ObservedCall, Rule, body, reqwest};
use crate::{record::ErrorInfo, transport};
use ::async_openai::{
    error::{OpenAIError, WrappedError},
    middleware::{HttpRequestFactory, ReqwestService, retry::OpenAIRetryLayer},
};
use ::reqwest::{Client, Error as HttpError, Request, Response};
use bytes::Bytes;
use http::HeaderMap;
use std::{
    any::Any,
    error::Error as StdError,
    fmt::Display,
    future::{Future, poll_fn},
    mem,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// What sends requests for `async_openai::Client::with_http_service`: spans around the retries that the client
/// has by itself ([`OpenAIRetryLayer`], 3 at most) around `client`. For settings see [`OpenAiLayer::service`].
pub fn service(
    client: Client,
) -> impl Service<HttpRequestFactory, Response = Response, Error = OpenAIError, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static {
    OpenAiLayer::new().service(client)
}

/// Makes a [`OpenAiService`] of a service that sends what `async-openai` asks for; see the [module](self).
#[derive(Clone, Debug)]
pub struct OpenAiLayer(Instrumentation);

impl OpenAiLayer {
    /// A layer with [the settings to begin with](Instrumentation::new).
    pub fn new() -> Self {
        Instrumentation::new().into()
    }

    /// As [`service`], with the settings of this layer.
    ///
    /// ```
    /// use tracing_genai::instrument::{Instrumentation, Rule, async_openai::OpenAiLayer};
    ///
    /// let calls = Instrumentation::new().rule(Rule::host("localhost").port(8000).provider("vllm"));
    /// let service = OpenAiLayer::from(calls).service(reqwest::Client::new());
    /// # drop(service);
    /// ```
    pub fn service(
        &self,
        client: Client,
    ) -> impl Service<HttpRequestFactory, Response = Response, Error = OpenAIError, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
    + use<> {
        self.layer(OpenAIRetryLayer::default().layer(ReqwestService::new(client)))
    }
}

impl Default for OpenAiLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Instrumentation> for OpenAiLayer {
    fn from(instrumentation: Instrumentation) -> Self {
        // Asked last: whatever host it is, it was given to a client that speaks OpenAI's format.
        Self(instrumentation.rule(Rule::built_in()))
    }
}

impl<S> Layer<S> for OpenAiLayer {
    type Service = OpenAiService<S>;

    fn layer(&self, inner: S) -> OpenAiService<S> {
        OpenAiService { inner, instrumentation: self.0.clone() }
    }
}

/// A service whose calls of models are spans; see the [module](self).
#[derive(Clone, Debug)]
pub struct OpenAiService<S> {
    inner: S,
    instrumentation: Instrumentation,
}

impl<S> Service<HttpRequestFactory> for OpenAiService<S>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send + 'static,
    S::Error: Display + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        // The one that is ready takes the call.
        let another = self.inner.clone();
        let inner = mem::replace(&mut self.inner, another);
        Box::pin(observe(inner, self.instrumentation.clone(), factory))
    }
}

async fn observe<S>(
    mut inner: S,
    instrumentation: Instrumentation,
    factory: HttpRequestFactory,
) -> Result<Response, S::Error>
where
    S: Service<HttpRequestFactory, Response = Response>,
    S::Error: Display + 'static,
{
    let mut first = factory.build().await;
    let mut call = match &mut first {
        Ok(request) => reqwest::begin(&instrumentation, request),
        Err(_) => ObservedCall::none(),
    };
    let rebuilt = Arc::<AtomicU32>::default();
    let factory = handing_on(first, factory, instrumentation, Arc::clone(&rebuilt));
    let mut sending = pin!(call.poll(|| inner.call(factory)));
    let mut counted = 0;
    let result = poll_fn(|context| {
        let polled = call.poll(|| sending.as_mut().poll(context));
        while counted < rebuilt.load(Ordering::Relaxed) {
            call.attempt();
            counted += 1;
        }
        polled
    })
    .await;
    match result {
        Ok(response) => {
            call.head(response.status().as_u16(), response.headers());
            Ok(reqwest::wrapped(response, call))
        }
        Err(error) => {
            if call.is_open() {
                end(&mut call, &error);
            }
            Err(error)
        }
    }
}

/// What builds `first` at first, which is built already, and then what `factory` does.
fn handing_on(
    first: Result<Request, OpenAIError>,
    factory: HttpRequestFactory,
    instrumentation: Instrumentation,
    rebuilt: Arc<AtomicU32>,
) -> HttpRequestFactory {
    let first = Mutex::new(Some(first));
    HttpRequestFactory::new(move || {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (factory, instrumentation) = (factory.clone(), instrumentation.clone());
        let rebuilt = Arc::clone(&rebuilt);
        async move {
            if let Some(first) = first {
                return first;
            }
            let mut request = factory.build().await?;
            rebuilt.fetch_add(1, Ordering::Relaxed);
            reqwest::alter(&instrumentation, &mut request);
            Ok(request)
        }
    })
}

/// The call gave no answer, but this error.
fn end(call: &mut ObservedCall, error: &(impl Display + 'static)) {
    match reason(error) {
        Some(Reason::Refused(status, body)) => {
            call.head(status, &HeaderMap::new());
            call.piece(&body);
            call.end();
        }
        Some(Reason::Failed(info)) => call.fail(info),
        None => call.fail(body::unanswered(error)),
    }
}

/// Why a call gave no answer.
enum Reason {
    /// An answer came and was no success, and a layer has read it: its status and its body.
    Refused(u16, Bytes),
    Failed(ErrorInfo),
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// What a layer's error says, if it is one of those that `async-openai` and its stacks have.
fn reason(error: &dyn Any) -> Option<Reason> {
    if let Some(error) = error.downcast_ref::<BoxError>() {
        let of_client = error.downcast_ref::<OpenAIError>().and_then(told);
        return of_client.or_else(|| error.downcast_ref::<HttpError>().map(failed));
    }
    error.downcast_ref::<OpenAIError>().and_then(told)
}

fn told(error: &OpenAIError) -> Option<Reason> {
    match error {
        OpenAIError::Reqwest(error) => Some(failed(error)),
        OpenAIError::ApiError(error) => {
            let body =
                serde_json::to_vec(&WrappedError { error: error.api_error.clone() }).unwrap_or_default();
            Some(Reason::Refused(error.status_code.as_u16(), body.into()))
        }
        // A service reads no other answer than that of a 429, to tell whether to try again.
        OpenAIError::JSONDeserialize(_, body) => Some(Reason::Refused(429, body.clone().into())),
        OpenAIError::Boxed(error) => reason(error),
        _ => None,
    }
}

fn failed(error: &HttpError) -> Reason {
    Reason::Failed(transport::failure(error, None))
}
