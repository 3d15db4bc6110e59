use super::{
    super::examples::{chat, embeddings, failed, generation_of, tool},
    *,
};
use crate::{
    capture::ContentCapture,
    record::{
        Call, ErrorInfo, ErrorKind, Marks, Message, OperationClass, OperationKind, Outcome, Part, Plan, Role,
    },
    vocabulary::gen_ai::{attributes, content_attributes, evaluation_event, fields},
};
use opentelemetry::{Array, Value as OtelValue};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue},
    trace::v1::Status,
};
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn value(value: &OtelValue) -> Value {
    match value {
        OtelValue::Bool(flag) => Value::BoolValue(*flag),
        OtelValue::I64(number) => Value::IntValue(*number),
        OtelValue::F64(number) => Value::DoubleValue(*number),
        OtelValue::Array(Array::String(texts)) => {
            array(texts.iter().map(|text| Value::StringValue(text.as_str().to_owned())))
        }
        other => Value::StringValue(other.as_str().into_owned()),
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn array(values: impl Iterator<Item = Value>) -> Value {
    Value::ArrayValue(ArrayValue { values: values.map(|value| AnyValue { value: Some(value) }).collect() })
}

fn messages(list: &[opentelemetry::KeyValue]) -> Vec<KeyValue> {
    list.iter().map(|one| attribute(one.key.as_str(), value(&one.value))).collect()
}

/// The span of an operation as a destination with this policy gets it.
fn span_of(operation: &Operation, content: &ContentCapture) -> Span {
    let mut carried = fields(operation);
    carried.extend(attributes(operation));
    carried.extend(content_attributes(operation, content));
    let kind = match operation.side {
        crate::record::Side::Client => SpanKind::Client,
        crate::record::Side::Internal => SpanKind::Internal,
    };
    let events = evaluation_event(operation, content).map(|(name, list)| Event {
        name: name.to_owned(),
        attributes: messages(&list),
        ..Event::default()
    });
    let status = operation
        .outcome
        .error()
        .map(|error| Status { code: StatusCode::Error as i32, message: error.message.clone() });
    Span {
        attributes: messages(&carried),
        kind: kind as i32,
        events: events.into_iter().collect(),
        status,
        parent_span_id: vec![7; 8],
        ..Span::default()
    }
}

fn translated(mut span: Span, operation: Option<&Operation>, has_content: bool) -> Span {
    let facts = Facts { operation, parent: None, is_parent_known: false, has_content, resource: &[] };
    translate(&mut span, &facts);
    span
}

fn event_with(operation: &Operation, content: &ContentCapture) -> Json {
    let span = span_of(operation, content);
    json_of(&translated(span, Some(operation), content.is_on()).attributes)
}

fn event(operation: &Operation) -> Json {
    event_with(operation, &ContentCapture::on())
}

fn foreign(attributes: Vec<KeyValue>) -> Json {
    json_of(&translated(Span { attributes, ..Span::default() }, None, true).attributes)
}

fn json_of(attributes: &[KeyValue]) -> Json {
    let entry = |one: &KeyValue| (one.key.clone(), json_value(one.value.as_ref()));
    let object: serde_json::Map<String, Json> = attributes.iter().map(entry).collect();
    assert_eq!(object.len(), attributes.len(), "a name twice");
    Json::Object(object)
}

fn json_value(value: Option<&AnyValue>) -> Json {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => json!(text),
        Some(Value::BoolValue(flag)) => json!(flag),
        Some(Value::IntValue(number)) => json!(number),
        Some(Value::DoubleValue(number)) => json!(number),
        Some(Value::ArrayValue(list)) => list.values.iter().map(|item| json_value(Some(item))).collect(),
        Some(Value::KvlistValue(map)) => json_of(&map.values),
        _ => Json::Null,
    }
}

#[test]
fn a_generation_has_every_property_that_is_known_of_it() {
    let version = env!("CARGO_PKG_VERSION");
    let event = event(&chat());
    let input = json!([{ "role": "user", "parts": [{ "type": "text", "content": "How warm is it?" }] }]);
    let output = json!([{
        "role": "assistant",
        "parts": [{ "type": "text", "content": "18 degrees" }],
        "finish_reason": "stop",
    }]);
    assert_eq!(
        event,
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.response.model": "gpt-5-2025",
            "gen_ai.response.id": "resp_1",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.request.stream": true,
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.max_tokens": 100,
            "gen_ai.usage.input_tokens": 30,
            "gen_ai.usage.output_tokens": 12,
            "gen_ai.usage.cache_read.input_tokens": 10,
            "gen_ai.usage.cache_write.input_tokens": 8,
            "gen_ai.usage.reasoning.output_tokens": 4,
            "gen_ai.input.messages": event["gen_ai.input.messages"],
            "gen_ai.output.messages": event["gen_ai.output.messages"],
            "tracing_genai.outcome": "done",
            "$ai_span_type": "generation",
            "$ai_temperature": 0.5,
            "$ai_max_tokens": 100,
            "$ai_stream": true,
            "$ai_time_to_first_token": 0.25,
            "$ai_stop_reason": "stop",
            "$ai_completion_id": "resp_1",
            "$ai_model_parameters": {
                "stream": true, "temperature": 0.5, "max_tokens": 100, "tool_choice": "required",
            },
            "$ai_reasoning_tokens": 4,
            "$ai_cache_creation_input_tokens": 8,
            "$ai_cache_creation_1h_input_tokens": 3,
            "$ai_cache_creation_5m_input_tokens": 5,
            "$ai_cache_reporting_exclusive": false,
            "$ai_usage": { "prompt_tokens": 30, "cost": 0.25 },
            "$ai_http_status": 200,
            "$ai_is_error": false,
            "$ai_base_url": "https://api.openai.com/v1",
            "$ai_request_url": "https://api.openai.com/v1/chat/completions",
            "$process_person_profile": false,
            "$lib": "tracing-genai",
            "$lib_version": version,
            "$ai_lib": "tracing-genai",
            "$ai_lib_version": version,
        })
    );
    for (name, expected) in [("gen_ai.input.messages", input), ("gen_ai.output.messages", output)] {
        assert_eq!(serde_json::from_str::<Json>(event[name].as_str().unwrap()).unwrap(), expected);
    }
}

