use super::Usage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What was asked of an embedding model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EmbeddingsRequest {
    /// The model, exactly as requested.
    pub model: Option<String>,
    /// What to embed, one entry a vector.
    pub input: Vec<EmbeddingInput>,
    /// The number of dimensions asked for.
    pub dimensions: Option<u32>,
    /// The encodings asked for, such as `base64`.
    pub encoding_formats: Vec<String>,
    /// The end user's id, where the provider takes one.
    pub user: Option<String>,
    /// Parameters of the provider's own, sent as they are.
    pub options: Map<String, Value>,
}

/// One thing to embed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum EmbeddingInput {
    /// A text.
    Text(String),
    /// Token ids.
    Tokens(Vec<u32>),
}

/// What an embedding model answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Embeddings {
    /// The model that answered.
    pub model: Option<String>,
    /// The response's id, where the provider has one.
    pub id: Option<String>,
    /// How many vectors came.
    pub count: usize,
    /// The vectors' length.
    pub dimensions: Option<usize>,
    /// The encoding they came in: `float` or `base64`.
    pub encoding: Option<String>,
    /// The vectors in the order of the input; empty when nobody asked for the numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vectors: Vec<Vec<f32>>,
    /// What it used.
    pub usage: Usage,
}

impl From<&str> for EmbeddingInput {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for EmbeddingInput {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for EmbeddingInput {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Vec<u32>> for EmbeddingInput {
    fn from(tokens: Vec<u32>) -> Self {
        Self::Tokens(tokens)
    }
}
