//! What the fuzz targets do with their input, and what must hold of what comes of it.
//!
//! Every input begins with four bytes: what is done, and three that choose how. The rest is the body.

mod frames;
mod mutate;

pub use frames::event_stream;
pub use mutate::mutate;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue};
use std::fmt::Write as _;
use tracing_genai::{
    provider::{self, Api, Delta, Limits, StreamReader, openai::Dialect},
    record::{Call, ErrorInfo, Part, Response, Usage},
    wire::{
        event_stream::encode,
        events::{EXCEPTION, EventParser},
        sse::{SseEvent, SseParser},
    },
};

/// The body, and the bytes before it that choose.
struct Input<'a> {
    what: u8,
    how: [u8; 3],
    body: &'a [u8],
}

impl<'a> Input<'a> {
    fn of(data: &'a [u8]) -> Option<Self> {
        let ([what, how @ ..], body) = data.split_first_chunk::<4>()?;
        Some(Self { what: *what, how: *how, body })
    }

    fn number(&self) -> u16 {
        u16::from_be_bytes([self.how[0], self.how[1]])
    }

    /// The most bytes that are kept; nothing chosen means no limit.
    fn most(&self) -> Option<usize> {
        (self.how[0] > 0).then(|| 1_usize << (self.how[0] % 16))
    }

    /// The body in pieces, of two sizes by turns.
    fn pieces(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut sizes = [self.how[1], self.how[2]].map(|size| usize::from(size) + 1).into_iter().cycle();
        let mut rest = self.body;
        std::iter::from_fn(move || {
            let size = sizes.next()?.min(rest.len());
            let (piece, after) = rest.split_at(size);
            rest = after;
            Some(piece).filter(|piece| !piece.is_empty())
        })
    }
}

/// An API of language models: 0 reads an answer, 1 an error, 2 a request, 3 a stream.
pub fn chat_api(api: Api, data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    one_of(input.what % 4, api, &input);
}

fn one_of(what: u8, api: Api, input: &Input<'_>) {
    match what {
        0 => whole(api, input.body),
        1 => error(api, input),
        2 => request(api, input),
        3 => drop(check_stream(api, input)),
        _ => framed_stream(api, input),
    }
}

/// The same for Amazon Bedrock, whose streams are frames: 3 reads bytes, which seldom have the checksums of
/// one, and 4 the frames of the events that the body lists as Server-Sent Events.
pub fn bedrock_api(api: Api, data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    one_of(input.what % 5, api, &input);
}

/// APIs of embedding models, of which the last byte chooses one: 0 reads an answer, 1 an error, 2 a
/// request.
pub fn embeddings_api(apis: &[Api], data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let api = apis[usize::from(input.how[2]) % apis.len()];
    match input.what % 3 {
        0 => vectors(api, input.body),
        1 => error(api, &input),
        _ => request(api, &input),
    }
}

fn whole(api: Api, body: &[u8]) {
    if let Some(told) = provider::response_error(api, body) {
        check_error(&told);
    }
    match provider::read_response(api, body) {
        Ok(response) => {
            check_choices(&response);
            serde_json::to_vec(&response).expect("a record is JSON");
        }
        Err(error) => check_error(&error),
    }
}

fn vectors(api: Api, body: &[u8]) {
    let counted = provider::read_embeddings(api, body, false);
    match provider::read_embeddings(api, body, true) {
        Ok(kept) => {
            assert_eq!(kept.count, kept.vectors.len());
            let counted = counted.expect("what is read with its numbers is read without them");
            assert!(counted.vectors.is_empty());
            assert_eq!((counted.count, counted.dimensions), (kept.count, kept.dimensions));
            assert_eq!(counted.usage, kept.usage);
        }
        Err(error) => check_error(&error),
    }
}

