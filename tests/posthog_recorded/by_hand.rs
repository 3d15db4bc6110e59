//! One operation of each kind as a program records it by hand, with each way that it may end; and a call of a
//! provider that nothing was recorded of.

use crate::play::PATIENCE;
use serde_json::json;
use tracing_genai::{
    Client, Telemetry,
    client::{Endpoint, Provider},
    context::scope,
    export::Destination,
    record::{FinishReason, Message, Part, Request, Role, ToolCall, ToolChoice, ToolDefinition, Usage},
    span::{
        Agent, Embedding, Evaluation, Feedback, Generation, Memory, OpenSpan, Plan, Retrieval, Tool, Workflow,
    },
    testing::{Answer, FakeProvider},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// Has `destination` sent the operation of this name, which ends this way; the address of its server, if it has one.
pub(crate) fn run(operation: &str, way: &str, destination: Destination) -> String {
    let telemetry = Telemetry::builder().service_name("shop").destination(destination).build().unwrap();
    let subscriber = Registry::default().with(telemetry.layer());
    let fake = FakeProvider::start().unwrap();
    tracing::subscriber::with_default(subscriber, || record(operation, way, &fake));
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    assert_eq!((report.rejected, report.dropped), (0, 0));
    fake.base_url().trim_end_matches("/v1").to_owned()
}

fn record(operation: &str, way: &str, fake: &FakeProvider) {
    match operation {
        "chat" => generation(Generation::new("openai", "gpt-4o").server("api.openai.com", 443), way),
        "chat with everything" => scope().prompt("greeting", "3").in_scope(everything),
        "generate_content" => {
            generation(Generation::new("gcp.gemini", "gemini-2.5-pro").generate_content(), way);
        }
        "text_completion" => generation(Generation::new("openai", "davinci-002").text_completion(), way),
        "embeddings of one" => {
            embedding(Embedding::new("openai", "text-embedding-3-small").input("a text"), way);
        }
        "embeddings of two" => {
            embedding(Embedding::new("fastembed", "all-MiniLM-L6-v2").input("a").input("b"), way);
        }
        "execute_tool" => {
            let tool = Tool::new("get_weather").call_id("call_1").arguments(r#"{"city":"Lund"}"#);
            ended(tool.description("The weather").start(), way, |span| {
                span.result_json(&json!({ "degrees": 18 }));
            });
        }
        "invoke_agent" => ended(agent(Agent::invoke("guide")).start(), way, answered),
        "invoke_agent elsewhere" => {
            ended(
                agent(Agent::invoke_remote("openai", "guide")).server("agents.x.io", 443).start(),
                way,
                answered,
            );
        }
        "create_agent" => ended(agent(Agent::create("openai", "guide")).start(), way, |span| {
            span.id("asst_1");
        }),
        "invoke_workflow" => {
            let workflow = Workflow::new("research").conversation("c-1").user("Where to?");
            ended(workflow.start(), way, |span| {
                span.answer("To Lund.");
            });
        }
        "retrieval" => ended(Retrieval::new("handbook").query("holidays").top_k(3).start(), way, |span| {
            span.documents([json!({ "id": "d-1", "score": 0.5 })]);
        }),
        "plan" => ended(Plan::new("guide").start(), way, |span| {
            span.text("First the train.");
        }),
        "search_memory" => {
            ended(Memory::search("trains").store("user-42").in_process().start(), way, |span| {
                span.records(vec![json!({ "id": "m-1", "content": "Likes trains." })]);
            });
        }
        "create_memory" => {
            let memory =
                Memory::create().store("user-42").records(vec![json!({ "content": "Likes trains." })]);
            ended(memory.start(), way, |span| {
                span.record("m-1");
            });
        }
        "evaluation" => {
            let evaluation = Evaluation::new("relevance").response_id("resp_1");
            match way {
                "failed" => evaluation.failed("timeout").record(None),
                _ => evaluation.score(0.9).label("good").explanation("To the point.").record(None),
            }
        }
        "feedback" => Feedback::thumbs_up().comment("I love trains.").record(None),
        "embeddings of Voyage" => voyage(way, fake),
        other => panic!("{other} is no operation"),
    }
}

fn generation(generation: Generation, way: &str) {
    let mut generation = generation.user("Where to?").streamed();
    generation = generation.message(Message::new(Role::Assistant, vec![Part::Text("I think.".into())]));
    ended(generation.start(), way, |span| {
        let mut usage = Usage::default();
        (usage.input_tokens, usage.output_tokens, usage.total_tokens) = (Some(100), Some(50), Some(150));
        (usage.cache_read_input_tokens, usage.reasoning_output_tokens) = (Some(60), Some(20));
        let call = ToolCall { id: Some("call_1".into()), name: "get_weather".into(), ..ToolCall::default() };
        span.first_chunk().text("To Lund.").tool_call(call).model("answered-1").response_id("resp_1");
        span.usage(usage).finish_reason(FinishReason::ToolCall);
    });
}

/// A call with all settings and counts that there are.
fn everything() {
    let mut request = Request::default();
    request.model = Some("gpt-4o".into());
    request.messages = vec![Message::text(Role::User, "Where to?")];
    (request.temperature, request.top_p, request.top_k) = (Some(0.5), Some(0.25), Some(8));
    (request.frequency_penalty, request.presence_penalty, request.seed) = (Some(0.125), Some(0.75), Some(7));
    (request.max_output_tokens, request.choice_count) = (Some(64), Some(2));
    (request.stop_sequences, request.service_tier) = (vec!["END".into()], Some("flex".into()));
    (request.reasoning_level, request.reasoning_budget) = (Some("low".into()), Some(512));
    (request.tool_choice, request.parallel_tool_calls) = (Some(ToolChoice::Required), Some(false));
    let mut usage = Usage::default();
    (usage.input_tokens, usage.output_tokens, usage.total_tokens) = (Some(100), Some(50), Some(150));
    (usage.cache_read_input_tokens, usage.cache_write_input_tokens) = (Some(30), Some(20));
    (usage.cache_write_1h_input_tokens, usage.reasoning_output_tokens) = (Some(5), Some(10));
    (usage.input.text, usage.input.image, usage.input.audio) = (Some(60), Some(25), Some(15));
    (usage.output.text, usage.output.image, usage.output.audio) = (Some(30), Some(12), Some(8));
    usage.cache_read.audio = Some(4);
    let mut span = Generation::from_request("openai", request).start();
    span.usage(usage);
    span.finish();
}

fn embedding(embedding: Embedding, way: &str) {
    ended(embedding.start(), way, |span| {
        span.vectors(1, 384).input_tokens(3);
    });
}

fn agent(agent: Agent) -> Agent {
    let schema = json!({ "type": "object", "properties": {} });
    let agent = agent.id("a-1").version("2").description("A guide").model("gpt-4o").conversation("c-1");
    let agent = agent.instructions("Be brief.").user("Where to?");
    agent.tool(ToolDefinition::function("get_weather", "The weather", schema))
}

fn answered(span: &mut OpenSpan<Agent>) {
    span.answer("To Lund.").tokens(9, 4).finish_reason(FinishReason::Stop);
}

/// Ends the span: `done` with what `fill` adds, else with nothing.
fn ended<T>(mut span: OpenSpan<T>, way: &str, fill: impl FnOnce(&mut OpenSpan<T>)) {
    match way {
        "done" => {
            fill(&mut span);
            span.finish();
        }
        "failed" => span.fail_as("rate_limit_exceeded", "slow down"),
        "abandoned" => drop(span),
        other => panic!("{other} is no way"),
    }
}

fn voyage(way: &str, fake: &FakeProvider) {
    if way == "refused" {
        fake.enqueue(Answer::error(429, "", None, "slow down"));
    }
    let endpoint = Endpoint::new(Provider::Voyage).base_url(fake.voyage_url()).api_key("pa-test");
    let client = Client::builder().endpoint(endpoint).max_retries(0).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = client.embed("voyage-3").inputs(["a", "b"]).send();
    assert_eq!(runtime.block_on(call).is_ok(), way == "done");
}
