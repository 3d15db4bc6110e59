//! Providers' wire formats, each understood in one place: pure functions over bytes.
//!
//! The calling client and every adapter for another client use the same readers, so a call gives
//! the same record whoever made it. No function here does I/O, reads a clock or panics on any
//! input.

#![allow(clippy::result_large_err, reason = "an error ends the call; its size is never in the way")]

pub(crate) mod answer;
pub mod anthropic;
mod api;
pub mod bedrock;
mod body;
mod check;
mod failure;
pub mod google;
mod handover;
mod lenient;
pub mod openai;
mod pick;
mod registry;
mod stream;
mod text;
mod told;
pub mod voyage;

#[cfg(feature = "instrument")]
pub(crate) use api::percent_decoded;
pub use api::{Api, model_in_path, provider_name};
pub use registry::Provider;
pub use stream::{Delta, Limits, StreamReader};

use crate::{
    record::{Call, Embeddings, EmbeddingsRequest, ErrorInfo, Request, Response, Usage},
    wire::events::EventParser,
};
use api::Family;
use failure::unexpected_body;
use std::sync::Arc;

/// What a request asks for, read from its body and, for what the body does not hold, from the path of
/// its URL: Google's model, an Azure deployment. The [`Call`] has an empty response. `None` if the
/// body is not a JSON object.
pub fn read_request(api: Api, path: &str, body: &[u8]) -> Option<Call> {
    let inference = |mut request: Request| {
        request.model = request.model.or_else(|| model_in_path(path));
        request.stream |= api.is_stream_path(path);
        Call::Inference { request: Box::new(request), response: Arc::default() }
    };
    let embeddings = |mut request: EmbeddingsRequest| {
        request.model = request.model.or_else(|| model_in_path(path));
        Call::Embeddings { request: Box::new(request), response: Box::default() }
    };
    match api {
        Api::OpenAiChat => openai::chat::read_request(body).map(inference),
        Api::OpenAiResponses => openai::responses::read_request(body).map(inference),
        Api::AnthropicMessages => anthropic::read_request(body).map(inference),
        Api::GoogleGenerateContent => google::read_request(body).map(inference),
        Api::BedrockConverse => bedrock::converse::read_request(body).map(inference),
        Api::BedrockInvokeModel => bedrock::invoke::read_request(body).map(inference),
        Api::BedrockEmbeddings => bedrock::embeddings::read_request(body).map(embeddings),
        Api::OpenAiEmbeddings => openai::embeddings::read_request(body).map(embeddings),
        Api::VoyageEmbeddings => voyage::read_request(body).map(embeddings),
        Api::GoogleEmbedContent | Api::GoogleBatchEmbedContents | Api::VertexPredict => {
            google::embeddings::read_request(api, body).map(embeddings)
        }
    }
}

/// The body of a request to a language model.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`](crate::record::ErrorKind::InvalidRequest) for what the API has not or
/// cannot take: the message and `param` name it.
pub fn write_request(api: Api, request: &Request, dialect: openai::Dialect) -> Result<Vec<u8>, ErrorInfo> {
    check::request(request)?;
    let request = &*handover::adapted(api, request);
    match api {
        Api::OpenAiChat => openai::chat::write_request(request, dialect),
        Api::OpenAiResponses => openai::responses::write_request(request),
        Api::AnthropicMessages => anthropic::write_request(request),
        Api::GoogleGenerateContent => google::write_request(request),
        Api::BedrockConverse => bedrock::converse::write_request(request),
        Api::BedrockInvokeModel => Err(failure::wrong(
            "api",
            "each family of models has a format of its own here: the body is the caller's",
        )),
        _ => Err(failure::wrong("api", "it is one of embedding models")),
    }
}

/// The body of a request to an embedding model.
///
/// # Errors
/// As [`write_request`].
pub fn write_embeddings(
    api: Api,
    request: &EmbeddingsRequest,
    dialect: openai::Dialect,
) -> Result<Vec<u8>, ErrorInfo> {
    match api {
        Api::OpenAiEmbeddings => openai::embeddings::write_request(request, dialect),
        Api::VoyageEmbeddings => voyage::write_request(request),
        Api::GoogleEmbedContent | Api::GoogleBatchEmbedContents | Api::VertexPredict => {
            google::embeddings::write_request(api, request)
        }
        Api::BedrockEmbeddings => bedrock::embeddings::write_request(request),
        _ => Err(failure::wrong("api", "it is one of language models")),
    }
}

