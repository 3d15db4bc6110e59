//! Aborting from anywhere, at any moment.

use crate::world::{World, builder, counting, held, read_until, rest};
use futures_core::Stream;
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};
use tracing_genai::{
    client::{AbortHandle, ChatEvent, ChatStream, PendingResult, Provider, StreamResult, TextStream},
    record::ErrorKind,
    testing::{Answer, FakeProvider, Gate, capture_async},
};

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn from_a_thread(handle: &AbortHandle) {
    let handle = handle.clone();
    thread::spawn(move || handle.abort()).join().unwrap();
}

#[test]
fn streams_results_and_handles_go_to_any_task_and_thread() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<ChatStream>();
    check::<TextStream>();
    check::<AbortHandle>();
    check::<PendingResult>();
    check::<StreamResult>();
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_and_so_is_who_waits_for_the_result() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        let mut result = pin!(stream.result());
        read_until(&mut stream, "One two").await;

        let (reader, waiter) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let wakers = (Waker::from(Arc::clone(&reader)), Waker::from(Arc::clone(&waiter)));
        let (mut reading, mut waiting) = (Context::from_waker(&wakers.0), Context::from_waker(&wakers.1));
        assert!(Pin::new(&mut stream).poll_next(&mut reading).is_pending());
        assert!(result.as_mut().poll(&mut waiting).is_pending());
        assert_eq!(reader.0.load(Ordering::SeqCst) + waiter.0.load(Ordering::SeqCst), 0);

        from_a_thread(&stream.abort_handle());
        assert_eq!((reader.0.load(Ordering::SeqCst), waiter.0.load(Ordering::SeqCst)), (1, 1));
        assert!(matches!(Pin::new(&mut stream).poll_next(&mut reading), Poll::Ready(None)));
        assert!(matches!(result.as_mut().poll(&mut waiting), Poll::Ready(Ok(_))));
    };
    let ((), told) = world.told(work).await;
    assert_eq!(told.of_tracia()["error"], "Stream aborted");
}

#[tokio::test]
async fn the_call_ends_though_nobody_reads_the_stream_on() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        read_until(&mut stream, "One two").await;
        from_a_thread(&stream.abort_handle());
        assert!(gate.client_gone_async().await, "the connection is closed");
        let result = stream.result().await.unwrap();
        assert!(result.is_aborted());
        stream
    };
    let (stream, told) = world.told(work).await;
    assert_eq!(told.outcome(), "abandoned", "the span has ended while the stream is there");
    drop(stream);
}

#[tokio::test]
async fn an_abort_before_anything_is_read() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        stream.abort_handle().abort();
        let result = stream.result().await.unwrap();
        assert!(result.is_aborted());
        assert!(rest(&mut stream).await.is_empty());
        assert!(gate.client_gone_async().await);
    };
    let ((), told) = world.told(work).await;
    assert_eq!(told.of_tracia()["error"], "Stream aborted");
}

#[tokio::test]
async fn an_abort_twice_is_one() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(held(&gate));
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        read_until(&mut stream, "One two").await;
        let handle = stream.abort_handle();
        handle.abort();
        handle.clone().abort();
        stream.abort();
        assert!(stream.result().await.unwrap().is_aborted());
        drop(stream);
        handle.abort();
    };
    let ((), told) = world.told(work).await;
    assert_eq!(told.outcome(), "abandoned");
}

#[tokio::test]
async fn an_abort_after_the_end_changes_nothing() {
    let world = World::new();
    world.provider.enqueue(counting());
    let work = async {
        let mut stream = world.chat().stream().await.unwrap();
        let (handle, result) = (stream.abort_handle(), stream.result());
        rest(&mut stream).await;
        handle.abort();
        drop(stream);
        handle.abort();
        assert!(!result.await.unwrap().is_aborted());
    };
    let ((), told) = world.told(work).await;
    assert_eq!(told.outcome(), "done");
}

#[tokio::test]
async fn events_of_an_answer_that_is_whole_are_not_lost_to_an_abort() {
    let provider = FakeProvider::start().unwrap();
    let body = r#"{"id":"1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"All at once."},"finish_reason":"stop"}]}"#;
    provider.enqueue(Answer::raw(200, "application/json", body));
    let client = builder(&provider).build().unwrap();
    let ((), spans) = capture_async(async {
        let mut stream = client.chat("gpt-4o").user("Hi").stream().await.unwrap();
        assert!(matches!(stream.next().await, Some(Ok(ChatEvent::Text { .. }))));
        stream.abort();
        let rest = rest(&mut stream).await;
        assert!(matches!(rest.last(), Some(Ok(ChatEvent::Done(reply))) if reply.text() == "All at once."));
        assert!(!stream.result().await.unwrap().is_aborted());
    })
    .await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "done");
}

#[tokio::test]
async fn whoever_finishes_an_aborted_stream_is_told_so() {
    let (provider, gate) = (FakeProvider::start().unwrap(), Gate::new());
    provider.enqueue(held(&gate));
    let stream = builder(&provider).build().unwrap().chat("gpt-4o").user("Hi").stream().await.unwrap();
    let (handle, result) = (stream.abort_handle(), stream.result());
    let finishing = tokio::spawn(stream.finish());
    assert!(gate.reached_async().await);
    handle.abort();
    let error = finishing.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.to_string().contains("aborted"), "{error}");
    assert!(result.await.unwrap().is_aborted());
}

#[tokio::test]
async fn a_provider_that_tells_its_usage_early_has_it_in_the_result_and_in_the_span() {
    let (world, gate) = (World::new(), Gate::new());
    world.provider.enqueue(counting().held_after(4, &gate));
    let work = async {
        let client = world.builder().provider(Provider::Anthropic).base_url(world.provider.anthropic_url());
        let client = client.provider_name("anthropic").build().unwrap();
        let mut stream = client.chat("claude-haiku-4-5").user("Count.").stream().await.unwrap();
        stream.next_text().await.unwrap().unwrap();
        stream.abort();
        stream.result().await.unwrap()
    };
    let (result, told) = world.told(work).await;
    assert!(result.is_aborted());
    assert_eq!(result.usage().input_tokens, Some(12));
    assert_eq!((&told.tracia["error"], &told.tracia["inputTokens"]), (&"Stream aborted".into(), &12.into()));
}
