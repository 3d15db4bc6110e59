use super::{
    google::{given, hello, post},
    provider,
};
use serde_json::{Value, json};
use tracing_genai::testing::Answer;

const AS_EVENTS: &str = "streamGenerateContent?alt=sse";
const AS_LIST: &str = "streamGenerateContent";

/// The type of the content, and the body.
async fn stream(method: &str, answer: Answer, request: &Value) -> (String, String) {
    let provider = provider();
    provider.enqueue(answer);
    let response = post(&provider, method, request).send().await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (content_type, response.text().await.unwrap())
}

async fn chunks(answer: Answer) -> Vec<Value> {
    let (content_type, body) = stream(AS_EVENTS, answer, &hello()).await;
    assert_eq!(content_type, "text/event-stream");
    let events = body.strip_suffix("\r\n\r\n").unwrap().split("\r\n\r\n");
    events.map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()).collect()
}

fn text(chunk: &Value) -> &str {
    chunk["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn have_a_word_in_each_chunk() {
    let chunks = chunks(Answer::usual()).await;
    assert_eq!(chunks.iter().map(text).collect::<Vec<_>>(), ["You", " said:", " Hello", " there"]);
    assert!(chunks[2]["candidates"][0].get("finishReason").is_none());
    assert_eq!(chunks[3]["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test]
async fn repeat_the_usage_as_it_grows() {
    let chunks = chunks(Answer::text("a b c").usage(given())).await;
    let counts = |key: &str| -> Vec<_> {
        chunks.iter().map(|chunk| chunk["usageMetadata"][key].as_u64().unwrap()).collect()
    };
    assert_eq!(counts("candidatesTokenCount"), [1, 2, 12]);
    assert_eq!(counts("promptTokenCount"), [100, 100, 100]);
    assert_eq!(counts("thoughtsTokenCount"), [8, 8, 8]);
    assert_eq!(counts("totalTokenCount"), [109, 110, 120]);
}

#[tokio::test]
async fn have_function_calls_without_ids() {
    let chunks = chunks(Answer::tool_calls([("one", r#"{"a":1}"#), ("two", "")])).await;
    let call = |index: usize| &chunks[index]["candidates"][0]["content"]["parts"][0]["functionCall"];
    assert_eq!(*call(0), json!({ "name": "one", "args": { "a": 1 } }));
    assert_eq!(*call(1), json!({ "name": "two", "args": {} }));
    assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test]
async fn end_a_refusal_with_safety() {
    let chunks = chunks(Answer::refusal("No.")).await;
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0]["candidates"][0]["finishReason"], "SAFETY");
}

#[tokio::test]
async fn have_candidates_by_index() {
    let mut request = hello();
    request["generationConfig"] = json!({ "candidateCount": 2 });
    let (_, body) = stream(AS_EVENTS, Answer::text("a b"), &request).await;
    assert_eq!(body.matches(r#""index":1"#).count(), 2);
}

#[tokio::test]
async fn are_a_list_if_not_asked_for_as_events() {
    let (content_type, body) = stream(AS_LIST, Answer::text("a b"), &hello()).await;
    assert_eq!(content_type, "application/json; charset=UTF-8");
    let chunks: Vec<Value> = serde_json::from_str(&body).unwrap();
    assert_eq!(chunks.iter().map(text).collect::<String>(), "a b");
}

#[tokio::test]
async fn of_events_fail_with_an_error_that_is_none() {
    let answer = Answer::text("a b").mid_stream_error(1, "UNAVAILABLE", None, "Busy.");
    let (_, body) = stream(AS_EVENTS, answer, &hello()).await;
    let (events, error) = body.rsplit_once("\r\n\r\n").unwrap();
    assert_eq!(events.matches("data: ").count(), 1);
    let error: Value = serde_json::from_str(error).unwrap();
    assert_eq!(error["error"], json!({ "code": 503, "message": "Busy.", "status": "UNAVAILABLE" }));
}

#[tokio::test]
async fn in_a_list_fail_with_an_error_in_it() {
    let answer = Answer::text("a b").mid_stream_error(1, "RESOURCE_EXHAUSTED", None, "Slow.");
    let (_, body) = stream(AS_LIST, answer, &hello()).await;
    let chunks: Vec<Value> = serde_json::from_str(&body).unwrap();
    assert_eq!(chunks.len(), 2);
    assert_eq!(chunks[1]["error"]["code"], 429);
}

#[tokio::test]
async fn have_errors_in_their_own_form() {
    let answer = || Answer::error(429, "RESOURCE_EXHAUSTED", None, "Slow.");
    let (content_type, body) = stream(AS_EVENTS, answer(), &hello()).await;
    assert_eq!(content_type, "text/event-stream");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["error"]["code"], 429);
    let (_, body) = stream(AS_LIST, answer(), &hello()).await;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()[0]["error"]["code"], 429);
}

#[tokio::test]
async fn cut_short_leave_the_client_with_an_incomplete_body() {
    for method in [AS_EVENTS, AS_LIST] {
        let provider = provider();
        provider.enqueue(Answer::text("a b c").close_after(2));
        let response = post(&provider, method, &hello()).send().await.unwrap();
        assert!(response.text().await.is_err(), "{method}");
    }
}
