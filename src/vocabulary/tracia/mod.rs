//! Tracia's spans.
//!
//! `Destination::tracia` (feature `export`) posts one object for each call of a model:
//!
//! | key | what it is of the span |
//! |---|---|
//! | `spanId` | `sp_` and the span's id, or `tracia.span_id` |
//! | `traceId` | `tr_` and the low half of the trace's id, or `tracia.trace_id` |
//! | `parentSpanId` | the nearest call above it in this process that goes to Tracia, else `tracia.parent_span_id` |
//! | `spanKind` | `EMBEDDING`; absent for a language model, which is Tracia's default and what its SDKs do |
//! | `model` | as it was asked for, else as it answered |
//! | `provider` | `openai` (Azure too), `anthropic`, `google`, `amazon_bedrock`, `voyage`; another by its model's name, as Tracia's SDKs have it |
//! | `input` | `messages`, the instructions first; of an embedding `text`. Bytes are told by size and CRC-32 (in a `data:` address too), reasoning and a provider's own tools are left out |
//! | `output` | the text of the first choice; of an embedding `{"dimensions":D,"count":N}` |
//! | `variables` | `tracia.variables`, a JSON object |
//! | `tools`, `toolCalls` | tools on offer, calls that the model asks for |
//! | `status`, `error` | `ERROR` and its words for a failure, `Stream aborted` for a call that was given up; else `SUCCESS` |
//! | `latencyMs` | from the span's start to its end |
//! | `inputTokens`, `outputTokens`, `totalTokens` | cache and reasoning included; 0 where nobody told |
//! | `temperature`, `topP`, `maxOutputTokens` | as they were asked for |
//! | `tags`, `userId`, `sessionId` | of the [scope](crate::context::scope); the session, else the conversation. Further tags in `tracia.tags` |
//!
//! A call of `Client` (feature `client`) takes ids and variables itself (`Chat::span_id`, `Chat::variables`).
//!
//! `input`, `output`, `variables`, `tools` and `toolCalls` are empty without content. The attributes in the middle of
//! the table that begin with `tracia.` are set by [`Scope::tag`](crate::context::Scope::tag) or on the span; an id that
//! is not `sp_` or `tr_` and 16 hex digits is passed over. An id holds for every call in its scope, so that scope is to
//! have one. Texts of more than 1 MiB are cut; so are a call's arguments, which are then one text under `value`, and a
//! tool's parameters of more than that are left out.
//!
//! Tracia has no key for anything else: start and end, cached and reasoning tokens, finish reasons, the model that
//! answered, the time to the first chunk, the resource.

#[cfg(any(feature = "export", feature = "tracia"))]
mod access;
#[cfg(feature = "export")]
mod attributes;
#[cfg(feature = "export")]
mod call;
mod code;
#[cfg(feature = "export")]
mod evaluation;
#[cfg(feature = "export")]
mod fit;
#[cfg(any(feature = "client", feature = "export"))]
mod id;
#[cfg(feature = "export")]
mod messages;
#[cfg(any(feature = "client", feature = "export", feature = "tracia"))]
mod provider;

pub use code::ErrorCode;

use crate::record::{OperationClass, OperationKind};
#[cfg(any(feature = "client", feature = "export"))]
pub(crate) use id::{of_span, valid};
#[cfg(any(feature = "export", feature = "tracia"))]
pub(crate) use {
    access::{BASE, BASE_VARIABLE, KEY_VARIABLE, bearer},
    provider::word as provider_word,
};
#[cfg(feature = "export")]
pub(crate) use {
    call::{Seen, call},
    evaluation::{evaluation, judgements},
    fit::{Fit, fit, is_no_call},
    id::{own_span_id, span_id as id_of},
};
#[cfg(feature = "client")]
pub(crate) use {
    id::{folded, of_trace, uuid_digits},
    provider::knows,
};

/// The `spanKind` that Tracia knows this kind of operation by; `None` where it has none, and such
/// a span is not sent there.
pub const fn span_kind(kind: OperationKind) -> Option<&'static str> {
    match kind.class() {
        OperationClass::Generation => Some("LLM"),
        OperationClass::Embedding => Some("EMBEDDING"),
        _ => None,
    }
}
