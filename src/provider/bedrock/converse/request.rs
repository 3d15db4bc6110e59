//! A request's body, read.

use super::{
    block::{self, Speaker},
    options,
};
use crate::provider::told::read_messages;
use crate::record::{Part, Request};
use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeMap;

/// What a request asks for. `None` if the body is not a JSON object.
///
/// The model and whether the answer is streamed are not in it: the URL tells them, as
/// [`crate::provider::read_request`] reads it. A user's message that holds nothing but results of tools is
/// theirs.
///
/// What we do not know, or cannot read, stays among the [`options`](Request::options), so that
/// [`write_request`](super::write_request) sends it again. Some things are not kept: a document's name,
/// context and whether it is to be cited; the owner of a bucket in Amazon S3.
pub fn read_request(body: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(body).ok()?;
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let mut request = Request::default();
    let system = fields.get("system").and_then(|raw| block::read_all(raw, Speaker::Program));
    let messages = fields.get("messages").and_then(|raw| read_messages(raw, read_content));
    for (name, understood) in [("system", system.is_some()), ("messages", messages.is_some())] {
        if understood {
            fields.remove(name);
        }
    }
    request.system_instructions = system.unwrap_or_default();
    request.messages = messages.unwrap_or_default();
    let mut sent: Map<String, Value> =
        fields.into_iter().map(|(name, raw)| (name, block::value(raw))).collect();
    options::read(&mut sent, &mut request);
    request.options = sent;
    Some(request)
}

fn read_content(raw: &RawValue, role: &str) -> Option<Vec<Part>> {
    let speaker = if role == "assistant" { Speaker::Model } else { Speaker::Program };
    block::read_all(raw, speaker)
}
