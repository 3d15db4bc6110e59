//! Events as PostHog's own API takes them: judgements, which its endpoint for OTLP has no events for, and all others.
//!
//! Each has a UUID that its span makes, so that PostHog stores one that is sent twice once.

use super::{
    hex, json,
    properties::{Properties, is_of_gateway},
    rules::{identity, library},
    shorten::shorten,
    span::{Facts, known, translate_resource},
    usage::is_cost,
};
use crate::{
    record::Call,
    semconv::{
        gen_ai::{self as names, GEN_AI_EVALUATION_RESULT},
        own, posthog as ph,
    },
    time::rfc3339,
    vocabulary::is_content,
};
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::Event, status::StatusCode},
};
use serde_json::{Map, Value as Json, json};
use std::borrow::Cow;

type Object = Map<String, Json>;

/// What attributes become, each in place of a property of that name, as PostHog's endpoint for OTLP does it.
const RENAMED: [(&str, &str); 6] = [
    (names::GEN_AI_RESPONSE_MODEL, ph::AI_MODEL),
    (names::GEN_AI_PROVIDER_NAME, ph::AI_PROVIDER),
    (names::GEN_AI_USAGE_INPUT_TOKENS, ph::AI_INPUT_TOKENS),
    (names::GEN_AI_USAGE_OUTPUT_TOKENS, ph::AI_OUTPUT_TOKENS),
    (names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, ph::AI_CACHE_READ_INPUT_TOKENS),
    ("gen_ai.usage.cache_creation.input_tokens", ph::AI_CACHE_CREATION_INPUT_TOKENS),
];

/// Those of them that are JSON in a text.
const PARSED: [(&str, &str); 3] = [
    (names::GEN_AI_INPUT_MESSAGES, ph::AI_INPUT),
    (names::GEN_AI_OUTPUT_MESSAGES, ph::AI_OUTPUT_CHOICES),
    (names::GEN_AI_TOOL_DEFINITIONS, ph::AI_TOOLS),
];

/// What tells whose a judgement is, and what it belongs to.
const OF_WHOM: [&str; 10] = [
    "$groups",
    "$session_id",
    ph::AI_SESSION_ID,
    ph::POSTHOG_DISTINCT_ID,
    ph::PROCESS_PERSON_PROFILE,
    "posthog.geoip_disable",
    names::GEN_AI_CONVERSATION_ID,
    names::SESSION_ID,
    names::USER_ID,
    own::TRACING_GENAI_TAGS,
];

/// What they become where there is no property of that name.
const FALLBACKS: [(&str, &str); 4] = [
    ("gen_ai.system", ph::AI_PROVIDER),
    (names::GEN_AI_REQUEST_MODEL, ph::AI_MODEL),
    ("gen_ai.usage.prompt_tokens", ph::AI_INPUT_TOKENS),
    ("gen_ai.usage.completion_tokens", ph::AI_OUTPUT_TOKENS),
];

/// The most characters of a text that PostHog reads as groups, and as instructions.
const MOST_GROUPS: usize = 10_000;
const MOST_INSTRUCTIONS: usize = 500_000;

/// Below so many levels of lists and maps there is text: readers of JSON refuse a request that has some hundred in one
/// place whole.
const DEPTH: usize = 64;

/// Of a resource what tells of the machine stays out, as it does there.
const OF_MACHINE: [&str; 4] = ["host.", "os.", "process.", "telemetry."];

/// The event of a [translated](super::translate) span.
pub(crate) fn event(span: &Span, resource: &[KeyValue]) -> Json {
    let mut properties = of_resource(resource);
    properties.extend(of_attributes(&span.attributes));
    let operation = properties.remove(names::GEN_AI_OPERATION_NAME);
    let name = match operation.as_ref().and_then(Json::as_str) {
        Some("chat") => "$ai_generation",
        Some("embeddings") => "$ai_embedding",
        _ if span.parent_span_id.is_empty() => "$ai_trace",
        _ => "$ai_span",
    };
    for (attribute, property) in RENAMED {
        if let Some(value) = properties.remove(attribute) {
            properties.insert(property.to_owned(), value);
        }
    }
    for (attribute, property) in PARSED {
        if let Some(value) = properties.remove(attribute) {
            properties.insert(property.to_owned(), parsed(value));
        }
    }
    for (attribute, property) in FALLBACKS {
        if let Some(value) = properties.remove(attribute) {
            properties.entry(property).or_insert(value);
        }
    }
    put_instructions(&mut properties);
    if !span.name.is_empty() {
        properties.insert(ph::AI_SPAN_NAME.to_owned(), span.name.clone().into());
    }
    let nanos = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    if nanos > 0 {
        properties.insert(ph::AI_LATENCY.to_owned(), (nanos as f64 / 1e9).into());
    }
    if let Some(error) = error(span) {
        properties.entry(ph::AI_ERROR).or_insert(error.into());
    }
    put_ids(&mut properties, &span.trace_id, &span.span_id, &span.parent_span_id);
    put_given_ids(&mut properties);
    captured(name, span, 0, span.start_time_unix_nano, properties)
}

