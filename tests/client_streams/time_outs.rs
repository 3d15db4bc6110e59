//! How long a stream may take; the clock is tokio's, and moved by hand.

use crate::world::{builder, counting, read_until, rest};
use std::time::Duration;
use tokio::time::Instant;
use tracing_genai::{
    client::{ChatStream, ClientBuilder},
    record::ErrorKind,
    testing::{Answer, FakeProvider, Gate},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Lets so much time pass, in which nothing happens.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// A stream of `One two three.` that waits at the first gate after `One`, and at the other after ` two`.
async fn stream(set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> (FakeProvider, Gate, Gate, ChatStream) {
    let (provider, one, two) = (FakeProvider::start().unwrap(), Gate::new(), Gate::new());
    provider.enqueue(counting().held_after(2, &one).held_after(3, &two));
    let client = set(builder(&provider)).build().unwrap();
    let stream = client.chat("gpt-4o").user("Count.").stream().await.unwrap();
    (provider, one, two, stream)
}

#[tokio::test]
async fn a_stream_may_take_any_time_and_its_reader_too_unless_told_otherwise() {
    let (_provider, one, two, mut stream) = stream(|builder| builder).await;
    read_until(&mut stream, "One").await;
    pass(11 * MINUTE).await;
    one.release();
    read_until(&mut stream, " two").await;
    pass(11 * MINUTE).await;
    two.release();
    assert_eq!(stream.finish().await.unwrap().text(), "One two three.");
}

#[tokio::test]
async fn a_stream_may_be_silent_for_ten_minutes_unless_told_otherwise() {
    let (_provider, _one, _two, mut stream) = stream(|builder| builder).await;
    read_until(&mut stream, "One").await;
    tokio::time::pause();
    let began = Instant::now();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!((10 * MINUTE..11 * MINUTE).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("600s"), "{error}");
}

#[tokio::test]
async fn the_whole_is_bounded_though_pieces_come_all_the_time() {
    let (_provider, one, two, mut stream) = stream(|builder| builder.timeout(MINUTE)).await;
    read_until(&mut stream, "One").await;
    pass(MINUTE / 2).await;
    one.release();
    read_until(&mut stream, " two").await;
    pass(MINUTE / 2).await;
    two.release();
    let error = rest(&mut stream).await.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("`.timeout(..)`"), "{error}");
    assert_eq!(stream.result().so_far().unwrap().text(), "One two");
}

#[tokio::test]
async fn the_call_has_the_last_word_over_the_client() {
    let (provider, gate) = (FakeProvider::start().unwrap(), Gate::new());
    provider.enqueue(counting().held_after(2, &gate));
    let client = builder(&provider).timeout(MINUTE).silence_timeout(MINUTE / 6).build().unwrap();
    let chat = client.chat("gpt-4o").user("Count.").timeout(5 * MINUTE).silence_timeout(MINUTE * 3);
    let mut stream = chat.stream().await.unwrap();
    read_until(&mut stream, "One").await;
    tokio::time::pause();
    let began = Instant::now();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!((3 * MINUTE..4 * MINUTE).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert!(error.to_string().contains("`.silence_timeout(..)`"), "{error}");
}

#[tokio::test]
async fn limits_beyond_the_clock_are_none() {
    let (_provider, one, two, stream) =
        stream(|builder| builder.timeout(Duration::MAX).silence_timeout(Duration::MAX)).await;
    one.release();
    two.release();
    assert_eq!(stream.finish().await.unwrap().text(), "One two three.");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_out_of_time_and_not_aborted() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::never());
    let client = builder(&provider).timeout(Duration::from_millis(50)).build().unwrap();
    let error = client.chat("gpt-4o").user("Count.").stream().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("`.timeout(..)`"), "{error}");
}
