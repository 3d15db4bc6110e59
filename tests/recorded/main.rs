//! Real exchanges with providers, recorded by others: every reader must find in each what is known
//! to be in it, however its bytes arrive, and must bear it broken.
//!
//! The recordings are not part of this repository: `RECORDED_DIR` names their folder.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails is a test that fails")]
#![allow(clippy::panic, reason = "a helper that fails is a test that fails")]

mod cutting;
mod exchange;
mod observed;
#[cfg(all(feature = "tower", feature = "reqwest-middleware"))]
mod via_adapters;
mod via_client;

use cutting::Random;
use exchange::Exchange;
use observed::Observed;
use serde_json::Value;
use std::{
    cell::RefCell,
    fmt::Write as _,
    io::{self, Write as _},
};
use tracing_genai::{
    provider::{self, Api, Delta, Limits, StreamReader},
    record::{Call, Choice, ErrorInfo, OperationKind, Response},
};
use via_client::{Asked, Refused};

/// A provider whose exchanges were recorded.
#[derive(Debug)]
pub(crate) struct Provider {
    /// Its folder.
    pub(crate) folder: &'static str,
    /// `gen_ai.provider.name` of its hosts.
    name: &'static str,
}

const PROVIDERS: [Provider; 7] = [
    Provider { folder: "openai", name: "openai" },
    Provider { folder: "azure_openai", name: "azure.ai.openai" },
    Provider { folder: "azure_ai_inference", name: "azure.ai.inference" },
    Provider { folder: "anthropic", name: "anthropic" },
    Provider { folder: "google", name: "gcp.gemini" },
    Provider { folder: "google_vertex", name: "gcp.vertex_ai" },
    Provider { folder: "bedrock", name: "aws.bedrock" },
];

/// How often each body is cut or spoilt at random.
const ROUNDS: u64 = 50;

#[test]
fn every_exchange_gives_what_is_known_of_it() {
    compare_all("read", |exchange| Some(via_reader(exchange).differences(exchange)));
}

/// The exchanges whose request the client cannot make, and why.
const NOT_THE_CLIENTS: [(&str, &str); 11] = [
    (
        "bedrock/invoke_model/error_400__does-not-exist__opentelemetry-python-contrib.json",
        "its request has no body",
    ),
    (
        "google/embedContent/embed_single__text-embedding-004__dd-trace-js.json",
        "the client embeds one text as it does several",
    ),
    (
        "google/streamGenerateContent/content_filter-RECITATION__firebase-samples.json",
        "its request was not recorded",
    ),
    (
        "google_vertex/generateContent/content_filter-SAFETY__firebase-samples.json",
        "its request was not recorded",
    ),
    (
        "google_vertex/generateContent/error_403-service_disabled__firebase-samples.json",
        "its request was not recorded",
    ),
    ("google_vertex/generateContent/error_429-quota__firebase-samples.json", "its request was not recorded"),
    (
        "google_vertex/streamGenerateContent/error_midstream-cancelled__firebase-samples.json",
        "its request was not recorded",
    ),
    (
        "google_vertex/streamGenerateContent/prompt_blocked__firebase-samples.json",
        "its request was not recorded",
    ),
    // A stored prompt has the model.
    (
        "openai/responses/image_input-document_input-reasoning_tokens__dd-trace-js.json",
        "model is required and cannot be empty",
    ),
    (
        "openai/responses/stream-error_midstream-rate_limit_exceeded__gpt-4o__prism.json",
        "its request was not recorded",
    ),
    ("openai/vector_stores/error_500-server_error__ruby-openai.json", "the client does not speak this API"),
];

