use super::{
    Agent, Embeddings, EmbeddingsRequest, ErrorInfo, Evaluation, Marks, Memory, OperationKind, Plan, Request,
    Response, Side, Workflow,
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc, time::Duration};

/// One operation: what was asked, what came back, how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Operation {
    /// The kind.
    pub kind: OperationKind,
    /// Whether it crosses the network: the kind's [side](OperationKind::side) unless it is known better.
    pub side: Side,
    /// The provider, in the conventions' word (`openai`, `azure.ai.openai`) or its own; `None` for
    /// work of the program itself.
    pub provider: Option<Cow<'static, str>>,
    /// The provider's API where it has several: OpenAI's `chat_completions` or `responses`.
    pub api: Option<Cow<'static, str>>,
    /// The server that was called.
    pub server: Option<Server>,
    /// The address that was called, without query, fragment and credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What was asked and what came.
    pub call: Call,
    /// How it ended.
    pub outcome: Outcome,
    /// From the request's start to the first content of any kind, for a stream.
    pub time_to_first_chunk: Option<Duration>,
    /// How often it was tried, the first time included.
    pub attempts: u32,
    /// The HTTP status, if an answer came.
    pub http_status: Option<u16>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// What it belongs to, if it ran in a [scope](crate::context::scope).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Arc<Marks>>,
}

/// The server that was called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Server {
    /// Host name or address.
    pub address: String,
    /// Port.
    pub port: u16,
}

/// What was asked and what came, by class of operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Call {
    /// A language model was called.
    Inference {
        /// What was asked.
        request: Box<Request>,
        /// What came, as far as it did; shared with the reply that the caller holds.
        response: Arc<Response>,
    },
    /// An embedding model was called.
    Embeddings {
        /// What was asked.
        request: Box<EmbeddingsRequest>,
        /// What came.
        response: Box<Embeddings>,
    },
    /// The program executed a tool.
    Tool(Box<ToolExecution>),
    /// Documents were searched.
    Retrieval(Box<Retrieval>),
    /// An agent ran, or was made.
    Agent(Box<Agent>),
    /// A workflow ran.
    Workflow(Box<Workflow>),
    /// An agent planned.
    Plan(Box<Plan>),
    /// An agent's memory was read or written.
    Memory(Box<Memory>),
    /// An operation's output was judged.
    Evaluation(Box<Evaluation>),
}

/// One execution of a tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolExecution {
    /// The tool's name.
    pub name: String,
    /// The id of the model's call.
    pub call_id: Option<String>,
    /// `function`, `extension` or `datastore`.
    pub kind: Option<String>,
    /// What the tool does.
    pub description: Option<String>,
    /// The agent that runs it.
    pub agent_name: Option<String>,
    /// Its arguments, JSON as a rule.
    pub arguments: Option<String>,
    /// Its result, JSON or text.
    pub result: Option<String>,
}

/// One search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Retrieval {
    /// The id of what was searched.
    pub data_source_id: Option<String>,
    /// The model used, if one was.
    pub model: Option<String>,
    /// How many documents were asked for.
    pub top_k: Option<u64>,
    /// The query.
    pub query: Option<String>,
    /// What was found, each a JSON object with at least `id` and `score`.
    pub documents: Vec<serde_json::Value>,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The answer came whole.
    Done,
    /// It failed.
    Failed(Box<ErrorInfo>),
    /// The caller stopped waiting: a future or a stream was dropped.
    Abandoned,
}

impl Call {
    /// A call of a language model of which only the answer is known.
    #[cfg(feature = "instrument")]
    pub(crate) fn with_response(response: Response) -> Self {
        Self::Inference { request: Box::default(), response: Arc::new(response) }
    }

    /// A call of an embedding model of which only the answer is known.
    #[cfg(feature = "instrument")]
    pub(crate) fn with_embeddings(response: Embeddings) -> Self {
        Self::Embeddings { request: Box::default(), response: Box::new(response) }
    }
}

impl Operation {
    /// An operation of this kind that is not over: until an outcome is set it counts as
    /// [abandoned](Outcome::Abandoned).
    pub fn new(kind: OperationKind, call: Call) -> Self {
        Self {
            kind,
            side: kind.side(),
            provider: None,
            api: None,
            server: None,
            url: None,
            call,
            outcome: Outcome::Abandoned,
            time_to_first_chunk: None,
            attempts: 1,
            http_status: None,
            request_id: None,
            marks: None,
        }
    }

    /// The model, exactly as requested.
    pub fn request_model(&self) -> Option<&str> {
        match &self.call {
            Call::Inference { request, .. } => request.model.as_deref(),
            Call::Embeddings { request, .. } => request.model.as_deref(),
            Call::Retrieval(retrieval) => retrieval.model.as_deref(),
            Call::Agent(agent) => agent.request.model.as_deref(),
            Call::Tool(_) | Call::Workflow(_) | Call::Plan(_) | Call::Memory(_) | Call::Evaluation(_) => None,
        }
    }

    /// The tool, if one was executed.
    pub fn tool(&self) -> Option<&ToolExecution> {
        match &self.call {
            Call::Tool(tool) => Some(tool),
            _ => None,
        }
    }

    /// The agent that ran, was made, plans or runs a tool.
    pub fn agent_name(&self) -> Option<&str> {
        match &self.call {
            Call::Agent(agent) => agent.name.as_deref(),
            Call::Plan(plan) => plan.agent_name.as_deref(),
            Call::Tool(tool) => tool.agent_name.as_deref(),
            _ => None,
        }
    }

    /// The workflow that ran.
    pub fn workflow_name(&self) -> Option<&str> {
        match &self.call {
            Call::Workflow(workflow) => workflow.name.as_deref(),
            _ => None,
        }
    }

    /// What it used, for a call of a model, or of an agent in all.
    pub fn usage(&self) -> Option<&super::Usage> {
        match &self.call {
            Call::Inference { response, .. } => Some(&response.usage),
            Call::Embeddings { response, .. } => Some(&response.usage),
            Call::Agent(agent) => Some(&agent.response.usage),
            Call::Tool(_)
            | Call::Retrieval(_)
            | Call::Workflow(_)
            | Call::Plan(_)
            | Call::Memory(_)
            | Call::Evaluation(_) => None,
        }
    }

    /// The name of its span: the operation's name and what it was about, as the conventions have
    /// it.
    pub fn span_name(&self) -> String {
        let about = match &self.call {
            Call::Tool(tool) => Some(tool.name.as_str()).filter(|name| !name.is_empty()),
            Call::Retrieval(retrieval) => retrieval.data_source_id.as_deref(),
            Call::Inference { .. } | Call::Embeddings { .. } => self.request_model(),
            Call::Agent(_) | Call::Plan(_) => self.agent_name(),
            Call::Workflow(_) => self.workflow_name(),
            Call::Memory(_) | Call::Evaluation(_) => None,
        };
        match about {
            Some(about) => format!("{} {about}", self.kind.name()),
            None => self.kind.name().to_owned(),
        }
    }
}

impl Outcome {
    /// `done`, `failed` or `abandoned`: the value of `tracing_genai.outcome`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// The error, if it failed.
    pub fn error(&self) -> Option<&ErrorInfo> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Done | Self::Abandoned => None,
        }
    }
}
