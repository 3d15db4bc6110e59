//! Streams: read to their end, kept, dropped half-way.

use crate::program::{Seen, assert_call, nanos, span, usage};
use futures_util::StreamExt;
use rig_core::streaming::{Item, StreamEvent};
use std::time::SystemTime;
use tokio::sync::Mutex;
use tracing_genai::testing::{Answer, Gate};

fn time_to_first_chunk(span: &Seen) -> Option<f64> {
    span.attributes.get("gen_ai.response.time_to_first_chunk").and_then(|time| time.as_f64())
}

#[tokio::test]
async fn a_stream_is_one_span_with_its_usage_and_the_time_to_its_first_content() {
    let span = span(async |program| {
        program.provider.enqueue(Answer::text("One two three.").usage(usage(7, 3)));
        let mut stream = program.openai().chat("gpt-4o-mini").stream("Count to three.").unwrap();
        while let Some(item) = stream.next().await {
            item.unwrap();
        }
        stream.finish().await.unwrap();
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["gen_ai.request.stream"], true);
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["stop"]);
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 7);
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 3);
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
    let first = time_to_first_chunk(&span).unwrap();
    let whole = (span.end - span.start) as f64 / 1e9;
    assert!(first > 0.0 && first < whole, "{first} of {whole}");
}

#[tokio::test]
async fn a_stream_of_anthropic_is_one_span_with_its_usage() {
    let span = span(async |program| {
        program.provider.enqueue(Answer::text("One two three.").usage(usage(7, 3)));
        let stream = program.anthropic().completion("claude-haiku-4-5").stream("Count to three.").unwrap();
        stream.finish().await.unwrap();
    })
    .await;
    assert_call(&span, "chat claude-haiku-4-5", "anthropic");
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 7);
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 3);
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["stop"]);
    assert!(time_to_first_chunk(&span).is_some());
}

#[tokio::test]
async fn a_stream_of_gemini_is_one_span_with_its_usage() {
    let span = span(async |program| {
        program.provider.enqueue(Answer::text("One two three.").usage(usage(7, 3)));
        let stream = program.gemini().completion("gemini-2.5-flash").stream("Count to three.").unwrap();
        stream.finish().await.unwrap();
    })
    .await;
    assert_call(&span, "generate_content gemini-2.5-flash", "gcp.gemini");
    assert_eq!(span.attributes["gen_ai.request.stream"], true);
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 7);
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 3);
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
    assert!(time_to_first_chunk(&span).is_some());
}

#[tokio::test]
async fn a_stream_of_responses_is_one_span_with_its_usage() {
    let span = span(async |program| {
        program.provider.enqueue(Answer::text("One two three.").usage(usage(7, 3)));
        let stream = program.openai().responses("gpt-4o-mini").stream("Count to three.").unwrap();
        stream.finish().await.unwrap();
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 7);
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
    assert!(time_to_first_chunk(&span).is_some());
}

#[tokio::test]
async fn a_stream_that_is_kept_after_its_end_has_ended() {
    let read = Mutex::new(Vec::new());
    let span = span(async |program| {
        let mut stream = program.openai().chat("gpt-4o-mini").stream("Hello").unwrap();
        while let Some(item) = stream.next().await {
            item.unwrap();
        }
        read.lock().await.push(nanos(SystemTime::now()));
        drop(stream);
    })
    .await;
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
    assert!(span.end <= read.lock().await[1]);
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_way_ended_at_the_drop_and_was_abandoned() {
    let dropped = Mutex::new(Vec::new());
    let span = span(async |program| {
        let gate = Gate::new();
        program.provider.enqueue(Answer::text("One two three.").held_after(3, &gate));
        let mut stream = program.openai().chat("gpt-4o-mini").stream("Count to three.").unwrap();
        while let Some(item) = stream.next().await {
            if matches!(item.unwrap(), Item::Event(StreamEvent::Text { .. })) {
                break;
            }
        }
        assert!(gate.reached_async().await);
        dropped.lock().await.push(nanos(SystemTime::now()));
        drop(stream);
        assert!(gate.client_gone_async().await);
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["tracing_genai.outcome"], "abandoned");
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["error"]);
    assert!(span.attributes.contains_key("gen_ai.response.id"));
    assert!(time_to_first_chunk(&span).is_some());
    assert!(!span.is_failed());
    assert!(span.end >= dropped.lock().await[1], "it was under way until it was dropped");
}

#[tokio::test]
async fn a_stream_is_not_current_while_its_events_are_handled() {
    let spans = crate::program::spans(async |program| {
        let mut stream = program.openai().chat("gpt-4o-mini").stream("Hello").unwrap();
        while let Some(item) = stream.next().await {
            item.unwrap();
            tracing::info_span!("handling").in_scope(|| ());
        }
    })
    .await;
    assert_call(&spans[0], "chat gpt-4o-mini", "openai");
    assert!(spans.len() > 1);
    assert!(spans[1..].iter().all(|span| span.name == "handling" && span.parent.is_none()));
}