#[test]
fn the_client_makes_every_exchange_and_gives_what_is_known_of_it() {
    if exchange::folder().is_none() {
        return;
    }
    let left_out = RefCell::new(Vec::new());
    compare_all("client", |exchange| {
        let made = Asked::own(exchange)
            .and_then(|asked| via_client::differences(exchange, &asked).map_err(|Refused(reason)| reason));
        made.map_err(|reason| left_out.borrow_mut().push((exchange.file.clone(), reason))).ok()
    });
    let mut left_out = left_out.into_inner();
    left_out.sort();
    for (file, reason) in &left_out {
        say(&format!("client: without {file}: {reason}"));
    }
    let left_out: Vec<_> = left_out.iter().map(|(file, why)| (file.as_str(), why.as_str())).collect();
    assert_eq!(left_out, NOT_THE_CLIENTS, "the exchanges that the client cannot make");
}

#[test]
fn the_client_reads_the_answers_to_requests_that_it_cannot_make() {
    compare_all("client, asking something else", |exchange| {
        NOT_THE_CLIENTS.iter().find(|(file, _)| exchange.file == *file)?;
        let made = via_client::differences(exchange, &Asked::stand_in(exchange));
        Some(made.unwrap_or_else(|Refused(reason)| vec![reason]))
    });
}

#[cfg(all(feature = "tower", feature = "reqwest-middleware"))]
#[test]
fn a_tower_layer_over_hyper_makes_the_spans_that_the_client_makes() {
    let player = via_adapters::Player::new(via_adapters::Adapter::TowerOverHyper);
    compare_all_with("tower", |provider, exchange| Some(player.differences(exchange, provider)));
}

#[cfg(all(feature = "tower", feature = "reqwest-middleware"))]
#[test]
fn a_middleware_of_reqwest_makes_the_spans_that_the_client_makes() {
    let player = via_adapters::Player::new(via_adapters::Adapter::ReqwestMiddleware);
    compare_all_with("reqwest-middleware", |provider, exchange| Some(player.differences(exchange, provider)));
}

#[test]
fn addresses_tell_the_api_and_the_provider() {
    let Some(root) = exchange::folder() else { return };
    for provider in &PROVIDERS {
        for exchange in exchange::load(&root, provider) {
            let Some(url) = exchange.url() else { continue };
            assert_eq!(Api::from_path(url.path()), exchange.api(), "{}", exchange.file);
            let name = url.host().and_then(|host| provider::provider_name(host, 443));
            assert_eq!(name, Some(provider.name), "{}", exchange.file);
        }
    }
}

#[test]
fn a_stream_gives_the_same_however_its_bytes_are_cut() {
    let mut differences = String::new();
    for exchange in everything() {
        let Some(api) = exchange.api() else { continue };
        // An error may call itself a stream.
        if !exchange.is_stream() || !exchange.succeeded() || exchange.is_normalized() {
            continue;
        }
        let mut differs = |what: &str| {
            let _ = writeln!(differences, "{}: {what}", exchange.file);
        };
        let body = exchange.response.bytes.as_slice();
        let whole = Streamed::read(api, [body]);
        if whole.unreadable > 0 {
            differs(&format!("{} events count as unreadable", whole.unreadable));
        }
        if !whole.complete && whole.error.is_none() {
            differs("it is whole but counts as broken off");
        }
        if whole.text != whole.response.text() {
            differs(&format!(
                "the deltas' text is {:?}, the answer's {:?}",
                whole.text,
                whole.response.text()
            ));
        }
        let whole = whole.to_value();
        if Streamed::read(api, body.chunks(1)).to_value() != whole {
            differs("another record byte by byte");
        }
        for seed in 0..ROUNDS {
            let pieces = cutting::pieces(body, &mut Random::new(seed));
            if Streamed::read(api, pieces).to_value() != whole {
                differs(&format!("another record when cut by seed {seed}"));
            }
        }
    }
    assert!(differences.is_empty(), "streams:\n{differences}");
}

