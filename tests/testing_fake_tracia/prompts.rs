use super::{get, post, sent, tracia, with, with_id};
use serde_json::{Value, json};
use tracing_genai::testing::FakeTracia;

fn prompt() -> Value {
    json!({"name": "Weather report", "content": [{"id": "m", "role": "user", "content": "In {{city}}, {{ x }}?"}]})
}

async fn with_prompt() -> FakeTracia {
    let tracia = tracia();
    assert_eq!(sent(post(&tracia, "/prompts", &prompt())).await.0, 200);
    tracia
}

fn put(tracia: &FakeTracia, slug: &str, body: &Value) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .put(format!("{}/api/v1/prompts/{slug}", tracia.url()))
        .bearer_auth(tracia.api_key())
        .header("content-type", "application/json")
        .body(body.to_string())
}

#[tokio::test]
async fn a_prompt_gets_a_slug_of_its_name_and_its_variables() {
    let tracia = with_prompt().await;
    let (_, prompt) = sent(get(&tracia, "/prompts/weather-report")).await;
    assert_eq!((&prompt["currentVersion"], &prompt["variables"]), (&json!(1), &json!(["city"])));
    assert_eq!(tracia.prompts(), [prompt]);
    let (_, list) = sent(get(&tracia, "/prompts")).await;
    assert_eq!(list["prompts"][0]["slug"], "weather-report");
    assert!(list["prompts"][0].get("content").is_none());
}

#[tokio::test]
async fn a_slug_is_there_once() {
    let tracia = with_prompt().await;
    let (status, answer) = sent(post(&tracia, "/prompts", &prompt())).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("CONFLICT")));
    let mut other = prompt();
    other["slug"] = "other".into();
    sent(post(&tracia, "/prompts", &other)).await;
    assert_eq!(sent(put(&tracia, "other", &json!({"slug": "weather-report"}))).await.0, 409);
    assert_eq!(sent(put(&tracia, "other", &json!({"slug": "other"}))).await.0, 200);
}

#[tokio::test]
async fn refuses_what_is_no_prompt() {
    let tracia = tracia();
    let with = |key: &str, value: Value| {
        let mut prompt = prompt();
        prompt[key] = value;
        prompt
    };
    for wrong in [
        json!({"name": "x"}),
        json!({"content": prompt()["content"]}),
        with("name", " ".into()),
        with("slug", "".into()),
        with("description", Value::Null),
        with("messages", json!([])),
        with("content", json!([])),
        with("content", json!([{"role": "user", "content": "no id"}])),
        with("content", json!([{"id": "m", "role": "robot", "content": "x"}])),
        with("content", json!([{"id": "m", "role": "user", "content": null}])),
    ] {
        let (status, answer) = sent(post(&tracia, "/prompts", &wrong)).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("INVALID_REQUEST")), "{wrong}");
    }
    assert!(tracia.prompts().is_empty());
}

#[tokio::test]
async fn the_same_messages_make_no_new_version() {
    let tracia = with_prompt().await;
    let same = json!({"content": prompt()["content"]});
    assert_eq!(sent(put(&tracia, "weather-report", &same)).await.1["currentVersion"], 1);
    let other = json!({"content": [{"id": "m", "role": "user", "content": "Hi"}]});
    assert_eq!(sent(put(&tracia, "weather-report", &other)).await.1["currentVersion"], 2);
    assert_eq!(sent(put(&tracia, "nothing", &other)).await.0, 404);
}

