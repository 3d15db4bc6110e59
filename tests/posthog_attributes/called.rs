//! Calls of the client.

use crate::world::{World, differences};
use serde_json::json;
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client, ContentCapture, Destination,
    client::Provider,
    context::scope,
    testing::{Answer, FakeProvider, FinishedSpan, OtlpSink, capture_async},
};

fn client(fake: &FakeProvider, content: ContentCapture, posthog: Option<bool>) -> Client {
    let builder = Client::builder().base_url(fake.base_url()).api_key("sk-test").provider(Provider::OpenAi);
    let builder = builder.max_retries(0).content(content);
    let builder = match posthog {
        Some(write) => builder.posthog_attributes(write),
        None => builder,
    };
    builder.build().unwrap()
}

/// The spans of a chat and of an embedding.
async fn spans_of(posthog: Option<bool>) -> Vec<FinishedSpan> {
    let fake = FakeProvider::start().unwrap();
    fake.enqueue(Answer::text("18 degrees"));
    let client = client(&fake, ContentCapture::on(), posthog);
    let work = async {
        client.chat("gpt-4o-mini").user("How warm is it?").send().await.unwrap();
        let _ = client.embed("text-embedding-3-small").input("a text").send().await;
    };
    let (_, spans) = capture_async(scope().user("jane").run(work)).await;
    assert_eq!(spans.len(), 2);
    spans
}

fn of_posthog(spans: &[FinishedSpan]) -> Vec<&String> {
    let names = spans.iter().flat_map(|span| span.attributes.keys());
    names.filter(|name| name.starts_with('$') || name.starts_with("posthog.")).collect()
}

#[tokio::test]
async fn no_span_has_a_property_of_posthog_unless_it_is_asked_for() {
    for posthog in [None, Some(false)] {
        assert_eq!(of_posthog(&spans_of(posthog).await), Vec::<&String>::new());
    }
    let spans = spans_of(Some(true)).await;
    assert_eq!(spans[0].attributes["$ai_stop_reason"], "stop");
    assert_eq!(spans[0].attributes["posthog.distinct_id"], "jane");
    assert_eq!(spans[1].attributes["$ai_input"], "a text");
    assert!(spans.iter().all(|span| span.duplicate_attributes().is_empty()));
}

#[test]
fn a_refusal_and_a_broken_stream_are_the_same_event_by_either_way() {
    let world = World::new(ContentCapture::off(), []);
    let fake = FakeProvider::start().unwrap();
    fake.enqueue(Answer::raw(
        429,
        "application/json",
        r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
    ));
    let broken = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"18\"}}]}\n\n";
    fake.enqueue(Answer::raw(200, "text/event-stream", broken));
    let client = client(&fake, ContentCapture::off(), Some(true));
    let work = async {
        client.chat("gpt-4o-mini").user("How warm is it?").send().await.unwrap_err();
        let mut stream = client.chat("gpt-4o-mini").user("How warm is it?").stream().await.unwrap();
        while let Some(Ok(_)) = stream.next().await {}
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work.with_subscriber(world.dispatch.clone()));

    let events = world.events();
    let statuses: Vec<_> = events.iter().map(|(event, _)| &event.properties["$ai_http_status"]).collect();
    assert_eq!(statuses, [&json!(429), &json!(500)]);
    for (exported, destined) in &events {
        assert_eq!(exported.properties["$ai_is_error"], true);
        assert_eq!(differences(exported, destined), Vec::<String>::new());
    }
    assert_eq!(events[0].0.properties["$ai_error"], "slow down");
}

const SECRET: &str = "a secret that was said";

/// The bytes of what two destinations get of calls that said a secret: one without content, one with it.
fn sent(content: ContentCapture, posthog: bool) -> [(bool, usize); 2] {
    let sinks = [OtlpSink::start().unwrap(), OtlpSink::start().unwrap()];
    let [without, with] = &sinks;
    let destinations = [
        Destination::otlp(without.endpoint()).content(ContentCapture::off()),
        Destination::otlp(with.endpoint()).content(ContentCapture::on()),
    ];
    let world = World::new(ContentCapture::off(), destinations);
    let fake = FakeProvider::start().unwrap();
    let client = client(&fake, content, Some(posthog));
    let refusal = format!(r#"{{"error":{{"message":"cannot parse {SECRET}","type":"invalid"}}}}"#);
    let work = async {
        let _ = client.embed("text-embedding-3-small").input(SECRET).send().await;
        fake.enqueue(Answer::raw(400, "application/json", refusal));
        client.chat("gpt-4o-mini").user(SECRET).send().await.unwrap_err();
        fake.enqueue(Answer::text(SECRET));
        client.chat("gpt-4o-mini").system(SECRET).user(SECRET).send().await.unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work.with_subscriber(world.dispatch.clone()));
    assert_eq!(world.events().len(), 3);
    assert!(!world.destined.saw(SECRET));
    sinks.each_ref().map(|sink| {
        let inputs = sink.spans().iter().filter(|span| span.attribute("$ai_input").is_some()).count();
        assert_eq!(sink.spans().len(), 3);
        assert!(sink.spans().iter().all(|span| span.duplicate_attributes().is_empty()));
        let has_lib = sink.spans().iter().all(|span| span.attribute("$lib").is_some());
        assert_eq!(has_lib, posthog);
        let words = sink.spans().iter().any(|span| format!("{span:?}").contains(SECRET));
        (words, inputs)
    })
}

#[test]
fn a_destination_without_content_gets_none_by_posthogs_properties() {
    assert_eq!(sent(ContentCapture::on(), true), [(false, 0), (true, 1)]);
    assert_eq!(sent(ContentCapture::off(), true), [(false, 0), (true, 1)]);
    assert_eq!(sent(ContentCapture::on(), false), [(false, 0), (true, 0)]);
}
