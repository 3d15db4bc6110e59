//! Calls that fail, and calls that are given up.

use crate::program::{Program, assert_call, nanos, span};
use futures_util::StreamExt;
use opentelemetry::trace::Status;
use std::{future::Future, pin::pin, task::Poll, time::SystemTime};
use tokio::sync::Mutex;
use tracing_genai::testing::{Answer, Gate};

#[tokio::test]
async fn a_refusal_is_told_with_the_providers_code() {
    let span = span(async |program| {
        let answer = Answer::error(429, "requests", "rate_limit_exceeded", "Slow down.");
        program.provider.enqueue(answer);
        program.openai().chat("gpt-4o-mini").call("Hello").await.unwrap_err();
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["error.type"], "rate_limit_exceeded");
    assert_eq!(span.attributes["tracing_genai.outcome"], "failed");
    assert_eq!(span.status, Status::error("Slow down."));
    assert!(!span.attributes.contains_key("gen_ai.response.finish_reasons"));
    assert!(!span.attributes.contains_key("gen_ai.usage.input_tokens"));
}

#[tokio::test]
async fn a_refusal_of_a_stream_is_told_too() {
    let span = span(async |program| {
        program.provider.enqueue(Answer::error(529, "overloaded_error", None, "Overloaded"));
        let model = program.anthropic().completion("claude-haiku-4-5");
        let mut stream = model.stream("Hello").unwrap();
        while let Some(item) = stream.next().await {
            item.unwrap_err();
        }
    })
    .await;
    assert_call(&span, "chat claude-haiku-4-5", "anthropic");
    assert_eq!(span.attributes["error.type"], "overloaded_error");
    assert!(span.is_failed());
}

#[tokio::test]
async fn a_refusal_of_embeddings_is_told_too() {
    let span = span(async |program| {
        let model = program.openai().embedding("no-such-model", None);
        model.call(vec!["sea".to_owned()]).await.unwrap_err();
    })
    .await;
    assert_call(&span, "embeddings no-such-model", "openai");
    assert_eq!(span.attributes["error.type"], "model_not_found");
    assert!(span.is_failed());
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_a_failure() {
    let span = span(async |program| {
        program.provider.enqueue(Answer::drop_connection());
        program.openai().chat("gpt-4o-mini").call("Hello").await.unwrap_err();
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["error.type"], "connection");
    assert!(span.is_failed());
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_a_failure_with_what_had_come() {
    let span = span(async |program| {
        program.provider.enqueue(Answer::text("One two three.").close_after(3));
        let stream = program.openai().chat("gpt-4o-mini").stream("Count to three.").unwrap();
        stream.finish().await.unwrap_err();
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["tracing_genai.outcome"], "failed");
    assert_eq!(span.attributes["error.type"], "connection");
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["error"]);
    assert!(span.attributes.contains_key("gen_ai.response.id"));
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream_is_told() {
    let span = span(async |program| {
        let answer =
            Answer::text("One two three.").mid_stream_error(3, "overloaded_error", None, "Overloaded");
        program.provider.enqueue(answer);
        let model = program.anthropic().completion("claude-haiku-4-5");
        model.stream("Count to three.").unwrap().finish().await.unwrap_err();
    })
    .await;
    assert_call(&span, "chat claude-haiku-4-5", "anthropic");
    assert_eq!(span.attributes["error.type"], "overloaded_error");
    assert_eq!(span.status, Status::error("Overloaded"));
}

#[tokio::test]
async fn a_call_that_is_dropped_was_abandoned_at_the_drop() {
    let dropped = Mutex::new(Vec::new());
    let span = span(async |program: &Program| {
        let gate = Gate::new();
        program.provider.enqueue(Answer::text("Too late.").held(&gate));
        {
            let mut call = pin!(program.openai().chat("gpt-4o-mini").call("Hello"));
            let mut reached = pin!(gate.reached_async());
            let is_there = std::future::poll_fn(|context| {
                assert!(call.as_mut().poll(context).is_pending());
                match reached.as_mut().poll(context) {
                    Poll::Ready(reached) => Poll::Ready(reached),
                    Poll::Pending => Poll::Pending,
                }
            });
            assert!(is_there.await);
            dropped.lock().await.push(nanos(SystemTime::now()));
        }
        assert!(gate.client_gone_async().await);
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["tracing_genai.outcome"], "abandoned");
    assert!(!span.is_failed());
    assert!(span.end >= dropped.lock().await[1]);
}

#[tokio::test]
async fn an_answer_that_rig_cannot_read_came_all_the_same() {
    let span = span(async |program| {
        let body = r#"{"id":"chatcmpl-1","model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":0}}"#;
        program.provider.enqueue(Answer::raw(200, "application/json", body));
        program.openai().chat("gpt-4o-mini").call("Hello").await.unwrap_err();
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["gen_ai.response.id"], "chatcmpl-1");
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 7);
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
}
