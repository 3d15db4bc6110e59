//! Operations for the tests of this vocabulary.

use crate::record::{
    Call, EmbeddingInput, Embeddings, EmbeddingsRequest, ErrorInfo, FinishReason, Message, Operation,
    OperationKind, Outcome, Part, RawJson, Request, Response, Role, Server, ToolChoice, ToolExecution,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

pub(super) fn generation_of(kind: OperationKind, provider: &'static str) -> Operation {
    let mut request = Request { model: Some("gpt-5".into()), ..Request::default() };
    request.messages.push(Message::text(Role::User, "How warm is it?"));
    request.temperature = Some(0.5);
    request.max_output_tokens = Some(100);
    request.stream = true;
    request.tool_choice = Some(ToolChoice::Required);
    let mut response =
        Response { id: Some("resp_1".into()), model: Some("gpt-5-2025".into()), ..Response::default() };
    let choice = response.choice_mut(0);
    choice.message.parts.push(Part::Text("18 degrees".into()));
    choice.finish_reason = Some(FinishReason::Stop);
    response.usage.input_tokens = Some(30);
    response.usage.output_tokens = Some(12);
    response.usage.cache_read_input_tokens = Some(10);
    response.usage.cache_write_input_tokens = Some(8);
    response.usage.cache_write_1h_input_tokens = Some(3);
    response.usage.reasoning_output_tokens = Some(4);
    response.usage.raw = Some(RawJson::from(json!({ "prompt_tokens": 30, "cost": 0.25 })));
    let call = Call::Inference { request: Box::new(request), response: Arc::new(response) };
    let mut operation = Operation::new(kind, call);
    operation.provider = Some(provider.into());
    operation.server = Some(Server { address: "api.openai.com".into(), port: 443 });
    operation.url = Some("https://api.openai.com/v1/chat/completions".into());
    operation.http_status = Some(200);
    operation.time_to_first_chunk = Some(Duration::from_millis(250));
    operation.outcome = Outcome::Done;
    operation
}

pub(super) fn chat() -> Operation {
    generation_of(OperationKind::Chat, "openai")
}

pub(super) fn embeddings(input: Vec<EmbeddingInput>) -> Operation {
    let request =
        EmbeddingsRequest { model: Some("text-embedding-3-small".into()), input, ..Default::default() };
    let mut response = Embeddings { model: request.model.clone(), ..Embeddings::default() };
    response.usage.input_tokens = Some(5);
    let call = Call::Embeddings { request: Box::new(request), response: Box::new(response) };
    let mut operation = Operation::new(OperationKind::Embeddings, call);
    operation.provider = Some("openai".into());
    operation.server = Some(Server { address: "api.openai.com".into(), port: 443 });
    operation.url = Some("https://api.openai.com/v1/embeddings".into());
    operation.http_status = Some(200);
    operation.outcome = Outcome::Done;
    operation
}

pub(super) fn tool() -> Operation {
    let call = ToolExecution {
        name: "get_weather".into(),
        arguments: Some(r#"{"city":"Lund"}"#.into()),
        result: Some("18 degrees".into()),
        ..ToolExecution::default()
    };
    let mut operation = Operation::new(OperationKind::ExecuteTool, Call::Tool(Box::new(call)));
    operation.outcome = Outcome::Done;
    operation
}

pub(super) fn failed(mut operation: Operation, info: ErrorInfo) -> Operation {
    operation.outcome = Outcome::Failed(Box::new(info));
    operation
}
