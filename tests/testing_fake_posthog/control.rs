use super::{PROTOBUF, chat, export, gzip, post, post_raw, posthog, status, text};
use prost::Message;
use std::time::Duration;
use tracing_genai::testing::{FakePostHog, Gate, ServiceAnswer};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn answers_as_it_is_told_and_stores_nothing_of_it() {
    let posthog = posthog();
    posthog.answer_next(2, &ServiceAnswer::status(503).header("retry-after", "7"));
    for _ in 0..2 {
        let response = post(&posthog, &export(vec![chat(vec![])])).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"7".parse().unwrap())
        );
    }
    assert!(posthog.events().is_empty());
    assert_eq!(status(post(&posthog, &export(vec![chat(vec![])]))).await, 200);
    assert_eq!((posthog.events().len(), posthog.requests().len(), posthog.refusals().len()), (1, 3, 2));
}

#[tokio::test]
async fn says_that_the_quota_is_exceeded_as_posthog_does() {
    let posthog = posthog();
    posthog.answer_next(1, &FakePostHog::quota_exceeded());
    let response = post(&posthog, &export(vec![chat(vec![])])).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.text().await.unwrap(), r#"{"error":"quota exceeded"}"#);
}

#[tokio::test]
async fn takes_a_request_whose_answer_is_lost() {
    let posthog = posthog();
    posthog.answer_next(1, &ServiceAnswer::hang_up().taken());
    assert!(post(&posthog, &export(vec![chat(vec![])])).send().await.is_err());
    assert_eq!(posthog.events().len(), 1);
}

#[tokio::test]
async fn holds_a_request_until_released() {
    let (posthog, gate) = (posthog(), Gate::new());
    posthog.answer_next(1, &ServiceAnswer::usual().held(&gate));
    let sent = tokio::spawn(post(&posthog, &export(vec![chat(vec![])])).send());
    assert!(gate.reached_async().await);
    assert!(posthog.events().is_empty());
    gate.release();
    assert_eq!(posthog.wait_for_events_async(1, PATIENCE).await.len(), 1);
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn sees_a_text_in_a_body_that_is_zipped() {
    let posthog = posthog();
    let body = gzip(&export(vec![chat(vec![text("secret", "hunter2")])]).encode_to_vec());
    assert!(!body.windows(7).any(|bytes| bytes == b"hunter2"));
    let request = post_raw(&posthog, PROTOBUF, body).header("content-encoding", "gzip");
    assert_eq!(status(request).await, 200);
    assert!(posthog.saw("hunter2"));
    assert!(posthog.saw("phc_test"));
    assert!(!posthog.saw("hunter3"));
}

#[test]
fn gives_what_came_when_time_is_up() {
    assert!(posthog().wait_for_events(1, Duration::ZERO).is_empty());
}
