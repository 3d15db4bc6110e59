use super::SpanRef;
use crate::{
    capture::{ContentCapture, Recording},
    record::{self, Call, ErrorInfo, ErrorKind, Operation, OperationKind, Outcome},
    span::in_flight::InFlight,
};
use std::fmt;

/// A judgement of what an operation gave, made at any time after it: by a model, a rule or a person.
///
/// The conventions have the event `gen_ai.evaluation.result`. It is sent as the one event of a span of next
/// to no length that is a child of the judged one, so that every back end of traces can take it, today and long
/// after the judged span has ended.
///
/// PostHog has it as an `$ai_evaluation` of the trace, whose result is known where the label is `pass` or `fail`
/// ([`passed`](Self::passed)), and its score as an `$ai_metric`; Tracia as an evaluation of the call, if it has a score.
/// Tracia gets it after the call, however long that takes, and not at all where this process knows that it did not get
/// what was judged, such as an agent's run. A call that was given an id of its own for Tracia (`tracia.span_id`) is found
/// by its [`span_ref`](super::OpenSpan::span_ref) and while this process remembers it, not by
/// [its ids alone](SpanRef::from_hex) elsewhere.
///
/// ```
/// use tracing_genai::span::{Evaluation, SpanRef};
///
/// # fn run() -> Result<(), tracing_genai::Error> {
/// let answer = SpanRef::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")?;
/// Evaluation::new("relevance").score(0.9).label("relevant").explanation("Names the city.").record(answer);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "an evaluation is sent by `record`"]
pub struct Evaluation {
    evaluation: Box<record::Evaluation>,
    content: Option<ContentCapture>,
}

/// What a user thought of an answer: an [`Evaluation`] named `user_feedback`.
///
/// PostHog has the comment as an `$ai_feedback`, and the label, else the score, as an `$ai_metric` of this name.
///
/// ```
/// use tracing_genai::span::{Feedback, SpanRef};
///
/// # fn run() -> Result<(), tracing_genai::Error> {
/// let answer = SpanRef::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")?;
/// Feedback::thumbs_down().comment("That is not our office.").record(answer);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "feedback is sent by `record`"]
pub struct Feedback(Evaluation);

impl Evaluation {
    /// An evaluation of this name: what is judged, such as `relevance`.
    pub fn new(name: impl Into<String>) -> Self {
        let evaluation = record::Evaluation { name: name.into(), ..record::Evaluation::default() };
        Self { evaluation: Box::new(evaluation), content: None }
    }

    /// The score, in the evaluation's own range. One that is not finite is left out.
    pub fn score(mut self, score: f64) -> Self {
        self.evaluation.score = Some(score).filter(|score| score.is_finite());
        self
    }

    /// The verdict in a word, one of few: `relevant`, `pass`.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.evaluation.label = Some(label.into());
        self
    }

    /// Whether the judged passed: label `pass` or `fail`.
    pub fn passed(self, passed: bool) -> Self {
        self.label(if passed { "pass" } else { "fail" })
    }

    /// Why. It may quote what was judged, so it is recorded as the [content policy](Self::content) allows.
    pub fn explanation(mut self, text: impl Into<String>) -> Self {
        self.evaluation.explanation = Some(text.into());
        self
    }

    /// The id of the model's response that was judged, which finds it where its span is not known.
    pub fn response_id(mut self, id: impl Into<String>) -> Self {
        self.evaluation.response_id = Some(id.into());
        self
    }

    /// What content the span may carry; what the environment says by default.
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.content = Some(content);
        self
    }

    /// The evaluation failed, with this identifier of low cardinality as `error.type`: one that is longer
    /// than 64 bytes, or has blanks, becomes `_OTHER`.
    pub fn failed(mut self, error_type: impl Into<String>) -> Self {
        self.evaluation.error_type = Some(error_type.into());
        self
    }

    /// Sends it, as a child of the span `of` what was judged: a [`SpanRef`], or `None` where that is not
    /// known. With `None` it is sent too, as a child of the span that is current, or in a trace of its own
    /// where none is; only the [response's id](Self::response_id) then tells what was judged.
    ///
    /// It is not sent where no OpenTelemetry layer sees spans of this crate, or the judged span was not
    /// sampled.
    pub fn record(mut self, of: impl Into<Option<SpanRef>>) {
        let of = of.into();
        self.evaluation.tracia_span_id = of.as_ref().and_then(SpanRef::tracia_id).map(str::to_owned);
        let error_type = self.evaluation.error_type.clone();
        let operation = Operation::new(OperationKind::Evaluation, Call::Evaluation(self.evaluation));
        let recording = Recording::or_env(self.content, None);
        let mut in_flight = InFlight::start_below(operation, recording, of.map(SpanRef::context));
        in_flight.settle(error_type.map_or(Outcome::Done, |code| {
            let info = ErrorInfo::new(ErrorKind::Other, "the evaluation failed");
            Outcome::Failed(Box::new(ErrorInfo { code: Some(code), ..info }))
        }));
    }
}

impl Feedback {
    /// Feedback without a verdict, to be given a score or a comment.
    pub fn new() -> Self {
        let mut evaluation = Evaluation::new("user_feedback");
        evaluation.evaluation.is_feedback = true;
        Self(evaluation)
    }

    /// The user likes it: label `thumbs_up`, score 1.
    pub fn thumbs_up() -> Self {
        Self::new().score(1.0).label("thumbs_up")
    }

    /// The user does not like it: label `thumbs_down`, score 0.
    pub fn thumbs_down() -> Self {
        Self::new().score(0.0).label("thumbs_down")
    }

    /// Another name than `user_feedback`, where a program asks about several things.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.evaluation.name = name.into();
        self
    }

    /// The score, in a range of your own, such as stars.
    pub fn score(self, score: f64) -> Self {
        Self(self.0.score(score))
    }

    /// The verdict in a word, one of few.
    pub fn label(self, label: impl Into<String>) -> Self {
        Self(self.0.label(label))
    }

    /// What the user wrote; it is what a person said, so it is recorded as the content policy allows.
    pub fn comment(self, text: impl Into<String>) -> Self {
        Self(self.0.explanation(text))
    }

    /// The id of the model's response that was judged, which finds it where its span is not known.
    pub fn response_id(self, id: impl Into<String>) -> Self {
        Self(self.0.response_id(id))
    }

    /// What content the span may carry; what the environment says by default.
    pub fn content(self, content: ContentCapture) -> Self {
        Self(self.0.content(content))
    }

    /// Sends it, as [`Evaluation::record`] does; with `None` as a child of the span that is current, or in a
    /// trace of its own.
    pub fn record(self, of: impl Into<Option<SpanRef>>) {
        self.0.record(of);
    }
}

impl Default for Feedback {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Evaluation {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Evaluation").field("name", &self.evaluation.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Feedback {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Feedback").field("name", &self.0.evaluation.name).finish_non_exhaustive()
    }
}
