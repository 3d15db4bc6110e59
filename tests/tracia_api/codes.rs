//! `Error::tracia_code`, row by row of its table; the rows of Tracia's own API are in `refusals`.
#![cfg(feature = "client")]

use std::{net::TcpListener, time::Duration};
use tracing_genai::{
    Client, Error,
    client::{Endpoint, Provider},
    record::{ErrorInfo, ErrorKind},
    testing::{Answer, FakeProvider, Gate},
    tracia::ErrorCode,
};

fn at(provider: &FakeProvider) -> Client {
    let client = Client::builder().base_url(provider.base_url()).api_key("sk-test-0123");
    client.max_retries(0).build().unwrap()
}

async fn refused(answer: Answer) -> Error {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(answer);
    at(&provider).chat("gpt-4o").user("Hi").send().await.unwrap_err()
}

#[test]
fn every_kind_has_its_code() {
    for (kind, status, expected) in [
        (ErrorKind::Configuration, None, ErrorCode::InvalidRequest),
        (ErrorKind::InvalidRequest, None, ErrorCode::InvalidRequest),
        (ErrorKind::InvalidRequest, Some(400), ErrorCode::ProviderError),
        (ErrorKind::Authentication, Some(401), ErrorCode::ProviderError),
        (ErrorKind::Permission, Some(403), ErrorCode::ProviderError),
        (ErrorKind::NotFound, Some(404), ErrorCode::ProviderError),
        (ErrorKind::RateLimited, Some(429), ErrorCode::ProviderError),
        (ErrorKind::Overloaded, Some(529), ErrorCode::ProviderError),
        (ErrorKind::Server, Some(500), ErrorCode::ProviderError),
        (ErrorKind::Server, None, ErrorCode::ProviderError),
        (ErrorKind::ContentRefused, Some(400), ErrorCode::ProviderError),
        (ErrorKind::ContextTooLong, Some(400), ErrorCode::ProviderError),
        (ErrorKind::Protocol, Some(200), ErrorCode::ProviderError),
        (ErrorKind::Connection, None, ErrorCode::NetworkError),
        (ErrorKind::Timeout, None, ErrorCode::Timeout),
        (ErrorKind::Cancelled, None, ErrorCode::Aborted),
        (ErrorKind::Other, None, ErrorCode::Unknown),
    ] {
        let mut info = ErrorInfo::new(kind, "");
        info.http_status = status;
        assert_eq!(Error::from(info).tracia_code(), expected, "{kind:?}");
    }
}

#[test]
fn a_request_that_is_refused_in_a_stream_is_the_providers_error() {
    let mut info = ErrorInfo::new(ErrorKind::InvalidRequest, "");
    info.provider_type = Some("invalid_request_error".to_owned());
    assert_eq!(Error::from(info).tracia_code(), ErrorCode::ProviderError);
}

#[tokio::test]
async fn a_providers_refusal_keeps_its_status_and_its_own_code() {
    let error = refused(Answer::error(404, "not_found_error", Some("NOT_FOUND"), "No.")).await;
    assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::ProviderError, Some(404)));
    assert_eq!((error.kind(), error.info().code.as_deref()), (ErrorKind::NotFound, Some("NOT_FOUND")));
}

#[tokio::test]
async fn a_provider_that_keeps_silent_is_a_timeout() {
    let (provider, gate) = (FakeProvider::start().unwrap(), Gate::new());
    provider.enqueue(Answer::text("Hi").held(&gate));
    let client = Client::builder().base_url(provider.base_url()).api_key("sk-test-0123");
    let client = client.timeout(Duration::from_millis(50)).build().unwrap();
    let error = client.chat("gpt-4o").user("Hi").send().await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::Timeout);
    gate.release();
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_a_network_error() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client =
        Client::builder().base_url(format!("http://127.0.0.1:{port}/v1")).max_retries(0).build().unwrap();
    let error = client.chat("gpt-4o").user("Hi").send().await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::NetworkError);
}

#[tokio::test]
async fn a_call_without_a_message_is_an_invalid_request() {
    let provider = FakeProvider::start().unwrap();
    let error = at(&provider).chat("gpt-4o").send().await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::InvalidRequest);
    let error = at(&provider).chat(" ").user("Hi").send().await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::InvalidRequest);
    assert!(provider.requests().is_empty());
}

/// A client that knows one provider, whatever the environment has.
fn of_one(provider: Provider) -> Client {
    Client::builder().endpoint(Endpoint::new(provider).api_key("a-key-of-its-own")).build().unwrap()
}

#[tokio::test]
async fn a_model_of_no_known_provider_is_unsupported() {
    if std::env::var_os("OPENAI_BASE_URL").is_some() {
        return;
    }
    let error = of_one(Provider::Mistral).chat("banana-9").user("Hi").send().await.unwrap_err();
    assert_eq!((error.tracia_code(), error.kind()), (ErrorCode::UnsupportedModel, ErrorKind::Configuration));
}

#[tokio::test]
async fn a_provider_without_such_models_is_unsupported() {
    let error = of_one(Provider::Voyage).chat("voyage-3").user("Hi").send().await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::UnsupportedModel);
    let error = of_one(Provider::Anthropic).embed("claude-sonnet-4-5").input("sea").send().await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::UnsupportedModel);
}

#[tokio::test]
async fn a_provider_whose_key_is_not_set_is_a_missing_key() {
    if std::env::var_os("DEEPSEEK_API_KEY").is_some() {
        return;
    }
    let error = of_one(Provider::Mistral).chat("deepseek-chat").user("Hi").send().await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::MissingProviderApiKey, "{error}");
    assert!(error.to_string().contains("DEEPSEEK_API_KEY"), "{error}");
}
