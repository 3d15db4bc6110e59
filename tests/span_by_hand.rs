//! Spans that the program makes by hand have the conventions' names, kinds and attributes, and tell every
//! way out.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use opentelemetry::trace::{SpanKind, Status};
use serde_json::json;
use std::{io, panic::AssertUnwindSafe};
use tracing::{instrument::WithSubscriber, level_filters::LevelFilter};
use tracing_genai::{
    ContentCapture,
    record::{FinishReason, OutputFormat, Request, ToolCall, Usage},
    span::{Agent, Embedding, Feedback, Generation, Memory, Plan, Retrieval, Tool, Workflow},
    testing::{FinishedSpan, capture, capture_async},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

async fn done() -> io::Result<&'static str> {
    Ok("done")
}

async fn broken() -> io::Result<&'static str> {
    Err(io::Error::other("broken"))
}

/// The only span that `work` makes, which has no attribute twice.
async fn only<T>(work: impl Future<Output = T>) -> FinishedSpan {
    let (_, mut spans) = capture_async(work).await;
    assert_eq!(spans.len(), 1, "{spans:#?}");
    let span = spans.remove(0);
    assert_eq!(span.duplicate_attributes(), [""; 0]);
    span
}

/// The keys of the conventions' attributes, and of ours.
fn keys(span: &FinishedSpan) -> Vec<&str> {
    let families = ["gen_ai.", "tracing_genai.", "server.", "error."];
    let keys = span.attributes.keys().map(String::as_str);
    keys.filter(|key| families.iter().any(|family| key.starts_with(family))).collect()
}

#[tokio::test]
async fn a_generation_has_what_a_client_would_tell() {
    let mut request = Request::default();
    request.model = Some("qwen3-8b".to_owned());
    request.temperature = Some(0.2);
    request.max_output_tokens = Some(64);
    request.output_format = Some(OutputFormat::Json);
    let generation = Generation::from_request("vllm", request).server("localhost", 8000);
    let span = only(generation.run_with(done(), |span, answer| {
        span.text(answer).model("qwen3-8b-awq").response_id("r-1").finish_reason(FinishReason::Length);
        span.tokens(12, 64);
    }))
    .await;
    assert_eq!((span.name.as_str(), span.kind.clone()), ("chat qwen3-8b", SpanKind::Client));
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "vllm"),
        ("gen_ai.request.model", "qwen3-8b"),
        ("gen_ai.response.model", "qwen3-8b-awq"),
        ("gen_ai.response.id", "r-1"),
        ("gen_ai.output.type", "json"),
        ("server.address", "localhost"),
        ("tracing_genai.outcome", "done"),
    ] {
        assert_eq!(span.attributes[key], value, "{key}");
    }
    assert_eq!(span.attributes["server.port"], 8000);
    assert_eq!(span.attributes["gen_ai.request.temperature"], 0.2);
    assert_eq!(span.attributes["gen_ai.request.max_tokens"], 64);
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 12);
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 64);
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["length"]);
    assert_eq!(span.status, Status::Unset);
}

#[test]
fn a_model_in_the_process_is_internal_and_its_stream_tells_its_first_chunk_once() {
    let spans = capture(|| {
        let mut span = Generation::new("llama.cpp", "qwen3-8b").in_process().streamed().start();
        for piece in ["He", "j."] {
            span.first_chunk().text(piece);
        }
        span.finish_reason(FinishReason::Stop);
        span.finish();
    });
    let span = &spans[0];
    assert_eq!(span.kind, SpanKind::Internal);
    assert_eq!(span.attributes["gen_ai.request.stream"], true);
    let first = span.attributes["gen_ai.response.time_to_first_chunk"].as_f64().unwrap();
    assert!(first <= span.duration().as_secs_f64(), "{first}");
    assert_eq!(span.duplicate_attributes(), [""; 0]);
    assert!(!span.attributes.contains_key("gen_ai.usage.input_tokens"), "what is not told is absent");
}

#[test]
fn a_generation_dropped_half_way_is_abandoned_with_what_had_come() {
    let spans = capture(|| {
        let mut span = Generation::new("llama.cpp", "qwen3-8b").content(ContentCapture::on()).start();
        span.text("Once upon");
    });
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "abandoned");
    assert_eq!(spans[0].attributes["gen_ai.response.finish_reasons"], ["error"]);
    assert!(spans[0].attributes["gen_ai.output.messages"].as_str().unwrap().contains("Once upon"));
    assert_eq!(spans[0].status, Status::Unset);
}

