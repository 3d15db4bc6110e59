//! A request's body, written.

use super::{message, options, tool};
use crate::provider::{body::Fields, pick};
use crate::record::{ErrorInfo, Request};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The body of a request.
///
/// The API requires `max_tokens`: a request that sets none gets
/// [`default_max_tokens`](super::default_max_tokens). System and developer messages that lead the
/// conversation become `system`. The results of tools are the user's words here; what the user says in
/// several messages on end becomes one. Left out are reasoning without its signature, which the API
/// refuses, another provider's signatures, empty texts, messages in which nothing is left, the names of
/// participants and of schemas. The request's own [`options`](Request::options) come last: objects of the
/// same name become one, anything else they override.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`](crate::record::ErrorKind::InvalidRequest) naming the parameter that
/// the API has not, or cannot take as it is.
pub fn write_request(request: &Request) -> Result<Vec<u8>, ErrorInfo> {
    options::check(request)?;
    let conversation = message::write(request)?;
    let options = options::whole(request)?;
    let max_tokens = options::max_tokens(request)?;
    pick::to_body(&Body { request, conversation, max_tokens, options: &options })
}

struct Body<'a> {
    request: &'a Request,
    conversation: message::Conversation<'a>,
    max_tokens: u64,
    options: &'a Map<String, Value>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { request, conversation, .. } = self;
        let mut body = Fields::new(to, self.options)?;
        body.put("model", request.model.as_ref())?;
        body.put("max_tokens", Some(self.max_tokens))?;
        body.put("system", Some(&conversation.system).filter(|system| !system.is_empty()))?;
        body.put("messages", Some(&conversation.messages))?;
        let tools = || request.tools.iter().map(tool::write_tool).collect::<Vec<_>>();
        body.put("tools", (!request.tools.is_empty()).then(tools))?;
        body.put("stream", request.stream.then_some(true))?;
        body.put("temperature", request.temperature)?;
        body.put("top_p", request.top_p)?;
        body.put("top_k", request.top_k)?;
        body.put("stop_sequences", Some(&request.stop_sequences).filter(|stop| !stop.is_empty()))?;
        body.put("service_tier", request.service_tier.as_ref())?;
        body.end()
    }
}