#[test]
fn an_embedding_has_every_property_of_the_documented_example() {
    let version = env!("CARGO_PKG_VERSION");
    let expected = |input: Json| {
        json!({
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "text-embedding-3-small",
            "gen_ai.response.model": "text-embedding-3-small",
            "gen_ai.usage.input_tokens": 5,
            "tracing_genai.outcome": "done",
            "$ai_span_type": "embedding",
            "$ai_input": input,
            "$ai_http_status": 200,
            "$ai_is_error": false,
            "$ai_base_url": "https://api.openai.com/v1",
            "$ai_request_url": "https://api.openai.com/v1/embeddings",
            "$process_person_profile": false,
            "$lib": "tracing-genai",
            "$lib_version": version,
            "$ai_lib": "tracing-genai",
            "$ai_lib_version": version,
        })
    };
    assert_eq!(event(&embeddings(vec!["a text".into()])), expected(json!("a text")));
    assert_eq!(event(&embeddings(vec!["a".into(), "b".into()])), expected(json!(["a", "b"])));
    assert_eq!(event(&embeddings(vec![vec![1, 2].into()])), expected(json!([1, 2])));
}

#[test]
fn each_kind_becomes_the_right_event_and_keeps_its_own_name() {
    for kind in OperationKind::ALL.iter().copied() {
        let operation = match kind.class() {
            OperationClass::Generation => generation_of(kind, "openai"),
            OperationClass::Embedding => embeddings(Vec::new()),
            _ => Operation::new(kind, Call::Workflow(Box::default())),
        };
        let event = event(&operation);
        let expected = if kind.class() == OperationClass::Generation { "chat" } else { kind.name() };
        assert_eq!(event["gen_ai.operation.name"], expected);
        let own = if expected == kind.name() { Json::Null } else { json!(kind.name()) };
        assert_eq!(event["tracing_genai.operation.name"], own, "{kind:?}");
    }
}

#[test]
fn without_content_nothing_that_was_said_is_sent() {
    let mut planning = Operation::new(OperationKind::Plan, Call::Plan(Box::default()));
    planning.call = Call::Plan(Box::new(Plan { text: Some("How warm".into()), ..Plan::default() }));
    let mut weather = tool();
    weather.outcome = Outcome::Done;
    for operation in [chat(), embeddings(vec!["How warm".into()]), weather, planning] {
        let event = event_with(&operation, &ContentCapture::off()).to_string();
        for said in ["How warm", "18 degrees", "Lund", "_state"] {
            assert!(!event.contains(said), "{said}: {event}");
        }
        assert!(event.contains("$ai_span_type"), "{event}");
    }
}

#[test]
fn a_tools_arguments_and_result_are_its_states_as_maps() {
    let event = event(&tool());
    assert_eq!(event["$ai_input_state"], json!({ "city": "Lund" }));
    assert_eq!(event["$ai_output_state"], "18 degrees");
    assert!(event.get("gen_ai.tool.call.arguments").is_none(), "sent twice");
    assert_eq!(event["gen_ai.tool.name"], "get_weather");
}

