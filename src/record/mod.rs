//! What happened in one operation, in words no provider owns.
//!
//! A reader of a wire format fills an [`Operation`] in, a span and every destination are written
//! from it. The record knows nothing of OpenTelemetry, HTTP or a vendor's attribute names, holds no
//! clock and does no I/O; each of its types is `serde`-serializable.

mod agent;
mod bare;
mod embeddings;
mod error;
mod evaluation;
mod kind;
mod marks;
mod memory;
mod message;
mod operation;
mod raw;
mod request;
mod response;
mod usage;
pub(crate) mod weight;

pub use agent::{Agent, Plan, Workflow};
pub use embeddings::{EmbeddingInput, Embeddings, EmbeddingsRequest};
pub use error::{ErrorInfo, ErrorKind};
pub use evaluation::Evaluation;
pub use kind::{OperationClass, OperationKind, Side};
pub use marks::Marks;
pub use memory::Memory;
pub use message::{
    CacheLifetime, Media, MediaSource, Message, Modality, Part, Role, ServerToolResult, ToolCall, ToolResult,
};
pub use operation::{Call, Operation, Outcome, Retrieval, Server, ToolExecution};
pub use raw::RawJson;
pub use request::{OutputFormat, Request, ToolChoice, ToolDefinition};
pub use response::{Choice, FinishReason, Response, ResponseStatus, StreamEnd};
pub use usage::{ByModality, Iteration, Usage};
