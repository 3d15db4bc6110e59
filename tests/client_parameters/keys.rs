//! Keys of single calls.

use super::{World, client};
use tracing_genai::{
    Client,
    client::{Endpoint, Provider},
    testing::{Answer, FakeProvider, capture_async},
};

const KEY: &str = "sk-tenant-4711-secret";

#[tokio::test]
async fn a_key_of_the_call_replaces_the_clients_for_that_call_alone() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    client.chat("gpt-4o").user("Hi").provider_api_key(KEY).await.unwrap();
    client.embed("text-embedding-3-small").input("sea").provider_api_key(KEY).await.unwrap();
    client.chat("gpt-4o").user("Hi").await.unwrap();
    let sent: Vec<_> = provider.requests();
    let keys: Vec<_> = sent.iter().map(|request| request.header("authorization").unwrap()).collect();
    let call = format!("Bearer {KEY}");
    assert_eq!(keys, [&*call, &*call, "Bearer sk-client-key-0001"]);
}

#[tokio::test]
async fn an_empty_key_is_none() {
    let provider = FakeProvider::start().unwrap();
    client(&provider).chat("gpt-4o").user("Hi").provider_api_key(" ").await.unwrap();
    assert_eq!(provider.requests()[0].header("authorization"), Some("Bearer sk-client-key-0001"));
}

#[tokio::test]
async fn it_goes_where_the_provider_wants_it() {
    let provider = FakeProvider::start().unwrap();
    let endpoint = Endpoint::new(Provider::Anthropic).base_url(provider.anthropic_url());
    let client = Client::builder().endpoint(endpoint).keys_per_call(true).build().unwrap();
    client.chat("claude-sonnet-4-5").user("Hi").provider_api_key("sk-ant-x1234").await.unwrap();
    assert_eq!(provider.requests()[0].header("x-api-key"), Some("sk-ant-x1234"));
}

#[tokio::test]
async fn a_client_without_keys_serves_calls_that_bring_theirs() {
    let provider = FakeProvider::start().unwrap();
    let endpoint = Endpoint::new(Provider::OpenAi).base_url(provider.base_url());
    let client = Client::builder().endpoint(endpoint).keys_per_call(true).build().unwrap();
    client.chat("gpt-4o").user("Hi").provider_api_key(KEY).await.unwrap();
    assert_eq!(provider.requests()[0].header("authorization"), Some(&*format!("Bearer {KEY}")));
}

#[tokio::test]
async fn a_key_with_blanks_is_refused_before_anything_is_sent_and_not_repeated() {
    let provider = FakeProvider::start().unwrap();
    let call = client(&provider).chat("gpt-4o").user("Hi").provider_api_key("sk-tenant two");
    assert!(!format!("{call:?}").contains("tenant"));
    let (result, spans) = capture_async(call.send()).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains(".provider_api_key(") && !error.contains("tenant"), "{error}");
    assert!(spans.is_empty() && provider.requests().is_empty());
}

#[test]
fn a_key_that_the_provider_repeats_is_in_no_error_and_no_span() {
    let world = World::new();
    let words = format!("Incorrect API key provided: {KEY}");
    world.provider.enqueue(Answer::error(401, "invalid_request_error", "invalid_api_key", words));
    let error =
        world.run(async |client| client.chat("gpt-4o").user("Hi").provider_api_key(KEY).await.unwrap_err());
    assert!(!format!("{error} {error:?}").contains("tenant-4711"), "{error:?}");
    assert_eq!(world.tracia.spans()[0]["status"], "ERROR");
    assert!(!world.saw("tenant-4711"));
}
