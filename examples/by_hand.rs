//! Spans of what no client can see: a model in this process, a memory, an agent that uses both.
//!
//! `cargo run --example by_hand` needs nothing: a receiver of spans starts inside the process. With
//! `OTEL_EXPORTER_OTLP_ENDPOINT` it sends the spans to your collector too.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use serde_json::{Value, json};
use std::{collections::BTreeMap, env, error::Error, io, time::Duration};
use tracing_genai::{
    Destination, Telemetry,
    record::FinishReason,
    span::{Agent, Embedding, Feedback, Generation, Memory, SpanRef, Tool},
    testing::{FinishedSpan, OtlpSink},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sink = OtlpSink::start()?;
    let mut telemetry =
        Telemetry::builder().service_name("by-hand").destination(Destination::otlp(sink.endpoint()));
    if env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
        telemetry = telemetry.destination(Destination::from_env()?);
    }
    let telemetry = telemetry.build()?;
    telemetry.install()?;

    let question = "How shall I travel to Lisbon?";
    let agent = Agent::invoke("travel guide").user(question);
    // The span that is current in there is the agent's: what the user's verdict is about.
    let work = async { Ok::<_, io::Error>((answer(question).await?, SpanRef::current())) };
    let (text, span) = agent
        .run_with(work, |span, (text, _)| {
            span.answer(text);
        })
        .await?;
    println!("Answer: {text}\n");

    // Minutes later, or in another process that was given the span's two ids.
    if let Some(span) = span {
        let same = SpanRef::from_hex(&span.trace_id(), &span.span_id())?;
        Feedback::thumbs_up().comment("I love trains.").record(same);
    }

    telemetry.flush(Duration::from_secs(5)).await?;
    print_trace(&sink.wait_for_spans_async(6, Duration::from_secs(5)).await);
    Ok(())
}

/// What the agent does: embed, remember, look at the weather, and let a local model write.
async fn answer(question: &str) -> io::Result<String> {
    let embedding = Embedding::new("fastembed", "all-MiniLM-L6-v2").input(question);
    let vectors = embedding
        .run_with(embed(question), |span, vectors| {
            span.vectors(vectors.len(), vectors.first().map_or(0, Vec::len));
        })
        .await?;

    let search = Memory::search(question).store("user-42").in_process();
    let memories = search
        .run_with(recall(&vectors), |span, found| {
            span.records(found.clone());
        })
        .await?;

    let place = json!({"city": "Lisbon"});
    let weather = Tool::new("get_weather").agent("travel guide").call(&place, get_weather).await?;

    // A stream: each piece as it comes. Dropped half-way the span would say `abandoned`.
    let prompt = format!("{question} Known: {}. Weather: {weather}", json!(memories));
    let mut span = Generation::new("llama.cpp", "qwen3-8b").in_process().streamed().user(prompt).start();
    let mut text = String::new();
    for piece in ["Take the night train; ", "it is 18 degrees ", "and clear there."] {
        span.first_chunk().text(piece);
        text.push_str(piece);
    }
    span.tokens(41, 14).finish_reason(FinishReason::Stop);
    span.finish();
    Ok(text)
}

async fn embed(text: &str) -> io::Result<Vec<Vec<f32>>> {
    Ok(vec![vec![text.len() as f32; 384]])
}

async fn recall(vectors: &[Vec<f32>]) -> io::Result<Vec<Value>> {
    if vectors.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![json!({"id": "m-1", "content": "Likes trains.", "score": 0.8})])
}

async fn get_weather(place: &Value) -> io::Result<Value> {
    Ok(json!({"city": place["city"], "temperature": 18, "sky": "clear"}))
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
    print_children(&children, "", 0);
}

fn print_children(children: &BTreeMap<&str, Vec<&FinishedSpan>>, parent: &str, depth: usize) {
    for span in children.get(parent).into_iter().flatten() {
        println!("{}{}", "  ".repeat(depth), span.name);
        for event in &span.events {
            println!("{}* {:?}", "  ".repeat(depth + 1), event.attributes.values().collect::<Vec<_>>());
        }
        print_children(children, &span.span_id, depth + 1);
    }
}
