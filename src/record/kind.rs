use serde::{Deserialize, Serialize};

/// What kind of operation a span stands for.
///
/// One variant for each value of `gen_ai.operation.name` in the GenAI conventions. Tools of this
/// field that speak of a *generation* or an *embedding* mean [`OperationClass::Generation`] and
/// [`OperationClass::Embedding`], see [`class`](Self::class).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationKind {
    /// A chat completion: OpenAI chat and Responses, Anthropic messages, Bedrock Converse.
    Chat,
    /// A multimodal generation in Google's form, `generateContent`.
    GenerateContent,
    /// A legacy text completion.
    TextCompletion,
    /// A call that turns texts into vectors.
    Embeddings,
    /// A search in a knowledge base or vector store.
    Retrieval,
    /// Fetching the result of a call that was started earlier.
    FetchResponse,
    /// Creating an agent.
    CreateAgent,
    /// One run of an agent.
    InvokeAgent,
    /// One execution of a tool.
    ExecuteTool,
    /// One run of a workflow of agents.
    InvokeWorkflow,
    /// An agent's planning step.
    Plan,
    /// Creating a memory store.
    CreateMemoryStore,
    /// Deleting a memory store.
    DeleteMemoryStore,
    /// Creating a memory record.
    CreateMemory,
    /// Updating a memory record.
    UpdateMemory,
    /// Creating or updating a memory record.
    UpsertMemory,
    /// Searching memory records.
    SearchMemory,
    /// Deleting a memory record.
    DeleteMemory,
    /// A judgement of another operation's output. The conventions have an event for it and no operation:
    /// its [`name`](Self::name) is the event's, and no span has it as `gen_ai.operation.name`.
    Evaluation,
}

/// The coarse kind that back ends group operations by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationClass {
    /// GENERATION: a language model produced output.
    Generation,
    /// EMBEDDING: an embedding model produced vectors.
    Embedding,
    /// TOOL: the program executed a tool.
    Tool,
    /// AGENT: an agent was made, ran or planned.
    Agent,
    /// WORKFLOW: several agents or steps ran as one.
    Workflow,
    /// RETRIEVAL: documents were searched.
    Retrieval,
    /// MEMORY: an agent's memory was read or written.
    Memory,
    /// OTHER: anything else, such as fetching a stored response, or an evaluation.
    Other,
}

/// Whether an operation crosses the network (span kind CLIENT) or runs in the program (INTERNAL).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Side {
    /// A call to another service.
    Client,
    /// Work of the program itself.
    Internal,
}

impl OperationKind {
    /// Every kind that is an operation of the conventions, in the order of their tables.
    pub const ALL: &'static [Self] = &[
        Self::Chat,
        Self::GenerateContent,
        Self::TextCompletion,
        Self::Embeddings,
        Self::Retrieval,
        Self::FetchResponse,
        Self::CreateMemoryStore,
        Self::DeleteMemoryStore,
        Self::CreateMemory,
        Self::UpdateMemory,
        Self::UpsertMemory,
        Self::SearchMemory,
        Self::DeleteMemory,
        Self::CreateAgent,
        Self::InvokeAgent,
        Self::ExecuteTool,
        Self::InvokeWorkflow,
        Self::Plan,
    ];

    /// The value of `gen_ai.operation.name`; of [`Evaluation`](Self::Evaluation) the event's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::GenerateContent => "generate_content",
            Self::TextCompletion => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Retrieval => "retrieval",
            Self::FetchResponse => "fetch_response",
            Self::CreateAgent => "create_agent",
            Self::InvokeAgent => "invoke_agent",
            Self::ExecuteTool => "execute_tool",
            Self::InvokeWorkflow => "invoke_workflow",
            Self::Plan => "plan",
            Self::CreateMemoryStore => "create_memory_store",
            Self::DeleteMemoryStore => "delete_memory_store",
            Self::CreateMemory => "create_memory",
            Self::UpdateMemory => "update_memory",
            Self::UpsertMemory => "upsert_memory",
            Self::SearchMemory => "search_memory",
            Self::DeleteMemory => "delete_memory",
            Self::Evaluation => "gen_ai.evaluation.result",
        }
    }

    /// The kind with this `gen_ai.operation.name`, if the conventions know it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The coarse kind.
    pub const fn class(self) -> OperationClass {
        match self {
            Self::Chat | Self::GenerateContent | Self::TextCompletion => OperationClass::Generation,
            Self::Embeddings => OperationClass::Embedding,
            Self::Retrieval => OperationClass::Retrieval,
            Self::FetchResponse | Self::Evaluation => OperationClass::Other,
            Self::CreateAgent | Self::InvokeAgent | Self::Plan => OperationClass::Agent,
            Self::ExecuteTool => OperationClass::Tool,
            Self::InvokeWorkflow => OperationClass::Workflow,
            Self::CreateMemoryStore
            | Self::DeleteMemoryStore
            | Self::CreateMemory
            | Self::UpdateMemory
            | Self::UpsertMemory
            | Self::SearchMemory
            | Self::DeleteMemory => OperationClass::Memory,
        }
    }

    /// The side that the conventions give this kind by default. An agent that another service runs
    /// is [`Side::Client`], a model in this process [`Side::Internal`]: [`Operation::side`](super::Operation::side)
    /// has the last word.
    pub const fn side(self) -> Side {
        match self {
            Self::InvokeAgent | Self::ExecuteTool | Self::InvokeWorkflow | Self::Plan | Self::Evaluation => {
                Side::Internal
            }
            _ => Side::Client,
        }
    }
}
