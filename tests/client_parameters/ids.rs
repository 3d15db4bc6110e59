//! Ids that the program gives.

use super::{World, client};
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing::Instrument;
use tracing_genai::{
    span::{Evaluation, Generation, Tool},
    testing::{FakeProvider, capture_async},
};
use tracing_subscriber::layer::SubscriberExt;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const UUID: &str = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[test]
fn tracias_own_ids_are_those_of_the_call_everywhere_and_opentelemetrys_stay() {
    let world = World::new();
    let reply = world.run(async |client| {
        let chat = client.chat("gpt-4o").user("Hi").span_id("sp_1234567890ABCDEF");
        chat.trace_id("tr_1234567890abcdef").parent_span_id("sp_0000000000000007").await.unwrap()
    });

    assert_eq!(reply.span_id().as_deref(), Some("sp_1234567890ABCDEF"));
    assert_eq!(reply.trace_id().as_deref(), Some("tr_1234567890abcdef"));
    assert_eq!(reply.tracia_span_id(), reply.span_id());
    assert_eq!(reply.tracia_trace_id(), reply.trace_id());
    let told = &world.tracia.spans()[0];
    assert_eq!(told["spanId"], "sp_1234567890ABCDEF");
    assert_eq!(told["traceId"], "tr_1234567890abcdef");
    assert_eq!(told["parentSpanId"], "sp_0000000000000007");
    let event = &world.posthog.events()[0].properties;
    assert_eq!(event["$ai_span_id"], "sp_1234567890ABCDEF");
    assert_eq!(event["$ai_trace_id"], "tr_1234567890abcdef");
    assert_eq!(event["$ai_parent_id"], "sp_0000000000000007");
    let span = world.span();
    assert_eq!(span.attributes["tracing_genai.span_id"], "sp_1234567890ABCDEF");
    assert_eq!(span.attributes["tracing_genai.trace_id"], "tr_1234567890abcdef");
    assert_eq!(span.attributes["tracing_genai.parent_span_id"], "sp_0000000000000007");
    assert_eq!(span.parent_span_id, None);
    assert_eq!(Some((span.trace_id, span.span_id)), reply.span_ref().map(|at| (at.trace_id(), at.span_id())));
}

#[test]
fn hex_and_uuids_are_folded_for_tracia() {
    let world = World::new();
    let reply = world.run(async |client| {
        let chat = client.chat("gpt-4o").user("Hi").span_id(PARENT).trace_id(UUID);
        chat.parent_span_id("0af7651916cd43dd8448eb211c80319c").await.unwrap()
    });

    assert_eq!(reply.trace_id().as_deref(), Some(UUID));
    let told = &world.tracia.spans()[0];
    assert_eq!(told["spanId"], "sp_00f067aa0ba902b7");
    assert_eq!(told["traceId"], "tr_a3ce929d0e0e4736");
    assert_eq!(told["parentSpanId"], "sp_8448eb211c80319c");
    assert_eq!(reply.tracia_span_id().as_deref(), Some("sp_00f067aa0ba902b7"));
    assert_eq!(reply.tracia_trace_id().as_deref(), Some("tr_a3ce929d0e0e4736"));
    assert_eq!(world.posthog.events()[0].properties["$ai_trace_id"], UUID);
}

#[test]
fn a_text_of_no_such_form_goes_to_posthog_and_tracia_keeps_its_own() {
    let world = World::new();
    let reply = world.run(async |client| {
        client.chat("gpt-4o").user("Hi").span_id("order-42").trace_id("cart:7").await.unwrap()
    });

    let at = reply.span_ref().unwrap();
    let told = &world.tracia.spans()[0];
    assert_eq!(told["spanId"], format!("sp_{}", at.span_id()));
    assert_eq!(told["traceId"], format!("tr_{}", &at.trace_id()[16..]));
    assert_eq!(reply.tracia_span_id(), Some(format!("sp_{}", at.span_id())));
    assert_eq!(reply.span_id().as_deref(), Some("order-42"));
    assert_eq!(world.posthog.events()[0].properties["$ai_span_id"], "order-42");
    assert_eq!(world.posthog.events()[0].properties["$ai_trace_id"], "cart:7");
}

