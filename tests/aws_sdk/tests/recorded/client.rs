//! The same exchange, made by this crate's client.

#[allow(dead_code, reason = "tests of other clients use the rest of it")]
#[path = "../../../recorded/via_client/calling.rs"]
mod calling;

use crate::exchange::Exchange;
use serde_json::Value;
use std::time::Duration;
use tracing_genai::{
    Client, ContentCapture,
    provider::{self, Api},
    record::Call,
    testing::FakeProvider,
};

/// What the client is to ask.
pub(crate) struct Asked {
    api: Api,
    call: Call,
    recorded: Option<Value>,
}

impl Asked {
    /// What the exchange's own request asks, or why nobody can tell.
    pub(crate) fn own(exchange: &Exchange) -> Result<Self, &'static str> {
        let api = exchange.api().ok_or("the client does not speak this API")?;
        let body = exchange.request.as_ref().and_then(|request| request.body.as_deref());
        let recorded: Value = serde_json::from_str(body.ok_or("its request has no body")?)
            .map_err(|_| "its request is not JSON")?;
        let call = provider::read_request(api, &exchange.path(), body.unwrap_or_default().as_bytes())
            .ok_or("its request is not JSON")?;
        Ok(Self { api, call, recorded: Some(recorded) })
    }
}

pub(crate) async fn call(provider: &FakeProvider, exchange: &Exchange, asked: &Asked) {
    let place = calling::Place::of(exchange, provider);
    let client = Client::builder().endpoint(place.endpoint).max_retries(0).content(ContentCapture::on());
    let client = client.timeout(Duration::from_secs(20)).build().expect("a client");
    calling::call(&client, place.provider, asked).await;
}
