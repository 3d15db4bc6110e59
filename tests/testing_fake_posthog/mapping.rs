use super::{chat, event_of, int, pair, span, text};
use opentelemetry_proto::tonic::{common::v1::any_value::Value, trace::v1::Span};
use serde_json::json;

#[tokio::test]
async fn attributes_of_the_conventions_replace_properties() {
    for (source, target) in [
        ("gen_ai.response.model", "$ai_model"),
        ("gen_ai.provider.name", "$ai_provider"),
        ("server.address", "$ai_base_url"),
        ("telemetry.sdk.name", "$ai_lib"),
        ("telemetry.sdk.version", "$ai_lib_version"),
        ("gen_ai.input.messages", "$ai_input"),
        ("gen_ai.output.messages", "$ai_output_choices"),
        ("gen_ai.tool.definitions", "$ai_tools"),
    ] {
        let properties = event_of(chat(vec![text(target, "old"), text(source, "new")])).await.properties;
        assert_eq!(properties[target], "new", "{source}");
        assert!(!properties.contains_key(source), "{source}");
    }
}

#[tokio::test]
async fn usage_of_the_conventions_replaces_tokens() {
    for (source, target) in [
        ("gen_ai.usage.input_tokens", "$ai_input_tokens"),
        ("gen_ai.usage.output_tokens", "$ai_output_tokens"),
        ("gen_ai.usage.cache_read.input_tokens", "$ai_cache_read_input_tokens"),
        ("gen_ai.usage.cache_creation.input_tokens", "$ai_cache_creation_input_tokens"),
    ] {
        let properties = event_of(chat(vec![int(target, 1), int(source, 2)])).await.properties;
        assert_eq!(properties[target], 2, "{source}");
        assert!(!properties.contains_key(source), "{source}");
    }
}

#[tokio::test]
async fn older_names_count_where_there_is_nothing_better() {
    for (source, target) in [("gen_ai.system", "$ai_provider"), ("gen_ai.request.model", "$ai_model")] {
        let alone = event_of(chat(vec![text(source, "old")])).await.properties;
        assert_eq!(alone[target], "old");
        let beside = event_of(chat(vec![text(target, "kept"), text(source, "old")])).await.properties;
        assert_eq!(beside[target], "kept");
        assert!(!beside.contains_key(source));
    }
    let tokens = [int("gen_ai.usage.prompt_tokens", 3), int("gen_ai.usage.completion_tokens", 4)];
    let tokens = event_of(chat(tokens.to_vec())).await.properties;
    assert_eq!((&tokens["$ai_input_tokens"], &tokens["$ai_output_tokens"]), (&json!(3), &json!(4)));
}

#[tokio::test]
async fn messages_in_json_are_read_under_the_names_of_the_conventions_alone() {
    let messages = r#"[{"role":"user","content":"hi"}]"#;
    let read = event_of(chat(vec![text("gen_ai.input.messages", messages)])).await.properties;
    assert_eq!(read["$ai_input"], json!([{"role": "user", "content": "hi"}]));
    let unread = event_of(chat(vec![text("$ai_input", messages)])).await.properties;
    assert_eq!(unread["$ai_input"], messages);
    let broken = event_of(chat(vec![text("gen_ai.input.messages", "[{")])).await.properties;
    assert_eq!(broken["$ai_input"], "[{");
}

#[tokio::test]
async fn the_name_and_the_duration_are_those_of_the_span() {
    let span = chat(vec![text("$ai_span_name", "mine"), int("$ai_latency", 9)]);
    let properties = event_of(span).await.properties;
    assert_eq!(properties["$ai_span_name"], "a span");
    assert_eq!(properties["$ai_latency"], 2.5);
    assert!(!properties.contains_key("$otel_span_name"));
}

#[tokio::test]
async fn a_span_that_took_no_time_keeps_the_latency_it_was_sent_with() {
    let span = Span { end_time_unix_nano: 1_000_000_000, ..chat(vec![int("$ai_latency", 9)]) };
    assert_eq!(event_of(span).await.properties["$ai_latency"], 9);
}

#[tokio::test]
async fn system_instructions_come_before_the_messages_of_any_event() {
    let user = r#"[{"role":"user","content":"hi"}]"#;
    for instructions in ["Be brief.", r#"[{"type":"text","content":"Be brief."}]"#] {
        let attributes =
            vec![text("gen_ai.input.messages", user), text("gen_ai.system_instructions", instructions)];
        for span in [chat(attributes.clone()), span(attributes)] {
            let input = event_of(span).await.properties["$ai_input"].clone();
            assert_eq!(input[0], json!({"role": "system", "content": "Be brief."}));
            assert_eq!(input[1]["role"], "user");
        }
    }
}

#[tokio::test]
async fn system_instructions_are_not_put_before_others() {
    let messages = r#"[{"role":"system","content":"first"}]"#;
    let span =
        chat(vec![text("gen_ai.input.messages", messages), text("gen_ai.system_instructions", "second")]);
    assert_eq!(event_of(span).await.properties["$ai_input"], json!([{"role": "system", "content": "first"}]));
}

