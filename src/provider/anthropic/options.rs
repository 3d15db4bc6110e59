//! The parameters of a request that stand in objects, where options may stand beside them.

use super::{API, limit, tool};
use crate::provider::{
    body::merge,
    check::within,
    failure::{refuse, wrong},
};
use crate::record::{ErrorInfo, OutputFormat, Request};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The least budget that the API takes.
const LEAST_BUDGET: u64 = 1024;
/// What is left for the answer beside a budget to think with, where nobody said how much.
const BESIDE_BUDGET: u64 = 4096;

/// That all parameters are such as the API has.
pub(super) fn check(request: &Request) -> Result<(), ErrorInfo> {
    refuse(API, "seed", request.seed.is_some())?;
    refuse(API, "frequency_penalty", request.frequency_penalty.is_some())?;
    refuse(API, "presence_penalty", request.presence_penalty.is_some())?;
    refuse(API, "choice_count", request.choice_count.is_some_and(|count| count > 1))?;
    refuse(API, "previous_response_id", request.previous_response_id.is_some())?;
    refuse(API, "conversation_id", request.conversation_id.is_some())?;
    for (name, value) in [("temperature", request.temperature), ("top_p", request.top_p)] {
        within(name, value, (0.0, 1.0), API)?;
    }
    Ok(())
}

/// The `max_tokens` to send: as it was set, else the model's, and room for what is thought.
pub(crate) fn max_tokens(request: &Request) -> Result<u64, ErrorInfo> {
    let model = request.model.as_deref().unwrap_or_default();
    let budget = request.reasoning_budget;
    let tokens = request.max_output_tokens.unwrap_or_else(|| {
        let whole = limit::default_max_tokens(model);
        let tokens = if request.stream { whole } else { whole.min(limit::in_one_piece(model)) };
        let wanted = tokens.max(budget.map_or(0, |budget| budget.saturating_add(BESIDE_BUDGET)));
        wanted.min(limit::documented(model).unwrap_or(u64::MAX))
    });
    // An option that takes the place of either is the caller's own affair.
    let thinking = request.options.get("thinking");
    let rethought = thinking
        .is_some_and(|thinking| ["type", "budget_tokens"].iter().any(|key| thinking.get(key).is_some()));
    let overridden = rethought || request.options.contains_key("max_tokens");
    match budget.filter(|_| !overridden) {
        Some(budget) if budget < LEAST_BUDGET => {
            Err(wrong("reasoning_budget", &format!("{API} takes {LEAST_BUDGET} tokens at the least")))
        }
        // With tools the reasoning may go on between the calls, beyond the limit of one answer.
        Some(budget) if budget >= tokens && request.tools.is_empty() => Err(wrong(
            "reasoning_budget",
            &format!("{API} takes one below the {tokens} tokens of the output's limit"),
        )),
        _ => Ok(tokens),
    }
}

/// The options, and in them the parameters that stand in objects.
pub(super) fn whole(request: &Request) -> Result<Cow<'_, Map<String, Value>>, ErrorInfo> {
    let mut objects = Map::new();
    let mut put = |name: &str, object: Map<String, Value>| {
        if !object.is_empty() {
            objects.insert(name.to_owned(), Value::Object(object));
        }
    };
    let choice = tool::write_choice(request.tool_choice.as_ref(), request.parallel_tool_calls);
    put("tool_choice", choice.unwrap_or_default());
    let mut config = Map::new();
    config.extend(request.reasoning_level.as_deref().map(|level| ("effort".to_owned(), Value::from(level))));
    config.extend(write_format(request)?.map(|format| ("format".to_owned(), format)));
    put("output_config", config);
    let mut thinking = Map::new();
    if let Some(budget) = request.reasoning_budget {
        thinking.insert("type".to_owned(), Value::from("enabled"));
        thinking.insert("budget_tokens".to_owned(), Value::from(budget));
    }
    put("thinking", thinking);
    let user = request.user.as_deref().map(|user| ("user_id".to_owned(), Value::from(user)));
    put("metadata", user.into_iter().collect());
    if objects.is_empty() {
        return Ok(Cow::Borrowed(&request.options));
    }
    merge(&mut objects, &request.options);
    Ok(Cow::Owned(objects))
}

/// The API always holds to a schema and wants no name for it.
fn write_format(request: &Request) -> Result<Option<Value>, ErrorInfo> {
    let no = |what: &str| Err(wrong("output_format", &format!("{API} {what}")));
    match &request.output_format {
        None | Some(OutputFormat::Text) => Ok(None),
        Some(OutputFormat::JsonSchema { schema, .. }) if !schema.is_null() => {
            Ok(Some(json!({ "type": "json_schema", "schema": schema })))
        }
        Some(OutputFormat::Json | OutputFormat::JsonSchema { .. }) => no("takes JSON only with a schema"),
        Some(OutputFormat::Image) => no("makes no images"),
        Some(OutputFormat::Speech) => no("makes no speech"),
    }
}
