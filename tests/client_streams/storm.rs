//! A thousand streams, each aborted from another task or thread at a moment that a seed chooses.

use crate::world::{PATIENCE, builder, counting};
use std::time::Instant;
use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::{JoinSet, yield_now},
};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client,
    client::{ChatEvent, StreamResult},
    testing::{FakeProvider, Gate, capture_async},
};

const STREAMS: u64 = 1000;
const AT_ONCE: usize = 25;

/// `SplitMix64`: the next number after a seed.
fn random(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A stream that is aborted once so many events were read, and is read on meanwhile. Some are dropped in place of
/// being read on.
async fn one(client: Client, random: u64) -> StreamResult {
    let (events, from_a_thread, is_dropped) = (random % 4, random & 16 != 0, random & 96 == 96);
    let mut stream = client.chat("gpt-4o").user("Count.").stream().await.unwrap();
    let (handle, result) = (stream.abort_handle(), stream.result());
    let waiter = tokio::spawn(result);
    let (go, gone) = oneshot::channel::<()>();
    let aborter = tokio::spawn(async move {
        gone.await.unwrap();
        let twice = move || {
            handle.abort();
            handle.abort();
        };
        if from_a_thread {
            tokio::task::spawn_blocking(twice).await.unwrap();
        } else {
            twice();
        }
    });
    let mut text = String::new();
    let mut is_whole = false;
    let mut read = |event: Option<Result<ChatEvent, _>>| match event {
        Some(Ok(ChatEvent::Text { text: more, .. })) => {
            text.push_str(&more);
            true
        }
        Some(Ok(ChatEvent::Done(_))) => {
            is_whole = true;
            true
        }
        Some(event) => event.is_ok(),
        None => false,
    };
    for _ in 0..events {
        if !read(stream.next().await) {
            break;
        }
    }
    go.send(()).unwrap();
    if !is_dropped {
        while read(stream.next().await) {}
    }
    drop(stream);
    aborter.await.unwrap();
    let result = waiter.await.unwrap().unwrap();
    assert!(result.text().starts_with(&text), "{:?} {text:?}", result.text());
    assert!(!is_whole || !result.is_aborted(), "who read the whole was told that it was aborted");
    result
}

/// Makes all the calls; gives how many were aborted.
async fn storm(client: &Client, streams: u64, seed: u64, prepare: impl Fn()) -> usize {
    let mut running = JoinSet::<StreamResult>::new();
    let mut aborted = 0;
    for number in 0..streams {
        if running.len() == AT_ONCE {
            let result = running.join_next().await.unwrap().unwrap();
            aborted += usize::from(result.is_aborted());
        }
        prepare();
        running.spawn(one(client.clone(), random(seed + number)).with_current_subscriber());
    }
    while let Some(result) = running.join_next().await {
        aborted += usize::from(result.unwrap().is_aborted());
    }
    aborted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stream_of_a_storm_of_aborts_has_one_span_and_one_result_and_leaves_nothing_behind() {
    let tasks_before = Handle::current().metrics().num_alive_tasks();
    let provider = FakeProvider::start().unwrap();
    let client = builder(&provider).build().unwrap();
    let gates = std::sync::Mutex::new(Vec::new());
    // Half of them never end by themselves, the others may be over before they are aborted.
    let held = || {
        let gate = Gate::new();
        provider.enqueue(counting().held_after(4, &gate));
        gates.lock().unwrap().push(gate);
    };
    let work = async {
        let of_held = storm(&client, STREAMS / 2, 0, held).await;
        (of_held, storm(&client, STREAMS / 2, 1 << 32, || provider.enqueue(counting())).await)
    };
    let ((of_held, of_free), spans) = capture_async(work).await;

    assert_eq!(of_held as u64, STREAMS / 2, "what is held can end in no other way");
    assert_eq!(spans.len() as u64, STREAMS);
    let with = |outcome: &str| {
        spans.iter().filter(|span| span.attributes["tracing_genai.outcome"].as_str() == Some(outcome)).count()
    };
    assert_eq!(with("abandoned"), of_held + of_free, "span and result agree");
    assert_eq!(with("done") as u64, STREAMS / 2 - of_free as u64);
    let gates = gates.into_inner().unwrap();
    for gate in &gates {
        assert!(gate.client_gone_async().await, "every connection was closed");
    }

    drop(client);
    let began = Instant::now();
    while Handle::current().metrics().num_alive_tasks() > tasks_before && began.elapsed() < PATIENCE {
        yield_now().await;
    }
    assert_eq!(Handle::current().metrics().num_alive_tasks(), tasks_before, "no task is left");
}
