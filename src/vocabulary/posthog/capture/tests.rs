use super::*;
use crate::record::{Evaluation, Operation, OperationKind};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue},
    trace::v1::Status,
};

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, text: &str) -> KeyValue {
    attribute(key, Value::StringValue(text.to_owned()))
}

fn span(attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: (0..16).collect(),
        span_id: (0xa0..0xa8).collect(),
        parent_span_id: (0xb0..0xb8).collect(),
        name: "chat gpt-5".to_owned(),
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 3_500_000_000,
        attributes,
        ..Span::default()
    }
}

fn judged_span(attributes: Vec<KeyValue>, judgement: Vec<KeyValue>) -> Span {
    let event = Event {
        name: GEN_AI_EVALUATION_RESULT.to_owned(),
        attributes: judgement,
        time_unix_nano: 2_000_000_000,
        ..Event::default()
    };
    Span { events: vec![event], ..span(attributes) }
}

fn relevance() -> Vec<KeyValue> {
    vec![
        text(names::GEN_AI_EVALUATION_NAME, "relevance"),
        text(names::GEN_AI_EVALUATION_SCORE_LABEL, "pass"),
        attribute(names::GEN_AI_EVALUATION_SCORE_VALUE, Value::DoubleValue(0.9)),
        text(names::GEN_AI_EVALUATION_EXPLANATION, "Names the city."),
        text(names::GEN_AI_RESPONSE_ID, "resp_1"),
    ]
}

fn without_record(span: &Span) -> Vec<Json> {
    judgements(span, &FACTS, usize::MAX)
}

const FACTS: Facts<'_> =
    Facts { operation: None, parent: None, is_parent_known: false, has_content: true, resource: &[] };

fn feedback(judgement: Vec<KeyValue>) -> Vec<Json> {
    let evaluation = Evaluation { is_feedback: true, ..Evaluation::default() };
    let operation = Operation::new(OperationKind::Evaluation, Call::Evaluation(Box::new(evaluation)));
    let facts = Facts { operation: Some(&operation), ..FACTS };
    judgements(&judged_span(Vec::new(), judgement), &facts, usize::MAX)
}

#[test]
fn an_evaluation_is_one_and_its_score_a_metric() {
    let events = without_record(&judged_span(vec![text(names::USER_ID, "jane")], relevance()));
    let [evaluation, metric] = events.as_slice() else { panic!("{events:?}") };
    let library = [("$ai_lib", "tracing-genai"), ("$lib", "tracing-genai")];
    let mut expected = json!({
        "$ai_completion_id": "resp_1",
        "$ai_evaluation_name": "relevance",
        "$ai_evaluation_reasoning": "Names the city.",
        "$ai_evaluation_result": true,
        "$ai_evaluation_start_time": "1970-01-01T00:00:01.000000000Z",
        "$ai_lib_version": env!("CARGO_PKG_VERSION"),
        "$ai_parent_id": "b0b1b2b3b4b5b6b7",
        "$ai_span_id": "a0a1a2a3a4a5a6a7",
        "$ai_target_id": "000102030405060708090a0b0c0d0e0f",
        "$ai_target_type": "trace_id",
        "$ai_trace_id": "000102030405060708090a0b0c0d0e0f",
        "$geoip_disable": true,
        "$lib_version": env!("CARGO_PKG_VERSION"),
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.label": "pass",
        "gen_ai.evaluation.score.value": 0.9,
    });
    library.iter().for_each(|(key, name)| expected[*key] = (*name).into());
    assert_eq!(evaluation["event"], "$ai_evaluation");
    assert_eq!(evaluation["distinct_id"], "jane");
    assert_eq!(evaluation["timestamp"], "1970-01-01T00:00:02.000000000Z");
    assert_eq!(evaluation["properties"], expected);

    assert_eq!(metric["event"], "$ai_metric");
    assert_eq!(metric["properties"]["$ai_metric_name"], "relevance");
    assert_eq!(metric["properties"]["$ai_metric_value"], "0.9");
    assert_eq!(metric["properties"]["$ai_trace_id"], "000102030405060708090a0b0c0d0e0f");
    assert_eq!(metric["properties"].get("$ai_evaluation_reasoning"), None);
}

#[test]
fn a_result_is_said_where_the_label_says_it() {
    for (label, result) in
        [("pass", json!(true)), ("FAILED", json!(false)), ("No", json!(false)), ("relevant", json!(null))]
    {
        let judgement = vec![text(names::GEN_AI_EVALUATION_SCORE_LABEL, label)];
        let events = without_record(&judged_span(Vec::new(), judgement));
        let said = events[0]["properties"].get("$ai_evaluation_result").cloned();
        assert_eq!(said.unwrap_or_default(), result, "{label}");
    }
}

