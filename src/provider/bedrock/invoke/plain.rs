//! The families whose answer is a text and a few words beside it: Amazon Titan, Meta Llama, Mistral, Cohere
//! Command, AI21 Jurassic, and Claude before it had messages.

use super::answer::Answer;
use crate::provider::lenient::{Count, Few, Object, Text};
use crate::provider::{
    Delta,
    text::{keep, set},
};
use crate::record::{Part, ToolCall};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A whole answer, or a chunk of one, of any of them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent<'a> {
    // Of several.
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    index: Count,
    // Titan.
    #[serde(borrow)]
    results: Few<TitanResult<'a>>,
    #[serde(borrow, rename = "outputText")]
    output_text: Option<Text<'a>>,
    #[serde(borrow, rename = "completionReason")]
    completion_reason: Text<'a>,
    #[serde(rename = "inputTextTokenCount")]
    input_text_tokens: Count,
    #[serde(rename = "totalOutputTextTokenCount")]
    output_text_tokens: Count,
    // Llama.
    #[serde(borrow)]
    generation: Option<Text<'a>>,
    prompt_token_count: Count,
    generation_token_count: Count,
    // Mistral.
    #[serde(borrow)]
    outputs: Few<MistralOutput<'a>>,
    // Claude.
    #[serde(borrow)]
    completion: Option<Text<'a>>,
    #[serde(borrow)]
    stop: Text<'a>,
    // Jurassic.
    #[serde(borrow)]
    completions: Few<Completion<'a>>,
    // Cohere.
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    generations: Few<Generation<'a>>,
    #[serde(borrow)]
    response_id: Text<'a>,
    #[serde(borrow)]
    generation_id: Text<'a>,
    #[serde(borrow)]
    response: Object<End<'a>>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    meta: Object<Meta>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TitanResult<'a> {
    #[serde(borrow)]
    output_text: Text<'a>,
    token_count: Count,
    #[serde(borrow)]
    completion_reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MistralOutput<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Completion<'a> {
    #[serde(borrow)]
    data: Object<Said<'a>>,
    #[serde(borrow)]
    finish_reason: Object<Finish<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Finish<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Generation<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
}

/// What the end of a stream of Cohere's repeats of it all.
#[derive(Default, Deserialize)]
#[serde(default)]
struct End<'a> {
    #[serde(borrow)]
    response_id: Text<'a>,
    #[serde(borrow)]
    generation_id: Text<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    meta: Object<Meta>,
}

/// The tokens that are billed: those of the prompt's template are none of the caller's.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    billed_units: Object<Billed>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Billed {
    input_tokens: Count,
    output_tokens: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CohereCall<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
}

/// Reads an answer or a chunk; whether it could be read.
pub(super) fn read(json: &str, answer: &mut Answer, on_delta: &mut impl FnMut(Delta<'_>)) -> bool {
    let Ok(sent) = serde_json::from_str::<Sent<'_>>(json) else {
        return false;
    };
    sent.titan(answer, on_delta);
    if let Some(text) = &sent.generation {
        answer.say(0, text.get(), on_delta);
        answer.count(sent.prompt_token_count.0, sent.generation_token_count.0, on_delta);
        answer.stop(0, sent.stop_reason.get(), on_delta);
    }
    for (choice, output) in (0..).zip(sent.outputs.iter()) {
        answer.say(choice, output.text.get(), on_delta);
        answer.stop(choice, output.stop_reason.get(), on_delta);
    }
    if let Some(text) = &sent.completion {
        answer.say(0, text.get(), on_delta);
        set(&mut answer.response.choice_mut(0).stop_sequence, sent.stop.get());
        answer.stop(0, sent.stop_reason.get(), on_delta);
    }
    for (choice, completion) in (0..).zip(sent.completions.iter()) {
        let said = completion.data.0.as_ref().and_then(|data| data.text.get());
        answer.say(choice, said, on_delta);
        let finish = completion.finish_reason.0.as_ref();
        answer.stop(choice, finish.and_then(|finish| finish.reason.get()), on_delta);
    }
    sent.cohere(answer, on_delta);
    true
}

impl Sent<'_> {
    fn titan(&self, answer: &mut Answer, on_delta: &mut impl FnMut(Delta<'_>)) {
        let mut output = self.output_text_tokens.0;
        for (choice, result) in (0..).zip(self.results.iter()) {
            answer.say(choice, result.output_text.get(), on_delta);
            if let Some(tokens) = result.token_count.0 {
                output = Some(output.unwrap_or_default().saturating_add(tokens));
            }
            answer.stop(choice, result.completion_reason.get(), on_delta);
        }
        if let Some(text) = &self.output_text {
            // Its `index` is the chunk's, not the generation's.
            answer.say(0, text.get(), on_delta);
            answer.stop(0, self.completion_reason.get(), on_delta);
        }
        answer.count(self.input_text_tokens.0, output, on_delta);
    }

    fn cohere(&self, answer: &mut Answer, on_delta: &mut impl FnMut(Delta<'_>)) {
        for (choice, generation) in (0..).zip(self.generations.iter()) {
            answer.say(choice, generation.text.get(), on_delta);
            answer.stop(choice, generation.finish_reason.get(), on_delta);
        }
        // Several generations at once are told apart by it.
        let choice = self.index.small().unwrap_or(0);
        if let Some(text) = &self.text {
            answer.say(choice, text.get(), on_delta);
        }
        let end = self.response.0.as_ref();
        let calls = [self.tool_calls, end.and_then(|end| end.tool_calls)];
        for calls in calls.into_iter().flatten() {
            call(calls, answer, on_delta);
        }
        let ends = self.event_type.get() == Some("stream-end");
        if self.event_type.get().is_none() || ends {
            let ids = [
                &self.response_id,
                end.map_or(&self.id, |end| &end.response_id),
                &self.id,
                &self.generation_id,
                end.map_or(&self.id, |end| &end.generation_id),
            ];
            set(&mut answer.response.id, ids.into_iter().find_map(Text::get));
        }
        let meta = [self.meta.0.as_ref(), end.and_then(|end| end.meta.0.as_ref())];
        if let Some(billed) = meta.into_iter().flatten().find_map(|meta| meta.billed_units.0.as_ref()) {
            answer.count(billed.input_tokens.0, billed.output_tokens.0, on_delta);
        }
        let word = self.finish_reason.get().or_else(|| end.and_then(|end| end.finish_reason.get()));
        answer.stop(choice, word, on_delta);
    }
}

/// The calls that the model asks for; the end of a stream repeats them.
fn call(raw: &RawValue, answer: &mut Answer, on_delta: &mut impl FnMut(Delta<'_>)) {
    if answer.response.tool_calls().next().is_some() {
        return;
    }
    let calls: Few<CohereCall<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
    for (index, call) in (0..).zip(calls.iter()) {
        let (name, fragment) =
            (call.name.get().unwrap_or_default(), call.parameters.map_or("{}", RawValue::get));
        on_delta(Delta::ToolCallStart { choice: 0, index, id: None, name });
        on_delta(Delta::ToolCallArguments { choice: 0, index, fragment });
        let mut kept = ToolCall { name: name.to_owned(), ..ToolCall::default() };
        keep(&mut kept.arguments, fragment, &mut answer.room);
        answer.response.choice_mut(0).message.parts.push(Part::ToolCall(kept));
    }
}
