//! The recorded call, made by this crate's own client.

#[allow(dead_code, reason = "it can make more calls than these")]
#[path = "../../../recorded/via_client/calling.rs"]
mod calling;

use crate::exchange::Exchange;
use calling::Place;
use serde_json::Value;
use std::time::Duration;
use tracing_genai::{
    Client, ContentCapture,
    provider::{self, Api},
    record::Call,
    testing::{FakeProvider, FinishedSpan, capture_async},
};

/// What the client is to ask.
pub(crate) struct Asked {
    api: Api,
    call: Call,
    /// The body of the recorded request.
    recorded: Option<Value>,
}

impl Asked {
    /// What the exchange's own request asks, if it was recorded.
    pub(crate) fn own(exchange: &Exchange) -> Option<Self> {
        let api = exchange.api()?;
        let body = exchange.request.as_ref()?.body.as_deref()?;
        let recorded = serde_json::from_str(body).ok()?;
        let call = provider::read_request(api, &exchange.path(), body.as_bytes())?;
        Some(Self { api, call, recorded: Some(recorded) })
    }

    /// The body of the request.
    pub(crate) fn body(&self) -> &Value {
        self.recorded.as_ref().unwrap_or(&Value::Null)
    }

    pub(crate) fn api(&self) -> Api {
        self.api
    }
}

/// The client's span of this call; `None` for a call that it refuses to make.
pub(crate) async fn span(
    exchange: &Exchange,
    asked: &Asked,
    fake: &FakeProvider,
    http: &reqwest::Client,
    content: &ContentCapture,
) -> Option<FinishedSpan> {
    let Place { provider, endpoint, .. } = Place::of(exchange, fake);
    let client = Client::builder().endpoint(endpoint).max_retries(0).content(content.clone());
    let client = client.http_client(http.clone()).timeout(Duration::from_secs(20)).build().unwrap();
    let (_, mut spans) = capture_async(calling::call(&client, provider, asked)).await;
    spans.pop()
}
