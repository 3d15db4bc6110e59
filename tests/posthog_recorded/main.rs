//! What PostHog has of real exchanges with providers, recorded by others, and of what a program does by hand:
//! each event key by key.
//!
//! The recordings are not part of this repository: `RECORDED_DIR` names their folder.
#![cfg(all(feature = "client", feature = "testing", feature = "reqwest-middleware"))]
#![allow(dead_code, reason = "the recordings are read for other tests too")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod by_hand;
mod events;
mod exact;
#[path = "../recorded/exchange.rs"]
mod exchange;
mod oracle;
mod play;
mod table;
mod wording;

pub(crate) use play::{Provider, say};

use exchange::Exchange;
use play::{PROVIDERS, Stage, Way};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use tracing_genai::{
    ContentCapture,
    export::Destination,
    testing::{FakePostHog, PostHogEvent},
};

/// PostHog, with all content.
struct World {
    posthog: FakePostHog,
    stage: Stage,
}

impl World {
    fn new(provider: &'static str) -> Self {
        let posthog = FakePostHog::start().unwrap();
        let destination = Destination::posthog(posthog.project_key()).host(posthog.url());
        let destination = destination.content(ContentCapture::on().tool_parameters(true));
        Self { stage: Stage::new(provider, destination), posthog }
    }

    /// The one event of the exchange.
    fn event(&self, exchange: &Exchange, way: Way) -> PostHogEvent {
        let before = self.posthog.events().len();
        let report = self.stage.play(exchange, way);
        assert_eq!((report.recorded, report.rejected, report.dropped), (report.delivered, 0, 0));
        let mut events = self.posthog.events();
        assert_eq!(events.len(), before + 1, "{}: one call, one event", exchange.file);
        assert_eq!(self.posthog.refusals(), [], "{}", exchange.file);
        events.remove(before)
    }
}

#[test]
fn every_exchange_is_one_event_that_says_what_is_known_of_it() {
    let (mut differences, mut played) = (String::new(), 0);
    for provider in &PROVIDERS {
        let world = World::new(provider.name);
        for exchange in play::exchanges(provider) {
            played += 1;
            let event = world.event(&exchange, Way::Whole);
            let url = format!("{}{}", world.stage.host(), play::path(&exchange));
            let url = url.split('?').next().unwrap_or_default();
            for difference in oracle::differences(&exchange, provider, url, &event) {
                let _ = writeln!(differences, "{}: {difference}", exchange.file);
            }
        }
    }
    say(&format!("posthog: {played} exchanges played"));
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn an_event_has_the_properties_of_the_table_and_no_others() {
    let mut differences = String::new();
    for provider in &PROVIDERS {
        let rows = exact::rows(provider.folder);
        let world = World::new(provider.name);
        let exchanges = play::exchanges(provider);
        let is_recorded =
            |of: &str| exchanges.is_empty() || exchanges.iter().any(|exchange| exchange.file == of);
        assert!(rows.iter().all(|row| is_recorded(&row.of)), "{}: a row of no exchange", provider.folder);
        for exchange in &exchanges {
            for row in rows.iter().filter(|row| row.of == exchange.file) {
                let event = world.event(exchange, Way::of(&row.way));
                let seen = events::seen(&event, &world.stage.host());
                let expected = with_common(row.of_exchange(exchange));
                for difference in table::differences(&expected, &seen) {
                    let _ = writeln!(differences, "{} ({}): {difference}", row.of, row.way);
                }
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn what_is_recorded_by_hand_has_the_properties_of_the_table_and_no_others() {
    let mut differences = String::new();
    for row in exact::rows("by_hand") {
        let posthog = FakePostHog::start().unwrap();
        let destination = Destination::posthog(posthog.project_key()).host(posthog.url());
        let destination = destination.content(ContentCapture::on().tool_parameters(true));
        let host = by_hand::run(&row.of, &row.way, destination);
        assert_eq!(posthog.refusals(), [], "{}", row.of);
        let events = posthog.events();
        let [event] = events.as_slice() else { panic!("{}: {events:?}", row.of) };
        for difference in table::differences(&with_common(row.properties), &events::seen(event, &host)) {
            let _ = writeln!(differences, "{} ({}): {difference}", row.of, row.way);
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

fn with_common(properties: Map<String, Value>) -> Map<String, Value> {
    let mut all = events::common();
    all.extend(properties);
    all
}
