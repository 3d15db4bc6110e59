//! What is done to each text of content before it is recorded.

use crate::{
    record::{
        Call, EmbeddingInput, ErrorInfo, MediaSource, Message, Operation, Outcome, Part, Request, Response,
        ToolDefinition,
    },
    semconv::tracia::TRACIA_VARIABLES,
};
use serde_json::{Map, Value};
use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// What stands for a text where its redaction panicked.
const FAILED: &str = "[redaction failed]";

type Hook = dyn for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync;

/// A hook that sees each text of content, and gives what is recorded in its place.
#[derive(Clone)]
pub(crate) struct Redaction(Arc<Hook>);

impl Redaction {
    pub(super) fn new(hook: impl for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// The operation with every text that people, models and tools said as it may be recorded.
    pub(crate) fn operation(&self, operation: &Operation) -> Operation {
        let mut redacted = operation.clone();
        self.call(&mut redacted.call);
        if let Outcome::Failed(error) = &mut redacted.outcome {
            self.error(error);
        }
        if let Some(marks) = &mut redacted.marks {
            if let Some(variables) = Arc::make_mut(marks).attributes.get_mut(TRACIA_VARIABLES) {
                self.json_or_text(variables);
            }
        }
        redacted
    }

    /// What may be recorded of this text.
    pub(crate) fn text(&self, text: &mut String) {
        // The hook runs in the program's calls and on the export's thread, which a panic must not end.
        let redacted = catch_unwind(AssertUnwindSafe(|| (self.0)(text).into_owned()));
        *text = redacted.unwrap_or_else(|_| FAILED.to_owned());
    }

    /// The same of a text that may be JSON: of each text, number and name in it.
    pub(crate) fn json_text(&self, text: &mut String) {
        match serde_json::from_str(text) {
            Ok(mut json @ (Value::Object(_) | Value::Array(_))) => {
                let before = json.clone();
                self.json(&mut json);
                if json != before {
                    *text = json.to_string();
                }
            }
            _ => self.text(text),
        }
    }

    fn json_or_text(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.json_text(text),
            other => self.json(other),
        }
    }

    fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            // A card's number is one too.
            Value::Number(number) => {
                let plain = number.to_string();
                let mut text = plain.clone();
                self.text(&mut text);
                if text != plain {
                    *value = Value::String(text);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(entries) => {
                let redacted = std::mem::take(entries).into_iter().map(|(mut key, mut value)| {
                    self.text(&mut key);
                    self.json(&mut value);
                    (key, value)
                });
                *entries = redacted.collect::<Map<_, _>>();
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn call(&self, call: &mut Call) {
        match call {
            Call::Inference { request, response } => {
                self.request(request);
                self.response(Arc::make_mut(response));
            }
            Call::Agent(agent) => {
                self.request(&mut agent.request);
                self.response(&mut agent.response);
            }
            Call::Workflow(run) => {
                run.input.iter_mut().chain(&mut run.output).for_each(|message| self.message(message));
            }
            Call::Embeddings { request, .. } => {
                for input in &mut request.input {
                    if let EmbeddingInput::Text(text) = input {
                        self.text(text);
                    }
                }
            }
            Call::Tool(tool) => {
                [&mut tool.arguments, &mut tool.result].into_iter().flatten().for_each(|text| {
                    self.json_text(text);
                });
            }
            Call::Retrieval(search) => {
                search.query.iter_mut().for_each(|query| self.text(query));
                search.documents.iter_mut().for_each(|document| self.json(document));
            }
            Call::Plan(plan) => plan.text.iter_mut().for_each(|text| self.text(text)),
            Call::Memory(memory) => {
                memory.query.iter_mut().for_each(|query| self.text(query));
                memory.records.iter_mut().for_each(|record| self.json(record));
            }
            Call::Evaluation(evaluation) => {
                evaluation.explanation.iter_mut().for_each(|text| self.text(text));
            }
        }
    }

    fn request(&self, request: &mut Request) {
        request.system_instructions.iter_mut().for_each(|part| self.part(part));
        request.messages.iter_mut().for_each(|message| self.message(message));
        request.tools.iter_mut().for_each(|tool| self.tool(tool));
        request.variables.values_mut().for_each(|value| self.text(value));
    }

    fn tool(&self, tool: &mut ToolDefinition) {
        tool.description.iter_mut().for_each(|text| self.text(text));
        tool.parameters.iter_mut().for_each(|schema| self.json(schema));
        tool.options.values_mut().for_each(|option| self.json(option));
    }

    fn response(&self, response: &mut Response) {
        for choice in &mut response.choices {
            self.message(&mut choice.message);
            choice.finish_message.iter_mut().for_each(|text| self.text(text));
        }
    }

    fn message(&self, message: &mut Message) {
        message.name.iter_mut().for_each(|name| self.text(name));
        message.parts.iter_mut().for_each(|part| self.part(part));
    }

    fn part(&self, part: &mut Part) {
        match part {
            Part::Text(text) | Part::Reasoning(text) | Part::Refusal(text) => self.text(text),
            Part::ToolCall(call) | Part::ServerToolCall(call) => self.json_text(&mut call.arguments),
            Part::ToolResult(result) => {
                self.json_text(&mut result.content);
                result.media.iter_mut().for_each(|media| self.source(&mut media.source));
            }
            Part::Media(media) => self.source(&mut media.source),
            Part::ServerToolResult(result) => self.json(&mut result.value),
            Part::Citations(sources) => sources.iter_mut().for_each(|source| self.json(source)),
            Part::Other { value, .. } => self.json(value),
            Part::Signature(_) | Part::CachePoint(_) => {}
        }
    }

    fn source(&self, source: &mut MediaSource) {
        match source {
            MediaSource::Base64(text) | MediaSource::Uri(text) | MediaSource::FileId(text) => self.text(text),
        }
    }

    fn error(&self, error: &mut ErrorInfo) {
        self.text(&mut error.message);
        error.body.iter_mut().for_each(|body| self.json_text(body));
        error.details.iter_mut().for_each(|detail| self.json(detail));
    }
}

impl PartialEq for Redaction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Redaction {}

impl fmt::Debug for Redaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redaction")
    }
}

#[cfg(test)]
mod tests;
