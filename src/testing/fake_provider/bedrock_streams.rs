//! Bedrock's streams: frames, each with an event.

use super::{
    answer::ProviderError,
    bedrock::{self, LATENCY},
    chat::argument_pieces,
    prompt::Reply,
    render::{Generation, Rendered, pieces},
};
use crate::wire::event_stream::encode;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

/// What is sent along to hide how long an event is.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The type of an event and what it tells.
type Event = (&'static str, Value);

pub(super) fn rendered(frames: Vec<Bytes>) -> Rendered {
    Rendered::new(200, "application/vnd.amazon.eventstream", frames, false)
}

/// A stream of `ConverseStream`: an event in each frame.
pub(super) fn of_converse(generation: &Generation, error: Option<&(usize, ProviderError)>) -> Vec<Bytes> {
    let metadata = json!({ "metrics": { "latencyMs": LATENCY }, "usage": bedrock::usage(generation.usage) });
    framed(events(generation, metadata, false), error)
}

/// A stream of a model's own events: JSON in base64 in each frame.
pub(super) fn of_chunks(events: Vec<Value>, error: Option<&(usize, ProviderError)>) -> Vec<Bytes> {
    let chunk = |event: Value| ("chunk", json!({ "bytes": STANDARD.encode(event.to_string()) }));
    framed(events.into_iter().map(chunk).collect(), error)
}

/// The events of a message. Nova says each piece of a text in a block of its own.
pub(super) fn events(generation: &Generation, metadata: Value, one_piece_a_block: bool) -> Vec<Event> {
    let mut events = vec![("messageStart", json!({ "role": "assistant" }))];
    for (index, block) in blocks(generation, one_piece_a_block).into_iter().enumerate() {
        let event = |key: &str, value| json!({ "contentBlockIndex": index, key: value });
        // That a text begins is not told.
        events.extend(block.start.map(|start| ("contentBlockStart", event("start", start))));
        events.extend(block.deltas.into_iter().map(|delta| ("contentBlockDelta", event("delta", delta))));
        events.push(("contentBlockStop", json!({ "contentBlockIndex": index })));
    }
    events.push(("messageStop", json!({ "stopReason": bedrock::stop_reason(generation) })));
    events.push(("metadata", metadata));
    events
}

#[derive(Default)]
struct Block {
    start: Option<Value>,
    deltas: Vec<Value>,
}

fn blocks(generation: &Generation, one_piece_a_block: bool) -> Vec<Block> {
    match generation.replies.first() {
        Some(Reply::Text(text) | Reply::Refusal(text)) if !text.is_empty() => {
            let deltas = pieces(text).map(|piece| json!({ "text": piece }));
            if one_piece_a_block {
                return deltas.map(|delta| Block { start: None, deltas: vec![delta] }).collect();
            }
            vec![Block { start: None, deltas: deltas.collect() }]
        }
        Some(Reply::ToolCalls(calls)) => {
            let calls = calls.iter().enumerate().map(|(index, (name, arguments))| {
                let id = bedrock::tool_use_id(generation, index);
                let pieces = argument_pieces(arguments);
                Block {
                    start: Some(json!({ "toolUse": { "name": name, "toolUseId": id } })),
                    deltas: pieces.map(|piece| json!({ "toolUse": { "input": piece } })).collect(),
                }
            });
            calls.collect()
        }
        _ => Vec::new(),
    }
}

fn framed(mut events: Vec<Event>, error: Option<&(usize, ProviderError)>) -> Vec<Bytes> {
    if let Some((after, _)) = error {
        events.truncate(*after);
    }
    let frames = events.into_iter().enumerate().map(|(position, (name, mut payload))| {
        payload["p"] = json!(PADDING.get(..=position * 7 % PADDING.len()));
        let headers =
            [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
        encode(&headers, payload.to_string().as_bytes()).into()
    });
    frames.chain(error.map(|(_, problem)| exception(problem))).collect()
}

fn exception(error: &ProviderError) -> Bytes {
    let headers = [
        (":exception-type", error.kind.as_str()),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    encode(&headers, bedrock::error(error).to_string().as_bytes()).into()
}