#[test]
fn a_generation_that_fails_half_way_says_so_at_the_place_of_its_finish_reason() {
    let spans = capture(|| {
        let mut span = Generation::new("llama.cpp", "qwen3-8b").start();
        span.text("Once upon");
        span.fail(&io::Error::other("out of memory"));
    });
    assert_eq!(spans[0].attributes["gen_ai.response.finish_reasons"], ["error"]);
    assert_eq!(spans[0].attributes["error.type"], "std::io::error::Error");
    assert_eq!(spans[0].status, Status::error("out of memory"));
}

#[test]
fn an_error_without_a_type_of_its_own_is_other() {
    let spans = capture(|| {
        let error: Box<dyn std::error::Error> = "no weights".into();
        Generation::new("llama.cpp", "qwen3-8b").start().fail(&*error);
    });
    assert_eq!(spans[0].attributes["error.type"], "_OTHER");
    assert_eq!(spans[0].status, Status::error("no weights"));
}

#[test]
fn a_panic_fails_the_span_that_it_drops() {
    let spans = capture(|| {
        let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let _span = Generation::new("llama.cpp", "qwen3-8b").start();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
    });
    assert_eq!(spans[0].attributes["error.type"], "panic");
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "failed");
}

#[tokio::test]
async fn an_embedding_tells_its_vectors() {
    let embedding = Embedding::new("fastembed", "minilm").input("sea");
    let span = only(embedding.run_with(done(), |span, _| {
        span.vectors(1, 384).input_tokens(3).model("minilm-l6");
    }))
    .await;
    assert_eq!((span.name.as_str(), span.kind.clone()), ("embeddings minilm", SpanKind::Client));
    assert_eq!(
        keys(&span),
        [
            "gen_ai.embeddings.dimension.count",
            "gen_ai.operation.name",
            "gen_ai.provider.name",
            "gen_ai.request.model",
            "gen_ai.response.model",
            "gen_ai.usage.input_tokens",
            "tracing_genai.outcome"
        ]
    );
    assert_eq!(span.attributes["gen_ai.embeddings.dimension.count"], 384);
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 3);
}

#[tokio::test]
async fn an_agent_of_this_program_is_internal_and_keeps_to_its_own_attributes() {
    let mut usage = Usage::default();
    usage.input_tokens = Some(50);
    usage.cache_read_input_tokens = Some(40);
    let agent = Agent::invoke("guide").id("a-1").version("2").description("Plans journeys.");
    let agent = agent.model("gpt-4o").conversation("c-1").data_source("d-1").server("localhost", 80);
    let span = only(agent.user("Lisbon").run_with(done(), |span, answer| {
        span.answer(*answer).usage(usage).finish_reason(FinishReason::Stop);
    }))
    .await;
    assert_eq!((span.name.as_str(), span.kind.clone()), ("invoke_agent guide", SpanKind::Internal));
    assert_eq!(
        keys(&span),
        [
            "gen_ai.agent.description",
            "gen_ai.agent.name",
            "gen_ai.conversation.id",
            "gen_ai.data_source.id",
            "gen_ai.operation.name",
            "gen_ai.request.model",
            "gen_ai.response.finish_reasons",
            "gen_ai.usage.input_tokens",
            "tracing_genai.outcome"
        ]
    );
}

#[tokio::test]
async fn an_agent_of_a_service_is_a_client_call_with_id_version_and_server() {
    let mut usage = Usage::default();
    usage.cache_read_input_tokens = Some(40);
    let agent = Agent::invoke_remote("aws.bedrock", "guide").id("a-1").version("2");
    let agent = agent.server("bedrock.example.com", 443);
    let span = only(agent.run_with(done(), |span, _| {
        span.usage(usage);
    }))
    .await;
    assert_eq!((span.name.as_str(), span.kind.clone()), ("invoke_agent guide", SpanKind::Client));
    for (key, value) in [
        ("gen_ai.provider.name", "aws.bedrock"),
        ("gen_ai.agent.id", "a-1"),
        ("gen_ai.agent.version", "2"),
        ("server.address", "bedrock.example.com"),
    ] {
        assert_eq!(span.attributes[key], value, "{key}");
    }
    assert_eq!(span.attributes["gen_ai.usage.cache_read.input_tokens"], 40);
}

