//! Ids of a call where a `Telemetry` has a pipeline of its own.

#![cfg(all(feature = "client", feature = "export"))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use std::time::Duration;
use tracing_genai::{
    Client, Destination, Telemetry,
    span::Tool,
    testing::{FakeProvider, OtlpSink},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[test]
fn the_ids_place_its_spans_as_they_do_others() {
    let provider = FakeProvider::start().unwrap();
    let client = Client::builder().base_url(provider.base_url()).api_key("sk-test").build().unwrap();
    let sink = OtlpSink::start().unwrap();
    let to = Destination::otlp(sink.endpoint());
    let telemetry = Telemetry::builder().destination(to).own_pipeline(true).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = runtime.block_on(async {
        let call = || client.chat("gpt-4o").user("Hi").trace_id(TRACE);
        let started = call().await.unwrap();
        call().parent_span_id(PARENT).max_output_tokens(7).await.unwrap();
        let inner = call().parent_span_id(PARENT).temperature(0.5).send();
        Tool::new("search").run(async { inner.await.map(|reply| reply.text()) }).await.unwrap();
        client.chat("gpt-4o").user("Hi").send_trace(false).await.unwrap();
        started
    });
    telemetry.flush_blocking(Duration::from_secs(20)).unwrap();

    let spans = sink.spans();
    assert_eq!(spans.len(), 4);
    let with = |key: &str| spans.iter().find(|span| span.attributes.contains_key(key)).unwrap();
    let first = spans.iter().find(|span| Some(&span.span_id) == reply.span_id().as_ref()).unwrap();
    assert_eq!((first.trace_id.as_str(), first.parent_span_id.as_deref()), (TRACE, None));
    let below = with("gen_ai.request.max_tokens");
    assert_eq!((below.trace_id.as_str(), below.parent_span_id.as_deref()), (TRACE, Some(PARENT)));
    let (tool, linked) = (with("gen_ai.tool.name"), with("gen_ai.request.temperature"));
    assert_eq!(linked.parent_span_id.as_deref(), Some(tool.span_id.as_str()));
    assert_eq!(linked.links[0].span_id, PARENT);
}
