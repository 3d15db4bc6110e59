//! What is OpenAI's own: its errors, its headers, its models.

use super::{
    answer::ProviderError,
    endpoint::{Endpoint, Operation, has_bearer, is_unknown},
    render::{CREATED, request_id},
};
use crate::testing::ReceivedRequest;
use serde_json::{Value, json};

pub(super) fn refusal(
    request: &ReceivedRequest,
    endpoint: Option<Endpoint<'_>>,
) -> Option<(u16, ProviderError)> {
    let invalid = |code, message: String| ProviderError::new("invalid_request_error", code, message);
    let Some(endpoint) = endpoint else {
        let message = format!("Invalid URL ({} {})", request.method, request.route());
        return Some((404, invalid(None, message)));
    };
    if !has_bearer(request) {
        let message = "You didn't provide an API key. You need to provide your API key in an \
            Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
        return Some((401, invalid(Some("invalid_api_key"), message.to_owned())));
    }
    if endpoint.operation == Operation::Models {
        return None;
    }
    let body = request.json();
    if !body.is_object() {
        return Some((400, not_json()));
    }
    match (endpoint.operation, body["model"].as_str()) {
        (Operation::Responses, Some(model)) if is_unknown(model) => {
            let mut error =
                invalid(Some("model_not_found"), format!("The requested model '{model}' does not exist."));
            error.param = Some("model");
            Some((400, error))
        }
        (_, Some(model)) if is_unknown(model) => {
            let message = format!("The model `{model}` does not exist or you do not have access to it.");
            Some((404, invalid(Some("model_not_found"), message)))
        }
        // A stored prompt may name the model.
        (Operation::Responses, None) if !body["prompt"].is_null() => None,
        (_, None) => Some((400, invalid(None, "you must provide a model parameter".to_owned()))),
        (_, Some(_)) => None,
    }
}

pub(super) fn not_json() -> ProviderError {
    let message = "We could not parse the JSON body of your request. The OpenAI API expects a JSON \
        payload, but what was sent was not valid JSON.";
    ProviderError::new("invalid_request_error", None, message)
}

pub(super) fn error(error: &ProviderError) -> Value {
    json!({ "error": error_object(error) })
}

pub(super) fn error_object(error: &ProviderError) -> Value {
    json!({ "message": error.message, "type": error.kind, "param": error.param, "code": error.code })
}

pub(super) fn headers(number: usize) -> Vec<(&'static str, String)> {
    vec![
        ("access-control-expose-headers", "X-Request-ID".to_owned()),
        ("openai-processing-ms", "42".to_owned()),
        ("openai-version", "2020-10-01".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-ratelimit-limit-requests", "10000".to_owned()),
        ("x-ratelimit-limit-tokens", "200000".to_owned()),
        ("x-ratelimit-remaining-requests", "9999".to_owned()),
        ("x-ratelimit-remaining-tokens", "199952".to_owned()),
        ("x-ratelimit-reset-requests", "8.64s".to_owned()),
        ("x-ratelimit-reset-tokens", "14ms".to_owned()),
        ("x-request-id", request_id(number)),
    ]
}

pub(super) fn models() -> Value {
    let model = |id| json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "system" });
    json!({
        "object": "list",
        "data": [model("gpt-4o-mini"), model("gpt-5"), model("text-embedding-3-small")],
    })
}
