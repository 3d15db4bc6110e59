use super::{OpenSpan, named};
use crate::record::{self, Call, Operation, OperationKind};
use std::{
    fmt::{self, Display},
    future::Future,
};

/// The span of an agent's planning step (`plan`). The call of the model that makes the plan is its child;
/// what follows from the plan is not.
///
/// ```
/// use tracing_genai::span::Plan;
///
/// # async fn run() -> Result<(), std::io::Error> {
/// # async fn make_plan() -> Result<String, std::io::Error> { Ok(String::new()) }
/// let plan = Plan::new("travel guide").run_with(make_plan(), |span, plan| { span.text(plan); }).await?;
/// # let _ = plan;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a span is made by `run`, `run_with` or `start`"]
pub struct Plan {
    plan: Box<record::Plan>,
}

impl Plan {
    /// A planning step of the agent of this name. An empty name means that it has none.
    pub fn new(agent: impl Into<String>) -> Self {
        let plan = record::Plan { agent_name: named(agent), ..record::Plan::default() };
        Self { plan: Box::new(plan) }
    }

    /// Opens the span, to set on it what comes as it comes.
    pub fn start(self) -> OpenSpan<Self> {
        OpenSpan::new(Operation::new(OperationKind::Plan, Call::Plan(self.plan)), None)
    }

    /// Runs the planning inside its span; nothing is known of the plan. Otherwise as
    /// [`Generation::run_with`](super::Generation::run_with).
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<T, E: Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.run_with(work, |_, _| ()).await
    }

    /// Runs the planning inside its span; `keep` sets what is to be known of the plan. Otherwise as
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

/// What a planning step gave.
impl OpenSpan<Plan> {
    /// The plan, as text or JSON, for destinations that may see content: no attribute has it.
    pub fn text(&mut self, text: impl Into<String>) -> &mut Self {
        self.set(|call| {
            if let Call::Plan(plan) = call {
                plan.text = Some(text.into());
            }
        })
    }
}

impl fmt::Debug for Plan {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Plan").field("agent", &self.plan.agent_name).finish_non_exhaustive()
    }
}
