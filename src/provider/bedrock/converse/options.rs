//! The parameters of a request, which all stand in objects, where options may stand beside them.

use super::{API, family::Family, tool};
use crate::provider::{
    body::merge,
    check::within,
    failure::{refuse, wrong},
    pick,
};
use crate::record::{ErrorInfo, OutputFormat, Request};
use serde_json::{Map, Value, json};

/// Where the words go that only some families of models take.
const MORE: &str = "additionalModelRequestFields";

/// That all parameters are such as the API has.
pub(super) fn check(request: &Request) -> Result<(), ErrorInfo> {
    refuse(API, "seed", request.seed.is_some())?;
    refuse(API, "frequency_penalty", request.frequency_penalty.is_some())?;
    refuse(API, "presence_penalty", request.presence_penalty.is_some())?;
    refuse(API, "choice_count", request.choice_count.is_some_and(|count| count > 1))?;
    refuse(API, "previous_response_id", request.previous_response_id.is_some())?;
    refuse(API, "conversation_id", request.conversation_id.is_some())?;
    refuse(API, "parallel_tool_calls", request.parallel_tool_calls.is_some())?;
    refuse(API, "user", request.user.is_some())?;
    within("temperature", request.temperature, (0.0, 1.0), API)?;
    within("top_p", request.top_p, (0.0, 1.0), API)
}

/// The options, and in them the parameters.
pub(super) fn whole(request: &Request) -> Result<Map<String, Value>, ErrorInfo> {
    let mut objects = Map::new();
    let mut put = |name: &str, object: Map<String, Value>| {
        if !object.is_empty() {
            objects.insert(name.to_owned(), Value::Object(object));
        }
    };
    let text =
        |name: &str, text: &Option<String>| text.as_deref().map(|text| (name.to_owned(), Value::from(text)));
    put("inferenceConfig", inference(request));
    put("toolConfig", tool::write_config(request)?);
    let guardrail = [
        text("guardrailIdentifier", &request.guardrail_id),
        text("guardrailVersion", &request.guardrail_version),
    ];
    put("guardrailConfig", guardrail.into_iter().flatten().collect());
    put("outputConfig", write_format(request)?);
    put("serviceTier", text("type", &request.service_tier).into_iter().collect());
    put(MORE, of_family(request)?);
    merge(&mut objects, &request.options);
    Ok(objects)
}

fn inference(request: &Request) -> Map<String, Value> {
    let stop = Some(&request.stop_sequences).filter(|stop| !stop.is_empty());
    let fields = [
        ("maxTokens", request.max_output_tokens.map(Value::from)),
        ("temperature", request.temperature.map(Value::from)),
        ("topP", request.top_p.map(Value::from)),
        ("stopSequences", stop.map(|stop| Value::from(stop.as_slice()))),
    ];
    let sent = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    sent.collect()
}

/// What Converse has no field for, in the words of the model's family. A model that an ARN hides is taken
/// for one of Anthropic's; one of another maker then refuses what it does not know.
fn of_family(request: &Request) -> Result<Map<String, Value>, ErrorInfo> {
    let family = Family::of(request.model.as_deref());
    let no = |parameter: &str| {
        let model = request.model.as_deref().unwrap_or_default();
        let why =
            format!("{API} has no such parameter for {model}; what it takes goes into {MORE} of the options");
        wrong(parameter, &why)
    };
    let mut more = Map::new();
    if let Some(top_k) = request.top_k {
        match family {
            Family::Anthropic | Family::Mistral | Family::Hidden => {
                more.insert("top_k".to_owned(), Value::from(top_k));
            }
            Family::Nova | Family::Nova2 => {
                more.insert("inferenceConfig".to_owned(), json!({ "topK": top_k }));
            }
            Family::Other => return Err(no("top_k")),
        }
    }
    if let Some(budget) = request.reasoning_budget {
        if !matches!(family, Family::Anthropic | Family::Hidden) {
            return Err(no("reasoning_budget"));
        }
        more.insert("thinking".to_owned(), json!({ "type": "enabled", "budget_tokens": budget }));
    }
    if let Some(level) = &request.reasoning_level {
        match family {
            Family::Anthropic | Family::Hidden => {
                more.insert("output_config".to_owned(), json!({ "effort": level }));
            }
            Family::Nova2 => {
                let config = json!({ "type": "enabled", "maxReasoningEffort": level });
                more.insert("reasoningConfig".to_owned(), config);
            }
            Family::Nova | Family::Mistral | Family::Other => return Err(no("reasoning_level")),
        }
    }
    Ok(more)
}

