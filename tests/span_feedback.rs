//! What a user wrote reaches the destinations that may have it, and no other.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;
use tracing::dispatcher::with_default;
use tracing_genai::{
    ContentCapture, Destination, Telemetry,
    span::{Evaluation, Feedback, SpanRef},
    testing::OtlpSink,
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// The explanation that each destination got of what `judge` recorded, by the destination's policy.
fn explanations(policies: &[Option<ContentCapture>], judge: impl FnOnce(SpanRef)) -> Vec<Option<String>> {
    let sinks: Vec<OtlpSink> = policies.iter().map(|_| OtlpSink::start().unwrap()).collect();
    let mut telemetry = Telemetry::builder();
    for (sink, policy) in sinks.iter().zip(policies) {
        let destination = Destination::otlp(sink.endpoint());
        telemetry = telemetry.destination(match policy {
            Some(policy) => destination.content(policy.clone()),
            None => destination,
        });
    }
    let telemetry = telemetry.build().unwrap();
    let of = SpanRef::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7").unwrap();
    with_default(&Registry::default().with(telemetry.layer()).into(), || judge(of));
    telemetry.shutdown_blocking(Duration::from_secs(10));
    let explanation = |sink: &OtlpSink| {
        let spans = sink.spans();
        let event = &spans[0].events[0];
        assert_eq!(event.name, "gen_ai.evaluation.result");
        assert!(event.attributes.contains_key("gen_ai.evaluation.name"), "{event:?}");
        let text = event.attributes.get("gen_ai.evaluation.explanation")?;
        Some(text.as_str().unwrap().to_owned())
    };
    sinks.iter().map(explanation).collect()
}

fn comment(content: ContentCapture) -> impl FnOnce(SpanRef) {
    move |of| Feedback::thumbs_up().comment("Splendid.").content(content).record(of)
}

fn splendid() -> Option<String> {
    Some("Splendid.".to_owned())
}

#[test]
fn a_comment_that_its_span_does_not_carry_reaches_the_destination_that_may_have_it() {
    let policies = [None, Some(ContentCapture::off()), Some(ContentCapture::on())];
    assert_eq!(explanations(&policies, comment(ContentCapture::off())), [None, None, splendid()]);
}

#[test]
fn a_comment_that_its_span_carries_is_kept_from_a_destination_without_content() {
    let policies = [None, Some(ContentCapture::off()), Some(ContentCapture::on())];
    assert_eq!(explanations(&policies, comment(ContentCapture::on())), [splendid(), None, splendid()]);
    let alone = [Some(ContentCapture::off())];
    assert_eq!(explanations(&alone, comment(ContentCapture::on())), [None]);
}

#[test]
fn a_judges_reasons_reach_the_destinations_that_may_have_content() {
    let judge = |of| Evaluation::new("relevance").explanation("Names the city.").record(of);
    let policies = [None, Some(ContentCapture::off()), Some(ContentCapture::on())];
    assert_eq!(explanations(&policies, judge), [None, None, Some("Names the city.".to_owned())]);
}
