//! A request's body, written.

use super::{message, options};
use crate::provider::{body::Fields, pick};
use crate::record::{ErrorInfo, Request};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The body of a request. The model and whether the answer is streamed go into the URL.
///
/// System and developer messages that lead the conversation become `system`. The results of tools are the
/// user's words here; what one side says in several messages on end becomes one. Documents are named
/// `document-1` and so on, for the API wants names. Left out are reasoning without its signature, another
/// provider's signatures, texts of nothing but blanks, messages in which nothing is left, the names of
/// participants and whether a schema is strict. The request's own [`options`](Request::options) come last:
/// objects of the same name become one, anything else they override.
///
/// What Converse has no field for is written among `additionalModelRequestFields` as the family of the
/// model wants it: `top_k`, `reasoning_budget`, `reasoning_level`. A model behind the ARN of an application's
/// inference profile or of provisioned throughput is taken for one of Anthropic's.
///
/// Converse cannot be told that no tool is to be called:
/// [`ToolChoice::None`](crate::record::ToolChoice::None) leaves the tools out, as long as the messages hold
/// no calls and no results, of which it wants the tools.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`](crate::record::ErrorKind::InvalidRequest) naming the parameter that
/// the API has not, or cannot take as it is.
pub fn write_request(request: &Request) -> Result<Vec<u8>, ErrorInfo> {
    options::check(request)?;
    let conversation = message::write(request)?;
    let options = options::whole(request)?;
    pick::to_body(&Body { conversation, options: &options })
}

struct Body<'a> {
    conversation: message::Conversation<'a>,
    options: &'a Map<String, Value>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let message::Conversation { system, messages, .. } = &self.conversation;
        let mut body = Fields::new(to, self.options)?;
        body.put("system", Some(system).filter(|system| !system.is_empty()))?;
        // A stored prompt has messages of its own.
        body.put("messages", Some(messages).filter(|messages| !messages.is_empty()))?;
        body.end()
    }
}
