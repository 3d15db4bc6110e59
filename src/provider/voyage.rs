//! Voyage's embeddings: OpenAI's format but for the names of two parameters.

#![allow(clippy::result_large_err, reason = "an error ends the call; its size is never in the way")]

use super::{failure::refuse, openai, pick};
use crate::record::{Embeddings, EmbeddingsRequest, ErrorInfo};

/// What a request asks for. `None` if the body is not a JSON object.
pub fn read_request(body: &[u8]) -> Option<EmbeddingsRequest> {
    let mut request = openai::embeddings::read_request(body)?;
    request.dimensions = pick::take(&mut request.options, "output_dimension", pick::small_number);
    Some(request)
}

/// The answer. Voyage counts the tokens of the input, and calls them the total.
///
/// # Errors
/// As [`openai::embeddings::read_response`].
pub fn read_response(body: &[u8], keep_vectors: bool) -> Result<Embeddings, ErrorInfo> {
    let mut embeddings = openai::embeddings::read_response(body, keep_vectors)?;
    let usage = &mut embeddings.usage;
    usage.input_tokens = usage.input_tokens.or(usage.total_tokens);
    Ok(embeddings)
}

/// The body of a request. What Voyage alone has (`input_type`, `truncation`, `output_dtype`) goes among
/// the [`options`](EmbeddingsRequest::options).
///
/// # Errors
/// [`ErrorKind::InvalidRequest`](crate::record::ErrorKind::InvalidRequest) for `user`, which Voyage has not, and for more than
/// one encoding.
pub fn write_request(request: &EmbeddingsRequest) -> Result<Vec<u8>, ErrorInfo> {
    refuse("Voyage", "user", request.user.is_some())?;
    let dialect = openai::Dialect { output_dimension: true, ..openai::Dialect::default() };
    openai::embeddings::write_request(request, dialect)
}
