//! What is shaped like OpenAI's chat completions, but for a few names.

use crate::provider::lenient::{Few, Text};
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent<'a> {
    #[serde(borrow)]
    choices: Few<Choice<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

/// The body as OpenAI would have written it: Mistral's models say `stop_reason`, and DeepSeek's a bare `text`
/// in the place of a message.
pub(super) fn as_openai(body: &[u8]) -> Cow<'_, [u8]> {
    let sent: Sent<'_> = serde_json::from_slice(body).unwrap_or_default();
    let differs = sent.choices.iter().any(|choice| {
        choice.text.is_some() || choice.finish_reason.get().is_none() && choice.stop_reason.get().is_some()
    });
    let whole = if differs { serde_json::from_slice::<Value>(body).ok() } else { None };
    let Some(mut whole) = whole else {
        return Cow::Borrowed(body);
    };
    let choices = whole.get_mut("choices").and_then(Value::as_array_mut);
    for choice in choices.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(text) = choice.remove("text") {
            let message = json!({ "role": "assistant", "content": text });
            choice.entry("message").or_insert(message);
        }
        let word = choice.get("stop_reason").filter(|word| word.is_string()).cloned();
        if let Some(word) = word.filter(|_| choice.get("finish_reason").is_none_or(Value::is_null)) {
            choice.insert("finish_reason".to_owned(), word);
        }
    }
    Cow::Owned(whole.to_string().into_bytes())
}
