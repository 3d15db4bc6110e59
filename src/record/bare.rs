//! An operation without what was said in it: what spans need of it that carry no content.

use super::{
    Agent, Call, Choice, Embeddings, EmbeddingsRequest, Memory, Message, Operation, OutputFormat, Plan,
    Request, Response, Retrieval, ToolExecution, Workflow,
};
use std::{collections::BTreeMap, sync::Arc};

impl Operation {
    /// A copy without content, which is never copied for it.
    pub(crate) fn without_content(&self) -> Self {
        Self {
            kind: self.kind,
            side: self.side,
            provider: self.provider.clone(),
            api: self.api.clone(),
            server: self.server.clone(),
            url: self.url.clone(),
            call: call(&self.call),
            outcome: self.outcome.clone(),
            time_to_first_chunk: self.time_to_first_chunk,
            attempts: self.attempts,
            http_status: self.http_status,
            request_id: self.request_id.clone(),
            marks: self.marks.clone(),
        }
    }
}

fn call(call: &Call) -> Call {
    match call {
        Call::Inference { request: asked, response: came } => {
            Call::Inference { request: Box::new(request(asked)), response: Arc::new(response(came)) }
        }
        Call::Embeddings { request, response } => Call::Embeddings {
            request: Box::new(EmbeddingsRequest {
                model: request.model.clone(),
                dimensions: request.dimensions,
                encoding_formats: request.encoding_formats.clone(),
                ..Default::default()
            }),
            response: Box::new(Embeddings {
                model: response.model.clone(),
                id: response.id.clone(),
                count: response.count,
                dimensions: response.dimensions,
                encoding: response.encoding.clone(),
                usage: response.usage.clone(),
                ..Default::default()
            }),
        },
        Call::Tool(tool) => Call::Tool(Box::new(ToolExecution {
            name: tool.name.clone(),
            call_id: tool.call_id.clone(),
            kind: tool.kind.clone(),
            description: tool.description.clone(),
            agent_name: tool.agent_name.clone(),
            ..Default::default()
        })),
        Call::Retrieval(search) => Call::Retrieval(Box::new(Retrieval {
            data_source_id: search.data_source_id.clone(),
            model: search.model.clone(),
            top_k: search.top_k,
            ..Default::default()
        })),
        Call::Agent(run) => Call::Agent(Box::new(Agent {
            name: run.name.clone(),
            id: run.id.clone(),
            description: run.description.clone(),
            version: run.version.clone(),
            data_source_id: run.data_source_id.clone(),
            request: request(&run.request),
            response: response(&run.response),
        })),
        Call::Workflow(run) => Call::Workflow(Box::new(Workflow {
            name: run.name.clone(),
            conversation_id: run.conversation_id.clone(),
            ..Default::default()
        })),
        Call::Plan(plan) => Call::Plan(Box::new(Plan { agent_name: plan.agent_name.clone(), text: None })),
        Call::Memory(memory) => Call::Memory(Box::new(Memory {
            store_id: memory.store_id.clone(),
            record_id: memory.record_id.clone(),
            record_count: memory.record_count,
            ..Default::default()
        })),
        Call::Evaluation(evaluation) => {
            let mut evaluation = evaluation.clone();
            evaluation.explanation = None;
            Call::Evaluation(evaluation)
        }
    }
}

fn request(asked: &Request) -> Request {
    Request {
        model: asked.model.clone(),
        system_instructions: Vec::new(),
        messages: Vec::new(),
        tools: Vec::new(),
        tool_choice: asked.tool_choice.clone(),
        parallel_tool_calls: asked.parallel_tool_calls,
        stream: asked.stream,
        choice_count: asked.choice_count,
        max_output_tokens: asked.max_output_tokens,
        temperature: asked.temperature,
        top_p: asked.top_p,
        top_k: asked.top_k,
        frequency_penalty: asked.frequency_penalty,
        presence_penalty: asked.presence_penalty,
        stop_sequences: asked.stop_sequences.clone(),
        seed: asked.seed,
        output_format: asked.output_format.as_ref().map(|format| match format {
            OutputFormat::JsonSchema { .. } => OutputFormat::Json,
            other => other.clone(),
        }),
        reasoning_level: asked.reasoning_level.clone(),
        reasoning_budget: asked.reasoning_budget,
        previous_response_id: asked.previous_response_id.clone(),
        conversation_id: asked.conversation_id.clone(),
        guardrail_id: asked.guardrail_id.clone(),
        guardrail_version: asked.guardrail_version.clone(),
        service_tier: asked.service_tier.clone(),
        user: asked.user.clone(),
        variables: BTreeMap::new(),
        options: serde_json::Map::new(),
    }
}

fn response(came: &Response) -> Response {
    let choice = |choice: &Choice| Choice {
        index: choice.index,
        message: Message::new(choice.message.role.clone(), Vec::new()),
        finish_reason: choice.finish_reason.clone(),
        raw_finish_reason: choice.raw_finish_reason.clone(),
        stop_sequence: choice.stop_sequence.clone(),
        finish_message: None,
    };
    Response {
        id: came.id.clone(),
        model: came.model.clone(),
        choices: came.choices.iter().map(choice).collect(),
        usage: came.usage.clone(),
        status: came.status.clone(),
        incomplete_reason: came.incomplete_reason.clone(),
        block_reason: came.block_reason.clone(),
        output_item_types: came.output_item_types.clone(),
        service_tier: came.service_tier.clone(),
        system_fingerprint: came.system_fingerprint.clone(),
        guardrail_action: came.guardrail_action.clone(),
        latency_ms: came.latency_ms,
        invocation_metrics: None,
        stream: came.stream.clone(),
    }
}
