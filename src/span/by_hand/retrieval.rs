use super::{open, run};
use crate::{
    capture::ContentCapture,
    record::{self, Call, Operation, OperationKind},
};
use std::{
    fmt::{self, Display},
    future::Future,
};

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
#[derive(Clone)]
#[must_use = "a span is made by `run`"]
pub struct Retrieval {
    retrieval: record::Retrieval,
    content: Option<ContentCapture>,
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
        run(open(operation, self.content), work, |call, documents: &Vec<serde_json::Value>| {
            if let Call::Retrieval(retrieval) = call {
                retrieval.documents.clone_from(documents);
            }
        })
        .await
    }
}

impl fmt::Debug for Retrieval {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Retrieval")
            .field("data_source_id", &self.retrieval.data_source_id)
            .finish_non_exhaustive()
    }
}