#[test]
fn a_body_that_breaks_off_is_read_as_far_as_it_came() {
    for exchange in everything() {
        let body = exchange.response.bytes.as_slice();
        let api = exchange.api().unwrap_or(Api::OpenAiChat);
        if exchange.is_stream() {
            let whole = Streamed::read(api, [body]);
            for end in cutting::ends(body.len()) {
                let _doing = Doing(&exchange.file, "cut off at byte", end as u64);
                let part = Streamed::read(api, [&body[..end]]);
                assert!(whole.begins_with(&part), "{}: cut off at {end}", exchange.file);
            }
        } else {
            for end in cutting::ends(body.len()) {
                let _doing = Doing(&exchange.file, "cut off at byte", end as u64);
                read_whole(&exchange, &body[..end]);
            }
        }
    }
}

#[test]
fn a_spoilt_body_is_borne() {
    for exchange in everything() {
        let api = exchange.api().unwrap_or(Api::OpenAiChat);
        let request = exchange.request.as_ref().and_then(|request| request.body.as_deref());
        for seed in 0..ROUNDS {
            let _doing = Doing(&exchange.file, "spoilt by seed", seed);
            let random = &mut Random::new(seed);
            let spoil = match seed % 3 {
                0 => cutting::flipped,
                1 => cutting::gapped,
                _ => cutting::shuffled,
            };
            let body = spoil(exchange.response.bytes.as_slice(), random);
            if exchange.is_stream() {
                Streamed::read(api, cutting::pieces(&body, random));
            } else {
                read_whole(&exchange, &body);
            }
            if let Some(request) = request {
                provider::read_request(api, &exchange.path(), &spoil(request.as_bytes(), random));
            }
        }
    }
}

/// Has `compare` tell of each exchange how what it saw differs from what is known, prints how many
/// agree and fails with each difference. An exchange of which it saw nothing counts for nothing.
fn compare_all(how: &str, compare: impl Fn(&Exchange) -> Option<Vec<String>>) {
    compare_all_with(how, |_, exchange| compare(exchange));
}

/// As [`compare_all`], told whose exchange it is.
fn compare_all_with(how: &str, compare: impl Fn(&Provider, &Exchange) -> Option<Vec<String>>) {
    let Some(root) = exchange::folder() else { return };
    let mut differences = String::new();
    let (mut agreed_in_all, mut seen_in_all) = (0, 0);
    for provider in &PROVIDERS {
        let (mut agreed, mut seen) = (0, 0);
        for exchange in exchange::load(&root, provider) {
            let _doing = Doing(&exchange.file, how, 0);
            let Some(found) = compare(provider, &exchange) else { continue };
            seen += 1;
            agreed += usize::from(found.is_empty());
            for difference in found {
                let _ = writeln!(differences, "{}: {difference}", exchange.file);
            }
        }
        if seen > 0 {
            say(&format!("{how}: {}: {agreed} of {seen} exchanges", provider.folder));
        }
        agreed_in_all += agreed;
        seen_in_all += seen;
    }
    say(&format!("{how}: {agreed_in_all} of {seen_in_all} exchanges"));
    assert!(differences.is_empty(), "{how}:\n{differences}");
}

/// What the readers see of an exchange.
fn via_reader(exchange: &Exchange) -> Observed {
    let api = exchange.api();
    let body = exchange.response.bytes.as_slice();
    let mut observed = Observed::of(exchange);
    // A request whose body was not recorded still has its address.
    let sent = exchange.request.as_ref().map(|request| request.body.as_deref().unwrap_or("{}"));
    let call =
        api.zip(sent).and_then(|(api, sent)| provider::read_request(api, &exchange.path(), sent.as_bytes()));
    observed = match &call {
        Some(Call::Inference { request, .. }) => observed.request(request),
        Some(Call::Embeddings { request, .. }) => observed.embeddings_request(request),
        _ => observed,
    };
    if !exchange.succeeded() {
        return observed.error(&read_error(exchange, body));
    }
    let api = api.expect("an API that has a reader");
    let in_headers = provider::usage_in_headers(api, &exchange.headers());
    if exchange.is_stream() {
        let mut streamed = Streamed::read(api, [body]);
        streamed.response.usage.fill_from(&in_headers);
        observed = observed.response(&streamed.response);
        return match &streamed.error {
            Some(error) => observed.error(error),
            None => observed,
        };
    }
    if api.operation_kind() == OperationKind::Embeddings {
        return match provider::read_embeddings(api, body, false) {
            Ok(mut embeddings) => {
                embeddings.usage.fill_from(&in_headers);
                observed.embeddings(&embeddings)
            }
            Err(error) => observed.error(&error),
        };
    }
    match provider::read_response(api, body) {
        Ok(mut response) => {
            response.usage.fill_from(&in_headers);
            observed.response(&response)
        }
        Err(error) => observed.error(&error),
    }
}

