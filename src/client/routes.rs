//! Which endpoint a model's calls take.

use super::{
    Provider,
    endpoint::Endpoint,
    route::{NoRoute, Route},
};
use crate::{Error, vocabulary::tracia::ErrorCode};
use secrecy::SecretString;
use std::sync::{Arc, OnceLock};

/// The providers whose keys the environment may hold.
const PROVIDERS: [Provider; 13] = [
    Provider::OpenAi,
    Provider::AzureOpenAi,
    Provider::Anthropic,
    Provider::Google,
    Provider::VertexAi,
    Provider::Bedrock,
    Provider::Voyage,
    Provider::Mistral,
    Provider::Cohere,
    Provider::Groq,
    Provider::XAi,
    Provider::DeepSeek,
    Provider::OpenRouter,
];

/// Every way that a client knows.
#[derive(Debug)]
pub(super) struct Routes {
    /// Where everything goes that no call sends elsewhere.
    sole: Option<Way>,
    by_provider: Vec<(Provider, Way)>,
    /// Those that the program gave an endpoint for.
    given: Vec<Provider>,
    /// Amazon Bedrock as the environment has it, looked for when a call wants it: that may read AWS's files.
    bedrock: OnceLock<Way>,
}

/// A way, or why there is none.
#[derive(Debug)]
enum Way {
    Open(Arc<Route>),
    /// For calls with keys of their own; why there is none for others.
    Keyless(String, Box<Route>),
    /// What was said of it is wrong.
    Wrong(String),
    /// Something is missing, its key as a rule.
    Unset(String),
}

impl Way {
    /// From what became of the route; what was said wrong is given back.
    fn of(route: Result<Route, NoRoute>) -> Result<Self, Error> {
        match route {
            Ok(route) => Ok(Self::Open(Arc::new(route))),
            Err(NoRoute::Keyless(why, route)) => Ok(Self::Keyless(why, route)),
            Err(NoRoute::Unset(why)) => Ok(Self::Unset(why)),
            Err(NoRoute::Wrong(error)) => Err(error),
        }
    }

    /// This, if it can be taken as it is, or by calls that have keys of their own where each has one.
    fn checked(self, keys_per_call: bool) -> Result<Self, Error> {
        match self {
            Self::Keyless(why, _) if !keys_per_call => Err(unset(why)),
            Self::Unset(why) => Err(unset(why)),
            Self::Wrong(why) => Err(Error::configuration(why)),
            way => Ok(way),
        }
    }

    /// The route, of a call with this key if it has one.
    fn take(&self, key: Option<&SecretString>) -> Result<Arc<Route>, Error> {
        match (self, key) {
            (Self::Open(route), None) => Ok(Arc::clone(route)),
            (Self::Open(route), Some(key)) => route.with_key(key).map(Arc::new),
            (Self::Keyless(_, route), Some(key)) => route.with_key(key).map(Arc::new),
            (Self::Keyless(why, _), None) => {
                Err(unset(format!("{why}, or `.provider_api_key(..)` on the call")))
            }
            (Self::Unset(why), _) => Err(unset(why)),
            (Self::Wrong(why), _) => Err(Error::configuration(why)),
        }
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    fn route(&self) -> Option<&Route> {
        match self {
            Self::Open(route) => Some(route),
            Self::Keyless(_, route) => Some(route),
            Self::Unset(_) | Self::Wrong(_) => None,
        }
    }
}

impl Routes {
    /// `sole` takes every model; of the others each takes its provider's, as the environment says
    /// where `endpoints` do not.
    pub(super) fn new(
        sole: Option<Endpoint>,
        mut endpoints: Vec<Endpoint>,
        keys_per_call: bool,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let way_of = |endpoint| Way::of(Route::new(endpoint, &lookup));
        let sole = match sole {
            Some(endpoint) => Some(way_of(endpoint)?.checked(keys_per_call)?),
            None => None,
        };
        let mut by_provider = Vec::with_capacity(PROVIDERS.len());
        let (mut given_providers, mut wrong) = (Vec::new(), None);
        for provider in PROVIDERS {
            // The last word of a user holds.
            let given = endpoints.iter().rposition(|endpoint| endpoint.provider == provider);
            let is_given = given.is_some();
            if provider == Provider::Bedrock && !is_given {
                continue;
            }
            let endpoint = given.map_or_else(|| Endpoint::new(provider), |at| endpoints.remove(at));
            let way = match way_of(endpoint) {
                Ok(way) if is_given => way.checked(keys_per_call)?,
                Ok(way) => way,
                Err(error) if is_given => return Err(error),
                // What the environment says of a provider that no call may ever want fails those calls.
                Err(error) => {
                    let why = error.info().message.clone();
                    wrong.get_or_insert(error);
                    Way::Wrong(why)
                }
            };
            given_providers.extend(is_given.then_some(provider));
            by_provider.push((provider, way));
        }
        if let Some(other) = endpoints.iter().find(|endpoint| !PROVIDERS.contains(&endpoint.provider)) {
            return Err(not_built_in(other.provider));
        }
        let routes = Self { sole, by_provider, given: given_providers, bedrock: OnceLock::new() };
        let is_useless = routes.sole.is_none() && !routes.by_provider.iter().any(|(_, way)| way.is_open());
        let has_aws = |name: &str| lookup(name).is_some_and(|value| !value.trim().is_empty());
        let may_sign =
            cfg!(feature = "bedrock") && ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().any(has_aws);
        let has_bedrock_key = ["AWS_BEARER_TOKEN_BEDROCK", "BEDROCK_API_KEY"].into_iter().any(has_aws);
        if is_useless && !keys_per_call && !may_sign && !has_bedrock_key {
            if let Some(error) = wrong {
                return Err(error);
            }
            return Err(Error::configuration(
                "no API key of any provider: set OPENAI_API_KEY, ANTHROPIC_API_KEY, GOOGLE_API_KEY or another, \
                 or give `.api_key(..)` or `.endpoint(..)`",
            )
            .with_tracia_code(ErrorCode::MissingProviderApiKey));
        }
        Ok(routes)
    }

