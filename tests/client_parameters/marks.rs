//! Whose a call is.

use super::{World, client};
use tracing_genai::{
    context::scope,
    testing::{FakeProvider, capture_async},
};

#[tokio::test]
async fn what_the_call_says_wins_over_the_scope_around_it_and_tags_add_up() {
    let provider = FakeProvider::start().unwrap();
    let call = client(&provider).chat("gpt-4o").user("Hi").user_id("u-inner").tags(["cheap"]);
    let call = call.tag("tenant", "acme").tag("shop", "inner");
    let outer = scope().user("u-outer").session("s-outer").tags(["beta"]).tag("shop", "outer");
    let ((), spans) = capture_async(outer.run(async { _ = call.await.unwrap() })).await;
    let span = &spans[0].attributes;
    assert_eq!(span["user.id"], "u-inner");
    assert_eq!(span["session.id"], "s-outer");
    assert_eq!(span["tracing_genai.tags"], ["beta", "cheap"]);
    assert_eq!(span["tenant"], "acme");
    assert_eq!(span["shop"], "inner");
    assert!(spans[0].duplicate_attributes().is_empty());
}

#[test]
fn they_hold_for_the_call_alone() {
    let world = World::new();
    world.run(async |client| {
        let embed = client.embed("text-embedding-3-small").input("sea").user_id("u-7").session_id("s-1");
        embed.tags(["beta"]).await.unwrap();
        client.chat("gpt-4o").user("Hi").await.unwrap();
    });
    let spans = world.tracia.spans();
    let embedding = spans.iter().find(|span| span["spanKind"] == "EMBEDDING").unwrap();
    assert_eq!((&embedding["userId"], &embedding["sessionId"]), (&"u-7".into(), &"s-1".into()));
    assert_eq!(embedding["tags"], serde_json::json!(["beta"]));
    let chat = spans.iter().find(|span| span["model"] == "gpt-4o").unwrap();
    assert!(chat["userId"].is_null() && chat["sessionId"].is_null() && chat["tags"].is_null());
}

#[tokio::test]
async fn the_users_id_of_the_telemetry_is_not_sent_to_the_provider() {
    let provider = FakeProvider::start().unwrap();
    client(&provider).chat("gpt-4o").user("Hi").user_id("u-7").end_user("abuse-1").await.unwrap();
    let body = provider.requests()[0].json();
    assert_eq!(body["user"], "abuse-1");
    assert!(!body.to_string().contains("u-7"));
}
