use serde::{Deserialize, Serialize};

/// What somebody or something thought of an operation's output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// What was judged, such as `relevance`.
    pub name: String,
    /// The score, in the evaluation's own range.
    pub score: Option<f64>,
    /// The verdict in a word, one of few: `relevant`, `pass`.
    pub label: Option<String>,
    /// Why: the judge's reasons, or a user's comment.
    pub explanation: Option<String>,
    /// What went wrong, an identifier of low cardinality, if there is no verdict for it.
    pub error_type: Option<String>,
    /// The id of the model's response that was judged.
    pub response_id: Option<String>,
    /// Whether a user of the program judged, so that [`explanation`](Self::explanation) is what a
    /// person said.
    pub is_feedback: bool,
    /// The id that the judged call was given for Tracia.
    #[serde(skip)]
    pub(crate) tracia_span_id: Option<String>,
}
