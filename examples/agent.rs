//! An agent that calls a model, runs the tool that it asks for, and calls it again; judged afterwards.
//!
//! `cargo run --example agent` needs nothing: a stand-in for OpenAI and a receiver of spans start inside
//! the process. With `OPENAI_API_KEY` it calls OpenAI.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use serde_json::{Value, json};
use std::{collections::BTreeMap, env, error::Error, io, time::Duration};
use tracing_genai::{
    Client, Destination, Telemetry,
    record::ToolDefinition,
    span::{Agent, Evaluation, SpanRef, Tool},
    testing::{Answer, FakeProvider, FinishedSpan, OtlpSink},
};

const AGENT: &str = "wardrobe";
const MODEL: &str = "gpt-4o-mini";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sink = OtlpSink::start()?;
    let telemetry = Telemetry::builder().destination(Destination::otlp(sink.endpoint())).build()?;
    telemetry.install()?;

    let stand_in = FakeProvider::start()?;
    stand_in.enqueue(Answer::tool_call("get_weather", r#"{"city":"Lisbon"}"#));
    stand_in.enqueue(Answer::text("Something light: it is 18 degrees and clear in Lisbon."));
    let client = match env::var_os("OPENAI_API_KEY") {
        Some(_) => Client::from_env()?,
        None => Client::builder().base_url(stand_in.base_url()).api_key("sk-stand-in").build()?,
    };

    let question = "What should I wear in Lisbon?";
    let agent = Agent::invoke(AGENT).model(MODEL).user(question);
    let run = agent.run_with(answer(&client, question), |span, run| {
        span.answer(&run.text).tokens(run.input_tokens, run.output_tokens);
    });
    let run = run.await?;
    println!("Answer: {}\n", run.text);

    // Judged later: the run's span has ended long since.
    if let Some(span) = run.span {
        let names_the_city = run.text.contains("Lisbon");
        let label = if names_the_city { "pass" } else { "fail" };
        Evaluation::new("names_the_city")
            .score(f64::from(u8::from(names_the_city)))
            .label(label)
            .record(span);
    }

    telemetry.flush(Duration::from_secs(5)).await?;
    print_trace(&sink.wait_for_spans_async(5, Duration::from_secs(5)).await);
    Ok(())
}

/// What one run of the agent gave.
struct Run {
    text: String,
    input_tokens: u64,
    output_tokens: u64,
    span: Option<SpanRef>,
}

/// The loop: as long as the model asks for tools they are run, a few rounds at most.
async fn answer(client: &Client, question: &str) -> Result<Run, tracing_genai::Error> {
    let span = SpanRef::current();
    let weather = ToolDefinition::function(
        "get_weather",
        "The weather of a city",
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    );
    let mut chat = client.chat(MODEL).user(question).tool(weather);
    let mut run = Run { text: String::new(), input_tokens: 0, output_tokens: 0, span };
    for _ in 0..4 {
        let reply = chat.clone().send().await?;
        run.input_tokens += reply.usage().input_tokens.unwrap_or(0);
        run.output_tokens += reply.usage().output_tokens.unwrap_or(0);
        run.text = reply.text();
        if reply.tool_calls().is_empty() {
            break;
        }
        chat = chat.message(reply.message());
        for call in reply.tool_calls() {
            let arguments = call.arguments_json().unwrap_or_default();
            // A tool's failure is told to the model, which may try otherwise.
            let result = Tool::from(call).agent(AGENT).call(&arguments, get_weather).await;
            chat =
                chat.tool_result(call, result.map_or_else(|error| error.to_string(), |sky| sky.to_string()));
        }
    }
    Ok(run)
}

async fn get_weather(place: &Value) -> io::Result<Value> {
    let city = place["city"].as_str().ok_or_else(|| io::Error::other("no city was given"))?;
    Ok(json!({"city": city, "temperature": 18, "sky": "clear"}))
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
        print_children(children, &span.span_id, depth + 1);
    }
}
