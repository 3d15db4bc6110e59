//! Spans with exactly the names, targets, fields and types that rig 0.44 and genai 0.7 write, as they
//! arrive: from `Telemetry::layer()`, and from a program's own provider with a processor or an exporter
//! that repairs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use opentelemetry::{
    Array, KeyValue, Value,
    trace::{SpanKind, TracerProvider},
};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor, SpanData, SpanProcessor,
};
use std::time::Duration;
use tracing::{Dispatch, dispatcher::with_default, field::Empty};
use tracing_genai::{
    export::{Destination, RepairingExporter, RepairingProcessor, Telemetry},
    testing::{FinishedSpan, OtlpSink},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// The counts that rig records, each a `u64`.
const RIGS_COUNTS: [(&str, u64); 6] = [
    ("gen_ai.usage.input_tokens", 30),
    ("gen_ai.usage.output_tokens", 12),
    ("gen_ai.usage.cache_read.input_tokens", 8),
    ("gen_ai.usage.cache_creation.input_tokens", 4),
    ("gen_ai.usage.tool_use_prompt_tokens", 0),
    ("gen_ai.usage.reasoning_tokens", 5),
];

/// A streamed chat of rig with Azure OpenAI (`telemetry::SpanBuilder`).
fn rigs_chat() {
    let span = tracing::info_span!(
        target: "rig::completions",
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "azure.openai",
        gen_ai.request.model = "gpt-4o",
        gen_ai.system_instructions = Option::<&str>::None,
        gen_ai.request.stream = Empty,
        gen_ai.response.id = Empty,
        gen_ai.response.model = Empty,
        rig.provider_request_id = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.cache_creation.input_tokens = Empty,
        gen_ai.usage.tool_use_prompt_tokens = Empty,
        gen_ai.usage.reasoning_tokens = Empty,
        gen_ai.input.messages = Empty,
        gen_ai.output.messages = Empty,
    );
    span.record("gen_ai.request.stream", true);
    span.in_scope(|| ());
    span.record("gen_ai.response.id", "chatcmpl-1");
    span.record("gen_ai.response.model", "gpt-4o-2024-08-06");
    for (field, count) in RIGS_COUNTS {
        span.record(field, count);
    }
}

/// A span of a runtime on rig, which rig adopts for its chat and writes into again
/// (`telemetry::completion_parent_span!`).
fn rigs_adopted_chat() {
    let span = tracing::info_span!(
        target: "my_runtime",
        "agent_chat",
        rig.completion_parent = true,
        gen_ai.operation.name = "chat",
        gen_ai.system_instructions = Option::<&str>::None,
        gen_ai.provider.name = Empty,
        gen_ai.request.model = Empty,
        gen_ai.request.stream = Empty,
        gen_ai.response.id = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.agent.name = "assistant",
    );
    for turn in [7_u64, 9] {
        span.record("gen_ai.operation.name", "chat");
        span.record("gen_ai.provider.name", "mistral");
        span.record("gen_ai.request.model", "mistral-large-latest");
        span.record("gen_ai.usage.input_tokens", turn);
    }
}

/// A rerank of rig with Voyage.
fn rigs_rerank() {
    let span = tracing::info_span!(
        target: "rig::modalities",
        "rerank",
        gen_ai.operation.name = "rerank",
        gen_ai.provider.name = "voyageai",
        gen_ai.request.model = "rerank-2",
        gen_ai.response.id = Empty,
        gen_ai.usage.input_tokens = Empty,
    );
    span.record("gen_ai.usage.input_tokens", 21_u64);
}

/// A chat of genai with Anthropic (`otel::span`).
fn genais_chat() {
    let span = tracing::info_span!(
        target: "genai::otel::span",
        "genai.chat",
        "otel.name" = "chat claude-haiku-4-5",
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "error.type" = Empty,
        "gen_ai.operation.name" = "chat",
        "gen_ai.provider.name" = "anthropic",
        "gen_ai.request.model" = "claude-haiku-4-5",
        "gen_ai.request.stream" = false,
        "gen_ai.request.temperature" = Empty,
        "gen_ai.request.max_tokens" = Empty,
        "gen_ai.request.stop_sequences" = Empty,
        "server.address" = Empty,
        "server.port" = Empty,
        "gen_ai.response.finish_reasons" = Empty,
        "gen_ai.usage.input_tokens" = Empty,
        "gen_ai.usage.cache_creation.input_tokens" = Empty,
        "gen_ai.usage.reasoning.output_tokens" = Empty,
        "gen_ai.response.time_to_first_chunk" = Empty,
        "gen_ai.output.messages" = Empty,
    );
    span.record("server.address", "api.anthropic.com");
    span.record("server.port", i64::from(443_u16));
    span.record("gen_ai.request.temperature", 0.5_f64);
    span.record("gen_ai.request.max_tokens", i64::from(100_u32));
    span.record("gen_ai.request.stop_sequences", r####"["END","###"]"####);
    span.in_scope(|| ());
    span.record("gen_ai.response.finish_reasons", r#"["end_turn"]"#);
    span.record("gen_ai.usage.input_tokens", i64::from(12_i32));
    span.record("gen_ai.usage.cache_creation.input_tokens", i64::from(4_i32));
    span.record("gen_ai.usage.reasoning.output_tokens", i64::from(3_i32));
    span.record("gen_ai.response.time_to_first_chunk", 0.25_f64);
    span.record("gen_ai.output.messages", r#"[{"role":"assistant","parts":[]}]"#);
}

/// An embedding of genai with Ollama.
fn genais_embeddings() {
    let span = tracing::info_span!(
        target: "genai::otel::span",
        "genai.embeddings",
        "otel.name" = "embeddings nomic",
        "otel.kind" = "client",
        "gen_ai.operation.name" = "embeddings",
        "gen_ai.provider.name" = "ollama",
        "gen_ai.request.model" = "nomic",
        "gen_ai.embeddings.dimension.count" = 256_usize as i64,
        "gen_ai.request.encoding_formats" = r#"["base64"]"#,
        "gen_ai.usage.input_tokens" = i64::from(9_i32),
    );
    span.in_scope(|| ());
}

/// A tool and an agent of a program, by genai's helpers (`otel::agent`).
fn genais_tool_and_agent() {
    drop(tracing::info_span!(
        target: "genai::otel::agent",
        "genai.execute_tool",
        "otel.name" = "execute_tool search",
        "otel.kind" = "internal",
        "gen_ai.operation.name" = "execute_tool",
        "gen_ai.tool.name" = "search",
    ));
    drop(tracing::info_span!(
        target: "genai::otel::agent",
        "genai.agent",
        "otel.name" = "invoke_agent helper",
        "otel.kind" = "client",
        "gen_ai.operation.name" = "invoke_agent",
        "gen_ai.agent.name" = "helper",
    ));
}

/// Spans about other things, with what would be repaired elsewhere.
fn others() {
    let span =
        tracing::info_span!("GET /ask", server.port = 443_u64, app.tokens = 12_u64, app.list = r#"["a"]"#);
    span.record("app.tokens", 13_u64);
}

/// The spans of `work` as they arrive at a receiver, by way of `Telemetry::layer()`.
fn received(work: impl FnOnce()) -> Vec<FinishedSpan> {
    let sink = OtlpSink::start().unwrap();
    let telemetry = Telemetry::builder().destination(Destination::otlp(sink.endpoint())).build().unwrap();
    with_default(&Dispatch::new(Registry::default().with(telemetry.layer())), work);
    telemetry.flush_blocking(Duration::from_secs(30)).unwrap();
    sink.spans()
}

/// The one span of `work`, received.
fn one(work: impl FnOnce()) -> FinishedSpan {
    let mut spans = received(work);
    assert_eq!(spans.len(), 1);
    let span = spans.remove(0);
    assert_eq!(span.duplicate_attributes(), [""; 0]);
    span
}

/// The spans of `work` in a program's own provider with this processor.
fn exported(
    processor: impl SpanProcessor + 'static,
    exporter: &InMemorySpanExporter,
    work: impl FnOnce(),
) -> Vec<SpanData> {
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("theirs"));
    with_default(&Dispatch::new(Registry::default().with(layer)), work);
    exporter.get_finished_spans().unwrap()
}

/// The spans of `work` as three programs export them: one that repairs in its processor, one that repairs
/// in its exporter, one that does not.
fn in_three_ways(work: fn()) -> [Vec<SpanData>; 3] {
    let [first, second, third] = [(); 3].map(|()| InMemorySpanExporter::default());
    let processor = RepairingProcessor::new(SimpleSpanProcessor::new(first.clone()));
    let exporter = SimpleSpanProcessor::new(RepairingExporter::new(second.clone()));
    let neither = SimpleSpanProcessor::new(third.clone());
    [exported(processor, &first, work), exported(exporter, &second, work), exported(neither, &third, work)]
}

fn value(span: &SpanData, name: &str) -> Option<Value> {
    let mut found = span.attributes.iter().filter(|attribute| attribute.key.as_str() == name);
    let value = found.next().map(|attribute| attribute.value.clone());
    assert!(found.next().is_none(), "{name} twice in {:?}", span.attributes);
    value
}

#[test]
fn a_chat_of_rig_arrives_with_integers_and_todays_names() {
    let span = one(rigs_chat);
    assert_eq!((span.name.as_str(), &span.kind), ("chat gpt-4o", &SpanKind::Client));
    assert_eq!(span.attributes["gen_ai.provider.name"], "azure.ai.openai");
    assert_eq!(span.attributes["gen_ai.request.stream"], true);
    assert_eq!(span.attributes["gen_ai.response.id"], "chatcmpl-1");
    for (name, count) in [
        ("gen_ai.usage.input_tokens", 30),
        ("gen_ai.usage.output_tokens", 12),
        ("gen_ai.usage.cache_read.input_tokens", 8),
        ("gen_ai.usage.cache_write.input_tokens", 4),
        ("gen_ai.usage.reasoning.output_tokens", 5),
        ("gen_ai.usage.tool_use_prompt_tokens", 0),
    ] {
        assert_eq!(span.attributes[name], count, "{name}");
    }
    for former in ["gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.reasoning_tokens"] {
        assert_eq!(span.attribute(former), None, "{former}");
    }
}

#[test]
fn a_span_that_rig_adopted_has_each_key_once_with_the_last_value() {
    let span = one(rigs_adopted_chat);
    assert_eq!((span.name.as_str(), &span.kind), ("agent_chat", &SpanKind::Client));
    assert_eq!(span.attributes["gen_ai.operation.name"], "chat");
    assert_eq!(span.attributes["gen_ai.provider.name"], "mistral_ai");
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 9);
    assert_eq!(span.attributes["gen_ai.agent.name"], "assistant");
}

#[test]
fn a_rerank_of_rig_is_a_clients_call() {
    let span = one(rigs_rerank);
    assert_eq!((span.name.as_str(), &span.kind), ("rerank", &SpanKind::Client));
    assert_eq!(span.attributes["gen_ai.provider.name"], "voyage_ai");
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 21);
}

#[test]
fn a_chat_of_genai_arrives_with_arrays_and_todays_names() {
    let span = one(genais_chat);
    assert_eq!((span.name.as_str(), &span.kind), ("chat claude-haiku-4-5", &SpanKind::Client));
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["end_turn"]);
    assert_eq!(span.attributes["gen_ai.request.stop_sequences"], ["END", "###"]);
    assert_eq!(span.attributes["gen_ai.usage.cache_write.input_tokens"], 4);
    assert_eq!(span.attribute("gen_ai.usage.cache_creation.input_tokens"), None);
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 12);
    assert_eq!(span.attributes["gen_ai.request.temperature"], 0.5);
    assert_eq!(span.attributes["server.port"], 443);
    assert_eq!(span.attributes["gen_ai.request.stream"], false);
}

