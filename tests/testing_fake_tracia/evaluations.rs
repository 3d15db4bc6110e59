use super::{post, sent, tracia, with_id};
use serde_json::{Value, json};
use tracing_genai::testing::FakeTracia;

async fn with_a_span() -> FakeTracia {
    let tracia = tracia();
    sent(post(&tracia, "/spans", &with_id(1))).await;
    tracia
}

async fn evaluate(tracia: &FakeTracia, evaluation: &Value) -> (u16, Value) {
    sent(post(tracia, "/spans/sp_0000000000000001/evaluations", evaluation)).await
}

#[tokio::test]
async fn stores_an_evaluation_of_a_span() {
    let tracia = with_a_span().await;
    let evaluation = json!({"evaluatorKey": "quality", "value": 1, "note": "good"});
    let (status, answer) = evaluate(&tracia, &evaluation).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&answer["evaluatorKey"], &answer["value"], &answer["note"]),
        (&json!("quality"), &json!(1), &json!("good"))
    );
    let stored = tracia.evaluations().remove(0);
    assert_eq!((stored.span_id.as_str(), stored.evaluator_key.as_str()), ("sp_0000000000000001", "quality"));
    assert_eq!((stored.value, stored.note.as_deref()), (1.0, Some("good")));
}

#[tokio::test]
async fn a_note_can_be_left_out() {
    let tracia = with_a_span().await;
    assert_eq!(
        evaluate(&tracia, &json!({"evaluatorKey": "quality", "value": 0})).await.1["note"],
        json!(null)
    );
    assert_eq!(tracia.evaluations()[0].note, None);
}

#[tokio::test]
async fn knows_nothing_of_a_span_that_did_not_come() {
    let tracia = tracia();
    let (status, answer) = evaluate(&tracia, &json!({"evaluatorKey": "quality", "value": 1})).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("NOT_FOUND")));
    assert!(tracia.evaluations().is_empty());
}

#[tokio::test]
async fn refuses_what_is_no_evaluation() {
    let tracia = with_a_span().await;
    for evaluation in [
        json!({"value": 1}),
        json!({"evaluatorKey": "quality"}),
        json!({"evaluatorKey": "quality", "value": "1"}),
        json!({"evaluatorKey": "quality", "value": null}),
        json!({"evaluatorKey": "quality", "value": 1, "note": null}),
        json!({"evaluatorKey": "quality", "value": 1, "label": "x"}),
    ] {
        assert_eq!(evaluate(&tracia, &evaluation).await.0, 400, "{evaluation}");
    }
    assert!(tracia.evaluations().is_empty());
}
