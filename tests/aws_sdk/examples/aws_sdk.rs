//! AWS's SDK as a program has it, and one line more: each call of a model is a span.
//!
//! `cargo run -p tests-aws_sdk --example aws_sdk` needs no credentials: a stand-in for Amazon Bedrock and a
//! receiver of spans start inside the process.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use aws_sdk_bedrockruntime::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    types::{ContentBlock, ContentBlockDelta, ConversationRole, ConverseStreamOutput, Message},
};
use std::{error::Error, time::Duration};
use tracing::{Instrument, level_filters::LevelFilter};
use tracing_genai::{
    Destination, Telemetry,
    instrument::aws::GenAiInterceptor,
    testing::{Answer, AttributeValue, FakeProvider, FinishedSpan, OtlpSink},
};
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

const MODEL: &str = "us.amazon.nova-lite-v1:0";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sink = OtlpSink::start()?;
    let telemetry = Telemetry::builder().destination(Destination::otlp(sink.endpoint())).build()?;
    // The SDK has spans of its own below this level.
    tracing_subscriber::registry().with(telemetry.layer().with_filter(LevelFilter::INFO)).init();

    // A stand-in for Bedrock that is busy at first.
    let bedrock = FakeProvider::start()?;
    bedrock.enqueue(Answer::error(503, "ServiceUnavailableException", None, "Busy."));
    bedrock.enqueue(Answer::text("It is 18 degrees and clear in Lisbon."));
    bedrock.enqueue(Answer::text("Something light."));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("an-id", "a-secret", None, None, "an example"))
        .endpoint_url(bedrock.bedrock_url())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(10)))
        // The line that makes spans.
        .interceptor(GenAiInterceptor::new())
        .build();

    let client = Client::from_conf(config);
    let request = tracing::info_span!("GET /ask", otel.kind = "server");
    ask(&client).instrument(request).await?;

    telemetry.flush(Duration::from_secs(5)).await?;
    println!();
    let mut spans = sink.wait_for_spans_async(3, Duration::from_secs(5)).await;
    spans.sort_by_key(|span| span.start_unix_nanos);
    spans.iter().for_each(print_span);
    Ok(())
}

/// The handler: a question, and one that is answered in a stream.
async fn ask(client: &Client) -> Result<(), Box<dyn Error>> {
    let weather = client.converse().model_id(MODEL).messages(message("What is the weather in Lisbon?")?);
    println!("{} tokens", weather.send().await?.usage().map_or(0, |usage| usage.total_tokens()));

    let wear = client.converse_stream().model_id(MODEL).messages(message("What should I wear?")?);
    let mut stream = wear.send().await?.stream;
    while let Some(event) = stream.recv().await? {
        if let ConverseStreamOutput::ContentBlockDelta(event) = event {
            if let Some(ContentBlockDelta::Text(text)) = event.delta() {
                print!("{text}");
            }
        }
    }
    println!();
    Ok(())
}

fn message(text: &str) -> Result<Message, Box<dyn Error>> {
    let message = Message::builder().role(ConversationRole::User);
    Ok(message.content(ContentBlock::Text(text.to_owned())).build()?)
}

fn print_span(span: &FinishedSpan) {
    let depth = if span.parent_span_id.is_some() { "  " } else { "" };
    print!("{:<40}{:>8.1} ms", format!("{depth}{}", span.name), span.duration().as_secs_f64() * 1e3);
    let number = |name| span.attribute(name).and_then(AttributeValue::as_i64);
    if let (Some(input), Some(output)) =
        (number("gen_ai.usage.input_tokens"), number("gen_ai.usage.output_tokens"))
    {
        print!("  {input} tokens in, {output} out");
    }
    if let Some(attempts) = number("tracing_genai.attempts") {
        print!("  {attempts} attempts");
    }
    let outcome = span.attribute("tracing_genai.outcome").and_then(AttributeValue::as_str);
    println!("  {}", outcome.unwrap_or_default());
}
