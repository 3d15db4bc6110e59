use super::{Message, Request, Response};
use serde::{Deserialize, Serialize};

/// One run of an agent, or its making.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Agent {
    /// Its name, for people.
    pub name: Option<String>,
    /// Its stable id at the service that runs it.
    pub id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Its version at the service that runs it.
    pub version: Option<String>,
    /// The id of the data that it draws on.
    pub data_source_id: Option<String>,
    /// What it was asked, and with which settings. The model is that of an agent with exactly one.
    pub request: Request,
    /// What it answered, and what it used in all.
    pub response: Response,
}

/// One run of a workflow: of several agents, or of steps that an application puts together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Workflow {
    /// Its name: one of few, and no type's name.
    pub name: Option<String>,
    /// The conversation that it is part of.
    pub conversation_id: Option<String>,
    /// What it was given.
    pub input: Vec<Message>,
    /// What it gave.
    pub output: Vec<Message>,
}

/// An agent's planning step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// The agent that plans.
    pub agent_name: Option<String>,
    /// The plan, as text or JSON. The conventions have no attribute for it, so no span carries it.
    pub text: Option<String>,
}
