//! What Tracia is sent of real exchanges, recorded by others, whole: of those of PostHog's table, with content,
//! whatever becomes of them.
//!
//! The recordings are not part of this repository: `RECORDED_DIR` names their folder.
#![cfg(all(feature = "client", feature = "testing", feature = "reqwest-middleware"))]
#![allow(dead_code, reason = "the recordings are read for other tests too")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../posthog_recorded/by_hand.rs"]
mod by_hand;
#[path = "../recorded/exchange.rs"]
mod exchange;
#[path = "../posthog_recorded/play.rs"]
mod play;
#[path = "../posthog_recorded/table.rs"]
mod table;

pub(crate) use play::{Provider, say};

use play::{PROVIDERS, Stage, Way};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use tracing_genai::{ContentCapture, export::Destination, testing::FakeTracia};

/// The span without what differs from run to run, and what every span has: ids, and how long it took.
fn seen(span: &Value, host: &str) -> Map<String, Value> {
    let mut seen = span.as_object().unwrap().clone();
    for (key, prefix) in [("spanId", "sp_"), ("traceId", "tr_")] {
        let id = seen.remove(key).unwrap();
        assert!(id.as_str().unwrap().starts_with(prefix) && id.as_str().unwrap().len() == 19, "{id}");
    }
    assert!(seen.remove("latencyMs").unwrap().is_u64());
    if let Some(error) = seen["error"].as_str().map(|error| table::without_libraries(error, host)) {
        seen["error"] = json!(error);
    }
    seen
}

/// What came of one operation: one span, or none where Tracia has no form for it, nor a word for its provider.
fn found(spans: &[Value], host: &str) -> Map<String, Value> {
    match spans {
        [span] => seen(span, host),
        other => Map::from_iter([("spans".to_owned(), json!(other.len()))]),
    }
}

#[test]
fn a_span_has_the_keys_of_the_table_and_no_others() {
    let mut differences = String::new();
    for provider in &PROVIDERS {
        let rows: Vec<table::Row> = table::rows(include_str!("table.json"));
        let tracia = FakeTracia::start().unwrap();
        let content = ContentCapture::on().tool_parameters(true);
        let destination = Destination::tracia(tracia.api_key()).base_url(tracia.url()).content(content);
        let stage = Stage::new(provider.name, destination);
        for exchange in play::exchanges(provider) {
            for row in rows.iter().filter(|row| row.of == exchange.file) {
                let before = tracia.spans().len();
                stage.play(&exchange, Way::of(&row.way));
                let spans = tracia.spans();
                let expected = row.of_exchange(&exchange);
                let found = found(&spans[before..], &stage.host());
                for difference in table::differences(&expected, &found) {
                    let _ = writeln!(differences, "{} ({}): {difference}", row.of, row.way);
                }
            }
        }
        assert_eq!(tracia.refusals(), []);
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn what_is_recorded_by_hand_has_the_keys_of_the_table_and_no_others() {
    let mut differences = String::new();
    for row in table::rows(include_str!("by_hand.json")) {
        let tracia = FakeTracia::start().unwrap();
        let content = ContentCapture::on().tool_parameters(true);
        let destination = Destination::tracia(tracia.api_key()).base_url(tracia.url()).content(content);
        let host = by_hand::run(&row.of, &row.way, destination.into());
        assert_eq!(tracia.refusals(), []);
        for difference in table::differences(&row.properties, &found(&tracia.spans(), &host)) {
            let _ = writeln!(differences, "{} ({}): {difference}", row.of, row.way);
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