#[test]
fn an_agents_messages_are_its_states_with_the_instructions_first() {
    let mut agent = crate::record::Agent { name: Some("forecaster".into()), ..Default::default() };
    agent.request.system_instructions.push(Part::Text("Be brief.".into()));
    agent.request.messages.push(Message::text(Role::User, "Hi"));
    agent.response.usage.input_tokens = Some(900);
    let mut operation = Operation::new(OperationKind::InvokeAgent, Call::Agent(Box::new(agent)));
    operation.outcome = Outcome::Done;
    let event = event(&operation);
    assert_eq!(event["$ai_input_state"][0]["role"], "system");
    assert_eq!(event["$ai_input_state"][1]["parts"][0]["content"], "Hi");
    assert_eq!(event["$ai_agent_name"], "forecaster");
    assert!(event.get("gen_ai.usage.input_tokens").is_none(), "its calls have them");
}

#[test]
fn a_failure_says_its_status_its_words_and_its_type() {
    let mut info = ErrorInfo::new(ErrorKind::RateLimited, "slow down, says http://x:443");
    info.http_status = Some(429);
    info.code = Some("rate_limit_exceeded".into());
    let mut operation = failed(chat(), info);
    operation.http_status = Some(429);
    let event = event(&operation);
    assert_eq!(event["$ai_is_error"], true);
    assert_eq!(event["$ai_error"], "slow down, says http://x:443");
    assert_eq!(event["$ai_error_type"], "rate_limit_exceeded");
    assert_eq!(event["$ai_http_status"], 429);
}

#[test]
fn a_failure_without_a_status_of_its_own_never_has_that_of_a_success() {
    let broken = failed(chat(), ErrorInfo::new(ErrorKind::Connection, "the stream broke"));
    assert_eq!(event(&broken)["$ai_http_status"], 500);
    let mut unanswered = failed(chat(), ErrorInfo::new(ErrorKind::Timeout, "no answer from http://x:443"));
    unanswered.http_status = None;
    assert_eq!(event(&unanswered)["$ai_http_status"], 0);
}

#[test]
fn an_abandoned_call_is_no_error() {
    let mut operation = chat();
    operation.outcome = Outcome::Abandoned;
    let event = event(&operation);
    assert_eq!(event["$ai_is_error"], false);
    assert_eq!(event["tracing_genai.outcome"], "abandoned");
}

#[test]
fn an_event_belongs_to_the_user_and_the_session_of_its_scope() {
    let mut operation = chat();
    let marks = Marks {
        user: Some("jane".into()),
        session: Some("s/1".into()),
        conversation: Some("c".into()),
        ..Marks::default()
    };
    operation.marks = Some(Arc::new(marks));
    let event = event(&operation);
    assert_eq!(event["posthog.distinct_id"], "jane");
    assert_eq!(event["$ai_session_id"], "s~2F1");
    assert!(event.get("$process_person_profile").is_none());
}

#[test]
fn a_conversation_is_the_session_where_there_is_no_other() {
    let conversation = attribute("gen_ai.conversation.id", Value::StringValue("c".into()));
    assert_eq!(foreign(vec![conversation])["$ai_session_id"], "c");
}

#[test]
fn nobodys_event_makes_no_person_unless_the_process_is_somebodys() {
    let mut span = Span::default();
    let resource = [attribute("user.id", Value::StringValue("jane".into()))];
    translate(
        &mut span,
        &Facts {
            operation: None,
            parent: None,
            is_parent_known: false,
            has_content: false,
            resource: &resource,
        },
    );
    assert!(json_of(&span.attributes).get("$process_person_profile").is_none());
    let empty = attribute("user.id", Value::StringValue(String::new()));
    assert_eq!(foreign(vec![empty])["$process_person_profile"], false);
}

#[test]
fn a_provider_that_tells_the_cost_of_a_call_is_believed() {
    let event = event(&generation_of(OperationKind::Chat, "openrouter"));
    assert_eq!(event["$ai_total_cost_usd"], 0.25);
    assert_eq!(event["$ai_cost_passthrough"], true);
}

