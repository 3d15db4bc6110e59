//! Somebody else's layer that panics as the call's span ends.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client,
    client::{ChatStream, Provider},
    testing::{Answer, FakeProvider, Gate},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
};

/// For what must come and does not: nothing waits for so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Panics at the next end of a span, once it is armed.
struct Panics(Arc<AtomicBool>);

impl<S: tracing::Subscriber> Layer<S> for Panics {
    fn on_close(&self, _: tracing::span::Id, _: Context<'_, S>) {
        assert!(!self.0.swap(false, Ordering::SeqCst), "a layer of the program's");
    }
}

async fn stream(provider: &FakeProvider, armed: &Arc<AtomicBool>) -> ChatStream {
    let builder = Client::builder().base_url(provider.base_url()).api_key("sk-test");
    let client = builder.provider(Provider::OpenAi).build().unwrap();
    let call = async { client.chat("gpt-4o").user("Hi").stream().await.unwrap() };
    call.with_subscriber(Registry::default().with(Panics(Arc::clone(armed)))).await
}

/// An answer that stops in the middle until the gate opens.
fn held(provider: &FakeProvider) -> Gate {
    let gate = Gate::new();
    provider.enqueue(Answer::text("One two three.").held_after(3, &gate));
    gate
}

#[tokio::test]
async fn a_stream_that_is_dropped_has_a_result_all_the_same() {
    let (provider, armed) = (FakeProvider::start().unwrap(), Arc::default());
    let _gate = held(&provider);
    let stream = stream(&provider, &armed).await;
    let result = stream.result();
    armed.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(stream))).is_err());
    assert!(tokio::time::timeout(PATIENCE, result).await.unwrap().unwrap().is_aborted());
}

#[tokio::test]
async fn a_stream_that_was_read_to_its_end_has_all_that_came() {
    let (provider, armed) = (FakeProvider::start().unwrap(), Arc::new(AtomicBool::new(false)));
    provider.enqueue(Answer::text("One two three."));
    let mut stream = stream(&provider, &armed).await;
    let result = stream.result();
    armed.store(true, Ordering::SeqCst);
    let reader = tokio::spawn(async move { while stream.next_text().await.is_some() {} });
    assert!(reader.await.is_err());
    let result = tokio::time::timeout(PATIENCE, result).await.unwrap().unwrap();
    assert_eq!((result.text().as_str(), result.is_aborted()), ("One two three.", false));
}

#[tokio::test]
async fn who_reads_a_stream_that_is_aborted_is_woken() {
    let (provider, armed) = (FakeProvider::start().unwrap(), Arc::default());
    let _gate = held(&provider);
    let mut stream = stream(&provider, &armed).await;
    let handle = stream.abort_handle();
    let (waits, is_waiting) = tokio::sync::oneshot::channel();
    let reader = tokio::spawn(async move {
        let mut text = String::new();
        while text != "One two" {
            text += &stream.next_text().await.unwrap().unwrap();
        }
        let mut next = Box::pin(stream.next_text());
        let first = std::future::poll_fn(|context| std::task::Poll::Ready(next.as_mut().poll(context))).await;
        assert!(first.is_pending());
        waits.send(()).unwrap();
        next.await.is_none()
    });
    is_waiting.await.unwrap();
    armed.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| handle.abort())).is_err());
    assert!(tokio::time::timeout(PATIENCE, reader).await.unwrap().unwrap());
}