#[tokio::test]
async fn a_run_wants_every_variable_and_knows_its_keys() {
    let tracia = with_prompt().await;
    let run = |body: Value| sent(post(&tracia, "/prompts/weather-report/run", &body));
    let (status, answer) = run(json!({"variables": {"x": "1"}})).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("MISSING_VARIABLES")));
    for wrong in [
        json!({"variables": {"city": 5}}),
        json!({"variables": {"city": "x"}, "stream": true}),
        json!({"variables": {"city": "x"}, "version": "1"}),
        json!({"variables": {"city": "x"}, "traceId": "banana"}),
        json!({"messages": [{"role": "user"}]}),
    ] {
        assert_eq!(run(wrong.clone()).await.1["error"]["code"], "INVALID_REQUEST", "{wrong}");
    }
    assert_eq!(run(json!({"variables": {"city": "x"}, "version": 2})).await.0, 404);
    assert!(tracia.rendered().is_empty());
}

#[tokio::test]
async fn a_run_is_a_span_that_no_request_brought() {
    let tracia = with_prompt().await;
    tracia.answer_runs([("text", json!("Rain."))]);
    let body = json!({"variables": {"city": "Lisbon"}, "userId": "u", "tags": ["a"]});
    let (_, answer) = sent(post(&tracia, "/prompts/weather-report/run", &body)).await;
    assert_eq!((&answer["text"], &answer["promptVersion"]), (&json!("Rain."), &json!(1)));
    assert_eq!(tracia.rendered()[0][0]["content"], "In Lisbon, {{ x }}?");
    assert!(tracia.spans().is_empty());
    let id = answer["spanId"].as_str().unwrap();
    let (_, span) = sent(get(&tracia, &format!("/spans/{id}"))).await;
    assert_eq!((&span["promptSlug"], &span["output"]), (&json!("weather-report"), &json!("Rain.")));
    sent(post(&tracia, "/spans", &with_id(1))).await;
    let (_, of_prompt) = sent(get(&tracia, "/spans?promptSlug=weather-report")).await;
    assert_eq!(of_prompt["spans"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn spans_are_asked_for_by_what_is_documented_alone() {
    let tracia = tracia();
    sent(post(&tracia, "/spans", &with("sessionId", "s".into()))).await;
    for query in [
        "traceId=tr_d59bf74629af210d",
        "limit=0",
        "limit=101",
        "limit=ten",
        "cursor=x",
        "status=success",
        "userId=",
        "sessionId=s&sessionId=s",
        "startDate=2026-01-02",
        "endDate=2026-01-02T03:04:05",
    ] {
        let (status, answer) = sent(get(&tracia, &format!("/spans?{query}"))).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("INVALID_REQUEST")), "{query}");
    }
    assert_eq!(sent(get(&tracia, "/prompts?limit=1")).await.0, 400);
}

#[tokio::test]
async fn a_time_is_compared_and_not_its_text() {
    let tracia = tracia();
    sent(post(&tracia, "/spans", &with_id(1))).await;
    let count = async |query: &str| {
        let (_, page) = sent(get(&tracia, &format!("/spans?{query}"))).await;
        page["spans"].as_array().unwrap().len()
    };
    let (_, page) = sent(get(&tracia, "/spans")).await;
    let came = page["spans"][0]["createdAt"].as_str().unwrap().to_owned();
    assert_eq!(count(&format!("startDate={came}&endDate={came}")).await, 1);
    // The beginning of its second, and its own time as another zone has it.
    let second = &came[..19];
    assert_eq!(count(&format!("startDate={second}Z")).await, 1);
    assert_eq!(count(&format!("endDate={second}%2B01:00")).await, 0);
}

#[tokio::test]
async fn a_page_is_not_moved_by_what_comes_meanwhile() {
    let tracia = tracia();
    for number in 1..=3 {
        sent(post(&tracia, "/spans", &with_id(number))).await;
    }
    let (_, first) = sent(get(&tracia, "/spans?limit=2")).await;
    sent(post(&tracia, "/spans", &with_id(4))).await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let (_, second) = sent(get(&tracia, &format!("/spans?limit=2&cursor={cursor}"))).await;
    assert_eq!(second["spans"].as_array().unwrap().len(), 1);
    assert_eq!(second["spans"][0]["spanId"], "sp_0000000000000001");
}
