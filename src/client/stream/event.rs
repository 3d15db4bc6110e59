use super::super::Reply;
use crate::{
    Error,
    provider::Delta,
    record::{FinishReason, RawJson, Usage},
    span::in_flight::InFlight,
};
use std::collections::{BTreeMap, VecDeque};

/// One thing that a stream brought.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChatEvent {
    /// More of the answer's text, never empty.
    Text {
        /// The text.
        text: String,
        /// The generation's index: 0 unless several were asked for.
        choice: u32,
    },
    /// More of the model's reasoning, or of its summary.
    Reasoning {
        /// The text.
        text: String,
        /// The generation's index.
        choice: u32,
    },
    /// More of a refusal.
    Refusal {
        /// The text.
        text: String,
        /// The generation's index.
        choice: u32,
    },
    /// The model begins a tool call.
    ToolCall {
        /// The call's place among the generation's tool calls.
        index: u32,
        /// Its id.
        id: Option<String>,
        /// The tool's name.
        name: String,
        /// The generation's index.
        choice: u32,
    },
    /// More of a tool call's arguments.
    ToolArguments {
        /// The call's place among the generation's tool calls.
        index: u32,
        /// The piece of JSON.
        fragment: String,
        /// The generation's index.
        choice: u32,
    },
    /// An output item begins (OpenAI's Responses API).
    ItemAdded {
        /// Its place in the output.
        index: u32,
        /// The item as the API has it by now.
        item: RawJson,
    },
    /// An output item is done (OpenAI's Responses API): after its text, its arguments and the like, or alone where the
    /// server tells nothing of it before the end.
    ItemDone {
        /// Its place in the output.
        index: u32,
        /// The item as the API has it, reasoning with its encrypted content.
        item: RawJson,
    },
    /// A generation stopped.
    Finished {
        /// Why.
        reason: FinishReason,
        /// The generation's index.
        choice: u32,
    },
    /// The usage so far; the last one holds.
    Usage(Box<Usage>),
    /// The complete answer: the last event.
    Done(Box<Reply>),
}

/// The output items that are done, by their places.
pub(super) type Items = BTreeMap<u32, RawJson>;

/// Queues `delta` for the caller, and keeps an item that is done; the first content of any kind sets the time to first chunk.
pub(super) fn on_delta(
    call: &mut InFlight,
    ready: &mut VecDeque<Result<ChatEvent, Error>>,
    items: &mut Items,
    delta: Delta<'_>,
) {
    let is_content = delta.is_content();
    let event = match delta {
        Delta::Text { choice, text } => ChatEvent::Text { text: text.to_owned(), choice },
        Delta::Reasoning { choice, text } => ChatEvent::Reasoning { text: text.to_owned(), choice },
        Delta::Refusal { choice, text } => ChatEvent::Refusal { text: text.to_owned(), choice },
        Delta::ToolCallStart { choice, index, id, name } => {
            ChatEvent::ToolCall { index, id: id.map(str::to_owned), name: name.to_owned(), choice }
        }
        Delta::ToolCallArguments { choice, index, fragment } => {
            ChatEvent::ToolArguments { index, fragment: fragment.to_owned(), choice }
        }
        Delta::Finished { choice, reason } => ChatEvent::Finished { reason: reason.clone(), choice },
        Delta::Usage(usage) => ChatEvent::Usage(Box::new(usage.clone())),
        Delta::ItemAdded { index, item } => match RawJson::from_text(item) {
            Some(item) => ChatEvent::ItemAdded { index, item },
            None => return,
        },
        Delta::ItemDone { index, item } => match RawJson::from_text(item) {
            Some(item) => {
                items.insert(index, item.clone());
                ChatEvent::ItemDone { index, item }
            }
            None => return,
        },
    };
    if is_content && call.operation().time_to_first_chunk.is_none() {
        call.operation_mut().time_to_first_chunk = call.elapsed();
    }
    ready.push_back(Ok(event));
}
