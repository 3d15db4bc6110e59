//! Voyage AI's embeddings.

use super::{
    Answer,
    answer::ProviderError,
    embeddings,
    endpoint::{Endpoint, has_bearer, is_unknown},
};
use crate::testing::ReceivedRequest;
use serde_json::{Value, json};

pub(super) fn refusal(
    request: &ReceivedRequest,
    endpoint: Option<Endpoint<'_>>,
) -> Option<(u16, ProviderError)> {
    // All it tells of an error is its message.
    let refused = |status, message: &str| Some((status, ProviderError::new("", None, message)));
    if endpoint.is_none() {
        return refused(404, "Not Found");
    }
    if !has_bearer(request) {
        return refused(401, "Provided API key is invalid.");
    }
    let body = request.json();
    if !body.is_object() {
        return refused(400, "The request body is not valid JSON.");
    }
    let Some(model) = body["model"].as_str() else {
        return refused(400, "Argument 'model' is missing.");
    };
    if is_unknown(model) {
        return refused(400, &format!("Model {model} is not supported."));
    }
    if body["input"].is_null() {
        return refused(400, "Argument 'input' is missing.");
    }
    match body["output_dtype"].as_str() {
        None | Some("float") => None,
        Some(kind) => refused(400, &format!("This stand-in has no vectors of {kind}.")),
    }
}

pub(super) fn error(error: &ProviderError) -> Value {
    json!({ "detail": error.message })
}

pub(super) fn body(answer: &Answer, request: &Value) -> Value {
    let inputs = embeddings::inputs(&request["input"]);
    let vectors = embeddings::vectors(answer, &inputs, &request["output_dimension"], 1024);
    let model = request["model"].as_str().unwrap_or_default();
    json!({
        "object": "list",
        "data": embeddings::data(&vectors, request),
        "model": answer.model.as_deref().unwrap_or(model),
        "usage": { "total_tokens": embeddings::tokens(answer, &inputs) },
    })
}