/// The status is two of the bytes, and a header has the body's first bytes.
fn error(api: Api, input: &Input<'_>) {
    let mut headers = HeaderMap::new();
    let told = &input.body[..input.body.len().min(12)];
    if let Ok(told) = HeaderValue::from_bytes(told) {
        for name in [
            "retry-after",
            "retry-after-ms",
            "x-request-id",
            "request-id",
            "x-amzn-requestid",
            "x-amzn-bedrock-input-token-count",
            "x-amzn-bedrock-cache-read-input-token-count",
        ] {
            headers.insert(name, told.clone());
        }
    }
    // An exception's name is longer; it comes last in the body.
    let told = &input.body[input.body.len().saturating_sub(48)..];
    if let Ok(told) = HeaderValue::from_bytes(told) {
        headers.insert("x-amzn-errortype", told);
    }
    let read = provider::read_error(api, input.number(), &headers, input.body);
    check_error(&read);
    assert_eq!(read.http_status, Some(input.number()));
    provider::request_id(api, &headers);
    provider::usage_in_headers(api, &headers);
}

/// What can be read and written can be read again, and is then the same for good.
fn request(api: Api, input: &Input<'_>) {
    const PATHS: [&str; 8] = [
        "/v1/chat/completions",
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        "/openai/deployments/a%20name/chat/completions",
        "/v1beta/models/%ff%2:generateContent",
        "/model/us.amazon.nova-lite-v1%3A0/converse-stream",
        "/model/anthropic.claude-haiku-4-5-20251001-v1:0/invoke-with-response-stream",
        "/model/us.cohere.embed-v4:0/invoke",
        "/model/amazon.titan-embed-text-v2%3a0/invoke",
    ];
    let path = PATHS[usize::from(input.how[0]) % PATHS.len()];
    let mut dialect = Dialect::default();
    if input.how[1] % 2 == 1 {
        dialect.max_completion_tokens = false;
        dialect.random_seed = true;
        dialect.openai_limits = false;
    }
    // Requests in a model's own format are read alone; what was read is written in Bedrock's common one.
    let written_as = if api == Api::BedrockInvokeModel { Api::BedrockConverse } else { api };
    let write = |call: &Call| match call {
        Call::Inference { request, .. } => provider::write_request(written_as, request, dialect),
        Call::Embeddings { request, .. } => provider::write_embeddings(api, request, dialect),
        _ => panic!("no other call is read"),
    };
    let Some(first) = provider::read_request(api, path, input.body) else { return };
    serde_json::to_vec(&first).expect("a record is JSON");
    let Ok(written) = write(&first) else { return };
    let mut second =
        provider::read_request(written_as, path, &written).expect("what was written can be read");
    if written_as != api {
        // What one format does not know the other may: it is read only now.
        let Ok(written) = write(&second) else { return };
        second = provider::read_request(written_as, path, &written).expect("what was written can be read");
    }
    // A tool's result may answer a call that we did not know, and was therefore left out.
    let Ok(again) = write(&second) else { return };
    let third = provider::read_request(written_as, path, &again).expect("what was written can be read");
    assert_eq!(second, third, "{}", String::from_utf8_lossy(&written));
}

/// The events that the body lists, in frames. The data of an event of InvokeModel is a chunk in base64, unless
/// the first byte is one of the higher half.
fn framed_stream(api: Api, input: &Input<'_>) {
    let has_chunks = api == Api::BedrockInvokeModel && input.what < 128;
    let (mut frames, mut count, mut fails) = (Vec::new(), 0, false);
    for (name, data) in by_the_standard(input.body) {
        let name = name.unwrap_or_default();
        count += 1;
        let frame = if let Some(code) = name.strip_prefix("error:") {
            fails = true;
            let message = String::from_utf8_lossy(&data);
            encode(&[(":message-type", "error"), (":error-code", code), (":error-message", &message)], b"")
        } else if let Some(kind) = name.strip_prefix(EXCEPTION) {
            fails = true;
            encode(&[(":exception-type", kind), (":message-type", "exception")], &data)
        } else if has_chunks {
            let chunk = serde_json::json!({ "bytes": STANDARD.encode(&data), "p": "abc" });
            encode(&[(":event-type", "chunk"), (":message-type", "event")], chunk.to_string().as_bytes())
        } else {
            encode(&[(":event-type", &name), (":message-type", "event")], &data)
        };
        frames.extend(frame);
    }
    let streamed = check_stream(api, &Input { body: &frames, ..*input });
    assert_eq!((streamed.broken, streamed.events), (None, count));
    assert!(streamed.error.is_some() || !fails, "an exception is an error");
    if let Some(usage) = streamed.usage {
        assert_eq!(streamed.response.usage, usage, "the last one holds");
    }
}

