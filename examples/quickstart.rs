//! A web request whose handler asks a model, seen as one trace.
//!
//! `cargo run --example quickstart` needs nothing: a stand-in for OpenAI and a receiver of spans
//! start inside the process. With `OPENAI_API_KEY` it calls OpenAI, with
//! `OTEL_EXPORTER_OTLP_ENDPOINT` it sends the spans to your collector too.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use serde_json::{Value, json};
use std::{collections::BTreeMap, env, error::Error, io, time::Duration};
use tracing::Instrument;
use tracing_genai::{
    Client, Destination, Telemetry,
    client::ChatEvent,
    record::ToolDefinition,
    span::{Retrieval, Tool},
    testing::{Answer, AttributeValue, FakeProvider, FinishedSpan, OtlpSink},
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

    let flushed = telemetry.flush().await;
    print_trace(&sink.wait_for_spans_async(6, Duration::from_secs(5)).await);
    println!();
    for to in telemetry.report().destinations {
        let counts = (to.recorded, to.delivered, to.pending, to.rejected, to.dropped);
        let (recorded, delivered, pending, rejected, dropped) = counts;
        println!(
            "{}: {recorded} spans recorded, {delivered} delivered, {pending} pending, {rejected} rejected, {dropped} dropped",
            to.name
        );
    }
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

/// Prints the spans as a tree, in the order in which they began.
fn print_trace(spans: &[FinishedSpan]) {
    let mut children: BTreeMap<&str, Vec<&FinishedSpan>> = BTreeMap::new();
    for span in spans {
        children.entry(span.parent_span_id.as_deref().unwrap_or("")).or_default().push(span);
    }
    for siblings in children.values_mut() {
        siblings.sort_by_key(|span| span.start_unix_nanos);
    }
    if let Some(first) = spans.first() {
        println!("Trace {}", first.trace_id);
    }
    print_children(&children, "", 0);
}

fn print_children(children: &BTreeMap<&str, Vec<&FinishedSpan>>, parent: &str, depth: usize) {
    for span in children.get(parent).into_iter().flatten() {
        let name = format!("{}{}", "  ".repeat(depth), span.name);
        print!("{name:<44}{:>9.1} ms", span.duration().as_secs_f64() * 1e3);
        let text = |name| span.attribute(name).and_then(AttributeValue::as_str);
        if let Some(model) = text("gen_ai.response.model") {
            print!("  {model}");
        }
        let tokens = |name| span.attribute(name).and_then(AttributeValue::as_i64);
        if let Some(input) = tokens("gen_ai.usage.input_tokens") {
            print!("  {input} tokens in");
        }
        if let Some(output) = tokens("gen_ai.usage.output_tokens") {
            print!(", {output} out");
        }
        if let Some(outcome) = text("tracing_genai.outcome") {
            print!("  {outcome}");
        }
        println!();
        print_children(children, &span.span_id, depth + 1);
    }
}
