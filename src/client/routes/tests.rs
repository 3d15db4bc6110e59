use super::*;

type Env<'a> = &'a [(&'a str, &'a str)];

fn routes(sole: Option<Endpoint>, endpoints: Vec<Endpoint>, env: Env<'_>) -> Result<Routes, String> {
    let lookup = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Routes::new(sole, endpoints, false, lookup).map_err(|error| error.to_string())
}

/// The provider's host and the model's name there.
fn way(routes: &Routes, model: &str, named: Option<Provider>) -> Result<(String, String), String> {
    let (route, model) = routes.of(model, named, None).map_err(|error| error.to_string())?;
    Ok((route.server.address.clone(), model.to_owned()))
}

const KEYS: Env<'_> =
    &[("OPENAI_API_KEY", "sk-test"), ("ANTHROPIC_API_KEY", "sk-ant-test"), ("GOOGLE_API_KEY", "AIza")];

#[test]
fn each_model_goes_to_its_provider() {
    let routes = routes(None, Vec::new(), KEYS).unwrap();
    for (model, host, name) in [
        ("gpt-4o", "api.openai.com", "gpt-4o"),
        ("claude-sonnet-4-5", "api.anthropic.com", "claude-sonnet-4-5"),
        ("gemini-2.5-flash", "generativelanguage.googleapis.com", "gemini-2.5-flash"),
        ("anthropic/claude-sonnet-4-5", "api.anthropic.com", "claude-sonnet-4-5"),
    ] {
        assert_eq!(way(&routes, model, None).unwrap(), (host.to_owned(), name.to_owned()));
    }
}

#[test]
fn no_key_at_all_names_the_variables_that_mend_it() {
    let error = routes(None, Vec::new(), &[]).unwrap_err();
    assert!(error.contains("OPENAI_API_KEY") && error.contains(".api_key"), "{error}");
}

#[test]
fn a_model_whose_provider_has_no_key_names_the_variable_that_mends_it() {
    let routes = routes(None, Vec::new(), KEYS).unwrap();
    let error = way(&routes, "voyage-3", None).unwrap_err();
    assert!(error.contains("VOYAGE_API_KEY"), "{error}");
}

#[test]
fn an_unknown_model_is_refused_unless_its_server_or_provider_is_given() {
    let known = routes(None, Vec::new(), KEYS).unwrap();
    let error = way(&known, "llama-3", None).unwrap_err();
    assert!(error.contains(".provider(") && error.contains("OPENAI_BASE_URL"), "{error}");
    assert_eq!(way(&known, "llama-3", Some(Provider::OpenAi)).unwrap().0, "api.openai.com");

    let named = routes(Some(Endpoint::new(Provider::OpenAi)), Vec::new(), KEYS).unwrap();
    assert_eq!(way(&named, "llama-3", None).unwrap().0, "api.openai.com");
    let given = Endpoint::new(Provider::OpenAi).base_url("https://gateway.example/v1");
    let given = routes(Some(given), Vec::new(), KEYS).unwrap();
    assert_eq!(way(&given, "claude-3", None).unwrap(), ("gateway.example".to_owned(), "claude-3".to_owned()));
}

#[test]
fn a_server_of_the_environment_takes_models_of_nobody_and_no_others() {
    let env = [("OPENAI_BASE_URL", "http://localhost:4000/v1"), ("ANTHROPIC_API_KEY", "sk-ant-test")];
    let routes = routes(None, Vec::new(), &env).unwrap();
    for (model, host) in
        [("gpt-4o", "localhost"), ("llama-3", "localhost"), ("claude-sonnet-4-5", "api.anthropic.com")]
    {
        assert_eq!(way(&routes, model, None).unwrap().0, host, "{model}");
    }
    let error = way(&routes, "gemini-2.5-flash", None).unwrap_err();
    assert!(error.contains("GOOGLE_API_KEY") && error.contains(".provider(Provider::OpenAi)"), "{error}");
}

#[test]
fn an_endpoint_of_the_user_is_its_providers() {
    let mine = Endpoint::new(Provider::Anthropic).base_url("http://127.0.0.1:9000").api_key("k");
    let routes = routes(None, vec![mine], KEYS).unwrap();
    assert_eq!(way(&routes, "claude-3-haiku", None).unwrap().0, "127.0.0.1");
    assert_eq!(way(&routes, "gpt-4o", None).unwrap().0, "api.openai.com");
}

#[test]
fn a_call_may_leave_the_server_that_all_others_go_to() {
    let sole = Endpoint::new(Provider::OpenAi).base_url("https://gateway.example/v1");
    let routes = routes(Some(sole), Vec::new(), KEYS).unwrap();
    assert_eq!(way(&routes, "claude-3-haiku", Some(Provider::Anthropic)).unwrap().0, "api.anthropic.com");
}

