//! `POST /spans/{id}/evaluations`.

use super::{Stored, TraciaEvaluation, Wrong, invalid, known_keys, not_found, now};
use serde_json::{Value, json};

pub(super) fn store(stored: &mut Stored, span_id: &str, sent: &Value) -> Result<Value, Wrong> {
    let key = sent["evaluatorKey"].as_str().filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| invalid("evaluatorKey is not a string with something in it"))?;
    let value = sent["value"].as_f64().ok_or_else(|| invalid("value is not a number"))?;
    let note = match sent.get("note") {
        None => None,
        Some(Value::String(note)) => Some(note.clone()),
        Some(_) => return Err(invalid("note is not a string")),
    };
    known_keys(sent, &["evaluatorKey", "value", "note"])?;
    if !stored.spans.iter().any(|span| span.id() == span_id) {
        return Err(not_found(format!("there is no span {span_id}")));
    }
    stored.evaluations.push(TraciaEvaluation {
        span_id: span_id.to_owned(),
        evaluator_key: key.to_owned(),
        value,
        note: note.clone(),
    });
    Ok(json!({
        "id": format!("ev_{}", stored.evaluations.len()),
        "evaluatorKey": key,
        "evaluatorName": key,
        "value": sent["value"],
        "source": "sdk",
        "note": note,
        "createdAt": now(),
    }))
}
