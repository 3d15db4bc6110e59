use super::{OpenSpan, named};
use crate::{
    capture::ContentCapture,
    record::{self, Call, Message, Operation, OperationKind, Role},
};
use std::{
    fmt::{self, Display},
    future::Future,
};

/// The span of one run of a workflow (`invoke_workflow`): of several agents, or of steps that the
/// application puts together. A single agent is an [`Agent`](super::Agent) and no workflow.
///
/// ```
/// use tracing_genai::span::Workflow;
///
/// # async fn run() -> Result<(), std::io::Error> {
/// # async fn write_and_review() -> Result<String, std::io::Error> { Ok(String::new()) }
/// let report = Workflow::new("weekly report").run(write_and_review()).await?;
/// # let _ = report;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a span is made by `run`, `run_with` or `start`"]
pub struct Workflow {
    workflow: Box<record::Workflow>,
    content: Option<ContentCapture>,
}

impl Workflow {
    /// A run of the workflow of this name: one of few, and no type's name. An empty name means that it has
    /// none.
    pub fn new(name: impl Into<String>) -> Self {
        let workflow = record::Workflow { name: named(name), ..record::Workflow::default() };
        Self { workflow: Box::new(workflow), content: None }
    }

    /// The conversation that the run is part of.
    pub fn conversation(mut self, id: impl Into<String>) -> Self {
        self.workflow.conversation_id = Some(id.into());
        self
    }

    /// What the person asks of it; recorded as the content policy allows.
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::text(Role::User, text))
    }

    /// One more message of what it is given; recorded as the content policy allows.
    pub fn message(mut self, message: Message) -> Self {
        self.workflow.input.push(message);
        self
    }

    /// What content the span may carry; what the environment says by default.
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.content = Some(content);
        self
    }

    /// Opens the span, to set on it what comes as it comes.
    pub fn start(self) -> OpenSpan<Self> {
        let operation = Operation::new(OperationKind::InvokeWorkflow, Call::Workflow(self.workflow));
        OpenSpan::new(operation, self.content)
    }

    /// Runs the workflow inside its span; nothing is known of what it gives. Otherwise as
    /// [`Generation::run_with`](super::Generation::run_with).
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<T, E: Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.run_with(work, |_, _| ()).await
    }

    /// Runs the workflow inside its span; `keep` sets what is to be known of what it gives. Otherwise as
    /// [`Generation::run_with`](super::Generation::run_with).
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
}

/// What a workflow gave.
impl OpenSpan<Workflow> {
    /// What it gave, as text; recorded as the content policy allows.
    pub fn answer(&mut self, text: impl Into<String>) -> &mut Self {
        self.message(Message::text(Role::Assistant, text))
    }

    /// One more message of what it gave; recorded as the content policy allows.
    pub fn message(&mut self, message: Message) -> &mut Self {
        self.set(|call| {
            if let Call::Workflow(workflow) = call {
                workflow.output.push(message);
            }
        })
    }
}

impl fmt::Debug for Workflow {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Workflow").field("name", &self.workflow.name).finish_non_exhaustive()
    }
}
