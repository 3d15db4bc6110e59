//! Real exchanges with providers, recorded by others: both ways must bring the same.
//!
//! The recordings are not part of this repository: `RECORDED_DIR` names their folder.

use crate::{
    Provider,
    exchange::{self, Exchange},
    say,
    world::{World, assert_all_differed, differences, differing},
};
use bytes::Bytes;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    ContentCapture,
    context::scope,
    instrument::{Instrumentation, Rule, reqwest_middleware::GenAiMiddleware},
    testing::{Answer, FakeProvider, PostHogEvent},
};

const PROVIDERS: [Provider; 7] = [
    Provider { folder: "openai", name: "openai" },
    Provider { folder: "azure_openai", name: "azure.ai.openai" },
    Provider { folder: "azure_ai_inference", name: "azure.ai.inference" },
    Provider { folder: "anthropic", name: "anthropic" },
    Provider { folder: "google", name: "gcp.gemini" },
    Provider { folder: "google_vertex", name: "gcp.vertex_ai" },
    Provider { folder: "bedrock", name: "aws.bedrock" },
];

/// What differs from call to call.
const OF_THE_CALL: [&str; 5] = [
    "$ai_trace_id",
    "$ai_span_id",
    "$ai_latency",
    "$ai_time_to_first_token",
    "gen_ai.response.time_to_first_chunk",
];

/// Sends the exchange's request, and has it answered as it was.
async fn play(exchange: &Exchange, client: &ClientWithMiddleware, fake: &FakeProvider) -> Option<()> {
    let url = exchange.url()?;
    let body = exchange.request.as_ref()?.body.clone()?;
    let content_type = exchange.header("content-type").unwrap_or_default();
    let answer = Bytes::copy_from_slice(&exchange.response.bytes);
    fake.enqueue(Answer::raw(exchange.response.status, content_type, answer));
    let host = fake.base_url().trim_end_matches("/v1").to_owned();
    let request = client.post(format!("{host}{}", url.path_and_query()?));
    let request = request.header("content-type", "application/json").body(body);
    let _ = request.send().await.ok()?.bytes().await;
    Some(())
}

#[test]
fn every_exchange_is_the_same_event_by_either_way() {
    let Some(root) = exchange::folder() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut wrong = String::new();
    let mut seen = BTreeSet::new();
    let mut compared = 0;
    for content in [ContentCapture::off(), ContentCapture::on()] {
        for provider in &PROVIDERS {
            let world = World::new(content.clone(), []);
            let fake = FakeProvider::start().unwrap();
            let calls = Instrumentation::new().rule(Rule::host("127.0.0.1").provider(provider.name));
            let calls = calls.content(content.clone());
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let client = |is_on| {
                let calls = calls.clone().posthog_attributes(is_on);
                ClientBuilder::new(http.clone()).with(GenAiMiddleware::from(calls)).build()
            };
            for exchange in exchange::load(&root, provider) {
                for (is_on, client) in [("on", client(true)), ("off", client(false))] {
                    let marks = scope().tag("file", exchange.file.as_str()).tag("option", is_on);
                    let playing = marks.run(play(&exchange, &client, &fake));
                    runtime.block_on(playing.with_subscriber(world.dispatch.clone()));
                }
            }
            let mut without: BTreeMap<String, PostHogEvent> = BTreeMap::new();
            let mut with = Vec::new();
            for (exported, destined) in world.events() {
                let file = destined.properties["file"].as_str().unwrap().to_owned();
                if destined.properties["option"] == "off" {
                    assert!(!exported.properties.contains_key("$lib"), "{file}");
                    without.insert(file, destined);
                } else {
                    with.push((file, exported, destined));
                }
            }
            assert_eq!(with.len(), without.len());
            for (file, exported, destined) in with {
                compared += 1;
                // PostHog knows no other name of a generation than chat.
                let renamed = destined.properties.get("tracing_genai.operation.name");
                let expected = if renamed.is_some() { "$ai_trace" } else { &destined.name };
                assert_eq!(exported.name, *expected, "{file}");
                seen.extend(differing(&exported, &destined));
                for difference in differences(&exported, &destined) {
                    let _ = writeln!(wrong, "{file}: {difference}");
                }
                let mut changed = differing(&without[&file], &destined);
                changed.retain(|key| key != "option" && !OF_THE_CALL.contains(&key.as_str()));
                if !changed.is_empty() {
                    let _ =
                        writeln!(wrong, "{file}: the option changes what the destination sends: {changed:?}");
                }
            }
        }
    }
    say(&format!("posthog: {compared} calls compared, half of them without content"));
    assert!(compared > 0 && wrong.is_empty(), "{wrong}");
    assert_all_differed(&seen);
}
