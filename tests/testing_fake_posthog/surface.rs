use super::{PROTOBUF, chat, export, gzip, post, post_raw, posthog, status};
use prost::Message;

#[tokio::test]
async fn takes_spans_at_its_path_with_and_without_a_slash_at_the_end() {
    let posthog = posthog();
    for slash in ["", "/"] {
        let url = format!("{}/i/v0/ai/otel{slash}", posthog.url());
        let request = reqwest::Client::new().post(url).bearer_auth("phc_another");
        let request =
            request.header("content-type", PROTOBUF).body(export(vec![chat(vec![])]).encode_to_vec());
        assert_eq!(status(request).await, 200);
    }
    assert_eq!(posthog.events().len(), 2);
    assert_eq!(posthog.events()[0].project_key, "phc_another");
}

#[tokio::test]
async fn has_nothing_where_an_exporter_appends_its_path() {
    let posthog = posthog();
    let url = format!("{}/i/v0/ai/otel/v1/traces", posthog.url());
    let request = reqwest::Client::new().post(url).bearer_auth("phc_x").header("content-type", PROTOBUF);
    assert_eq!(status(request.body(export(vec![chat(vec![])]).encode_to_vec())).await, 404);
    assert!(posthog.events().is_empty());
    assert_eq!(posthog.refusals()[0].status, 404);
}

#[tokio::test]
async fn is_asked_by_post_alone() {
    let posthog = posthog();
    assert_eq!(status(reqwest::Client::new().get(super::endpoint(&posthog))).await, 405);
}

#[tokio::test]
async fn answers_json_even_to_protobuf() {
    let response = post(&posthog(), &export(vec![chat(vec![])])).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.text().await.unwrap(), "{}");
}

#[tokio::test]
async fn takes_no_request_without_a_token_in_its_form() {
    let posthog = posthog();
    let long = format!("Bearer phc_{}", "x".repeat(61));
    for authorization in ["", "phc_x", "bearer phc_x", "Bearer ", "Bearer phx_personal", &long] {
        let request = reqwest::Client::new().post(super::endpoint(&posthog)).header("content-type", PROTOBUF);
        let request = request.header("authorization", authorization);
        let request = request.body(export(vec![chat(vec![])]).encode_to_vec());
        assert_eq!(status(request).await, 401, "{authorization:?}");
    }
    assert!(posthog.events().is_empty());
}

#[tokio::test]
async fn drops_the_events_of_no_project_without_a_word() {
    let posthog = posthog();
    let request = reqwest::Client::new().post(super::endpoint(&posthog)).bearer_auth("unknown");
    let request = request.header("content-type", PROTOBUF).body(export(vec![chat(vec![])]).encode_to_vec());
    assert_eq!(status(request).await, 200);
    assert!(posthog.events().is_empty());
    assert_eq!(posthog.refusals()[0].reason, "the token is of no project");
}

#[tokio::test]
async fn knows_two_content_types_with_parameters_or_not() {
    let posthog = posthog();
    let body = || export(vec![chat(vec![])]).encode_to_vec();
    assert_eq!(status(post_raw(&posthog, "application/x-protobuf; charset=utf-8", body())).await, 200);
    for content_type in ["application/protobuf", "text/plain", ""] {
        assert_eq!(status(post_raw(&posthog, content_type, body())).await, 400, "{content_type:?}");
    }
}

#[tokio::test]
async fn reads_gzip_in_any_case_of_its_name() {
    let posthog = posthog();
    for encoding in ["gzip", "GZIP"] {
        let body = gzip(&export(vec![chat(vec![])]).encode_to_vec());
        let request = post_raw(&posthog, PROTOBUF, body).header("content-encoding", encoding);
        assert_eq!(status(request).await, 200);
    }
    assert_eq!(posthog.events().len(), 2);
}

#[tokio::test]
async fn reads_no_other_content_encoding() {
    let posthog = posthog();
    for encoding in ["identity", "br", "deflate", "zstd"] {
        let request = post(&posthog, &export(vec![chat(vec![])])).header("content-encoding", encoding);
        assert_eq!(status(request).await, 400, "{encoding}");
    }
}

#[tokio::test]
async fn refuses_what_it_cannot_read() {
    let posthog = posthog();
    assert_eq!(status(post_raw(&posthog, PROTOBUF, b"not protobuf".to_vec())).await, 400);
    let zipped = post_raw(&posthog, PROTOBUF, b"not gzip".to_vec()).header("content-encoding", "gzip");
    assert_eq!(status(zipped).await, 400);
    assert_eq!(status(post_raw(&posthog, PROTOBUF, Vec::new())).await, 400);
}

#[tokio::test]
async fn checks_the_size_before_the_token_and_the_token_before_the_content() {
    let posthog = posthog();
    let sent = |body: Vec<u8>| {
        reqwest::Client::new().post(super::endpoint(&posthog)).header("content-encoding", "br").body(body)
    };
    assert_eq!(status(sent(vec![0; 4 * 1024 * 1024 + 1])).await, 413);
    assert_eq!(status(sent(Vec::new())).await, 400);
    assert_eq!(status(sent(vec![0])).await, 401);
}

#[tokio::test]
async fn makes_two_events_of_a_request_that_is_sent_twice() {
    let posthog = posthog();
    for _ in 0..2 {
        post(&posthog, &export(vec![chat(vec![])])).send().await.unwrap();
    }
    let events = posthog.events();
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].uuid, events[1].uuid);
}
