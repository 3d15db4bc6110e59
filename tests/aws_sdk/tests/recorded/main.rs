//! Every recorded exchange with Amazon Bedrock, made by AWS's SDK and by this crate's client: the spans are
//! the same, attribute for attribute, and the SDK's caller gets what it gets without the interceptor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod client;
#[allow(dead_code, reason = "tests of other clients use the rest of it")]
#[path = "../../../recorded/exchange.rs"]
mod exchange;
mod sdk;

use client::Asked;
use exchange::Exchange;
use std::{
    env,
    io::{self, Write as _},
    path::{Path, PathBuf},
};
use tracing_genai::testing::{Answer, AttributeValue, FakeProvider, FinishedSpan, capture_async};

/// A provider whose exchanges were recorded.
pub(crate) struct Provider {
    pub(crate) folder: &'static str,
}

#[tokio::test]
async fn the_sdk_and_the_client_make_the_same_span() {
    let (mut compared, mut left_out, mut differences) = (0, Vec::new(), Vec::new());
    for exchange in exchanges() {
        let Ok(asked) = Asked::own(&exchange) else {
            left_out.push(exchange.file);
            continue;
        };
        let provider = FakeProvider::start().unwrap();
        provider.enqueue(answer(&exchange));
        provider.enqueue(answer(&exchange));
        let sdk = sdk::client(&provider, true);
        let (_, theirs) = spans_of(sdk::call(&sdk, &exchange)).await;
        let (_, ours) = spans_of(client::call(&provider, &exchange, &asked)).await;
        assert_eq!(provider.requests().len(), 2, "{}: each has asked once", exchange.file);
        let ([theirs], [ours]) = (theirs.as_slice(), ours.as_slice()) else {
            panic!("{}: {} and {} spans", exchange.file, theirs.len(), ours.len());
        };
        compared += 1;
        let found = compare(theirs, ours);
        differences.extend(found.into_iter().map(|difference| format!("{}: {difference}", exchange.file)));
    }
    say(&format!("aws sdk: {compared} exchanges compared with the client's span"));
    assert_eq!(differences, [""; 0], "the SDK's span, the client's");
    if compared > 0 {
        // The SDK sends a request without a body, which the client does not make.
        let without = "bedrock/invoke_model/error_400__does-not-exist__opentelemetry-python-contrib.json";
        assert_eq!(left_out, [without]);
    }
}

#[tokio::test]
async fn the_callers_answer_is_the_same_with_the_interceptor() {
    for exchange in exchanges() {
        let provider = FakeProvider::start().unwrap();
        provider.enqueue(answer(&exchange));
        provider.enqueue(answer(&exchange));
        let without = sdk::call(&sdk::client(&provider, false), &exchange).await;
        let watched = sdk::client(&provider, true);
        let (with, spans) = spans_of(sdk::call(&watched, &exchange)).await;
        assert_eq!(with, without, "{}", exchange.file);
        assert_eq!(spans.len(), 1, "{}", exchange.file);
        let [first, second] = &provider.requests()[..] else { panic!("{}: two requests", exchange.file) };
        assert_eq!(first.body, second.body, "{}", exchange.file);
    }
}

#[tokio::test]
async fn a_span_is_the_same_however_the_answer_is_cut() {
    for exchange in exchanges() {
        let body = exchange.response.bytes.as_slice();
        let content_type = exchange.header("content-type").unwrap_or_default();
        let mut spans = Vec::new();
        for size in [body.len().max(1), 1000, 61] {
            let pieces = body.chunks(size).map(|piece| piece.to_vec().into()).collect();
            let provider = FakeProvider::start().unwrap();
            let answer = Answer::chunks(exchange.response.status, content_type, pieces);
            provider.enqueue(with_headers(&exchange, answer));
            let sdk = sdk::client(&provider, true);
            let (_, mut ended) = spans_of(sdk::call(&sdk, &exchange)).await;
            let mut span = ended.remove(0);
            span.attributes.remove("server.port");
            spans.push(span);
        }
        for span in &spans[1..] {
            assert_eq!(compare(span, &spans[0]), [""; 0], "{}", exchange.file);
        }
    }
}

/// The spans of calls of models: the SDK has spans of its own.
async fn spans_of<F: Future>(work: F) -> (F::Output, Vec<FinishedSpan>) {
    let (output, mut spans) = capture_async(work).await;
    spans.retain(|span| span.attribute("gen_ai.operation.name").is_some());
    (output, spans)
}

/// What differs, a line each. Times are the program's own: that one is told is all that is compared.
fn compare(theirs: &FinishedSpan, ours: &FinishedSpan) -> Vec<String> {
    const TIME: &str = "gen_ai.response.time_to_first_chunk";
    let mut differences = Vec::new();
    let mut differs = |what: &str, theirs: String, ours: String| {
        if theirs != ours {
            differences.push(format!("{what}: {theirs}, {ours}"));
        }
    };
    differs("name", theirs.name.clone(), ours.name.clone());
    differs("kind", format!("{:?}", theirs.kind), format!("{:?}", ours.kind));
    differs("status", format!("{:?}", theirs.status), format!("{:?}", ours.status));
    differs("twice", format!("{:?}", theirs.duplicate_attributes()), "[]".to_owned());
    let told = |span: &FinishedSpan, key: &str| match (key, span.attribute(key)) {
        (TIME, value) => format!("{}", value.and_then(AttributeValue::as_f64).is_some()),
        (_, value) => format!("{value:?}"),
    };
    let keys: std::collections::BTreeSet<_> =
        theirs.attributes.keys().chain(ours.attributes.keys()).collect();
    for key in keys {
        differs(key, told(theirs, key), told(ours, key));
    }
    let usage = |span: &FinishedSpan| {
        let operation = span.operation.as_ref().expect("the operation of a captured span");
        format!("{:?}", (operation.usage(), operation.http_status, &operation.request_id, operation.attempts))
    };
    differs("usage, status, request id and attempts", usage(theirs), usage(ours));
    differences
}

fn answer(exchange: &Exchange) -> Answer {
    let content_type = exchange.header("content-type").unwrap_or_default();
    let body = exchange.response.bytes.clone();
    with_headers(exchange, Answer::raw(exchange.response.status, content_type, body))
}

fn with_headers(exchange: &Exchange, answer: Answer) -> Answer {
    let others = exchange.response.headers.iter().filter(|(name, _)| *name != "content-type");
    others.fold(answer, |answer, (name, value)| answer.header(name, value))
}

fn exchanges() -> Vec<Exchange> {
    let Some(root) = folder() else { return Vec::new() };
    exchange::load(&root, &Provider { folder: "bedrock" })
}

/// The folder of recordings: `RECORDED_DIR`, else the one beside the repository.
fn folder() -> Option<PathBuf> {
    let root = env::var_os("RECORDED_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recorded"),
        PathBuf::from,
    );
    if root.is_dir() {
        return Some(root);
    }
    let missing = format!("{} holds no recorded exchanges: set RECORDED_DIR to their folder", root.display());
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
    say(&format!("skipped: {missing}"));
    None
}

/// Prints a line even when the test passes.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
