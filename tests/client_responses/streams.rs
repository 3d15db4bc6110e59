//! The items of a stream.

use super::{MODEL, client, events, items, streamed, thinking, whole};
use serde_json::{Value, json};
use tracing_genai::{
    client::{ChatEvent, ChatStream},
    testing::{FakeProvider, Gate},
};

async fn read(mut stream: ChatStream) -> Vec<ChatEvent> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event.unwrap());
    }
    events
}

/// What an event is, in short.
fn name(event: &ChatEvent) -> String {
    match event {
        ChatEvent::Text { text, .. } => format!("text {text}"),
        ChatEvent::Reasoning { text, .. } => format!("reasoning {text}"),
        ChatEvent::ToolCall { id, .. } => format!("call {}", id.as_deref().unwrap()),
        ChatEvent::ToolArguments { fragment, .. } => format!("arguments {fragment}"),
        ChatEvent::ItemAdded { index, item } => {
            format!("added {index} {}", item.to_value()["type"].as_str().unwrap())
        }
        ChatEvent::ItemDone { index, item } => {
            format!("done {index} {}", item.to_value()["type"].as_str().unwrap())
        }
        ChatEvent::Finished { reason, .. } => format!("finished {}", reason.as_str()),
        ChatEvent::Usage(_) => "usage".to_owned(),
        ChatEvent::Done(_) => "done".to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_item_is_told_as_it_begins_and_as_it_is_done() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(events(&streamed(&thinking())));
    let stream = client(&provider).responses(MODEL).user("Weather?").stream().await.unwrap();
    let told = read(stream).await;
    assert_eq!(
        told.iter().map(name).collect::<Vec<_>>(),
        [
            "added 0 reasoning",
            "reasoning They want the weather.",
            "done 0 reasoning",
            "added 1 message",
            "text Let me see.",
            "done 1 message",
            "added 2 function_call",
            "call call_1",
            "arguments {\"city\":\"Lisbon\"}",
            "done 2 function_call",
            "added 3 dream",
            "done 3 dream",
            "usage",
            "finished tool_call",
            "done",
        ]
    );
    let Some(ChatEvent::Done(reply)) = told.last() else { panic!("{told:?}") };
    assert_eq!(items(reply), thinking());
    assert_eq!(reply.text(), "Let me see.");
    assert_eq!(reply.usage().total_tokens, Some(52));
}

#[tokio::test]
async fn a_server_that_tells_of_items_at_the_end_alone_has_them_too() {
    let provider = FakeProvider::start().unwrap();
    let all = streamed(&thinking());
    let few: Vec<Value> =
        all.into_iter().filter(|event| !event["type"].as_str().unwrap().contains("output_item")).collect();
    provider.enqueue(events(&few));
    let stream = client(&provider).responses(MODEL).user("Weather?").stream().await.unwrap();
    let reply = stream.finish().await.unwrap();
    assert_eq!(items(&reply), thinking());
}

#[tokio::test]
async fn so_has_one_that_answers_a_stream_in_one_piece() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(whole(&thinking()));
    let stream = client(&provider).responses(MODEL).user("Weather?").stream().await.unwrap();
    let told = read(stream).await;
    let done = told.iter().filter(|event| matches!(event, ChatEvent::ItemDone { .. })).count();
    let Some(ChatEvent::Done(reply)) = told.last() else { panic!("{told:?}") };
    assert_eq!((done, items(reply)), (4, thinking()));
}

#[tokio::test]
async fn what_was_done_before_an_abort_or_a_failure_is_kept() {
    let provider = FakeProvider::start().unwrap();
    let gate = Gate::new();
    // The reasoning is done, the message has begun.
    provider.enqueue(events(&streamed(&thinking())).held_after(5, &gate));
    let mut stream = client(&provider).responses(MODEL).user("Weather?").stream().await.unwrap();
    while !matches!(stream.next().await.unwrap().unwrap(), ChatEvent::ItemAdded { index: 1, .. }) {}
    stream.abort();
    let result = stream.result().await.unwrap();
    assert!(result.is_aborted());
    assert_eq!(items(&result), json!([thinking()[0]]));
    gate.release();

    let mut failing = streamed(&thinking());
    failing.truncate(7);
    failing.push(json!({ "type": "response.failed", "response": {
        "id": "resp_1", "status": "failed", "error": { "code": "server_error", "message": "Oh." }, "output": [],
    } }));
    provider.enqueue(events(&failing));
    let stream = client(&provider).responses(MODEL).user("Weather?").stream().await.unwrap();
    let result = stream.result();
    stream.finish().await.unwrap_err();
    let so_far = result.so_far().unwrap();
    assert_eq!(items(&so_far), json!([thinking()[0], thinking()[1]]));
}