#[test]
fn an_endpoint_that_cannot_be_is_an_error_at_once() {
    let error = routes(None, vec![Endpoint::new(Provider::AzureOpenAi)], KEYS).unwrap_err();
    assert!(error.contains("AZURE_OPENAI_ENDPOINT"), "{error}");
}

#[test]
fn the_last_word_on_a_provider_holds_among_several() {
    let at = |provider, url: &str| Endpoint::new(provider).base_url(url).api_key("k");
    let endpoints = vec![
        at(Provider::OpenAi, "https://one.example"),
        at(Provider::Anthropic, "https://two.example"),
        at(Provider::Anthropic, "https://three.example"),
    ];
    let routes = routes(None, endpoints, &[]).unwrap();
    assert_eq!(way(&routes, "claude-3-haiku", None).unwrap().0, "three.example");
}

#[test]
fn what_the_environment_gets_wrong_fails_the_calls_that_want_it() {
    let env = [("OPENAI_API_KEY", "sk-test"), ("ANTHROPIC_API_KEY", "your key here")];
    let routes = routes(None, Vec::new(), &env).unwrap();
    assert!(way(&routes, "gpt-4o", None).is_ok());
    assert!(way(&routes, "claude-3-haiku", None).unwrap_err().contains("ANTHROPIC_API_KEY"));
}

#[test]
fn a_program_that_gave_azure_or_vertex_wants_their_models_from_there() {
    let azure = Endpoint::new(Provider::AzureOpenAi).base_url("https://mine.openai.azure.com").api_key("k");
    let vertex = Endpoint::new(Provider::VertexAi).project("mine").location("europe-west4").api_key("k");
    let routes = routes(None, vec![azure, vertex], KEYS).unwrap();
    assert_eq!(way(&routes, "gpt-4o", None).unwrap().0, "mine.openai.azure.com");
    assert_eq!(way(&routes, "gemini-2.5-pro", None).unwrap().0, "europe-west4-aiplatform.googleapis.com");
}

#[test]
fn a_providers_own_address_is_no_gateway() {
    let env = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", "https://api.openai.com/v1")];
    let routes = routes(None, Vec::new(), &env).unwrap();
    assert!(way(&routes, "claude-3-haiku", None).unwrap_err().contains("ANTHROPIC_API_KEY"));
}

#[test]
fn a_models_name_stays_in_its_place() {
    let routes = routes(None, Vec::new(), KEYS).unwrap();
    assert!(way(&routes, "../../other/x", Some(Provider::Google)).unwrap_err().contains("no model's name"));
}

fn authorization(routes: &Routes, model: &str, key: &str) -> Result<String, String> {
    let (route, _) = routes.of(model, None, Some(&key.into())).map_err(|error| error.to_string())?;
    Ok(route.headers()["authorization"].to_str().unwrap().to_owned())
}

#[test]
fn a_call_with_a_key_of_its_own_wants_none_of_the_environment() {
    let known = routes(None, Vec::new(), KEYS).unwrap();
    assert_eq!(authorization(&known, "voyage-3", "pa-mine").unwrap(), "Bearer pa-mine");
    assert_eq!(authorization(&known, "gpt-4o", "sk-mine").unwrap(), "Bearer sk-mine");
    let error = way(&known, "voyage-3", None).unwrap_err();
    assert!(error.contains(".provider_api_key("), "{error}");
}

#[test]
fn a_client_of_keys_per_call_needs_none_at_all() {
    let none = Routes::new(None, Vec::new(), true, |_| None).unwrap();
    assert_eq!(authorization(&none, "gpt-4o", "sk-mine").unwrap(), "Bearer sk-mine");
    let error = way(&none, "gpt-4o", None).unwrap_err();
    assert!(error.contains("OPENAI_API_KEY") && error.contains(".provider_api_key("), "{error}");
    let sole = Routes::new(Some(Endpoint::new(Provider::OpenAi)), Vec::new(), true, |_| None).unwrap();
    assert_eq!(authorization(&sole, "anything", "sk-mine").unwrap(), "Bearer sk-mine");
}

#[test]
fn a_calls_key_of_another_provider_is_refused_and_not_repeated() {
    let known = routes(None, Vec::new(), KEYS).unwrap();
    let error = authorization(&known, "gpt-4o", "sk-ant-secret").unwrap_err();
    assert!(error.contains(".provider_api_key(") && !error.contains("secret"), "{error}");
}

#[test]
fn a_key_of_bedrock_may_have_tracias_name() {
    let env = [("BEDROCK_API_KEY", "bedrock-mine"), ("AWS_REGION", "eu-west-1")];
    let endpoint = Endpoint::new(Provider::Bedrock);
    let known = routes(None, vec![endpoint], &env).unwrap();
    let (route, _) = known.of("amazon.nova-lite-v1:0", None, None).unwrap();
    assert_eq!(route.headers()["authorization"], "Bearer bedrock-mine");
}
