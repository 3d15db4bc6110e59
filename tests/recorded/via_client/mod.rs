//! An exchange made anew: the client asks a server on this machine, which answers as recorded.

mod calling;
mod checking;

use crate::{
    cutting::{self, Random},
    exchange::Exchange,
};
use bytes::Bytes;
use calling::{Came, Place, call, stand_in_prompt};
use serde_json::{Value, json};
use std::{fmt::Debug, time::Duration};
use tracing_genai::{
    Client, ContentCapture,
    provider::{self, Api},
    record::{Call, Operation},
    testing::{Answer, FakeProvider, FinishedSpan, ReceivedRequest, capture_async},
};

/// How often a body is cut at random places.
const CUTS: u64 = 3;

/// What the client is to ask.
#[derive(Debug)]
pub(crate) struct Asked {
    api: Api,
    call: Call,
    /// The body of the recorded request; `None` for a request of the test's own.
    pub(super) recorded: Option<Value>,
}

impl Asked {
    /// What the exchange's own request asks, or why nobody can tell.
    pub(crate) fn own(exchange: &Exchange) -> Result<Self, String> {
        let api = exchange.api().ok_or("the client does not speak this API")?;
        if api == Api::GoogleEmbedContent {
            return Err("the client embeds one text as it does several".to_owned());
        }
        let request = exchange.request.as_ref().ok_or("its request was not recorded")?;
        let body = request.body.as_deref().ok_or("its request has no body")?;
        let recorded: Value = serde_json::from_str(body).map_err(|_| "its request is not JSON")?;
        // A body of the caller's own is sent as a JSON value is written: without blanks.
        let written = (api == Api::BedrockInvokeModel).then(|| recorded.to_string());
        let body = written.as_deref().unwrap_or(body);
        let call = provider::read_request(api, &exchange.path(), body.as_bytes())
            .ok_or("its request is not JSON")?;
        Ok(Self { api, call, recorded: Some(recorded) })
    }

    /// A plain question in place of the exchange's own, to get its answer all the same.
    pub(crate) fn stand_in(exchange: &Exchange) -> Self {
        let api = exchange.api().unwrap_or(Api::OpenAiChat);
        let mut body = json!({
            "messages": [{ "role": "user", "content": "Hi" }],
            "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
            "content": { "parts": [{ "text": "Hi" }] },
            "input": "Hi",
            "stream": exchange.is_stream(),
        });
        let method = if exchange.is_stream() { "streamGenerateContent" } else { "generateContent" };
        let path = match exchange.path() {
            path if path.is_empty() => format!("/v1/models/stand-in:{method}"),
            path => path,
        };
        if api == Api::BedrockInvokeModel {
            body = stand_in_prompt();
        }
        if provider::model_in_path(&path).is_none() {
            body["model"] = json!("stand-in");
        }
        let call = provider::read_request(api, &path, body.to_string().as_bytes()).expect("a request's body");
        Self { api, call, recorded: None }
    }
}

/// The client refused to send a request, in these words.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

/// Makes the exchange once for each way in which its answer may arrive; what differs from what is
/// known of it, a line each.
pub(crate) fn differences(exchange: &Exchange, asked: &Asked) -> Result<Vec<String>, Refused> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut differences = Vec::new();
    for (way, answer) in answers(exchange) {
        let mut found = Found::default();
        runtime.block_on(replay(exchange, asked, answer, &mut found))?;
        differences.extend(found.0.into_iter().map(|difference| format!("{way}: {difference}")));
    }
    Ok(differences)
}

/// The recorded answer in every way in which it may arrive.
pub(crate) fn answers(exchange: &Exchange) -> Vec<(String, Answer)> {
    let body = exchange.response.bytes.as_slice();
    let copied = |pieces: Vec<&[u8]>| -> Vec<Bytes> {
        pieces.into_iter().filter(|piece| !piece.is_empty()).map(Bytes::copy_from_slice).collect()
    };
    let (status, content_type) = (exchange.response.status, exchange.header("content-type"));
    let content_type = content_type.unwrap_or_default();
    let whole = Answer::raw(status, content_type, Bytes::copy_from_slice(body));
    let mut answers = vec![("in one piece".to_owned(), whole)];
    if exchange.is_stream() {
        let events = copied(events(body));
        answers.push(("event by event".to_owned(), Answer::chunks(status, content_type, events)));
    }
    let cuts = if exchange.is_normalized() { 0 } else { CUTS };
    for seed in 0..cuts {
        let pieces = copied(cutting::pieces(body, &mut Random::new(seed)));
        answers.push((format!("cut by seed {seed}"), Answer::chunks(status, content_type, pieces)));
    }
    let with_headers = |answer: Answer| {
        let others = exchange.response.headers.iter().filter(|(name, _)| *name != "content-type");
        others.fold(answer, |answer, (name, value)| answer.header(name, value))
    };
    answers.into_iter().map(|(way, answer)| (way, with_headers(answer))).collect()
}

/// The events of a stream, each with the empty line that ends it.
fn events(body: &[u8]) -> Vec<&[u8]> {
    let mut events = Vec::new();
    let (mut start, mut end) = (0, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line.trim_ascii().is_empty() {
            events.push(&body[start..end]);
            start = end;
        }
    }
    events.push(&body[start..]);
    events
}

/// What differs.
#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn compare<T: PartialEq + Debug>(&mut self, what: &str, expected: &T, got: &T) {
        if expected != got {
            self.0.push(format!("{what}: expected {expected:?}, got {got:?}"));
        }
    }
}

/// A call that was made.
pub(crate) struct Made {
    place: Place,
    came: Came,
    received: ReceivedRequest,
    pub(crate) span: FinishedSpan,
}

impl Made {
    pub(crate) fn operation(&self) -> &Operation {
        self.span.operation.as_deref().expect("the operation of a captured span")
    }
}

/// Has the client make the call of this exchange.
pub(crate) async fn make(
    exchange: &Exchange,
    asked: &Asked,
    answer: Answer,
    content: ContentCapture,
) -> Result<Made, Refused> {
    let provider = FakeProvider::start().expect("a port on this machine");
    provider.enqueue(answer);
    let place = Place::of(exchange, &provider);
    let client = Client::builder().endpoint(place.endpoint.clone()).max_retries(0).content(content);
    let client = client.timeout(Duration::from_secs(20)).build().expect("a client");

    let (came, mut spans) = capture_async(call(&client, place.provider, asked)).await;

    let mut requests = provider.requests();
    if let (Some(error), []) = (&came.error, requests.as_slice()) {
        assert!(spans.is_empty(), "{}: a span of a call that was refused", exchange.file);
        return Err(Refused(error.to_string()));
    }
    assert_eq!((requests.len(), spans.len()), (1, 1), "{}: requests and spans", exchange.file);
    Ok(Made { place, came, received: requests.remove(0), span: spans.remove(0) })
}

async fn replay(
    exchange: &Exchange,
    asked: &Asked,
    answer: Answer,
    found: &mut Found,
) -> Result<(), Refused> {
    let made = make(exchange, asked, answer, ContentCapture::off()).await?;
    let Made { place, came, received, span } = &made;
    let operation = made.operation();
    let spoken = Api::from_path(received.route()).expect("a path of an API");
    let wire = provider::read_request(spoken, received.route(), &received.body);
    let wire = wire.expect("the client writes JSON");
    checking::check_request(exchange, asked, place, received, &wire, found);
    checking::check_caller(exchange, asked, came, &wire, operation, found);
    checking::check_operation(exchange, asked, came, operation, found);
    checking::check_span(exchange, asked, span, found);
    Ok(())
}
