use crate::record::{Embeddings, FinishReason, Message, Response, Role, ToolCall, Usage};
use std::sync::Arc;

/// The answer of a language model.
#[derive(Clone, Debug)]
pub struct Reply {
    response: Arc<Response>,
    request_id: Option<String>,
}

/// The answer of an embedding model.
#[derive(Clone, Debug)]
pub struct EmbeddingsReply {
    embeddings: Embeddings,
    request_id: Option<String>,
}

impl Reply {
    pub(super) fn new(response: Arc<Response>, request_id: Option<String>) -> Self {
        Self { response, request_id }
    }

    /// The text, of all generations in order.
    pub fn text(&self) -> String {
        self.response.text()
    }

    /// The tools that the model wants called.
    pub fn tool_calls(&self) -> Vec<&ToolCall> {
        self.response.tool_calls().collect()
    }

    /// The first generation as the message to append for the next turn.
    pub fn message(&self) -> Message {
        let empty = || Message::new(Role::Assistant, Vec::new());
        self.response.choices.first().map_or_else(empty, |choice| choice.message.clone())
    }

    /// Why the first generation stopped. A prompt that the provider blocked, so that there is none,
    /// stopped at a content filter.
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        match self.response.choices.first() {
            Some(choice) => choice.finish_reason.as_ref(),
            None => self.response.block_reason.as_ref().map(|_| &FinishReason::ContentFilter),
        }
    }

    /// What the call used.
    pub fn usage(&self) -> &Usage {
        &self.response.usage
    }

    /// The model that answered.
    pub fn model(&self) -> Option<&str> {
        self.response.model.as_deref()
    }

    /// Everything that came.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The provider's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl EmbeddingsReply {
    pub(super) fn new(embeddings: Embeddings, request_id: Option<String>) -> Self {
        Self { embeddings, request_id }
    }

    /// The vectors in the order of the input.
    pub fn vectors(&self) -> &[Vec<f32>] {
        &self.embeddings.vectors
    }

    /// The vectors in the order of the input, without a copy.
    pub fn into_vectors(self) -> Vec<Vec<f32>> {
        self.embeddings.vectors
    }

    /// What the call used.
    pub fn usage(&self) -> &Usage {
        &self.embeddings.usage
    }

    /// Everything that came.
    pub fn embeddings(&self) -> &Embeddings {
        &self.embeddings
    }

    /// The provider's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}