/// A stream read at once, in pieces and without a limit.
fn check_stream(api: Api, input: &Input<'_>) -> Streamed {
    let most = input.most();
    let limits = most.map_or_else(Limits::default, Limits::of_text_bytes);
    let at_once = read_stream(api, limits, [input.body].into_iter());
    let in_pieces = read_stream(api, limits, input.pieces());
    assert_eq!(at_once, in_pieces);
    assert!(at_once.unreadable <= at_once.events);
    assert_eq!(at_once.response.stream.as_ref().map(|end| end.events), Some(at_once.events));
    let kept = text_bytes(&at_once.response);
    match most {
        Some(most) => {
            assert!(kept <= most, "{kept} bytes of at most {most}: {:?}", at_once.response);
            let unlimited = read_stream(api, Limits::default(), [input.body].into_iter());
            assert_eq!(unlimited.deltas, at_once.deltas, "deltas are whole");
            assert_eq!(unlimited.error, at_once.error);
            assert_eq!(unlimited.response.usage, at_once.response.usage);
            assert_eq!(
                (unlimited.events, unlimited.unreadable, unlimited.is_complete),
                (at_once.events, at_once.unreadable, at_once.is_complete)
            );
        }
        // A Responses stream ends with the whole, which may differ from its pieces; and of Bedrock's own
        // formats only so many generations are kept.
        None if api != Api::OpenAiResponses && at_once.response.choices.len() < MOST_CHOICES => {
            let texts = at_once.response.parts().map(|part| match part {
                Part::Text(text) => text.len(),
                _ => 0,
            });
            assert_eq!(texts.sum::<usize>(), at_once.text, "{:?}", at_once.response);
        }
        None => {}
    }
    check_choices(&at_once.response);
    serde_json::to_vec(&at_once.response).expect("a record is JSON");
    if let Some(error) = &at_once.error {
        check_error(error);
    }
    at_once
}

/// The generations that are kept of a stream in a format of Bedrock's own.
const MOST_CHOICES: usize = 128;

#[derive(Debug, PartialEq)]
struct Streamed {
    response: Response,
    error: Option<ErrorInfo>,
    is_complete: bool,
    /// Why the frames could not be read on.
    broken: Option<String>,
    unreadable: u64,
    events: u64,
    deltas: String,
    /// The bytes of text that deltas brought.
    text: usize,
    /// The last one that they brought.
    usage: Option<Usage>,
}

fn read_stream<'a>(api: Api, limits: Limits, pieces: impl Iterator<Item = &'a [u8]>) -> Streamed {
    let mut parser = provider::event_parser(api);
    let mut reader = StreamReader::new(api, limits).expect("the API has streams");
    let (mut events, mut deltas, mut text, mut usage) = (0, String::new(), 0, None);
    let mut on_delta = |delta: Delta<'_>| {
        match delta {
            Delta::Text { text: more, .. } => text += more.len(),
            Delta::Usage(told) => usage = Some(told.clone()),
            _ => {}
        }
        writeln!(deltas, "{delta:?}").expect("a string takes all");
    };
    let mut on_event = |event: SseEvent<'_>| {
        events += 1;
        reader.event(event.name, event.data, &mut on_delta);
    };
    for piece in pieces {
        parser.feed(piece, &mut on_event);
    }
    parser.finish(&mut on_event);
    let broken = parser.broken().map(ToString::to_string);
    let (is_complete, unreadable) = (reader.is_complete(), reader.unreadable_events());
    let (response, error) = reader.finish();
    Streamed { response, error, is_complete, broken, unreadable, events, deltas, text, usage }
}

/// The bytes that count towards the limit, for every API.
fn text_bytes(response: &Response) -> usize {
    let bytes = |part: &Part| match part {
        Part::Text(text) | Part::Reasoning(text) | Part::Refusal(text) | Part::Signature(text) => text.len(),
        Part::ToolCall(call) | Part::ServerToolCall(call) => call.arguments.len(),
        Part::ToolResult(result) => result.content.len(),
        _ => 0,
    };
    response.parts().map(bytes).sum()
}

