use super::OpenSpan;
use crate::{
    capture::ContentCapture,
    record::{self, Call, Operation, OperationKind},
};
use serde_json::Value;
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
#[must_use = "a span is made by `run`, `run_with` or `start`"]
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

    /// Opens the span, to set what is found when it is there.
    ///
    /// A search that is no future runs in its scope:
    ///
    /// ```
    /// use tracing_genai::span::Retrieval;
    ///
    /// # fn look_up(_: &str) -> Result<Vec<(String, f32)>, std::io::Error> { Ok(vec![("doc-7".to_owned(), 0.9)]) }
    /// let question = "How many days of leave?";
    /// let mut span = Retrieval::new("handbook").query(question).start();
    /// match span.in_scope(|| look_up(question)) {
    ///     Ok(found) => {
    ///         let document = |(id, score): &(String, f32)| serde_json::json!({"id": id, "score": score});
    ///         span.documents(found.iter().map(document));
    ///         span.finish();
    ///     }
    ///     Err(error) => span.fail(&error),
    /// }
    /// ```
    pub fn start(self) -> OpenSpan<Self> {
        let operation = Operation::new(OperationKind::Retrieval, Call::Retrieval(Box::new(self.retrieval)));
        OpenSpan::new(operation, self.content)
    }

    /// Runs the search inside its span and records the documents found, each a JSON object with at least
    /// `id` and `score`, as the content policy allows; [`run_with`](Self::run_with) takes a result of any
    /// type. Otherwise as [`Tool::run`](super::Tool::run).
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<E: Display>(
        self,
        work: impl Future<Output = Result<Vec<Value>, E>>,
    ) -> Result<Vec<Value>, E> {
        self.run_with(work, |span, documents: &Vec<Value>| {
            span.documents(documents.iter().cloned());
        })
        .await
    }

    /// Runs the search inside its span; `keep` sets what is to be known of what it found, which may have
    /// any type. Otherwise as [`Generation::run_with`](super::Generation::run_with).
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

/// What a search found.
impl OpenSpan<Retrieval> {
    /// The documents found, each a JSON object with at least `id` and `score`; recorded as the content
    /// policy allows, and not even asked for where nobody wants content.
    pub fn documents(&mut self, documents: impl IntoIterator<Item = Value>) -> &mut Self {
        self.set_content(|call| {
            if let Call::Retrieval(retrieval) = call {
                retrieval.documents = documents.into_iter().collect();
            }
        })
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
