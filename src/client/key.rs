//! Keys: the header that carries one, whose it is, and taking it out of what a provider says.

use crate::{Error, capture::redact, provider::Provider, record::ErrorInfo};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};

/// Beginnings of keys that tell whose they are.
const KEYS: [(&str, Provider); 10] = [
    ("sk-ant-", Provider::Anthropic),
    ("sk-proj-", Provider::OpenAi),
    ("sk-svcacct-", Provider::OpenAi),
    ("sk-or-", Provider::OpenRouter),
    ("AIza", Provider::Google),
    ("ya29.", Provider::VertexAi),
    ("gsk_", Provider::Groq),
    ("xai-", Provider::XAi),
    ("pa-", Provider::Voyage),
    ("AKIA", Provider::Bedrock),
];

/// The header that carries the key.
pub(super) fn key_header(
    provider: Provider,
    key: &SecretString,
    setting: &str,
) -> Result<(HeaderName, HeaderValue), Error> {
    let key = key.expose_secret().trim();
    let unusable =
        || Error::configuration(format!("the API key of {setting} has blanks or characters that no key has"));
    if key.is_empty() {
        return Err(Error::configuration(format!("the API key of {setting} is empty")));
    }
    if key.contains(char::is_whitespace) {
        return Err(unusable());
    }
    let (name, value) = match provider {
        Provider::Anthropic => (HeaderName::from_static("x-api-key"), HeaderValue::from_str(key)),
        Provider::Google => (HeaderName::from_static("x-goog-api-key"), HeaderValue::from_str(key)),
        Provider::AzureOpenAi => (HeaderName::from_static("api-key"), HeaderValue::from_str(key)),
        _ => (AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))),
    };
    let mut value = value.map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The header of a token that was asked for.
pub(super) fn bearer(token: &SecretString) -> Result<HeaderValue, Error> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim()));
    let mut value = value.map_err(|_| {
        Error::configuration("the token of `.token_source(..)` has characters that no token has")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A key that tells whose it is goes to nobody else.
pub(super) fn check_owner(key: &SecretString, provider: Provider, setting: &str) -> Result<(), Error> {
    let key = key.expose_secret().trim();
    let owner = KEYS.iter().find(|(beginning, _)| key.starts_with(beginning)).map(|(_, owner)| *owner);
    match owner {
        Some(owner) if owner != provider => Err(Error::configuration(format!(
            "{setting} has a key of {owner}, and {provider} is to be called: give the right one there"
        ))),
        _ => Ok(()),
    }
}

/// Takes this secret out of what a provider said.
pub(super) fn forget(secret: &SecretString, info: &mut ErrorInfo) {
    redact::forget(secret.expose_secret(), info);
}
