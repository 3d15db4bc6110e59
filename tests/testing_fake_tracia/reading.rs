use super::{get, post, sent, tracia, with_id};
use serde_json::{Value, json};
use tracing_genai::testing::FakeTracia;

async fn with_spans(count: usize) -> FakeTracia {
    let tracia = tracia();
    for number in 1..=count {
        let mut span = with_id(number);
        span["sessionId"] = format!("s{}", number % 2).into();
        span["tags"] = json!(["all", format!("t {number}")]);
        sent(post(&tracia, "/spans", &span)).await;
    }
    tracia
}

async fn ids(tracia: &FakeTracia, query: &str) -> Vec<Value> {
    let (status, answer) = sent(get(tracia, &format!("/spans{query}"))).await;
    assert_eq!(status, 200);
    answer["spans"].as_array().unwrap().iter().map(|span| span["spanId"].clone()).collect()
}

#[tokio::test]
async fn gives_a_span_by_its_id() {
    let tracia = with_spans(1).await;
    let (status, span) = sent(get(&tracia, "/spans/sp%5F0000000000000001")).await;
    assert_eq!((status, &span["provider"], &span["input"]), (200, &json!("openai"), &with_id(1)["input"]));
    assert!(span["createdAt"].as_str().unwrap().ends_with('Z'));
    assert!(span.get("tools").is_none());
    assert_eq!(sent(get(&tracia, "/spans/sp_0000000000000009")).await.0, 404);
}

#[tokio::test]
async fn lists_the_newest_first_page_by_page() {
    let tracia = with_spans(3).await;
    assert_eq!(ids(&tracia, "").await.len(), 3);
    let (_, page) = sent(get(&tracia, "/spans?limit=2")).await;
    assert_eq!(page["spans"][0]["spanId"], "sp_0000000000000003");
    assert!(page["spans"][0].get("input").is_none());
    let next = format!("?limit=2&cursor={}", page["nextCursor"].as_str().unwrap());
    assert_eq!(ids(&tracia, &next).await, ["sp_0000000000000001"]);
    assert!(sent(get(&tracia, "/spans?limit=3")).await.1.get("nextCursor").is_none());
    assert_eq!(sent(get(&tracia, "/spans?limit=101")).await.0, 400);
}

#[tokio::test]
async fn lists_the_spans_that_are_asked_for() {
    let tracia = with_spans(3).await;
    assert_eq!(ids(&tracia, "?sessionId=s0").await, ["sp_0000000000000002"]);
    assert_eq!(ids(&tracia, "?status=ERROR").await.len(), 0);
    assert_eq!(ids(&tracia, "?tags=all%2Ct%203").await, ["sp_0000000000000003"]);
    assert_eq!(ids(&tracia, "?tags=t%201%2Ct%203").await.len(), 0);
    assert_eq!(ids(&tracia, "?startDate=2100-01-01T00%3A00%3A00Z").await.len(), 0);
    assert_eq!(ids(&tracia, "?endDate=2100-01-01T00%3A00%3A00Z").await.len(), 3);
}
