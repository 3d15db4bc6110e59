use super::{chat, event_of, events_of, of_resource, pair, text};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, KeyValueList, any_value::Value},
    trace::v1::Span,
};
use serde_json::json;

#[tokio::test]
async fn the_resource_is_in_every_event_but_for_the_host() {
    let resource = ["service.name", "host.name", "process.pid", "os.type", "telemetry.sdk.name"];
    let resource = resource.map(|key| text(key, "of the resource")).to_vec();
    let event = events_of(of_resource(resource, vec![chat(vec![])])).await.remove(0);
    assert_eq!(event.properties["service.name"], "of the resource");
    for key in ["host.name", "process.pid", "os.type", "telemetry.sdk.name", "$ai_lib"] {
        assert!(!event.properties.contains_key(key), "{key}");
    }
}

#[tokio::test]
async fn an_attribute_of_the_span_wins_over_the_resource() {
    let span = chat(vec![text("team", "of the span")]);
    let event = events_of(of_resource(vec![text("team", "of the resource")], vec![span])).await.remove(0);
    assert_eq!(event.properties["team"], "of the span");
}

#[tokio::test]
async fn whatever_a_span_has_passes() {
    let keys = ["custom", "$lib", "$session_id", "$ai_stop_reason", "gen_ai.response.id", "error.type"];
    let event = event_of(chat(keys.map(|key| text(key, "x")).to_vec())).await;
    for key in keys {
        assert_eq!(event.properties[key], "x");
    }
}

#[tokio::test]
async fn values_keep_their_types() {
    let array = ArrayValue { values: vec![AnyValue { value: Some(Value::StringValue("stop".to_owned())) }] };
    let list = KeyValueList { values: vec![text("temperature", "low")] };
    let mut span = chat(vec![
        pair("int", Value::IntValue(12)),
        pair("double", Value::DoubleValue(0.5)),
        pair("nan", Value::DoubleValue(f64::NAN)),
        pair("bool", Value::BoolValue(true)),
        pair("bytes", Value::BytesValue(vec![1, 0xff])),
        pair("array", Value::ArrayValue(array)),
        pair("map", Value::KvlistValue(list)),
    ]);
    span.attributes.push(opentelemetry_proto::tonic::common::v1::KeyValue {
        key: "empty".to_owned(),
        ..Default::default()
    });
    let properties = event_of(span).await.properties;
    assert_eq!(properties["int"], 12);
    assert_eq!(properties["double"], 0.5);
    assert_eq!(properties["nan"], json!(null));
    assert_eq!(properties["bool"], true);
    assert_eq!(properties["bytes"], "01ff");
    assert_eq!(properties["array"], json!(["stop"]));
    assert_eq!(properties["map"], json!({"temperature": "low"}));
    assert!(!properties.contains_key("empty"));
}

#[tokio::test]
async fn ids_and_origin_are_those_of_the_span_whatever_its_attributes_say() {
    let keys = ["$ai_trace_id", "$ai_span_id", "$ai_parent_id", "$ai_ingestion_source"];
    let properties = event_of(chat(keys.map(|key| text(key, "mine")).to_vec())).await.properties;
    assert_eq!(properties["$ai_trace_id"], "ab".repeat(16));
    assert_eq!(properties["$ai_span_id"], "01".repeat(8));
    assert_eq!(properties["$ai_parent_id"], "02".repeat(8));
    assert_eq!(properties["$ai_ingestion_source"], "otel");
}

#[tokio::test]
async fn a_root_has_no_parent() {
    let root = Span { parent_span_id: Vec::new(), ..chat(vec![]) };
    assert!(!event_of(root).await.properties.contains_key("$ai_parent_id"));
}

#[tokio::test]
async fn the_place_of_the_sender_is_not_looked_up_unless_asked_for() {
    assert_eq!(event_of(chat(vec![])).await.properties["$geoip_disable"], true);
    let asked = event_of(chat(vec![pair("posthog.geoip_disable", Value::BoolValue(false))])).await;
    assert_eq!(asked.properties["$geoip_disable"], false);
}

#[tokio::test]
async fn properties_of_the_gateway_are_its_own() {
    let event = event_of(chat(vec![text("$ai_gateway_user", "me")])).await;
    assert!(!event.properties.contains_key("$ai_gateway_user"));
}

#[tokio::test]
async fn the_time_is_the_start_of_the_span() {
    assert_eq!(event_of(chat(vec![])).await.timestamp, "1970-01-01T00:00:01.000000000Z");
    let without = Span { start_time_unix_nano: 0, ..chat(vec![]) };
    assert!(event_of(without).await.timestamp.as_str() > "2020");
}

#[tokio::test]
async fn a_span_says_whose_it_is_before_its_resource_does() {
    let resource = vec![text("posthog.distinct_id", "of the resource")];
    for (attributes, id) in [
        (vec![text("user.id", "u"), text("posthog.distinct_id", "d")], "d"),
        (vec![text("user.id", "u"), text("posthog.distinct_id", "")], "u"),
        (vec![text("user.id", "u")], "u"),
        (vec![], "of the resource"),
    ] {
        let event = events_of(of_resource(resource.clone(), vec![chat(attributes)])).await.remove(0);
        assert_eq!(event.distinct_id, id);
        assert!(!event.properties.contains_key("user.id"));
        assert!(!event.properties.contains_key("posthog.distinct_id"));
    }
}

#[tokio::test]
async fn spans_of_nobody_are_of_one_anonymous_person_in_each_request() {
    let export = || super::export(vec![chat(vec![]), chat(vec![])]);
    let (first, second) = (events_of(export()).await, events_of(export()).await);
    assert_eq!(first[0].distinct_id, first[1].distinct_id);
    assert_eq!(first[0].distinct_id.len(), 36);
    assert_eq!(second.len(), 2);
}
