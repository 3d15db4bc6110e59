//! The GenAI conventions' attributes of a finished operation.

mod agent;
mod content;
mod evaluation;
mod fields;
mod marks;
mod said;
mod status;

pub(crate) use content::content_attributes;
pub(crate) use evaluation::evaluation_event;
pub(crate) use fields::{fields, operation_name};
pub(crate) use marks::marks;
pub(crate) use status::status_words;

use crate::{
    record::{
        ByModality, Call, Embeddings, EmbeddingsRequest, FinishReason, Operation, OperationClass, Outcome,
        OutputFormat, Request, Response, Retrieval, ToolExecution, Usage,
    },
    semconv::{gen_ai as names, own, tracia},
};
use opentelemetry::{Array, KeyValue, StringValue, Value};

/// The names of the attributes that hold content.
pub(crate) const CONTENT_ATTRIBUTES: [&str; 11] = [
    names::GEN_AI_SYSTEM_INSTRUCTIONS,
    names::GEN_AI_INPUT_MESSAGES,
    names::GEN_AI_OUTPUT_MESSAGES,
    names::GEN_AI_TOOL_DEFINITIONS,
    names::GEN_AI_TOOL_CALL_ARGUMENTS,
    names::GEN_AI_TOOL_CALL_RESULT,
    names::GEN_AI_RETRIEVAL_QUERY_TEXT,
    names::GEN_AI_RETRIEVAL_DOCUMENTS,
    names::GEN_AI_MEMORY_QUERY_TEXT,
    names::GEN_AI_MEMORY_RECORDS,
    tracia::TRACIA_VARIABLES,
];

/// Providers whose spans are of the conventions' OpenAI flavour and carry `openai.*`.
const OPENAI_FLAVOURED: [&str; 2] = ["openai", "azure.ai.openai"];

/// What the span learns at its end, content aside.
///
/// What a span is given at its start, and what it carries as `tracing` fields (the two token
/// totals, `error.type`), is not repeated here: an attribute recorded twice is exported twice.
pub(crate) fn attributes(operation: &Operation) -> Vec<KeyValue> {
    let mut list = unmarked_attributes(operation);
    let marks = marks_of(operation, |key| list.iter().any(|attribute| attribute.key.as_str() == key));
    list.extend(marks);
    list
}

/// The marks of its scope, for a span that `has` these attributes.
pub(crate) fn marks_of(operation: &Operation, has: impl Fn(&str) -> bool) -> Vec<KeyValue> {
    let is_generation = operation.kind.class() == OperationClass::Generation;
    operation.marks.as_deref().map_or_else(Vec::new, |given| marks(given, is_generation, has))
}

/// [`attributes`] without the marks, for a span of another library: it is marked as it starts.
pub(crate) fn unmarked_attributes(operation: &Operation) -> Vec<KeyValue> {
    let mut list = List(Vec::with_capacity(24));
    match &operation.call {
        Call::Inference { request, response } => inference(&mut list, operation, request, response),
        Call::Embeddings { request, response } => embeddings(&mut list, request, response),
        Call::Tool(tool) => tool_execution(&mut list, tool),
        Call::Retrieval(search) => retrieval(&mut list, search),
        Call::Agent(run) => agent::agent(&mut list, operation, run),
        Call::Workflow(run) => list.text(names::GEN_AI_CONVERSATION_ID, run.conversation_id.as_deref()),
        Call::Memory(memory) => agent::memory(&mut list, memory),
        // A plan's one attribute is given at its start; an evaluation is an event.
        Call::Plan(_) | Call::Evaluation(_) => {}
    }
    if operation.attempts > 1 {
        list.put(own::TRACING_GENAI_ATTEMPTS, Some(i64::from(operation.attempts)));
    }
    list.0
}

/// Attributes, of which absent ones leave no trace.
struct List(Vec<KeyValue>);

