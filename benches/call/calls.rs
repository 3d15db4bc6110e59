//! One call, by each client.

use crate::{
    canned,
    stacks::{Stack, Stacks},
    worker::Worker,
};
use bytes::Bytes;
use serde::Deserialize;
use std::{borrow::Cow, sync::Arc};
use tracing_genai::{
    Client,
    client::{ChatEvent, Provider},
};

/// Who makes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// `reqwest`, and nobody reads the bytes.
    Raw,
    /// `reqwest`, and `serde` finds the text in the bytes: what a program needs at least.
    Hand,
    /// The client of this crate.
    Ours,
    /// Another client, with this crate's adapter or without, and nobody reads the bytes.
    Through(Stack, bool),
}

/// What is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An answer in one piece.
    Whole,
    /// A stream of this many pieces of text.
    Stream(usize),
}

/// All clients, for one kind of answer.
pub(crate) struct Caller {
    answer: Answer,
    http: reqwest::Client,
    url: reqwest::Url,
    body: Bytes,
    ours: Client,
    stacks: Arc<Stacks>,
    prompt: String,
    text_bytes: usize,
}

impl Caller {
    pub(crate) fn new(worker: &Worker, answer: Answer) -> Arc<Self> {
        let Worker { address, http, content, .. } = worker;
        let (first, words) = match answer {
            Answer::Whole => ("whole".to_owned(), canned::WHOLE_WORDS),
            Answer::Stream(pieces) => (pieces.to_string(), pieces),
        };
        let base_url = format!("http://{address}/{first}/v1");
        let url: reqwest::Url = format!("{base_url}/chat/completions").parse().expect("an address");
        let body = Bytes::from(canned::request(answer != Answer::Whole));
        let ours = Client::builder()
            .base_url(base_url)
            .api_key(canned::KEY)
            .provider(Provider::OpenAi)
            .http_client(http.clone())
            .content(content.clone())
            .build()
            .expect("a client");
        Arc::new(Self {
            answer,
            http: http.clone(),
            stacks: Stacks::new(worker, url.clone(), body.clone()),
            url,
            body,
            ours,
            prompt: canned::prompt(),
            text_bytes: canned::text(words).len(),
        })
    }

    /// Makes the call to its end.
    pub(crate) async fn call(&self, by: By) {
        match (by, self.answer) {
            (By::Raw, Answer::Whole) => {
                let body = self.send().await.bytes().await.expect("a body");
                assert!(body.len() > self.text_bytes);
            }
            (By::Raw, Answer::Stream(_)) => {
                let mut answer = self.send().await;
                let mut length = 0;
                while let Some(bytes) = answer.chunk().await.expect("more of the body") {
                    length += bytes.len();
                }
                assert!(length > self.text_bytes);
            }
            (By::Hand, Answer::Whole) => {
                let body = self.send().await.bytes().await.expect("a body");
                let completion: Completion<'_> = serde_json::from_slice(&body).expect("a completion");
                let text = completion.choices.into_iter().find_map(|choice| choice.message?.content);
                assert_eq!(text.unwrap_or_default().into_owned().len(), self.text_bytes);
            }
            (By::Hand, Answer::Stream(_)) => self.stream_by_hand().await,
            (By::Through(stack, is_watched), _) => {
                assert!(self.stacks.call(stack, is_watched).await > self.text_bytes);
            }
            (By::Ours, Answer::Whole) => {
                let reply = self.chat().send().await.expect("a reply");
                assert_eq!(reply.text().len(), self.text_bytes);
            }
            (By::Ours, Answer::Stream(_)) => {
                let mut stream = self.chat().stream().await.expect("a stream");
                let mut length = 0;
                while let Some(event) = stream.next().await {
                    if let ChatEvent::Text { text, .. } = event.expect("an event") {
                        length += text.len();
                    }
                }
                assert_eq!(length, self.text_bytes);
            }
        }
    }

    async fn stream_by_hand(&self) {
        let mut answer = self.send().await;
        let (mut pending, mut length) = (Vec::new(), 0);
        while let Some(bytes) = answer.chunk().await.expect("more of the body") {
            pending.extend_from_slice(&bytes);
            let mut read = 0;
            while let Some(end) = memchr::memchr(b'\n', &pending[read..]) {
                let line = &pending[read..read + end];
                read += end + 1;
                let Some(data) = line.strip_prefix(b"data: ") else { continue };
                if data == b"[DONE]" {
                    continue;
                }
                let chunk: Completion<'_> = serde_json::from_slice(data).expect("an event");
                let text = chunk.choices.into_iter().find_map(|choice| choice.delta?.content);
                length += text.unwrap_or_default().into_owned().len();
            }
            pending.drain(..read);
        }
        assert_eq!(length, self.text_bytes);
    }

    async fn send(&self) -> reqwest::Response {
        self.http
            .post(self.url.clone())
            .bearer_auth(canned::KEY)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(self.body.clone())
            .send()
            .await
            .expect("an answer")
    }

    fn chat(&self) -> tracing_genai::client::Chat {
        self.ours
            .chat(canned::MODEL)
            .system(canned::SYSTEM)
            .user(self.prompt.as_str())
            .temperature(0.2)
            .max_output_tokens(800)
    }
}

/// The least of a completion, or of an event of a stream, that has the text.
#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    delta: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
}
