//! A web request whose handler asks a model, seen as one trace.
//!
//! `cargo run --example quickstart` needs nothing: a stand-in for OpenAI and a receiver of spans
//! start inside the process. With `OPENAI_API_KEY` it calls OpenAI, with
//! `OTEL_EXPORTER_OTLP_ENDPOINT` it sends the spans to your collector too.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

mod trace;

use serde_json::{Value, json};
use std::{env, error::Error, io, time::Duration};
use tracing::Instrument;
use tracing_genai::{
    Client, Destination, Telemetry,
    client::ChatEvent,
    record::ToolDefinition,
    span::{Retrieval, Tool},
    testing::{Answer, FakeProvider, OtlpSink},
};

const MODEL: &str = "gpt-4o-mini";
const HANDBOOK: [(&str, &str); 3] = [
    ("leave", "Everybody has 28 days of leave a year."),
    ("offices", "Our offices are in Copenhagen and Lisbon."),
    ("travel", "Before a journey, look at the weather of the place."),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Where spans go: to a receiver in this process, which prints them below, and to your collector.
    let sink = OtlpSink::start()?;
    let mut telemetry =
        Telemetry::builder().service_name("quickstart").destination(Destination::otlp(sink.endpoint()));
    if env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
        telemetry = telemetry.destination(Destination::from_env()?);
    }
    let telemetry = telemetry.build()?;
    telemetry.install()?;

    // Whom to ask: OpenAI, or a stand-in that answers as it does.
    let stand_in = FakeProvider::start()?;
    stand_in.enqueue(Answer::usual());
    stand_in.enqueue(Answer::tool_call("get_weather", r#"{"city":"Lisbon"}"#));
    stand_in.enqueue(Answer::text("Something light: it is 18 degrees and clear in Lisbon."));
    let client = match env::var_os("OPENAI_API_KEY") {
        Some(_) => Client::from_env()?,
        None => Client::builder().base_url(stand_in.base_url()).api_key("sk-stand-in").build()?,
    };

    let request = tracing::info_span!("GET /ask", otel.kind = "server");
    let answer = ask(&client, "What should I wear at our office in Lisbon?").instrument(request).await?;
    println!("Answer: {answer}\n");

    let flushed = telemetry.flush(Duration::from_secs(5)).await;
    trace::print(&sink.wait_for_spans_async(6, Duration::from_secs(5)).await);
    println!();
    println!("{}", telemetry.report());
    flushed?;
    Ok(())
}

/// The handler: an embedding, a search, a streamed chat that asks for a tool, the tool, a last chat.
async fn ask(client: &Client, question: &str) -> Result<String, Box<dyn Error>> {
    let texts = HANDBOOK.iter().map(|(_, text)| *text).chain([question]);
    let vectors = client.embed("text-embedding-3-small").inputs(texts).await?.into_vectors();

    let search = async { nearest(&vectors) };
    let found = Retrieval::new("handbook").query(question).top_k(2).run(search).await?;

    let weather = ToolDefinition::function(
        "get_weather",
        "The weather of a city",
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    );
    let chat = client
        .chat(MODEL)
        .system(format!("Answer from these documents: {}", json!(found)))
        .user(question)
        .tool(weather);
    let mut stream = chat.clone().stream().await?;
    let mut reply = None;
    while let Some(event) = stream.next().await {
        match event? {
            ChatEvent::Text { text, .. } => print!("{text}"),
            ChatEvent::Done(done) => reply = Some(done),
            _ => {}
        }
    }
    let reply = reply.ok_or("the stream had no end")?;

    let mut chat = chat.message(reply.message());
    for call in reply.tool_calls() {
        let result = Tool::from(call).run(get_weather(call.arguments_json())).await?;
        chat = chat.tool_result(call, result);
    }
    Ok(chat.await?.text())
}

/// The documents nearest to the last vector, the best first.
fn nearest(vectors: &[Vec<f32>]) -> io::Result<Vec<Value>> {
    let Some((question, documents)) = vectors.split_last() else {
        return Err(io::Error::other("no vectors"));
    };
    let score = |vector: &[f32]| vector.iter().zip(question).map(|(a, b)| a * b).sum::<f32>();
    let mut found: Vec<_> = documents.iter().map(|vector| score(vector)).zip(HANDBOOK).collect();
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    Ok(found
        .into_iter()
        .take(2)
        .map(|(score, (id, text))| json!({"id": id, "score": score, "text": text}))
        .collect())
}

async fn get_weather(arguments: Option<Value>) -> io::Result<String> {
    let city = arguments.as_ref().and_then(|arguments| arguments["city"].as_str()).unwrap_or("nowhere");
    tracing::info!(city, "looking out of the window");
    Ok(json!({"city": city, "temperature": 18, "sky": "clear"}).to_string())
}