#[tokio::test]
async fn an_agent_is_made_by_a_client_call() {
    let agent = Agent::create("openai", "guide").model("gpt-4o").instructions("Plan journeys.");
    let agent = agent.content(ContentCapture::on());
    let span = only(agent.run_with(done(), |span, _| {
        span.id("asst_1");
    }))
    .await;
    assert_eq!((span.name.as_str(), span.kind.clone()), ("create_agent guide", SpanKind::Client));
    assert_eq!(span.attributes["gen_ai.agent.id"], "asst_1");
    assert_eq!(span.attributes["gen_ai.request.model"], "gpt-4o");
    assert!(span.attributes["gen_ai.system_instructions"].as_str().unwrap().contains("Plan journeys."));
}

#[tokio::test]
async fn an_agent_without_a_name_has_the_operation_alone_as_its_name() {
    let span = only(Agent::invoke("").run(done())).await;
    assert_eq!(span.name, "invoke_agent");
    assert!(!span.attributes.contains_key("gen_ai.agent.name"));
}

#[tokio::test]
async fn workflow_and_plan_are_internal() {
    let span = only(Workflow::new("report").conversation("c-1").run(done())).await;
    assert_eq!((span.name.as_str(), span.kind.clone()), ("invoke_workflow report", SpanKind::Internal));
    assert_eq!(span.attributes["gen_ai.workflow.name"], "report");
    assert_eq!(span.attributes["gen_ai.conversation.id"], "c-1");

    let span = only(Plan::new("guide").run(done())).await;
    assert_eq!((span.name.as_str(), span.kind.clone()), ("plan guide", SpanKind::Internal));
    assert_eq!(keys(&span), ["gen_ai.agent.name", "gen_ai.operation.name", "tracing_genai.outcome"]);
}

#[tokio::test]
async fn every_operation_on_a_memory_has_its_own_name_and_nothing_else_in_it() {
    for (memory, name, record) in [
        (Memory::search("trains"), "search_memory", None),
        (Memory::create(), "create_memory", None),
        (Memory::update("m-1"), "update_memory", Some("m-1")),
        (Memory::upsert(), "upsert_memory", None),
        (Memory::delete("m-1"), "delete_memory", Some("m-1")),
        (Memory::delete_all(), "delete_memory", None),
        (Memory::create_store(), "create_memory_store", None),
        (Memory::delete_store("s-1"), "delete_memory_store", None),
    ] {
        let span = only(memory.store("s-1").run(done())).await;
        assert_eq!((span.name.as_str(), span.kind.clone()), (name, SpanKind::Client));
        assert_eq!(span.attributes["gen_ai.operation.name"], name);
        assert_eq!(span.attributes["gen_ai.memory.store.id"], "s-1");
        let id = span.attribute("gen_ai.memory.record.id").and_then(|id| id.as_str());
        assert_eq!(id, record, "{name}");
    }
}

