//! Recorded answers of OpenAI and Anthropic, given to rig and to this crate's own client: two spans that
//! say the same.

use crate::program::{Program, Seen, sent};
use bytes::Bytes;
use futures_util::StreamExt;
use rig_core::completion::CompletionRequest;
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use tracing_genai::{
    Client, ContentCapture,
    client::{Endpoint, Provider},
    testing::Answer,
};

/// What rig alone writes: that an answer is no stream, and its id of the exchange.
const RIGS_OWN: [&str; 2] = ["gen_ai.request.stream", "rig.provider_request_id"];

#[derive(Clone, Copy, PartialEq)]
enum Api {
    Chat,
    Responses,
    Messages,
}

#[tokio::test]
async fn chat_completions_say_the_same_as_through_our_client() {
    compare("openai/chat", Api::Chat).await;
}

#[tokio::test]
async fn responses_say_the_same_as_through_our_client() {
    compare("openai/responses", Api::Responses).await;
}

#[tokio::test]
async fn messages_of_anthropic_say_the_same_as_through_our_client() {
    compare("anthropic/messages", Api::Messages).await;
}

async fn compare(folder: &str, api: Api) {
    let Some(root) = root() else { return };
    let mut files: Vec<PathBuf> =
        fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no exchanges");
    for file in files {
        let exchange: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let Some(recorded) = Recorded::of(&exchange) else { continue };
        let program = Program::new();
        let by_rig = sent(ContentCapture::off(), &program, async |program: &Program| {
            recorded.through_rig(program, api).await;
        })
        .await;
        let by_us = sent(ContentCapture::off(), &program, async |program: &Program| {
            recorded.through_us(program, api).await;
        })
        .await;
        let name = file.file_name().unwrap().to_string_lossy();
        assert_eq!((by_rig.len(), by_us.len()), (1, 1), "{name}");
        assert_same(&by_rig[0], &by_us[0], &name);
    }
}

fn assert_same(by_rig: &Seen, by_us: &Seen, name: &str) {
    let says = |span: &Seen| (span.name.clone(), span.kind.clone(), span.status.clone());
    assert_eq!(says(by_rig), says(by_us), "{name}");
    let (mut rigs, ours) = (by_rig.comparable(), by_us.comparable());
    rigs.retain(|key, _| ours.contains_key(key) || !RIGS_OWN.contains(&key.as_str()));
    assert_eq!(rigs, ours, "{name}");
    let timed = |span: &Seen| span.attributes.contains_key("gen_ai.response.time_to_first_chunk");
    assert_eq!(timed(by_rig), timed(by_us), "{name}");
}

struct Recorded {
    model: String,
    status: u16,
    content_type: String,
    body: Bytes,
}

impl Recorded {
    /// What can be played: answers that were recorded with their request.
    fn of(exchange: &Value) -> Option<Self> {
        let request: Value = serde_json::from_str(exchange["request"]["body"].as_str()?).ok()?;
        let response = &exchange["response"];
        Some(Self {
            model: request["model"].as_str()?.to_owned(),
            status: response["status"].as_u64()?.try_into().ok()?,
            content_type: response["headers"]["content-type"].as_str()?.to_owned(),
            body: response["body"].as_str()?.to_owned().into(),
        })
    }

    fn is_stream(&self) -> bool {
        self.content_type.starts_with("text/event-stream")
    }

    /// In pieces that end anywhere.
    fn answer(&self) -> Answer {
        let chunks = self.body.chunks(700).map(|chunk| self.body.slice_ref(chunk)).collect();
        Answer::chunks(self.status, self.content_type.clone(), chunks)
    }

    async fn through_rig(&self, program: &Program, api: Api) {
        program.provider.enqueue(self.answer());
        let mut request = CompletionRequest::new("Hello");
        request.max_tokens = Some(64);
        macro_rules! ask {
            ($model:expr) => {{
                let model = $model;
                if self.is_stream() {
                    let mut stream = model.stream(request).unwrap();
                    // What rig makes of an answer is its own affair.
                    while stream.next().await.is_some() {}
                } else {
                    let _ = model.call(request).await;
                }
            }};
        }
        match api {
            Api::Chat => ask!(program.openai().chat(self.model.clone())),
            Api::Responses => ask!(program.openai().responses(self.model.clone())),
            Api::Messages => ask!(program.anthropic().completion(self.model.clone())),
        }
    }

    async fn through_us(&self, program: &Program, api: Api) {
        program.provider.enqueue(self.answer());
        let (provider, url) = match api {
            Api::Chat | Api::Responses => (Provider::OpenAi, program.provider.base_url()),
            Api::Messages => (Provider::Anthropic, program.provider.anthropic_url()),
        };
        let endpoint = Endpoint::new(provider).base_url(url).api_key("sk-test");
        let client = Client::builder().endpoint(endpoint).max_retries(0).build().unwrap();
        let chat = client.chat(self.model.clone()).provider(provider).user("Hello").max_output_tokens(64);
        let chat = if api == Api::Responses { chat.responses() } else { chat };
        if self.is_stream() {
            let Ok(mut stream) = chat.stream().await else { return };
            while stream.next().await.is_some_and(|event| event.is_ok()) {}
        } else {
            let _ = chat.send().await;
        }
    }
}

/// The folder of recordings: `RECORDED_DIR`, else the one that stands beside the repository.
///
/// Without it the test is skipped; in CI, where nobody would read that, it fails.
fn root() -> Option<PathBuf> {
    let root = env::var_os("RECORDED_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recorded"),
        PathBuf::from,
    );
    if root.is_dir() {
        return Some(root);
    }
    let missing = format!("{} holds no recorded exchanges: set RECORDED_DIR to their folder", root.display());
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
    None
}
