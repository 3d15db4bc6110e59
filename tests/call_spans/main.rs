//! The span of each way that a call can go, as it arrives over OTLP: name, kind, status, and every
//! attribute's name, type and value.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

mod world;

use opentelemetry::trace::{SpanKind, Status};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing_genai::{
    client::ChatEvent,
    record::{ErrorKind, ToolDefinition},
    testing::{Answer, FinishedSpan, Gate},
};
use world::{World, facts, usage};

const MODEL: &str = "gpt-4o";

fn failed(description: &str) -> Status {
    Status::error(description.to_owned())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

#[tokio::test]
async fn chat() {
    let world = World::new();
    let mut used = usage(12, 9);
    used.cache_read_input_tokens = Some(4);
    used.reasoning_output_tokens = Some(3);
    world.provider.enqueue(Answer::text("Hej.").usage(used).model("gpt-4o-2024-08-06"));
    let call = world
        .client()
        .chat(MODEL)
        .user("Say hello.")
        .temperature(0.5)
        .top_p(0.9)
        .max_output_tokens(50)
        .frequency_penalty(0.1)
        .presence_penalty(0.2)
        .stop("END")
        .seed(7)
        .service_tier("flex");
    let (reply, span) = world.span(call.send()).await;

    assert_eq!(reply.unwrap().text(), "Hej.");
    assert_eq!((span.name.as_str(), &span.kind), ("chat gpt-4o", &SpanKind::Client));
    assert_eq!(span.status, Status::Unset);
    assert_eq!(
        facts(&span),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.top_p": 0.9,
            "gen_ai.request.max_tokens": 50,
            "gen_ai.request.frequency_penalty": 0.1,
            "gen_ai.request.presence_penalty": 0.2,
            "gen_ai.request.stop_sequences": ["END"],
            "gen_ai.request.seed": 7,
            "gen_ai.response.id": span.attributes["gen_ai.response.id"].as_str(),
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 9,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.usage.reasoning.output_tokens": 3,
            "openai.api.type": "chat_completions",
            "openai.request.service_tier": "flex",
            "openai.response.service_tier": "default",
            "openai.response.system_fingerprint": "fp_6fc10e10eb",
            "server.address": "127.0.0.1",
            "server.port": true,
            "tracing_genai.outcome": "done",
        })
    );
}

#[tokio::test]
async fn a_stream() {
    let world = World::new();
    world.provider.enqueue(Answer::text("One two three.").usage(usage(10, 3)));
    let work = async {
        let stream = world.client().chat(MODEL).user("Count.").stream().await?;
        stream.finish().await
    };
    let (reply, span) = world.span(work).await;

    assert_eq!(reply.unwrap().text(), "One two three.");
    assert_eq!((span.name.as_str(), &span.kind), ("chat gpt-4o", &SpanKind::Client));
    assert_eq!(span.status, Status::Unset);
    assert_eq!(
        facts(&span),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.stream": true,
            "gen_ai.response.id": span.attributes["gen_ai.response.id"].as_str(),
            "gen_ai.response.model": "gpt-4o-2024-07-18",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.response.time_to_first_chunk": true,
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 3,
            "openai.api.type": "chat_completions",
            "openai.response.service_tier": "default",
            "openai.response.system_fingerprint": "fp_6fc10e10eb",
            "server.address": "127.0.0.1",
            "server.port": true,
            "tracing_genai.outcome": "done",
        })
    );
}

