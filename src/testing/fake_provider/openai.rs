//! Which request gets what, as OpenAI has it.

use super::answer::ProviderError;
use crate::testing::ReceivedRequest;
use http::Method;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Endpoint {
    Chat,
    Responses,
    Embeddings,
    Models,
}

impl Endpoint {
    pub(super) fn of(request: &ReceivedRequest) -> Option<Self> {
        match (&request.method, request.route()) {
            (&Method::POST, "/v1/chat/completions") => Some(Self::Chat),
            (&Method::POST, "/v1/responses") => Some(Self::Responses),
            (&Method::POST, "/v1/embeddings") => Some(Self::Embeddings),
            (&Method::GET, "/v1/models") => Some(Self::Models),
            _ => None,
        }
    }
}

/// Whether an answer of the test's can be made to fit this request.
pub(super) fn generates(request: &ReceivedRequest) -> bool {
    Endpoint::of(request).is_some_and(|endpoint| endpoint != Endpoint::Models)
}

/// The error that this request gets whatever it asks for.
pub(super) fn refusal(request: &ReceivedRequest) -> Option<(u16, ProviderError)> {
    let invalid = |code, message: String| ProviderError::new("invalid_request_error", code, message);
    let Some(endpoint) = Endpoint::of(request) else {
        let message = format!("Invalid URL ({} {})", request.method, request.route());
        return Some((404, invalid(None, message)));
    };
    let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if key.is_none_or(|key| key.trim().is_empty()) {
        let message = "You didn't provide an API key. You need to provide your API key in an \
            Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
        return Some((401, invalid(Some("invalid_api_key"), message.to_owned())));
    }
    if endpoint == Endpoint::Models {
        return None;
    }
    let Ok(body @ Value::Object(_)) = serde_json::from_slice(&request.body) else {
        let message = "We could not parse the JSON body of your request. The OpenAI API expects a JSON \
            payload, but what was sent was not valid JSON.";
        return Some((400, invalid(None, message.to_owned())));
    };
    match (endpoint, body["model"].as_str()) {
        (Endpoint::Responses, Some(model)) if model.starts_with("no-such") => {
            let mut error =
                invalid(Some("model_not_found"), format!("The requested model '{model}' does not exist."));
            error.param = Some("model");
            Some((400, error))
        }
        (_, Some(model)) if model.starts_with("no-such") => {
            let message = format!("The model `{model}` does not exist or you do not have access to it.");
            Some((404, invalid(Some("model_not_found"), message)))
        }
        // A stored prompt may name the model.
        (Endpoint::Responses, None) if !body["prompt"].is_null() => None,
        (_, None) => Some((400, invalid(None, "you must provide a model parameter".to_owned()))),
        (_, Some(_)) => None,
    }
}

pub(super) fn models() -> Value {
    let model =
        |id| json!({ "id": id, "object": "model", "created": super::render::CREATED, "owned_by": "system" });
    json!({
        "object": "list",
        "data": [model("gpt-4o-mini"), model("gpt-5"), model("text-embedding-3-small")],
    })
}
