//! A middleware for [`reqwest-middleware`](https://docs.rs/reqwest-middleware).
//!
//! ```
//! use reqwest_middleware::ClientBuilder;
//! use tracing_genai::instrument::reqwest_middleware::GenAiMiddleware;
//!
//! let client = ClientBuilder::new(reqwest::Client::new()).with(GenAiMiddleware::new()).build();
//! # drop(client);
//! ```
//!
//! With hosts of one's own:
//!
//! ```
//! use reqwest_middleware::ClientBuilder;
//! use tracing_genai::instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware};
//!
//! let calls = Instrumentation::new().rule(Rule::host("llm.example.com"));
//! let client = ClientBuilder::new(reqwest::Client::new()).with(GenAiMiddleware::from(calls)).build();
//! # drop(client);
//! ```
//!
//! Given before a middleware that tries again, all attempts are one span; after it each is one.
//!
//! rig sends through such a client where its transport has the feature `reqwest-middleware`
//! (`rig_reqwest::ReqwestMiddlewareClient`). rig makes a span for each call: that one is completed, and no
//! other is made. A middleware that makes spans of its own comes after this one, or rig's is not found.

use super::{Instrumentation, reqwest};
use ::reqwest::{Request, Response};
use http::Extensions;
use reqwest_middleware::{Error, Middleware, Next, Result};

/// Makes spans of calls of models; see the [module](self).
#[derive(Clone, Debug, Default)]
pub struct GenAiMiddleware(Instrumentation);

impl GenAiMiddleware {
    /// A middleware with [the settings to begin with](Instrumentation::new).
    pub fn new() -> Self {
        Self::default()
    }
}

impl From<Instrumentation> for GenAiMiddleware {
    fn from(instrumentation: Instrumentation) -> Self {
        Self(instrumentation)
    }
}

#[async_trait::async_trait]
impl Middleware for GenAiMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let call = reqwest::begin(&self.0, &mut request);
        reqwest::watch(call, next.run(request, extensions), |error| match error {
            Error::Reqwest(error) => Some(error),
            Error::Middleware(_) => None,
        })
        .await
    }
}
