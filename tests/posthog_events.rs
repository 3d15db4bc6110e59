//! What PostHog makes of calls and of the operations around them.

#![cfg(all(feature = "client", feature = "export"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use opentelemetry::{
    KeyValue,
    trace::{Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};
use std::{future::Future, time::Duration};
use tracing::{Dispatch, Instrument, instrument::WithSubscriber};
use tracing_genai::{
    Client, ContentCapture, Destination, Telemetry,
    client::Provider,
    context::scope,
    export::{Report, SpanFilter},
    span::{Agent, Tool},
    testing::{Answer, FakePostHog, FakeProvider, PostHogEvent},
};
use tracing_subscriber::layer::SubscriberExt;

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    posthog: FakePostHog,
    provider: FakeProvider,
}

impl World {
    fn new() -> Self {
        Self { posthog: FakePostHog::start().unwrap(), provider: FakeProvider::start().unwrap() }
    }

    fn destination(&self) -> Destination {
        Destination::posthog(self.posthog.project_key()).host(self.posthog.url())
    }

    fn client(&self) -> Client {
        let builder = Client::builder().base_url(self.provider.base_url()).api_key("sk-test");
        builder.provider(Provider::OpenAi).max_retries(0).build().unwrap()
    }

    /// The events of `work`, all of which PostHog took.
    async fn events_of<F: Future>(&self, destination: Destination, work: F) -> Vec<PostHogEvent> {
        let telemetry = Telemetry::builder().service_name("shop").destination(destination).build().unwrap();
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        work.with_subscriber(Dispatch::new(subscriber)).await;
        let report = telemetry.flush(PATIENCE).await.unwrap();
        self.delivered(&report)
    }

    fn delivered(&self, report: &Report) -> Vec<PostHogEvent> {
        assert_eq!((report.rejected, report.dropped), (0, 0), "{report:?}");
        assert_eq!(self.posthog.refusals().len(), 0, "{:?}", self.posthog.refusals());
        let events = self.posthog.events();
        assert_eq!(events.len() as u64, report.delivered);
        assert!(events.iter().all(|event| event.middleware.is_none()));
        events
    }
}

fn named<'a>(events: &'a [PostHogEvent], name: &str) -> &'a PostHogEvent {
    events.iter().find(|event| event.name == name).unwrap_or_else(|| panic!("no {name}: {events:?}"))
}

#[tokio::test]
async fn a_chat_is_a_generation_with_its_content_as_structure() {
    let world = World::new();
    world.provider.enqueue(Answer::text("18 degrees"));
    let client = world.client();
    let work = client.chat("gpt-4o-mini").system("Be brief.").user("How warm is it?").temperature(0.5).send();
    let events = world.events_of(world.destination().content(ContentCapture::on()), work).await;

    let event = named(&events, "$ai_generation");
    let property = |name: &str| &event.properties[name];
    assert_eq!(property("$ai_provider"), "openai");
    assert_eq!(property("$ai_http_status"), 200);
    assert_eq!(property("$ai_is_error"), false);
    assert_eq!(property("$ai_temperature"), 0.5);
    assert_eq!(property("$ai_stop_reason"), "stop");
    assert_eq!(property("$ai_cache_reporting_exclusive"), false);
    assert_eq!(property("$process_person_profile"), false);
    assert_eq!(property("$lib"), "tracing-genai");
    assert_eq!(property("$ai_base_url"), &json!(world.provider.base_url().trim_end_matches('/')));
    assert!(property("$ai_request_url").as_str().unwrap().ends_with("/chat/completions"));
    assert!(property("$ai_input_tokens").is_i64() && property("$ai_output_tokens").is_i64());
    assert!(property("$ai_latency").as_f64().unwrap() > 0.0);
    assert!(property("$ai_input").is_array() && property("$ai_output_choices").is_array(), "{event:?}");
    assert!(property("$ai_model_parameters").is_object());
    assert!(!event.properties.contains_key("server.address"));
}

#[tokio::test]
async fn an_embedding_has_every_property_of_the_documented_example() {
    for (inputs, expected) in [(vec!["a"], json!("a")), (vec!["a", "b"], json!(["a", "b"]))] {
        let world = World::new();
        let client = world.client();
        let work = client.embed("text-embedding-3-small").inputs(inputs).send();
        let events = world.events_of(world.destination().content(ContentCapture::on()), work).await;

        let event = named(&events, "$ai_embedding");
        for name in [
            "$ai_trace_id",
            "$ai_model",
            "$ai_provider",
            "$ai_input",
            "$ai_input_tokens",
            "$ai_latency",
            "$ai_http_status",
            "$ai_base_url",
            "$ai_request_url",
            "$ai_is_error",
            "$ai_span_id",
            "$ai_span_name",
        ] {
            assert!(event.properties.get(name).is_some_and(|value| !value.is_null()), "{name}: {event:?}");
        }
        assert_eq!(event.properties["$ai_input"], expected);
        assert_eq!(event.properties["$ai_span_name"], "embeddings text-embedding-3-small");
    }
}

#[tokio::test]
async fn a_refused_embedding_says_what_failed() {
    let world = World::new();
    world.provider.enqueue(Answer::error(429, "rate_limit_error", "rate_limit_exceeded", "slow down"));
    let client = world.client();
    let events = world.events_of(world.destination(), client.embed("m").input("a").send()).await;

    let properties = &named(&events, "$ai_embedding").properties;
    assert_eq!(properties["$ai_is_error"], true);
    assert_eq!(properties["$ai_http_status"], 429);
    assert_eq!(properties["$ai_error"], "slow down");
    assert_eq!(properties["$ai_error_type"], "rate_limit_exceeded");
}

