//! Agents and their memory.

use super::{List, finish_reasons, settings, usage_breakdown};
use crate::{
    record::{Agent, Memory, Operation, OperationKind, Side},
    semconv::gen_ai as names,
};

/// An agent that this program runs has no id, no version and no breakdown of its usage there: those of
/// the services that run agents alone.
pub(super) fn agent(list: &mut List, operation: &Operation, agent: &Agent) {
    let is_remote = operation.side == Side::Client;
    if is_remote {
        list.text(names::GEN_AI_AGENT_ID, agent.id.as_deref());
        list.text(names::GEN_AI_AGENT_VERSION, agent.version.as_deref());
    }
    list.text(names::GEN_AI_AGENT_DESCRIPTION, agent.description.as_deref());
    if operation.kind == OperationKind::CreateAgent {
        return;
    }
    list.text(names::GEN_AI_DATA_SOURCE_ID, agent.data_source_id.as_deref());
    settings(list, &agent.request);
    // What an agent answers is no generation that could be due.
    if !agent.response.choices.is_empty() {
        let reasons = finish_reasons(operation, &agent.request, &agent.response);
        list.texts(names::GEN_AI_RESPONSE_FINISH_REASONS, reasons);
    }
    if is_remote {
        let previous = agent.request.previous_response_id.as_deref();
        list.text(names::GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID, previous);
        usage_breakdown(list, &agent.response.usage);
    }
}

pub(super) fn memory(list: &mut List, memory: &Memory) {
    list.text(names::GEN_AI_MEMORY_STORE_ID, memory.store_id.as_deref());
    list.text(names::GEN_AI_MEMORY_RECORD_ID, memory.record_id.as_deref());
    list.count(names::GEN_AI_MEMORY_RECORD_COUNT, memory.record_count);
}
