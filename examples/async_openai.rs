//! Calls by `async-openai`, seen by one line.
//!
//! `cargo run --example async_openai --features async-openai/chat-completion` needs nothing: a stand-in for
//! OpenAI and a receiver of spans start inside the process. With `OPENAI_API_KEY` set it calls OpenAI.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

mod trace;

use async_openai::{
    Client,
    config::OpenAIConfig,
    types::chat::{
        ChatCompletionRequestUserMessageArgs, ChatCompletionStreamOptions, CreateChatCompletionRequest,
        CreateChatCompletionRequestArgs,
    },
};
use std::{env, error::Error, future::poll_fn, time::Duration};
use tracing::Instrument;
use tracing_genai::{
    Destination, Telemetry, instrument,
    testing::{Answer, FakeProvider, OtlpSink},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sink = OtlpSink::start()?;
    let telemetry = Telemetry::builder()
        .service_name("async-openai")
        .destination(Destination::otlp(sink.endpoint()))
        .build()?;
    telemetry.install()?;

    // The stand-in is busy at first: the client's own retries go on, and a call is one span all the same.
    let stand_in = FakeProvider::start()?;
    stand_in
        .enqueue(Answer::error(503, "server_error", None, "Busy for a moment.").header("retry-after", "0"));
    let config = match env::var_os("OPENAI_API_KEY") {
        Some(_) => OpenAIConfig::default(),
        None => OpenAIConfig::new().with_api_base(stand_in.base_url()).with_api_key("sk-stand-in"),
    };

    let http = reqwest::Client::new();
    let client = Client::build(http.clone(), config)
        // This is the line.
        .with_http_service(instrument::async_openai::service(http));

    chat(&client).instrument(tracing::info_span!("a conversation")).await?;

    telemetry.flush(Duration::from_secs(5)).await?;
    trace::print(&sink.wait_for_spans_async(3, Duration::from_secs(5)).await);
    Ok(())
}

async fn chat(client: &Client<OpenAIConfig>) -> Result<(), Box<dyn Error>> {
    let reply = client.chat().create(request("Say hello in Danish.")?).await?;
    println!("Whole: {}", reply.choices.first().and_then(|it| it.message.content.as_deref()).unwrap_or(""));

    // OpenAI tells a stream's tokens only where it is asked to.
    let mut request = request("Count to five.")?;
    request.stream_options =
        Some(ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None });
    let mut stream = client.chat().create_stream(request).await?;
    print!("Stream: ");
    while let Some(event) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        for choice in event?.choices {
            print!("{}", choice.delta.content.unwrap_or_default());
        }
    }
    println!("\n");
    Ok(())
}

fn request(question: &str) -> Result<CreateChatCompletionRequest, Box<dyn Error>> {
    let message = ChatCompletionRequestUserMessageArgs::default().content(question).build()?;
    Ok(CreateChatCompletionRequestArgs::default().model("gpt-4o-mini").messages([message.into()]).build()?)
}
