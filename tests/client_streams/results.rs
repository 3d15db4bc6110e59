//! What the result has, and who may wait for it.

use crate::world::{World, builder, counting, held, read_until, rest};
use bytes::Bytes;
use std::future::{Future, ready};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    record::{Call, ErrorKind},
    testing::{Answer, FakeProvider, Gate, capture_async},
};

#[tokio::test]
async fn the_span_is_known_before_anything_is_read() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(counting().held_after(0, &gate));
    let work = async {
        let stream = world.chat().stream().await.unwrap();
        let span = stream.span_ref().unwrap();
        gate.release();
        stream.finish().await.unwrap();
        span
    };
    let (span, told) = world.told(work).await;
    assert_eq!((span.trace_id(), span.span_id()), (told.span.trace_id.clone(), told.span.span_id.clone()));
}

#[tokio::test]
async fn a_span_that_nobody_sees_has_no_ids() {
    let provider = FakeProvider::start().unwrap();
    let stream = builder(&provider).build().unwrap().chat("gpt-4o").user("Hi").stream().await.unwrap();
    assert_eq!(stream.span_ref(), None);
    let result = stream.result();
    drop(stream);
    assert!(result.await.is_ok(), "there is a result all the same");
}

#[tokio::test]
async fn it_comes_to_all_who_wait_whenever_they_began() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        let before = tokio::spawn(stream.result().with_current_subscriber());
        let forgotten = stream.result();
        read_until(&mut stream, "One two").await;
        let meanwhile = tokio::spawn(stream.result());
        drop(forgotten);
        gate.release();
        rest(&mut stream).await;
        let after = stream.result();
        let again = after.clone();
        drop(stream);
        let texts = [
            before.await.unwrap().unwrap().text(),
            meanwhile.await.unwrap().unwrap().text(),
            after.await.unwrap().text(),
            again.await.unwrap().into_reply().text(),
        ];
        assert_eq!(texts, ["One two three."; 4]);
    };
    let ((), told) = world.told(work).await;
    assert_eq!(told.outcome(), "done");
}

#[tokio::test]
async fn who_stops_waiting_does_not_disturb_the_others() {
    let (provider, gate) = (FakeProvider::start().unwrap(), Gate::new());
    provider.enqueue(held(&gate));
    let mut stream = builder(&provider).build().unwrap().chat("gpt-4o").user("Hi").stream().await.unwrap();
    let (first, second) = (stream.result(), stream.result());
    tokio::select! {
        biased;
        _ = first => panic!("it is not over"),
        () = ready(()) => {}
    }
    let waiting = tokio::spawn(second);
    gate.release();
    rest(&mut stream).await;
    assert!(!waiting.await.unwrap().unwrap().is_aborted());
}

#[tokio::test]
async fn it_needs_no_runtime() {
    let provider = FakeProvider::start().unwrap();
    let mut stream = builder(&provider).build().unwrap().chat("gpt-4o").user("Hi").stream().await.unwrap();
    let result = stream.result();
    rest(&mut stream).await;
    let text = std::thread::spawn(move || {
        let waker = std::task::Waker::noop();
        let mut result = std::pin::pin!(result);
        match result.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
            std::task::Poll::Ready(result) => result.unwrap().text(),
            std::task::Poll::Pending => panic!("the stream is over"),
        }
    });
    assert_eq!(text.join().unwrap(), "You said: Hi");
}

/// An event of a stream of chat completions.
fn event(delta: &str) -> Bytes {
    let choice = format!(r#"{{"index":0,"delta":{delta},"finish_reason":null}}"#);
    format!("data: {{\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o\",\"choices\":[{choice}]}}\n\n").into()
}

#[tokio::test]
async fn of_an_answer_that_was_cut_off_it_has_the_tool_calls_that_were_whole() {
    let (provider, gate) = (FakeProvider::start().unwrap(), Gate::new());
    let chunks = vec![
        event(r#"{"role":"assistant","content":"I look."}"#),
        event(
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"weather","arguments":""}}]}"#,
        ),
        event(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Oslo\"}"}}]}"#),
        event(
            r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"weather","arguments":"{\"ci"}}]}"#,
        ),
        event(r#"{"tool_calls":[{"index":1,"function":{"arguments":"never sent"}}]}"#),
    ];
    provider.enqueue(Answer::chunks(200, "text/event-stream", chunks).held_after(4, &gate));
    let client = builder(&provider).build().unwrap();
    let (result, spans) = capture_async(async {
        let mut stream = client.chat("gpt-4o").user("Weather?").stream().await.unwrap();
        while stream.so_far().is_none_or(|so_far| so_far.tool_calls().count() < 2) {
            stream.next().await.unwrap().unwrap();
        }
        stream.abort();
        stream.result().await.unwrap()
    })
    .await;
    assert!(result.is_aborted());
    assert_eq!(result.text(), "I look.");
    let calls: Vec<_> = result.tool_calls().into_iter().map(|call| call.id.as_deref()).collect();
    assert_eq!(calls, [Some("a")]);
    let Call::Inference { response, .. } = &spans[0].operation.as_ref().unwrap().call else { panic!() };
    assert_eq!(response.tool_calls().count(), 2, "the span's record has what came as it came");
}

#[tokio::test]
async fn a_stream_that_failed_gives_its_error_to_whoever_finishes_it_too() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(counting().mid_stream_error(2, "server_error", "server_error", "The model broke."));
    let mut stream = builder(&provider).build().unwrap().chat("gpt-4o").user("Hi").stream().await.unwrap();
    let error = rest(&mut stream).await.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(stream.finish().await.unwrap_err().info(), error.info());
}

#[tokio::test]
async fn a_caller_that_stops_at_the_last_finish_reason_has_a_result_that_is_whole() {
    let (provider, gate) = (FakeProvider::start().unwrap(), Gate::new());
    // A word each and the role, then the finish reason: the usage and the last word are held.
    provider.enqueue(counting().held_after(5, &gate));
    let client = builder(&provider).build().unwrap();
    let (result, spans) = capture_async(async {
        let mut stream = client.chat("gpt-4o").user("Hi").stream().await.unwrap();
        while !matches!(stream.next().await, Some(Ok(tracing_genai::client::ChatEvent::Finished { .. }))) {}
        let result = stream.result();
        drop(stream);
        result.await.unwrap()
    })
    .await;
    assert!(!result.is_aborted());
    assert_eq!(result.text(), "One two three.");
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "done");
}