/// The events of what the span tells of judgements, of which it has the conventions' events: each with what is at most
/// so many encoded bytes of attributes, cut as those of a [span](shorten()) are.
pub(crate) fn judgements(span: &Span, facts: &Facts<'_>, most: usize) -> Vec<Json> {
    let mut events = Vec::new();
    for judgement in span.events.iter().filter(|event| event.name == GEN_AI_EVALUATION_RESULT) {
        for (name, properties) in judged(span, judgement, facts, most) {
            // The event of the span itself is the first.
            let number = events.len() + 1;
            events.push(captured(name, span, number, judgement.time_unix_nano, properties));
        }
    }
    events
}

/// Whether the span is there for its judgements alone.
fn is_alone(span: &Span) -> bool {
    !span.attributes.iter().any(|attribute| attribute.key == names::GEN_AI_OPERATION_NAME)
}

/// What a judgement's events have of its span and of the conventions' event: whose it is, its marks, its result.
fn around(span: &Span, judgement: &Event, facts: &Facts<'_>, most: usize) -> Object {
    // Of the span itself nothing else: it may be one of the program's own.
    let marks = facts.operation.and_then(|operation| operation.marks.as_deref());
    let is_mark = |attribute: &&KeyValue| {
        let key = attribute.key.as_str();
        let is_own = marks.is_some_and(|marks| marks.attributes.contains_key(key));
        OF_WHOM.contains(&key) || (is_own && !is_cost(key) && !is_content(key))
    };
    let marks = span.attributes.iter().filter(is_mark);
    let attributes = marks.chain(&judgement.attributes).cloned().collect();
    let mut carried = Span { attributes, ..Span::default() };
    shorten(&mut carried, most);
    let mut list = Properties::of(carried.attributes.into_iter().filter_map(json::of_attribute));
    identity(&mut list, &known(span, facts));
    library(&mut list);
    let mut all = of_resource(facts.resource);
    all.extend(list.into_kept().map(|(key, value)| (key.into_owned(), value)));
    let parent = match facts.parent {
        // What was judged, or what it is inside of: it may be a span that PostHog does not get.
        Some(operation) => Cow::Owned(operation.to_bytes().to_vec()),
        None if facts.is_parent_known => Cow::default(),
        None => Cow::Borrowed(&span.parent_span_id),
    };
    if is_alone(span) {
        put_ids(&mut all, &span.trace_id, &span.span_id, &parent);
    } else {
        put_ids(&mut all, &span.trace_id, &[], &span.span_id);
    }
    all
}

/// The names and properties of a judgement's events.
fn judged(span: &Span, judgement: &Event, facts: &Facts<'_>, most: usize) -> Vec<(&'static str, Object)> {
    let is_feedback = facts.operation.is_some_and(
        |operation| matches!(&operation.call, Call::Evaluation(evaluation) if evaluation.is_feedback),
    );
    let mut base = around(span, judgement, facts, most);
    let name = base.get(names::GEN_AI_EVALUATION_NAME).cloned().unwrap_or_else(|| "evaluation".into());
    let why = base.remove(names::GEN_AI_EVALUATION_EXPLANATION);
    if let Some(id) = base.remove(names::GEN_AI_RESPONSE_ID) {
        base.insert(ph::AI_COMPLETION_ID.to_owned(), id);
    }
    let failed = base.remove(names::ERROR_TYPE);
    let label = base.get(names::GEN_AI_EVALUATION_SCORE_LABEL).and_then(Json::as_str).map(str::to_owned);
    let score = base.get(names::GEN_AI_EVALUATION_SCORE_VALUE).filter(|score| score.is_number());
    let score =
        score.map(|score| score.as_f64().map_or_else(|| score.to_string(), |score| score.to_string()));
    let with = |entries: Vec<(&str, Option<Json>)>| {
        let mut properties = base.clone();
        let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        properties.extend(entries);
        properties
    };
    let metric = |value: String| {
        with(vec![(ph::AI_METRIC_NAME, Some(name.clone())), (ph::AI_METRIC_VALUE, Some(value.into()))])
    };
    if is_feedback {
        let verdict = label.or(score).map(|verdict| ("$ai_metric", metric(verdict)));
        let text = (why.is_some() || verdict.is_none())
            .then(|| ("$ai_feedback", with(vec![(ph::AI_FEEDBACK_TEXT, why)])));
        return text.into_iter().chain(verdict).collect();
    }
    let is_alone = is_alone(span);
    let began = if is_alone { span.start_time_unix_nano } else { judgement.time_unix_nano };
    // In a trace of its own it is of nothing that is known.
    let target = (!is_alone || !span.parent_span_id.is_empty()).then(|| hex(&span.trace_id));
    let evaluation = with(vec![
        (ph::AI_EVALUATION_NAME, Some(name.clone())),
        (ph::AI_EVALUATION_RESULT, label.as_deref().and_then(verdict).map(Json::Bool)),
        (ph::AI_EVALUATION_REASONING, why),
        (ph::AI_EVALUATION_START_TIME, (began > 0).then(|| rfc3339(began).into())),
        (ph::AI_TARGET_TYPE, target.is_some().then(|| "trace_id".into())),
        (ph::AI_TARGET_ID, target.map(Json::from)),
        (ph::AI_IS_ERROR, failed.as_ref().map(|_| true.into())),
        (ph::AI_ERROR_TYPE, failed.clone()),
    ]);
    let metric = score.or(label).map(|value| ("$ai_metric", metric(value)));
    std::iter::once(("$ai_evaluation", evaluation)).chain(metric).collect()
}

