use super::*;
use crate::{
    Client, Error,
    testing::{Answer, FakeProvider, capture_async},
};
use std::sync::{Mutex, PoisonError};

type Log = Arc<Mutex<Vec<(Option<String>, bool, bool)>>>;

/// A session as it may be: one trace, and the last call that was done and told as the parent of the next.
fn session(log: &Log) -> Arc<InSession> {
    let (read, write) = (Arc::clone(log), Arc::clone(log));
    let begin = move |ids: &mut Ids| {
        ids.trace = Some("tr_00000000000000aa".to_owned());
        let log = read.lock().unwrap_or_else(PoisonError::into_inner);
        let last = log.iter().rev().find(|(_, is_done, is_told)| *is_done && *is_told);
        ids.parent = last.and_then(|(id, ..)| id.clone());
    };
    let end = move |ended: &Ended<'_>| {
        let entry = (ended.about.tracia_span_id(), ended.is_done, ended.is_told);
        write.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    };
    Arc::new(InSession { begin: Box::new(begin), end: Box::new(end) })
}

#[tokio::test]
async fn a_session_places_its_calls_and_learns_of_each_end_once() {
    let provider = FakeProvider::start().unwrap();
    let client = Client::builder().base_url(provider.base_url()).api_key("sk-test").max_retries(0);
    let client = client.build().unwrap();
    let log = Log::default();
    let session = session(&log);
    let chat = || {
        let mut chat = client.chat("gpt-4o").user("Hi");
        chat.context.set_session(Arc::clone(&session));
        chat
    };
    let ((), spans) = capture_async(async {
        chat().await.unwrap();
        provider.enqueue(Answer::error(400, "invalid_request_error", None, "No."));
        chat().await.unwrap_err();
        chat().send_trace(false).await.unwrap();
        drop(chat().stream().await.unwrap());
        let mut embed = client.embed("text-embedding-3-small").input("sea");
        embed.context.set_session(Arc::clone(&session));
        embed.await.unwrap();
        let _: Error = chat().span_id("sp_").await.unwrap_err();
    })
    .await;

    let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ends: Vec<_> = log.iter().map(|(id, is_done, is_told)| (id.is_some(), *is_done, *is_told)).collect();
    let abandoned = (true, false, true);
    let expected =
        [(true, true, true), (true, false, true), (false, true, false), abandoned, (true, true, true)];
    assert_eq!(ends, expected);
    let parent = |place: usize| spans[place].attribute("tracia.parent_span_id").cloned();
    assert_eq!(spans.len(), 4);
    assert_eq!(parent(0), None);
    // Neither one that failed nor one that was not told is a parent.
    let first = log[0].0.clone().unwrap();
    assert!(spans[1..].iter().all(|span| span.attributes["tracia.parent_span_id"] == *first.as_str()));
    assert!(spans.iter().all(|span| span.attributes["tracia.trace_id"] == "tr_00000000000000aa"));
}
