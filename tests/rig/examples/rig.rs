//! An agent of rig, seen as one trace: its run, its turns, its tool, and what came over the network.
//!
//! `cargo run -p tests-rig --example rig` needs nothing: a stand-in for OpenAI and a receiver of spans
//! start inside the process. With `OPENAI_API_KEY` it calls OpenAI, with `OTEL_EXPORTER_OTLP_ENDPOINT` it
//! sends the spans to your collector too.

#[path = "../../../examples/trace/mod.rs"]
mod trace;

use reqwest_middleware::ClientBuilder;
use rig_agent::AgentBuilder;
use rig_core::{
    providers::openai::{OpenAI, OpenAIConfig, Route},
    tool::PortableTool,
};
use rig_reqwest::ReqwestMiddlewareClient;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{convert::Infallible, env, error::Error, time::Duration};
use tracing::Instrument;
use tracing_genai::{
    Destination, Telemetry,
    instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware},
    testing::{Answer, FakeProvider, OtlpSink},
};

const MODEL: &str = "gpt-4o-mini";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Where spans go: to a receiver in this process, which prints them below, and to your collector.
    let sink = OtlpSink::start()?;
    let mut telemetry =
        Telemetry::builder().service_name("rig").destination(Destination::otlp(sink.endpoint()));
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
    let config = match env::var_os("OPENAI_API_KEY") {
        Some(_) => OpenAIConfig::from_env()?,
        None => OpenAIConfig::new("sk-stand-in").with_base_url(stand_in.base_url()),
    };

    // All that rig needs: the middleware in its HTTP client. The rule is for the stand-in's address.
    let watched = GenAiMiddleware::from(Instrumentation::new().rule(Rule::host("127.0.0.1")));
    let http = ClientBuilder::new(reqwest::Client::new()).with(watched).build();
    let openai = config.with_route(Route::Chat).connect(ReqwestMiddlewareClient::from(http));

    let request = tracing::info_span!("GET /ask", otel.kind = "server");
    let answer = ask(&openai, "What should I wear in Lisbon?").instrument(request).await?;
    println!("Answer: {answer}\n");

    telemetry.flush(Duration::from_secs(5)).await?;
    trace::print(&sink.wait_for_spans_async(5, Duration::from_secs(5)).await);
    Ok(())
}

/// The handler: an embedding, then an agent that asks for the weather and answers.
async fn ask(openai: &OpenAI, question: &str) -> Result<String, Box<dyn Error>> {
    openai.embedding("text-embedding-3-small", None).call(vec![question.to_owned()]).await?;
    let agent = AgentBuilder::new(openai.completion(MODEL)).name("dresser").tool(Weather).build();
    let answer = agent.prompt(question).max_turns(3).await?;
    Ok(answer.output().to_owned())
}

struct Weather;

#[derive(Deserialize)]
struct Place {
    city: String,
}

impl PortableTool for Weather {
    const NAME: &'static str = "get_weather";
    type Args = Place;
    type Output = Value;
    type Error = Infallible;

    fn description(&self) -> String {
        "The weather of a city".to_owned()
    }

    fn parameters(&self) -> Value {
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    }

    async fn call(&self, place: Place) -> Result<Value, Infallible> {
        Ok(json!({"city": place.city, "temperature": 18, "sky": "clear"}))
    }
}
