//! A conversation of the APIs that take instructions apart from it and know two speakers.

use super::{failure::wrong, pick};
use crate::record::{ErrorInfo, Message, Part, Request, Role};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// One thing that such an API is told.
pub(super) enum Told<'a> {
    /// A part of the instructions.
    Instruction(&'a Part),
    /// What `user` or `assistant` says.
    Said { role: &'static str, parts: &'a [Part] },
}

/// The one who is no model.
pub(super) const USER: &str = "user";

/// The instructions and messages of `request` in their order; a tool's results are the user's.
///
/// # Errors
/// Instructions after the conversation has begun, and a role that `api` has not.
pub(super) fn all<'a>(request: &'a Request, api: &str) -> Result<Vec<Told<'a>>, ErrorInfo> {
    let mut told: Vec<_> = request.system_instructions.iter().map(Told::Instruction).collect();
    let mut has_begun = false;
    for message in &request.messages {
        let parts = message.parts.as_slice();
        let role = match &message.role {
            Role::User | Role::Tool => USER,
            Role::Assistant => "assistant",
            Role::System | Role::Developer if !has_begun => {
                told.extend(parts.iter().map(Told::Instruction));
                continue;
            }
            role @ (Role::System | Role::Developer) => {
                let why = format!("{api} takes a {} message only at the beginning", role.as_str());
                return Err(wrong("messages", &why));
            }
            Role::Other(role) => return Err(wrong("messages", &format!("{api} has no role {role}"))),
        };
        has_begun = true;
        told.push(Told::Said { role, parts });
    }
    Ok(told)
}

#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(default)]
    role: Value,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

/// All messages of a list, or none if one of them is no object or `read_content` cannot read what it holds,
/// which leaves the list as it was sent. `read_content` is given the role too.
pub(super) fn read_messages(
    raw: &RawValue,
    read_content: impl Fn(&RawValue, &str) -> Option<Vec<Part>>,
) -> Option<Vec<Message>> {
    let sent: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    let read_message = |raw: &RawValue| {
        let raw = Some(raw.get()).filter(|raw| pick::is_object(raw.as_bytes()))?;
        let sent: Sent<'_> = serde_json::from_str(raw).ok()?;
        let role = sent.role.as_str().unwrap_or_default();
        let parts = sent.content.map_or_else(|| Some(Vec::new()), |content| read_content(content, role))?;
        let role = if role == USER && only_results(&parts) { Role::Tool } else { Role::from(role) };
        Some(Message::new(role, parts))
    };
    sent.into_iter().map(read_message).collect()
}

/// Whether tools alone speak: these APIs let them speak as the user.
fn only_results(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(part, Part::ToolResult(_)))
        && parts.iter().all(|part| matches!(part, Part::ToolResult(_) | Part::CachePoint(_)))
}
