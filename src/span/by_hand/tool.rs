use super::{named, open, render, run};
use crate::{
    capture::ContentCapture,
    record::{self, Call, Operation, OperationKind, ToolCall},
};
use serde::Serialize;
use std::{
    fmt::{self, Display},
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
#[derive(Clone)]
#[must_use = "a span is made by `run` or `call`"]
pub struct Tool {
    tool: record::ToolExecution,
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

    /// The name of the agent that runs it.
    pub fn agent(mut self, name: impl Into<String>) -> Self {
        self.tool.agent_name = named(name);
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
        run(open(operation, self.content), work, |call, result: &T| {
            if let Call::Tool(tool) = call {
                tool.result = Some(render(result));
            }
        })
        .await
    }

    /// Calls the tool with `arguments` inside its span, otherwise as [`run`](Self::run). Arguments and
    /// result are recorded as the JSON that they serialize to, where anybody wants content; a value that
    /// does not serialize is left out.
    ///
    /// ```
    /// use tracing_genai::span::Tool;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Place { city: String }
    /// #[derive(serde::Serialize)]
    /// struct Weather { celsius: i32 }
    ///
    /// # async fn weather() -> Result<Weather, std::io::Error> {
    /// let place = Place { city: "Lisbon".to_owned() };
    /// let weather = Tool::new("get_weather").call(&place, |place| async {
    ///     Ok(Weather { celsius: if place.city == "Lisbon" { 18 } else { 9 } })
    /// });
    /// # let weather: Result<_, std::io::Error> = weather.await;
    /// # weather
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn call<'a, A, T, E, F>(self, arguments: &'a A, work: impl FnOnce(&'a A) -> F) -> Result<T, E>
    where
        A: Serialize + ?Sized,
        T: Serialize,
        E: Display,
        F: Future<Output = Result<T, E>>,
    {
        let operation = Operation::new(OperationKind::ExecuteTool, Call::Tool(Box::new(self.tool)));
        let mut in_flight = open(operation, self.content);
        if in_flight.wants_content() {
            if let Call::Tool(tool) = &mut in_flight.operation_mut().call {
                tool.arguments = json(arguments);
            }
        }
        run(in_flight, async { work(arguments).await }, |call, result: &T| {
            if let Call::Tool(tool) = call {
                tool.result = json(result);
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

/// The value as JSON; a text as the text that it is.
fn json<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    let json = serde_json::to_string(value).ok()?;
    if json.starts_with('"') { serde_json::from_str(&json).ok() } else { Some(json) }
}

impl fmt::Debug for Tool {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tool").field("name", &self.tool.name).finish_non_exhaustive()
    }
}
