//! Exchanges played again, whole or not, through a middleware, and what a destination is sent of each.

use crate::exchange::{self, Exchange};
use bytes::Bytes;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use std::{
    io::{self, Write as _},
    time::Duration,
};
use tracing::Dispatch;
use tracing_genai::{
    Telemetry,
    export::{Destination, Report},
    instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware},
    provider::Api,
    testing::{Answer, FakeProvider, Gate},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A provider whose exchanges were recorded.
#[derive(Debug)]
pub(crate) struct Provider {
    /// Its folder.
    pub(crate) folder: &'static str,
    /// `gen_ai.provider.name` of its hosts.
    pub(crate) name: &'static str,
}

const fn provider(folder: &'static str, name: &'static str) -> Provider {
    Provider { folder, name }
}

pub(crate) const PROVIDERS: [Provider; 7] = [
    provider("openai", "openai"),
    provider("azure_openai", "azure.ai.openai"),
    provider("azure_ai_inference", "azure.ai.inference"),
    provider("anthropic", "anthropic"),
    provider("google", "gcp.gemini"),
    provider("google_vertex", "gcp.vertex_ai"),
    provider("bedrock", "aws.bedrock"),
];

/// How much of its answer the caller of an exchange sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// All of it.
    Whole,
    /// Half of it, then the connection breaks.
    Broken,
    /// Half of it, then the caller goes away.
    Abandoned,
    /// None: the connection breaks before the head.
    Unanswered,
}

impl Way {
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "whole" => Self::Whole,
            "broken" => Self::Broken,
            "abandoned" => Self::Abandoned,
            "unanswered" => Self::Unanswered,
            other => panic!("{other} is no way"),
        }
    }
}

/// Who plays exchanges of one provider, one after the other, each sent before the next.
pub(crate) struct Stage {
    pub(crate) telemetry: Telemetry,
    runtime: tokio::runtime::Runtime,
    fake: FakeProvider,
    http: reqwest::Client,
    provider: &'static str,
}

impl Stage {
    pub(crate) fn new(provider: &'static str, destination: impl Into<Destination>) -> Self {
        let telemetry = Telemetry::builder()
            .service_name("shop")
            .destination(destination)
            .on_problem(|problem| say(&problem.to_string()))
            .build()
            .unwrap();
        Self {
            telemetry,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            fake: FakeProvider::start().unwrap(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            provider,
        }
    }

    /// The address that stands for each provider's own.
    pub(crate) fn host(&self) -> String {
        self.fake.base_url().trim_end_matches("/v1").to_owned()
    }

    /// Makes the call of the exchange once, and has what it gave delivered.
    pub(crate) fn play(&self, exchange: &Exchange, way: Way) -> Report {
        let mut rule = Rule::host("127.0.0.1").provider(self.provider);
        if exchange.api().is_none() {
            // Kept for its error, which looks the same in all of the provider's APIs.
            rule = rule.api(Api::OpenAiChat);
        }
        let calls = Instrumentation::new().rule(rule);
        let client = ClientBuilder::new(self.http.clone()).with(GenAiMiddleware::from(calls)).build();
        let half = Gate::new();
        self.fake.enqueue(answer(exchange, way, &half));
        let registry = Registry::default().with(self.telemetry.layer());
        tracing::dispatcher::with_default(&Dispatch::new(registry), || {
            self.runtime.block_on(send(&client, &self.host(), exchange, way));
        });
        half.release();
        self.telemetry.flush_blocking(PATIENCE).unwrap()
    }
}

fn answer(exchange: &Exchange, way: Way, half: &Gate) -> Answer {
    let content_type = exchange.header("content-type").unwrap_or_default();
    let (status, bytes) = (exchange.response.status, &exchange.response.bytes);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let halves = || {
        let halves = [first, second].map(Bytes::copy_from_slice);
        Answer::chunks(status, content_type, halves.to_vec())
    };
    let answer = match way {
        Way::Whole => Answer::raw(status, content_type, Bytes::copy_from_slice(bytes)),
        Way::Broken => halves().close_after(1),
        Way::Abandoned => halves().held_after(1, half),
        Way::Unanswered => return Answer::drop_connection(),
    };
    let others = exchange.response.headers.iter().filter(|(name, _)| *name != "content-type");
    others.fold(answer, |answer, (name, value)| answer.header(name, value))
}

/// The path of the request; that of its API where none was recorded.
pub(crate) fn path(exchange: &Exchange) -> String {
    let recorded = exchange.url().and_then(|url| Some(url.path_and_query()?.to_string()));
    recorded.unwrap_or_else(|| match exchange.api() {
        Some(Api::OpenAiResponses) => "/v1/responses".to_owned(),
        _ => format!("/v1/models/stand-in:{}", exchange.api),
    })
}

async fn send(client: &ClientWithMiddleware, host: &str, exchange: &Exchange, way: Way) {
    let body = exchange.request.as_ref().and_then(|request| request.body.clone());
    let body = body.unwrap_or_else(|| format!(r#"{{"stream":{}}}"#, exchange.is_stream()));
    let request = client.post(format!("{host}{}", path(exchange)));
    let request = request.header("content-type", "application/json").body(body);
    match (request.send().await, way) {
        (Ok(mut answer), Way::Abandoned) => drop(answer.chunk().await),
        (Ok(answer), _) => drop(answer.bytes().await),
        (Err(_), _) => {}
    }
}

/// Every exchange of this provider, in the order of the files' names; none where there are no recordings.
pub(crate) fn exchanges(provider: &Provider) -> Vec<Exchange> {
    exchange::folder().map_or_else(Vec::new, |root| exchange::load(&root, provider))
}

/// Prints past the capture of tests.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
