//! Azure OpenAI: OpenAI's answers behind a gateway that names deployments and filters content.

use super::{
    answer::ProviderError,
    chat,
    endpoint::{Endpoint, has_bearer, has_header, is_unknown},
    openai,
    render::{Generation, request_id, uuid},
};
use crate::testing::ReceivedRequest;
use bytes::Bytes;
use serde_json::{Value, json};

pub(super) fn refusal(
    request: &ReceivedRequest,
    endpoint: Option<Endpoint<'_>>,
) -> Option<(u16, ProviderError)> {
    // The gateway's errors have no type.
    let refused = |status, code, message| Some((status, ProviderError::new("", Some(code), message)));
    let Some(endpoint) = endpoint.filter(|_| request.query("api-version").is_some()) else {
        return refused(404, "404", "Resource not found");
    };
    if !has_header(request, "api-key") && !has_bearer(request) {
        let message = "Access denied: the subscription key or the endpoint is wrong.";
        return refused(401, "401", message);
    }
    if endpoint.model.is_some_and(is_unknown) {
        return refused(404, "DeploymentNotFound", "The API deployment for this resource does not exist.");
    }
    (!request.json().is_object()).then(|| (400, openai::not_json()))
}

pub(super) fn error(status: u16, error: &ProviderError) -> Value {
    let code = error.code.clone().unwrap_or_else(|| status.to_string());
    let mut object = json!({ "code": code, "message": error.message });
    if !error.kind.is_empty() {
        object["type"] = json!(error.kind);
        object["param"] = json!(error.param);
    }
    json!({ "error": object })
}

pub(super) fn headers(number: usize) -> Vec<(&'static str, String)> {
    vec![
        ("apim-request-id", uuid(number)),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-ms-rai-invoked", "true".to_owned()),
        ("x-ms-region", "Sweden Central".to_owned()),
        ("x-ratelimit-limit-requests", "100".to_owned()),
        ("x-ratelimit-limit-tokens", "100000".to_owned()),
        ("x-ratelimit-remaining-requests", "99".to_owned()),
        ("x-ratelimit-remaining-tokens", "99952".to_owned()),
        ("x-request-id", request_id(number)),
    ]
}

pub(super) fn body(generation: &Generation) -> Value {
    let mut body = chat::body(generation);
    body["prompt_filter_results"] = prompt_filter_results();
    with_filter_results(&mut body);
    body
}

pub(super) fn events(
    generation: &Generation,
    with_usage: bool,
    error: Option<&(usize, ProviderError)>,
) -> Vec<Bytes> {
    // What the filter says of the prompt comes before there is an answer, and so before its id.
    let mut chunks = vec![json!({
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": prompt_filter_results(),
    })];
    chunks.extend(chat::chunks(generation, with_usage));
    chunks.iter_mut().for_each(with_filter_results);
    chat::framed(chunks, error)
}

fn with_filter_results(body: &mut Value) {
    if let Some(body) = body.as_object_mut() {
        // Azure has no such tiers.
        body.remove("service_tier");
    }
    for choice in body["choices"].as_array_mut().into_iter().flatten() {
        // Nothing was said yet, or nothing more is.
        let is_silent =
            choice["delta"].is_object() && choice["delta"]["content"].as_str().unwrap_or_default().is_empty();
        choice["content_filter_results"] = if is_silent { json!({}) } else { filter_results() };
    }
}

fn prompt_filter_results() -> Value {
    json!([{ "prompt_index": 0, "content_filter_results": filter_results() }])
}

fn filter_results() -> Value {
    let safe = json!({ "filtered": false, "severity": "safe" });
    json!({ "hate": safe, "self_harm": safe, "sexual": safe, "violence": safe })
}
