use super::*;
use http::header::AUTHORIZATION;

fn route(endpoint: Endpoint, env: &[(&str, &str)]) -> Result<Route, String> {
    let lookup = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Route::new(endpoint, &lookup).map_err(|error| match error {
        NoRoute::Unset(why) | NoRoute::Keyless(why, _) => why,
        NoRoute::Wrong(error) => error.to_string(),
    })
}

fn openai() -> Endpoint {
    Endpoint::new(Provider::OpenAi)
}

fn at(base_url: &str) -> Endpoint {
    openai().base_url(base_url).api_key("sk-test")
}

fn url(endpoint: Endpoint, api: Api, model: &str, stream: bool) -> String {
    route(endpoint, &[]).unwrap().url(api, model, stream).to_string()
}

#[test]
fn a_missing_key_names_the_variable_that_mends_it() {
    for (provider, variable) in [
        (Provider::OpenAi, "OPENAI_API_KEY"),
        (Provider::Anthropic, "ANTHROPIC_API_KEY"),
        (Provider::Google, "GOOGLE_API_KEY or GEMINI_API_KEY"),
        (Provider::Voyage, "VOYAGE_API_KEY"),
        (Provider::Cohere, "CO_API_KEY or COHERE_API_KEY"),
    ] {
        let error = route(Endpoint::new(provider), &[]).unwrap_err();
        assert!(error.contains(variable) && error.contains(".api_key"), "{error}");
    }
    let error = route(Endpoint::new(Provider::AzureOpenAi), &[("AZURE_OPENAI_API_KEY", "k")]).unwrap_err();
    assert!(error.contains("AZURE_OPENAI_ENDPOINT"), "{error}");
    let error = route(Endpoint::new(Provider::VertexAi), &[("GOOGLE_CLOUD_PROJECT", "mine")]).unwrap_err();
    assert!(error.contains(".token_source("), "{error}");
    let error = route(Endpoint::new(Provider::VertexAi).api_key("ya29.x"), &[]).unwrap_err();
    assert!(error.contains("GOOGLE_CLOUD_PROJECT"), "{error}");
}

#[test]
fn a_key_with_blanks_is_refused_and_not_repeated() {
    let error = route(openai(), &[("OPENAI_API_KEY", "sk-one two")]).unwrap_err();
    assert!(error.contains("OPENAI_API_KEY") && !error.contains("two"), "{error}");
}

