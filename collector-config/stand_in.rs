//! What `check` needs of this crate: two stand-ins for PostHog and a program that makes calls, whose spans go to the one
//! directly and to an OTLP endpoint, behind which the other is.
//!
//! Says where the two are, then takes a command from each line of its input and answers with a line of JSON:
//! `calls ENDPOINT` makes the calls, `events direct|gateway COUNT` waits for so many events and gives them, with what was
//! refused. It ends with its input.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use serde_json::{Value, json};
use std::{error::Error, io, time::Duration};
use tracing::Instrument;
use tracing_genai::{
    Client, ContentCapture, Destination, Telemetry,
    context::scope,
    record::ToolDefinition,
    span::{Agent, Evaluation, Retrieval, SpanRef, Tool},
    testing::{Answer, FakePostHog, FakeProvider, Gate},
};

const MODEL: &str = "gpt-4o-mini";
const PATIENCE: Duration = Duration::from_secs(30);

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (direct, gateway) = (FakePostHog::start()?, FakePostHog::start()?);
    println!("{}", json!({ "direct": direct.url(), "gateway": gateway.url(), "key": direct.project_key() }));
    for line in io::stdin().lines() {
        let line = line?;
        let answer = match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["calls", endpoint] => calls(&direct, endpoint).await?,
            ["events", "direct", count] => events(&direct, count.parse()?).await,
            ["events", "gateway", count] => events(&gateway, count.parse()?).await,
            _ => return Err(format!("no such command: {line}").into()),
        };
        println!("{answer}");
    }
    Ok(())
}

async fn events(posthog: &FakePostHog, count: usize) -> Value {
    let event = |event: &tracing_genai::testing::PostHogEvent| {
        json!({
            "name": event.name,
            "distinct_id": event.distinct_id,
            "timestamp": event.timestamp,
            "middleware": event.middleware,
            "properties": event.properties,
        })
    };
    let events: Vec<_> = posthog.wait_for_events_async(count, PATIENCE).await.iter().map(event).collect();
    let refusals: Vec<_> = posthog.refusals().iter().map(|refusal| format!("{refusal:?}")).collect();
    json!({ "events": events, "refusals": refusals, "requests": posthog.requests().len() })
}

/// Makes every kind of call below a request of the web, with a user and a session; what became of its spans.
async fn calls(posthog: &FakePostHog, endpoint: &str) -> Result<Value, Failure> {
    let telemetry = Telemetry::builder()
        .service_name("shop")
        .destination(
            Destination::posthog(posthog.project_key()).host(posthog.url()).content(ContentCapture::on()),
        )
        .destination(Destination::otlp(endpoint).content(ContentCapture::on()))
        .build()?;
    telemetry.install()?;
    let provider = FakeProvider::start()?;
    let client =
        Client::builder().base_url(provider.base_url()).api_key("sk-stand-in").max_retries(0).build()?;

    let request = tracing::info_span!("GET /ask", otel.kind = "server");
    let asked = ask(&client, &provider).instrument(request);
    scope().user("u-7").session("shop/42 #1").tags(["beta"]).run(asked).await?;
    // Nobody's, and at the top.
    provider.enqueue(Answer::text("Hej."));
    client.chat(MODEL).user("Say hello in Danish.").temperature(0.5).send().await?;

    telemetry.flush(PATIENCE).await?;
    let report = telemetry.report();
    Ok(json!({ "recorded": report.recorded, "delivered": report.delivered, "report": report.to_string() }))
}

async fn ask(client: &Client, provider: &FakeProvider) -> Result<(), Failure> {
    provider.enqueue(Answer::usual());
    client.embed("text-embedding-3-small").inputs(["the sea", "the wood"]).await?;
    let found = async { Ok::<_, io::Error>(vec![json!({ "id": "travel", "score": 0.5 })]) };
    // Spans of other things between a call and what is above it.
    let search = Retrieval::new("handbook").query("Lisbon").top_k(2).run(found);
    search.instrument(tracing::info_span!("search")).instrument(tracing::info_span!("step")).await?;

    let agent = Agent::invoke("wardrobe").model(MODEL).instructions("Be brief.").user("What should I wear?");
    let run = agent.run_with(answer(client, provider), |span, _| {
        span.answer("Something light.").tokens(72, 11);
    });
    if let Some(span) = run.await? {
        Evaluation::new("names_the_city").score(1.0).label("pass").explanation("It does.").record(span);
    }

    let words = "Rate limit reached, see https://host:443/.";
    provider.enqueue(Answer::error(429, "requests", "rate_limit_exceeded", words));
    let refused = client.chat(MODEL).user("And tomorrow?").max_output_tokens(20).send().await;
    if refused.is_ok() {
        return Err("the stand-in refused nothing".into());
    }
    // A caller that goes away before its answer has come.
    let gate = Gate::new();
    provider.enqueue(Answer::usual().held(&gate));
    let call = client.chat(MODEL).user("Never mind.").send();
    tokio::select! {
        _ = call => return Err("an answer that was held came".into()),
        _ = gate.reached_async() => {}
    }
    gate.release();
    Ok(())
}

/// The loop of an agent: a streamed chat that asks for a tool, the tool, a chat.
async fn answer(client: &Client, provider: &FakeProvider) -> Result<Option<SpanRef>, Failure> {
    provider.enqueue(Answer::tool_call("get_weather", r#"{"city":"Lisbon"}"#));
    provider.enqueue(Answer::text("Something light: it is 18 degrees and clear in Lisbon."));
    let weather = ToolDefinition::function(
        "get_weather",
        "The weather of a city",
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    );
    let chat = client.chat(MODEL).system("Be brief.").user("What should I wear?").tool(weather);
    let reply = chat.clone().stream().await?.finish().await?;
    let mut chat = chat.message(reply.message());
    for call in reply.tool_calls() {
        let sky = async { Ok::<_, io::Error>(json!({ "sky": "clear", "degrees": 18 }).to_string()) };
        let result = Tool::from(call).agent("wardrobe").run(sky).await?;
        chat = chat.tool_result(call, result);
    }
    chat.send().await?;
    Ok(SpanRef::current())
}
