//! What Tracia is sent of each call, key by key.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use serde_json::{Value, json};
use std::time::Duration;
use tracing_genai::{
    ContentCapture, Telemetry, context,
    export::{Destination, Report, Tracia},
    record::{Media, Message, Modality, Part, Request, Role, ToolCall, ToolDefinition, ToolResult, Usage},
    span::{Agent, Embedding, Evaluation, Generation, Tool},
    testing::FakeTracia,
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

const PATIENCE: Duration = Duration::from_secs(20);

struct Told {
    spans: Vec<Value>,
    tracia: FakeTracia,
    report: Report,
}

/// What Tracia has after `work` has run.
fn told(settings: impl FnOnce(Tracia) -> Tracia, work: impl FnOnce()) -> Told {
    let tracia = FakeTracia::start().unwrap();
    let destination = settings(Destination::tracia(tracia.api_key()).base_url(tracia.url()));
    let telemetry = Telemetry::builder().destination(destination).on_problem(|_| ()).build().unwrap();
    tracing::subscriber::with_default(Registry::default().with(telemetry.layer()), work);
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    Told { spans: tracia.spans(), tracia, report }
}

fn with_content(tracia: Tracia) -> Tracia {
    tracia.content(ContentCapture::on().tool_parameters(true))
}

impl Told {
    /// The one span, without what differs from run to run.
    fn one(&self) -> Value {
        assert_eq!(self.tracia.refusals(), []);
        let [span] = self.spans.as_slice() else { panic!("{:?}", self.spans) };
        let mut span = span.clone();
        for key in ["spanId", "traceId", "latencyMs"] {
            assert!(span.as_object_mut().unwrap().remove(key).is_some(), "{key}");
        }
        span
    }
}

fn usage(input: u64, output: u64, total: u64) -> Usage {
    let mut usage = Usage::default();
    (usage.input_tokens, usage.output_tokens, usage.total_tokens) = (Some(input), Some(output), Some(total));
    usage
}

fn weather() -> ToolCall {
    ToolCall {
        id: Some("call_1".into()),
        name: "get_weather".into(),
        arguments: r#"{"city":"Paris"}"#.into(),
        ..ToolCall::default()
    }
}

fn request() -> Request {
    let mut request = Request::default();
    request.model = Some("gpt-4o".into());
    request.system_instructions = vec![Part::Text("Be brief.".into())];
    let call = weather();
    request.messages = vec![
        Message::text(Role::User, "And in Paris?"),
        Message::new(Role::Assistant, vec![Part::Text("I look.".into()), Part::ToolCall(call.clone())]),
        Message::new(Role::Tool, vec![Part::ToolResult(ToolResult::of(&call, r#"{"degrees":18}"#))]),
    ];
    let schema =
        json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    request.tools = vec![ToolDefinition::function("get_weather", "The weather", schema)];
    (request.temperature, request.top_p, request.max_output_tokens) = (Some(0.5), Some(0.9), Some(64));
    request
}

#[test]
fn a_call_with_everything_is_told_key_by_key() {
    let told = told(with_content, || {
        let scope = context::scope().user("u-7").session("s-1").tags(["beta"]);
        scope.tag("tracia.variables", r#"{"city":"Paris","n":3}"#).in_scope(|| {
            let mut span = Generation::from_request("openai", request()).start();
            span.text("It is ").text("18 degrees.").tool_call(weather()).usage(usage(100, 50, 150));
            span.finish();
        });
    });
    let call = json!({ "id": "call_1", "name": "get_weather", "arguments": { "city": "Paris" } });
    assert_eq!(
        told.one(),
        json!({
            "model": "gpt-4o",
            "provider": "openai",
            "input": { "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "And in Paris?" },
                { "role": "assistant", "content": [
                    { "type": "text", "text": "I look." },
                    { "type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": { "city": "Paris" } },
                ] },
                { "role": "tool", "toolCallId": "call_1", "toolName": "get_weather", "content": "{\"degrees\":18}" },
            ] },
            "variables": { "city": "Paris", "n": "3" },
            "output": "It is 18 degrees.",
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 100,
            "outputTokens": 50,
            "totalTokens": 150,
            "tags": ["beta"],
            "userId": "u-7",
            "sessionId": "s-1",
            "temperature": 0.5,
            "topP": 0.9,
            "maxOutputTokens": 64,
            "tools": [{
                "name": "get_weather",
                "description": "The weather",
                "parameters": {
                    "type": "object",
                    "properties": { "city": { "type": "string" } },
                    "required": ["city"],
                },
            }],
            "toolCalls": [call],
        })
    );
}

#[test]
fn without_content_there_is_nothing_that_was_said() {
    let told = told(
        |tracia| tracia,
        || {
            let scope = context::scope().tag("tracia.variables", r#"{"city":"Paris"}"#);
            scope.in_scope(|| {
                let generation = Generation::from_request("openai", request()).content(ContentCapture::on());
                let mut span = generation.start();
                span.text("18 degrees").tool_call(weather()).tokens(100, 50);
                span.finish();
            });
        },
    );
    assert_eq!(
        told.one(),
        json!({
            "model": "gpt-4o",
            "provider": "openai",
            "input": { "messages": [] },
            "variables": null,
            "output": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 100,
            "outputTokens": 50,
            "totalTokens": 150,
            "temperature": 0.5,
            "topP": 0.9,
            "maxOutputTokens": 64,
        })
    );
    assert!(!told.tracia.saw("Paris") && !told.tracia.saw("degrees"));
}

#[test]
fn an_embedding_has_its_texts_and_the_form_of_its_vectors() {
    let told = told(with_content, || {
        let mut span = Embedding::new("openai", "text-embedding-3-small").input("a").input("b").start();
        span.vectors(2, 1536).usage(usage(8, 0, 8));
        span.finish();
    });
    assert_eq!(
        told.one(),
        json!({
            "model": "text-embedding-3-small",
            "provider": "openai",
            "spanKind": "EMBEDDING",
            "input": { "text": ["a", "b"] },
            "variables": null,
            "output": "{\"dimensions\":1536,\"count\":2}",
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 8,
            "outputTokens": 0,
            "totalTokens": 8,
        })
    );
}

#[test]
fn an_embedding_without_content_has_no_texts() {
    let told = told(
        |tracia| tracia,
        || {
            let mut span = Embedding::new("voyage_ai", "voyage-3").input("secret").start();
            span.vectors(1, 4).input_tokens(3);
            span.finish();
        },
    );
    assert_eq!(told.one()["input"], json!({ "text": [] }));
    assert_eq!(told.one()["provider"], "voyage");
    assert!(!told.tracia.saw("secret"));
}

#[test]
fn a_call_that_fails_is_an_error_with_its_words() {
    let told = told(with_content, || {
        let mut span = Generation::new("anthropic", "claude-x").user("Hi").start();
        span.text("Once");
        span.fail_as("overloaded_error", "busy, says sk-ant-api03-abcdefgh");
    });
    let span = told.one();
    assert_eq!((&span["status"], &span["output"]), (&json!("ERROR"), &json!("Once")));
    assert_eq!(span["error"], "busy, says sk-[redacted]");
    assert_eq!((&span["inputTokens"], &span["totalTokens"]), (&json!(0), &json!(0)));
}

#[test]
fn the_words_of_an_error_that_repeat_the_prompt_are_left_out_without_content() {
    let told = told(
        |tracia| tracia,
        || {
            let span = Generation::new("openai", "gpt-4o").user("My name is Jane Roe of Lund.").start();
            span.fail_as("invalid_request", "cannot parse: My name is Jane Roe of Lund.");
        },
    );
    assert_eq!(told.one()["status"], "ERROR");
    assert!(!told.tracia.saw("Jane"));
}

#[test]
fn a_call_that_was_given_up_is_an_aborted_stream_with_what_had_come() {
    let told = told(with_content, || {
        let mut span = Generation::new("openai", "gpt-4o").streamed().user("Hi").start();
        span.first_chunk().text("Once upon");
        drop(span);
    });
    let span = told.one();
    assert_eq!(span["status"], "ERROR");
    assert_eq!(span["error"], "Stream aborted");
    assert_eq!(span["output"], "Once upon");
}

#[test]
fn bytes_are_told_by_their_size_and_images_elsewhere_by_their_address() {
    let told = told(with_content, || {
        let parts = vec![
            Part::Text("What is this?".into()),
            Part::Media(Media::from_bytes(Modality::Image, "image/gif", b"GIF89a")),
            Part::Media(Media::from_uri(Modality::Image, "https://x.io/cat.png")),
        ];
        Generation::new("openai", "gpt-4o").message(Message::new(Role::User, parts)).start().finish();
    });
    let crc = format!("{:08x}", crc32(b"GIF89a"));
    assert_eq!(
        told.one()["input"]["messages"],
        json!([{ "role": "user", "content": [
            { "type": "text", "text": "What is this?" },
            { "type": "text", "text": format!("[image image/gif, 6 bytes, crc32 {crc}]") },
            { "type": "image", "image": "https://x.io/cat.png" },
        ] }])
    );
}

/// By the definition, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn arguments_that_are_no_object_become_one() {
    let told = told(with_content, || {
        let mut span = Generation::new("openai", "gpt-4o").start();
        let call = |arguments: &str| ToolCall { arguments: arguments.into(), ..weather() };
        span.tool_call(call("")).tool_call(call("[1]")).tool_call(call("{\"cut"));
        span.finish();
    });
    let calls = &told.one()["toolCalls"];
    let arguments: Vec<_> = calls.as_array().unwrap().iter().map(|call| &call["arguments"]).collect();
    assert_eq!(arguments, [&json!({}), &json!({ "value": [1] }), &json!({ "value": "{\"cut" })]);
}

#[test]
fn a_total_that_leaves_the_cache_out_is_corrected_and_a_larger_one_kept() {
    for (total, expected) in [(7, 9), (9, 9), (12, 12)] {
        let told = told(
            |tracia| tracia,
            || {
                let mut span = Generation::new("aws.bedrock", "amazon.nova-lite-v1:0").start();
                span.usage(usage(5, 4, total));
                span.finish();
            },
        );
        assert_eq!(told.one()["totalTokens"], expected);
    }
}

#[test]
fn calls_of_models_go_to_tracia_and_no_other_operation_or_span() {
    let told = told(
        |tracia| tracia,
        || {
            tracing::info_span!("GET /ask").in_scope(|| {
                let agent = Agent::invoke("guide").start();
                agent.in_scope(|| {
                    Generation::new("openai", "gpt-4o").start().finish();
                    Tool::new("get_weather").start().finish();
                });
                agent.finish();
            });
        },
    );
    assert_eq!((told.report.recorded, told.report.delivered), (1, 1));
    assert_eq!(told.one()["model"], "gpt-4o");
}

#[test]
fn a_parent_is_the_nearest_call_that_was_sent() {
    let told = told(
        |tracia| tracia,
        || {
            let outer = Generation::new("openai", "outer").start();
            outer.in_scope(|| {
                let agent = Agent::invoke("guide").start();
                agent.in_scope(|| {
                    tracing::info_span!("work").in_scope(|| {
                        Generation::new("groq", "left-out").start().in_scope(|| {
                            Generation::new("openai", "inner").start().finish();
                        });
                    });
                });
                agent.finish();
            });
            outer.finish();
        },
    );
    let span = |model: &str| told.spans.iter().find(|span| span["model"] == model).unwrap();
    assert_eq!(span("inner")["parentSpanId"], span("outer")["spanId"]);
    assert_eq!(span("inner")["traceId"], span("outer")["traceId"]);
    assert_eq!(span("outer").get("parentSpanId"), None);
    assert_eq!(told.spans.len(), 2);
}

#[test]
fn ids_are_those_of_opentelemetry_folded() {
    let mut ids = None;
    let told = told(
        |tracia| tracia,
        || {
            let span = Generation::new("openai", "gpt-4o").start();
            ids = span.span_ref().map(|span| (span.trace_id(), span.span_id()));
            span.finish();
        },
    );
    let (trace, span) = ids.unwrap();
    assert_eq!(told.spans[0]["spanId"], format!("sp_{span}"));
    assert_eq!(told.spans[0]["traceId"], format!("tr_{}", &trace[16..]));
}

#[test]
fn ids_that_the_program_gives_are_kept_if_they_are_some() {
    let told = told(
        |tracia| tracia,
        || {
            let scope = context::scope().tag("tracia.span_id", "sp_1234567890ABCDEF");
            let scope = scope.tag("tracia.trace_id", "tr_00000000000000aa");
            scope.tag("tracia.parent_span_id", "sp_00000000000000bb").in_scope(|| {
                let outer = Generation::new("openai", "named").start();
                outer.in_scope(|| {
                    let scope = context::scope().tag("tracia.span_id", "banana");
                    scope.tag("tracia.trace_id", "sp_00000000000000aa").in_scope(|| {
                        Generation::new("openai", "misnamed").start().finish();
                    });
                });
                outer.finish();
            });
        },
    );
    let span = |model: &str| told.spans.iter().find(|span| span["model"] == model).unwrap();
    assert_eq!(span("named")["spanId"], "sp_1234567890ABCDEF");
    assert_eq!(span("named")["traceId"], "tr_00000000000000aa");
    assert_eq!(span("named")["parentSpanId"], "sp_00000000000000bb");
    assert_ne!(span("misnamed")["spanId"], "banana");
    assert_ne!(span("misnamed")["traceId"], "sp_00000000000000aa");
    assert_eq!(span("misnamed")["parentSpanId"], "sp_1234567890ABCDEF", "the call above goes first");
}

#[test]
fn calls_of_other_providers_are_left_out_and_counted_by_the_diagnosis() {
    let told = told(|tracia| tracia, || Generation::new("groq", "llama-3.3-70b").start().finish());
    assert_eq!((told.report.recorded, told.spans.len()), (0, 0));
    let found = tracing_genai::diagnosis();
    assert!(found.iter().any(|(finding, count)| finding.name() == "tracia_provider_unknown" && *count > 0));
}

#[test]
fn calls_of_other_providers_go_under_the_word_that_is_given_for_them() {
    let told = told(
        |tracia| tracia.other_providers_as("openai"),
        || Generation::new("groq", "llama-3.3-70b").start().finish(),
    );
    assert_eq!(told.one()["provider"], "openai");
    assert_eq!(told.one()["model"], "llama-3.3-70b");
}

#[test]
fn an_evaluation_is_posted_to_its_span_and_its_reasons_with_content_alone() {
    for (content, note) in [(ContentCapture::on(), Some("Good.")), (ContentCapture::off(), None)] {
        let told = told(
            |tracia| tracia.content(content),
            || {
                let span = Generation::new("openai", "gpt-4o").start();
                let answer = span.span_ref();
                span.finish();
                Evaluation::new("quality").score(1.0).explanation("Good.").record(answer);
            },
        );
        let evaluations = told.tracia.evaluations();
        assert_eq!((told.report.recorded, told.report.delivered), (2, 2));
        assert_eq!(evaluations.len(), 1);
        assert_eq!(told.spans[0]["spanId"], evaluations[0].span_id.as_str());
        assert_eq!((evaluations[0].evaluator_key.as_str(), evaluations[0].value), ("quality", 1.0));
        assert_eq!(evaluations[0].note.as_deref(), note);
    }
}

#[test]
fn an_evaluation_of_a_call_that_goes_on_comes_after_it() {
    let told = told(
        |tracia| tracia,
        || {
            let span = Generation::new("openai", "gpt-4o").start();
            Evaluation::new("quality").score(0.5).record(span.span_ref());
            span.finish();
        },
    );
    assert_eq!(told.tracia.refusals(), []);
    assert_eq!(told.tracia.evaluations()[0].value, 0.5);
}

#[test]
fn an_evaluation_of_a_call_with_an_id_of_its_own_goes_to_that() {
    let told = told(
        |tracia| tracia,
        || {
            let mut answer = None;
            context::scope().tag("tracia.span_id", "sp_1234567890abcdef").in_scope(|| {
                let span = Generation::new("openai", "gpt-4o").start();
                answer = span.span_ref();
                span.finish();
            });
            Evaluation::new("quality").score(0.0).record(answer);
        },
    );
    assert_eq!(told.tracia.evaluations()[0].span_id, "sp_1234567890abcdef");
}

#[test]
fn an_evaluation_without_a_score_has_no_form_in_tracia() {
    let told = told(
        |tracia| tracia,
        || {
            let span = Generation::new("openai", "gpt-4o").start();
            let answer = span.span_ref();
            span.finish();
            Evaluation::new("quality").label("fine").record(answer);
        },
    );
    assert_eq!((told.report.recorded, told.tracia.requests().len()), (1, 1));
}

#[test]
fn a_destination_of_otlp_beside_it_gets_everything_at_once() {
    let sink = tracing_genai::testing::OtlpSink::start().unwrap();
    let tracia = FakeTracia::start().unwrap();
    let telemetry = Telemetry::builder()
        .destination(Destination::otlp(sink.endpoint()))
        .destination(Destination::tracia("tr_key").base_url(tracia.url()))
        .build()
        .unwrap();
    tracing::subscriber::with_default(Registry::default().with(telemetry.layer()), || {
        let span = Generation::new("openai", "gpt-4o").start();
        Evaluation::new("quality").score(0.5).record(span.span_ref());
        Tool::new("t").start().finish();
        span.finish();
    });
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    assert_eq!(report.destinations.iter().map(|to| to.delivered).collect::<Vec<_>>(), [3, 2]);
}

/// A judgement in numbers, as another library writes it.
fn judgement(name: &'static str, score: f64) -> Vec<KeyValue> {
    vec![
        KeyValue::new("gen_ai.evaluation.name", name),
        KeyValue::new("gen_ai.evaluation.score.value", score),
        KeyValue::new("gen_ai.evaluation.explanation", format!("Why {name}.")),
    ]
}

fn called(operation: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("gen_ai.operation.name", operation),
        KeyValue::new("gen_ai.provider.name", "openai"),
        KeyValue::new("gen_ai.request.model", "gpt-4o"),
    ]
}

/// What Tracia has after a library has made spans by a tracer of OpenTelemetry.
fn told_by_another(settings: impl FnOnce(Tracia) -> Tracia, work: impl FnOnce(&SdkTracer)) -> Told {
    let tracia = FakeTracia::start().unwrap();
    let destination = settings(Destination::tracia(tracia.api_key()).base_url(tracia.url()));
    let telemetry = Telemetry::builder().destination(destination).on_problem(|_| ()).build().unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
    work(&provider.tracer("theirs"));
    let report = telemetry.flush_blocking(PATIENCE).unwrap();
    Told { spans: tracia.spans(), tracia, report }
}

impl Told {
    /// Evaluators, values and reasons.
    fn judgements(&self) -> Vec<(String, f64, Option<String>)> {
        let evaluations = self.tracia.evaluations().into_iter();
        let mut all: Vec<_> = evaluations.map(|one| (one.evaluator_key, one.value, one.note)).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

#[test]
fn each_judgement_on_a_calls_own_span_is_an_evaluation_of_it_and_counted_by_itself() {
    for (content, note) in [(ContentCapture::on(), true), (ContentCapture::off(), false)] {
        let told = told_by_another(
            |tracia| tracia.content(content),
            |tracer| {
                let mut span = tracer.span_builder("chat").with_attributes(called("chat")).start(tracer);
                span.add_event("gen_ai.evaluation.result", judgement("quality", 1.0));
                span.add_event("gen_ai.evaluation.result", judgement("tone", 0.5));
                span.add_event("another", judgement("none", 0.5));
            },
        );
        let why = |name: &str| note.then(|| format!("Why {name}."));
        assert_eq!(
            told.judgements(),
            [("quality".into(), 1.0, why("quality")), ("tone".into(), 0.5, why("tone"))]
        );
        assert_eq!((told.report.recorded, told.report.delivered), (3, 3));
        let evaluations = told.tracia.evaluations();
        assert!(evaluations.iter().all(|one| told.spans[0]["spanId"] == one.span_id.as_str()));
        assert_eq!(told.tracia.refusals(), []);
    }
}

#[test]
fn a_judgement_on_a_call_with_an_id_of_its_own_goes_to_that() {
    let told = told_by_another(
        |tracia| tracia,
        |tracer| {
            let mut attributes = called("chat");
            attributes.push(KeyValue::new("tracia.span_id", "sp_1234567890abcdef"));
            let mut span = tracer.span_builder("chat").with_attributes(attributes).start(tracer);
            span.add_event("gen_ai.evaluation.result", judgement("quality", 1.0));
        },
    );
    assert_eq!(told.tracia.evaluations()[0].span_id, "sp_1234567890abcdef");
}

#[test]
fn each_of_several_judgements_in_one_span_is_an_evaluation_of_the_span_above() {
    let told = told_by_another(
        |tracia| tracia,
        |tracer| {
            let call = tracer.span_builder("chat").with_attributes(called("chat")).start(tracer);
            let above = Context::new().with_remote_span_context(call.span_context().clone());
            let mut judge = tracer.span_builder("judge").start_with_context(tracer, &above);
            let label = vec![KeyValue::new("gen_ai.evaluation.name", "no number")];
            judge.add_event("gen_ai.evaluation.result", label);
            judge.add_event("gen_ai.evaluation.result", judgement("quality", 1.0));
            judge.add_event("gen_ai.evaluation.result", judgement("tone", 0.0));
            drop(judge);
            drop(call);
        },
    );
    assert_eq!(told.judgements(), [("quality".into(), 1.0, None), ("tone".into(), 0.0, None)]);
    assert_eq!((told.report.recorded, told.report.delivered), (3, 3));
}

#[test]
fn a_judgement_of_an_operation_that_tracia_does_not_get_is_left_out_and_diagnosed() {
    let noted = || {
        let all = tracing_genai::diagnosis();
        all.iter().find(|(finding, _)| finding.name() == "tracia_evaluation_unplaced").map_or(0, |one| one.1)
    };
    let before = noted();
    let of_agents = told(
        |tracia| tracia,
        || {
            let agent = Agent::invoke("clerk").start();
            let run = agent.span_ref();
            Evaluation::new("quality").score(1.0).record(run);
            agent.finish();
            Evaluation::new("quality").score(1.0).record(run);
            let span = Generation::new("groq", "llama-3.3-70b").start();
            let call = span.span_ref();
            span.finish();
            Evaluation::new("quality").score(1.0).record(call);
        },
    );
    let on_agents = told_by_another(
        |tracia| tracia,
        |tracer| {
            let call = tracer.span_builder("chat").with_attributes(called("chat")).start(tracer);
            let above = Context::new().with_remote_span_context(call.span_context().clone());
            let tool = tracer.span_builder("tool").with_attributes(called("execute_tool"));
            let mut tool = tool.start_with_context(tracer, &above);
            tool.add_event("gen_ai.evaluation.result", judgement("quality", 1.0));
        },
    );
    assert_eq!((of_agents.report.recorded, of_agents.tracia.requests().len()), (0, 0));
    assert_eq!((on_agents.report.recorded, on_agents.tracia.evaluations().len()), (1, 0));
    assert!(noted() >= before + 4);
}

#[test]
fn a_call_that_was_named_is_found_by_its_reference_after_the_telemetry_was_built_anew() {
    let tracia = FakeTracia::start().unwrap();
    let run = |work: &mut dyn FnMut()| {
        let destination = Destination::tracia(tracia.api_key()).base_url(tracia.url());
        let telemetry = Telemetry::builder().destination(destination).on_problem(|_| ()).build().unwrap();
        tracing::subscriber::with_default(Registry::default().with(telemetry.layer()), work);
        telemetry.shutdown_blocking(PATIENCE)
    };
    let mut answer = None;
    run(&mut || {
        let span = context::scope()
            .tag("tracia.span_id", "sp_1234567890abcdef")
            .in_scope(|| Generation::new("openai", "gpt-4o").start());
        answer = span.span_ref();
        span.finish();
    });
    let report = run(&mut || Evaluation::new("quality").score(1.0).record(answer));
    assert_eq!((report.delivered, report.rejected), (1, 0));
    assert_eq!(tracia.evaluations()[0].span_id, "sp_1234567890abcdef");
}

#[test]
fn what_is_too_long_is_cut_wherever_it_stands() {
    const MOST: usize = 1 << 20;
    let long = "x".repeat(4 * MOST);
    let uri = format!("data:image/png;base64,{}", "QUJD".repeat(MOST));
    let input = json!([{ "role": "user", "parts": [
        { "type": "uri", "modality": "image", "uri": uri },
        { "type": "uri", "modality": "audio", "uri": "data:audio/wav;base64,QUJD" },
        { "type": "uri", "modality": "image", "uri": format!("https://x.io/{long}") },
    ] }]);
    let output = json!([{ "role": "assistant", "parts": [
        { "type": "tool_call", "id": "1", "name": "of_object", "arguments": { "text": long } },
        { "type": "tool_call", "id": "2", "name": "of_text", "arguments": format!("{{\"text\":\"{long}\"}}") },
        { "type": "tool_call", "id": "3", "name": "of_list", "arguments": [long] },
    ] }]);
    let tools = json!([{ "type": "function", "name": "t", "parameters": { "type": "object", "x": long } }]);
    let variables = json!({ "list": [long] });
    let told = told_by_another(with_content, |tracer| {
        let mut attributes = called("chat");
        for (name, value) in [
            ("gen_ai.input.messages", &input),
            ("gen_ai.output.messages", &output),
            ("gen_ai.tool.definitions", &tools),
            ("tracia.variables", &variables),
        ] {
            attributes.push(KeyValue::new(name, value.to_string()));
        }
        drop(tracer.span_builder("chat").with_attributes(attributes).start(tracer));
    });
    let span = told.one();
    let crc = crc32(&b"ABC".repeat(MOST));
    let content = &span["input"]["messages"][0]["content"];
    assert_eq!(content[0]["text"], format!("[image image/png, {} bytes, crc32 {crc:08x}]", 3 * MOST));
    let crc = crc32(b"ABC");
    assert_eq!(content[1]["text"], format!("[audio audio/wav, 3 bytes, crc32 {crc:08x}]"));
    assert_eq!(span["tools"][0]["parameters"], json!({ "type": "object", "properties": {} }));
    let calls = span["toolCalls"].as_array().unwrap();
    let texts = calls.iter().map(|call| call["arguments"]["value"].as_str().unwrap());
    let variable = span["variables"]["list"].as_str().unwrap();
    for text in texts.chain([content[2]["image"].as_str().unwrap(), variable]) {
        assert!(text.len() < MOST + 64 && text.ends_with("more bytes left out]"), "{}", text.len());
    }
}
