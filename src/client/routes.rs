//! Which endpoint a model's calls take.

use super::{
    Provider,
    endpoint::Endpoint,
    route::{NoRoute, Route},
};
use crate::{Error, vocabulary::tracia::ErrorCode};
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
    sole: Option<Arc<Route>>,
    /// Why there is none stands in its place.
    by_provider: Vec<(Provider, Result<Arc<Route>, Obstacle>)>,
    /// Those that the program gave an endpoint for.
    given: Vec<Provider>,
    /// Amazon Bedrock as the environment has it, looked for when a call wants it: that may read AWS's files.
    bedrock: OnceLock<Result<Arc<Route>, Obstacle>>,
}

/// Why a provider cannot be called, in words.
#[derive(Debug)]
enum Obstacle {
    /// Something is missing, its key as a rule.
    Unset(String),
    Wrong(String),
}

impl Obstacle {
    fn error(&self) -> Error {
        match self {
            Self::Unset(why) => Error::configuration(why).with_tracia_code(ErrorCode::MissingProviderApiKey),
            Self::Wrong(why) => Error::configuration(why),
        }
    }
}

impl Routes {
    /// `sole` takes every model; of the others each takes its provider's, as the environment says
    /// where `endpoints` do not.
    pub(super) fn new(
        sole: Option<Endpoint>,
        mut endpoints: Vec<Endpoint>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let sole = match sole.map(|endpoint| Route::new(endpoint, &lookup)).transpose() {
            Ok(sole) => sole.map(Arc::new),
            Err(NoRoute::Unset(why)) => return Err(Obstacle::Unset(why).error()),
            Err(NoRoute::Wrong(error)) => return Err(error),
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
            let route = match Route::new(endpoint, &lookup) {
                Ok(route) => Ok(Arc::new(route)),
                Err(NoRoute::Unset(why)) if is_given => return Err(Obstacle::Unset(why).error()),
                Err(NoRoute::Unset(why)) => Err(Obstacle::Unset(why)),
                Err(NoRoute::Wrong(error)) if is_given => return Err(error),
                // What the environment says of a provider that no call may ever want fails those calls.
                Err(NoRoute::Wrong(error)) => {
                    let why = error.info().message.clone();
                    wrong.get_or_insert(error);
                    Err(Obstacle::Wrong(why))
                }
            };
            given_providers.extend(is_given.then_some(provider));
            by_provider.push((provider, route));
        }
        if let Some(other) = endpoints.iter().find(|endpoint| !PROVIDERS.contains(&endpoint.provider)) {
            return Err(not_built_in(other.provider));
        }
        let routes = Self { sole, by_provider, given: given_providers, bedrock: OnceLock::new() };
        let is_useless = routes.sole.is_none() && routes.by_provider.iter().all(|(_, route)| route.is_err());
        let has_aws = |name: &str| lookup(name).is_some_and(|value| !value.trim().is_empty());
        let may_sign =
            cfg!(feature = "bedrock") && ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().any(has_aws);
        if is_useless && !may_sign && !has_aws("AWS_BEARER_TOKEN_BEDROCK") {
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
    /// call names.
    pub(super) fn of<'a>(
        &self,
        model: &'a str,
        named: Option<Provider>,
    ) -> Result<(Arc<Route>, &'a str), Error> {
        if model.trim().is_empty() {
            return Err(Error::configuration("the model's name is empty"));
        }
        // It becomes a part of an address.
        if model.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
            return Err(Error::configuration(format!(
                "{model:?} is no model's name: it leaves its place in the address"
            )));
        }
        if let Some(provider) = named {
            let sole = self.sole.as_ref().filter(|sole| sole.provider == provider);
            return sole
                .map_or_else(|| self.to(provider), |sole| Ok(Arc::clone(sole)))
                .map(|route| (route, model));
        }
        if let Some(sole) = &self.sole {
            return Ok((Arc::clone(sole), model));
        }
        // A server of OpenAI's format that is nobody's own may have any model.
        let gateway = || self.to(Provider::OpenAi).ok().filter(|route| route.is_gateway);
        match Provider::of_model(model) {
            Some((provider, name)) => match self.to(self.stand_in(provider)) {
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

    fn to(&self, provider: Provider) -> Result<Arc<Route>, Error> {
        let known = self.by_provider.iter().find(|(known, _)| *known == provider).map(|(_, route)| route);
        let from_env = || (provider == Provider::Bedrock).then(|| self.bedrock.get_or_init(bedrock_from_env));
        match known.or_else(from_env) {
            Some(Ok(route)) => Ok(Arc::clone(route)),
            Some(Err(obstacle)) => Err(obstacle.error()),
            None => Err(not_built_in(provider)),
        }
    }
}

fn bedrock_from_env() -> Result<Arc<Route>, Obstacle> {
    let route = Route::new(Endpoint::new(Provider::Bedrock), &|name| std::env::var(name).ok());
    route.map(Arc::new).map_err(|error| match error {
        NoRoute::Unset(why) => Obstacle::Unset(why),
        NoRoute::Wrong(error) => Obstacle::Wrong(error.info().message.clone()),
    })
}

fn not_built_in(provider: Provider) -> Error {
    Error::configuration(format!("calls of {provider} are not built in"))
        .with_tracia_code(ErrorCode::UnsupportedModel)
}

#[cfg(test)]
mod tests;