#[test]
fn an_embedding_of_genai_arrives_with_an_array() {
    let span = one(genais_embeddings);
    assert_eq!(span.attributes["gen_ai.request.encoding_formats"], ["base64"]);
    assert_eq!(span.attributes["gen_ai.embeddings.dimension.count"], 256);
    assert_eq!(span.attributes["gen_ai.provider.name"], "ollama");
}

#[test]
fn a_tool_stays_internal_and_an_agent_elsewhere_stays_a_clients() {
    let kinds: Vec<SpanKind> = received(genais_tool_and_agent).into_iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [SpanKind::Internal, SpanKind::Client]);
}

#[test]
fn a_span_about_something_else_arrives_as_it_was_written() {
    let span = received(others).remove(0);
    assert_eq!((span.name.as_str(), &span.kind), ("GET /ask", &SpanKind::Internal));
    assert_eq!(span.attributes["server.port"], "443");
    assert_eq!(span.attributes["app.list"], r#"["a"]"#);
    assert_eq!(span.duplicate_attributes(), ["app.tokens"]);
}

#[test]
fn a_programs_own_provider_exports_the_same() {
    let [by_processor, by_exporter, plain] = in_three_ways(rigs_chat);
    assert_eq!(
        value(&plain[0], "gen_ai.usage.input_tokens"),
        Some("30".into()),
        "else there is nothing to repair"
    );
    for spans in [by_processor, by_exporter] {
        assert_eq!((spans[0].name.as_ref(), &spans[0].span_kind), ("chat gpt-4o", &SpanKind::Client));
        assert_eq!(value(&spans[0], "gen_ai.usage.input_tokens"), Some(30.into()));
        assert_eq!(value(&spans[0], "gen_ai.usage.cache_write.input_tokens"), Some(4.into()));
        assert_eq!(value(&spans[0], "gen_ai.provider.name"), Some("azure.ai.openai".into()));
    }
    let [by_processor, by_exporter, _] = in_three_ways(genais_chat);
    for spans in [by_processor, by_exporter] {
        let reasons = value(&spans[0], "gen_ai.response.finish_reasons");
        assert_eq!(reasons, Some(Value::Array(Array::String(vec!["end_turn".into()]))));
    }
}

#[test]
fn a_programs_own_provider_exports_other_spans_as_they_were_written() {
    let [by_processor, by_exporter, plain] = in_three_ways(others);
    // Ids, times and threads differ from run to run; the rest is all there is.
    let written = |spans: Vec<SpanData>| {
        let [span]: [SpanData; 1] = spans.try_into().unwrap();
        let differs = ["thread.id", "busy_ns", "idle_ns"];
        let attributes: Vec<KeyValue> = span
            .attributes
            .into_iter()
            .filter(|attribute| !differs.contains(&attribute.key.as_str()))
            .collect();
        (span.name, span.span_kind, span.status, attributes)
    };
    let plain = written(plain);
    assert_eq!(written(by_processor), plain);
    assert_eq!(written(by_exporter), plain);
}
