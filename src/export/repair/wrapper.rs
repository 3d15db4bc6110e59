//! The two places in a program's own OpenTelemetry where spans can be repaired.

use super::mend;
use crate::span::joined::Consumer;
use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter, SpanProcessor},
};
use std::{future::Future, time::Duration};

/// A span processor that hands spans of other libraries on as the GenAI conventions have them.
///
/// rig, genai and others make spans of their own for the calls they make. `tracing` has no unsigned
/// integers and no arrays for OpenTelemetry, so token counts leave as strings and lists as JSON; names are
/// of the conventions as they were when the library was written. This is for the program's own provider:
/// [`Telemetry`](crate::Telemetry) repairs what it exports in the same way by itself.
///
/// ```
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor};
/// use tracing_genai::export::RepairingProcessor;
///
/// let exporter = InMemorySpanExporter::default();
/// let processor = RepairingProcessor::new(SimpleSpanProcessor::new(exporter));
/// let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
/// # drop(provider);
/// ```
///
/// # What is repaired
///
/// | on a span with any `gen_ai.*` attribute, or one that OpenInference or OpenLLMetry marked | becomes |
/// |---|---|
/// | a string, or a double without fraction, where the conventions have an integer: `"12"`; any other count of tokens | an integer |
/// | a string or an integer where they have a double: `"0.5"` | a double |
/// | `"true"`, `"false"` where they have a boolean | a boolean |
/// | JSON where they have an array of strings: `gen_ai.response.finish_reasons`, `gen_ai.request.stop_sequences`, `gen_ai.request.encoding_formats` | an array |
/// | `gen_ai.system` | `gen_ai.provider.name` |
/// | a provider by another word: `aws_bedrock`, `gemini`, `azure.openai`, `xai`, `OpenAI` | the conventions' word: `aws.bedrock`, `gcp.gemini`, `azure.ai.openai`, `x_ai`, `openai` |
/// | `gen_ai.usage.prompt_tokens`, `….completion_tokens` | `….input_tokens`, `….output_tokens` |
/// | `gen_ai.usage.cache_creation.input_tokens`, `….cache_creation_input_tokens`, `….cache_read_input_tokens` | `….cache_write.input_tokens`, `….cache_read.input_tokens` |
/// | `gen_ai.usage.reasoning_tokens` | `gen_ai.usage.reasoning.output_tokens` |
/// | `gen_ai.openai.*`, `gen_ai.request.reasoning_effort` | `openai.*`, `gen_ai.request.seed`, `gen_ai.request.reasoning.level` |
/// | OpenInference's `llm.model_name`, `llm.provider`, `llm.token_count.*` | said by the conventions' names too |
/// | no `gen_ai.operation.name` | what `openinference.span.kind`, `llm.request.type`, `traceloop.span.kind` or the span's name tells |
/// | no `gen_ai.provider.name`, on a call of a model | what `server.address` tells, else the model's name |
/// | the kind `INTERNAL`, which is `tracing`'s default, on a call of a model | `CLIENT` |
/// | a name that is the operation's alone: `chat` | with what it is about: `chat gpt-4o` |
/// | a key twice | once: the last value of the right type |
///
/// A former name beside today's goes if both say the same and stays if they do not. What cannot be read
/// stays as it was, and so does content. Spans about other things, and this crate's own, are handed on
/// untouched. A span of a model that runs in the program and says `INTERNAL` on purpose cannot be told from
/// one that says nothing.
///
/// A span in which an adapter of this crate watched the call is completed with what the adapter saw: there
/// is one span for one call, and it has what a span of this crate's own would have, content aside.
#[derive(Debug)]
pub struct RepairingProcessor<P> {
    inner: P,
    /// Keeps the operations of watched calls coming.
    _consumer: Consumer,
}

impl<P: SpanProcessor> RepairingProcessor<P> {
    /// Repairs what `inner` is given.
    pub fn new(inner: P) -> Self {
        Self { inner, _consumer: Consumer::without_content() }
    }
}

impl<P: SpanProcessor> SpanProcessor for RepairingProcessor<P> {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.inner.on_start(span, cx);
    }

    fn on_end(&self, mut span: SpanData) {
        mend(&mut span);
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// A span exporter that hands spans of other libraries on as the GenAI conventions have them:
/// [`RepairingProcessor`] for who cannot put a processor around theirs.
///
/// It does [the same](RepairingProcessor#what-is-repaired), but late, when a batch is exported. What an
/// adapter of this crate saw of a call waits for it no longer than until 256 later calls have ended: behind
/// a larger batch the oldest spans are repaired and not completed.
///
/// ```
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
/// use tracing_genai::export::RepairingExporter;
///
/// let exporter = RepairingExporter::new(InMemorySpanExporter::default());
/// let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
/// # drop(provider);
/// ```
#[derive(Debug)]
pub struct RepairingExporter<E> {
    inner: E,
    /// Keeps the operations of watched calls coming.
    _consumer: Consumer,
}

impl<E: SpanExporter> RepairingExporter<E> {
    /// Repairs what `inner` is given.
    pub fn new(inner: E) -> Self {
        Self { inner, _consumer: Consumer::without_content() }
    }
}

impl<E: SpanExporter> SpanExporter for RepairingExporter<E> {
    fn export(&self, mut batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        batch.iter_mut().for_each(mend);
        self.inner.export(batch)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests;
