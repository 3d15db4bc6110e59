//! Which requests are calls of a model.

use crate::{
    diagnosis::{self, Finding},
    provider::{self, Api},
    record::Server,
};
use http::{HeaderMap, Method, Uri, header::HOST};
use std::borrow::Cow;

/// A request that is a call of a model.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) api: Api,
    pub(crate) provider: Cow<'static, str>,
    pub(crate) server: Server,
    /// Whether it is asked without TLS.
    pub(crate) is_plain: bool,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// A rule of the user's matched it, and the host is not one that the crate knows.
    pub(crate) by_rule: bool,
}

/// The address of a server's path, without query and credentials.
pub(crate) fn url(server: &Server, is_plain: bool, path: &str) -> String {
    let (scheme, usual) = if is_plain { ("http://", 80) } else { ("https://", 443) };
    let (open, close) = if server.address.contains(':') { ("[", "]") } else { ("", "") };
    let mut url = String::with_capacity(scheme.len() + server.address.len() + path.len() + 8);
    url.extend([scheme, open, &server.address, close]);
    if server.port != usual {
        url.push(':');
        url.push_str(&server.port.to_string());
    }
    url.push_str(path);
    url
}

/// Says of a host that the crate does not know, a gateway or a local server, that calls of models go
/// there.
///
/// The API follows from the path (`/v1/chat/completions`, `/v1/messages`, …) unless [`api`](Self::api)
/// says it. Rules are asked in their order, before the hosts that the crate knows.
///
/// ```
/// use tracing_genai::instrument::{Instrumentation, Rule};
///
/// let gateway = Rule::host("llm.example.com").path_prefix("/team-a/").provider("openai");
/// let local = Rule::host("localhost").port(8000).provider("vllm");
/// let calls = Instrumentation::new().rule(gateway).rule(local);
/// # drop(calls);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rule holds where it is given to `Instrumentation::rule`"]
pub struct Rule {
    host: String,
    port: Option<u16>,
    path_prefix: Option<String>,
    api: Option<Api>,
    provider: Option<Cow<'static, str>>,
    is_exclusion: bool,
    /// It is not the user's.
    is_built_in: bool,
}

impl Rule {
    /// Requests to this host, in any letter case; `*.example.com` is every host below `example.com`, and
    /// `*` every host.
    ///
    /// Of an address the host is taken, and the port if it names one, as [`port`](Self::port) would set it:
    /// `http://localhost:8080/v1` is `localhost` with the port 8080. Its scheme and its path say nothing: a
    /// path is for [`path_prefix`](Self::path_prefix).
    ///
    /// ```
    /// use tracing_genai::instrument::Rule;
    ///
    /// let named = Rule::host("localhost").port(8080);
    /// let same = Rule::host("http://localhost:8080");
    /// assert_eq!(format!("{same:?}"), format!("{named:?}"));
    /// ```
    pub fn host(host: impl Into<String>) -> Self {
        let (host, port) = host_and_port(&host.into());
        Self {
            host,
            port,
            path_prefix: None,
            api: None,
            provider: None,
            is_exclusion: false,
            is_built_in: false,
        }
    }

    /// Only to this port.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Only to paths that begin so.
    pub fn path_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.path_prefix = Some(prefix.into());
        self
    }

    /// What they speak, where the path does not tell.
    pub fn api(mut self, api: Api) -> Self {
        self.api = Some(api);
        self
    }

    /// `gen_ai.provider.name` of the spans. Without it the host or else the format tells.
    pub fn provider(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.provider = Some(name.into());
        self
    }

    /// Every host, for an adapter that knows what its client speaks.
    #[cfg(feature = "async-openai")]
    pub(crate) fn built_in() -> Self {
        Self { is_built_in: true, ..Self::host("*") }
    }

    /// Makes it a rule for requests that are to be left alone.
    pub fn ignore(mut self) -> Self {
        self.is_exclusion = true;
        self
    }

    fn matches(&self, host: &str, port: u16, path: &str) -> bool {
        let is_host = match self.host.strip_prefix('*') {
            Some("") => true,
            Some(suffix) => {
                host.len() > suffix.len()
                    && host
                        .get(host.len() - suffix.len()..)
                        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
            }
            None => host.eq_ignore_ascii_case(&self.host),
        };
        is_host
            && self.port.is_none_or(|wanted| wanted == port)
            && self.path_prefix.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_str()))
    }
}

/// The host and the port that are meant by a host, a host and a port, or an address.
fn host_and_port(text: &str) -> (String, Option<u16>) {
    let text = text.trim();
    let text = text.split_once("//").map_or(text, |(_scheme, rest)| rest);
    let authority = text.split(['/', '?', '#']).next().unwrap_or(text);
    let authority = authority.rsplit_once('@').map_or(authority, |(_user, rest)| rest);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, "")) if !host.contains(':') => (host, None),
        // Without brackets around it, the colons of an address are its own.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (authority, None),
        },
        _ => (authority, None),
    };
    (host.trim_matches(['[', ']']).to_ascii_lowercase(), port)
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// Whether it is asked without TLS.
    pub(crate) is_plain: bool,
}