fn read_error(exchange: &Exchange, body: &[u8]) -> ErrorInfo {
    // Errors have one form in all APIs of a provider.
    let api = exchange.api().unwrap_or(Api::OpenAiChat);
    provider::read_error(api, exchange.response.status, &exchange.headers(), body)
}

/// Has a body that is no stream read by the reader that its exchange is for.
fn read_whole(exchange: &Exchange, body: &[u8]) {
    match exchange.api() {
        Some(api) if exchange.succeeded() && api.operation_kind() == OperationKind::Embeddings => {
            let _ = provider::read_embeddings(api, body, true);
        }
        Some(api) if exchange.succeeded() => {
            let _ = provider::read_response(api, body);
        }
        _ => {
            read_error(exchange, body);
        }
    }
}

/// A stream that was read to its end.
struct Streamed {
    response: Response,
    error: Option<ErrorInfo>,
    complete: bool,
    unreadable: u64,
    /// The text that its deltas brought, by choices.
    text: String,
    /// Each delta as it came.
    deltas: String,
}

impl Streamed {
    fn read<'a>(api: Api, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut reader = StreamReader::new(api, Limits::default()).expect("an API that has streams");
        let mut texts: Vec<(u32, String)> = Vec::new();
        let mut deltas = String::new();
        let mut on_delta = |delta: Delta<'_>| {
            let _ = writeln!(deltas, "{delta:?}");
            if let Delta::Text { choice, text } = delta {
                match texts.iter_mut().find(|(index, _)| *index == choice) {
                    Some((_, whole)) => whole.push_str(text),
                    None => texts.push((choice, text.to_owned())),
                }
            }
        };
        let mut parser = provider::event_parser(api);
        for piece in pieces {
            parser.feed(piece, &mut |event| reader.event(event.name, event.data, &mut on_delta));
        }
        parser.finish(&mut |event| reader.event(event.name, event.data, &mut on_delta));
        texts.sort_by_key(|(choice, _)| *choice);
        let text = texts.into_iter().map(|(_, text)| text).collect();
        let (complete, unreadable) = (reader.is_complete(), reader.unreadable_events());
        let (response, error) = reader.finish();
        Self { response, error, complete, unreadable, text, deltas }
    }

    /// All of it, to compare.
    fn to_value(&self) -> Value {
        serde_json::json!({
            "response": self.response,
            "error": self.error,
            "complete": self.complete,
            "unreadable": self.unreadable,
            "text": self.text,
            "deltas": self.deltas,
        })
    }

    /// Whether each choice's text begins with the text that it has in `part`.
    fn begins_with(&self, part: &Self) -> bool {
        let text =
            |choice: &Choice| -> String { choice.message.parts.iter().filter_map(observed::text).collect() };
        part.response.choices.iter().all(|part| {
            let mut choices = self.response.choices.iter();
            let whole = choices.find(|choice| choice.index == part.index);
            whole.is_some_and(|whole| text(whole).starts_with(&text(part)))
        })
    }
}

fn everything() -> Vec<Exchange> {
    let Some(root) = exchange::folder() else { return Vec::new() };
    PROVIDERS.iter().flat_map(|provider| exchange::load(&root, provider)).collect()
}

/// Names what was done to which exchange when a reader panics over it.
struct Doing<'a>(&'a str, &'a str, u64);

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("{}: {} {}", self.0, self.1, self.2));
        }
    }
}

/// Prints a line even when the test passes, which `println!` would keep to itself.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
