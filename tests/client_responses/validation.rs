//! What such a call must have before anything is sent.

use super::{MODEL, client};
use serde_json::json;
use tracing_genai::{
    Client,
    client::{Chat, Endpoint, Provider},
    record::ErrorKind,
    testing::{FakeProvider, capture_async},
};

async fn refused(call: impl FnOnce(Client) -> Chat) -> String {
    let provider = FakeProvider::start().unwrap();
    let call = call(client(&provider));
    let (streamed, spans) = capture_async(call.clone().stream()).await;
    let streamed = streamed.map(|_| ()).unwrap_err();
    let (sent, more) = capture_async(call.send()).await;
    let error = sent.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(error.to_string(), streamed.to_string());
    assert!(spans.is_empty() && more.is_empty() && provider.requests().is_empty());
    error.to_string()
}

#[tokio::test]
async fn a_blank_model_an_empty_input_and_an_id_that_is_none_are_refused() {
    let error = refused(|client| client.responses(" ").user("Hi")).await;
    assert!(error.contains("model is required and cannot be empty"), "{error}");
    for call in [
        |client: Client| client.responses(MODEL),
        |client: Client| client.responses(MODEL).items(Vec::<serde_json::Value>::new()),
    ] {
        let error = refused(call).await;
        assert!(error.contains("input array is required and cannot be empty"), "{error}");
    }
    let error = refused(|client| client.responses(MODEL).user("Hi").span_id("invalid-é")).await;
    assert!(error.contains("Invalid span ID format"), "{error}");
}

#[tokio::test]
async fn a_missing_key_is_named_and_a_calls_own_will_do() {
    let provider = FakeProvider::start().unwrap();
    let client = |endpoint: Endpoint| {
        Client::builder().endpoint(endpoint).keys_per_call(true).max_retries(0).build().unwrap()
    };
    let openai = || Endpoint::new(Provider::OpenAi);
    // A machine with a key would call OpenAI.
    if std::env::var_os("OPENAI_API_KEY").is_none() && std::env::var_os("OPENAI_BASE_URL").is_none() {
        let error = client(openai()).responses(MODEL).user("Hi").await.unwrap_err();
        assert!(error.to_string().contains("OPENAI_API_KEY"), "{error}");
    }
    let client = client(openai().base_url(provider.base_url()));
    client.responses(MODEL).user("Hi").provider_api_key("sk-of-the-call").await.unwrap();
    assert_eq!(provider.requests()[0].header("authorization"), Some("Bearer sk-of-the-call"));
}

#[tokio::test]
async fn items_that_are_none_are_refused() {
    let error = refused(|client| client.responses(MODEL).item("Hi")).await;
    assert!(error.contains("JSON object"), "{error}");
    let answer = json!({ "type": "function_call_output", "output": "18" });
    let error = refused(|client| client.responses(MODEL).item(answer)).await;
    assert!(error.contains("function_call_output must have call_id"), "{error}");
    let part = json!({ "type": "input_text", "text": "Hi" });
    let error = refused(|client| client.responses(MODEL).item(part)).await;
    assert!(error.contains("input_text") && error.contains("content"), "{error}");
}

#[tokio::test]
async fn items_are_for_the_responses_api_alone() {
    let item = || json!({ "role": "user", "content": "Hi" });
    let error = refused(|client| client.chat("gpt-4o").item(item())).await;
    assert!(error.contains("client.responses(model)"), "{error}");
}

#[tokio::test]
async fn a_stream_has_its_ids_at_once_and_can_be_aborted() {
    let provider = FakeProvider::start().unwrap();
    let ((), spans) = capture_async(async {
        let call =
            client(&provider).responses(MODEL).item(json!({ "role": "developer", "content": "Be brief." }));
        let call = call.item(json!({ "type": "function_call_output", "call_id": "call_1", "output": "18" }));
        let stream = call.span_id("sp_1234567890abcdef").stream().await.unwrap();
        assert_eq!(stream.span_id().as_deref(), Some("sp_1234567890abcdef"));
        stream.abort();
        assert!(stream.result().await.unwrap().is_aborted());
    })
    .await;
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "abandoned");
}
