//! A service that has its telemetry already: `tracing` with a log and an OpenTelemetry layer, the exporter of
//! `opentelemetry-otlp`, and a client of `reqwest-middleware`. Two lines were added for the calls of models.
//!
//! `cargo run --example existing_setup --features reqwest-middleware` needs nothing: a stand-in for OpenAI and a
//! receiver of spans start inside the process.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

mod trace;

use axum::{Router, extract::State, http::StatusCode, routing::post};
use http::header::CONTENT_TYPE;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::{Value, json};
use std::{error::Error, time::Duration};
use tokio::net::TcpListener;
use tracing::Instrument;
use tracing_genai::testing::{FakeProvider, OtlpSink};
use tracing_subscriber::{EnvFilter, Layer, filter::LevelFilter, fmt, prelude::*};

type Failure = Box<dyn Error + Send + Sync>;

/// What the program had: logs in print, spans to a collector.
fn start_telemetry(collector: &str) -> Result<SdkTracerProvider, Failure> {
    let exporter =
        SpanExporter::builder().with_http().with_endpoint(format!("{collector}/v1/traces")).build()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name("shop").build())
        .build();
    let log = fmt::layer().with_target(false).with_filter(EnvFilter::new("info"));
    // Without a filter the DEBUG and TRACE events of the HTTP libraries would land on the spans.
    let traces =
        tracing_opentelemetry::layer().with_tracer(provider.tracer("shop")).with_filter(LevelFilter::INFO);
    tracing_subscriber::registry().with(log).with(traces).try_init()?;
    Ok(provider)
}

/// What the program had, and the two lines.
fn http_client() -> ClientWithMiddleware {
    use tracing_genai::instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware}; // added: 1
    ClientBuilder::new(reqwest::Client::new())
        .with(GenAiMiddleware::from(Instrumentation::new().rule(Rule::host("127.0.0.1")))) // added: 2
        // For the hosts of the providers `.with(GenAiMiddleware::new())` is enough: the stand-in is none.
        .build()
}

#[derive(Clone)]
struct Shop {
    http: ClientWithMiddleware,
    model_url: String,
}

/// The handler, as it was.
async fn ask(State(shop): State<Shop>, question: String) -> Result<String, (StatusCode, String)> {
    let span = tracing::info_span!("POST /ask", otel.kind = "server");
    let answer = shop.ask_model(&question).instrument(span).await;
    answer.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))
}

impl Shop {
    async fn ask_model(&self, question: &str) -> Result<String, Failure> {
        tracing::info!(bytes = question.len(), "asked");
        let body = json!({
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": question}],
        });
        let answer = self
            .http
            .post(&self.model_url)
            .bearer_auth("sk-stand-in")
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string())
            .send()
            .await?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let text = answer["choices"][0]["message"]["content"].as_str().ok_or("no text")?;
        tracing::info!(bytes = text.len(), "answered");
        Ok(text.to_owned())
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let collector = OtlpSink::start()?;
    let provider = start_telemetry(&collector.endpoint())?;

    let stand_in = FakeProvider::start()?;
    let model_url = format!("{}/chat/completions", stand_in.base_url());
    let shop = Shop { http: http_client(), model_url };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/ask", post(ask)).with_state(shop);
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let asked = reqwest::Client::new().post(format!("http://{address}/ask")).body("Do you sell umbrellas?");
    println!("\nAnswer: {}\n", asked.send().await?.text().await?);

    // A flush waits, and is not for a thread of the runtime.
    let flushing = provider.clone();
    tokio::task::spawn_blocking(move || flushing.force_flush()).await??;
    trace::print(&collector.wait_for_spans_async(2, Duration::from_secs(5)).await);
    Ok(())
}