#[tokio::test]
async fn groups_in_json_become_an_object_unless_too_long() {
    let of = |groups: &str| chat(vec![text("$groups", groups)]);
    assert_eq!(event_of(of(r#"{"company":"a"}"#)).await.properties["$groups"], json!({"company": "a"}));
    let long = format!(r#"{{"company":"{}"}}"#, "a".repeat(10_000));
    assert!(!event_of(of(&long)).await.properties.contains_key("$groups"));
}

#[tokio::test]
async fn what_is_of_no_use_after_the_mapping_goes() {
    let keys = ["gen_ai.operation.name", "telemetry.sdk.language", "user.id", "posthog.distinct_id"];
    let properties = event_of(chat(keys[1..].iter().map(|key| text(key, "x")).collect())).await.properties;
    for key in keys {
        assert!(!properties.contains_key(key), "{key}");
    }
}

#[tokio::test]
async fn ids_become_text_and_objects_are_none() {
    let map = opentelemetry_proto::tonic::common::v1::KeyValueList { values: vec![text("a", "b")] };
    let span = chat(vec![int("$ai_session_id", 7), pair("$ai_generation_id", Value::KvlistValue(map))]);
    let properties = event_of(span).await.properties;
    assert_eq!(properties["$ai_session_id"], "7");
    assert!(!properties.contains_key("$ai_generation_id"));
}

#[tokio::test]
async fn tokens_are_numbers_or_null() {
    let span =
        chat(vec![text("gen_ai.usage.input_tokens", "many"), text("gen_ai.usage.output_tokens", "12")]);
    let properties = event_of(span).await.properties;
    assert_eq!(properties["$ai_input_tokens"], json!(null));
    assert_eq!(properties["$ai_output_tokens"], "12");
}

#[tokio::test]
async fn whether_the_input_leaves_out_the_cache_follows_from_the_provider_and_the_numbers() {
    let flag = "$ai_cache_reporting_exclusive";
    let cached = |input| {
        vec![int("gen_ai.usage.input_tokens", input), int("gen_ai.usage.cache_read.input_tokens", 50)]
    };
    let with = |mut attributes: Vec<_>, more| {
        attributes.push(more);
        chat(attributes)
    };
    for (span, exclusive) in [
        (chat(cached(100)), false),
        (chat(cached(10)), true),
        (with(cached(100), text("gen_ai.provider.name", "anthropic")), true),
        (with(cached(100), text("gen_ai.request.model", "anthropic.claude-x")), true),
        (with(cached(10), pair(flag, Value::BoolValue(false))), false),
    ] {
        assert_eq!(event_of(span).await.properties[flag], exclusive);
    }
}

#[tokio::test]
async fn the_tools_that_were_called_are_counted() {
    let parts = r#"[{"role":"assistant","parts":[{"type":"tool_call","name":"search"},{"type":"text","content":"x"}]}]"#;
    let calls = r#"[{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"search"}},{"function":{"name":"add"}}]}]"#;
    let parts = event_of(chat(vec![text("gen_ai.output.messages", parts)])).await.properties;
    assert_eq!((&parts["$ai_tools_called"], &parts["$ai_tool_call_count"]), (&json!("search"), &json!(1)));
    let calls = event_of(chat(vec![text("gen_ai.output.messages", calls)])).await.properties;
    assert_eq!(
        (&calls["$ai_tools_called"], &calls["$ai_tool_call_count"]),
        (&json!("search,add"), &json!(2))
    );
}

#[tokio::test]
async fn settings_are_read_of_a_real_object_alone() {
    let list = opentelemetry_proto::tonic::common::v1::KeyValueList {
        values: vec![pair("temperature", Value::DoubleValue(0.5)), int("max_tokens", 9)],
    };
    let object =
        event_of(chat(vec![pair("$ai_model_parameters", Value::KvlistValue(list))])).await.properties;
    assert_eq!((&object["$ai_temperature"], &object["$ai_max_tokens"]), (&json!(0.5), &json!(9)));
    let text = event_of(chat(vec![text("$ai_model_parameters", r#"{"temperature":0.5}"#)])).await.properties;
    assert!(!text.contains_key("$ai_temperature"));
}

#[tokio::test]
async fn a_conversation_is_no_session() {
    let properties = event_of(chat(vec![text("gen_ai.conversation.id", "c")])).await.properties;
    assert_eq!(properties["gen_ai.conversation.id"], "c");
    assert!(!properties.contains_key("$ai_session_id"));
}

#[tokio::test]
async fn messages_in_the_old_events_count_where_there_are_no_others() {
    let events = r#"[{"event.name":"gen_ai.user.message","role":"user","content":"hi"},
        {"event.name":"gen_ai.choice","message":{"role":"assistant","content":"ho"}}]"#;
    let properties = event_of(chat(vec![text("events", events), text("$ai_input", "kept")])).await.properties;
    assert_eq!(properties["$ai_input"], "kept");
    assert_eq!(properties["$ai_output_choices"], json!([{"role": "assistant", "content": "ho"}]));
    assert!(!properties.contains_key("events"));
}

#[tokio::test]
async fn what_came_is_kept_beside_for_debugging_when_asked() {
    let span = chat(vec![pair("posthog.ai.debug", Value::BoolValue(true)), text("gen_ai.system", "openai")]);
    let properties = event_of(span).await.properties;
    assert_eq!(properties["$ai_debug"], true);
    assert_eq!(properties["$ai_debug_data"]["gen_ai.system"], "openai");
}