#[tokio::test]
async fn a_tool_call() {
    let world = World::new();
    world.provider.enqueue(Answer::tool_call("get_weather", r#"{"city":"Paris"}"#).usage(usage(20, 8)));
    let weather = ToolDefinition::function("get_weather", "Weather", json!({"type": "object"}));
    let call = world.client().chat(MODEL).user("Weather in Paris?").tool(weather);
    let (reply, span) = world.span(call.send()).await;

    let reply = reply.unwrap();
    assert_eq!(reply.tool_calls()[0].arguments_json(), Some(json!({"city": "Paris"})));
    assert_eq!(
        facts(&span),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.id": span.attributes["gen_ai.response.id"].as_str(),
            "gen_ai.response.model": "gpt-4o-2024-07-18",
            "gen_ai.response.finish_reasons": ["tool_calls"],
            "gen_ai.usage.input_tokens": 20,
            "gen_ai.usage.output_tokens": 8,
            "openai.api.type": "chat_completions",
            "openai.response.service_tier": "default",
            "openai.response.system_fingerprint": "fp_6fc10e10eb",
            "server.address": "127.0.0.1",
            "server.port": true,
            "tracing_genai.outcome": "done",
        })
    );
}

#[tokio::test]
async fn the_responses_api() {
    let world = World::new();
    world.provider.enqueue(Answer::text("Hej.").usage(usage(11, 2)));
    let call = world.client().chat(MODEL).user("Say hello.").reasoning("low").responses();
    let (reply, span) = world.span(call.send()).await;

    assert_eq!(reply.unwrap().text(), "Hej.");
    assert_eq!(
        facts(&span),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.reasoning.level": "low",
            "gen_ai.response.id": span.attributes["gen_ai.response.id"].as_str(),
            "gen_ai.response.model": "gpt-4o-2024-07-18",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 11,
            "gen_ai.usage.output_tokens": 2,
            "openai.api.type": "responses",
            "openai.response.service_tier": "default",
            "server.address": "127.0.0.1",
            "server.port": true,
            "tracing_genai.outcome": "done",
        })
    );
}

#[tokio::test]
async fn embeddings() {
    let world = World::new();
    let vectors = vec![vec![0.6, 0.8], vec![1.0, 0.0]];
    world.provider.enqueue(Answer::embeddings(vectors.clone()).usage(usage(6, 0)));
    let call =
        world.client().embed("text-embedding-3-small").inputs(["sea", "land"]).encoding_format("base64");
    let (reply, span) = world.span(call.send()).await;

    assert_eq!(reply.unwrap().vectors(), vectors);
    assert_eq!((span.name.as_str(), &span.kind), ("embeddings text-embedding-3-small", &SpanKind::Client));
    assert_eq!(
        facts(&span),
        json!({
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "text-embedding-3-small",
            "gen_ai.request.encoding_formats": ["base64"],
            "gen_ai.embeddings.dimension.count": 2,
            "gen_ai.response.model": "text-embedding-3-small",
            "gen_ai.usage.input_tokens": 6,
            "server.address": "127.0.0.1",
            "server.port": true,
            "tracing_genai.outcome": "done",
        })
    );
}

/// The facts of a chat that got no answer of a model.
fn refused(error_type: &str) -> serde_json::Value {
    json!({
        "error.type": error_type,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "openai.api.type": "chat_completions",
        "server.address": "127.0.0.1",
        "server.port": true,
        "tracing_genai.outcome": "failed",
    })
}

#[tokio::test]
async fn a_refused_key() {
    let world = World::new();
    let message = "Incorrect API key provided: sk-live-1234567890abcdef.";
    world.provider.enqueue(Answer::error(401, "invalid_request_error", "invalid_api_key", message));
    let (reply, span) = world.span(world.client().chat(MODEL).user("Hi").send()).await;

    let error = reply.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Authentication, Some(401)));
    assert!(!format!("{error} {error:?}").contains("abcdef"), "{error:?}");
    assert_eq!(span.status, failed("Incorrect API key provided: sk-[redacted]."));
    assert_eq!(facts(&span), refused("invalid_api_key"));
}

#[tokio::test]
async fn a_rate_limit_with_its_delay() {
    let world = World::new();
    let answer = Answer::error(429, "requests", "rate_limit_exceeded", "Slow down.");
    world.provider.enqueue(answer.header("retry-after", "7"));
    let (reply, span) = world.span(world.client().chat(MODEL).user("Hi").send()).await;

    let error = reply.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.info().retry_after, Some(Duration::from_secs(7)));
    assert_eq!(span.status, failed("Slow down."));
    assert_eq!(facts(&span), refused("rate_limit_exceeded"));
}

