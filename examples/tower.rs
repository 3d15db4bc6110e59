//! Calls by hyper's own client, seen by a `tower` layer.
//!
//! `cargo run --example tower --features tower` needs nothing: a stand-in for OpenAI and a receiver of spans start
//! inside the process.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

mod trace;

use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use std::{error::Error, time::Duration};
use tower_layer::Layer;
use tower_service::Service;
use tracing_genai::{
    Destination, Telemetry,
    instrument::{Instrumentation, RequestBody, Rule, tower::GenAiLayer},
    testing::{FakeProvider, OtlpSink},
};

/// The client's type names its body: a [`RequestBody`] of what the program sends.
type Http = Client<HttpConnector, RequestBody<Full<Bytes>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sink = OtlpSink::start()?;
    let telemetry =
        Telemetry::builder().service_name("tower").destination(Destination::otlp(sink.endpoint())).build()?;
    telemetry.install()?;
    let stand_in = FakeProvider::start()?;

    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    // The providers' own hosts are known; a gateway, or this stand-in, is named by a rule.
    let calls = Instrumentation::new().rule(Rule::host("127.0.0.1"));
    // This is the line: outermost, so that what tries again or decompresses is inside.
    let mut http = GenAiLayer::from(calls).layer(http);

    let body = json!({
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Say hello in Danish."}],
    });
    let request = Request::post(format!("{}/chat/completions", stand_in.base_url()))
        .header("authorization", "Bearer sk-stand-in")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(body.to_string()))?;
    let answer = http.call(request).await?.into_body().collect().await?.to_bytes();
    let answer: Value = serde_json::from_slice(&answer)?;
    println!("Answer: {}\n", answer["choices"][0]["message"]["content"]);

    telemetry.flush(Duration::from_secs(5)).await?;
    trace::print(&sink.wait_for_spans_async(1, Duration::from_secs(5)).await);
    Ok(())
}
