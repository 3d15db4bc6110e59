//! Tracia's own API: what is sent, what is read of the answers, and how it fails.
#![cfg(all(feature = "tracia", feature = "testing"))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod bad_input;
mod codes;
mod evaluations;
mod lenient;
mod listing;
mod prompts;
mod refusals;
mod runs;
mod spans;
mod tries;

use serde_json::Value;
use std::time::Duration;
use tracing_genai::{
    testing::{FakeTracia, ReceivedRequest, ServiceAnswer},
    tracia::{Api, ApiBuilder, NewPrompt},
};

const KEY: &str = "tr_hunter2hunter2";
const SPAN: &str = "sp_00000000000000ab";

fn tracia() -> FakeTracia {
    FakeTracia::start().unwrap()
}

/// Patient enough for a slow machine, without further tries.
fn builder(tracia: &FakeTracia) -> ApiBuilder {
    Api::builder(KEY).base_url(tracia.url()).timeout(Duration::from_secs(20)).max_retries(0)
}

fn api(tracia: &FakeTracia) -> Api {
    builder(tracia).build().unwrap()
}

/// A stand-in that answers the next request with this, and the API at it.
fn answering(status: u16, body: &Value) -> (FakeTracia, Api) {
    let tracia = tracia();
    tracia.answer_next(1, &ServiceAnswer::body(status, "application/json", body.to_string()));
    let api = api(&tracia);
    (tracia, api)
}

fn greeting() -> NewPrompt {
    NewPrompt::new("Greeting").user("Say hello to {{name}}.")
}

fn the_request(tracia: &FakeTracia) -> ReceivedRequest {
    let mut requests = tracia.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}
