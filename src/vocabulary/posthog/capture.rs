//! Events as PostHog's own API takes them: judgements, which its endpoint for OTLP has no events for, and all others.
//!
//! Each has a UUID that its span makes, so that PostHog stores one that is sent twice once.

use super::{
    json,
    properties::{Properties, is_kept},
    rules::{identity, library},
    span::{Facts, known},
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

type Object = Map<String, Json>;

/// What attributes become, each in place of a property of that name, as PostHog's endpoint for OTLP does it.
const RENAMED: [(&str, &str); 9] = [
    (names::GEN_AI_REQUEST_MODEL, ph::AI_MODEL),
    (names::GEN_AI_RESPONSE_MODEL, ph::AI_MODEL),
    (names::GEN_AI_PROVIDER_NAME, ph::AI_PROVIDER),
    (names::GEN_AI_USAGE_INPUT_TOKENS, ph::AI_INPUT_TOKENS),
    (names::GEN_AI_USAGE_OUTPUT_TOKENS, ph::AI_OUTPUT_TOKENS),
    (names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, ph::AI_CACHE_READ_INPUT_TOKENS),
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
            properties.insert(property.to_owned(), parsed(value));
        }
    }
    put_instructions(&mut properties);
    if let Some(groups) = properties.remove("$groups") {
        properties.insert("$groups".to_owned(), parsed(groups));
    }
    properties.insert(ph::AI_SPAN_NAME.to_owned(), span.name.clone().into());
    let nanos = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    properties.insert(ph::AI_LATENCY.to_owned(), (nanos as f64 / 1e9).into());
    if let Some(error) = error(span) {
        properties.entry(ph::AI_ERROR).or_insert(error.into());
    }
    put_ids(&mut properties, &span.trace_id, &span.span_id, &span.parent_span_id);
    put_given_ids(&mut properties);
    captured(name, span, 0, properties)
}

/// The events of what the span tells of judgements, of which it has the conventions' events.
pub(crate) fn judgements(span: &Span, facts: &Facts<'_>) -> Vec<Json> {
    let is_alone = !span.attributes.iter().any(|attribute| attribute.key == names::GEN_AI_OPERATION_NAME);
    let is_feedback = facts.operation.is_some_and(
        |operation| matches!(&operation.call, Call::Evaluation(evaluation) if evaluation.is_feedback),
    );
    let mut events = Vec::new();
    for judgement in span.events.iter().filter(|event| event.name == GEN_AI_EVALUATION_RESULT) {
        let mut base = of_resource(facts.resource);
        base.extend(around(span, judgement, facts));
        if is_alone {
            put_ids(&mut base, &span.trace_id, &span.span_id, &span.parent_span_id);
        } else {
            put_ids(&mut base, &span.trace_id, &[], &span.span_id);
        }
        for (name, properties) in judged(base, span, is_feedback) {
            // The event of the span itself is the first.
            events.push(captured(name, span, events.len() + 1, properties));
        }
    }
    events
}

/// What a judgement's events have of its span and of the conventions' event: whose it is, its marks, its result.
fn around(span: &Span, judgement: &Event, facts: &Facts<'_>) -> Object {
    // Of the span itself nothing else: it may be one of the program's own.
    let marks = facts.operation.and_then(|operation| operation.marks.as_deref());
    let is_mark = |attribute: &&KeyValue| {
        let key = attribute.key.as_str();
        let is_own = marks.is_some_and(|marks| marks.attributes.contains_key(key));
        OF_WHOM.contains(&key) || (is_own && !is_cost(key) && !is_content(key))
    };
    let marks = span.attributes.iter().filter(is_mark);
    let carried = marks.chain(&judgement.attributes).cloned();
    let mut list = Properties::of(carried.filter_map(json::of_attribute));
    identity(&mut list, &known(span, facts));
    library(&mut list);
    list.into_kept().map(|(key, value)| (key.into_owned(), value)).collect()
}