#[test]
fn a_key_of_another_provider_is_refused_and_not_repeated() {
    let error = route(openai(), &[("OPENAI_API_KEY", "sk-ant-api03-secret")]).unwrap_err();
    assert!(error.contains("OPENAI_API_KEY") && error.contains("Anthropic"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let error = route(Endpoint::new(Provider::Anthropic).api_key("sk-proj-secret"), &[]).unwrap_err();
    assert!(error.contains("OpenAI") && !error.contains("secret"), "{error}");
}

#[test]
fn a_gateway_may_take_any_key() {
    let gateway = openai().base_url("https://gateway.example/v1").api_key("sk-ant-api03-secret");
    assert!(route(gateway, &[]).is_ok());
}

#[test]
fn a_server_on_this_machine_needs_no_key() {
    let env = [("OPENAI_BASE_URL", "http://localhost:11434/v1")];
    assert_eq!(route(openai(), &env).unwrap().provider_name, "ollama");
}

#[test]
fn a_malformed_address_names_the_variable_or_the_option_it_came_from() {
    let env = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", "api.openai.com")];
    assert!(route(openai(), &env).unwrap_err().contains("OPENAI_BASE_URL"));
    for address in ["ftp://host", "localhost:11434/v1", "https://host/v1/chat/completions"] {
        let error = route(at(address), &[]).unwrap_err();
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
        assert_eq!(route(at(base_url), &[]).unwrap().provider_name, provider, "{base_url}");
    }
}

#[test]
fn a_name_that_the_user_gives_the_provider_wins() {
    let endpoint = at("http://localhost:8000/v1").provider_name("vllm");
    assert_eq!(route(endpoint, &[]).unwrap().provider_name, "vllm");
}

#[test]
fn mistral_is_asked_in_its_own_words() {
    let dialect = |base_url| route(at(base_url), &[]).unwrap().dialect;
    assert!(!dialect("https://api.mistral.ai/v1").stream_usage);
    assert!(dialect("https://api.mistral.ai/v1").random_seed);
    assert!(dialect("https://api.openai.com/v1").stream_usage);
}

#[test]
fn a_key_that_the_provider_repeats_is_forgotten() {
    let endpoint = openai().base_url("https://gateway.example").api_key("9f8e7d6c5b4a");
    let mut info = ErrorInfo::new(crate::record::ErrorKind::Authentication, "wrong key 9f8e7d6c5b4a!");
    route(endpoint, &[]).unwrap().forget_key(&mut info);
    assert_eq!(info.message, "wrong key [redacted]!");
}

#[test]
fn an_address_of_the_newer_protocol_has_no_brackets() {
    let route = route(at("http://[::1]:8000/v1"), &[]).unwrap();
    assert_eq!((route.server.address.as_str(), route.server.port), ("::1", 8000));
}

#[test]
fn the_query_of_a_base_url_stays() {
    let base = "https://mine.openai.azure.com/openai/?api-version=preview";
    assert_eq!(
        url(at(base), Api::OpenAiChat, "gpt", false),
        "https://mine.openai.azure.com/openai/chat/completions?api-version=preview"
    );
}

#[test]
fn each_provider_is_called_at_its_own_address_with_its_own_header() {
    let anthropic = || Endpoint::new(Provider::Anthropic).api_key("sk-ant-x");
    assert_eq!(
        url(anthropic(), Api::AnthropicMessages, "claude", true),
        "https://api.anthropic.com/v1/messages"
    );
    let headers = route(anthropic(), &[]).unwrap().headers();
    assert_eq!(
        (&headers["x-api-key"], &headers["anthropic-version"]),
        (&"sk-ant-x".parse().unwrap(), &"2023-06-01".parse().unwrap())
    );
    assert!(!headers.contains_key(AUTHORIZATION));

    let google = || Endpoint::new(Provider::Google).api_key("AIzaX");
    assert_eq!(
        url(google(), Api::GoogleGenerateContent, "gemini-2.5-flash", true),
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    );
    assert_eq!(
        url(google(), Api::GoogleGenerateContent, "tunedModels/mine", false),
        "https://generativelanguage.googleapis.com/v1beta/tunedModels/mine:generateContent"
    );
    assert_eq!(route(google(), &[]).unwrap().headers()["x-goog-api-key"], "AIzaX");

    let vertex = Endpoint::new(Provider::VertexAi).api_key("ya29.x").project("mine").location("europe-west4");
    assert_eq!(
        url(vertex, Api::VertexPredict, "gemini-embedding-001", false),
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/mine/locations/europe-west4/publishers/google/models/gemini-embedding-001:predict"
    );

    let azure =
        || Endpoint::new(Provider::AzureOpenAi).base_url("https://mine.openai.azure.com").api_key("k");
    assert_eq!(
        url(azure(), Api::OpenAiChat, "my deployment", false),
        "https://mine.openai.azure.com/openai/deployments/my%20deployment/chat/completions?api-version=2024-10-21"
    );
    assert_eq!(route(azure(), &[]).unwrap().headers()["api-key"], "k");
    let newer = azure().base_url("https://mine.openai.azure.com/openai/v1");
    assert_eq!(
        url(newer, Api::OpenAiResponses, "gpt", false),
        "https://mine.openai.azure.com/openai/v1/responses"
    );
}

#[test]
fn the_end_of_vertex_without_a_region_is_the_global_one() {
    let vertex = Endpoint::new(Provider::VertexAi).api_key("ya29.x").project("mine");
    assert!(
        url(vertex, Api::GoogleGenerateContent, "gemini-2.5-pro", false)
            .starts_with("https://aiplatform.googleapis.com/v1/projects/mine/locations/global/")
    );
}

#[test]
fn no_debug_output_shows_the_key() {
    let endpoint = at("https://gateway.example/v1?api-key=hunter2");
    let of_endpoint = format!("{endpoint:?}");
    let of_route = format!("{:?}", route(endpoint, &[]).unwrap());
    for debug in [of_endpoint, of_route] {
        assert!(debug.contains("gateway.example") && !debug.contains("sk-test"), "{debug}");
        assert!(!debug.contains("hunter2"), "{debug}");
    }
}

#[test]
fn azures_responses_are_at_the_address_without_a_dated_version() {
    let azure =
        || Endpoint::new(Provider::AzureOpenAi).base_url("https://mine.openai.azure.com").api_key("k");
    assert_eq!(
        url(azure(), Api::OpenAiResponses, "gpt", false),
        "https://mine.openai.azure.com/openai/v1/responses"
    );
    assert_eq!(
        url(azure().api_version("2025-03-01-preview"), Api::OpenAiResponses, "gpt", false),
        "https://mine.openai.azure.com/openai/responses?api-version=2025-03-01-preview"
    );
}

#[test]
fn a_full_name_of_a_model_on_vertex_stands_for_itself() {
    let vertex = || Endpoint::new(Provider::VertexAi).api_key("ya29.x").project("p").location("us-central1");
    let at = |model| url(vertex(), Api::GoogleGenerateContent, model, false);
    let host = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1";
    assert_eq!(
        at("projects/p/locations/us-central1/endpoints/1"),
        format!("{host}/endpoints/1:generateContent")
    );
    assert_eq!(
        at("publishers/google/models/x"),
        format!("{host}/publishers/google/models/x:generateContent")
    );
}

#[test]
fn what_is_no_region_or_project_is_refused_and_never_called() {
    let vertex = || Endpoint::new(Provider::VertexAi).api_key("ya29.x").project("p");
    assert!(route(vertex().location("evil.example/x"), &[]).unwrap_err().contains(".location("));
    assert!(route(vertex().project("p/../q"), &[]).unwrap_err().contains(".project("));
}

#[test]
fn a_deployments_name_stays_one_part_of_the_path() {
    let azure =
        Endpoint::new(Provider::AzureOpenAi).base_url("https://m.openai.azure.com/tenant").api_key("k");
    let url = url(azure, Api::OpenAiChat, "a/b", false);
    assert!(url.starts_with("https://m.openai.azure.com/tenant/openai/deployments/a%2Fb/chat"), "{url}");
}

#[test]
fn several_headers_of_one_name_are_all_sent() {
    let endpoint = Endpoint::new(Provider::Anthropic).api_key("sk-ant-x");
    let endpoint = endpoint.header("anthropic-beta", "a").header("anthropic-beta", "b");
    let headers = route(endpoint.header("anthropic-version", "2024"), &[]).unwrap().headers();
    assert_eq!(headers.get_all("anthropic-beta").iter().count(), 2);
    assert_eq!(headers.get_all("anthropic-version").iter().collect::<Vec<_>>(), ["2024"]);
}

#[test]
fn a_key_in_the_details_of_an_error_is_forgotten() {
    let endpoint = openai().base_url("https://gateway.example").api_key("9f8e7d6c5b4a");
    let mut info = ErrorInfo::new(crate::record::ErrorKind::Authentication, "no");
    info.details = vec![serde_json::json!({ "keys": ["9f8e7d6c5b4a"] })];
    route(endpoint, &[]).unwrap().forget_key(&mut info);
    assert_eq!(info.details, [serde_json::json!({ "keys": ["[redacted]"] })]);
}

#[test]
fn bedrock_is_called_in_its_region_with_the_models_name_as_one_part_of_the_path() {
    let bedrock = || Endpoint::new(Provider::Bedrock).api_key("bedrock-api-key-x").location("eu-central-1");
    let model = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    assert_eq!(
        url(bedrock(), Api::BedrockConverse, model, false),
        "https://bedrock-runtime.eu-central-1.amazonaws.com/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"
    );
    assert!(url(bedrock(), Api::BedrockConverse, model, true).ends_with("/converse-stream"));
    assert!(url(bedrock(), Api::BedrockInvokeModel, model, true).ends_with("/invoke-with-response-stream"));
    let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x";
    assert!(url(bedrock(), Api::BedrockEmbeddings, arn, false).contains("%3Ainference-profile%2Fx/invoke"));
    let route = route(bedrock(), &[]).unwrap();
    assert_eq!(route.headers()[AUTHORIZATION], "Bearer bedrock-api-key-x");
    assert_eq!(route.provider_name, "aws.bedrock");
}

#[test]
fn bedrocks_region_comes_from_the_environment() {
    let at = |env: &[(&str, &str)]| {
        let route = route(Endpoint::new(Provider::Bedrock), env)?;
        Ok::<_, String>(route.server.address)
    };
    let key = ("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-x");
    let address = at(&[key, ("AWS_REGION", "us-west-2"), ("AWS_DEFAULT_REGION", "eu-west-1")]).unwrap();
    assert_eq!(address, "bedrock-runtime.us-west-2.amazonaws.com");
    assert!(at(&[key, ("AWS_DEFAULT_REGION", "eu-west-1")]).unwrap().contains("eu-west-1"));
    assert!(at(&[key, ("AWS_REGION", "evil.example/")]).unwrap_err().contains("AWS_REGION"));
    // A profile of this machine may have one.
    if profile_region().is_none() {
        assert!(at(&[key]).unwrap_err().contains("AWS_REGION"));
    }
}

#[cfg(not(feature = "bedrock"))]
#[test]
fn without_the_feature_bedrock_takes_an_api_key_alone() {
    let error = route(Endpoint::new(Provider::Bedrock), &[("AWS_REGION", "us-east-1")]).unwrap_err();
    assert!(error.contains("AWS_BEARER_TOKEN_BEDROCK") && error.contains("`bedrock`"), "{error}");
}