#[tokio::test]
async fn a_failure_of_the_server() {
    let world = World::new();
    world.provider.enqueue(Answer::raw(500, "text/plain", "upstream connect error"));
    let (reply, span) = world.span(world.client().chat(MODEL).user("Hi").send()).await;

    let error = reply.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(error.to_string().contains("upstream connect error"), "{error}");
    // What cannot be read may repeat the prompt: it is content, which nobody asked to record.
    assert_eq!(span.status, failed("the server answers with the status 500"));
    assert_eq!(facts(&span), refused("500"));
}

/// The facts of a stream that said `One ` and `two ` and went no further.
fn cut_off(span: &FinishedSpan, outcome: &str, error_type: Option<&str>) -> serde_json::Value {
    let mut facts = json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.stream": true,
        "gen_ai.response.id": span.attributes["gen_ai.response.id"].as_str(),
        "gen_ai.response.model": "gpt-4o-2024-07-18",
        "gen_ai.response.finish_reasons": ["error"],
        "gen_ai.response.time_to_first_chunk": true,
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_6fc10e10eb",
        "server.address": "127.0.0.1",
        "server.port": true,
        "tracing_genai.outcome": outcome,
    });
    if let Some(error_type) = error_type {
        facts["error.type"] = json!(error_type);
    }
    facts
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream() {
    let world = World::new();
    let answer = Answer::text("One two three.");
    world.provider.enqueue(answer.mid_stream_error(3, "server_error", "server_error", "The model broke."));
    let work = async { world.client().chat(MODEL).user("Count.").stream().await?.finish().await };
    let (reply, span) = world.span(work).await;

    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(span.status, failed("The model broke."));
    assert_eq!(facts(&span), cut_off(&span, "failed", Some("server_error")));
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_a_stream() {
    let world = World::new();
    world.provider.enqueue(Answer::text("One two three.").close_after(3));
    let work = async { world.client().chat(MODEL).user("Count.").stream().await?.finish().await };
    let (reply, span) = world.span(work).await;

    let error = reply.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Connection, Some(200)));
    assert_eq!(facts(&span), cut_off(&span, "failed", Some("connection")));
}

#[tokio::test]
async fn a_connection_that_is_refused() {
    let world = World::new();
    // A port that was free a moment ago, and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = world.builder().base_url(format!("http://127.0.0.1:{port}/v1")).build().unwrap();
    let (reply, span) = world.span(client.chat(MODEL).user("Hi").send()).await;

    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Connection);
    assert!(
        matches!(&span.status, Status::Error { description } if description.contains("cannot be reached"))
    );
    assert_eq!(facts(&span), refused("connection"));
}

#[tokio::test]
async fn no_answer_in_time() {
    let world = World::new();
    world.provider.enqueue(Answer::never());
    let call = world.client().chat(MODEL).user("Hi").timeout(Duration::from_millis(50));
    let (reply, span) = world.span(call.send()).await;

    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(facts(&span), refused("timeout"));
}

#[tokio::test]
async fn a_stream_that_falls_silent() {
    let world = World::new();
    let gate = Gate::new();
    world.provider.enqueue(Answer::text("One two three.").held_after(3, &gate));
    let call = world.client().chat(MODEL).user("Count.").timeout(Duration::from_secs(1));
    let work = async { call.stream().await?.finish().await };
    let (reply, span) = world.span(work).await;

    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(facts(&span), cut_off(&span, "failed", Some("timeout")));
}

