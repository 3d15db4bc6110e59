//! An answer in one piece, read.

use super::{
    answer::Answer,
    chat,
    chunk::{Chunk, Shape},
    nova, plain,
};
use crate::provider::{Limits, anthropic, failure::unexpected_body, openai};
use crate::record::{ErrorInfo, Response};

/// The answer.
///
/// Counts that only the headers tell are not in it.
///
/// # Errors
/// As [`crate::provider::read_response`].
pub fn read_response(body: &[u8]) -> Result<Response, ErrorInfo> {
    let unexpected = || unexpected_body("one of a model that is known here", body);
    let chunk = Chunk::read(body).ok_or_else(unexpected)?;
    let mut response = match chunk.shape_of_answer().ok_or_else(unexpected)? {
        Shape::Claude => anthropic::read_response(body)?,
        Shape::Chat => openai::chat::read_response(&chat::as_openai(body))?,
        Shape::Nova => nova::read_response(body).ok_or_else(unexpected)?,
        Shape::Plain => {
            let mut answer = Answer::new(Limits::default());
            let text = std::str::from_utf8(body).unwrap_or_default();
            if !plain::read(text, &mut answer, &mut |_| {}) {
                return Err(unexpected());
            }
            answer.response
        }
    };
    chunk.tell(&mut response);
    Ok(response)
}
