//! An answer in the shape its request asks for.

use super::{
    Answer,
    answer::Content,
    chat, embeddings,
    openai::{self, Endpoint},
    prompt::{Prompt, Reply},
    responses,
};
use crate::{record::Usage, testing::ReceivedRequest};
use bytes::Bytes;
use serde_json::{Value, json};

/// When everything was made.
pub(super) const CREATED: u64 = 1_752_820_844;

#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) chunks: Vec<Bytes>,
    /// In one piece, with its length announced.
    pub(super) whole: bool,
    /// With the headers that OpenAI sends.
    pub(super) as_openai: bool,
}

impl Rendered {
    fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: "application/json".to_owned(),
            // Pretty-printed as OpenAI's is: readers must not rely on one line.
            chunks: vec![format!("{body:#}\n").into()],
            whole: true,
            as_openai: true,
        }
    }

    fn events(chunks: Vec<Bytes>) -> Self {
        Self {
            status: 200,
            content_type: "text/event-stream; charset=utf-8".to_owned(),
            chunks,
            whole: false,
            as_openai: true,
        }
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
    let body = request.json();
    let content = match &answer.content {
        Content::Error(status, error) => {
            return Rendered::json(*status, &json!({ "error": error.to_json() }));
        }
        Content::Verbatim { status, content_type, chunks, whole } => {
            return Rendered {
                status: *status,
                content_type: content_type.clone(),
                chunks: chunks.clone(),
                whole: *whole,
                as_openai: false,
            };
        }
        content => content,
    };
    let endpoint = match Endpoint::of(request) {
        Some(Endpoint::Models) => return Rendered::json(200, &openai::models()),
        Some(Endpoint::Embeddings) => return Rendered::json(200, &embeddings::body(answer, &body)),
        Some(endpoint) => endpoint,
        None => Endpoint::Chat,
    };
    let generation = generate(answer, content, &Prompt::of(endpoint, &body), &body, number);
    let streamed = body["stream"] == true;
    match (endpoint, streamed) {
        (Endpoint::Responses, false) => Rendered::json(200, &responses::body(&generation, &body)),
        (Endpoint::Responses, true) => {
            Rendered::events(responses::events(&generation, &body, answer.stream_error.as_ref()))
        }
        (_, false) => Rendered::json(200, &chat::body(&generation)),
        (_, true) => Rendered::events(chat::events(&generation, &body, answer.stream_error.as_ref())),
    }
}

fn generate(answer: &Answer, content: &Content, prompt: &Prompt, body: &Value, number: usize) -> Generation {
    let reply = match content {
        Content::Text(text) => Reply::Text(text.clone()),
        Content::Refusal(refusal) => Reply::Refusal(refusal.clone()),
        Content::ToolCalls(calls) => Reply::ToolCalls(calls.clone()),
        _ => prompt.reply(),
    };
    let (reply, truncated) = reply.limited(prompt.max_tokens.unwrap_or(usize::MAX));
    let choices = body["n"].as_u64().and_then(|n| n.try_into().ok()).unwrap_or(1).clamp(1, 128);
    let output = (reply.tokens() * choices) as u64;
    let usage = answer
        .usage
        .as_ref()
        .map_or(Tokens { input: prompt.words as u64, output, ..Tokens::default() }, Tokens::given);
    Generation {
        replies: vec![reply; choices],
        truncated,
        forced: prompt.tool_is_forced,
        usage,
        model: answer.model.clone().unwrap_or_else(|| dated(body["model"].as_str().unwrap_or("gpt-4o-mini"))),
        number,
    }
}

impl Tokens {
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
