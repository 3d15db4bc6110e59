use super::{OpenSpan, server};
use crate::{
    capture::ContentCapture,
    record::{self, Call, Operation, OperationKind, Server, Side},
};
use serde_json::Value;
use std::{
    borrow::Cow,
    fmt::{self, Display},
    future::Future,
};

/// The span of one operation on an agent's memory: on a store, or on its records.
///
/// ```
/// use tracing_genai::span::Memory;
///
/// # async fn run() -> Result<(), std::io::Error> {
/// async fn recall(question: &str) -> Result<Vec<serde_json::Value>, std::io::Error> {
///     # let _ = question;
///     Ok(vec![serde_json::json!({"id": "m-1", "content": "Likes trains.", "score": 0.8})])
/// }
///
/// let question = "How does she travel?";
/// let memories = Memory::search(question)
///     .store("user-42")
///     .run_with(recall(question), |span, found| { span.records(found.clone()); })
///     .await?;
/// # let _ = memories;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a span is made by `run`, `run_with` or `start`"]
pub struct Memory {
    kind: OperationKind,
    side: Side,
    provider: Option<Cow<'static, str>>,
    server: Option<Server>,
    memory: Box<record::Memory>,
    content: Option<ContentCapture>,
}

impl Memory {
    /// A search among the records (`search_memory`); the query is recorded as the content policy allows.
    pub fn search(query: impl Into<String>) -> Self {
        let mut search = Self::new(OperationKind::SearchMemory);
        search.memory.query = Some(query.into());
        search
    }

    /// Making new records (`create_memory`).
    pub fn create() -> Self {
        Self::new(OperationKind::CreateMemory)
    }

    /// Changing the record with this id (`update_memory`).
    pub fn update(record_id: impl Into<String>) -> Self {
        Self::new(OperationKind::UpdateMemory).record(record_id)
    }

    /// Keeping something, where the memory decides whether records are made, changed or joined
    /// (`upsert_memory`).
    pub fn upsert() -> Self {
        Self::new(OperationKind::UpsertMemory)
    }

    /// Deleting the record with this id (`delete_memory`).
    pub fn delete(record_id: impl Into<String>) -> Self {
        Self::new(OperationKind::DeleteMemory).record(record_id)
    }

    /// Deleting all records of a store (`delete_memory`).
    pub fn delete_all() -> Self {
        Self::new(OperationKind::DeleteMemory)
    }

    /// Making a store (`create_memory_store`). Its id is given by [`store`](Self::store) or, once it is
    /// known, by [`OpenSpan::store`].
    pub fn create_store() -> Self {
        Self::new(OperationKind::CreateMemoryStore)
    }

    /// Deleting the store with this id (`delete_memory_store`).
    pub fn delete_store(id: impl Into<String>) -> Self {
        Self::new(OperationKind::DeleteMemoryStore).store(id)
    }

    fn new(kind: OperationKind) -> Self {
        Self { kind, side: kind.side(), provider: None, server: None, memory: Box::default(), content: None }
    }

    /// The id of the store.
    pub fn store(mut self, id: impl Into<String>) -> Self {
        self.memory.store_id = Some(id.into());
        self
    }

    /// The id of the one record that it is about.
    pub fn record(mut self, id: impl Into<String>) -> Self {
        self.memory.record_id = Some(id.into());
        self
    }

    /// The records that are written, each a JSON object with at least `content`. Their number is
    /// recorded, they themselves as the content policy allows.
    pub fn records(mut self, records: Vec<Value>) -> Self {
        put(&mut self.memory, records);
        self
    }

    /// The service that has the memory, where it is one with a name.
    pub fn provider(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.provider = Some(name.into());
        self
    }

    /// The server that is called.
    pub fn server(mut self, address: impl Into<String>, port: u16) -> Self {
        self.server = server(address, port);
        self
    }

    /// The memory is in this process: the span's kind is INTERNAL, and CLIENT otherwise.
    pub fn in_process(mut self) -> Self {
        self.side = Side::Internal;
        self
    }

    /// What content the span may carry; what the environment says by default.
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.content = Some(content);
        self
    }

    /// Opens the span, to set on it what comes as it comes.
    pub fn start(self) -> OpenSpan<Self> {
        let mut operation = Operation::new(self.kind, Call::Memory(self.memory));
        operation.side = self.side;
        operation.provider = self.provider;
        operation.server = self.server;
        OpenSpan::new(operation, self.content)
    }

    /// Runs the operation inside its span; nothing is known of what it gives. Otherwise as
    /// [`Generation::run_with`](super::Generation::run_with).
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<T, E: Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.run_with(work, |_, _| ()).await
    }

    /// Runs the operation inside its span; `keep` sets what is to be known of what it gives. Otherwise as
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

/// What an operation on a memory gave.
impl OpenSpan<Memory> {
    /// The records found or written, each a JSON object with at least `content`. Their number is recorded,
    /// they themselves as the content policy allows.
    pub fn records(&mut self, records: Vec<Value>) -> &mut Self {
        self.set_memory(|memory| put(memory, records))
    }

    /// How many records were found, written or deleted.
    pub fn count(&mut self, count: u64) -> &mut Self {
        self.set_memory(|memory| memory.record_count = Some(count))
    }

    /// The id of the one record that was written.
    pub fn record(&mut self, id: impl Into<String>) -> &mut Self {
        self.set_memory(|memory| memory.record_id = Some(id.into()))
    }

    /// The id of the store, of one that was made.
    pub fn store(&mut self, id: impl Into<String>) -> &mut Self {
        self.set_memory(|memory| memory.store_id = Some(id.into()))
    }

    fn set_memory(&mut self, set: impl FnOnce(&mut record::Memory)) -> &mut Self {
        self.set(|call| {
            if let Call::Memory(memory) = call {
                set(memory);
            }
        })
    }
}

fn put(memory: &mut record::Memory, records: Vec<Value>) {
    memory.record_count = Some(records.len() as u64);
    memory.records = records;
}

impl fmt::Debug for Memory {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Memory").field("kind", &self.kind).finish_non_exhaustive()
    }
}
