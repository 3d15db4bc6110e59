//! Each way out is one span, over OTLP and for Tracia, and a result that agrees with it.

use crate::world::{World, counting, held, read_until, rest};
use opentelemetry::trace::Status;
use serde_json::json;
use std::time::Duration;
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    client::ChatEvent,
    record::ErrorKind,
    testing::{Answer, Gate},
};

/// What Tracia has of a call that said `One two` and got no further.
fn cut_off(error: &str) -> serde_json::Value {
    json!({
        "status": "ERROR", "error": error, "output": "One two",
        "inputTokens": 0, "outputTokens": 0, "totalTokens": 0,
    })
}

#[tokio::test]
async fn a_stream_that_is_read_to_its_end() {
    let world = World::new();
    world.provider.enqueue(counting());
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        let result = stream.result();
        let events = rest(&mut stream).await;
        assert!(matches!(events.last(), Some(Ok(ChatEvent::Done(_)))));
        result.await.unwrap()
    };
    let (result, told) = world.told(work).await;

    assert!(!result.is_aborted());
    assert_eq!(result.text(), "One two three.");
    assert_eq!((result.usage().input_tokens, result.usage().output_tokens), (Some(12), Some(5)));
    assert_eq!((told.outcome(), &told.span.status), ("done", &Status::Unset));
    let tracia = json!({
        "status": "SUCCESS", "error": null, "output": "One two three.",
        "inputTokens": 12, "outputTokens": 5, "totalTokens": 17,
    });
    assert_eq!(told.of_tracia(), tracia);
}

#[tokio::test]
async fn a_stream_that_is_aborted_and_read_on() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        read_until(&mut stream, "One two").await;
        stream.abort();
        assert!(stream.next().await.is_none(), "nothing further comes");
        assert!(gate.client_gone_async().await, "the provider's connection is closed");
        stream.result().await.unwrap()
    };
    let (result, told) = world.told(work).await;

    assert!(result.is_aborted());
    assert_eq!(result.text(), "One two");
    assert_eq!((told.outcome(), &told.span.status), ("abandoned", &Status::Unset));
    assert_eq!(told.of_tracia(), cut_off("Stream aborted"));
}

#[tokio::test]
async fn a_stream_that_is_aborted_and_let_go() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        let result = stream.result();
        read_until(&mut stream, "One two").await;
        stream.abort();
        drop(stream);
        result.await.unwrap()
    };
    let (result, told) = world.told(work).await;

    assert!(result.is_aborted());
    assert_eq!(result.text(), "One two");
    assert_eq!(told.of_tracia(), cut_off("Stream aborted"));
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_way() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        let result = stream.result();
        read_until(&mut stream, "One two").await;
        drop(stream);
        assert!(gate.client_gone_async().await);
        result.await.unwrap()
    };
    let (result, told) = world.told(work).await;

    assert!(result.is_aborted());
    assert_eq!(result.text(), "One two");
    assert_eq!((told.outcome(), &told.span.status), ("abandoned", &Status::Unset));
    assert_eq!(told.of_tracia(), cut_off("Stream aborted"));
}

#[tokio::test]
async fn a_stream_that_nobody_waits_for_and_that_is_dropped_half_way() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        read_until(&mut stream, "One two").await;
    };
    let ((), told) = world.told(work).await;

    assert_eq!(told.outcome(), "abandoned");
    assert_eq!(told.of_tracia(), cut_off("Stream aborted"));
}

#[tokio::test]
async fn a_stream_that_nobody_polls() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(counting().held_after(0, &gate));
    let work = async {
        let stream = world.chat().stream().await.unwrap();
        let result = stream.result();
        drop(stream);
        result.await.unwrap()
    };
    let (result, told) = world.told(work).await;

    assert!(result.is_aborted());
    assert_eq!(result.text(), "");
    assert_eq!(told.of_tracia()["error"], "Stream aborted");
}

#[tokio::test]
async fn a_stream_whose_reader_panics() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        let result = stream.result();
        let reader = async move {
            read_until(&mut stream, "One two").await;
            panic!("the reader is at fault");
        };
        assert!(tokio::spawn(reader.with_current_subscriber()).await.unwrap_err().is_panic());
        result.await.unwrap()
    };
    let (result, told) = world.told(work).await;

    assert!(result.is_aborted());
    assert_eq!(result.text(), "One two");
    assert!(gate.client_gone_async().await);
    assert_eq!((told.outcome(), &told.span.status), ("abandoned", &Status::Unset));
    assert_eq!(told.of_tracia(), cut_off("Stream aborted"));
}

