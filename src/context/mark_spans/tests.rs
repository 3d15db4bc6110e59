use super::MarkSpans;
use crate::{
    capture::Recording,
    context::scope,
    record::{Call, Operation, OperationKind, Outcome, Request, Response},
    span::in_flight::InFlight,
};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use std::sync::Arc;
use tracing_subscriber::layer::SubscriberExt as _;

#[test]
fn a_span_of_another_library_in_which_a_call_is_seen_is_marked_once() {
    let exporter = InMemorySpanExporter::default();
    let builder = SdkTracerProvider::builder().with_span_processor(MarkSpans::new());
    let provider = builder.with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let call = Call::Inference { request: Box::<Request>::default(), response: Arc::<Response>::default() };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        scope().user("u-7").conversation("c-1").prompt("greeting", "3").tags(["beta"]).in_scope(|| {
            let _theirs =
                tracing::info_span!(target: "rig", "chat", gen_ai.operation.name = "chat").entered();
            let operation = Operation::new(OperationKind::Chat, call);
            let mut seen = InFlight::start_or_adopt(operation, Recording::default());
            assert_eq!(seen.operation().marks.as_ref().unwrap().user.as_deref(), Some("u-7"));
            seen.settle(Outcome::Done);
        });
    });
    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    for key in ["user.id", "gen_ai.conversation.id", "gen_ai.prompt.name", "tracing_genai.tags"] {
        let times = spans[0].attributes.iter().filter(|attribute| attribute.key.as_str() == key).count();
        assert_eq!(times, 1, "{key} in {:?}", spans[0].attributes);
    }
}