#[tokio::test]
async fn a_future_that_is_dropped() {
    let world = World::new();
    let gate = Gate::new();
    world.provider.enqueue(Answer::text("Too late.").held(&gate));
    let client = world.client();
    let work = async {
        let call = client.chat(MODEL).user("Hi").send();
        tokio::select! {
            reply = call => panic!("an answer came: {reply:?}"),
            reached = gate.reached_async() => assert!(reached),
        }
    };
    let ((), span) = world.span(work).await;

    assert!(gate.client_gone_async().await, "the call itself is cancelled");
    assert_eq!(span.status, Status::Unset);
    assert_eq!(
        facts(&span),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.finish_reasons": ["error"],
            "openai.api.type": "chat_completions",
            "server.address": "127.0.0.1",
            "server.port": true,
            "tracing_genai.outcome": "abandoned",
        })
    );
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_way() {
    let world = World::new();
    let gate = Gate::new();
    world.provider.enqueue(Answer::text("One two three.").held_after(3, &gate));
    let work = async {
        let mut stream = world.client().chat(MODEL).user("Count.").stream().await.unwrap();
        let mut text = String::new();
        while text.trim_end() != "One two" {
            if let ChatEvent::Text { text: more, .. } = stream.next().await.unwrap().unwrap() {
                text += &more;
            }
        }
    };
    let ((), span) = world.span(work).await;

    assert!(gate.client_gone_async().await, "the call itself is cancelled");
    assert_eq!(span.status, Status::Unset);
    assert_eq!(facts(&span), cut_off(&span, "abandoned", None));
}

#[tokio::test]
async fn a_stream_that_is_held_open_lasts_as_long_as_it_did() {
    let world = World::new();
    let (first, last) = (Gate::new(), Gate::new());
    world.provider.enqueue(Answer::text("One two.").held_after(1, &first).held_after(3, &last));
    let work = async {
        let began = now();
        let mut stream = world.client().chat(MODEL).user("Count.").stream().await.unwrap();
        assert!(first.reached_async().await);
        let opened = now();
        first.release();
        assert!(matches!(stream.next().await, Some(Ok(ChatEvent::Text { .. }))));
        let spoke = now();
        assert!(last.reached_async().await);
        let held = now();
        last.release();
        stream.finish().await.unwrap();
        (began, opened, spoke, held, now())
    };
    let ((began, opened, spoke, held, ended), span) = world.span(work).await;

    assert!((began..=opened).contains(&span.start_unix_nanos));
    assert!((held..=ended).contains(&span.end_unix_nanos), "the end is the stream's, not the head's");
    let time_to_first_chunk = span.attributes["gen_ai.response.time_to_first_chunk"].as_f64().unwrap();
    let first_chunk = span.start_unix_nanos + (time_to_first_chunk * 1e9) as u64;
    let clocks_differ_by = 5_000_000;
    assert!(first_chunk + clocks_differ_by >= opened && first_chunk <= spoke + clocks_differ_by);
}

#[tokio::test]
async fn the_calls_of_one_request_share_its_trace() {
    use tracing::Instrument;
    let world = World::new();
    let client = world.client();
    let handler = async {
        client.embed("text-embedding-3-small").input("sea").send().await.unwrap();
        client.chat(MODEL).user("Hi").send().await.unwrap();
    };
    let handler = async { handler.instrument(tracing::info_span!("GET /ask")).await };
    let ((), spans) = world.spans(3, handler).await;

    let [embedding, chat, request] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(request.name, "GET /ask");
    for call in [embedding, chat] {
        assert_eq!(call.parent_span_id.as_ref(), Some(&request.span_id));
        assert_eq!(call.trace_id, request.trace_id);
    }
    assert_eq!(facts(request), json!({}), "the application's own span is never written to");
}

#[tokio::test]
async fn an_error_that_is_logged_inside_does_not_fail_a_call_that_went_well() {
    let world = World::new();
    let tool = tracing_genai::span::Tool::new("saw").run(async {
        tracing::error!("the blade is dull");
        Ok::<_, std::io::Error>("done")
    });
    let (_, span) = world.span(tool).await;

    assert_eq!(span.status, Status::Unset);
    assert_eq!(span.events[0].name, "the blade is dull");
}