impl List {
    fn put(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.push(KeyValue::new(name, value));
        }
    }

    fn text(&mut self, name: &'static str, value: Option<&str>) {
        self.put(name, value.map(str::to_owned));
    }

    fn count(&mut self, name: &'static str, value: Option<u64>) {
        self.put(name, value.map(to_i64));
    }

    /// A part of a total, which says nothing when it is 0.
    fn breakdown(&mut self, name: &'static str, value: Option<u64>) {
        self.count(name, value.filter(|count| *count > 0));
    }

    fn texts(&mut self, name: &'static str, values: impl IntoIterator<Item = String>) {
        let values: Vec<StringValue> = values.into_iter().map(StringValue::from).collect();
        if !values.is_empty() {
            self.0.push(KeyValue::new(name, Value::Array(Array::String(values))));
        }
    }
}

fn inference(list: &mut List, operation: &Operation, request: &Request, response: &Response) {
    if request.stream {
        list.put(names::GEN_AI_REQUEST_STREAM, Some(true));
    }
    settings(list, request);
    list.count(names::GEN_AI_REQUEST_TOP_K, request.top_k);
    list.text(names::GEN_AI_REQUEST_REASONING_LEVEL, request.reasoning_level.as_deref());
    list.text(names::GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID, request.previous_response_id.as_deref());

    list.text(names::GEN_AI_RESPONSE_ID, response.id.as_deref());
    list.text(names::GEN_AI_RESPONSE_MODEL, response.model.as_deref());
    list.texts(names::GEN_AI_RESPONSE_FINISH_REASONS, finish_reasons(operation, request, response));
    list.put(
        names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
        operation.time_to_first_chunk.map(|time| time.as_secs_f64()),
    );
    usage_breakdown(list, &response.usage);
    let reasoning = response.usage.reasoning_output_tokens;
    list.breakdown(names::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, reasoning);

    list.text(names::AWS_BEDROCK_GUARDRAIL_ID, request.guardrail_id.as_deref());
    if operation.provider.as_deref().is_some_and(|provider| OPENAI_FLAVOURED.contains(&provider)) {
        list.text(names::OPENAI_API_TYPE, operation.api.as_deref());
        list.text(
            names::OPENAI_REQUEST_SERVICE_TIER,
            request.service_tier.as_deref().filter(|tier| *tier != "auto"),
        );
        list.text(names::OPENAI_RESPONSE_SERVICE_TIER, response.service_tier.as_deref());
        list.text(names::OPENAI_RESPONSE_SYSTEM_FINGERPRINT, response.system_fingerprint.as_deref());
    }
}

/// What a model and an agent are asked with alike.
fn settings(list: &mut List, request: &Request) {
    list.put(names::GEN_AI_OUTPUT_TYPE, request.output_format.as_ref().map(output_type));
    list.count(
        names::GEN_AI_REQUEST_CHOICE_COUNT,
        request.choice_count.filter(|count| *count != 1).map(u64::from),
    );
    list.count(names::GEN_AI_REQUEST_MAX_TOKENS, request.max_output_tokens);
    list.put(names::GEN_AI_REQUEST_TEMPERATURE, request.temperature);
    list.put(names::GEN_AI_REQUEST_TOP_P, request.top_p);
    list.put(names::GEN_AI_REQUEST_FREQUENCY_PENALTY, request.frequency_penalty);
    list.put(names::GEN_AI_REQUEST_PRESENCE_PENALTY, request.presence_penalty);
    list.texts(names::GEN_AI_REQUEST_STOP_SEQUENCES, request.stop_sequences.iter().cloned());
    list.put(names::GEN_AI_REQUEST_SEED, request.seed);
    list.text(names::GEN_AI_CONVERSATION_ID, request.conversation_id.as_deref());
}

fn embeddings(list: &mut List, request: &EmbeddingsRequest, response: &Embeddings) {
    let dimensions = response.dimensions.map(|count| count as u64).or(request.dimensions.map(u64::from));
    list.count(names::GEN_AI_EMBEDDINGS_DIMENSION_COUNT, dimensions);
    list.texts(names::GEN_AI_REQUEST_ENCODING_FORMATS, request.encoding_formats.iter().cloned());
    list.text(names::GEN_AI_RESPONSE_MODEL, response.model.as_deref());
}