#[test]
fn an_evaluation_that_failed_says_so() {
    let judgement = vec![text(names::GEN_AI_EVALUATION_NAME, "a"), text(names::ERROR_TYPE, "timeout")];
    let properties = &without_record(&judged_span(Vec::new(), judgement))[0]["properties"];
    assert_eq!(
        (&properties["$ai_is_error"], &properties["$ai_error_type"]),
        (&json!(true), &json!("timeout"))
    );
}

#[test]
fn what_a_user_wrote_is_feedback_and_the_verdict_a_metric() {
    let name = || text(names::GEN_AI_EVALUATION_NAME, "user_feedback");
    let comment = || text(names::GEN_AI_EVALUATION_EXPLANATION, "Wrong office.");
    let label = || text(names::GEN_AI_EVALUATION_SCORE_LABEL, "thumbs_down");
    let score = || attribute(names::GEN_AI_EVALUATION_SCORE_VALUE, Value::DoubleValue(0.0));
    for (judgement, expected) in [
        (vec![name(), comment(), label(), score()], vec!["$ai_feedback", "$ai_metric"]),
        (vec![name(), comment()], vec!["$ai_feedback"]),
        (vec![name(), score()], vec!["$ai_metric"]),
        // With a comment that may not be sent it is known that there was feedback.
        (vec![name()], vec!["$ai_feedback"]),
    ] {
        let has_comment = judgement.len() != 1 && expected[0] == "$ai_feedback";
        let has_label = judgement.len() == 4;
        let events = feedback(judgement);
        let named: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(named, expected);
        for event in &events {
            let properties = &event["properties"];
            match event["event"].as_str() {
                Some("$ai_feedback") => {
                    let text = properties.get("$ai_feedback_text").map(|text| text == "Wrong office.");
                    assert_eq!(text.unwrap_or_default(), has_comment);
                }
                _ => {
                    assert_eq!(properties["$ai_metric_name"], "user_feedback");
                    assert_eq!(properties["$ai_metric_value"], if has_label { "thumbs_down" } else { "0" });
                }
            }
        }
    }
}

#[test]
fn a_judgement_on_the_span_of_a_call_is_of_that_call_and_has_none_of_what_it_says() {
    let call = vec![
        text(names::GEN_AI_OPERATION_NAME, "chat"),
        text(names::GEN_AI_INPUT_MESSAGES, "[\"secret\"]"),
        text(ph::AI_INPUT, "secret"),
        attribute(ph::AI_TOTAL_COST_USD, Value::DoubleValue(1.0)),
        attribute(names::GEN_AI_USAGE_INPUT_TOKENS, Value::IntValue(7)),
        text(names::GEN_AI_CONVERSATION_ID, "c 1"),
        text("input.value", "secret"),
        text("db.query.text", "secret"),
        text(names::ERROR_TYPE, "timeout"),
    ];
    let events = without_record(&judged_span(call, relevance()));
    for event in &events {
        let properties = &event["properties"];
        assert_eq!(properties["$ai_parent_id"], "a0a1a2a3a4a5a6a7");
        assert_eq!(properties.get("$ai_span_id"), None);
        assert_eq!(properties["$ai_session_id"], "c~201");
        assert!(!event.to_string().contains("secret") && !event.to_string().contains("cost"), "{event}");
        assert_eq!(properties.get(names::GEN_AI_USAGE_INPUT_TOKENS), None);
        // The call failed, and not its evaluation.
        assert_eq!((properties.get(ph::AI_IS_ERROR), properties.get(ph::AI_ERROR_TYPE)), (None, None));
    }
}

#[test]
fn a_label_without_a_score_is_a_metric_too() {
    let judgement = vec![text(names::GEN_AI_EVALUATION_SCORE_LABEL, "relevant")];
    let events = without_record(&judged_span(Vec::new(), judgement));
    assert_eq!(events[1]["event"], "$ai_metric");
    assert_eq!(events[1]["properties"]["$ai_metric_value"], "relevant");
}

#[test]
fn a_judgement_of_nothing_known_has_no_target() {
    let judgement = Span { parent_span_id: Vec::new(), ..judged_span(Vec::new(), relevance()) };
    for event in without_record(&judgement) {
        assert!(!event.to_string().contains("$ai_target"), "{event}");
    }
}

