//! Agents: rig's spans of a run, its turns and its tools.

use crate::program::Program;
use crate::program::{Seen, assert_call, span, spans};
use futures_util::StreamExt;
use opentelemetry::trace::SpanKind;
use rig_agent::{Agent, AgentBuilder};
use rig_core::tool::PortableTool;
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use tracing::Instrument;
use tracing_genai::testing::{Answer, Gate};

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
        "The weather of a city.".to_owned()
    }

    fn parameters(&self) -> Value {
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    }

    async fn call(&self, place: Place) -> Result<Value, Infallible> {
        Ok(json!({"city": place.city, "sky": "clear"}))
    }
}

fn agent(program: &Program) -> Agent {
    program.provider.enqueue(Answer::tool_call("get_weather", r#"{"city":"Lisbon"}"#));
    program.provider.enqueue(Answer::text("Something light."));
    let model = program.openai().chat("gpt-4o-mini");
    AgentBuilder::new(model).name("dresser").preamble("You advise.").tool(Weather).build()
}

fn assert_run(spans: &[Seen]) {
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        ["invoke_agent dresser", "chat gpt-4o-mini", "execute_tool get_weather", "chat gpt-4o-mini",]
    );
    let run = &spans[0];
    assert!(spans[1..].iter().all(|span| span.parent.as_ref() == Some(&run.id)));
    for call in [&spans[1], &spans[3]] {
        assert_call(call, "chat gpt-4o-mini", "openai");
        assert_eq!(call.attributes["gen_ai.agent.name"], "dresser");
        assert_eq!(call.attributes["tracing_genai.outcome"], "done");
    }
    assert_eq!(spans[1].attributes["gen_ai.response.finish_reasons"], ["tool_calls"]);
    assert_eq!(spans[3].attributes["gen_ai.response.finish_reasons"], ["stop"]);
    assert_ne!(spans[1].attributes["gen_ai.response.id"], spans[3].attributes["gen_ai.response.id"]);
    assert_eq!(spans[2].kind, SpanKind::Internal);
    assert_eq!(spans[2].attributes["gen_ai.tool.name"], "get_weather");
    assert!(spans[1].end <= spans[2].start && spans[2].end <= spans[3].start);
    assert!(spans.iter().all(|span| span.content().is_empty() && !span.is_failed()));
}

#[tokio::test]
async fn a_run_has_one_span_for_each_call_and_each_tool() {
    let spans = spans(async |program| {
        let answer = agent(program).prompt("What should I wear in Lisbon?").max_turns(3).await.unwrap();
        assert_eq!(answer.output(), "Something light.");
    })
    .await;
    assert_run(&spans);
}

#[tokio::test]
async fn a_streamed_run_has_one_span_for_each_call_and_each_tool() {
    let spans = spans(async |program| {
        let mut stream = agent(program).prompt("What should I wear in Lisbon?").max_turns(3).stream();
        while let Some(item) = stream.next().await {
            item.unwrap();
        }
    })
    .await;
    assert_run(&spans);
    assert_eq!(spans[1].attributes["gen_ai.request.stream"], true);
    assert!(spans[1].attributes.contains_key("gen_ai.response.time_to_first_chunk"));
}

#[tokio::test]
async fn a_turn_that_fails_says_so() {
    let spans = spans(async |program| {
        program.provider.enqueue(Answer::error(401, "invalid_request_error", "invalid_api_key", "No."));
        let model = program.openai().chat("gpt-4o-mini");
        AgentBuilder::new(model).name("dresser").build().prompt("Hello").await.unwrap_err();
    })
    .await;
    assert_eq!(spans.len(), 2);
    assert_call(&spans[1], "chat gpt-4o-mini", "openai");
    assert_eq!(spans[1].attributes["error.type"], "invalid_api_key");
    assert!(spans[1].is_failed() && !spans[0].is_failed());
}

#[tokio::test]
async fn a_streamed_run_that_is_dropped_leaves_its_turn_abandoned() {
    let spans = spans(async |program| {
        let gate = Gate::new();
        program.provider.enqueue(Answer::text("One two three.").held_after(3, &gate));
        let model = program.openai().chat("gpt-4o-mini");
        let mut stream = AgentBuilder::new(model).name("dresser").build().prompt("Hello").stream();
        stream.next().await.unwrap().unwrap();
        assert!(gate.reached_async().await);
        drop(stream);
        assert!(gate.client_gone_async().await);
    })
    .await;
    assert_eq!(spans.len(), 2);
    assert_call(&spans[1], "chat gpt-4o-mini", "openai");
    assert_eq!(spans[1].attributes["tracing_genai.outcome"], "abandoned");
    assert!(!spans[1].is_failed());
}

#[tokio::test]
async fn a_span_that_a_runtime_made_for_rig_to_write_into_is_the_calls_one_span() {
    let span = span(async |program| {
        let turn = rig_core::telemetry::completion_parent_span!(
            target: "my_runtime",
            name: "chat",
            operation: "chat",
            system_instructions: Option::<&str>::None,
            gen_ai.agent.name = "dresser",
        );
        let call = program.openai().chat("gpt-4o-mini").call("Hello");
        call.instrument(turn).await.unwrap();
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["gen_ai.agent.name"], "dresser");
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
}
