//! Clients that others wrote, with and without this crate's adapters. All but `reqwest` itself want a feature.

use crate::{canned, worker::Worker};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use std::sync::Arc;

/// A client around `reqwest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    /// `reqwest_middleware::ClientWithMiddleware`.
    #[cfg(feature = "reqwest-middleware")]
    Middleware,
    /// A `tower` service of `http::Request`.
    #[cfg(feature = "tower")]
    Tower,
    /// What sends for `async_openai::Client`: its retries around its service. The types of its answers, which
    /// cost the same either way, are not read.
    #[cfg(feature = "async-openai")]
    AsyncOpenAi,
}

impl Stack {
    pub(crate) const ALL: &[Self] = &[
        #[cfg(feature = "reqwest-middleware")]
        Self::Middleware,
        #[cfg(feature = "tower")]
        Self::Tower,
        #[cfg(feature = "async-openai")]
        Self::AsyncOpenAi,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "reqwest-middleware")]
            Self::Middleware => "reqwest-middleware",
            #[cfg(feature = "tower")]
            Self::Tower => "tower",
            #[cfg(feature = "async-openai")]
            Self::AsyncOpenAi => "async-openai",
        }
    }
}

/// The clients, each without and with the adapter.
pub(crate) struct Stacks {
    #[cfg_attr(
        not(feature = "async-openai"),
        allow(dead_code, reason = "only its requests are built from it")
    )]
    http: reqwest::Client,
    url: reqwest::Url,
    body: Bytes,
    #[cfg(feature = "reqwest-middleware")]
    middleware: [reqwest_middleware::ClientWithMiddleware; 2],
    #[cfg(feature = "tower")]
    tower: in_tower::Services,
    #[cfg(feature = "async-openai")]
    async_openai: in_async_openai::Services,
}

impl Stacks {
    pub(crate) fn new(worker: &Worker, url: reqwest::Url, body: Bytes) -> Arc<Self> {
        let http = worker.http.clone();
        #[cfg(any(feature = "reqwest-middleware", feature = "tower", feature = "async-openai"))]
        let calls = {
            use tracing_genai::instrument::{Instrumentation, Rule};
            Instrumentation::new().content(worker.content.clone()).rule(Rule::host("127.0.0.1"))
        };
        Arc::new(Self {
            #[cfg(feature = "reqwest-middleware")]
            middleware: {
                use reqwest_middleware::ClientBuilder;
                use tracing_genai::instrument::reqwest_middleware::GenAiMiddleware;
                let watched = ClientBuilder::new(http.clone()).with(GenAiMiddleware::from(calls.clone()));
                [ClientBuilder::new(http.clone()).build(), watched.build()]
            },
            #[cfg(feature = "tower")]
            tower: in_tower::services(&http, calls.clone()),
            #[cfg(feature = "async-openai")]
            async_openai: in_async_openai::services(&http, calls),
            http,
            url,
            body,
        })
    }

    /// Makes the call to its end; how many bytes came.
    #[allow(clippy::unused_async, reason = "without the features there is nothing to call")]
    pub(crate) async fn call(&self, stack: Stack, is_watched: bool) -> usize {
        let headers =
            [(AUTHORIZATION, format!("Bearer {}", canned::KEY)), (CONTENT_TYPE, "application/json".into())];
        match stack {
            #[cfg(feature = "reqwest-middleware")]
            Stack::Middleware => {
                let mut request = self.middleware[usize::from(is_watched)].post(self.url.clone());
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                read(request.body(self.body.clone()).send().await.expect("an answer")).await
            }
            #[cfg(feature = "tower")]
            Stack::Tower => {
                let mut request = http::Request::post(self.url.as_str());
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                let request = request.body(self.body.clone().into()).expect("a request");
                in_tower::call(&self.tower, is_watched, request).await
            }
            #[cfg(feature = "async-openai")]
            Stack::AsyncOpenAi => {
                let (http, url, body) = (self.http.clone(), self.url.clone(), self.body.clone());
                let factory = async_openai::middleware::HttpRequestFactory::new(move || {
                    let (http, url, body) = (http.clone(), url.clone(), body.clone());
                    let headers = headers.clone();
                    async move {
                        let mut request = http.post(url);
                        for (name, value) in headers {
                            request = request.header(name, value);
                        }
                        Ok(request.body(body).build()?)
                    }
                });
                read(in_async_openai::call(&self.async_openai, is_watched, factory).await).await
            }
        }
    }
}