fn check_choices(response: &Response) {
    assert!(response.choices.is_sorted_by_key(|choice| choice.index), "{:?}", response.choices);
}

/// An error keeps little of the body.
fn check_error(error: &ErrorInfo) {
    let kept = error.body.as_deref().map_or(0, str::len);
    assert!(kept <= 2000, "{kept} bytes of a body are kept");
}

/// An event's name and data.
type Event = (Option<String>, Vec<u8>);

fn owned(event: SseEvent<'_>) -> Event {
    (event.name.map(str::to_owned), event.data.to_vec())
}

/// Server-Sent Events: at once and in pieces the same, within the limit, and as the standard has it.
pub fn sse(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>, most: Option<usize>| {
        let mut parser = SseParser::new().with_max_line(most.unwrap_or(usize::MAX));
        let mut seen = Vec::new();
        for piece in pieces {
            parser.feed(piece, &mut |event| seen.push(owned(event)));
        }
        parser.finish(&mut |event| seen.push(owned(event)));
        (seen, parser.skipped())
    };
    let most = input.most();
    let (seen, skipped) = read(&mut [input.body].into_iter(), most);
    assert_eq!((&seen, skipped), (&read(&mut input.pieces(), most).0, read(&mut input.pieces(), most).1));
    let plain = by_the_standard(input.body);
    match most {
        Some(most) => {
            assert!(seen.iter().all(|(_, data)| data.len() <= most));
            assert!(is_subsequence(&seen, &plain), "{seen:?} of {plain:?}");
        }
        None => assert_eq!((seen, skipped), (plain, 0)),
    }
}

/// The events of this stream, read line by line without regard to cost.
fn by_the_standard(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut lines = vec![Vec::new()];
    let mut bytes = stream.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' {
                    bytes.next_if_eq(&b'\n');
                }
                lines.push(Vec::new());
            }
            _ => lines.last_mut().expect("there is a line").push(byte),
        }
    }
    // The end ends an event too.
    lines.push(Vec::new());
    let (mut events, mut name, mut data) = (Vec::new(), None, None::<Vec<u8>>);
    for line in lines {
        if line.is_empty() {
            events.extend(data.take().map(|data| (name.clone(), data)));
            name = None;
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = colon.map_or((&line[..], &[][..]), |at| (&line[..at], &line[at + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut data {
                Some(data) => data.extend([b"\n", value].concat()),
                None => data = Some(value.to_vec()),
            },
            b"event" => {
                name = String::from_utf8(value.to_vec()).ok().filter(|name| !name.is_empty());
            }
            _ => {}
        }
    }
    events
}

fn is_subsequence(part: &[Event], whole: &[Event]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|event| whole.any(|other| other == event))
}

/// Events or JSON: at once and in pieces the same, within the limit, and no more than came.
pub fn json_objects(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let new = || if input.what % 2 == 0 { EventParser::sse_or_json() } else { EventParser::sse() };
    let most = input.most().unwrap_or(usize::MAX);
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut parser = new().with_max_event(most);
        let mut seen = Vec::new();
        for piece in pieces {
            parser.feed(piece, &mut |event| seen.push(owned(event)));
        }
        parser.finish(&mut |event| seen.push(owned(event)));
        (seen, parser.skipped())
    };
    let at_once = read(&mut [input.body].into_iter());
    assert_eq!(at_once, read(&mut input.pieces()));
    let (seen, skipped) = at_once;
    assert!(seen.iter().all(|(_, data)| data.len() <= most));
    assert!(seen.iter().map(|(_, data)| data.len()).sum::<usize>() <= input.body.len());
    assert!(most < usize::MAX || skipped == 0);
    // What is a list of objects, or one of them after the other, is found whole.
    if most == usize::MAX && input.what % 2 == 0 {
        let list = serde_json::from_slice::<Vec<serde_json::Map<_, serde_json::Value>>>(input.body);
        if let Ok(list) = list {
            let found = seen.iter().map(|(_, data)| serde_json::from_slice(data).expect("an object"));
            assert_eq!(found.collect::<Vec<serde_json::Map<_, _>>>(), list);
        }
    }
}