/// The names and properties of a judgement's events.
fn judged(base: Object, span: &Span, is_feedback: bool) -> Vec<(&'static str, Object)> {
    let mut base = base;
    let name = base.get(names::GEN_AI_EVALUATION_NAME).cloned().unwrap_or_else(|| "evaluation".into());
    let why = base.remove(names::GEN_AI_EVALUATION_EXPLANATION);
    if let Some(id) = base.remove(names::GEN_AI_RESPONSE_ID) {
        base.insert(ph::AI_COMPLETION_ID.to_owned(), id);
    }
    let failed = base.remove(names::ERROR_TYPE);
    let label = base.get(names::GEN_AI_EVALUATION_SCORE_LABEL).and_then(Json::as_str).map(str::to_owned);
    let score = base.get(names::GEN_AI_EVALUATION_SCORE_VALUE).filter(|score| score.is_number()).cloned();
    let with = |entries: Vec<(&str, Option<Json>)>| {
        let mut properties = base.clone();
        let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        properties.extend(entries);
        properties
    };
    let metric = |value: String| {
        with(vec![(ph::AI_METRIC_NAME, Some(name.clone())), (ph::AI_METRIC_VALUE, Some(value.into()))])
    };
    let score =
        score.map(|score| score.as_f64().map_or_else(|| score.to_string(), |score| score.to_string()));
    if is_feedback {
        let verdict = label.or(score).map(|verdict| ("$ai_metric", metric(verdict)));
        let text = (why.is_some() || verdict.is_none())
            .then(|| ("$ai_feedback", with(vec![(ph::AI_FEEDBACK_TEXT, why)])));
        return text.into_iter().chain(verdict).collect();
    }
    let trace = hex(&span.trace_id);
    let evaluation = with(vec![
        (ph::AI_EVALUATION_NAME, Some(name.clone())),
        (ph::AI_EVALUATION_RESULT, label.as_deref().and_then(verdict).map(Json::Bool)),
        (ph::AI_EVALUATION_REASONING, why),
        (ph::AI_EVALUATION_START_TIME, Some(rfc3339(span.start_time_unix_nano).into())),
        (ph::AI_TARGET_TYPE, Some("trace_id".into())),
        (ph::AI_TARGET_ID, Some(trace.into())),
        (ph::AI_IS_ERROR, failed.as_ref().map(|_| true.into())),
        (ph::AI_ERROR_TYPE, failed.clone()),
    ]);
    let metric = score.map(|score| ("$ai_metric", metric(score)));
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

fn captured(name: &str, span: &Span, number: usize, mut properties: Object) -> Json {
    let ids = [properties.remove(ph::POSTHOG_DISTINCT_ID), properties.remove(names::USER_ID)];
    let id = ids.into_iter().flatten().find(|id| id.as_str().is_some_and(|id| !id.is_empty()));
    let id = id.unwrap_or_else(|| {
        properties.insert(ph::PROCESS_PERSON_PROFILE.to_owned(), false.into());
        hex(&span.trace_id).into()
    });
    // The address that events come from is that of a server.
    properties.entry("$geoip_disable").or_insert(true.into());
    json!({
        "event": name,
        "distinct_id": id,
        "uuid": uuid(span, number),
        "timestamp": rfc3339(span.start_time_unix_nano),
        "properties": properties,
    })
}

/// A UUID of the random bits that the span's ids have: the same for the same event, however often it is made.
fn uuid(span: &Span, number: usize) -> String {
    let mut bytes = [0_u8; 16];
    let random = span.trace_id.iter().skip(8).chain(&span.span_id);
    bytes.iter_mut().zip(random).for_each(|(byte, random)| *byte = *random);
    // Several events of one span differ where its trace's other spans have the same.
    for (byte, number) in bytes.iter_mut().zip((number as u32).to_be_bytes()) {
        *byte ^= number;
    }
    bytes[6] = 0x40 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let text = hex(&bytes);
    let parts = [text.get(..8), text.get(8..12), text.get(12..16), text.get(16..20), text.get(20..)];
    parts.map(Option::unwrap_or_default).join("-")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    let is_sent = |attribute: &&KeyValue| {
        is_kept(&attribute.key) && !OF_MACHINE.iter().any(|prefix| attribute.key.starts_with(prefix))
    };
    of_attributes(resource.iter().filter(is_sent))
}

fn of_attributes<'a>(attributes: impl IntoIterator<Item = &'a KeyValue>) -> Object {
    let entries = attributes.into_iter().cloned().filter_map(json::of_attribute);
    entries.filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.into_owned(), value)).collect()
}

/// The structure in a text of JSON.
fn parsed(value: Json) -> Json {
    let structure = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    structure.filter(|json: &Json| json.is_array() || json.is_object()).unwrap_or(value)
}

/// Puts the instructions before the messages.
fn put_instructions(properties: &mut Object) {
    let Some(instructions) = properties.remove(names::GEN_AI_SYSTEM_INSTRUCTIONS) else { return };
    let parts = parsed(instructions);
    let texts = parts.as_array().into_iter().flatten().filter_map(|part| part["content"].as_str());
    let text = parts.as_str().map_or_else(|| texts.collect::<Vec<_>>().join("\n"), str::to_owned);
    if text.is_empty() {
        return;
    }
    let system = json!({ "role": "system", "content": text });
    match properties.get_mut(ph::AI_INPUT) {
        Some(Json::Array(messages)) => messages.insert(0, system),
        Some(_) => {}
        None => drop(properties.insert(ph::AI_INPUT.to_owned(), json!([system]))),
    }
}

/// What failed, as the span's exception says, or its status.
fn error(span: &Span) -> Option<String> {
    let status = span.status.as_ref().filter(|status| status.code == StatusCode::Error as i32)?;
    let of_event = |event: &Event| {
        let text = |key: &str| {
            let attribute = event.attributes.iter().find(|attribute| attribute.key == key)?;
            match attribute.value.as_ref()?.value.as_ref()? {
                Value::StringValue(text) => Some(text.clone()),
                _ => None,
            }
        };
        match (text("exception.type"), text("exception.message")) {
            (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
            (kind, message) => kind.or(message),
        }
    };
    let exception = span.events.iter().rev().find_map(of_event);
    exception.or_else(|| Some(status.message.clone()).filter(|message| !message.is_empty()))
}

#[cfg(test)]
mod tests;
