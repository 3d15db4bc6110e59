use super::{
    Client, Inner, Provider,
    endpoint::{Endpoint, Settings},
};
use crate::{Error, capture::ContentCapture};
use secrecy::SecretString;
use std::{borrow::Cow, sync::Arc, time::Duration};

/// How long a call may take unless told otherwise, as in OpenAI's own clients.
const TIMEOUT: Duration = Duration::from_secs(600);
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a [`Client`]; what is not set comes from the environment.
///
/// ```
/// use tracing_genai::Client;
///
/// let client = Client::builder().base_url("http://localhost:11434/v1").build()?;
/// # Ok::<(), tracing_genai::Error>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "a client is made by `build`"]
pub struct ClientBuilder {
    settings: Settings,
    http: Option<reqwest::Client>,
    content: Option<ContentCapture>,
    timeout: Option<Duration>,
}

impl ClientBuilder {
    /// The key; `OPENAI_API_KEY` by default. A server on this machine needs none.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.settings.api_key = Some(key.into());
        self
    }

    /// Where the API is, up to what precedes `/chat/completions`: `OPENAI_BASE_URL`, else
    /// `https://api.openai.com/v1`. Azure OpenAI (`https://NAME.openai.azure.com/openai/v1`), vLLM,
    /// Ollama, Groq, OpenRouter and the like are reached this way. The key goes to this address, the one
    /// of `OPENAI_API_KEY` too unless [`api_key`](Self::api_key) gives another.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.base_url = Some(url.into());
        self
    }

    /// Whose format the server speaks, for a model whose name does not tell.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.settings.provider = Some(provider);
        self
    }

    /// The value of `gen_ai.provider.name`; by default the host tells it, and is `openai` where it
    /// does not.
    pub fn provider_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.settings.provider_name = Some(name.into());
        self
    }

    /// The organisation that is billed; `OPENAI_ORG_ID` by default.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.settings.organization = Some(id.into());
        self
    }

    /// The project that is billed; `OPENAI_PROJECT_ID` by default.
    pub fn project(mut self, id: impl Into<String>) -> Self {
        self.settings.project = Some(id.into());
        self
    }

    /// How long a call may take, 10 minutes by default. For a stream it bounds the wait for the
    /// answer's head and each silence after it, not the whole.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// A `reqwest` client of your own: its proxies, certificates and connections. Ours follows no
    /// redirects, so that a key never goes to another host; see that yours does not either.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// What content spans may carry; what the environment says by default, which is none.
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.content = Some(content);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// A missing key, a malformed address or an unusable value, naming the option and the variable
    /// that mend it. Nothing is sent.
    pub fn build(self) -> Result<Client, Error> {
        let endpoint = Endpoint::new(self.settings, |name| std::env::var(name).ok())?;
        let content = self.content.unwrap_or_else(ContentCapture::from_env_or_off);
        let http = match self.http {
            Some(http) => http,
            None => reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .user_agent(concat!("tracing-genai/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| {
                    Error::configuration("no HTTP client could be made; give one with `.http_client(..)`")
                        .with_source(error)
                })?,
        };
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        Ok(Client(Arc::new(Inner { http, endpoint, content, timeout })))
    }
}