fn tool_execution(list: &mut List, tool: &ToolExecution) {
    list.text(names::GEN_AI_TOOL_CALL_ID, tool.call_id.as_deref());
    list.text(names::GEN_AI_TOOL_DESCRIPTION, tool.description.as_deref());
}

fn retrieval(list: &mut List, search: &Retrieval) {
    list.text(names::GEN_AI_DATA_SOURCE_ID, search.data_source_id.as_deref());
    list.count(names::GEN_AI_RETRIEVAL_TOP_K, search.top_k);
}

fn usage_breakdown(list: &mut List, usage: &Usage) {
    list.breakdown(names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, usage.cache_read_input_tokens);
    list.breakdown(names::GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS, usage.cache_write_input_tokens);
    let mut by_modality = |counts: &ByModality, [text, image, audio]: [&'static str; 3]| {
        list.breakdown(text, counts.text);
        list.breakdown(image, counts.image);
        list.breakdown(audio, counts.audio);
    };
    by_modality(
        &usage.input,
        [
            names::GEN_AI_USAGE_TEXT_INPUT_TOKENS,
            names::GEN_AI_USAGE_IMAGE_INPUT_TOKENS,
            names::GEN_AI_USAGE_AUDIO_INPUT_TOKENS,
        ],
    );
    by_modality(
        &usage.output,
        [
            names::GEN_AI_USAGE_TEXT_OUTPUT_TOKENS,
            names::GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS,
            names::GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS,
        ],
    );
    by_modality(
        &usage.cache_read,
        [
            names::GEN_AI_USAGE_TEXT_CACHE_READ_INPUT_TOKENS,
            names::GEN_AI_USAGE_IMAGE_CACHE_READ_INPUT_TOKENS,
            names::GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS,
        ],
    );
}

/// One reason a generation, at its place: `error` where one was due and never came (registry note of
/// `gen_ai.response.finish_reasons`), and a content filter where it took the prompt. A call that the
/// provider refused outright had no generation.
fn finish_reasons(operation: &Operation, request: &Request, response: &Response) -> Vec<String> {
    let was_due = match &operation.outcome {
        Outcome::Done => false,
        Outcome::Abandoned => true,
        Outcome::Failed(_) => operation.http_status.is_some_and(|status| (200..300).contains(&status)),
    };
    let expected = if was_due { request.choice_count.unwrap_or(1).min(MOST_CHOICES) } else { 0 };
    let began = response.choices.last().map_or(0, |choice| choice.index.min(MOST_CHOICES - 1) + 1);
    let keeps_raw = operation.api.is_some();
    let word = |index: u32| {
        let choice = response.choices.iter().find(|choice| choice.index == index);
        let reason = choice.and_then(|choice| {
            let normalized = choice.finish_reason.as_ref().map(|reason| reason.as_str().to_owned());
            // Of OpenAI's APIs their own word, as in the reference instrumentation; else the conventions'.
            let raw = choice.raw_finish_reason.clone();
            if keeps_raw { raw.or(normalized) } else { normalized.or(raw) }
        });
        reason.or_else(|| was_due.then(|| "error".to_owned()))
    };
    if began == 0 && response.block_reason.is_some() {
        return vec![FinishReason::ContentFilter.as_str().to_owned()];
    }
    (0..expected.max(began)).filter_map(word).collect()
}

/// The most generations that OpenAI lets a request ask for (`n`).
const MOST_CHOICES: u32 = 128;

fn output_type(format: &OutputFormat) -> &'static str {
    match format {
        OutputFormat::Text => "text",
        OutputFormat::Json | OutputFormat::JsonSchema { .. } => "json",
        OutputFormat::Image => "image",
        OutputFormat::Speech => "speech",
    }
}

/// A count as OpenTelemetry has it; `tracing-opentelemetry` would export a `u64` as a string.
pub(crate) fn to_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
