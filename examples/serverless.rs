//! A function in a sandbox that is frozen between its invocations: each flushes before it returns.
//!
//! `cargo run --example serverless` needs nothing: a stand-in for OpenAI and a receiver of spans start inside
//! the process. With `OPENAI_API_KEY` it calls OpenAI. The loop stands for the platform's runtime.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

use std::{env, error::Error, time::Duration};
use tracing::Instrument;
use tracing_genai::{
    Client, Destination, Telemetry,
    testing::{Answer, FakeProvider, OtlpSink},
};

/// Room for two tries of a request, and short beside what an invocation may take.
const FLUSH: Duration = Duration::from_secs(5);

// One thread, as such sandboxes have; nothing runs on it between two invocations.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Made once, at the cold start. A connection that died in a freeze costs one request's time, so that is short.
    let sink = OtlpSink::start()?;
    let destination = Destination::otlp(sink.endpoint()).timeout(Duration::from_secs(2));
    let telemetry = Telemetry::builder().service_name("greeter").destination(destination).build()?;
    telemetry.install()?;

    let stand_in = FakeProvider::start()?;
    for greeting in ["Hej.", "Olá.", "Hoi."] {
        stand_in.enqueue(Answer::text(greeting));
    }
    let client = match env::var_os("OPENAI_API_KEY") {
        Some(_) => Client::from_env()?,
        None => Client::builder().base_url(stand_in.base_url()).api_key("sk-stand-in").build()?,
    };

    for (number, language) in (1..).zip(["Danish", "Portuguese", "Dutch"]) {
        let answer = invocation(&telemetry, &client, language).await?;
        // Here the platform may freeze the process, or end it.
        println!("Invocation {number}: {answer} {} spans have arrived.", sink.spans().len());
    }
    Ok(())
}

/// What the platform calls for each event.
async fn invocation(
    telemetry: &Telemetry,
    client: &Client,
    language: &str,
) -> Result<String, Box<dyn Error>> {
    let span = tracing::info_span!("greet", otel.kind = "server", faas.trigger = "http");
    // The span ends with the future that it is given to: before the flush, which takes it along.
    let answer = greet(client, language).instrument(span).await;
    if let Err(error) = telemetry.flush(FLUSH).await {
        // The answer is the caller's all the same: what is pending is tried again by the next invocation.
        eprintln!("{error}");
    }
    Ok(answer?)
}

async fn greet(client: &Client, language: &str) -> Result<String, tracing_genai::Error> {
    let reply = client.chat("gpt-4o-mini").user(format!("Say hello in {language}.")).send().await?;
    Ok(reply.text())
}
