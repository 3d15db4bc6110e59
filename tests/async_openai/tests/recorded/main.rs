//! Recorded exchanges of OpenAI and Azure, made by `async-openai` and by this crate's own client: the spans are
//! the same.
//!
//! The recordings are not part of this repository: `RECORDED_DIR` names their folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod client;
#[allow(dead_code, reason = "it has more than is used here")]
#[path = "../../../recorded/cutting.rs"]
mod cutting;
#[allow(dead_code, reason = "it has more than is used here")]
#[path = "../../../recorded/exchange.rs"]
mod exchange;

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    middleware::{ReqwestService, retry::OpenAIRetryLayer},
};
use bytes::Bytes;
use client::Asked;
use cutting::Random;
use exchange::Exchange;
use futures_util::StreamExt;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write as _},
};
use tower_layer::Layer;
use tracing_genai::{
    ContentCapture,
    instrument::{Instrumentation, Rule, async_openai::OpenAiLayer},
    provider::Api,
    testing::{Answer, AttributeValue, FakeProvider, FinishedSpan, capture_async},
};

/// A provider whose exchanges were recorded.
#[derive(Debug)]
pub(crate) struct Provider {
    /// Its folder.
    pub(crate) folder: &'static str,
}

const PROVIDERS: [Provider; 3] = [
    Provider { folder: "openai" },
    Provider { folder: "azure_openai" },
    Provider { folder: "azure_ai_inference" },
];

/// The exchanges that one of the two cannot make.
const LEFT_OUT: [&str; 3] = [
    // A stored prompt has the model, which this crate's client asks for.
    "openai/responses/image_input-document_input-reasoning_tokens__dd-trace-js.json",
    // Its request was not recorded.
    "openai/responses/stream-error_midstream-rate_limit_exceeded__gpt-4o__prism.json",
    // No call of a model.
    "openai/vector_stores/error_500-server_error__ruby-openai.json",
];

/// How often a body is cut at random places.
const CUTS: u64 = 2;

#[test]
fn every_exchange_gives_the_span_of_this_crates_client() {
    compare_all(&ContentCapture::off());
}

#[test]
fn every_exchange_gives_the_content_of_this_crates_client() {
    compare_all(&ContentCapture::on());
}

fn compare_all(content: &ContentCapture) {
    let Some(root) = exchange::folder() else { return };
    // A program with a runtime of one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut differences, mut compared, mut left_out) = (String::new(), 0, Vec::new());
    for provider in &PROVIDERS {
        for exchange in exchange::load(&root, provider) {
            let Some(asked) = Asked::own(&exchange) else {
                left_out.push(exchange.file);
                continue;
            };
            let mut refused = false;
            for (way, answer) in answers(&exchange) {
                let found = runtime.block_on(compare(&exchange, &asked, answer, &http, content));
                refused |= found.is_none();
                for difference in found.unwrap_or_default() {
                    let _ = writeln!(differences, "{}: {way}: {difference}", exchange.file);
                }
            }
            if refused {
                left_out.push(exchange.file);
            } else {
                compared += 1;
            }
        }
    }
    say(&format!("async-openai: {compared} exchanges"));
    assert!(differences.is_empty(), "async-openai's, then ours:\n{differences}");
    left_out.sort();
    assert_eq!(left_out, LEFT_OUT, "the exchanges that were not compared");
}

/// How the two spans of an exchange differ; `None` if our client refuses to make the call.
async fn compare(
    exchange: &Exchange,
    asked: &Asked,
    answer: Answer,
    http: &reqwest::Client,
    content: &ContentCapture,
) -> Option<Vec<String>> {
    let fake = FakeProvider::start().unwrap();
    fake.enqueue(answer.clone());
    let ours = client::span(exchange, asked, &fake, http, content).await?;
    fake.enqueue(answer);
    let theirs = span(exchange, asked, &fake, &ours, http, content).await;
    let mut found = Vec::new();
    let mut check = |what: &str, theirs: String, ours: String| {
        if theirs != ours {
            found.push(format!("{what}: {theirs} and {ours}"));
        }
    };
    check("name", theirs.name.clone(), ours.name.clone());
    check("kind", format!("{:?}", theirs.kind), format!("{:?}", ours.kind));
    check("status", format!("{:?}", theirs.status), format!("{:?}", ours.status));
    check("duplicates", format!("{:?}", theirs.duplicate_attributes()), "[]".to_owned());
    let (theirs, ours) = (attributes(&theirs), attributes(&ours));
    for key in theirs.keys().chain(ours.keys().filter(|key| !theirs.contains_key(*key))) {
        check(key, format!("{:?}", theirs.get(key)), format!("{:?}", ours.get(key)));
    }
    Some(found)
}

