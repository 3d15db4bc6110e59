use super::{gzip, posthog, status};
use serde_json::{Value, json};
use tracing_genai::testing::FakePostHog;

fn post(posthog: &FakePostHog, path: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
    reqwest::Client::new().post(format!("{}{path}", posthog.url())).body(body)
}

fn event(name: &str) -> Value {
    json!({"event": name, "distinct_id": "me", "properties": {"a": 1}, "timestamp": "2026-01-02T03:04:05Z"})
}

fn batch(events: &[Value]) -> Vec<u8> {
    json!({"api_key": "phc_x", "batch": events}).to_string().into_bytes()
}

fn single(mut event: Value) -> Vec<u8> {
    event["api_key"] = "phc_x".into();
    event.to_string().into_bytes()
}

/// An AI event of about so many bytes.
fn large(size: usize) -> Value {
    let mut event = event("$ai_generation");
    event["properties"]["$ai_input"] = "x".repeat(size).into();
    event
}

#[tokio::test]
async fn stores_one_event() {
    for path in ["/i/v0/e/", "/e/", "/capture/", "/track/"] {
        let posthog = posthog();
        let response = post(&posthog, path, single(event("$ai_feedback"))).send().await.unwrap();
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(body, json!({"status": "Ok"}));
        let stored = posthog.events().remove(0);
        assert_eq!((stored.name.as_str(), stored.distinct_id.as_str()), ("$ai_feedback", "me"));
        assert_eq!(
            (stored.properties["a"].clone(), stored.timestamp.as_str()),
            (json!(1), "2026-01-02T03:04:05Z")
        );
    }
}

#[tokio::test]
async fn stores_a_batch() {
    let posthog = posthog();
    let body = batch(&[event("$ai_metric"), event("opened")]);
    assert_eq!(status(post(&posthog, "/batch/", body)).await, 200);
    assert_eq!(
        posthog.events().iter().map(|event| &*event.name).collect::<Vec<_>>(),
        ["$ai_metric", "opened"]
    );
}

#[tokio::test]
async fn stores_an_event_of_one_id_once() {
    let posthog = posthog();
    let mut sent = event("$ai_metric");
    sent["uuid"] = "0190a1b2-0000-7000-8000-000000000001".into();
    for _ in 0..2 {
        assert_eq!(status(post(&posthog, "/batch/", batch(&[sent.clone()]))).await, 200);
    }
    assert_eq!(posthog.events().len(), 1);
    assert_eq!(posthog.events()[0].uuid, "0190a1b2-0000-7000-8000-000000000001");
    assert_eq!((posthog.refusals()[0].request, posthog.refusals()[0].status), (1, 200));
}

#[tokio::test]
async fn stores_none_of_a_batch_of_which_one_is_wrong() {
    let without = |key: &str| {
        let mut event = event("$ai_metric");
        event.as_object_mut().unwrap().remove(key);
        event
    };
    let mut bad_uuid = event("$ai_metric");
    bad_uuid["uuid"] = "1".into();
    for wrong in [without("event"), without("distinct_id"), bad_uuid] {
        let posthog = posthog();
        assert_eq!(status(post(&posthog, "/batch/", batch(&[event("$ai_metric"), wrong]))).await, 400);
        assert!(posthog.events().is_empty());
    }
}

#[tokio::test]
async fn wants_the_key_in_the_body() {
    let posthog = posthog();
    let body = json!({"batch": [event("$ai_metric")]}).to_string().into_bytes();
    assert_eq!(status(post(&posthog, "/batch/", body).bearer_auth("phc_x")).await, 401);
}

#[tokio::test]
async fn takes_only_ai_events_in_a_batch_of_those() {
    let posthog = posthog();
    assert_eq!(status(post(&posthog, "/i/v0/ai/batch/", batch(&[event("$ai_metric")]))).await, 200);
    assert_eq!(status(post(&posthog, "/i/v0/ai/batch/", batch(&[event("opened")]))).await, 400);
    assert_eq!(posthog.events().len(), 1);
}

#[tokio::test]
async fn large_ai_events_belong_in_the_batch_for_them() {
    let (large_, huge) = (large(983_041), large(8 * 1024 * 1024));
    for (path, sent, expected) in [
        ("/batch/", large(900_000), 200),
        ("/batch/", large_.clone(), 413),
        ("/i/v0/ai/batch/", large_, 200),
        ("/i/v0/ai/batch/", huge, 413),
    ] {
        assert_eq!(status(post(&posthog(), path, batch(&[sent]))).await, expected, "{path}");
    }
}

#[tokio::test]
async fn bodies_have_a_limit() {
    for (path, limit) in [("/i/v0/e/", 2 << 20), ("/batch/", 20 << 20)] {
        assert_eq!(status(post(&posthog(), path, vec![b' '; limit + 1])).await, 413, "{path}");
    }
}

#[tokio::test]
async fn reads_gzip() {
    let posthog = posthog();
    let body = gzip(&single(event("$ai_metric")));
    assert_eq!(status(post(&posthog, "/i/v0/e/?compression=gzip", body)).await, 200);
    assert_eq!(posthog.events().len(), 1);
}
