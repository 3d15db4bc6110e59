//! Events without what differs from run to run.

use crate::table;
use serde_json::{Map, Value, json};
use tracing_genai::testing::PostHogEvent;

/// The properties with the name as `event`: ids are `@id`, times that passed `@seconds`, the server's address
/// `http://host`.
pub(crate) fn seen(event: &PostHogEvent, host: &str) -> Map<String, Value> {
    assert_eq!(event.middleware, None);
    let mut seen = event.properties.clone();
    for (key, value) in &mut seen {
        let text = value.as_str().unwrap_or_default();
        let is_hex =
            |digits: usize| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_time = value.as_f64().is_some_and(|seconds| seconds > 0.0 && seconds < 60.0);
        let stand_in = match key.as_str() {
            "$ai_trace_id" => is_hex(32).then(|| json!("@id")),
            "$ai_span_id" | "$ai_parent_id" => is_hex(16).then(|| json!("@id")),
            "$ai_latency" | "$ai_time_to_first_token" | "gen_ai.response.time_to_first_chunk" => {
                is_time.then(|| json!("@seconds"))
            }
            "$ai_base_url" | "$ai_request_url" if !host.is_empty() => {
                Some(json!(text.replace(host, "http://host")))
            }
            "$lib_version" | "$ai_lib_version" => {
                (text == env!("CARGO_PKG_VERSION")).then(|| json!("@version"))
            }
            "$ai_error" | "$ai_error_normalized" => Some(json!(table::without_libraries(text, host))),
            _ => None,
        };
        if let Some(stand_in) = stand_in {
            *value = stand_in;
        }
    }
    seen.insert("event".to_owned(), json!(event.name));
    seen
}

/// What every event has, and is therefore not in the table.
pub(crate) fn common() -> Map<String, Value> {
    let common = json!({
        "$ai_trace_id": "@id",
        "$ai_span_id": "@id",
        "$ai_latency": "@seconds",
        "$ai_ingestion_source": "otel",
        "$geoip_disable": true,
        "$process_person_profile": false,
        "$lib": "tracing-genai",
        "$lib_version": "@version",
        "$ai_lib": "tracing-genai",
        "$ai_lib_version": "@version",
        "service.name": "shop",
    });
    common.as_object().unwrap().clone()
}