impl<'a> Address<'a> {
    /// Where the request says it goes: in its address, or as one on a connection of its own does, by its
    /// header `host`. `None` if it does not.
    pub(crate) fn of(uri: &'a Uri, headers: &'a HeaderMap) -> Option<Self> {
        let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let (path, query) = (uri.path(), uri.query());
        let is_plain = uri.scheme_str() == Some("http");
        if let Some(host) = uri.host() {
            return Some(Self { host, port: uri.port_u16().unwrap_or(usual), path, query, is_plain });
        }
        let host = headers.get(HOST)?.to_str().ok()?;
        let (host, port) = match host.rsplit_once(':') {
            // The colons of an address in brackets are its own.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (host, usual),
        };
        Some(Self { host, port, path, query, is_plain })
    }
}

/// The call of a model that a request to this address is, if it is one.
///
/// The address is looked at and nothing is allocated for a request that is none.
pub(crate) fn target(rules: &[Rule], method: &Method, address: Address<'_>) -> Option<Target> {
    // Every API calls its models so.
    if method != Method::POST {
        return None;
    }
    let Address { host, port, path, query, is_plain } = address;
    let host = host.trim_matches(['[', ']']);
    let rule = rules.iter().find(|rule| rule.matches(host, port, path));
    if rule.is_some_and(|rule| rule.is_exclusion) {
        return None;
    }
    let api = rule.and_then(|rule| rule.api).or_else(|| Api::recognise(host, path))?;
    let known = provider::provider_name(host, port);
    let provider = match rule {
        Some(rule) => {
            rule.provider.clone().or(known.map(Cow::Borrowed)).unwrap_or(Cow::Borrowed(by_format(api, path)))
        }
        None => {
            if known.is_none() && is_of_model(api, path) {
                diagnosis::note(Finding::UnknownHost);
            }
            Cow::Borrowed(known?)
        }
    };
    let by_rule = known.is_none() && rule.is_some_and(|rule| !rule.is_built_in);
    let server = Server { address: host.to_owned(), port };
    let (path, query) = (path.to_owned(), query.map(str::to_owned));
    Some(Target { api, provider, server, is_plain, path, query, by_rule })
}

/// Whether a path that speaks this API does so on any host: some are common words.
fn is_of_model(api: Api, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    match api {
        Api::OpenAiResponses => path.ends_with("/v1/responses"),
        Api::OpenAiEmbeddings => path.ends_with("/v1/embeddings"),
        _ => true,
    }
}

/// Whether the rule for this address leaves it alone.
#[cfg(feature = "aws")]
pub(crate) fn is_excluded(rules: &[Rule], address: Address<'_>) -> bool {
    let Address { host, port, path, .. } = address;
    let host = host.trim_matches(['[', ']']);
    rules.iter().find(|rule| rule.matches(host, port, path)).is_some_and(|rule| rule.is_exclusion)
}

