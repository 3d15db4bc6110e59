//! Judging a span.

use super::{Api, address::segment, exchange::Request, read};
use crate::Error;
use reqwest::Method;
use serde_json::{Map, Value};

/// The two values of the evaluator `quality`, which is the one that Tracia documents.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Eval;

impl Eval {
    /// Good.
    pub const POSITIVE: f64 = 1.0;
    /// Bad.
    pub const NEGATIVE: f64 = 0.0;
}

/// An evaluation of a span, of [`Spans::evaluate`](super::Spans::evaluate).
#[derive(Clone, Debug)]
#[must_use = "an evaluation is made by `send`"]
pub struct Evaluate {
    api: Api,
    span_id: String,
    evaluator: String,
    value: f64,
    note: Option<String>,
}

impl Evaluate {
    pub(super) fn new(api: Api, span_id: String, evaluator: String, value: f64) -> Self {
        Self { api, span_id, evaluator, value, note: None }
    }

    /// A remark.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// A value that is infinite or no number, a blank id or evaluator; `NOT_FOUND` for a span that Tracia does not
    /// have, or not yet; what else Tracia or the network says.
    pub async fn send(self) -> Result<EvaluationResult, Error> {
        let Self { api, span_id, evaluator, value, note } = self;
        let path = format!("/spans/{}/evaluations", segment(&span_id, "id of the span")?);
        if evaluator.trim().is_empty() {
            return Err(Error::configuration("the evaluator is empty or blank: `quality` is one"));
        }
        if !value.is_finite() {
            return Err(Error::configuration(format!(
                "the value of an evaluation is {value}, which is no number"
            )));
        }
        let mut body = Map::new();
        body.insert("evaluatorKey".to_owned(), evaluator.as_str().into());
        body.insert("value".to_owned(), shortest(value));
        if let Some(note) = &note {
            body.insert("note".to_owned(), note.as_str().into());
        }
        let answered = api.exchange(Request::with_body(Method::POST, path, body)).await?;
        let sent = if answered.is_empty() { Value::Null } else { answered.object("the evaluation")? };
        Ok(EvaluationResult {
            id: read::text(&sent, "id"),
            evaluator_key: read::text(&sent, "evaluatorKey").unwrap_or(evaluator),
            evaluator_name: read::text(&sent, "evaluatorName"),
            value: read::number(&sent, "value").unwrap_or(value),
            source: read::text(&sent, "source"),
            note: read::text(&sent, "note").or(note),
            created_at: read::text(&sent, "createdAt"),
        })
    }
}

/// `1` and not `1.0`, as Tracia's SDKs write it.
fn shortest(value: f64) -> Value {
    // Above 2^53 not every whole number is one of these.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        return Value::from(value as i64);
    }
    value.into()
}

/// An evaluation as Tracia keeps it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EvaluationResult {
    /// Tracia's id of it.
    pub id: Option<String>,
    /// The evaluator.
    pub evaluator_key: String,
    /// The evaluator's name for people.
    pub evaluator_name: Option<String>,
    /// The value.
    pub value: f64,
    /// Where it comes from: `sdk`.
    pub source: Option<String>,
    /// The remark.
    pub note: Option<String>,
    /// When it was made, in RFC 3339.
    pub created_at: Option<String>,
}
