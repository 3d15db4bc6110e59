//! An answer in the shape its request asks for.

use super::{
    Answer,
    answer::Content,
    anthropic, azure, bedrock, chat, embeddings,
    endpoint::{Endpoint, Form, Operation},
    google, google_embeddings, openai,
    prompt::{Prompt, Reply},
    responses, voyage,
};
use crate::{record::Usage, testing::ReceivedRequest};
use bytes::Bytes;
use serde_json::Value;

/// When everything was made.
pub(super) const CREATED: u64 = 1_752_820_844;

#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) chunks: Vec<Bytes>,
    /// In one piece, with its length announced.
    pub(super) whole: bool,
    /// What the provider sends besides.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Rendered {
    pub(super) fn new(status: u16, content_type: &str, chunks: Vec<Bytes>, whole: bool) -> Self {
        Self { status, content_type: content_type.to_owned(), chunks, whole, headers: Vec::new() }
    }

    pub(super) fn json(form: Form, status: u16, body: &Value) -> Self {
        match form {
            // Pretty-printed as theirs is: readers must not rely on one line.
            Form::OpenAi => Self::whole(status, "application/json", format!("{body:#}\n")),
            Form::Google | Form::Vertex => {
                Self::whole(status, "application/json; charset=UTF-8", format!("{body:#}\n"))
            }
            Form::Azure | Form::Anthropic | Form::Voyage | Form::Bedrock => {
                Self::whole(status, "application/json", body.to_string())
            }
        }
    }

    fn whole(status: u16, content_type: &str, body: String) -> Self {
        Self::new(status, content_type, vec![body.into()], true)
    }

    fn events(chunks: Vec<Bytes>) -> Self {
        Self::new(200, "text/event-stream; charset=utf-8", chunks, false)
    }
}

/// One generated answer: what is said, how it ended, what it took.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) replies: Vec<Reply>,
    /// Cut at the limit of tokens.
    pub(super) truncated: bool,
    /// The request named the tool to call.
    pub(super) forced: bool,
    pub(super) usage: Tokens,
    pub(super) model: String,
    /// The number of the request, which makes ids different from one answer to the next.
    pub(super) number: usize,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) cache_written: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

pub(super) fn render(answer: &Answer, request: &ReceivedRequest, number: usize) -> Rendered {
    let form = Form::of(request);
    let endpoint = Endpoint::of(request);
    let mut rendered = match (&answer.content, endpoint) {
        (Content::Verbatim { status, content_type, chunks, whole }, _) => {
            return Rendered::new(*status, content_type, chunks.clone(), *whole);
        }
        (Content::Error(status, error), endpoint) => {
            let own_headers = (form == Form::Bedrock).then(|| bedrock::error_header(error));
            let error = form.error(*status, error, number);
            let mut rendered = match endpoint.map(|endpoint| endpoint.operation) {
                // An error to a stream has the form of the stream, if not that of its events.
                Some(Operation::GenerateStream) if google::wants_events(request) => {
                    Rendered::whole(*status, "text/event-stream", format!("{error:#}\n"))
                }
                Some(Operation::GenerateStream) => Rendered::json(form, *status, &Value::Array(vec![error])),
                _ => Rendered::json(form, *status, &error),
            };
            rendered.headers.extend(own_headers);
            rendered
        }
        (_, Some(endpoint)) => of_endpoint(answer, request, endpoint, number),
        // There is an error for these before they get here.
        (_, None) => Rendered::json(form, 404, &Value::Null),
    };
    rendered.headers.extend(form.headers(number));
    rendered
}

fn of_endpoint(
    answer: &Answer,
    request: &ReceivedRequest,
    endpoint: Endpoint<'_>,
    number: usize,
) -> Rendered {
    let Endpoint { form, operation, .. } = endpoint;
    let body = &request.json();
    let model = endpoint.model(body);
    let whole = |body: &Value| Rendered::json(form, 200, body);
    let generate = || generate(answer, endpoint, &Prompt::of(operation, body), model, number);
    let error = answer.stream_error.as_ref();
    match (operation, endpoint.is_streamed(body)) {
        (Operation::Models, _) => whole(&openai::models()),
        (Operation::Embeddings, _) if form == Form::Voyage => whole(&voyage::body(answer, body)),
        (Operation::Embeddings, _) => whole(&embeddings::body(answer, body, model.unwrap_or_default())),
        (Operation::EmbedContent | Operation::BatchEmbedContents | Operation::Predict, _) => {
            whole(&google_embeddings::body(answer, body, endpoint))
        }
        (Operation::Chat, false) if form == Form::Azure => whole(&azure::body(&generate())),
        (Operation::Chat, true) if form == Form::Azure => {
            Rendered::events(azure::events(&generate(), chat::tells_usage(request, body), error))
        }
        (Operation::Chat, false) => whole(&chat::body(&generate())),
        (Operation::Chat, true) => {
            Rendered::events(chat::framed(chat::chunks(&generate(), chat::tells_usage(request, body)), error))
        }
        (Operation::Responses, false) => whole(&responses::body(&generate(), body)),
        (Operation::Responses, true) => Rendered::events(responses::events(&generate(), body, error)),
        (Operation::Messages, false) => whole(&anthropic::body(&generate())),
        (Operation::Messages, true) => Rendered::events(anthropic::events(&generate(), error)),
        (
            Operation::Converse | Operation::ConverseStream | Operation::Invoke | Operation::InvokeStream,
            _,
        ) => bedrock::answer(answer, body, endpoint, number),
        (Operation::Generate, _) => whole(&google::body(&generate(), form)),
        (Operation::GenerateStream, _) => {
            let as_events = google::wants_events(request);
            let content_type =
                if as_events { "text/event-stream" } else { "application/json; charset=UTF-8" };
            let chunks = google::stream(&generate(), form, as_events, error);
            Rendered::new(200, content_type, chunks, false)
        }
    }
}