#[test]
fn costs_are_never_on_what_is_around_a_call() {
    let cost = || attribute("$ai_total_cost_usd", Value::DoubleValue(1.0));
    let name = |name: &str| attribute("gen_ai.operation.name", Value::StringValue(name.into()));
    let usage = || attribute("gen_ai.usage.input_tokens", Value::IntValue(9));
    let around = foreign(vec![name("invoke_agent"), cost(), usage()]);
    assert!(around.get("$ai_total_cost_usd").is_none() && around.get("gen_ai.usage.input_tokens").is_none());
    let call = foreign(vec![name("chat"), cost(), usage()]);
    assert_eq!(call["$ai_total_cost_usd"], 1.0);
    assert_eq!(call["gen_ai.usage.input_tokens"], 9);
}

#[test]
fn keys_that_would_make_it_another_librarys_span_are_left_out() {
    for key in [
        "ai.operationId",
        "eve.session.id",
        "traceloop.span.kind",
        "pydantic_ai.all_messages",
        "logfire.msg",
        "anthropic.x",
        "llm.request.type",
        "events",
        "model_request_parameters",
        "$ai_parent_id",
        "$ai_trace_id",
        "server.address",
        "telemetry.sdk.name",
    ] {
        let event = foreign(vec![attribute(key, Value::StringValue("x".into()))]);
        assert!(event.get(key).is_none(), "{key}");
    }
    let event = foreign(vec![attribute("$ai_temperature", Value::DoubleValue(0.1))]);
    assert_eq!(event["$ai_temperature"], 0.1);
}

#[test]
fn a_span_of_another_library_is_translated_from_its_attributes() {
    let text = |key: &str, text: &str| attribute(key, Value::StringValue(text.into()));
    let event = foreign(vec![
        text("gen_ai.operation.name", "text_completion"),
        attribute("gen_ai.request.temperature", Value::DoubleValue(0.5)),
        attribute("gen_ai.response.finish_reasons", array([Value::StringValue("length".into())].into_iter())),
        text("server.address", "localhost"),
        attribute("server.port", Value::IntValue(8000)),
        text("url.full", "http://localhost:8000/v1/completions?key=1"),
    ]);
    assert_eq!(event["gen_ai.operation.name"], "chat");
    assert_eq!(event["tracing_genai.operation.name"], "text_completion");
    assert_eq!(event["$ai_model_parameters"], json!({ "temperature": 0.5 }));
    assert_eq!(event["$ai_stop_reason"], "length");
    assert_eq!(event["$ai_base_url"], "http://localhost:8000/v1");
    assert_eq!(event["$ai_request_url"], "http://localhost:8000/v1/completions");
}

#[test]
fn a_span_always_has_a_name_that_keeps_it() {
    let event = foreign(vec![attribute("own", Value::BoolValue(true))]);
    assert_eq!(event["gen_ai.operation.name"], "other");
}

#[test]
fn a_span_is_put_below_the_one_that_is_sent_or_becomes_the_root() {
    let span = || span_of(&chat(), &ContentCapture::off());
    assert!(translated(span(), None, false).parent_span_id.is_empty());
    let mut below = span();
    let facts = Facts {
        operation: None,
        parent: Some(SpanId::from(9)),
        is_parent_known: true,
        has_content: false,
        resource: &[],
    };
    translate(&mut below, &facts);
    assert_eq!(below.parent_span_id, SpanId::from(9).to_bytes());
}

#[test]
fn of_a_spans_events_exceptions_alone_are_sent() {
    let named = |name: &str| Event { name: name.to_owned(), ..Event::default() };
    let span = Span { events: vec![named("exception"), named("log")], ..Span::default() };
    let names: Vec<_> = translated(span, None, false).events.into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["exception"]);
}

#[test]
fn cached_input_of_another_library_is_in_the_input_as_the_conventions_want_it() {
    let usage = |input: i64, cached: Option<i64>| {
        let mut attributes = vec![
            attribute("gen_ai.operation.name", Value::StringValue("chat".to_owned())),
            attribute("gen_ai.provider.name", Value::StringValue("anthropic".to_owned())),
            attribute("gen_ai.usage.input_tokens", Value::IntValue(input)),
        ];
        let cached =
            cached.map(|cached| attribute("gen_ai.usage.cache_read.input_tokens", Value::IntValue(cached)));
        attributes.extend(cached);
        foreign(attributes).get("$ai_cache_reporting_exclusive").cloned()
    };
    assert_eq!(usage(1_000, Some(900)), Some(json!(false)));
    assert_eq!(usage(100, Some(900)), None);
    assert_eq!(usage(100, None), None);
}

#[test]
fn nobodys_span_is_its_traces() {
    let span = Span { trace_id: vec![0xab; 16], ..Span::default() };
    let event = json_of(&translated(span, None, true).attributes);
    assert_eq!(event["posthog.distinct_id"], "ab".repeat(16));
    assert_eq!(event["$process_person_profile"], false);
}
