//! What Tracia is sent of real exchanges with providers, recorded by others: it must have its form, and tell
//! whose call it was, what it used and how it ended.
//!
//! The recordings are not part of this repository: `RECORDED_DIR` names their folder.
#![cfg(all(feature = "testing", feature = "reqwest-middleware"))]
#![allow(dead_code, reason = "the recordings are read for other tests too")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod exact;
#[path = "../recorded/exchange.rs"]
mod exchange;

use bytes::Bytes;
use exchange::Exchange;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write as _},
    time::Duration,
};
use tracing_genai::{
    ContentCapture, Telemetry,
    export::Destination,
    instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware},
    testing::{Answer, FakeProvider, FakeTracia},
};

/// A provider whose exchanges were recorded.
#[derive(Debug)]
pub(crate) struct Provider {
    /// Its folder.
    pub(crate) folder: &'static str,
    /// `gen_ai.provider.name` of its hosts.
    name: &'static str,
    /// Tracia's word for it; `None` where it goes by the model.
    word: Option<&'static str>,
}

const fn provider(folder: &'static str, name: &'static str, word: Option<&'static str>) -> Provider {
    Provider { folder, name, word }
}

const PROVIDERS: [Provider; 7] = [
    provider("openai", "openai", Some("openai")),
    provider("azure_openai", "azure.ai.openai", Some("openai")),
    provider("azure_ai_inference", "azure.ai.inference", None),
    provider("anthropic", "anthropic", Some("anthropic")),
    provider("google", "gcp.gemini", Some("google")),
    provider("google_vertex", "gcp.vertex_ai", Some("google")),
    provider("bedrock", "aws.bedrock", Some("amazon_bedrock")),
];

/// Prints past the capture of tests.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Sends the exchange's request, and has it answered as it was.
async fn play(exchange: &Exchange, client: &ClientWithMiddleware, fake: &FakeProvider) -> Option<()> {
    let url = exchange.url()?;
    let body = exchange.request.as_ref()?.body.clone()?;
    let content_type = exchange.header("content-type").unwrap_or_default();
    let answer = Bytes::copy_from_slice(&exchange.response.bytes);
    fake.enqueue(Answer::raw(exchange.response.status, content_type, answer));
    let host = fake.base_url().trim_end_matches("/v1").to_owned();
    let request = client.post(format!("{host}{}", url.path_and_query()?));
    let request = request.header("content-type", "application/json").body(body);
    let _ = request.send().await.ok()?.bytes().await;
    Some(())
}

#[test]
fn every_exchange_has_tracias_form() {
    let Some(root) = exchange::folder() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut differences = String::new();
    let (mut played, mut sent, mut compared) = (0, 0, 0);
    for content in [ContentCapture::off(), ContentCapture::on().tool_parameters(true)] {
        for provider in &PROVIDERS {
            let tracia = FakeTracia::start().unwrap();
            let destination = Destination::tracia("tr_key").base_url(tracia.url()).content(content.clone());
            let telemetry = Telemetry::builder()
                .destination(destination)
                .own_pipeline(true)
                .on_problem(|problem| say(&problem.to_string()))
                .build()
                .unwrap();
            let fake = FakeProvider::start().unwrap();
            let rule = Rule::host("127.0.0.1").provider(provider.name);
            let calls = Instrumentation::new().rule(rule);
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let client = ClientBuilder::new(http).with(GenAiMiddleware::from(calls)).build();
            let mut came = 0;
            for exchange in exchange::load(&root, provider) {
                if runtime.block_on(play(&exchange, &client, &fake)).is_none() {
                    continue;
                }
                played += 1;
                telemetry.flush_blocking(PATIENCE).unwrap();
                let spans = tracia.spans();
                for span in &spans[came..] {
                    sent += 1;
                    if let Some(expected) = exact::expected(&exchange.file).filter(|_| !content.is_on()) {
                        compared += 1;
                        assert_eq!(without_ids(span), expected, "{}", exchange.file);
                    }
                    for difference in check(&exchange, provider, span, content.is_on()) {
                        let _ = writeln!(differences, "{}: {difference}", exchange.file);
                    }
                }
                came = spans.len();
            }
            for refusal in tracia.refusals() {
                let _ = writeln!(differences, "{}: {}", provider.folder, refusal.reason);
            }
            let report = telemetry.report();
            assert_eq!(report.recorded, report.delivered, "{}", provider.folder);
            say(&format!("tracia: {}: {came} calls", provider.folder));
        }
    }
    say(&format!("tracia: {sent} calls sent of {played} exchanges played, half of them without content"));
    assert_eq!(compared, exact::count());
    assert!(sent > 0 && differences.is_empty(), "{differences}");
}

/// The span without what differs from run to run.
fn without_ids(span: &Value) -> Value {
    let mut span = span.clone();
    for key in ["spanId", "traceId", "latencyMs"] {
        assert!(span.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    span
}

/// What is wrong with the span of an exchange.
fn check(exchange: &Exchange, provider: &Provider, span: &Value, has_content: bool) -> Vec<String> {
    let mut wrong = BTreeMap::new();
    if let Some(word) = provider.word {
        wrong.insert("provider", span["provider"] == word);
    }
    if !exchange.succeeded() {
        wrong.insert("status", span["status"] == "ERROR" && span["error"].is_string());
    }
    let is_embedding = span["spanKind"] == "EMBEDDING";
    let tokens = |key: &str| span[key].as_u64().unwrap_or_default();
    wrong.insert("totalTokens", tokens("totalTokens") >= tokens("inputTokens") + tokens("outputTokens"));
    if !has_content {
        let empty = if is_embedding { &span["input"]["text"] } else { &span["input"]["messages"] };
        wrong.insert("input", empty.as_array().is_some_and(Vec::is_empty));
        wrong.insert("output", is_embedding || span["output"].is_null());
        wrong.insert("tools", span.get("tools").is_none() && span.get("toolCalls").is_none());
    } else if !is_embedding && exchange.succeeded() {
        // What the oracle knows of the text.
        if let Some(text) =
            exchange.expected.get("text").and_then(Value::as_str).filter(|text| !text.is_empty())
        {
            wrong.insert(
                "output",
                span["output"].as_str().is_some_and(|output| !output.is_empty() && text.starts_with(output)),
            );
        }
        let messages = span["input"]["messages"].as_array().is_some_and(|messages| !messages.is_empty());
        // A prompt that the provider stores is not in the request.
        let is_stored = exchange.request.as_ref().and_then(|request| request.body.as_deref());
        let is_stored = is_stored.is_some_and(|body| body.contains("\"prompt\":{\"id\""));
        wrong.insert("input", messages || is_stored);
    }
    let fields = wrong.into_iter().filter(|(_, is_right)| !is_right);
    fields.map(|(field, _)| format!("{field}: {span}")).collect()
}
