//! A calling client whose every call is a correct span.
//!
//! [`Client::chat`] calls a language model, [`Client::embed`] an embedding model; a [`Session`] makes calls that
//! follow each other. Dropping a future or a stream cancels the call; its span then says so. Calls are made
//! within a tokio runtime with time and I/O enabled, as `reqwest` wants it.

mod about;
#[cfg(feature = "bedrock")]
mod aws;
mod builder;
mod chat;
mod context;
mod embed;
mod endpoint;
mod exchange;
mod ids;
mod key;
mod parameters;
mod reply;
mod responses;
mod retry;
mod route;
mod routes;
mod session;
mod stream;
mod transport;
mod validate;
mod variables;

pub use crate::provider::Provider;
pub use builder::ClientBuilder;
pub use chat::Chat;
pub use embed::Embed;
pub use endpoint::Endpoint;
pub use reply::{EmbeddingsReply, Reply};
pub use session::Session;
pub use stream::{AbortHandle, ChatEvent, ChatStream, PendingResult, StreamResult, TextStream};
/// The crates whose types stand in [`ClientBuilder`], in the versions that it takes.
pub use {reqwest, secrecy};

use crate::{Error, capture::Recording, connections::Connections};
use retry::Retry;
use routes::Routes;
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
    http: Connections,
    routes: Routes,
    recording: Recording,
    timeout: Duration,
    /// Of a stream in all, if that was said.
    stream_timeout: Option<Duration>,
    silence_timeout: Duration,
    retry: Retry,
}

impl Client {
    /// A client from the environment: the keys of every provider that has one there (`OPENAI_API_KEY`,
    /// `ANTHROPIC_API_KEY`, `GOOGLE_API_KEY` and the others that [`Endpoint`] lists), and for content
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.
    ///
    /// A model's name tells its provider ([`Provider::of_model`]). One that tells none goes to the server of
    /// `OPENAI_BASE_URL`, if that is set.
    ///
    /// # Errors
    /// No key at all, or an unusable setting, by its name; nothing is sent.
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

    /// Calls that follow each other: one trace for Tracia, one conversation for others. See [`Session`].
    #[doc(alias = "createSession")]
    #[doc(alias = "create_session")]
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }
}
