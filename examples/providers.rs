//! One conversation with several providers: the same code for all.
//!
//! `cargo run --example providers` needs nothing: stand-ins for OpenAI, Anthropic and Google start inside
//! the process. With `OPENAI_API_KEY`, `ANTHROPIC_API_KEY` or `GOOGLE_API_KEY` set it calls those.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use serde_json::json;
use std::{env, error::Error};
use tracing_genai::{
    Client,
    client::{Endpoint, Provider},
    record::ToolDefinition,
    testing::FakeProvider,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let stand_in = FakeProvider::start()?;
    let places = [
        (Provider::OpenAi, "OPENAI_API_KEY", stand_in.base_url()),
        (Provider::Anthropic, "ANTHROPIC_API_KEY", stand_in.anthropic_url()),
        (Provider::Google, "GOOGLE_API_KEY", stand_in.google_url()),
    ];
    let mut builder = Client::builder();
    for (provider, key, url) in places {
        if env::var_os(key).is_none() {
            builder = builder.endpoint(Endpoint::new(provider).base_url(url).api_key("stand-in"));
        }
    }
    let client = builder.build()?;

    // The model's name tells whom to call.
    for model in ["gpt-4o-mini", "claude-haiku-4-5", "gemini-2.5-flash"] {
        println!("{model}: {}", weather(&client, model).await?);
    }
    Ok(())
}

/// Asks, runs the tool that the model asks for, and tells it what came.
async fn weather(client: &Client, model: &str) -> Result<String, tracing_genai::Error> {
    let tool = ToolDefinition::function(
        "get_weather",
        "The weather in a city.",
        json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] }),
    );
    let ask =
        || client.chat(model).system("Be brief.").user("What is the weather in Lisbon?").tool(tool.clone());
    let first = ask().send().await?;
    let mut next = ask().message(first.message());
    for call in first.tool_calls() {
        next = next.tool_result(call, "18 degrees and clear");
    }
    let reply = next.send().await?;
    let usage = reply.usage();
    let (input, output) = (usage.input_tokens.unwrap_or_default(), usage.output_tokens.unwrap_or_default());
    Ok(format!("{} ({input} tokens in, {output} out)", reply.text()))
}