/// Whether a label says that the judged passed, or did not.
fn verdict(label: &str) -> Option<bool> {
    const YES: [&str; 4] = ["pass", "passed", "true", "yes"];
    const NO: [&str; 4] = ["fail", "failed", "false", "no"];
    let is = |words: [&str; 4]| words.iter().any(|word| label.eq_ignore_ascii_case(word));
    if is(YES) {
        Some(true)
    } else if is(NO) {
        Some(false)
    } else {
        None
    }
}

/// `at` is when it was, or 0 for its arrival.
fn captured(name: &str, span: &Span, number: usize, at: u64, mut properties: Object) -> Json {
    properties.retain(|key, _| !is_of_gateway(key));
    let ids = [properties.remove(ph::POSTHOG_DISTINCT_ID), properties.remove(names::USER_ID)];
    let id = ids.into_iter().flatten().find(|id| id.as_str().is_some_and(|id| !id.is_empty()));
    let id = id.unwrap_or_else(|| {
        properties.entry(ph::PROCESS_PERSON_PROFILE).or_insert(false.into());
        hex(&span.trace_id).into()
    });
    put_groups(&mut properties);
    // The address that events come from is that of a server.
    let without_place = properties.get("posthog.geoip_disable").cloned().unwrap_or_else(|| true.into());
    properties.entry("$geoip_disable").or_insert(without_place);
    let mut event = json!({
        "event": name,
        "distinct_id": id,
        "uuid": uuid(span, number, name),
        "properties": properties,
    });
    if at > 0 {
        event["timestamp"] = rfc3339(at).into();
    }
    event
}

/// A UUID of what tells the event from all others: the same for the same event, however often it is made.
fn uuid(span: &Span, number: usize, name: &str) -> String {
    let number = (number as u64).to_be_bytes();
    let key = [&span.trace_id, &span.span_id, number.as_slice(), name.as_bytes()].concat();
    let half = |seed: u64| {
        key.chunks(8).fold(seed, |hash, chunk| {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(byte, of_key)| *byte = *of_key);
            mixed(hash ^ u64::from_le_bytes(word))
        })
    };
    // The first digits of e and of the square root of 2, as seeds that are not alike.
    let mut bytes =
        [half(0x2718_2818_2845_9045).to_be_bytes(), half(0x1414_2135_6237_3095).to_be_bytes()].concat();
    // The form of a random one.
    for (place, mask, mark) in [(6, 0x0f, 0x40), (8, 0x3f, 0x80)] {
        if let Some(byte) = bytes.get_mut(place) {
            *byte = mark | (*byte & mask);
        }
    }
    let text = hex(&bytes);
    let parts = [text.get(..8), text.get(8..12), text.get(12..16), text.get(16..20), text.get(20..)];
    parts.map(Option::unwrap_or_default).join("-")
}