/// The attributes, times without their values.
fn attributes(span: &FinishedSpan) -> BTreeMap<&str, Option<&AttributeValue>> {
    let attributes = span.attributes.iter().filter(|(key, _)| key.as_str() != "server.port");
    let is_time = |key: &str| key == "gen_ai.response.time_to_first_chunk";
    attributes.map(|(key, value)| (key.as_str(), Some(value).filter(|_| !is_time(key)))).collect()
}

/// The span of the call by `async-openai`.
async fn span(
    exchange: &Exchange,
    asked: &Asked,
    fake: &FakeProvider,
    ours: &FinishedSpan,
    http: &reqwest::Client,
    content: &ContentCapture,
) -> FinishedSpan {
    let host = fake.base_url().trim_end_matches("/v1").to_owned();
    let path = exchange.path();
    let apis = ["/chat/completions", "/responses", "/embeddings"];
    let before = apis.iter().find_map(|api| path.strip_suffix(api)).expect("a path of OpenAI's");
    // The address of the stand-in does not tell whose it is.
    let name = ours.attribute("gen_ai.provider.name").and_then(AttributeValue::as_str).unwrap();
    let mut calls = Instrumentation::new().content(content.clone());
    if name != "openai" {
        calls = calls.rule(Rule::host("127.0.0.1").provider(name.to_owned()));
    }
    let retrying = OpenAIRetryLayer::new(0).layer(ReqwestService::new(http.clone()));
    let config = OpenAIConfig::new().with_api_base(format!("{host}{before}")).with_api_key("test-key-0");
    let client =
        Client::build(http.clone(), config).with_http_service(OpenAiLayer::from(calls).layer(retrying));
    let (called, mut spans) = capture_async(call(&client, asked)).await;
    if exchange.succeeded() && asked.body()["stream"] != true {
        called.unwrap_or_else(|error| panic!("{}: {error}", exchange.file));
    }
    assert_eq!(spans.len(), 1, "{}: one call is one span", exchange.file);
    spans.remove(0)
}

async fn call(client: &Client<OpenAIConfig>, asked: &Asked) -> Result<(), OpenAIError> {
    let body = asked.body();
    let streams = body["stream"] == true;
    let stream = match asked.api() {
        Api::OpenAiChat if streams => client.chat().create_stream_byot::<_, Value>(body).await?,
        Api::OpenAiResponses if streams => client.responses().create_stream_byot::<_, Value>(body).await?,
        Api::OpenAiChat => return client.chat().create_byot::<_, Value>(body).await.map(drop),
        Api::OpenAiResponses => return client.responses().create_byot::<_, Value>(body).await.map(drop),
        Api::OpenAiEmbeddings => return client.embeddings().create_byot::<_, Value>(body).await.map(drop),
        other => panic!("async-openai does not speak {other:?}"),
    };
    // An event that is no JSON is an error of its own, and more may follow.
    stream.for_each(|_| async {}).await;
    Ok(())
}

/// The recorded answer in every way in which it may arrive.
fn answers(exchange: &Exchange) -> Vec<(String, Answer)> {
    let body = exchange.response.bytes.as_slice();
    let (status, content_type) =
        (exchange.response.status, exchange.header("content-type").unwrap_or_default());
    let whole = Answer::raw(status, content_type, Bytes::copy_from_slice(body));
    let mut answers = vec![("in one piece".to_owned(), whole)];
    for seed in 0..CUTS {
        let pieces = cutting::pieces(body, &mut Random::new(seed)).into_iter();
        let pieces = pieces.filter(|piece| !piece.is_empty()).map(Bytes::copy_from_slice).collect();
        answers.push((format!("cut by seed {seed}"), Answer::chunks(status, content_type, pieces)));
    }
    let with_headers = |answer: Answer| {
        let others = exchange.response.headers.iter().filter(|(name, _)| *name != "content-type");
        others.fold(answer, |answer, (name, value)| answer.header(name, value))
    };
    answers.into_iter().map(|(way, answer)| (way, with_headers(answer))).collect()
}

/// Prints a line even when the test passes, which `println!` would keep to itself.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
