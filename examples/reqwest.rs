//! Calls by `reqwest` with `reqwest-middleware`, seen by one line.
//!
//! `cargo run --example reqwest --features reqwest-middleware` needs nothing: a stand-in for Anthropic and a
//! receiver of spans start inside the process.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

mod trace;

use http::header::CONTENT_TYPE;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::{Value, json};
use std::{error::Error, time::Duration};
use tracing_genai::{
    Destination, Telemetry,
    instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware},
    testing::{FakeProvider, OtlpSink},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sink = OtlpSink::start()?;
    let telemetry = Telemetry::builder()
        .service_name("reqwest")
        .destination(Destination::otlp(sink.endpoint()))
        .build()?;
    telemetry.install()?;
    let stand_in = FakeProvider::start()?;

    // The providers' own hosts are known; a gateway, or this stand-in, is named by a rule.
    let calls = Instrumentation::new().rule(Rule::host("127.0.0.1"));
    // This is the line: before a middleware that tries again, so that all attempts are one span.
    let http = ClientBuilder::new(reqwest::Client::new()).with(GenAiMiddleware::from(calls)).build();

    let url = format!("{}/v1/messages", stand_in.anthropic_url());
    println!("Whole: {}", whole(&http, &url).await?);
    println!("A stream of {} bytes\n", streamed(&http, &url).await?);

    telemetry.flush(Duration::from_secs(5)).await?;
    trace::print(&sink.wait_for_spans_async(2, Duration::from_secs(5)).await);
    Ok(())
}

async fn whole(http: &ClientWithMiddleware, url: &str) -> Result<Value, Box<dyn Error>> {
    let answer = ask(http, url, false).await?.bytes().await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    Ok(answer["content"][0]["text"].clone())
}

async fn streamed(http: &ClientWithMiddleware, url: &str) -> Result<usize, Box<dyn Error>> {
    let mut answer = ask(http, url, true).await?;
    let mut length = 0;
    while let Some(bytes) = answer.chunk().await? {
        length += bytes.len();
    }
    Ok(length)
}

async fn ask(
    http: &ClientWithMiddleware,
    url: &str,
    stream: bool,
) -> Result<reqwest::Response, reqwest_middleware::Error> {
    let body = json!({
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Say hello in Danish."}],
        "stream": stream,
    });
    http.post(url)
        .header("x-api-key", "sk-stand-in")
        .header("anthropic-version", "2023-06-01")
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string())
        .send()
        .await
}
