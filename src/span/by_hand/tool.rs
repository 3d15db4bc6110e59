use super::{OpenSpan, named, render};
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
#[must_use = "a span is made by `run`, `run_with`, `call` or `start`"]
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

    /// Opens the span, to set the result when it is there.
    ///
    /// A tool that is no future runs in its scope:
    ///
    /// ```
    /// use tracing_genai::span::Tool;
    ///
    /// # fn add(left: u32, right: u32) -> Result<u32, std::num::TryFromIntError> { Ok(left + right) }
    /// let mut span = Tool::new("add").arguments("[1, 2]").start();
    /// match span.in_scope(|| add(1, 2)) {
    ///     Ok(sum) => { span.result(sum.to_string()); span.finish(); }
    ///     Err(error) => span.fail(&error),
    /// }
    /// ```
    pub fn start(self) -> OpenSpan<Self> {
        let operation = Operation::new(OperationKind::ExecuteTool, Call::Tool(Box::new(self.tool)));
        OpenSpan::new(operation, self.content)
    }

    /// Runs the tool inside its span and records the result's text as the content policy allows;
    /// [`run_with`](Self::run_with) takes a result of any type. An error fails the span with its type's
    /// path as `error.type` and its text as the status' description, as by [`OpenSpan::fail`]; so does a
    /// panic, as `panic`. Dropping the future abandons it.
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<T: Display, E: Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.run_with(work, |span, result| {
            span.set_result(|| Some(render(result)));
        })
        .await
    }

    /// Runs the tool inside its span; `keep`, which is called where anybody sees the span, sets what is to
    /// be known of the result, which may have any type. Otherwise as [`run`](Self::run).
    ///
    /// ```
    /// use tracing_genai::span::Tool;
    ///
    /// # async fn run() -> Result<Vec<u8>, std::io::Error> {
    /// async fn draw() -> Result<Vec<u8>, std::io::Error> { Ok(vec![0; 1024]) }
    ///
    /// Tool::new("draw")
    ///     .run_with(draw(), |span, image| { span.result(format!("{} bytes", image.len())); })
    ///     .await
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run_with<T, E: Display>(
        self,
        work: impl Future<Output = Result<T, E>>,
        keep: impl FnOnce(&mut OpenSpan<Self>, &T),
    ) -> Result<T, E> {
        self.start().through(work, keep).await
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
        let mut span = self.start();
        span.set_content(|call| {
            if let Call::Tool(tool) = call {
                tool.arguments = json(arguments);
            }
        });
        let keep = |span: &mut OpenSpan<Self>, result: &T| {
            span.result_json(result);
        };
        span.through(async { work(arguments).await }, keep).await
    }
}

/// What a tool gave.
impl OpenSpan<Tool> {
    /// The result, JSON or text; recorded as the content policy allows.
    pub fn result(&mut self, result: impl Into<String>) -> &mut Self {
        self.set_result(|| Some(result.into()))
    }

    /// The result, as the JSON that it serializes to, where anybody wants content; one that does not
    /// serialize is left out.
    pub fn result_json<T: Serialize + ?Sized>(&mut self, result: &T) -> &mut Self {
        self.set_result(|| json(result))
    }

    fn set_result(&mut self, result: impl FnOnce() -> Option<String>) -> &mut Self {
        self.set_content(|call| {
            if let Call::Tool(tool) = call {
                tool.result = result();
            }
        })
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
