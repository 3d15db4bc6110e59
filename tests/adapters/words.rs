//! What the status of a failed call says, and what it leaves out.

use crate::world::{self, Scripted, ServiceFn, Step, only};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use opentelemetry::trace::Status;
use std::{
    fmt,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tower_layer::Layer;
use tower_service::Service;
use tracing_genai::{
    ContentCapture,
    instrument::{Instrumentation, RequestBody, reqwest_middleware::GenAiMiddleware, tower::GenAiLayer},
    testing::capture_async,
};

const KEY: &str = "a key/of 24 characters";
const URL: &str =
    "https://api.openai.com/v1/chat/completions?api-version=1&token=a%20key%2Fof%2024%20characters";
const PROMPT: &str = "My name is Jane Roe and I live at 12 Long Street.";

fn asked() -> Request<Full<Bytes>> {
    let body = format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#);
    let request = Request::post(URL).header("content-type", "application/json");
    request.header("authorization", "bearer 0123456789abcdef").body(Full::new(body.into())).unwrap()
}

/// What the status says of a call that is refused with `message`.
async fn refused(message: String, content: ContentCapture) -> String {
    let layer = GenAiLayer::from(Instrumentation::new().content(content));
    let mut service = layer.layer(ServiceFn(move |_: Request<RequestBody<Full<Bytes>>>| {
        let body = serde_json::json!({"error": {"message": message, "type": "invalid_request_error"}});
        let body = Scripted::new([Step::Data(body.to_string().into())]);
        ready(Response::builder().status(400).header("content-type", "application/json").body(body))
    }));
    let ((), spans) = capture_async(async {
        world::drain(service.call(asked()).await.unwrap().into_body()).await.unwrap();
    })
    .await;
    words(&only(&spans).status)
}

fn words(status: &Status) -> String {
    match status {
        Status::Error { description } => description.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_prompt_that_the_provider_repeats_is_content() {
    let message = format!("cannot parse: {PROMPT}");
    let plain = refused(message.clone(), ContentCapture::off()).await;
    assert_eq!(plain, "invalid_request_error (its words repeat the request and are left out)");
    assert_eq!(refused(message.clone(), ContentCapture::on()).await, message);
}

#[tokio::test]
async fn a_long_message_is_cut() {
    let said = refused("no ".repeat(40_000), ContentCapture::off()).await;
    assert!(said.len() <= 512, "{}", said.len());
}

#[tokio::test]
async fn no_key_is_repeated_whatever_holds_it() {
    let said = refused(format!("bad key {KEY}, or is it 0123456789abcdef?"), ContentCapture::off()).await;
    assert_eq!(said, "bad key [redacted], or is it [redacted]?");
}

/// An error as reqwest's, which has the address, and counts how often it is put into words.
#[derive(Clone, Debug, Default)]
struct Failed(Arc<AtomicUsize>);

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        write!(formatter, "error sending request for url ({URL})")
    }
}

impl std::error::Error for Failed {}

async fn fail(url: &str, error: &Failed) {
    let error = error.clone();
    let mut service = GenAiLayer::new().layer(ServiceFn(move |_: Request<RequestBody<Full<Bytes>>>| {
        ready(Err::<Response<Scripted>, _>(error.clone()))
    }));
    let mut request = asked();
    *request.uri_mut() = url.parse().unwrap();
    service.call(request).await.unwrap_err();
}

#[tokio::test]
async fn the_address_in_an_error_loses_its_query() {
    let ((), spans) = capture_async(fail(URL, &Failed::default())).await;
    let said = words(&only(&spans).status);
    assert!(said.ends_with("for url (https://api.openai.com/v1/chat/completions)"), "{said}");
}

#[tokio::test]
async fn an_error_of_another_middleware_loses_it_too() {
    struct Failing;
    #[async_trait::async_trait]
    impl reqwest_middleware::Middleware for Failing {
        async fn handle(
            &self,
            _: reqwest::Request,
            _: &mut http::Extensions,
            _: reqwest_middleware::Next<'_>,
        ) -> reqwest_middleware::Result<reqwest::Response> {
            Err(reqwest_middleware::Error::middleware(Failed::default()))
        }
    }
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new());
    let client = client.with(GenAiMiddleware::new()).with(Failing).build();
    let (_, spans) = capture_async(async { client.post(URL).body("{}").send().await }).await;
    let said = words(&only(&spans).status);
    assert!(!said.contains("token") && said.contains("/v1/chat/completions"), "{said}");
}

#[tokio::test]
async fn an_error_is_not_put_into_words_where_no_call_is_watched() {
    let error = Failed::default();
    capture_async(fail("https://api.openai.com/v1/files", &error)).await;
    assert_eq!(error.0.load(Ordering::Relaxed), 0);
}