#[tokio::test]
async fn an_agent_inside_a_request_is_the_trace_and_its_calls_are_below_it() {
    let world = World::new();
    world.provider.enqueue(Answer::text("18 degrees"));
    let client = world.client();
    let work = async {
        // Nested by value, the futures of a debug build are larger than a test's stack.
        let inside = Box::pin(async {
            let _ = client.chat("gpt-4o-mini").user("How warm is it?").send().await;
            let tool = Tool::new("get_weather").arguments(r#"{"city":"Lund"}"#);
            let _ = tool.run(async { Ok::<_, std::io::Error>(r#"{"degrees":18}"#) }).await;
            Ok::<_, std::io::Error>(())
        });
        let agent = Agent::invoke("forecaster").user("How warm is it?");
        // Each span is made where the one above it is current.
        agent.run(async { inside.instrument(tracing::info_span!("step")).await }).await
    };
    let work = async { work.instrument(tracing::info_span!("POST /ask")).await };
    let work = scope().user("jane").session("s/1").run(work);
    let events = world.events_of(world.destination().content(ContentCapture::on()), work).await;

    let (trace, call, tool) =
        (named(&events, "$ai_trace"), named(&events, "$ai_generation"), named(&events, "$ai_span"));
    assert_eq!(events.len(), 3);
    let id = &trace.properties["$ai_span_id"];
    assert_eq!([&call.properties["$ai_parent_id"], &tool.properties["$ai_parent_id"]], [id, id]);
    assert!(!trace.properties.contains_key("$ai_parent_id"));
    assert_eq!(trace.properties["$ai_agent_name"], "forecaster");
    assert_eq!(tool.properties["$ai_input_state"], json!({ "city": "Lund" }));
    for event in &events {
        assert_eq!(event.distinct_id, "jane");
        assert_eq!(event.properties["$ai_session_id"], "s~2F1");
        assert!(!event.properties.contains_key("$process_person_profile"));
    }
    assert!(!trace.properties.contains_key("$ai_input_tokens"));
}

#[tokio::test]
async fn what_was_said_does_not_leave_the_process_without_being_asked_for() {
    let world = World::new();
    world.provider.enqueue(Answer::text("a secret answer"));
    let client = world.client();
    let events =
        world.events_of(world.destination(), client.chat("m").user("a secret question").send()).await;

    assert_eq!(named(&events, "$ai_generation").properties["$ai_http_status"], 200);
    assert!(!world.posthog.saw("a secret"));
}

#[test]
fn generations_of_other_names_and_libraries_are_generations() {
    let world = World::new();
    let telemetry = Telemetry::builder().destination(world.destination()).build().unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    for operation in ["chat", "generate_content", "text_completion"] {
        let builder = provider.tracer("theirs").span_builder(operation);
        let attributes = [
            KeyValue::new("gen_ai.operation.name", operation),
            KeyValue::new("traceloop.span.kind", "task"),
            KeyValue::new("llm.request.type", "chat"),
            KeyValue::new("server.address", "api.openai.com"),
        ];
        drop(builder.with_attributes(attributes).start(&provider.tracer("theirs")));
    }
    let report = telemetry.flush_blocking(PATIENCE).unwrap();

    let events = world.delivered(&report);
    assert!(events.iter().all(|event| event.name == "$ai_generation"), "{events:?}");
    assert!(events.iter().all(|event| event.properties["$ai_base_url"] == "https://api.openai.com"));
    assert_eq!(events[1].properties["tracing_genai.operation.name"], "generate_content");
}

#[test]
fn every_span_of_many_and_of_large_ones_becomes_an_event() {
    for (spans, bytes) in [(150, 10), (20, 300_000), (1, 6 << 20)] {
        let world = World::new();
        let destination = world.destination().content(ContentCapture::on());
        let telemetry = Telemetry::builder().destination(destination).build().unwrap();
        let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
        let messages =
            json!([{ "role": "user", "parts": [{ "type": "text", "content": "x".repeat(bytes) }] }]);
        for _ in 0..spans {
            let attributes = [
                KeyValue::new("gen_ai.operation.name", "chat"),
                KeyValue::new("gen_ai.input.messages", messages.to_string()),
            ];
            let tracer = provider.tracer("theirs");
            drop(tracer.span_builder("chat").with_attributes(attributes).start(&tracer));
        }
        let report = telemetry.flush_blocking(PATIENCE).unwrap();

        let events = world.delivered(&report);
        assert_eq!(events.len(), spans);
        assert!(events.iter().all(|event| event.properties["$ai_input"].is_array()));
        let is_cut = events[0].properties.get("tracing_genai.truncated") == Some(&Value::Bool(true));
        assert_eq!(is_cut, bytes > 4 << 20);
    }
}

#[test]
fn a_token_of_no_project_is_refused_before_anything_is_sent() {
    let world = World::new();
    let destination = Destination::posthog("phx_personal").host(world.posthog.url()).spans(SpanFilter::GenAi);
    assert!(Telemetry::builder().destination(destination).build().is_err());
    assert!(world.posthog.requests().is_empty());
}