/// The longest event of a stream that is read: a picture may be one.
const MAX_EVENT: usize = 64 << 20;

/// What takes the bytes of this API's streams apart.
pub fn event_parser(api: Api) -> EventParser {
    match api {
        // Asked without `alt=sse` Google sends an array, and errors always in its own way.
        Api::GoogleGenerateContent => EventParser::sse_or_json().with_max_event(MAX_EVENT),
        Api::BedrockConverse | Api::BedrockInvokeModel => EventParser::aws(),
        _ => EventParser::sse().with_max_event(MAX_EVENT),
    }
}

/// The answer of a language model, read from the body of a success that is no stream.
///
/// # Errors
/// [`ErrorKind::Protocol`](crate::record::ErrorKind::Protocol) with the body's first bytes when it
/// is not what the API promises; also for an API that answers with something else.
pub fn read_response(api: Api, body: &[u8]) -> Result<Response, ErrorInfo> {
    let response = match api {
        Api::OpenAiChat => openai::chat::read_response(body),
        Api::OpenAiResponses => openai::responses::read_response(body),
        Api::AnthropicMessages => anthropic::read_response(body),
        Api::GoogleGenerateContent => google::read_response(body),
        Api::BedrockConverse => bedrock::converse::read_response(body),
        Api::BedrockInvokeModel => bedrock::invoke::read_response(body),
        _ => Err(unexpected_body("a completion", body)),
    };
    response.map(|response| handover::with_origin(api, response))
}

/// The output items of a whole answer as they came; none but of the Responses API.
#[cfg(feature = "client")]
pub(crate) fn output_items(api: Api, body: &[u8]) -> Vec<crate::record::RawJson> {
    if api == Api::OpenAiResponses { openai::responses::output_items(body) } else { Vec::new() }
}

/// The error that a whole answer tells of although it came as a success: a response whose status is
/// `failed`, or an error object where a completion should be.
pub fn response_error(api: Api, body: &[u8]) -> Option<ErrorInfo> {
    match api.family() {
        _ if api == Api::OpenAiResponses => openai::responses::response_error(body),
        Family::OpenAi => openai::read_success_error(body),
        Family::Anthropic => anthropic::read_success_error(body),
        Family::Google => google::read_success_error(body),
        // It answers a success with what was asked for.
        Family::Bedrock => None,
    }
}

/// The answer of an embedding model. `keep_vectors` tells whether the numbers are wanted or only
/// how many there are.
///
/// # Errors
/// As [`read_response`].
pub fn read_embeddings(api: Api, body: &[u8], keep_vectors: bool) -> Result<Embeddings, ErrorInfo> {
    match api {
        Api::OpenAiEmbeddings => openai::embeddings::read_response(body, keep_vectors),
        Api::VoyageEmbeddings => voyage::read_response(body, keep_vectors),
        Api::GoogleEmbedContent | Api::GoogleBatchEmbedContents | Api::VertexPredict => {
            google::embeddings::read_response(body, keep_vectors)
        }
        Api::BedrockEmbeddings => bedrock::embeddings::read_response(body, keep_vectors),
        _ => Err(unexpected_body("embeddings", body)),
    }
}

/// The error in an answer that is no success.
pub fn read_error(api: Api, status: u16, headers: &http::HeaderMap, body: &[u8]) -> ErrorInfo {
    match api.family() {
        Family::OpenAi => openai::read_error(status, headers, body),
        Family::Anthropic => anthropic::read_error(status, headers, body),
        Family::Google => google::read_error(status, headers, body),
        Family::Bedrock => bedrock::read_error(status, headers, body),
    }
}

/// The provider's id of a request, in its answer's headers.
pub fn request_id(api: Api, headers: &http::HeaderMap) -> Option<String> {
    match api.family() {
        Family::OpenAi => openai::request_id(headers),
        Family::Anthropic => anthropic::request_id(headers),
        // Google gives an answer an id, and a request none.
        Family::Google => None,
        Family::Bedrock => bedrock::request_id(headers),
    }
}

/// What an answer's headers say of its usage, beside or in place of its body (Amazon Bedrock).
pub fn usage_in_headers(api: Api, headers: &http::HeaderMap) -> Usage {
    match api.family() {
        Family::Bedrock => bedrock::usage_in_headers(headers),
        _ => Usage::default(),
    }
}