#[test]
fn an_embedding_has_its_ids_too() {
    let world = World::new();
    let reply = world.run(async |client| {
        let embed = client.embed("text-embedding-3-small").input("sea").span_id("sp_1234567890abcdef");
        embed.trace_id("tr_1234567890abcdef").parent_span_id("tr_0000000000000007").await.unwrap()
    });

    assert_eq!(reply.tracia_span_id().as_deref(), Some("sp_1234567890abcdef"));
    let told = &world.tracia.spans()[0];
    assert_eq!(told["traceId"], "tr_1234567890abcdef");
    assert_eq!(told["parentSpanId"], "tr_0000000000000007");
}

#[test]
fn without_given_ids_they_are_those_of_the_span() {
    let world = World::new();
    let reply = world.run(async |client| client.chat("gpt-4o").user("Hi").await.unwrap());

    let span = world.span();
    assert_eq!(reply.span_id(), Some(span.span_id.clone()));
    assert_eq!(reply.trace_id(), Some(span.trace_id.clone()));
    assert_eq!(reply.tracia_span_id(), Some(format!("sp_{}", span.span_id)));
    assert_eq!(world.tracia.spans()[0]["spanId"], *reply.tracia_span_id().unwrap());
    assert_eq!(world.tracia.spans()[0]["traceId"], *reply.tracia_trace_id().unwrap());
    assert!(!span.attributes.keys().any(|key| key.contains("span_id") || key.contains("trace_id")));
}

#[test]
fn a_trace_and_a_parent_of_w3c_are_where_the_span_is_if_none_is_current() {
    let world = World::new();
    world.run(async |client| {
        client.chat("gpt-4o").user("Hi").trace_id(TRACE).parent_span_id(PARENT).await.unwrap();
    });
    let span = world.span();
    assert_eq!((span.trace_id.as_str(), span.parent_span_id.as_deref()), (TRACE, Some(PARENT)));
    assert!(span.links.is_empty());
}

#[test]
fn where_a_span_is_current_it_stays_the_parent_and_the_given_one_is_linked_to() {
    let world = World::new();
    world.run(async |client| {
        let call = client.chat("gpt-4o").user("Hi").trace_id(UUID).parent_span_id(PARENT).send();
        Tool::new("search").run(async { call.await.map(|reply| reply.text()) }).await.unwrap();
    });
    let spans = world.sink.spans();
    let tool = spans.iter().find(|span| span.name.starts_with("execute_tool")).unwrap();
    let call = spans.iter().find(|span| span.name.starts_with("chat")).unwrap();
    assert_eq!(call.parent_span_id.as_deref(), Some(tool.span_id.as_str()));
    assert_eq!(call.trace_id, tool.trace_id);
    let [link] = call.links.as_slice() else { panic!("{:?}", call.links) };
    assert_eq!((link.trace_id.as_str(), link.span_id.as_str()), (TRACE, PARENT));
}

#[test]
fn a_trace_alone_is_started_by_the_call_and_no_parent_dangles() {
    for given in [TRACE, UUID] {
        let world = World::new();
        let reply = world.run(async |client| client.chat("gpt-4o").user("Hi").trace_id(given).await.unwrap());
        let span = world.span();
        assert_eq!((span.trace_id.as_str(), span.parent_span_id), (TRACE, None));
        assert_eq!(reply.span_ref().unwrap().trace_id(), TRACE);
        assert!(!world.tracia.spans()[0].as_object().unwrap().contains_key("parentSpanId"));
        assert!(!world.posthog.events()[0].properties.contains_key("$ai_parent_id"));
    }
}

