//! What a request tells before it is sent.

use super::collected::members;
use crate::{
    provider::{self, Api, answer},
    record::{Call, EmbeddingsRequest, OperationKind, Request},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};
use std::sync::Arc;

/// How much of a request is looked through before it is sent.
pub(super) const LOOK_BYTES: usize = 256 << 10;

/// What is known of a call before it is made, and how many generations it asks for.
pub(super) fn opening(api: Api, path: &str, body: &[u8]) -> (Call, u32) {
    let (mut model, mut stream, mut count) = (None, false, None);
    members(body.get(..LOOK_BYTES).unwrap_or(body), &mut |name, value| match (name, value) {
        ("model", Value::String(name)) => model = Some(name),
        ("stream", Value::Bool(streams)) => stream = streams,
        ("n", Value::Number(choices)) => count = choices.as_u64().and_then(|count| count.try_into().ok()),
        _ => {}
    });
    let in_path = || provider::model_in_path(path);
    let model = match api {
        // Their clients may send the name in a second form.
        Api::GoogleGenerateContent | Api::GoogleEmbedContent | Api::GoogleBatchEmbedContents => {
            in_path().or(model)
        }
        _ => model.or_else(in_path),
    };
    if api.operation_kind() == OperationKind::Embeddings {
        let request = Box::new(EmbeddingsRequest { model, ..Default::default() });
        return (Call::Embeddings { request, response: Box::default() }, 1);
    }
    let stream = stream || api.is_stream_path(path);
    let request = Request { model, stream, choice_count: count, ..Default::default() };
    let expected = answer::expected_choices(api, &request);
    (Call::Inference { request: Box::new(request), response: Arc::default() }, expected)
}

/// Members of a query that are no secrets, and that an answer may well speak of.
const PLAIN_MEMBERS: [&str; 3] = ["alt", "api-version", "beta"];

/// The keys among a request's headers, and what its query holds, as it is written and as it is meant.
pub(super) fn secrets(headers: &HeaderMap, query: Option<&str>) -> Vec<HeaderValue> {
    let members = query.into_iter().flat_map(|query| query.split('&')).filter_map(|one| one.split_once('='));
    let values = members.filter(|(name, _)| !PLAIN_MEMBERS.contains(name)).flat_map(|(_, value)| {
        let decoded = value.contains('%').then(|| provider::percent_decoded(value));
        [HeaderValue::from_str(value).ok(), decoded.and_then(|value| HeaderValue::try_from(value).ok())]
    });
    [AUTHORIZATION.as_str(), "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token"]
        .iter()
        .filter_map(|name| headers.get(*name).cloned())
        .chain(values.flatten())
        .collect()
}

/// `body` with `include_usage`, if it asks for a stream of OpenAI's chat completions and does not say whether
/// it wants the usage.
pub(super) fn with_stream_usage(api: Api, body: &[u8]) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(default)]
        stream: bool,
        // Also where it is null: then it has been said.
        #[serde(borrow, default, deserialize_with = "said")]
        stream_options: Option<&'a RawValue>,
    }
    fn said<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
        Deserialize::deserialize(value).map(Some)
    }
    if api != Api::OpenAiChat {
        return None;
    }
    let asked: Asked<'_> = serde_json::from_slice(body).ok()?;
    if !asked.stream || asked.stream_options.is_some() {
        return None;
    }
    let end = memchr::memrchr(b'}', body)?;
    let mut altered = body.get(..end)?.to_vec();
    altered.extend_from_slice(br#","stream_options":{"include_usage":true}}"#);
    Some(altered.into())
}