#[tokio::test]
async fn a_search_in_memory_counts_what_it_found_and_tells_it_only_where_it_may() {
    let search = Memory::search("trains").in_process().provider("mem0");
    let found = vec![json!({"id": "m-1", "content": "Likes trains."})];
    let span = only(search.clone().run_with(done(), |span, _| {
        span.records(found.clone());
    }))
    .await;
    assert_eq!(span.kind, SpanKind::Internal);
    assert_eq!(span.attributes["gen_ai.memory.record.count"], 1);
    assert!(!span.attributes.contains_key("gen_ai.memory.query.text"));
    assert!(!span.attributes.contains_key("gen_ai.memory.records"));

    let search = search.content(ContentCapture::on());
    let span = only(search.run_with(done(), |span, _| {
        span.records(found);
    }))
    .await;
    assert_eq!(span.attributes["gen_ai.memory.query.text"], "trains");
    assert_eq!(span.attributes["gen_ai.memory.records"], r#"[{"content":"Likes trains.","id":"m-1"}]"#);
}

#[tokio::test]
async fn messages_are_recorded_only_where_they_may_be() {
    for content in [ContentCapture::off(), ContentCapture::on()] {
        let agent = Agent::invoke("guide").user("secret question").content(content.clone());
        let agent = only(agent.run_with(done(), |span, _| {
            span.answer("secret answer");
        }))
        .await;
        let workflow = Workflow::new("report").user("secret question").content(content.clone());
        let workflow = only(workflow.run_with(done(), |span, _| {
            span.answer("secret answer");
        }))
        .await;
        let generation = Generation::new("vllm", "q").user("secret question").content(content.clone());
        let generation = only(generation.run_with(done(), |span, _| {
            span.text("secret answer");
        }))
        .await;
        for span in [agent, workflow, generation] {
            let has = |key: &str, text: &str| {
                span.attribute(key).and_then(|value| value.as_str()).is_some_and(|value| value.contains(text))
            };
            assert_eq!(has("gen_ai.input.messages", "secret question"), content.is_on(), "{}", span.name);
            assert_eq!(has("gen_ai.output.messages", "secret answer"), content.is_on(), "{}", span.name);
            let is_clean = !format!("{:?}", span.attributes).contains("secret");
            assert_eq!(is_clean, !content.is_on(), "{}", span.name);
        }
    }
}

#[test]
fn what_is_said_is_in_no_debug_output() {
    let generation = Generation::new("vllm", "q").user("secret");
    let agent = Agent::invoke("guide").user("secret");
    let mut open = generation.clone().start();
    open.text("secret");
    let texts = [
        format!("{generation:?} {agent:?} {open:?}"),
        format!("{:?} {:?}", Workflow::new("w").user("secret"), Memory::search("secret")),
        format!("{:?} {:?}", Tool::new("t").arguments("secret"), Retrieval::new("d").query("secret")),
        format!("{:?} {:?}", Embedding::new("p", "m").input("secret"), Feedback::new().comment("secret")),
    ];
    assert!(texts[0].contains("guide") && !texts.concat().contains("secret"), "{texts:?}");
    open.finish();
}

#[tokio::test]
async fn a_plan_is_kept_for_destinations_and_on_no_span() {
    let span = only(Plan::new("guide").run_with(done(), |span, _| {
        span.text("1. look, 2. leap");
    }))
    .await;
    assert!(!format!("{:?}", span.attributes).contains("leap"));
    assert!(format!("{:?}", span.operation).contains("leap"));
}

#[tokio::test]
async fn what_runs_inside_is_a_child() {
    let (_, spans) = capture_async(Agent::invoke("guide").run(async {
        Plan::new("guide").run(done()).await?;
        Tool::new("get_weather").agent("guide").run(done()).await?;
        let span = Generation::new("vllm", "q").start();
        span.run(Memory::upsert().run(done())).await?;
        span.finish();
        Ok::<_, io::Error>(())
    }))
    .await;
    let tree: Vec<_> = spans
        .iter()
        .map(|span| {
            let parent = spans.iter().find(|other| Some(&other.span_id) == span.parent_span_id.as_ref());
            (span.name.as_str(), parent.map_or("", |parent| parent.name.as_str()))
        })
        .collect();
    assert_eq!(
        tree,
        [
            ("plan guide", "invoke_agent guide"),
            ("execute_tool get_weather", "invoke_agent guide"),
            ("upsert_memory", "chat q"),
            ("chat q", "invoke_agent guide"),
            ("invoke_agent guide", ""),
        ]
    );
    assert_eq!(spans[1].attributes["gen_ai.agent.name"], "guide");
}

#[tokio::test]
async fn the_error_of_the_work_is_the_failure_of_the_span_and_comes_back_untouched() {
    let (result, spans) = capture_async(async {
        let run = Agent::invoke("guide").run_with(broken(), |_, _| panic!("there is no value to keep"));
        [run.await, Workflow::new("w").run(broken()).await, Memory::create().run(broken()).await]
    })
    .await;
    assert!(result.iter().all(|result| result.as_ref().unwrap_err().to_string() == "broken"));
    assert_eq!(spans.len(), 3);
    for span in &spans {
        assert_eq!(span.status, Status::error("broken"), "{}", span.name);
        assert_eq!(span.attributes["error.type"], "std::io::error::Error");
        assert_eq!(span.attributes["tracing_genai.outcome"], "failed");
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_is_abandoned_and_one_that_panics_has_failed() {
    let spans = capture(|| {
        let mut run = Box::pin(Agent::invoke("guide").run(std::future::pending::<io::Result<()>>()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(run.as_mut().poll(&mut context).is_pending());
        drop(run);

        let mut run = Box::pin(Agent::invoke("guide").run(async {
            if std::hint::black_box(true) {
                panic!("on purpose");
            }
            Ok::<_, io::Error>(())
        }));
        let polled =
            std::panic::catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(&mut context).is_ready()));
        assert!(polled.is_err());
        drop(run);
    });
    let outcomes: Vec<_> =
        spans.iter().map(|span| span.attributes["tracing_genai.outcome"].clone()).collect();
    assert_eq!(outcomes[0], "abandoned");
    assert_eq!(outcomes.len(), 2);
    assert_eq!(spans[0].status, Status::Unset);
    assert_eq!(outcomes[1], "failed");
    assert_eq!(spans[1].attributes["error.type"], "panic");
}

#[tokio::test]
async fn a_panic_beside_a_run_leaves_it_abandoned() {
    let spans = capture(|| {
        let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let mut run = Box::pin(Agent::invoke("guide").run(std::future::pending::<io::Result<()>>()));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(run.as_mut().poll(&mut context).is_pending());
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
    });
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "abandoned");
}

#[derive(serde::Serialize)]
struct Place {
    city: String,
}

#[tokio::test]
async fn a_tool_called_with_a_value_records_what_it_and_its_result_serialize_to() {
    let lisbon = Place { city: "Lisbon".to_owned() };
    let asked = ToolCall { id: Some("call_1".to_owned()), name: "weather".to_owned(), ..ToolCall::default() };
    let tool = Tool::from(&asked).content(ContentCapture::on());
    let call = tool.call(&lisbon, |place| async {
        let Place { city } = place;
        Ok::<_, io::Error>(json!({"city": city, "celsius": 18}))
    });
    let (result, spans) = capture_async(call).await;
    assert_eq!(result.unwrap()["celsius"], 18);
    assert_eq!(spans[0].name, "execute_tool weather");
    assert_eq!(spans[0].attributes["gen_ai.tool.call.id"], "call_1");
    assert_eq!(spans[0].attributes["gen_ai.tool.call.arguments"], r#"{"city":"Lisbon"}"#);
    assert_eq!(spans[0].attributes["gen_ai.tool.call.result"], r#"{"celsius":18,"city":"Lisbon"}"#);
}

#[tokio::test]
async fn a_text_that_a_tool_gives_stays_the_text_that_it_is() {
    let tool = Tool::new("weather").content(ContentCapture::on());
    let span = only(tool.call("Lisbon", |_| async { Ok::<_, io::Error>("\"clear\"\n") })).await;
    assert_eq!(span.attributes["gen_ai.tool.call.arguments"], "Lisbon");
    assert_eq!(span.attributes["gen_ai.tool.call.result"], "\"clear\"\n");
}

#[tokio::test]
async fn a_tool_called_with_a_value_tells_nothing_of_it_unless_asked() {
    let lisbon = Place { city: "Lisbon".to_owned() };
    let span = only(Tool::new("weather").content(ContentCapture::off()).call(&lisbon, |_| done())).await;
    assert!(!format!("{:?}", span.attributes).contains("Lisbon"));
}

/// Fails the test that serializes it.
struct Never;

impl serde::Serialize for Never {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("nobody wants it")
    }
}

#[tokio::test]
async fn where_nobody_sees_the_span_nothing_is_read_for_it() {
    // A filter, and not the lack of a subscriber: another test's would be asked in its place.
    let nobody = Registry::default().with(LevelFilter::OFF);
    let work = async {
        let tool = Tool::new("weather").content(ContentCapture::on());
        assert!(tool.call(&Never, |_| async { Ok::<_, io::Error>(Never) }).await.is_ok());
        let generation = Generation::new("vllm", "q").run_with(done(), |_, _| panic!("nobody wants it"));
        assert_eq!(generation.await.unwrap(), "done");
        let mut span = Generation::new("vllm", "q").start();
        assert!(span.first_chunk().text("Hej.").span_ref().is_none());
        span.finish();
    };
    work.with_subscriber(nobody).await;
}
