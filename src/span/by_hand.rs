//! Spans of what only the program can see.

use super::in_flight::InFlight;
use crate::{
    capture::{ContentCapture, redact::scrub_secrets},
    record::{self, Call, ErrorInfo, ErrorKind, Operation, OperationKind, Outcome, ToolCall},
};
use std::{
    fmt::{Display, Write},
    future::Future,
};

/// The span of one execution of a tool (`execute_tool`).
///
/// ```
/// use tracing_genai::span::Tool;
///
/// # async fn answer(call: &tracing_genai::record::ToolCall) -> Result<String, std::io::Error> {
/// async fn get_weather(arguments: &str) -> Result<String, std::io::Error> {
///     # let _ = arguments;
///     Ok("18 °C and clear".to_owned())
/// }
///
/// let weather = Tool::from(call).run(get_weather(&call.arguments)).await?;
/// # Ok(weather)
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a span is made by `run`"]
pub struct Tool {
    tool: record::ToolExecution,
    content: Option<ContentCapture>,
}

/// The span of one search for documents (`retrieval`).
///
/// ```
/// use tracing_genai::span::Retrieval;
///
/// # async fn search() -> Result<Vec<serde_json::Value>, std::io::Error> {
/// async fn look_up(question: &str) -> Result<Vec<serde_json::Value>, std::io::Error> {
///     # let _ = question;
///     Ok(vec![serde_json::json!({"id": "doc-7", "score": 0.91})])
/// }
///
/// let question = "How many days of leave?";
/// let documents = Retrieval::new("handbook").query(question).top_k(3).run(look_up(question)).await?;
/// # Ok(documents)
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a span is made by `run`"]
pub struct Retrieval {
    retrieval: record::Retrieval,
    content: Option<ContentCapture>,
}

impl Tool {
    /// A tool of this name, a function of the program.
    pub fn new(name: impl Into<String>) -> Self {
        let kind = Some("function".to_owned());
        Self { tool: record::ToolExecution { name: name.into(), kind, ..Default::default() }, content: None }
    }

    /// The id of the model's call that is answered.
    pub fn call_id(mut self, id: impl Into<String>) -> Self {
        self.tool.call_id = Some(id.into());
        self
    }

    /// The arguments, JSON as a rule; recorded as the content policy allows.
    pub fn arguments(mut self, arguments: impl Into<String>) -> Self {
        self.tool.arguments = Some(arguments.into());
        self
    }

    /// What the tool does.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.tool.description = Some(description.into());
        self
    }

    /// What content the span may carry; what the environment says by default.
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.content = Some(content);
        self
    }

    /// Runs the tool inside its span. An error fails the span with its type's path as `error.type`
    /// (`_OTHER` where that is longer than 64 bytes) and its text as the status' description; so does a
    /// panic, as `panic`. Dropping the future abandons it.
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<T: Display, E: Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let operation = Operation::new(OperationKind::ExecuteTool, Call::Tool(Box::new(self.tool)));
        run(operation, self.content, work, |call, result: &T| {
            if let Call::Tool(tool) = call {
                tool.result = Some(render(result));
            }
        })
        .await
    }
}

impl From<&ToolCall> for Tool {
    fn from(call: &ToolCall) -> Self {
        let mut tool = Self::new(&call.name).arguments(&call.arguments);
        tool.tool.call_id.clone_from(&call.id);
        tool
    }
}

impl Retrieval {
    /// A search in the data source with this id.
    pub fn new(data_source_id: impl Into<String>) -> Self {
        let data_source_id = Some(data_source_id.into());
        Self { retrieval: record::Retrieval { data_source_id, ..Default::default() }, content: None }
    }

    /// What is searched for; recorded as the content policy allows.
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.retrieval.query = Some(query.into());
        self
    }

    /// How many documents are wanted.
    pub fn top_k(mut self, count: u32) -> Self {
        self.retrieval.top_k = Some(count.into());
        self
    }

    /// What content the span may carry; what the environment says by default.
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.content = Some(content);
        self
    }

    /// Runs the search inside its span. It gives the documents found, each a JSON object with at
    /// least `id` and `score`.
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<E: Display>(
        self,
        work: impl Future<Output = Result<Vec<serde_json::Value>, E>>,
    ) -> Result<Vec<serde_json::Value>, E> {
        let operation = Operation::new(OperationKind::Retrieval, Call::Retrieval(Box::new(self.retrieval)));
        run(operation, self.content, work, |call, documents: &Vec<serde_json::Value>| {
            if let Call::Retrieval(retrieval) = call {
                retrieval.documents.clone_from(documents);
            }
        })
        .await
    }
}

async fn run<T, E: Display>(
    operation: Operation,
    content: Option<ContentCapture>,
    work: impl Future<Output = Result<T, E>>,
    keep: impl FnOnce(&mut Call, &T),
) -> Result<T, E> {
    let content = content.unwrap_or_else(ContentCapture::from_env_or_off);
    let mut in_flight = InFlight::start(operation, content);
    let result = in_flight.run(work).await;
    if in_flight.is_seen() {
        let outcome = match &result {
            Ok(value) => {
                if in_flight.wants_content() {
                    keep(&mut in_flight.operation_mut().call, value);
                }
                Outcome::Done
            }
            Err(error) => Outcome::Failed(Box::new(ErrorInfo {
                code: Some(type_name::<E>()),
                ..ErrorInfo::new(ErrorKind::Other, scrub_secrets(&render(error)))
            })),
        };
        in_flight.settle(outcome);
    }
    result
}

/// The value's text; what a broken `Display` gives before it fails, where `to_string` would panic.
pub(crate) fn render(value: &impl Display) -> String {
    let mut text = String::new();
    let _ = write!(text, "{value}");
    text
}

/// The type's name without its parameters: an identifier of low cardinality.
fn type_name<E>() -> String {
    let name = std::any::type_name::<E>();
    name.split(['<', ' ']).next().unwrap_or(name).trim_start_matches('&').to_owned()
}