pub(super) fn generate(
    answer: &Answer,
    endpoint: Endpoint<'_>,
    prompt: &Prompt,
    model: Option<&str>,
    number: usize,
) -> Generation {
    let reply = match &answer.content {
        Content::Text(text) => Reply::Text(text.clone()),
        Content::Refusal(refusal) => Reply::Refusal(refusal.clone()),
        Content::ToolCalls(calls) => Reply::ToolCalls(calls.clone()),
        _ => prompt.reply(),
    };
    let (reply, truncated) = reply.limited(prompt.max_tokens.unwrap_or(usize::MAX));
    let choices = prompt.choices.unwrap_or(1).clamp(1, 128);
    let output = (reply.tokens() * choices) as u64;
    let usage = answer
        .usage
        .as_ref()
        .map_or(Tokens { input: prompt.words as u64, output, ..Tokens::default() }, Tokens::given);
    let named = || match endpoint.form {
        Form::Anthropic => anthropic::dated(model.unwrap_or_default()),
        Form::OpenAi | Form::Azure => dated(model.unwrap_or("gpt-4o-mini")),
        Form::Bedrock => bedrock::named(model.unwrap_or_default()),
        Form::Google | Form::Vertex | Form::Voyage => model.unwrap_or_default().to_owned(),
    };
    Generation {
        replies: vec![reply; choices],
        truncated,
        forced: prompt.tool_is_forced,
        usage,
        model: answer.model.clone().unwrap_or_else(named),
        number,
    }
}

impl Tokens {
    /// The input without what was read from a cache or written to it.
    pub(super) fn uncached(self) -> u64 {
        self.input.saturating_sub(self.cached).saturating_sub(self.cache_written)
    }

    pub(super) fn touch_a_cache(self) -> bool {
        self.cached > 0 || self.cache_written > 0
    }

    pub(super) fn given(usage: &Usage) -> Self {
        Self {
            input: usage.input_tokens.unwrap_or(0),
            cached: usage.cache_read_input_tokens.unwrap_or(0),
            cache_written: usage.cache_write_input_tokens.unwrap_or(0),
            output: usage.output_tokens.unwrap_or(0),
            reasoning: usage.reasoning_output_tokens.unwrap_or(0),
        }
    }
}

impl Reply {
    /// The reply as far as so many tokens go, and whether that cut it.
    fn limited(self, limit: usize) -> (Self, bool) {
        let cut = self.tokens() > limit;
        let take = |text: &str, rest: &mut usize| {
            let taken: Vec<_> = pieces(text).take(*rest).collect();
            *rest -= taken.len();
            taken.concat()
        };
        let mut rest = limit;
        let reply = match self {
            Self::Text(text) => Self::Text(take(&text, &mut rest)),
            Self::Refusal(refusal) => Self::Refusal(take(&refusal, &mut rest)),
            Self::ToolCalls(calls) => Self::ToolCalls(
                calls.into_iter().map(|(name, arguments)| (name, take(&arguments, &mut rest))).collect(),
            ),
        };
        (reply, cut)
    }

    fn tokens(&self) -> usize {
        match self {
            Self::Text(text) | Self::Refusal(text) => pieces(text).count(),
            Self::ToolCalls(calls) => calls.iter().map(|(_, arguments)| pieces(arguments).count()).sum(),
        }
    }
}

/// A word each, with the space before it: what a token is here, and what an event carries.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.find(|character: char| !character.is_whitespace()).unwrap_or(rest.len());
        let end = rest[word..].find(char::is_whitespace).map_or(rest.len(), |length| word + length);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// An id as OpenAI's look, the same in every run.
pub(super) fn id(prefix: &str, number: usize, part: usize) -> String {
    format!("{prefix}{number:016x}{part:08x}")
}

pub(super) fn request_id(number: usize) -> String {
    format!("req_{number:032x}")
}

pub(super) fn uuid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

pub(super) fn event(name: Option<&str>, data: &Value) -> Bytes {
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n").into(),
        None => format!("data: {data}\n\n").into(),
    }
}

/// OpenAI answers with the dated name of a model that was asked for by its short one.
fn dated(model: &str) -> String {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    // The day, the month and the year.
    let is_dated =
        model.rsplit('-').take(3).map(str::len).eq([2, 2, 4]) && model.rsplit('-').take(3).all(is_number);
    if is_dated { model.to_owned() } else { format!("{model}-2024-07-18") }
}
