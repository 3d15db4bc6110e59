//! Providers' wire formats, each understood in one place: pure functions over bytes.
//!
//! The calling client and every adapter for another client use the same readers, so a call gives
//! the same record whoever made it. No function here does I/O, reads a clock or panics on any
//! input.

mod api;
pub mod openai;
mod stream;

pub use api::{Api, provider_name};
pub use stream::{Delta, Limits, StreamReader};

use std::sync::Arc;

use crate::record::{Call, Embeddings, EmbeddingsRequest, ErrorInfo, OperationKind, Request, Response};

/// What a request asks for, read from its body: the [`Call`] with an empty response. `None` if the
/// body is not a JSON object.
pub fn read_request(api: Api, body: &[u8]) -> Option<Call> {
    let inference =
        |request: Request| Call::Inference { request: Box::new(request), response: Arc::default() };
    match api {
        Api::OpenAiChat => openai::chat::read_request(body).map(inference),
        Api::OpenAiResponses => openai::responses::read_request(body).map(inference),
        Api::OpenAiEmbeddings => openai::embeddings::read_request(body).map(|request: EmbeddingsRequest| {
            Call::Embeddings { request: Box::new(request), response: Box::default() }
        }),
    }
}

/// The answer of a language model, read from the body of a success that is no stream.
///
/// # Errors
/// [`ErrorKind::Protocol`](crate::record::ErrorKind::Protocol) with the body's first bytes when it
/// is not what the API promises; also for an API that answers with something else.
pub fn read_response(api: Api, body: &[u8]) -> Result<Response, ErrorInfo> {
    match api {
        Api::OpenAiChat => openai::chat::read_response(body),
        Api::OpenAiResponses => openai::responses::read_response(body),
        Api::OpenAiEmbeddings => Err(openai::unexpected_body("a completion", body)),
    }
}

/// The error that a whole answer tells of although it came as a success: a response whose status is
/// `failed`, or an error object where a completion should be.
pub fn response_error(api: Api, body: &[u8]) -> Option<ErrorInfo> {
    match api {
        Api::OpenAiResponses => openai::responses::response_error(body),
        Api::OpenAiChat | Api::OpenAiEmbeddings => openai::read_success_error(body),
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
        Api::OpenAiChat | Api::OpenAiResponses => Err(openai::unexpected_body("embeddings", body)),
    }
}

/// The error in an answer that is no success.
pub fn read_error(api: Api, status: u16, headers: &http::HeaderMap, body: &[u8]) -> ErrorInfo {
    match api {
        Api::OpenAiChat | Api::OpenAiResponses | Api::OpenAiEmbeddings => {
            openai::read_error(status, headers, body)
        }
    }
}

/// The provider's id of a request, in its answer's headers.
pub fn request_id(api: Api, headers: &http::HeaderMap) -> Option<String> {
    match api {
        Api::OpenAiChat | Api::OpenAiResponses | Api::OpenAiEmbeddings => openai::request_id(headers),
    }
}

impl Api {
    /// The kind of operation that a call of this API is.
    pub const fn operation_kind(self) -> OperationKind {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses => OperationKind::Chat,
            Self::OpenAiEmbeddings => OperationKind::Embeddings,
        }
    }
}