#[cfg(any(feature = "reqwest-middleware", feature = "async-openai"))]
async fn read(mut answer: reqwest::Response) -> usize {
    let mut length = 0;
    while let Some(bytes) = answer.chunk().await.expect("more of the body") {
        length += bytes.len();
    }
    length
}

#[cfg(any(feature = "tower", feature = "async-openai"))]
async fn send<R, S: tower_service::Service<R>>(mut service: S, request: R) -> S::Response
where
    S::Error: std::fmt::Debug,
{
    std::future::poll_fn(|context| service.poll_ready(context)).await.expect("a service that is ready");
    service.call(request).await.expect("an answer")
}

#[cfg(feature = "tower")]
mod in_tower {
    use bytes::Bytes;
    use http::{Request, Response};
    use reqwest::Body;
    use std::{
        future::{Future, poll_fn},
        pin::{Pin, pin},
        task::{Context, Poll},
    };
    use tower_layer::Layer;
    use tower_service::Service;
    use tracing_genai::instrument::{
        Instrumentation,
        tower::{GenAiLayer, GenAiService},
    };

    pub(super) type Services = (Sender, GenAiService<Sender>);

    pub(super) fn services(http: &reqwest::Client, calls: Instrumentation) -> Services {
        let sender = Sender(http.clone());
        (sender.clone(), GenAiLayer::from(calls).layer(sender))
    }

    pub(super) async fn call(services: &Services, is_watched: bool, request: Request<Body>) -> usize {
        if is_watched {
            read(super::send(services.1.clone(), request).await).await
        } else {
            read(super::send(services.0.clone(), request).await).await
        }
    }

    /// A service that sends with `reqwest`.
    #[derive(Clone)]
    pub(super) struct Sender(reqwest::Client);

    impl<B> Service<Request<B>> for Sender
    where
        B: http_body::Body<Data = Bytes, Error = reqwest::Error> + Send + Sync + 'static,
    {
        type Response = Response<Body>;
        type Error = reqwest::Error;
        type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, reqwest::Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), reqwest::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<B>) -> Self::Future {
            let http = self.0.clone();
            Box::pin(async move {
                let request = reqwest::Request::try_from(request.map(Body::wrap))?;
                Ok(http.execute(request).await?.into())
            })
        }
    }

    async fn read<B: http_body::Body<Data = Bytes>>(answer: Response<B>) -> usize
    where
        B::Error: std::fmt::Debug,
    {
        let mut body = pin!(answer.into_body());
        let mut length = 0;
        while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            length += frame.expect("more of the body").data_ref().map_or(0, Bytes::len);
        }
        length
    }
}

#[cfg(feature = "async-openai")]
mod in_async_openai {
    use async_openai::middleware::{
        HttpRequestFactory, ReqwestService,
        retry::{OpenAIRetry, OpenAIRetryLayer},
    };
    use tower_layer::Layer;
    use tracing_genai::instrument::{
        Instrumentation,
        async_openai::{OpenAiLayer, OpenAiService},
    };

    type Retrying = OpenAIRetry<ReqwestService>;
    pub(super) type Services = (Retrying, OpenAiService<Retrying>);

    pub(super) fn services(http: &reqwest::Client, calls: Instrumentation) -> Services {
        let plain = OpenAIRetryLayer::default().layer(ReqwestService::new(http.clone()));
        let watched = OpenAiLayer::from(calls).layer(plain.clone());
        (plain, watched)
    }

    pub(super) async fn call(
        services: &Services,
        is_watched: bool,
        factory: HttpRequestFactory,
    ) -> reqwest::Response {
        if is_watched {
            super::send(services.1.clone(), factory).await
        } else {
            super::send(services.0.clone(), factory).await
        }
    }
}
