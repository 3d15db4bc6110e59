//! What a request must have before anything is sent, in the words that a Tracia user knows.

use crate::{
    Error,
    record::{EmbeddingInput, Message, Part, Request, Role, ToolResult},
};

pub(super) fn model(model: Option<&str>) -> Result<(), Error> {
    if model.is_none_or(|model| model.trim().is_empty()) {
        return Err(Error::configuration("model is required and cannot be empty"));
    }
    Ok(())
}

pub(super) fn messages(request: &Request, is_responses: bool) -> Result<(), Error> {
    if request.messages.is_empty() && request.previous_response_id.is_none() {
        if is_responses {
            return Err(Error::configuration(
                "input array is required and cannot be empty, there is no message: give `.user(..)`, `.items(..)` or \
                 `.messages(..)`",
            ));
        }
        return Err(Error::configuration(
            "messages is required and cannot be empty, there is no message: give `.user(..)` or `.messages(..)`",
        ));
    }
    Ok(())
}

/// Whether each answer of a tool tells which call it answers: by the call's id, or by the tool's
/// name, as Google has it: its conversations go on with others.
pub(super) fn tool_messages(messages: &[Message]) -> Result<(), Error> {
    let is_told = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    let answers = |result: &ToolResult| is_told(&result.call_id) || is_told(&result.name);
    let is_good = |message: &Message| {
        let results = || message.parts.iter().filter_map(as_result);
        results().all(answers) && (message.role != Role::Tool || results().next().is_some())
    };
    if messages.iter().all(is_good) {
        return Ok(());
    }
    Err(Error::configuration(
        "Tool messages must have tool_call_id, the id of the call that they answer: \
         `.tool_result(call, ..)` takes the call or its id",
    ))
}

fn as_result(part: &Part) -> Option<&ToolResult> {
    match part {
        Part::ToolResult(result) => Some(result),
        _ => None,
    }
}

pub(super) fn inputs(inputs: &[EmbeddingInput]) -> Result<(), Error> {
    let is_blank = |input: &EmbeddingInput| match input {
        EmbeddingInput::Text(text) => text.trim().is_empty(),
        EmbeddingInput::Tokens(tokens) => tokens.is_empty(),
    };
    match inputs {
        [] => Err(Error::configuration(
            "input is required and cannot be empty: give `.input(..)` at least once",
        )),
        [one] if is_blank(one) => Err(Error::configuration("input text cannot be empty")),
        several => match several.iter().position(is_blank) {
            Some(place) => Err(Error::configuration(format!(
                "input array cannot contain empty strings: input {} of {} is one",
                place + 1,
                several.len()
            ))),
            None => Ok(()),
        },
    }
}
