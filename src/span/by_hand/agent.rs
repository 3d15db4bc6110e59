use super::{OpenSpan, named, open::totals, server};
use crate::{
    capture::ContentCapture,
    record::{
        self, Call, FinishReason, Message, Operation, OperationKind, Part, Request, Role, Server, Side,
        ToolDefinition, Usage,
    },
};
use std::{
    borrow::Cow,
    fmt::{self, Display},
    future::Future,
};

/// The span of one run of an agent (`invoke_agent`), or of its making at a service (`create_agent`).
///
/// The calls of models and tools inside are its children.
///
/// ```
/// use tracing_genai::span::Agent;
///
/// # async fn run() -> Result<(), std::io::Error> {
/// async fn plan_trip(wish: &str) -> Result<String, std::io::Error> {
///     # let _ = wish;
///     Ok("Take the night train.".to_owned())
/// }
///
/// let wish = "To Lisbon, without flying.";
/// let trip = Agent::invoke("travel guide")
///     .user(wish)
///     .run_with(plan_trip(wish), |span, trip| { span.answer(trip); })
///     .await?;
/// # let _ = trip;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a span is made by `run`, `run_with` or `start`"]
pub struct Agent {
    kind: OperationKind,
    side: Side,
    provider: Option<Cow<'static, str>>,
    server: Option<Server>,
    agent: Box<record::Agent>,
    content: Option<ContentCapture>,
}

impl Agent {
    /// A run of the agent of this name, by this program (span kind INTERNAL). An empty name means that it
    /// has none.
    pub fn invoke(name: impl Into<String>) -> Self {
        Self::new(OperationKind::InvokeAgent, Side::Internal, None, name.into())
    }

    /// A run of the agent of this name, by the service of `provider` (span kind CLIENT): an assistant of
    /// OpenAI, an agent of Amazon Bedrock.
    pub fn invoke_remote(provider: impl Into<Cow<'static, str>>, name: impl Into<String>) -> Self {
        Self::new(OperationKind::InvokeAgent, Side::Client, Some(provider.into()), name.into())
    }

    /// The making of an agent of this name at the service of `provider` (span kind CLIENT).
    pub fn create(provider: impl Into<Cow<'static, str>>, name: impl Into<String>) -> Self {
        Self::new(OperationKind::CreateAgent, Side::Client, Some(provider.into()), name.into())
    }

    fn new(kind: OperationKind, side: Side, provider: Option<Cow<'static, str>>, name: String) -> Self {
        let agent = Box::new(record::Agent { name: named(name), ..record::Agent::default() });
        Self { kind, side, provider, server: None, agent, content: None }
    }

    /// The agent's stable id at its service; a span of an agent of this program carries none.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.agent.id = Some(id.into());
        self
    }

    /// The agent's version at its service; a span of an agent of this program carries none.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.agent.version = Some(version.into());
        self
    }

    /// What the agent is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.agent.description = Some(description.into());
        self
    }

    /// The one model of the agent. For an agent of several leave it out.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.agent.request.model = Some(model.into());
        self
    }

    /// The id of the data that it draws on.
    pub fn data_source(mut self, id: impl Into<String>) -> Self {
        self.agent.data_source_id = Some(id.into());
        self
    }

    /// The conversation that the run is part of.
    pub fn conversation(mut self, id: impl Into<String>) -> Self {
        self.agent.request.conversation_id = Some(id.into());
        self
    }

    /// The server that is called, for an agent of a service.
    pub fn server(mut self, address: impl Into<String>, port: u16) -> Self {
        self.server = server(address, port);
        self
    }

    /// The agent's instructions; recorded as the content policy allows.
    pub fn instructions(mut self, text: impl Into<String>) -> Self {
        self.agent.request.system_instructions.push(Part::Text(text.into()));
        self
    }

    /// What the person asks of it; recorded as the content policy allows.
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::text(Role::User, text))
    }

    /// One more message of what it is given; recorded as the content policy allows.
    pub fn message(mut self, message: Message) -> Self {
        self.agent.request.messages.push(message);
        self
    }

    /// A tool that it has; recorded as the content policy allows.
    pub fn tool(mut self, tool: ToolDefinition) -> Self {
        self.agent.request.tools.push(tool);
        self
    }

    /// All that it is asked and its settings, in place of what was given before.
    pub fn request(mut self, request: Request) -> Self {
        self.agent.request = request;
        self
    }

    /// What content the span may carry; what the environment says by default.
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.content = Some(content);
        self
    }

    /// Opens the span, to set on it what comes as it comes.
    pub fn start(self) -> OpenSpan<Self> {
        let mut operation = Operation::new(self.kind, Call::Agent(self.agent));
        operation.side = self.side;
        operation.provider = self.provider;
        operation.server = self.server.filter(|_| self.side == Side::Client);
        OpenSpan::new(operation, self.content)
    }

    /// Runs the agent inside its span; nothing is known of its answer. Otherwise as
    /// [`Generation::run_with`](super::Generation::run_with).
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<T, E: Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.run_with(work, |_, _| ()).await
    }

    /// Runs the agent inside its span; `keep` sets what is to be known of the answer. Otherwise as
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

/// What an agent gave.
impl OpenSpan<Agent> {
    /// What it said in the end, as text; recorded as the content policy allows.
    pub fn answer(&mut self, text: impl Into<String>) -> &mut Self {
        self.message(Message::text(Role::Assistant, text))
    }

    /// What it said in the end; recorded as the content policy allows.
    pub fn message(&mut self, message: Message) -> &mut Self {
        self.set_response(|response| response.choice_mut(0).message = message)
    }

    /// Why it stopped.
    pub fn finish_reason(&mut self, reason: FinishReason) -> &mut Self {
        self.set_response(|response| response.choice_mut(0).finish_reason = Some(reason))
    }

    /// What its calls of models used in all.
    pub fn tokens(&mut self, input: u64, output: u64) -> &mut Self {
        self.usage(totals(input, output))
    }

    /// What its calls of models used in all; the parts are recorded for an agent of a service alone.
    pub fn usage(&mut self, usage: Usage) -> &mut Self {
        self.set_response(|response| response.usage = usage)
    }

    /// The id of an agent that was made.
    pub fn id(&mut self, id: impl Into<String>) -> &mut Self {
        self.set(|call| {
            if let Call::Agent(agent) = call {
                agent.id = Some(id.into());
            }
        })
    }
}

impl fmt::Debug for Agent {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Agent").field("name", &self.agent.name).finish_non_exhaustive()
    }
}
