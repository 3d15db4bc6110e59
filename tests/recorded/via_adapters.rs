//! An exchange made anew by somebody else's client: the adapter that watches it must make of it the span that
//! the client of this crate makes.

use crate::{
    Provider,
    exchange::Exchange,
    observed::Observed,
    via_client::{self, Asked},
};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use reqwest_middleware::ClientBuilder;
use serde_json::{Value, json};
use std::fmt::Debug;
use tower_layer::Layer;
use tower_service::Service;
use tracing_genai::{
    ContentCapture,
    instrument::{
        Instrumentation, RequestBody, Rule, reqwest_middleware::GenAiMiddleware, tower::GenAiLayer,
    },
    provider::Api,
    record::{Call, Operation},
    testing::{FakeProvider, FinishedSpan, capture_async},
};

/// What stands in the other client's path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Adapter {
    TowerOverHyper,
    ReqwestMiddleware,
}

/// Who plays exchanges, one after the other.
pub(crate) struct Player {
    runtime: tokio::runtime::Runtime,
    fake: FakeProvider,
    http: reqwest::Client,
    hyper: HyperClient<HttpConnector, RequestBody<Full<Bytes>>>,
    adapter: Adapter,
}

impl Player {
    pub(crate) fn new(adapter: Adapter) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let hyper = HyperClient::builder(TokioExecutor::new()).build_http();
        Self { runtime, fake: FakeProvider::start().expect("a port on this machine"), http, hyper, adapter }
    }

    /// Plays the exchange once for each way in which its answer may arrive; what differs from the client's span
    /// and record, or where the client cannot make the call from what is known of it.
    pub(crate) fn differences(&self, exchange: &Exchange, provider: &Provider) -> Vec<String> {
        let answers = via_client::answers(exchange);
        // The client's span is the same in every way, which it is tested for.
        let own = Asked::own(exchange).ok().zip(answers.first()).and_then(|(asked, (_, answer))| {
            let made = via_client::make(exchange, &asked, answer.clone(), ContentCapture::on());
            self.runtime.block_on(made).ok()
        });
        let name = match &own {
            Some(made) => made.operation().provider.clone().expect("a provider's name"),
            None => provider.name.into(),
        };
        let mut rule = Rule::host("127.0.0.1").provider(name);
        if exchange.api().is_none() {
            rule = rule.api(Api::OpenAiChat);
        }
        let instrumentation = Instrumentation::new().content(ContentCapture::on()).rule(rule);
        let request = Sent::of(exchange, &self.fake);
        let mut differences = Vec::new();
        for (way, answer) in answers {
            self.fake.enqueue(answer);
            let sending = capture_async(self.send(instrumentation.clone(), &request));
            let (came, spans) = self.runtime.block_on(sending);
            let received = self.fake.requests();
            assert_eq!(received[received.len() - 1].body, request.body, "{}: what was sent", exchange.file);
            assert_eq!(came, exchange.response.bytes, "{}: what came", exchange.file);
            let [span] = spans.as_slice() else { panic!("{}: {} spans", exchange.file, spans.len()) };
            let found = match &own {
                Some(own) => compare(&own.span, span),
                None => read(exchange, span),
            };
            differences.extend(found.into_iter().map(|difference| format!("{way}: {difference}")));
        }
        differences
    }

    /// The answer's bytes.
    async fn send(&self, instrumentation: Instrumentation, sent: &Sent) -> Vec<u8> {
        match self.adapter {
            Adapter::TowerOverHyper => {
                let mut service = GenAiLayer::from(instrumentation).layer(self.hyper.clone());
                let request = Request::post(&sent.url)
                    .header("content-type", "application/json")
                    .header("authorization", "Bearer test-key-0")
                    .body(Full::new(sent.body.clone()))
                    .expect("a request");
                let answer = service.call(request).await.expect("an answer");
                answer.into_body().collect().await.expect("a body").to_bytes().to_vec()
            }
            Adapter::ReqwestMiddleware => {
                let builder = ClientBuilder::new(self.http.clone());
                let client = builder.with(GenAiMiddleware::from(instrumentation)).build();
                let request = client
                    .post(&sent.url)
                    .header("content-type", "application/json")
                    .header("authorization", "Bearer test-key-0")
                    .body(sent.body.clone());
                request.send().await.expect("an answer").bytes().await.expect("a body").to_vec()
            }
        }
    }
}

/// What the other client sends.
struct Sent {
    url: String,
    body: Bytes,
}