/// The finalizer of `SplitMix64`: each bit of the number changes about half of the result's.
fn mixed(number: u64) -> u64 {
    let mut hash = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

fn put_ids(properties: &mut Object, trace: &[u8], span: &[u8], parent: &[u8]) {
    for (key, id) in [(ph::AI_TRACE_ID, trace), (ph::AI_SPAN_ID, span), (ph::AI_PARENT_ID, parent)] {
        if !id.is_empty() {
            properties.insert(key.to_owned(), hex(id).into());
        }
    }
}

/// Puts the ids that the program gave the call in place of OpenTelemetry's.
fn put_given_ids(properties: &mut Object) {
    for (given, key) in [
        (own::TRACING_GENAI_TRACE_ID, ph::AI_TRACE_ID),
        (own::TRACING_GENAI_SPAN_ID, ph::AI_SPAN_ID),
        (own::TRACING_GENAI_PARENT_SPAN_ID, ph::AI_PARENT_ID),
    ] {
        if let Some(id) = properties.get(given).cloned() {
            properties.insert(key.to_owned(), id);
        }
    }
}

fn of_resource(resource: &[KeyValue]) -> Object {
    let is_sent = |attribute: &&KeyValue| !OF_MACHINE.iter().any(|prefix| attribute.key.starts_with(prefix));
    let mut sent = resource.iter().filter(is_sent).cloned().collect();
    translate_resource(&mut sent);
    of_attributes(&sent)
}

fn of_attributes(attributes: &[KeyValue]) -> Object {
    let entries = attributes.iter().cloned().filter_map(json::of_attribute);
    entries.filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.into_owned(), value)).collect()
}

/// The JSON in a text, or the text if it is none.
fn parsed(value: Json) -> Json {
    let json = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    json.map_or(value, |json| bounded(json, DEPTH))
}

/// What is below so many levels as text.
fn bounded(json: Json, depth: usize) -> Json {
    match json {
        Json::Array(_) | Json::Object(_) if depth == 0 => json.to_string().into(),
        Json::Array(items) => items.into_iter().map(|item| bounded(item, depth - 1)).collect(),
        Json::Object(entries) => {
            entries.into_iter().map(|(key, value)| (key, bounded(value, depth - 1))).collect()
        }
        other => other,
    }
}

/// A text of groups becomes the map that it is, as PostHog's endpoint for OTLP does it.
fn put_groups(properties: &mut Object) {
    let Some(groups) = properties.get("$groups").and_then(Json::as_str) else { return };
    if groups.chars().count() > MOST_GROUPS {
        properties.remove("$groups");
        return;
    }
    let groups = parsed(groups.into());
    if groups.is_object() {
        properties.insert("$groups".to_owned(), groups);
    }
}

/// Puts the instructions before the messages, as PostHog's endpoint for OTLP does it: not without messages, and not
/// beside others.
fn put_instructions(properties: &mut Object) {
    let Some(text) = properties.get(names::GEN_AI_SYSTEM_INSTRUCTIONS).and_then(instructions) else { return };
    let Some(Json::Array(messages)) = properties.get_mut(ph::AI_INPUT) else { return };
    if messages.first().is_none_or(|first| first["role"] != "system") {
        messages.insert(0, json!({ "role": "system", "content": text }));
    }
    properties.remove(names::GEN_AI_SYSTEM_INSTRUCTIONS);
}

/// The text of instructions: as they are, or of the parts that are texts.
fn instructions(value: &Json) -> Option<String> {
    let text = value.as_str().filter(|text| text.chars().count() <= MOST_INSTRUCTIONS)?;
    let text = match serde_json::from_str(text) {
        Ok(Json::Array(parts)) => {
            let texts = parts.iter().filter(|part| part["type"] == "text");
            texts.filter_map(|part| part["content"].as_str()).collect::<Vec<_>>().join("\n")
        }
        Ok(Json::String(text)) => text,
        _ => text.to_owned(),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// What failed, as the span's exception says, or its status.
fn error(span: &Span) -> Option<String> {
    let status = span.status.as_ref().filter(|status| status.code == StatusCode::Error as i32)?;
    let exception = span.events.iter().rev().find(|event| {
        let says = |attribute: &KeyValue| ["exception.type", "exception.message"].contains(&&*attribute.key);
        event.attributes.iter().any(says)
    });
    let text = |key: &str| {
        let attribute = exception?.attributes.iter().rev().find(|attribute| attribute.key == key)?;
        match attribute.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    };
    let said = match (text("exception.type"), text("exception.message")) {
        (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
        (kind, message) => kind.or(message),
    };
    let said = said.or_else(|| Some(status.message.clone()).filter(|message| !message.is_empty()));
    Some(said.unwrap_or_else(|| "OpenTelemetry span status error".to_owned()))
}

#[cfg(test)]
mod tests;