#[tokio::test]
async fn a_stream_that_is_refused() {
    let world = World::new();
    world.provider.enqueue(Answer::error(429, "requests", "rate_limit_exceeded", "Slow down."));
    let (stream, told) = world.told(world.chat().stream()).await;

    let error = stream.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::RateLimited, Some(429)));
    assert_eq!((told.outcome(), &told.span.status), ("failed", &Status::error("Slow down.")));
    let tracia = json!({
        "status": "ERROR", "error": "Slow down.", "output": null,
        "inputTokens": 0, "outputTokens": 0, "totalTokens": 0,
    });
    assert_eq!(told.of_tracia(), tracia);
}

#[tokio::test]
async fn a_stream_that_fails_inside() {
    let world = World::new();
    world.provider.enqueue(counting().mid_stream_error(
        3,
        "server_error",
        "server_error",
        "The model broke.",
    ));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        let result = stream.result();
        let error = rest(&mut stream).await.pop().unwrap().unwrap_err();
        drop(stream);
        let of_result = result.clone().await.unwrap_err();
        assert_eq!(of_result.info(), error.info(), "reader and result have the same error");
        (error, result.so_far().unwrap())
    };
    let ((error, so_far), told) = world.told(work).await;

    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(so_far.text(), "One two", "what came before the error is there");
    assert_eq!((told.outcome(), &told.span.status), ("failed", &Status::error("The model broke.")));
    assert_eq!(told.of_tracia(), cut_off("The model broke."));
}

#[tokio::test]
async fn a_stream_whose_connection_breaks() {
    let world = World::new();
    world.provider.enqueue(counting().close_after(3));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        let error = rest(&mut stream).await.pop().unwrap().unwrap_err();
        assert_eq!(stream.result().await.unwrap_err().info(), error.info());
        error
    };
    let (error, told) = world.told(work).await;

    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Connection, Some(200)));
    assert_eq!(told.outcome(), "failed");
    assert_eq!(told.of_tracia(), cut_off(&error.info().message));
}

#[tokio::test]
async fn a_stream_that_falls_silent() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let silence = Duration::from_secs(30);
        let mut stream = world.chat().silence_timeout(silence).stream().await.unwrap();
        read_until(&mut stream, "One two").await;
        tokio::time::pause();
        let error = stream.next().await.unwrap().unwrap_err();
        tokio::time::resume();
        assert!(gate.client_gone_async().await, "the connection is closed, though the stream is there");
        assert!(stream.next().await.is_none());
        assert_eq!(stream.result().await.unwrap_err().info(), error.info());
        assert_eq!(stream.result().so_far().unwrap().text(), "One two");
        error
    };
    let (error, told) = world.told(work).await;

    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("nothing came for 30s; `.silence_timeout(..)`"), "{error}");
    assert_eq!(told.outcome(), "failed");
    assert_eq!(told.span.attributes["error.type"], "timeout");
    assert_eq!(told.of_tracia(), cut_off(&error.info().message));
}

#[tokio::test]
async fn a_stream_whose_whole_time_is_over() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().timeout(Duration::from_secs(60)).stream().await.unwrap();
        read_until(&mut stream, "One two").await;
        tokio::time::pause();
        let error = stream.next().await.unwrap().unwrap_err();
        tokio::time::resume();
        assert!(gate.client_gone_async().await);
        assert_eq!(stream.result().await.unwrap_err().info(), error.info());
        error
    };
    let (error, told) = world.told(work).await;

    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("60s in all, which `.timeout(..)` sets"), "{error}");
    assert_eq!(told.outcome(), "failed");
    assert_eq!(told.span.attributes["error.type"], "timeout");
    assert_eq!(told.of_tracia(), cut_off(&error.info().message));
}

#[tokio::test]
async fn a_call_that_cannot_be_made_is_refused_at_once_and_has_no_span() {
    let world = World::new();
    let client = world.builder().build().unwrap();
    let ((), spans) = tracing_genai::testing::capture_async(async {
        let error = client.chat("gpt-4o").stream().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    })
    .await;
    assert!(spans.is_empty());
    assert!(world.provider.requests().is_empty());
}
