//! PostHog's own API: events one by one or in batches.

use super::{Events, PostHogEvent, ReceivedRequest, Unreadable, normalize, unzip};
use crate::{
    testing::service::Outcome,
    time::{now_unix_nanos, rfc3339},
};
use serde_json::{Value, json};

const MIB: usize = 1024 * 1024;
/// Of an AI event in an ordinary batch.
const AI_EVENT_IN_BATCH: usize = 983_040;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Endpoint {
    Single,
    Batch,
    AiBatch,
}

impl Endpoint {
    pub(super) fn of(path: &str) -> Option<Self> {
        match path.trim_end_matches('/') {
            "/i/v0/e" | "/e" | "/capture" | "/track" => Some(Self::Single),
            "/batch" => Some(Self::Batch),
            "/i/v0/ai/batch" => Some(Self::AiBatch),
            _ => None,
        }
    }

    fn body_limit(self) -> usize {
        match self {
            Self::Single => 2 * MIB,
            Self::Batch | Self::AiBatch => 20 * MIB,
        }
    }
}

pub(super) fn take(events: &mut Events, request: &ReceivedRequest) -> Outcome {
    let endpoint = Endpoint::of(request.route()).unwrap_or(Endpoint::Single);
    let (token, sent) = match read(endpoint, request) {
        Ok(read) => read,
        Err((status, reason)) => return Outcome::text(status, &reason).because(reason),
    };
    let mut outcome = Outcome::json(200, &json!({"status": "Ok"}));
    for event in sent {
        let event = stored(events, &event, &token);
        if let Err(reason) = events.store(event) {
            outcome = outcome.because(reason);
        }
    }
    outcome
}

fn read(endpoint: Endpoint, request: &ReceivedRequest) -> Result<(String, Vec<Value>), Unreadable> {
    let limit = endpoint.body_limit();
    if request.body.len() > limit {
        return Err((413, format!("over {limit} bytes")));
    }
    // By its first bytes, whatever headers and query say.
    let zipped = request.body.starts_with(&[0x1f, 0x8b]);
    let body = if zipped { unzip(&request.body, limit)? } else { request.body.to_vec() };
    let payload: Value =
        serde_json::from_slice(&body).map_err(|error| (400, format!("the body is no JSON: {error}")))?;
    let sent = match payload.get("batch") {
        Some(Value::Array(batch)) => batch.clone(),
        Some(_) => return Err((400, "batch is no list".to_owned())),
        None if endpoint == Endpoint::Single => vec![payload.clone()],
        None => return Err((400, "there is no batch".to_owned())),
    };
    if sent.is_empty() {
        return Err((400, "the batch is empty".to_owned()));
    }
    let token = payload["api_key"].as_str().or_else(|| payload["token"].as_str());
    let token = token.filter(|token| super::well_formed(token));
    let token = token.ok_or_else(|| (401, "no valid api_key".to_owned()))?.to_owned();
    for event in &sent {
        check(endpoint, event)?;
    }
    Ok((token, sent))
}

fn check(endpoint: Endpoint, event: &Value) -> Result<(), Unreadable> {
    let bad = |reason: &str| Err((400, reason.to_owned()));
    let Some(name) = event["event"].as_str().filter(|name| !name.is_empty()) else {
        return bad("an event has no name");
    };
    if distinct_id(event).is_none() {
        return bad("an event has no distinct_id");
    }
    if !matches!(event.get("properties"), None | Some(Value::Object(_) | Value::Null)) {
        return bad("properties are no object");
    }
    match event.get("uuid") {
        None | Some(Value::Null) => {}
        Some(Value::String(uuid)) if normalize::is_uuid(uuid) => {}
        Some(_) => return bad("uuid is no UUID"),
    }
    if endpoint == Endpoint::AiBatch && !name.starts_with("$ai_") {
        return bad("an event is not of AI");
    }
    let limit = match endpoint {
        Endpoint::Batch if name.starts_with("$ai_") => AI_EVENT_IN_BATCH,
        Endpoint::AiBatch => 8 * MIB,
        Endpoint::Single | Endpoint::Batch => return Ok(()),
    };
    let size = event.to_string().len();
    if size > limit { Err((413, format!("an event has {size} bytes, {limit} at most"))) } else { Ok(()) }
}

/// Text or a number, of the event or among its properties.
fn distinct_id(event: &Value) -> Option<String> {
    [&event["distinct_id"], &event["properties"]["distinct_id"]].into_iter().find_map(|id| match id {
        Value::String(id) => (!id.is_empty()).then(|| id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    })
}

fn stored(events: &mut Events, event: &Value, token: &str) -> PostHogEvent {
    let name = event["event"].as_str().unwrap_or_default().to_owned();
    let mut properties = event["properties"].as_object().cloned().unwrap_or_default();
    if name.starts_with("$ai_") {
        normalize::apply(&name, &mut properties);
    }
    let timestamp = event["timestamp"].as_str().map_or_else(|| rfc3339(now_unix_nanos()), str::to_owned);
    let uuid = event["uuid"].as_str().map_or_else(|| events.new_uuid(), str::to_lowercase);
    PostHogEvent {
        name,
        distinct_id: distinct_id(event).unwrap_or_default(),
        properties,
        timestamp,
        uuid,
        project_key: token.to_owned(),
        middleware: None,
    }
}
