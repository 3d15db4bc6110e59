//! Which requests are calls of a model.

use crate::{
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
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// A rule of the user's matched it: the host is not one that the crate knows.
    pub(crate) by_rule: bool,
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
}

impl Rule {
    /// Requests to this host, in any letter case; `*.example.com` is every host below `example.com`, and
    /// `*` every host.
    pub fn host(host: impl Into<String>) -> Self {
        let host = host.into().trim().to_ascii_lowercase();
        Self { host, port: None, path_prefix: None, api: None, provider: None, is_exclusion: false }
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

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
}

impl<'a> Address<'a> {
    /// Where the request says it goes: in its address, or as one on a connection of its own does, by its
    /// header `host`. `None` if it does not.
    pub(crate) fn of(uri: &'a Uri, headers: &'a HeaderMap) -> Option<Self> {
        let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let (path, query) = (uri.path(), uri.query());
        if let Some(host) = uri.host() {
            return Some(Self { host, port: uri.port_u16().unwrap_or(usual), path, query });
        }
        let host = headers.get(HOST)?.to_str().ok()?;
        let (host, port) = match host.rsplit_once(':') {
            // The colons of an address in brackets are its own.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (host, usual),
        };
        Some(Self { host, port, path, query })
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
    let Address { host, port, path, query } = address;
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
        None => Cow::Borrowed(known?),
    };
    let server = Server { address: host.to_owned(), port };
    let (path, query) = (path.to_owned(), query.map(str::to_owned));
    Some(Target { api, provider, server, path, query, by_rule: known.is_none() })
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
    fn a_rule_leaves_a_known_host_alone() {
        let rules = [Rule::host("api.openai.com").path_prefix("/v1/embeddings").ignore()];
        assert_eq!(found(&rules, "https://api.openai.com/v1/embeddings"), None);
        assert!(found(&rules, "https://api.openai.com/v1/chat/completions").is_some());
    }
}
