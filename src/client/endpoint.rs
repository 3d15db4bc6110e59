//! Where calls go, with which key, and whose words describe it.

use crate::{
    Error,
    provider::{Api, openai::Dialect, provider_name},
    record::{ErrorInfo, Server},
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::{borrow::Cow, fmt};

/// Whose wire format a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provider {
    /// OpenAI, and every server that speaks its format.
    OpenAi,
}

/// OpenAI's own address.
const OPENAI: &str = "https://api.openai.com/v1";

/// How the names of OpenAI's models begin (`ft:` are fine-tuned ones).
const OPENAI_MODELS: [&str; 10] =
    ["gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-", "ft:", "codex-", "computer-use-", "davinci-"];

/// Where calls go.
#[derive(Debug)]
pub(super) struct Endpoint {
    urls: Urls,
    headers: HeaderMap,
    dialect: Dialect,
    pub(super) provider_name: Cow<'static, str>,
    pub(super) server: Server,
    /// Neither an address nor a provider was given: a model's name must tell that it is OpenAI's.
    is_assumed: bool,
}

/// The address of each API, made once.
struct Urls {
    chat: Url,
    responses: Url,
    embeddings: Url,
}

/// What the user and the environment said.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) provider: Option<Provider>,
    pub(super) provider_name: Option<Cow<'static, str>>,
    pub(super) base_url: Option<String>,
    pub(super) api_key: Option<SecretString>,
    pub(super) organization: Option<String>,
    pub(super) project: Option<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("base_url", &self.base_url.as_deref().map(without_query))
            .field("provider", &self.provider)
            .field("provider_name", &self.provider_name)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// From `settings`, and where they are silent from `lookup`, the environment.
    pub(super) fn new(settings: Settings, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let lookup = |name| lookup(name).filter(|value| !value.trim().is_empty());
        let from_env = settings.base_url.is_none();
        let given = settings.base_url.or_else(|| lookup("OPENAI_BASE_URL"));
        let is_assumed = given.is_none() && settings.provider.is_none();
        let base_url = parse(given.as_deref().unwrap_or(OPENAI)).map_err(|why| {
            let setting = if from_env { "OPENAI_BASE_URL" } else { "`.base_url(..)`" };
            Error::configuration(format!("{setting} is no address to call: {why}"))
        })?;
        let server = Server {
            // An IPv6 address stands in brackets in a URL alone.
            address: base_url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            port: base_url.port_or_known_default().unwrap_or_default(),
        };

        let key = settings.api_key.or_else(|| lookup("OPENAI_API_KEY").map(SecretString::from));
        let mut headers = HeaderMap::new();
        match key {
            Some(key) => {
                headers.insert(AUTHORIZATION, bearer(&key)?);
            }
            None if is_loopback(&base_url) => {}
            None => {
                return Err(Error::configuration(format!(
                    "no API key for {}: set OPENAI_API_KEY or `.api_key(..)`",
                    server.address
                )));
            }
        }
        let optional = [
            (
                "openai-organization",
                settings.organization.or_else(|| lookup("OPENAI_ORG_ID")),
                "OPENAI_ORG_ID",
            ),
            ("openai-project", settings.project.or_else(|| lookup("OPENAI_PROJECT_ID")), "OPENAI_PROJECT_ID"),
        ];
        for (header, value, setting) in optional {
            let Some(value) = value else { continue };
            let value = HeaderValue::from_str(value.trim()).map_err(|_| {
                Error::configuration(format!("{setting} has characters that no header may have"))
            })?;
            headers.insert(HeaderName::from_static(header), value);
        }

        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));

        let by_host = provider_name(&server.address, server.port);
        let dialect = Dialect {
            max_completion_tokens: matches!(by_host, Some("openai" | "azure.ai.openai")),
            // Mistral tells it unasked, and refuses the question.
            stream_usage: by_host != Some("mistral_ai"),
        };
        let provider_name =
            settings.provider_name.or(by_host.map(Cow::Borrowed)).unwrap_or(Cow::Borrowed("openai"));
        Ok(Self { urls: Urls::below(&base_url), headers, dialect, provider_name, server, is_assumed })
    }

    /// The address of this API.
    pub(super) fn url(&self, api: Api) -> Url {
        match api {
            Api::OpenAiChat => &self.urls.chat,
            Api::OpenAiResponses => &self.urls.responses,
            Api::OpenAiEmbeddings => &self.urls.embeddings,
        }
        .clone()
    }

    /// Takes the key out of what a provider said: it may repeat the one it was given.
    pub(super) fn forget_key(&self, info: &mut ErrorInfo) {
        let bearer = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(key) = bearer.and_then(|value| value.strip_prefix("Bearer ")) else { return };
        for text in [Some(&mut info.message), info.body.as_mut()].into_iter().flatten() {
            if text.contains(key) {
                *text = text.replace(key, "[redacted]");
            }
        }
    }

    /// The headers of every request, the key among them.
    pub(super) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// What this server wants of OpenAI's chat format: the newer name of the output limit is known
    /// to OpenAI and Azure alone, the older one to everybody else.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Refuses a model that nobody said is OpenAI's before it is sent there.
    pub(super) fn check_model(&self, model: &str) -> Result<(), Error> {
        if model.trim().is_empty() {
            return Err(Error::configuration("the model's name is empty"));
        }
        if !self.is_assumed || OPENAI_MODELS.iter().any(|known| model.starts_with(known)) {
            return Ok(());
        }
        Err(Error::configuration(format!(
            "no provider is known for the model {model:?}: name it with `.provider(Provider::OpenAi)`, \
             or give the server's address with `.base_url(..)` or OPENAI_BASE_URL"
        )))
    }
}

