//! Embeddings.
use crate::record::{Embeddings, EmbeddingsRequest, ErrorInfo};
/// stub
pub fn read_request(_body: &[u8]) -> Option<EmbeddingsRequest> {
    None
}
/// stub
pub fn write_request(_request: &EmbeddingsRequest) -> Result<Vec<u8>, ErrorInfo> {
    Ok(Vec::new())
}
/// stub
pub fn read_response(body: &[u8], _keep_vectors: bool) -> Result<Embeddings, ErrorInfo> {
    Err(super::unexpected_body("embeddings", body))
}
