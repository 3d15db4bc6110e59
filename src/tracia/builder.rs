use super::{Api, address, exchange::Inner};
use crate::{
    Error,
    connections::Connections,
    vocabulary::tracia::{BASE, BASE_VARIABLE, KEY_VARIABLE, bearer},
};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use std::{sync::Arc, time::Duration};

/// How long a request may take unless told otherwise, as in Tracia's own SDKs.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_RETRIES: u32 = 2;

/// Settings of an [`Api`].
///
/// ```
/// use std::time::Duration;
/// use tracing_genai::tracia::Api;
///
/// let tracia = Api::builder("tr_the_key").timeout(Duration::from_secs(20)).max_retries(0).build()?;
/// # Ok::<(), tracing_genai::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "an API is made by `build`"]
pub struct ApiBuilder {
    key: SecretString,
    key_origin: &'static str,
    base: String,
    base_origin: &'static str,
    timeout: Duration,
    max_retries: u32,
    http: Option<reqwest::Client>,
}

impl ApiBuilder {
    pub(super) fn new(key: String, key_origin: &'static str) -> Self {
        Self {
            key: key.into(),
            key_origin,
            base: BASE.to_owned(),
            base_origin: "the address given to ApiBuilder::base_url",
            timeout: TIMEOUT,
            max_retries: MAX_RETRIES,
            http: None,
        }
    }

    /// What [`Api::from_env`] starts from, for further settings.
    ///
    /// # Errors
    /// When `TRACIA_API_KEY` is not set. What it and `TRACIA_BASE_URL` hold is checked by [`build`](Self::build).
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    pub(super) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let value = |name| {
            let value = lookup(name)?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let key = value(KEY_VARIABLE).ok_or_else(|| {
            Error::configuration(format!(
                "{KEY_VARIABLE} is not set: it takes a key of Tracia; or give one to tracia::Api::new"
            ))
        })?;
        let mut builder = Self::new(key, KEY_VARIABLE);
        if let Some(base) = value(BASE_VARIABLE) {
            (builder.base, builder.base_origin) = (base, BASE_VARIABLE);
        }
        Ok(builder)
    }

    /// Another address than `https://app.tracia.io`, to which `/api/v1` is appended unless it is there: a server of
    /// your own, or a stand-in. The key goes to it.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        (self.base, self.base_origin) = (url.into(), "the address given to ApiBuilder::base_url");
        self
    }

    /// How long a request may take, its further tries included; 120 seconds by default, as in Tracia's SDKs.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a request that failed for a passing reason is sent again, 2 by default, 0 for never. The
    /// [module](super) tells which are.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// A `reqwest` client of your own: its proxies, certificates and connections. Ours follows no redirects, so that
    /// the key never goes to another host; see that yours does not either.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// The API.
    ///
    /// # Errors
    /// An unusable key or address, naming where it comes from. Nothing is sent.
    pub fn build(self) -> Result<Api, Error> {
        let bearer = bearer(&self.key, self.key_origin)?;
        let mut authorization = HeaderValue::from_str(bearer.expose_secret())
            .map_err(|_| Error::configuration(format!("{} cannot be sent", self.key_origin)))?;
        authorization.set_sensitive(true);
        let base = address::base(&self.base, self.base_origin)?;
        let http = match self.http {
            Some(http) => Connections::given(http),
            None => Connections::made_by(http_client).map_err(|error| {
                Error::configuration("no HTTP client could be made; give one with `.http_client(..)`")
                    .with_source(error)
            })?,
        };
        Ok(Api(Arc::new(Inner {
            http,
            base,
            key: self.key,
            authorization,
            timeout: self.timeout,
            max_retries: self.max_retries,
        })))
    }
}

fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
}
