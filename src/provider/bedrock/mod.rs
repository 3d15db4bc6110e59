//! Amazon Bedrock's formats.

#![allow(clippy::result_large_err, reason = "an error ends the call; its size is never in the way")]

use super::registry::BEDROCK_REGIONS;

pub mod converse;
pub mod embeddings;
mod error;
mod family;
pub mod invoke;

pub use error::read_error;
pub(super) use error::{request_id, usage_in_headers};
pub use family::model_family;

/// Whether this model, by its id or the ARN of one, makes vectors.
pub(super) fn is_embedding_model(model: &str) -> bool {
    model.contains("embed")
}

/// Whether a request may have several texts: Cohere's models take them, Amazon Titan's do not.
#[cfg(feature = "client")]
pub(crate) fn embeds_many(request: &crate::record::EmbeddingsRequest) -> bool {
    embeddings::is_coheres(request)
}

/// The id of the inference profile of `model` in this geography, which newer models are called by: the
/// geography before the model's id. An id that has one, and an ARN, stay as they are.
///
/// AWS's list of inference profiles says which geographies a model has: `us`, `eu`, `apac`, `jp`, `au`, `ca`,
/// `us-gov`, `global`. Nothing of this happens by itself: a model is sent as it was written.
///
/// ```
/// use tracing_genai::provider::bedrock::inference_profile;
///
/// let model = "anthropic.claude-haiku-4-5-20251001-v1:0";
/// assert_eq!(inference_profile("eu", model), format!("eu.{model}"));
/// assert_eq!(inference_profile("eu", "us.amazon.nova-lite-v1:0"), "us.amazon.nova-lite-v1:0");
/// ```
pub fn inference_profile(geography: &str, model: &str) -> String {
    let first = model.split('.').next().unwrap_or_default();
    if model.starts_with("arn:") || BEDROCK_REGIONS.contains(&first) {
        return model.to_owned();
    }
    format!("{geography}.{model}")
}
