use super::{Client, Endpoint, Inner, Provider, retry::Retry, routes::Routes};
use crate::{
    Error,
    capture::{ContentCapture, Recording},
    connections::Connections,
};
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
    /// What is said of a provider without its name: of OpenAI, unless a name follows.
    sole: Option<Endpoint>,
    endpoints: Vec<Endpoint>,
    /// Whether every model goes to `sole`.
    is_sole: bool,
    keys_per_call: bool,
    retry: Retry,
    http: Option<reqwest::Client>,
    content: Option<ContentCapture>,
    posthog: Option<bool>,
    timeout: Option<Duration>,
    silence_timeout: Option<Duration>,
}

impl ClientBuilder {
    /// One more provider, or what differs from the environment for it. Each model goes to its
    /// provider's endpoint.
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Sends every model to this provider, unless [`Chat::provider`](super::Chat::provider) names another.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.is_sole = true;
        self.the_sole(|endpoint| Endpoint { provider, ..endpoint })
    }

    /// The key of [`provider`](Self::provider), else of OpenAI. A server on this machine needs none.
    pub fn api_key(self, key: impl Into<SecretString>) -> Self {
        self.the_sole(|endpoint| endpoint.api_key(key))
    }

    /// Whether a client without any key is of use, since each call brings its own
    /// ([`Chat::provider_api_key`](super::Chat::provider_api_key)); false by default, so that a key that is missing is
    /// found at once. Keys that are there still serve the calls that have none.
    ///
    /// ```
    /// let client = tracing_genai::Client::builder().keys_per_call(true).build()?;
    /// # Ok::<(), tracing_genai::Error>(())
    /// ```
    pub fn keys_per_call(mut self, on: bool) -> Self {
        self.keys_per_call = on;
        self
    }

    /// Sends every model to this address, in the format of [`provider`](Self::provider), else of OpenAI.
    /// vLLM, Ollama, OpenRouter, gateways and the like are reached this way. See [`Endpoint::base_url`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.is_sole = true;
        self.the_sole(|endpoint| endpoint.base_url(url))
    }

    /// The value of `gen_ai.provider.name`; by default the host tells it, else the provider.
    pub fn provider_name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.the_sole(|endpoint| endpoint.provider_name(name))
    }

    /// The organisation that is billed; `OPENAI_ORG_ID` by default.
    pub fn organization(self, id: impl Into<String>) -> Self {
        self.the_sole(|endpoint| endpoint.organization(id))
    }

    /// The project that is billed; `OPENAI_PROJECT_ID` by default.
    pub fn project(self, id: impl Into<String>) -> Self {
        self.the_sole(|endpoint| endpoint.project(id))
    }

    fn the_sole(mut self, change: impl FnOnce(Endpoint) -> Endpoint) -> Self {
        let sole = self.sole.take().unwrap_or_else(|| Endpoint::new(Provider::OpenAi));
        self.sole = Some(change(sole));
        self
    }

    /// How often a call that failed for a passing reason is tried again, 2 by default, 0 for never: after
    /// a broken connection and the statuses 408, 409, 429 and 5xx, with a growing wait or the one that the
    /// provider asks for, up to a minute. All attempts are one span, which tells their number. A stream that
    /// has begun is not tried again.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.retry = Retry { max_retries: retries };
        self
    }

    /// How long a call may take, its further attempts included, and a stream to its end. Unless it is set
    /// that is 10 minutes for a call in one piece and for the wait for a stream's head, and a stream may then
    /// take any time, as long as it is not [silent](Self::silence_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long a stream may be silent, after its head and between two pieces of what the provider sends;
    /// 10 minutes by default. The time that a reader takes is not counted.
    #[doc(alias = "read_timeout")]
    pub fn silence_timeout(mut self, timeout: Duration) -> Self {
        self.silence_timeout = Some(timeout);
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

    /// Whether spans carry the properties that PostHog's OTLP endpoint does not derive from the conventions'
    /// attributes ([which, and what it cannot do](crate::vocabulary::posthog)): for an OpenTelemetry exporter of one's own,
    /// or a collector, that sends them to PostHog. `Destination::posthog` needs none of them. By default what
    /// `TRACING_GENAI_POSTHOG_ATTRIBUTES` says, which is no.
    pub fn posthog_attributes(mut self, write: bool) -> Self {
        self.posthog = Some(write);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// A missing key, a malformed address or an unusable value, naming the option and the variable
    /// that mend it. Nothing is sent.
    pub fn build(self) -> Result<Client, Error> {
        let Self { sole, mut endpoints, is_sole, .. } = self;
        let sole = sole.and_then(|endpoint| {
            // What was said of the provider by its name holds where nothing else was said.
            let said = endpoints.iter().rposition(|said| said.provider == endpoint.provider);
            let endpoint = match said {
                Some(at) => endpoint.over(endpoints.remove(at)),
                None => endpoint,
            };
            if is_sole {
                return Some(endpoint);
            }
            endpoints.push(endpoint);
            None
        });
        let routes = Routes::new(sole, endpoints, self.keys_per_call, |name| std::env::var(name).ok())?;
        let recording = Recording::or_env(self.content, self.posthog);
        let http = match self.http {
            Some(http) => Connections::given(http),
            None => Connections::made_by(http_client).map_err(|error| {
                Error::configuration("no HTTP client could be made; give one with `.http_client(..)`")
                    .with_source(error)
            })?,
        };
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        Ok(Client(Arc::new(Inner {
            http,
            routes,
            recording,
            timeout,
            stream_timeout: self.timeout,
            silence_timeout: self.silence_timeout.unwrap_or(TIMEOUT),
            retry: self.retry,
        })))
    }
}

fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("tracing-genai/", env!("CARGO_PKG_VERSION")))
        .build()
}
