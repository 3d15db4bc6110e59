//! What Tracia's SDKs and its documentation disagree about is read in each of its forms.

use super::{SPAN, answering, api, greeting, tracia};
use serde_json::{Value, json};
use tracing_genai::{
    record::ErrorKind,
    testing::ServiceAnswer,
    tracia::{ErrorCode, NewSpan, Prompt, SpanStatus},
};

async fn prompt(sent: &Value) -> Prompt {
    let (_tracia, api) = answering(200, sent);
    api.prompts().get("greeting").await.unwrap()
}

#[tokio::test]
async fn a_prompt_with_its_content_is_read() {
    let prompt = prompt(&json!({
        "id": "p1", "slug": "greeting", "name": "Greeting", "description": null, "model": "gpt-4o", "currentVersion": 3,
        "content": [{"id": "m1", "role": "user", "content": "Hi {{name}}"}], "variables": ["name"],
        "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-02T00:00:00.000Z", "somethingNew": {"a": 1},
    }))
    .await;
    assert_eq!((prompt.id.as_deref(), prompt.model.as_deref()), (Some("p1"), Some("gpt-4o")));
    assert_eq!((prompt.current_version, prompt.content[0].id.as_deref()), (Some(3), Some("m1")));
    assert_eq!(prompt.updated_at.as_deref(), Some("2026-01-02T00:00:00.000Z"));
}

#[tokio::test]
async fn a_prompt_with_versions_has_the_content_of_the_current_one() {
    let version = |number: u32, text: &str| json!({"version": number, "content": [{"role": "user", "content": text}], "variables": ["v"]});
    let versions = [version(1, "one"), version(2, "two"), version(3, "three")];
    let current = prompt(&json!({"slug": "greeting", "currentVersion": 2, "versions": versions})).await;
    assert_eq!((current.content[0].text(), current.variables), ("two".to_owned(), vec!["v".to_owned()]));
    assert_eq!(current.versions.len(), 3);
    let latest = prompt(&json!({"slug": "greeting", "versions": versions})).await;
    assert_eq!((latest.content[0].text(), latest.current_version), ("three".to_owned(), Some(3)));
}

#[tokio::test]
async fn both_generations_of_model_settings_are_read() {
    let by_id = prompt(&json!({"slug": "greeting", "modelConfigurationId": "mc_1"})).await;
    assert_eq!(by_id.model_configuration_id.as_deref(), Some("mc_1"));
    for provider in ["AMAZON_BEDROCK", "amazon_bedrock"] {
        let direct = prompt(&json!({
            "slug": "greeting", "modelConfigurationId": null, "provider": provider, "model": "m", "temperature": 0.5,
            "topP": 1, "maxOutputTokens": 64.0,
        }))
        .await;
        assert_eq!(
            (direct.provider.as_deref(), direct.model.as_deref()),
            (Some("amazon_bedrock"), Some("m"))
        );
        assert_eq!(
            (direct.temperature, direct.top_p, direct.max_output_tokens),
            (Some(0.5), Some(1.0), Some(64))
        );
    }
}

#[tokio::test]
async fn what_is_of_another_type_is_passed_over() {
    let prompt = prompt(&json!({
        "slug": "greeting", "name": 5, "currentVersion": "two", "content": "no list", "variables": [1, "v", null],
        "createdAt": null, "versions": {"1": {}},
    }))
    .await;
    assert_eq!((prompt.name, prompt.current_version, prompt.content.len()), (None, None, 0));
    assert_eq!(prompt.variables, ["v"]);
}

#[tokio::test]
async fn the_answer_to_a_span_is_read_in_both_forms() {
    for (answer, id, cost) in [
        (json!({"spanId": SPAN, "cost": 0.25}), None, Some(0.25)),
        (json!({"spanId": SPAN, "cost": null}), None, None),
        (json!({"id": "x", "spanId": SPAN, "traceId": "tr_00000000000000cd"}), Some("x"), None),
    ] {
        let (_tracia, api) = answering(200, &answer);
        let made = api.spans().create(NewSpan::llm("openai", "gpt-4o").span_id(SPAN)).await.unwrap();
        assert_eq!((made.id.as_deref(), made.cost, made.span_id.as_str()), (id, cost, SPAN));
    }
}

#[tokio::test]
async fn a_span_with_nulls_and_unknown_words_is_read() {
    let sent = json!({
        "id": "x", "spanId": SPAN, "traceId": null, "status": "PENDING", "inputTokens": null, "totalTokens": 5.0,
        "cost": "0.002", "tags": null, "variables": null, "provider": "OPENAI", "input": null,
    });
    let (_tracia, api) = answering(200, &sent);
    let span = api.spans().get(SPAN).await.unwrap();
    assert_eq!(span.summary.status, SpanStatus::Other("PENDING".to_owned()));
    assert_eq!((span.summary.input_tokens, span.summary.total_tokens), (None, Some(5)));
    assert_eq!((span.summary.cost, span.provider.as_deref()), (Some(0.002), Some("openai")));
    assert!(span.tags.is_empty() && span.variables.is_empty() && span.input.is_null());
}

#[tokio::test]
async fn a_list_without_a_parent_is_read() {
    let (_tracia, api) = answering(200, &json!({"spans": [{"spanId": SPAN, "status": "SUCCESS"}]}));
    let page = api.spans().list().send().await.unwrap();
    assert_eq!((page.spans[0].span_id.as_str(), &page.spans[0].parent_span_id), (SPAN, &None));
}

#[tokio::test]
async fn a_deletion_may_be_answered_without_a_body() {
    for answer in [
        ServiceAnswer::status(204),
        ServiceAnswer::status(200),
        ServiceAnswer::body(200, "application/json", "{\"success\":true}"),
        ServiceAnswer::body(200, "application/json", "{}"),
    ] {
        let tracia = tracia();
        tracia.answer_next(1, &answer);
        api(&tracia).prompts().delete("greeting").await.unwrap();
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_read_says_so_with_its_status() {
    for (status, body) in
        [(200, ""), (204, ""), (200, "<html>"), (201, "[1]"), (200, "{\"slug\":"), (200, "{}")]
    {
        let tracia = tracia();
        tracia.answer_next(2, &ServiceAnswer::body(status, "application/json", body));
        let prompts = api(&tracia).prompts();
        let read = prompts.get("greeting").await.unwrap_err();
        assert_eq!((read.kind(), read.http_status()), (ErrorKind::Protocol, Some(status)), "{body}");
        assert!(!read.to_string().contains("carried out"), "{read}");
        let made = prompts.create(greeting()).await.unwrap_err();
        assert_eq!((made.tracia_code(), made.http_status()), (ErrorCode::Unknown, Some(status)), "{body}");
        assert!(made.to_string().contains("the request was carried out"), "{made}");
        assert_eq!(tracia.requests().len(), 2, "neither is sent again");
    }
}

#[tokio::test]
async fn a_word_that_nothing_was_deleted_is_no_success() {
    let (_tracia, api) = answering(200, &json!({"success": false}));
    assert_eq!(api.prompts().delete("greeting").await.unwrap_err().kind(), ErrorKind::Protocol);
}
