use super::about::About;
use crate::{
    record::{Embeddings, FinishReason, Message, RawJson, Response, Role, ToolCall, Usage},
    span::SpanRef,
};
use std::{sync::Arc, time::Duration};

/// The answer of a language model.
#[derive(Clone, Debug)]
pub struct Reply {
    response: Arc<Response>,
    about: About,
    items: Arc<[RawJson]>,
}

/// The answer of an embedding model.
#[derive(Clone, Debug)]
pub struct EmbeddingsReply {
    embeddings: Embeddings,
    about: About,
}

impl Reply {
    pub(super) fn new(response: Arc<Response>, about: About) -> Self {
        Self { response, about, items: Arc::default() }
    }

    /// With the output items as they came.
    pub(super) fn with_items(self, items: Vec<RawJson>) -> Self {
        Self { items: items.into(), ..self }
    }

    pub(super) fn about(&self) -> &About {
        &self.about
    }

    /// The text, of all generations in order.
    pub fn text(&self) -> String {
        self.response.text()
    }

    /// The tools that the model wants called.
    #[doc(alias = "toolCalls")]
    pub fn tool_calls(&self) -> Vec<&ToolCall> {
        self.response.tool_calls().collect()
    }

    /// The first generation as the message to append for the next turn.
    pub fn message(&self) -> Message {
        let empty = || Message::new(Role::Assistant, Vec::new());
        self.response.choices.first().map_or_else(empty, |choice| choice.message.clone())
    }

    /// The output items of the Responses API as they came and in their order, whatever they are: words, calls, reasoning.
    /// [`Chat::items`](super::Chat::items) takes them back. Of an answer that was cut off they are those that were
    /// done; other APIs have none.
    #[doc(alias = "outputItems")]
    pub fn output_items(&self) -> &[RawJson] {
        &self.items
    }

    /// Why the first generation stopped. A prompt that the provider blocked, so that there is none,
    /// stopped at a content filter.
    #[doc(alias = "finishReason")]
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

    /// The model that answered; [`requested_model`](Self::requested_model) is the one that was called.
    pub fn model(&self) -> Option<&str> {
        self.response.model.as_deref()
    }

    /// Everything that came.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The provider's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.about.request_id.as_deref()
    }

    /// The call's span, for an [`Evaluation`](crate::span::Evaluation) or [`Feedback`](crate::span::Feedback) to come.
    /// `None` where no OpenTelemetry layer saw it, or it [was not to be told](super::Chat::send_trace).
    pub fn span_ref(&self) -> Option<SpanRef> {
        self.about.span
    }

    /// The call's id: the [given](super::Chat::span_id) one, else that of its span, 16 hex digits. `None` where there is
    /// neither, or the call [was not to be told](super::Chat::send_trace).
    #[doc(alias = "spanId")]
    pub fn span_id(&self) -> Option<String> {
        self.about.span_id()
    }

    /// The id of the call's trace: the [given](super::Chat::trace_id) one, else that of its span, 32 hex digits; otherwise
    /// as [`span_id`](Self::span_id).
    #[doc(alias = "traceId")]
    pub fn trace_id(&self) -> Option<String> {
        self.about.trace_id()
    }

    /// The id under which Tracia has the call, `sp_` and 16 hex digits; otherwise as [`span_id`](Self::span_id).
    pub fn tracia_span_id(&self) -> Option<String> {
        self.about.tracia_span_id()
    }

    /// The id under which Tracia has the call's trace, `tr_` and 16 hex digits; otherwise as [`span_id`](Self::span_id).
    pub fn tracia_trace_id(&self) -> Option<String> {
        self.about.tracia_trace_id()
    }

    /// From the call's beginning to the end of its answer, further attempts included.
    #[doc(alias = "latencyMs")]
    pub fn latency(&self) -> Duration {
        self.about.latency
    }

    /// Who was called, in the word of `gen_ai.provider.name`: `openai`, `aws.bedrock`.
    pub fn provider(&self) -> &str {
        &self.about.provider
    }

    /// The model as it was called: the name that the call gave, without the provider's before it
    /// (`anthropic/claude-sonnet-4-5`).
    pub fn requested_model(&self) -> &str {
        &self.about.requested_model
    }

    /// What the call cost in US dollars by the provider's own word, which OpenRouter alone gives. Of others it is `None`:
    /// prices are not built in.
    #[doc(alias = "cost")]
    pub fn cost_usd(&self) -> Option<f64> {
        self.usage().told_cost(Some(self.provider()))
    }
}

impl EmbeddingsReply {
    pub(super) fn new(embeddings: Embeddings, about: About) -> Self {
        Self { embeddings, about }
    }

    /// The vectors in the order of the input.
    #[doc(alias = "embeddings")]
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

    /// The model that answered; [`requested_model`](Self::requested_model) is the one that was called.
    pub fn model(&self) -> Option<&str> {
        self.embeddings.model.as_deref()
    }

    /// Everything that came.
    pub fn embeddings(&self) -> &Embeddings {
        &self.embeddings
    }

    /// The provider's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.about.request_id.as_deref()
    }

    /// The call's span: see [`Reply::span_ref`].
    pub fn span_ref(&self) -> Option<SpanRef> {
        self.about.span
    }

    /// The call's id: see [`Reply::span_id`].
    #[doc(alias = "spanId")]
    pub fn span_id(&self) -> Option<String> {
        self.about.span_id()
    }

    /// The id of the call's trace: see [`Reply::trace_id`].
    #[doc(alias = "traceId")]
    pub fn trace_id(&self) -> Option<String> {
        self.about.trace_id()
    }

    /// The id under which Tracia has the call: see [`Reply::tracia_span_id`].
    pub fn tracia_span_id(&self) -> Option<String> {
        self.about.tracia_span_id()
    }

    /// The id under which Tracia has the call's trace: see [`Reply::tracia_trace_id`].
    pub fn tracia_trace_id(&self) -> Option<String> {
        self.about.tracia_trace_id()
    }

    /// From the call's beginning to the end of its answer, further attempts included.
    #[doc(alias = "latencyMs")]
    pub fn latency(&self) -> Duration {
        self.about.latency
    }

    /// Who was called, in the word of `gen_ai.provider.name`.
    pub fn provider(&self) -> &str {
        &self.about.provider
    }

    /// The model as it was called: see [`Reply::requested_model`].
    pub fn requested_model(&self) -> &str {
        &self.about.requested_model
    }

    /// What the call cost in US dollars by the provider's own word: see [`Reply::cost_usd`].
    #[doc(alias = "cost")]
    pub fn cost_usd(&self) -> Option<f64> {
        self.usage().told_cost(Some(self.provider()))
    }
}