impl Sent {
    fn of(exchange: &Exchange, fake: &FakeProvider) -> Self {
        let host = fake.base_url().trim_end_matches("/v1").to_owned();
        let path = exchange.url().and_then(|url| Some(url.path_and_query()?.to_string()));
        let path = path.unwrap_or_else(|| {
            // Only what Google and OpenAI answered was recorded without its request.
            match exchange.api() {
                Some(Api::OpenAiResponses) => "/v1/responses".to_owned(),
                _ => {
                    let streams = exchange.api == "streamGenerateContent";
                    let method = if streams { "streamGenerateContent" } else { "generateContent" };
                    format!("/v1/models/stand-in:{method}")
                }
            }
        });
        let body = exchange.request.as_ref().and_then(|request| request.body.clone());
        // As the client of this crate does it, so that their records are the same to the letter.
        let without_blanks = |body: String| {
            let value: Value = serde_json::from_str(&body).expect("a recorded request");
            value.to_string()
        };
        let body = match exchange.api() {
            Some(Api::BedrockInvokeModel) => body.map(without_blanks),
            _ => body,
        };
        let body = body.unwrap_or_else(|| json!({ "stream": exchange.is_stream() }).to_string());
        Self { url: format!("{host}{path}"), body: body.into() }
    }
}

/// What differs between the client's span and the adapter's, their records included.
fn compare(own: &FinishedSpan, others: &FinishedSpan) -> Vec<String> {
    let mut found = Found(Vec::new());
    found.compare("name", &own.name, &others.name);
    found.compare("kind", &own.kind, &others.kind);
    found.compare("status", &own.status, &others.status);
    found.compare("attributes that came twice", &0, &others.duplicate_attributes().len());
    let names = own.attributes.iter().chain(others.attributes.iter()).map(|(name, _)| name);
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    for name in names {
        let (own, others) = (own.attribute(name), others.attribute(name));
        match name.as_str() {
            // Both have it, or neither has.
            "server.port"
            | "gen_ai.response.time_to_first_chunk"
            | "thread.id"
            | "thread.name"
            | "code.file.path"
            | "code.line.number"
            | "code.module.name"
            | "busy_ns"
            | "idle_ns" => {
                found.compare(name, &own.is_some(), &others.is_some());
            }
            name => found.compare(name, &own, &others),
        }
    }
    let record = |span: &FinishedSpan| {
        let mut record = json!(span.operation.as_deref().expect("the operation of a captured span"));
        record["server"]["port"] = Value::Null;
        // Of the same port, and with the path as each client writes it.
        record["url"] = Value::Null;
        record["time_to_first_chunk"] = json!(!record["time_to_first_chunk"].is_null());
        record
    };
    differing("record", &record(own), &record(others), &mut found);
    found.0
}

/// The members that differ, by their paths.
fn differing(at: &str, own: &Value, others: &Value, found: &mut Found) {
    match (own, others) {
        (Value::Object(own), Value::Object(others)) => {
            let mut names: Vec<_> = own.keys().chain(others.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let null = Value::Null;
                let (own, others) = (own.get(name).unwrap_or(&null), others.get(name).unwrap_or(&null));
                differing(&format!("{at}.{name}"), own, others, found);
            }
        }
        _ => found.compare(at, own, others),
    }
}

/// What differs between the adapter's record and what is known of the exchange.
fn read(exchange: &Exchange, span: &FinishedSpan) -> Vec<String> {
    let operation: &Operation = span.operation.as_deref().expect("the operation of a captured span");
    let mut observed = Observed::of(exchange);
    observed = match &operation.call {
        Call::Inference { request, .. } if exchange.request.is_some() => observed.request(request),
        Call::Embeddings { request, .. } if exchange.request.is_some() => {
            observed.embeddings_request(request)
        }
        _ => observed,
    };
    observed = match &operation.call {
        Call::Inference { response, .. } if exchange.succeeded() => observed.response(response),
        Call::Embeddings { response, .. } if exchange.succeeded() => observed.embeddings(response),
        _ => observed,
    };
    if let Some(error) = operation.outcome.error() {
        observed = observed.error(error);
    }
    observed.differences(exchange)
}

/// What differs.
struct Found(Vec<String>);

impl Found {
    fn compare<T: PartialEq + Debug>(&mut self, what: &str, own: &T, others: &T) {
        if own != others {
            self.0.push(format!("{what}: the client has {own:?}, the adapter {others:?}"));
        }
    }
}
