use super::{get, post, sent, span, tracia, with_id};
use serde_json::json;
use std::time::Duration;
use tracing_genai::testing::{FakeTracia, Gate, ServiceAnswer};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn takes_no_request_without_a_key_of_tracia() {
    let tracia = tracia();
    for authorization in ["", "tr_x", "bearer tr_x", "Bearer ", "Bearer tr_", "Bearer sk_x"] {
        let request = reqwest::Client::new().post(format!("{}/api/v1/spans", tracia.url()));
        let request =
            request.header("authorization", authorization).header("content-type", "application/json");
        let (status, answer) = sent(request.body(span().to_string())).await;
        assert_eq!((status, &answer["error"]["code"]), (401, &json!("UNAUTHORIZED")), "{authorization:?}");
    }
    assert!(tracia.spans().is_empty());
}

#[tokio::test]
async fn has_nothing_at_other_paths() {
    let tracia = tracia();
    for path in ["/traces", "/spans/", "/spans/a/b", "/otlp/v1/traces"] {
        assert_eq!(sent(post(&tracia, path, &span())).await.0, 404, "{path}");
    }
    assert_eq!(tracia.refusals().len(), 4);
}

#[tokio::test]
async fn writes_errors_as_the_documentation_does_when_asked() {
    let tracia = tracia();
    tracia.flat_errors();
    let (status, answer) = sent(get(&tracia, "/spans/none")).await;
    assert_eq!((status, &answer["code"]), (404, &json!("NOT_FOUND")));
    assert!(answer.get("error").is_none());
}

#[tokio::test]
async fn answers_as_it_is_told_and_stores_nothing_of_it() {
    let tracia = tracia();
    tracia.answer_next(1, &ServiceAnswer::status(429).header("retry-after", "7"));
    tracia.answer_next(1, &FakeTracia::error(500, "PROVIDER_ERROR", "no"));
    let response = post(&tracia, "/spans", &span()).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    let (status, answer) = sent(post(&tracia, "/spans", &span())).await;
    assert_eq!((status, answer), (500, json!({"error": {"code": "PROVIDER_ERROR", "message": "no"}})));
    assert!(tracia.spans().is_empty());
    assert_eq!(sent(post(&tracia, "/spans", &span())).await.0, 200);
    assert_eq!((tracia.spans().len(), tracia.requests().len()), (1, 3));
}

#[tokio::test]
async fn a_span_whose_answer_was_lost_is_a_conflict_when_it_comes_again() {
    let tracia = tracia();
    tracia.answer_next(1, &ServiceAnswer::hang_up().taken());
    assert!(post(&tracia, "/spans", &span()).send().await.is_err());
    assert_eq!(sent(post(&tracia, "/spans", &span())).await.0, 409);
    assert_eq!(tracia.spans().len(), 1);
}

#[tokio::test]
async fn counts_the_requests_there_are_at_one_time() {
    let (tracia, gate) = (tracia(), Gate::new());
    tracia.answer_next(3, &ServiceAnswer::usual().held(&gate));
    let sent: Vec<_> =
        (1..=3).map(|number| tokio::spawn(post(&tracia, "/spans", &with_id(number)).send())).collect();
    assert_eq!(tracia.wait_for_requests_async(3, PATIENCE).await.len(), 3);
    assert!(tracia.spans().is_empty());
    gate.release();
    for sent in sent {
        assert_eq!(sent.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!((tracia.most_at_once(), tracia.spans().len()), (3, 3));
}

#[tokio::test]
async fn sees_a_text_in_a_body_or_a_header() {
    let tracia = tracia();
    sent(post(&tracia, "/spans", &span())).await;
    assert!(tracia.saw("Paris"));
    assert!(tracia.saw("tr_test"));
    assert!(!tracia.saw("London"));
}

#[test]
fn gives_what_came_when_time_is_up() {
    assert!(tracia().wait_for_spans(1, Duration::ZERO).is_empty());
    assert!(tracia().wait_for_evaluations(1, Duration::ZERO).is_empty());
}