/// The API always holds to a schema, and takes it as a text.
fn write_format(request: &Request) -> Result<Map<String, Value>, ErrorInfo> {
    let no = |what: &str| Err(wrong("output_format", &format!("{API} {what}")));
    let (name, schema) = match &request.output_format {
        None | Some(OutputFormat::Text) => return Ok(Map::new()),
        Some(OutputFormat::JsonSchema { name, schema, .. }) if !schema.is_null() => (name, schema),
        Some(OutputFormat::Json | OutputFormat::JsonSchema { .. }) => {
            return no("takes JSON only with a schema");
        }
        Some(OutputFormat::Image) => return no("makes no images"),
        Some(OutputFormat::Speech) => return no("makes no speech"),
    };
    let mut inner = Map::new();
    inner.insert("schema".to_owned(), Value::from(schema.to_string()));
    if !name.is_empty() {
        inner.insert("name".to_owned(), Value::from(name.as_str()));
    }
    let format = json!({ "type": "json_schema", "structure": { "jsonSchema": inner } });
    Ok([("textFormat".to_owned(), format)].into_iter().collect())
}

/// A schema; one that says more than we keep stays as it was sent.
fn read_format(format: &Value) -> Option<OutputFormat> {
    let format = format.as_object().filter(|format| format.len() == 2)?;
    let structure =
        format.get("structure").filter(|_| format.get("type").is_some_and(|it| it == "json_schema"));
    let structure = structure?.as_object().filter(|structure| structure.len() == 1)?;
    let mut inner = structure.get("jsonSchema")?.as_object()?.clone();
    let schema = pick::take(&mut inner, "schema", |schema| {
        serde_json::from_str(schema.as_str()?).ok().filter(|schema: &Value| !schema.is_null())
    })?;
    let name = pick::take_text(&mut inner, "name").unwrap_or_default();
    inner.is_empty().then_some(OutputFormat::JsonSchema { name, schema, strict: None })
}

/// Takes out of a body what is known of its parameters; what is not known, or cannot be read, stays.
pub(super) fn read(sent: &mut Map<String, Value>, request: &mut Request) {
    take_from(sent, "inferenceConfig", |config| {
        request.max_output_tokens = pick::take(config, "maxTokens", pick::whole_number);
        request.temperature = pick::take(config, "temperature", Value::as_f64);
        request.top_p = pick::take(config, "topP", Value::as_f64);
        request.stop_sequences = pick::take(config, "stopSequences", read_stop).unwrap_or_default();
    });
    take_from(sent, "toolConfig", |config| {
        request.tools = pick::take(config, "tools", tool::read_tools).unwrap_or_default();
        request.tool_choice = pick::take(config, "toolChoice", tool::read_choice);
    });
    take_from(sent, "guardrailConfig", |config| {
        request.guardrail_id = pick::take_text(config, "guardrailIdentifier");
        request.guardrail_version = pick::take_text(config, "guardrailVersion");
    });
    take_from(sent, "outputConfig", |config| {
        request.output_format = pick::take(config, "textFormat", read_format);
    });
    take_from(sent, "serviceTier", |tier| request.service_tier = pick::take_text(tier, "type"));
    take_from(sent, MORE, |more| {
        request.top_k = pick::take(more, "top_k", pick::whole_number);
        if request.top_k.is_none() {
            take_from(more, "inferenceConfig", |config| {
                request.top_k = pick::take(config, "topK", pick::whole_number);
            });
        }
        // The second is an older name of the first.
        for name in ["thinking", "reasoning_config"] {
            if request.reasoning_budget.is_none() {
                take_from(more, name, |thinking| request.reasoning_budget = take_enabled(thinking, BUDGET));
            }
        }
        take_from(more, "output_config", |config| {
            request.reasoning_level = pick::take_text(config, "effort");
        });
        if request.reasoning_level.is_none() {
            take_from(more, "reasoningConfig", |config| {
                request.reasoning_level = take_enabled(config, EFFORT);
            });
        }
    });
}

/// How a value is read that stands under this name.
type Setting<T> = (&'static str, fn(&Value) -> Option<T>);

const BUDGET: Setting<u64> = ("budget_tokens", pick::whole_number);
const EFFORT: Setting<String> = ("maxReasoningEffort", pick::some_text);

/// How much to reason goes with reasoning that is enabled; how else to reason stays.
fn take_enabled<T>(config: &mut Map<String, Value>, (name, read): Setting<T>) -> Option<T> {
    if config.get("type").is_none_or(|kind| kind != "enabled") {
        return None;
    }
    let taken = pick::take(config, name, read)?;
    config.remove("type");
    Some(taken)
}

fn read_stop(stop: &Value) -> Option<Vec<String>> {
    stop.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
}

/// Takes out of the object under this name; nothing is left of one that is then empty.
fn take_from(sent: &mut Map<String, Value>, name: &str, take: impl FnOnce(&mut Map<String, Value>)) {
    if let Some(Value::Object(object)) = sent.get_mut(name) {
        take(object);
        if object.is_empty() {
            sent.remove(name);
        }
    }
}