#[test]
fn a_judgement_was_when_it_was_made_and_one_of_no_time_when_it_arrives() {
    let mut judged = judged_span(vec![text(names::GEN_AI_OPERATION_NAME, "chat")], relevance());
    let evaluation = &without_record(&judged)[0];
    assert_eq!(evaluation["timestamp"], "1970-01-01T00:00:02.000000000Z");
    assert_eq!(evaluation["properties"]["$ai_evaluation_start_time"], evaluation["timestamp"]);
    judged.events[0].time_unix_nano = 0;
    assert!(without_record(&judged).iter().all(|event| event.get("timestamp").is_none()));
}

#[test]
fn an_evaluation_is_below_the_nearest_operation_that_posthog_gets() {
    let judged = judged_span(Vec::new(), relevance());
    for (parent, is_parent_known, expected) in [
        (Some(opentelemetry::trace::SpanId::from(7)), true, json!("0000000000000007")),
        (None, false, json!("b0b1b2b3b4b5b6b7")),
        (None, true, json!(null)),
    ] {
        let facts = Facts { parent, is_parent_known, ..FACTS };
        let event = &judgements(&judged, &facts, usize::MAX)[0];
        let said = event["properties"].get("$ai_parent_id").cloned();
        assert_eq!(said.unwrap_or_default(), expected);
    }
}

#[test]
fn the_reasons_of_a_judgement_are_cut_before_its_marks() {
    let mut judgement = relevance();
    judgement.push(text("case", &"c".repeat(2_000)));
    judgement.push(text(names::GEN_AI_EVALUATION_EXPLANATION, &"x".repeat(100_000)));
    let events = judgements(&judged_span(Vec::new(), judgement), &FACTS, 10_000);
    let properties = &events[0]["properties"];
    let why = properties["$ai_evaluation_reasoning"].as_str().unwrap();
    assert!(why.ends_with('…') && why.len() > 1_000 && why.len() < 10_000, "{}", why.len());
    assert_eq!(properties["case"].as_str().unwrap().len(), 2_000);
    assert_eq!(properties["tracing_genai.truncated"], true);
}

#[test]
fn what_is_nested_deeply_is_text_below() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    for levels in [30, 64, 65, 100, 126, 1_000] {
        let groups = format!("{{\"a\":{}}}", deep(levels.min(120)));
        let span = span(vec![text(names::GEN_AI_INPUT_MESSAGES, &deep(levels)), text("$groups", &groups)]);
        let event = event(&span, &[]).to_string();
        // With what is around it in a request.
        let request = format!("{{\"batch\":[{event}]}}");
        let read: Json = serde_json::from_str(&request).unwrap();
        let properties = &read["batch"][0]["properties"];
        assert_eq!(properties["$ai_input"].is_array(), levels < 128);
        assert!(properties["$groups"].is_object());
    }
}

#[test]
fn a_judgement_has_the_marks_of_its_scope_but_for_prices_and_what_was_said() {
    let marked = ["shop.order", "tracia.variables", "$ai_input_cost_usd"];
    let mut operation =
        Operation::new(OperationKind::Evaluation, Call::Evaluation(Box::<Evaluation>::default()));
    let mut marks = crate::record::Marks::default();
    marks.attributes.extend(marked.map(|key| (key.to_owned(), "17".into())));
    operation.marks = Some(std::sync::Arc::new(marks));
    let span = judged_span(marked.map(|key| text(key, "17")).into(), relevance());
    let facts = Facts { operation: Some(&operation), ..FACTS };
    let properties = &judgements(&span, &facts, usize::MAX)[0]["properties"];
    assert_eq!(marked.map(|key| properties.get(key).is_some()), [true, false, false]);
}