#[test]
fn a_trace_alone_changes_nothing_where_a_span_is_current() {
    let world = World::new();
    world.run(async |client| {
        let call = client.chat("gpt-4o").user("Hi").trace_id(TRACE).send();
        call.instrument(tracing::info_span!("handler")).await.unwrap();
    });
    let spans = world.sink.spans();
    assert_eq!(spans.len(), 2);
    assert!(spans.iter().all(|span| span.trace_id != TRACE && span.links.is_empty()));
}

#[test]
fn processors_beside_a_layer_of_the_programs_clear_the_stand_in_too() {
    let provider = FakeProvider::start().unwrap();
    let sink = tracing_genai::testing::OtlpSink::start().unwrap();
    let telemetry = tracing_genai::Telemetry::builder()
        .destination(tracing_genai::Destination::otlp(sink.endpoint()))
        .build()
        .unwrap();
    let theirs = InMemorySpanExporter::default();
    let sdk = SdkTracerProvider::builder()
        .with_span_processor(telemetry.processors())
        .with_simple_exporter(theirs.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(sdk.tracer("app"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        runtime.block_on(client(&provider).chat("gpt-4o").user("Hi").trace_id(TRACE).send()).unwrap();
    });
    telemetry.flush_blocking(super::PATIENCE).unwrap();
    let ours = &sink.spans()[0];
    assert_eq!((ours.trace_id.as_str(), ours.parent_span_id.as_deref()), (TRACE, None));
    // As documented: the program's own exporters see the parent that the SDK wants for it.
    assert!(theirs.get_finished_spans().unwrap()[0].parent_span_is_remote);
    sdk.tracer("app").in_span("ends", |_| ());
}

#[test]
fn an_evaluation_of_the_call_finds_it_in_tracia() {
    let world = World::new();
    world.run(async |client| {
        let reply = client.chat("gpt-4o").user("Hi").span_id("sp_1234567890abcdef").await.unwrap();
        Evaluation::new("quality").score(1.0).record(reply.span_ref());
    });
    assert_eq!(world.tracia.evaluations()[0].span_id, "sp_1234567890abcdef");
}

#[test]
fn the_ids_are_of_the_call_alone() {
    let world = World::new();
    world.run(async |client| {
        client.chat("gpt-4o").user("One").span_id("sp_1234567890abcdef").await.unwrap();
        client.chat("gpt-4o").user("Two").await.unwrap();
    });
    let spans = world.tracia.spans();
    assert_eq!(spans.len(), 2);
    assert_eq!(spans.iter().filter(|span| span["spanId"] == "sp_1234567890abcdef").count(), 1);
}

#[test]
fn a_call_of_tracia_above_goes_before_a_given_parent() {
    let world = World::new();
    world.run(async |client| {
        let inner = client.chat("gpt-4o").user("Hi").parent_span_id("sp_0000000000000007").send();
        let outer = Generation::new("openai", "gpt-4.1");
        outer.run(async { inner.await.map(|reply| reply.text()) }).await.unwrap();
    });
    let spans = world.tracia.spans();
    let of = |model: &str| spans.iter().find(|span| span["model"] == model).unwrap();
    assert_eq!(of("gpt-4o")["parentSpanId"], of("gpt-4.1")["spanId"]);
}

#[tokio::test]
async fn a_stream_knows_its_ids_before_the_answer() {
    let provider = FakeProvider::start().unwrap();
    let (reply, spans) = capture_async(async {
        let stream = client(&provider).chat("gpt-4o").user("Hi").span_id("mine").stream().await.unwrap();
        assert_eq!(stream.span_id().as_deref(), Some("mine"));
        assert_eq!(stream.trace_id(), stream.span_ref().map(|at| at.trace_id()));
        stream.finish().await.unwrap()
    })
    .await;
    assert_eq!(reply.span_id().as_deref(), Some("mine"));
    assert_eq!(reply.span_ref().unwrap().span_id(), spans[0].span_id);
}