/// The provider whose format it is.
fn by_format(api: Api, path: &str) -> &'static str {
    match api {
        Api::AnthropicMessages => "anthropic",
        Api::VoyageEmbeddings => "voyage_ai",
        Api::VertexPredict => "gcp.vertex_ai",
        Api::GoogleGenerateContent if path.contains("/projects/") => "gcp.vertex_ai",
        Api::GoogleGenerateContent | Api::GoogleEmbedContent | Api::GoogleBatchEmbedContents => "gcp.gemini",
        Api::BedrockConverse | Api::BedrockInvokeModel | Api::BedrockEmbeddings => "aws.bedrock",
        Api::OpenAiChat | Api::OpenAiResponses | Api::OpenAiEmbeddings => "openai",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    fn found(rules: &[Rule], uri: &str) -> Option<(Api, String)> {
        let uri = uri.parse().unwrap();
        let target = target(rules, &Method::POST, Address::of(&uri, &HeaderMap::new())?)?;
        Some((target.api, target.provider.into_owned()))
    }

    #[test]
    fn a_known_host_and_path_is_a_call() {
        let uri = "https://api.openai.com/v1/chat/completions";
        assert_eq!(found(&[], uri), Some((Api::OpenAiChat, "openai".into())));
        let uri = "http://localhost:11434/v1/chat/completions";
        assert_eq!(found(&[], uri), Some((Api::OpenAiChat, "ollama".into())));
    }

    #[test]
    fn an_unknown_host_a_foreign_path_and_another_method_are_none() {
        assert_eq!(found(&[], "https://gateway.example/v1/chat/completions"), None);
        assert_eq!(found(&[], "https://api.openai.com/v1/files"), None);
        let uri = "https://api.openai.com/v1/chat/completions".parse().unwrap();
        assert!(target(&[], &Method::GET, Address::of(&uri, &HeaderMap::new()).unwrap()).is_none());
    }

    #[test]
    fn a_request_without_a_host_in_its_address_has_it_in_its_header() {
        let uri = "/v1/chat/completions".parse().unwrap();
        let found = |host: &'static str| {
            let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
            let target = target(&[], &Method::POST, Address::of(&uri, &headers)?)?;
            Some((target.provider, target.server.port))
        };
        assert_eq!(found("api.openai.com"), Some(("openai".into(), 443)));
        assert_eq!(found("localhost:11434"), Some(("ollama".into(), 11434)));
        assert_eq!(found("[::1]"), None);
        assert!(Address::of(&uri, &HeaderMap::new()).is_none());
    }

    #[test]
    fn a_rule_names_a_gateway() {
        let rules = [Rule::host("*.example.com").path_prefix("/llm")];
        let uri = "https://a.EXAMPLE.com/llm/v1/messages";
        assert_eq!(found(&rules, uri), Some((Api::AnthropicMessages, "anthropic".into())));
        assert_eq!(found(&rules, "https://a.example.com/other/v1/messages"), None);
        assert_eq!(found(&rules, "https://example.com/llm/v1/messages"), None);
    }

    #[test]
    fn a_rule_says_what_the_path_does_not() {
        let rules = [Rule::host("localhost").port(8000).api(Api::OpenAiChat).provider("vllm")];
        assert_eq!(found(&rules, "http://localhost:8000/generate"), Some((Api::OpenAiChat, "vllm".into())));
        assert_eq!(found(&rules, "http://localhost:8001/generate"), None);
    }

    #[test]
    fn a_rule_for_every_host_takes_only_paths_that_speak_a_known_format() {
        let rules = [Rule::host("*")];
        assert_eq!(
            found(&rules, "https://a.test/v1/embeddings"),
            Some((Api::OpenAiEmbeddings, "openai".into()))
        );
        assert_eq!(found(&rules, "https://a.test/v1/orders"), None);
        let known = "https://api.groq.com/openai/v1/chat/completions";
        assert_eq!(found(&rules, known), Some((Api::OpenAiChat, "groq".into())));
    }

    #[test]
    fn a_rule_takes_an_address_apart() {
        for (text, host, port) in [
            ("http://127.0.0.1", "127.0.0.1", None),
            ("HTTP://LocalHost:8080/v1/", "localhost", Some(8080)),
            ("localhost:8080", "localhost", Some(8080)),
            (" //gateway.example ", "gateway.example", None),
            ("gateway.example/team-a", "gateway.example", None),
            ("https://user:secret@gateway.example:8443", "gateway.example", Some(8443)),
            ("localhost:", "localhost", None),
            ("*:8080", "*", Some(8080)),
            ("https://*.example.com", "*.example.com", None),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("http://[::1]:8080", "::1", Some(8080)),
            // What is no host matches none.
            ("localhost:99999", "localhost:99999", None),
            ("", "", None),
            (":", "", None),
            ("://", "", None),
        ] {
            let rule = Rule::host(text);
            assert_eq!((rule.host.as_str(), rule.port), (host, port), "{text:?}");
        }
    }

    #[test]
    fn a_rule_of_an_address_matches_what_goes_there() {
        let chat = |base: &str| format!("{base}/v1/chat/completions");
        for base in ["http://127.0.0.1:8000", "http://[::1]:8000", "https://gateway.example:8000"] {
            let rules = [Rule::host(base).provider("vllm")];
            assert_eq!(found(&rules, &chat(base)), Some((Api::OpenAiChat, "vllm".into())));
            assert_eq!(found(&rules, &chat(&base.replace("8000", "8001"))), None);
        }
        let rules = [Rule::host("http://127.0.0.1")];
        assert!(found(&rules, &chat("http://127.0.0.1:8001")).is_some());
    }

    #[test]
    fn common_words_are_no_paths_of_a_model_on_any_host() {
        let is_of_model = |path| is_of_model(Api::from_path(path).unwrap(), path);
        for path in [
            "/chat/completions",
            "/v1/messages",
            "/v1/responses/",
            "/v1/embeddings",
            "/v1beta/models/gemini-2.5-flash:generateContent",
            "/model/amazon.nova-lite-v1:0/converse",
        ] {
            assert!(is_of_model(path), "{path}");
        }
        for path in ["/surveys/7/responses", "/photos/embeddings"] {
            assert!(!is_of_model(path), "{path}");
        }
    }

    #[test]
    fn a_rule_leaves_a_known_host_alone() {
        let rules = [Rule::host("api.openai.com").path_prefix("/v1/embeddings").ignore()];
        assert_eq!(found(&rules, "https://api.openai.com/v1/embeddings"), None);
        assert!(found(&rules, "https://api.openai.com/v1/chat/completions").is_some());
    }
}