impl fmt::Debug for Urls {
    /// Without the query, which may hold a key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", without_query(self.chat.as_str()))
    }
}

fn without_query(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

impl Urls {
    fn below(base: &Url) -> Self {
        let url = |api: Api| {
            let mut url = base.clone();
            url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), api.path()));
            url
        };
        Self {
            chat: url(Api::OpenAiChat),
            responses: url(Api::OpenAiResponses),
            embeddings: url(Api::OpenAiEmbeddings),
        }
    }
}

fn parse(address: &str) -> Result<Url, String> {
    let url = Url::parse(address.trim())
        .map_err(|error| format!("{error}; it must be of the form https://api.openai.com/v1"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("it must begin with http:// or https://, as https://api.openai.com/v1 does".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or password; a key goes into OPENAI_API_KEY".to_owned());
    }
    if url.path().trim_end_matches('/').ends_with("/chat/completions") {
        return Err("it must end before /chat/completions, which each call adds".to_owned());
    }
    Ok(url)
}

fn bearer(key: &SecretString) -> Result<HeaderValue, Error> {
    let key = key.expose_secret().trim();
    let unusable = || {
        Error::configuration(
            "the API key has blanks or characters that no key has: check OPENAI_API_KEY or `.api_key(..)`",
        )
    };
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(unusable());
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok(value)
}

/// A server on this machine, such as Ollama or vLLM, needs no key.
fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(settings: Settings, env: &[(&str, &str)]) -> Result<Endpoint, String> {
        let lookup =
            |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Endpoint::new(settings, lookup).map_err(|error| error.to_string())
    }

    fn at(base_url: &str) -> Settings {
        let api_key = Some(SecretString::from("sk-test"));
        Settings { base_url: Some(base_url.to_owned()), api_key, ..Settings::default() }
    }

    #[test]
    fn a_missing_key_names_the_variable_that_mends_it() {
        let error = endpoint(Settings::default(), &[]).unwrap_err();
        assert!(error.contains("OPENAI_API_KEY") && error.contains(".api_key"), "{error}");
    }

    #[test]
    fn a_key_with_blanks_is_refused_and_not_repeated() {
        let error = endpoint(Settings::default(), &[("OPENAI_API_KEY", "sk-one two")]).unwrap_err();
        assert!(error.contains("OPENAI_API_KEY") && !error.contains("two"), "{error}");
    }

    #[test]
    fn a_server_on_this_machine_needs_no_key() {
        let env = [("OPENAI_BASE_URL", "http://localhost:11434/v1")];
        assert_eq!(endpoint(Settings::default(), &env).unwrap().provider_name, "ollama");
    }

    #[test]
    fn a_malformed_address_names_the_variable_or_the_option_it_came_from() {
        let env = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", "api.openai.com")];
        assert!(endpoint(Settings::default(), &env).unwrap_err().contains("OPENAI_BASE_URL"));
        for address in ["ftp://host", "localhost:11434/v1", "https://host/v1/chat/completions"] {
            let error = endpoint(at(address), &[]).unwrap_err();
            assert!(error.contains(".base_url") && error.contains("must"), "{error}");
        }
    }

    #[test]
    fn the_host_tells_the_provider() {
        for (base_url, provider) in [
            ("https://api.openai.com/v1", "openai"),
            ("https://mine.openai.azure.com/openai/v1/", "azure.ai.openai"),
            ("https://api.groq.com/openai/v1", "groq"),
            ("https://openrouter.ai/api/v1", "openrouter"),
            ("http://localhost:11434/v1", "ollama"),
            ("https://gateway.example/v1", "openai"),
        ] {
            assert_eq!(endpoint(at(base_url), &[]).unwrap().provider_name, provider, "{base_url}");
        }
    }

    #[test]
    fn a_name_that_the_user_gives_the_provider_wins() {
        let settings = Settings { provider_name: Some("vllm".into()), ..at("http://localhost:8000/v1") };
        assert_eq!(endpoint(settings, &[]).unwrap().provider_name, "vllm");
    }

    #[test]
    fn mistral_is_not_asked_for_the_usage_that_it_tells_unasked() {
        let asks = |base_url| endpoint(at(base_url), &[]).unwrap().dialect().stream_usage;
        assert!(!asks("https://api.mistral.ai/v1"));
        assert!(asks("https://api.openai.com/v1"));
    }

    #[test]
    fn a_key_that_the_provider_repeats_is_forgotten() {
        let settings = Settings { api_key: Some("9f8e7d6c5b4a".into()), ..at("https://gateway.example") };
        let mut info = ErrorInfo::new(crate::record::ErrorKind::Authentication, "wrong key 9f8e7d6c5b4a!");
        endpoint(settings, &[]).unwrap().forget_key(&mut info);
        assert_eq!(info.message, "wrong key [redacted]!");
    }

    #[test]
    fn an_address_of_the_newer_protocol_has_no_brackets() {
        let endpoint = endpoint(at("http://[::1]:8000/v1"), &[]).unwrap();
        assert_eq!((endpoint.server.address.as_str(), endpoint.server.port), ("::1", 8000));
    }

    #[test]
    fn the_query_of_a_base_url_stays() {
        let endpoint =
            endpoint(at("https://mine.openai.azure.com/openai/?api-version=preview"), &[]).unwrap();
        assert_eq!(
            endpoint.url(Api::OpenAiChat).as_str(),
            "https://mine.openai.azure.com/openai/chat/completions?api-version=preview"
        );
    }

    #[test]
    fn an_unknown_model_is_refused_unless_its_server_or_provider_is_given() {
        let env = [("OPENAI_API_KEY", "sk-test")];
        let assumed = endpoint(Settings::default(), &env).unwrap();
        let error = assumed.check_model("llama-3").unwrap_err().to_string();
        assert!(error.contains(".provider(") && error.contains("OPENAI_BASE_URL"), "{error}");
        assert!(assumed.check_model("gpt-4o").is_ok());

        let named = Settings { provider: Some(Provider::OpenAi), ..Settings::default() };
        assert!(endpoint(named, &env).unwrap().check_model("llama-3").is_ok());
        assert!(endpoint(at("https://gateway.example/v1"), &[]).unwrap().check_model("llama-3").is_ok());
    }

    #[test]
    fn no_debug_output_shows_the_key() {
        let settings = at("https://gateway.example/v1?api-key=hunter2");
        let of_settings = format!("{settings:?}");
        let of_endpoint = format!("{:?}", endpoint(settings, &[]).unwrap());
        for debug in [of_settings, of_endpoint] {
            assert!(debug.contains("gateway.example") && !debug.contains("sk-test"), "{debug}");
            assert!(!debug.contains("hunter2"), "{debug}");
        }
    }
}
