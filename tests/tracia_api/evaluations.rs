use super::{SPAN, answering, api, the_request, tracia};
use serde_json::{Value, json};
use tracing_genai::{
    testing::FakeTracia,
    tracia::{Api, ErrorCode, Eval, NewSpan},
};

async fn with_a_span() -> (FakeTracia, Api) {
    let tracia = tracia();
    let api = api(&tracia);
    api.spans().create(NewSpan::llm("openai", "gpt-4o").span_id(SPAN)).await.unwrap();
    (tracia, api)
}

#[tokio::test]
async fn an_evaluation_is_stored() {
    let (tracia, api) = with_a_span().await;
    let result = api.spans().evaluate(SPAN, "quality", Eval::POSITIVE).note("Good.").send().await.unwrap();
    assert_eq!((result.evaluator_key.as_str(), result.value), ("quality", 1.0));
    assert_eq!((result.note.as_deref(), result.source.as_deref()), (Some("Good."), Some("sdk")));
    let stored = tracia.evaluations().remove(0);
    assert_eq!((stored.span_id.as_str(), stored.value, stored.note.as_deref()), (SPAN, 1.0, Some("Good.")));
}

#[tokio::test]
async fn a_value_is_written_as_short_as_it_is() {
    for (evaluator, value, written) in [
        ("quality", Eval::POSITIVE, "1"),
        ("quality", Eval::NEGATIVE, "0"),
        ("accuracy", 8.0, "8"),
        ("helpfulness", 0.75, "0.75"),
        ("drift", -0.0, "0"),
        ("drift", 1e300, "1e300"),
    ] {
        let (tracia, api) = answering(200, &json!({}));
        let result = api.spans().evaluate(SPAN, evaluator, value).send().await.unwrap();
        assert_eq!((result.evaluator_key.as_str(), result.value), (evaluator, value));
        let expected: Value = serde_json::from_str(written).unwrap();
        assert_eq!(the_request(&tracia).json(), json!({"evaluatorKey": evaluator, "value": expected}));
    }
}

#[tokio::test]
async fn an_evaluation_of_a_span_that_has_not_come_is_not_found() {
    let tracia = tracia();
    let error = api(&tracia).spans().evaluate(SPAN, "quality", 1).send().await.unwrap_err();
    assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::NotFound, Some(404)));
}

#[tokio::test]
async fn the_id_of_the_judged_span_is_encoded_whole() {
    let (tracia, api) = answering(200, &json!({}));
    api.spans().evaluate("a/b", "quality", 1).send().await.unwrap();
    assert_eq!(the_request(&tracia).path, "/api/v1/spans/a%2Fb/evaluations");
}

#[tokio::test]
async fn an_answer_without_a_body_is_a_success() {
    let tracia = tracia();
    tracia.answer_next(1, &tracing_genai::testing::ServiceAnswer::status(204));
    let result = api(&tracia).spans().evaluate(SPAN, "quality", 1).note("n").send().await.unwrap();
    assert_eq!((result.value, result.note.as_deref(), result.id), (1.0, Some("n"), None));
}