#[test]
fn an_event_has_the_same_uuid_whenever_it_is_made_and_no_other_has_it() {
    let first = without_record(&judged_span(Vec::new(), relevance()));
    assert_eq!(first, without_record(&judged_span(Vec::new(), relevance())));
    let own = event(&span(Vec::new()), &[]);
    let another = Span { span_id: vec![9; 8], ..span(Vec::new()) };
    let elsewhere = Span { trace_id: vec![9; 16], ..span(Vec::new()) };
    let all = [&first[0], &first[1], &own, &event(&another, &[]), &event(&elsewhere, &[])];
    let uuids: std::collections::BTreeSet<_> =
        all.iter().map(|event| event["uuid"].as_str().unwrap()).collect();
    assert_eq!(uuids.len(), all.len());
    for uuid in uuids {
        let form: String = uuid.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect();
        assert_eq!(form, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }
}

#[test]
fn ids_that_differ_in_one_bit_make_other_uuids() {
    let uuid_of = |trace: u128, of: u64| {
        let span = Span {
            trace_id: trace.to_be_bytes().to_vec(),
            span_id: of.to_be_bytes().to_vec(),
            ..Span::default()
        };
        uuid(&span, 0, "$ai_span")
    };
    let (trace, of) = (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 7);
    let mut uuids: Vec<_> = (0..128).map(|bit| uuid_of(trace ^ (1 << bit), of)).collect();
    uuids.extend((0..64).map(|bit| uuid_of(trace, of ^ (1 << bit))));
    uuids.extend((0..64).map(|number| uuid(&span(Vec::new()), 1 << number, "$ai_metric")));
    uuids.extend([uuid_of(trace, of), uuid(&span(Vec::new()), 1, "$ai_evaluation")]);
    let each: std::collections::BTreeSet<_> = uuids.iter().collect();
    assert_eq!(each.len(), uuids.len());
}

#[test]
fn nobodys_event_is_its_traces_and_makes_no_person() {
    let event = event(&span(Vec::new()), &[]);
    assert_eq!(event["distinct_id"], "000102030405060708090a0b0c0d0e0f");
    assert_eq!(event["properties"]["$process_person_profile"], false);
}

#[test]
fn the_operation_and_its_place_make_the_event() {
    let root = |name: &str| Span {
        parent_span_id: Vec::new(),
        ..span(vec![text(names::GEN_AI_OPERATION_NAME, name)])
    };
    for (span, name) in [
        (span(vec![text(names::GEN_AI_OPERATION_NAME, "chat")]), "$ai_generation"),
        (root("chat"), "$ai_generation"),
        (root("embeddings"), "$ai_embedding"),
        (span(vec![text(names::GEN_AI_OPERATION_NAME, "execute_tool")]), "$ai_span"),
        (root("invoke_agent"), "$ai_trace"),
    ] {
        assert_eq!(event(&span, &[])["event"], name);
    }
}

#[test]
fn attributes_are_the_properties_that_posthog_would_make_of_them() {
    let parts = ArrayValue { values: vec![AnyValue { value: Some(Value::IntValue(1)) }] };
    let span = span(vec![
        text(names::GEN_AI_OPERATION_NAME, "chat"),
        text(names::GEN_AI_REQUEST_MODEL, "gpt-5"),
        text(names::GEN_AI_RESPONSE_MODEL, "gpt-5-2025"),
        text(names::GEN_AI_INPUT_MESSAGES, r#"[{"role":"user","parts":[]}]"#),
        text(names::GEN_AI_SYSTEM_INSTRUCTIONS, r#"[{"type":"text","content":"Be brief."}]"#),
        text("$groups", r#"{"company":"x"}"#),
        attribute("shop.list", Value::ArrayValue(parts)),
        attribute("shop.nothing", Value::DoubleValue(f64::NAN)),
    ]);
    let resource = [text("service.name", "shop"), text("host.name", "web-1"), text("server.address", "x")];
    let event = event(&span, &resource);
    let properties = event["properties"].as_object().unwrap();
    assert_eq!(properties["$ai_model"], "gpt-5-2025");
    assert_eq!(
        properties["$ai_input"],
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "parts": []}])
    );
    assert_eq!(properties["$groups"], json!({"company": "x"}));
    assert_eq!(properties["shop.list"], json!([1]));
    assert_eq!(properties["$ai_latency"], 2.5);
    assert_eq!(properties["$ai_span_name"], "chat gpt-5");
    assert_eq!(properties["service.name"], "shop");
    for left_out in ["host.name", "server.address", "shop.nothing", names::GEN_AI_OPERATION_NAME] {
        assert!(!properties.contains_key(left_out), "{left_out}");
    }
}

#[test]
fn an_error_is_said_by_the_exception_else_by_the_status() {
    let status = Some(Status { code: StatusCode::Error as i32, message: "broken".to_owned() });
    let failed = Span { status, ..span(Vec::new()) };
    assert_eq!(event(&failed, &[])["properties"]["$ai_error"], "broken");
    let wordless = Span {
        status: Some(Status { message: String::new(), code: StatusCode::Error as i32 }),
        ..failed.clone()
    };
    assert_eq!(event(&wordless, &[])["properties"]["$ai_error"], "OpenTelemetry span status error");
    let exception = vec![text("exception.type", "io::Error"), text("exception.message", "reset")];
    let exception = Event { name: "exception".to_owned(), attributes: exception, ..Event::default() };
    let thrown = Span { events: vec![exception], ..failed };
    assert_eq!(event(&thrown, &[])["properties"]["$ai_error"], "io::Error: reset");
}
