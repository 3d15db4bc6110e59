//! A calling client whose every call is a correct span.
//!
//! [`Client::chat`] calls a language model, [`Client::embed`] an embedding model. Dropping a future
//! or a stream cancels the call; its span then says so. Calls are made within a tokio runtime with
//! time and I/O enabled, as `reqwest` wants it.

mod builder;
mod chat;
mod embed;
mod endpoint;
mod http;
mod reply;
mod stream;

pub use builder::ClientBuilder;
pub use chat::Chat;
pub use embed::Embed;
pub use endpoint::Provider;
pub use reply::{EmbeddingsReply, Reply};
pub use stream::{ChatEvent, ChatStream};
/// The crates whose types stand in [`ClientBuilder`], in the versions that it takes.
pub use {reqwest, secrecy};

use crate::{
    Error,
    capture::ContentCapture,
    provider::Api,
    record::{Call, ErrorKind, Operation, Outcome},
    span::in_flight::InFlight,
};
use endpoint::Endpoint;
use std::{sync::Arc, time::Duration};

/// A client of language and embedding models. Cheap to clone; clones share their connections.
///
/// ```no_run
/// # async fn run() -> Result<(), tracing_genai::Error> {
/// let client = tracing_genai::Client::from_env()?;
/// let reply = client.chat("gpt-4o-mini").user("Say hello in Danish.").send().await?;
/// println!("{}", reply.text());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    endpoint: Endpoint,
    content: ContentCapture,
    timeout: Duration,
}

impl Client {
    /// A client from the environment: `OPENAI_API_KEY`, and where they are set `OPENAI_BASE_URL`,
    /// `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`, and for content
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.
    ///
    /// # Errors
    /// A missing or unusable setting, by its name; nothing is sent.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A client with settings of your own; what is not set comes from the environment as in
    /// [`from_env`](Self::from_env).
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A call of a language model.
    #[doc(alias = "run_local")]
    #[doc(alias = "runLocal")]
    pub fn chat(&self, model: impl Into<String>) -> Chat {
        Chat::new(self.clone(), model.into())
    }

    /// A call of an embedding model.
    #[doc(alias = "run_embedding")]
    #[doc(alias = "runEmbedding")]
    pub fn embed(&self, model: impl Into<String>) -> Embed {
        Embed::new(self.clone(), model.into())
    }

    /// Ends a call that failed. Its error learns what the call knows, and forgets the key.
    fn fail(&self, call: &mut InFlight, mut error: Error) -> Error {
        let operation = call.operation();
        let info = error.info_mut();
        if info.request_id.is_none() {
            info.request_id.clone_from(&operation.request_id);
        }
        if matches!(info.kind, ErrorKind::Timeout | ErrorKind::Connection) {
            info.http_status = info.http_status.or(operation.http_status);
        }
        if info.kind == ErrorKind::Connection && operation.http_status.is_none() {
            let server = &self.0.endpoint.server;
            info.message = format!("{}:{}: {}", server.address, server.port, info.message);
        }
        self.0.endpoint.forget_key(info);
        if call.is_seen() {
            call.settle(Outcome::Failed(Box::new(info.clone())));
        }
        error
    }

    /// Opens the span of a call that is about to be sent.
    ///
    /// # Errors
    /// Without a tokio runtime nothing can be sent.
    fn start(&self, api: Api, call: Call) -> Result<InFlight, Error> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::configuration(
                "a call needs a tokio runtime around it: `#[tokio::main]`, or `block_on` of a runtime built \
                 with `enable_all()`",
            ));
        }
        let endpoint = &self.0.endpoint;
        let mut operation = Operation::new(api.operation_kind(), call);
        operation.provider = Some(endpoint.provider_name.clone());
        operation.api = api.openai_api_type().map(Into::into);
        operation.server = Some(endpoint.server.clone());
        Ok(InFlight::start(operation, self.0.content.clone()))
    }
}
