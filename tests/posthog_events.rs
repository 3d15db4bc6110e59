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
    client::{Endpoint, Provider},
    context::scope,
    export::{Report, SpanFilter},
    span::{Agent, Evaluation, Generation, SpanRef, Tool},
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
        assert!(events.len() as u64 >= report.delivered);
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

/// What PostHog's documentation shows of an embedding's event.
const EMBEDDING: [&str; 17] = [
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
    "$ai_error",
    "$ai_input_cost_usd",
    "$ai_output_cost_usd",
    "$ai_total_cost_usd",
    "$ai_span_id",
    "$ai_span_name",
    "$ai_parent_id",
];

#[tokio::test]
async fn an_embedding_has_every_property_of_the_documented_example() {
    for (inputs, input) in [(vec!["a"], json!("a")), (vec!["a", "b"], json!(["a", "b"]))] {
        for is_refused in [false, true] {
            let world = World::new();
            if is_refused {
                world.provider.enqueue(Answer::error(
                    429,
                    "rate_limit_error",
                    "rate_limit_exceeded",
                    "slow down",
                ));
            }
            let client = world.client();
            let call = client.embed("text-embedding-3-small").inputs(inputs.clone());
            // A program that knows the price says it.
            let priced = scope().tag("$ai_input_cost_usd", 0.25).tag("$ai_output_cost_usd", 0.0);
            let priced = priced.tag("$ai_total_cost_usd", 0.25);
            let work = async {
                let inside = Box::pin(async {
                    let _ = call.send().await;
                    Ok::<_, std::io::Error>(())
                });
                Agent::invoke("librarian").run(inside).await
            };
            let destination = world.destination().content(ContentCapture::on());
            let events = world.events_of(destination, priced.run(work)).await;

            let (event, above) = (named(&events, "$ai_embedding"), named(&events, "$ai_trace"));
            let mut expected = json!({
                "$ai_trace_id": above.properties["$ai_trace_id"],
                "$ai_model": "text-embedding-3-small",
                "$ai_provider": "openai",
                "$ai_input": input,
                "$ai_latency": event.properties["$ai_latency"],
                "$ai_http_status": if is_refused { 429 } else { 200 },
                "$ai_base_url": world.provider.base_url(),
                "$ai_request_url": format!("{}/embeddings", world.provider.base_url()),
                "$ai_is_error": is_refused,
                "$ai_input_cost_usd": 0.25,
                "$ai_output_cost_usd": 0.0,
                "$ai_total_cost_usd": 0.25,
                "$ai_span_id": event.properties["$ai_span_id"],
                "$ai_span_name": "embeddings text-embedding-3-small",
                "$ai_parent_id": above.properties["$ai_span_id"],
            });
            // The one is known of a success, the other of a failure.
            match is_refused {
                true => expected["$ai_error"] = json!("slow down"),
                false => expected["$ai_input_tokens"] = json!(inputs.len()),
            }
            let documented = event.properties.iter().filter(|(name, _)| EMBEDDING.contains(&name.as_str()));
            let documented: Value = documented.map(|(name, value)| (name.clone(), value.clone())).collect();
            assert_eq!(documented, expected);
            assert!(event.properties["$ai_latency"].as_f64().unwrap() > 0.0);
            assert_eq!(event.properties["$ai_span_id"].as_str().unwrap().len(), 16);
        }
    }
}

#[tokio::test]
async fn what_a_provider_says_that_an_embedding_cost_is_the_cost_of_its_input() {
    let world = World::new();
    let body = json!({
        "object": "list",
        "model": "openai/text-embedding-3-small",
        "data": [{ "object": "embedding", "index": 0, "embedding": [0.6, 0.8] }],
        "usage": { "prompt_tokens": 3, "total_tokens": 3, "cost": 0.0625 },
    });
    world.provider.enqueue(Answer::raw(200, "application/json", body.to_string()));
    let endpoint =
        Endpoint::new(Provider::OpenRouter).base_url(world.provider.base_url()).api_key("sk-or-test");
    let client = Client::builder().endpoint(endpoint).build().unwrap();
    let call = client.embed("openrouter/openai/text-embedding-3-small").input("a").send();
    let events = world.events_of(world.destination(), call).await;

    let properties = &named(&events, "$ai_embedding").properties;
    assert_eq!(properties["$ai_provider"], "openrouter");
    assert_eq!(properties["$ai_total_cost_usd"], 0.0625);
    assert_eq!(
        (&properties["$ai_input_cost_usd"], &properties["$ai_output_cost_usd"]),
        (&json!(0.0625), &json!(0.0))
    );
}

#[tokio::test]
async fn a_price_that_the_program_knows_is_on_the_calls_of_its_scope_alone() {
    let world = World::new();
    let client = world.client();
    let prices = ["$ai_input_cost_usd", "$ai_output_cost_usd", "$ai_total_cost_usd", "$ai_input_token_price"];
    let priced = prices.iter().fold(scope(), |scope, price| scope.tag(*price, 0.5));
    let work = async {
        let inside = Box::pin(async {
            let _ = client.chat("gpt-4o-mini").user("How warm is it?").send().await;
            let _ = client.embed("text-embedding-3-small").input("a").send().await;
            Tool::new("get_weather").run(async { Ok::<_, std::io::Error>("18 degrees") }).await
        });
        Agent::invoke("forecaster").run(async { inside.instrument(tracing::info_span!("step")).await }).await
    };
    let events = world.events_of(world.destination(), priced.run(work)).await;

    assert_eq!(events.len(), 4);
    for event in &events {
        let is_call = ["$ai_generation", "$ai_embedding"].contains(&event.name.as_str());
        for price in prices {
            let expected = is_call.then(|| json!(0.5));
            assert_eq!(event.properties.get(price), expected.as_ref(), "{price} of {}", event.name);
        }
    }
}

#[tokio::test]
async fn an_evaluation_is_below_what_it_is_of_after_that_has_ended_and_elsewhere() {
    let world = World::new();
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let work = async {
        let answer = Generation::new("openai", "gpt-4o").start();
        let answered = answer.span_ref();
        answer.finish();
        Evaluation::new("relevance").score(0.9).record(answered);
        Evaluation::new("relevance").score(0.1).record(SpanRef::from_hex(trace, span).unwrap());
    };
    let events = world.events_of(world.destination(), work).await;

    let evaluations: Vec<_> = events.iter().filter(|event| event.name == "$ai_evaluation").collect();
    let answered = &named(&events, "$ai_generation").properties;
    let ids = |place: usize| {
        [&evaluations[place].properties["$ai_trace_id"], &evaluations[place].properties["$ai_parent_id"]]
    };
    assert_eq!(ids(0), [&answered["$ai_trace_id"], &answered["$ai_span_id"]]);
    assert_eq!(ids(1), [&json!(trace), &json!(span)]);
    // Each score is a metric too.
    assert_eq!(events.len(), 5);
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
