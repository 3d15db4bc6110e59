//! The same exchange, made by AWS's SDK.

use crate::exchange::Exchange;
use aws_sdk_bedrockruntime::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::DisplayErrorContext,
    operation::{converse::ConverseOutput, invoke_model::InvokeModelOutput},
    primitives::{Blob, event_stream::EventReceiver},
    types::{ConverseStreamOutput, ResponseStream},
};
use aws_smithy_types::body::SdkBody;
use std::error::Error;
use tracing_genai::{
    ContentCapture,
    instrument::{Instrumentation, aws::GenAiInterceptor},
    provider,
    testing::FakeProvider,
};

/// A client of the SDK that calls this provider, with the interceptor or without.
pub(crate) fn client(provider: &FakeProvider, is_watched: bool) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("an-id", "a-secret", None, None, "a test"))
        .endpoint_url(provider.base_url().trim_end_matches("/v1"))
        .retry_config(RetryConfig::disabled());
    let content = Instrumentation::new().content(ContentCapture::on());
    let config = if is_watched { config.interceptor(GenAiInterceptor::from(content)) } else { config };
    Client::from_conf(config.build())
}

/// What the SDK's caller gets.
#[derive(Debug, PartialEq)]
pub(crate) enum Came {
    Converse(Box<Result<ConverseOutput, String>>),
    Invoke(Result<InvokeModelOutput, String>),
    ConverseStream(Vec<ConverseStreamOutput>, Option<String>),
    InvokeStream(Vec<ResponseStream>, Option<String>),
}

pub(crate) async fn call(client: &Client, exchange: &Exchange) -> Came {
    let model = provider::model_in_path(&exchange.path()).expect("a path that names a model");
    let body = exchange.request.as_ref().and_then(|request| request.body.clone()).unwrap_or_default();
    // What a model is asked in words that this SDK may not have is put in as it was recorded.
    let (length, recorded) = (body.len().to_string(), body.clone());
    let put_in = move |request: &mut aws_sdk_bedrockruntime::config::http::HttpRequest| {
        request.headers_mut().insert("content-length", length.clone());
        *request.body_mut() = SdkBody::from(recorded.clone());
    };
    match exchange.api.as_str() {
        "converse" => {
            let call = client.converse().model_id(model).customize().mutate_request(put_in);
            Came::Converse(Box::new(call.send().await.map_err(words)))
        }
        "converse_stream" => {
            let call = client.converse_stream().model_id(model).customize().mutate_request(put_in);
            let (events, error) = match call.send().await {
                Ok(output) => drain(output.stream).await,
                Err(error) => (Vec::new(), Some(words(error))),
            };
            Came::ConverseStream(events, error)
        }
        "invoke_model" => {
            let call = client.invoke_model().model_id(model).body(own_format(&body));
            Came::Invoke(call.send().await.map_err(words))
        }
        "invoke_model_with_response_stream" => {
            let call = client.invoke_model_with_response_stream().model_id(model).body(own_format(&body));
            let (events, error) = match call.send().await {
                Ok(output) => drain(output.body).await,
                Err(error) => (Vec::new(), Some(words(error))),
            };
            Came::InvokeStream(events, error)
        }
        other => panic!("{}: the SDK does not speak {other}", exchange.file),
    }
}

/// A body in the model's own format, without blanks as the client sends it.
fn own_format(body: &str) -> Blob {
    let written = serde_json::from_str(body).map(|body: serde_json::Value| body.to_string());
    Blob::new(written.unwrap_or_else(|_| body.to_owned()))
}

/// Every event, and the error that ended the stream if one did.
async fn drain<T, E: Error + 'static>(mut stream: EventReceiver<T, E>) -> (Vec<T>, Option<String>) {
    let mut events = Vec::new();
    loop {
        match stream.recv().await {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return (events, None),
            Err(error) => return (events, Some(words(error))),
        }
    }
}

fn words(error: impl Error) -> String {
    DisplayErrorContext(error).to_string()
}