    /// Where a call of this model goes, and the model's name there. `named` is the provider that the
    /// call names, `key` its own.
    pub(super) fn of<'a>(
        &self,
        model: &'a str,
        named: Option<Provider>,
        key: Option<&SecretString>,
    ) -> Result<(Arc<Route>, &'a str), Error> {
        // It becomes a part of an address.
        if model.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
            return Err(Error::configuration(format!(
                "{model:?} is no model's name: it leaves its place in the address"
            )));
        }
        if let Some(provider) = named {
            let is_its = |sole: &&Way| sole.route().is_some_and(|route| route.provider == provider);
            let sole = self.sole.as_ref().filter(is_its);
            let route = sole.map_or_else(|| self.to(provider, key), |sole| sole.take(key));
            return route.map(|route| (route, model));
        }
        if let Some(sole) = &self.sole {
            return sole.take(key).map(|route| (route, model));
        }
        // A server of OpenAI's format that is nobody's own may have any model.
        let gateway = || self.to(Provider::OpenAi, key).ok().filter(|route| route.is_gateway);
        match Provider::of_model(model) {
            Some((provider, name)) => match self.to(self.stand_in(provider), key) {
                Ok(route) => Ok((route, name)),
                // A prompt goes to nobody whom its model's name does not tell.
                Err(error) if gateway().is_some() => Err(Error::configuration(format!(
                    "{error}; or say `.provider(Provider::OpenAi)` for the server of OpenAI's format"
                ))
                .with_tracia_code(error.tracia_code())),
                Err(error) => Err(error),
            },
            None => gateway().map(|route| (route, model)).ok_or_else(|| self.unknown(model)),
        }
    }

    fn unknown(&self, model: &str) -> Error {
        let example = self.given.first().copied().unwrap_or(Provider::OpenAi);
        Error::configuration(format!(
            "no provider is known for the model {model:?}: name it with `.provider(Provider::{example:?})` or \
             another, or give the server's address with `.base_url(..)` or OPENAI_BASE_URL"
        ))
        .with_tracia_code(ErrorCode::UnsupportedModel)
    }

    /// Who has the models of this provider in its place: a program that gave the one and not the other
    /// wants them from there.
    fn stand_in(&self, provider: Provider) -> Provider {
        let other = match provider {
            Provider::OpenAi => Provider::AzureOpenAi,
            Provider::Google => Provider::VertexAi,
            _ => return provider,
        };
        let is_given = |provider| self.given.contains(&provider);
        if is_given(other) && !is_given(provider) { other } else { provider }
    }

    fn to(&self, provider: Provider, key: Option<&SecretString>) -> Result<Arc<Route>, Error> {
        let known = self.by_provider.iter().find(|(known, _)| *known == provider).map(|(_, way)| way);
        let from_env = || (provider == Provider::Bedrock).then(|| self.bedrock.get_or_init(bedrock_from_env));
        known.or_else(from_env).map_or_else(|| Err(not_built_in(provider)), |way| way.take(key))
    }
}

fn unset(why: impl AsRef<str>) -> Error {
    Error::configuration(why).with_tracia_code(ErrorCode::MissingProviderApiKey)
}

fn bedrock_from_env() -> Way {
    let route = Route::new(Endpoint::new(Provider::Bedrock), &|name| std::env::var(name).ok());
    Way::of(route).unwrap_or_else(|error| Way::Wrong(error.info().message.clone()))
}

fn not_built_in(provider: Provider) -> Error {
    Error::configuration(format!("calls of {provider} are not built in"))
        .with_tracia_code(ErrorCode::UnsupportedModel)
}

#[cfg(test)]
mod tests;
