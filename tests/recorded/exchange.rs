//! Loading the recordings.

use crate::Provider;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};
use tracing_genai::provider::Api;

/// One recorded exchange: the parts of its file that tests use.
#[derive(Debug, Deserialize)]
pub(crate) struct Exchange {
    /// The path below the folder of recordings.
    #[serde(skip)]
    pub(crate) file: String,
    pub(crate) api: String,
    pub(crate) request: Option<Sent>,
    pub(crate) response: Received,
    provenance: Provenance,
    /// What a right reader finds.
    pub(crate) expected: Map<String, Value>,
}

/// What was asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    pub(crate) url: String,
    /// `None` for a request that has no body.
    pub(crate) body: Option<String>,
}

/// What came back.
#[derive(Debug, Deserialize)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    /// Of what is no text.
    #[serde(default)]
    body_base64: String,
    #[serde(skip)]
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Provenance {
    body_fidelity: String,
}

impl Exchange {
    fn load(root: &Path, path: &Path) -> Self {
        let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut exchange: Self =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Received { body, body_base64, bytes, .. } = &mut exchange.response;
        *bytes = match body_base64.as_str() {
            "" => std::mem::take(body).into_bytes(),
            text => STANDARD.decode(text).unwrap_or_else(|error| panic!("{name}: {error}")),
        };
        Self { file: name, ..exchange }
    }

    /// The API that it speaks; `None` for one that no reader covers, kept for its error body.
    pub(crate) fn api(&self) -> Option<Api> {
        match self.api.as_str() {
            "chat" => Some(Api::OpenAiChat),
            "responses" => Some(Api::OpenAiResponses),
            "embeddings" => Some(Api::OpenAiEmbeddings),
            "messages" => Some(Api::AnthropicMessages),
            "generateContent" | "streamGenerateContent" => Some(Api::GoogleGenerateContent),
            "embedContent" => Some(Api::GoogleEmbedContent),
            "batchEmbedContents" => Some(Api::GoogleBatchEmbedContents),
            "predict" => Some(Api::VertexPredict),
            "converse" | "converse_stream" => Some(Api::BedrockConverse),
            "invoke_model" | "invoke_model_with_response_stream" => Api::from_path(&self.path()),
            "vector_stores" => None,
            other => panic!("{}: the API {other} has no reader here", self.file),
        }
    }

    /// The URL of the request, if it was recorded.
    pub(crate) fn url(&self) -> Option<http::Uri> {
        // A recorder wrote `<GOOGLE_CLOUD_LOCATION>` over a region.
        let url = self.request.as_ref()?.url.replace(['<', '>'], "");
        Some(url.parse().unwrap_or_else(|error| panic!("{}: {error}", self.file)))
    }

    /// The path of the request, empty if it was not recorded.
    pub(crate) fn path(&self) -> String {
        self.url().map(|url| url.path().to_owned()).unwrap_or_default()
    }

    /// The folder of its provider.
    pub(crate) fn folder(&self) -> &str {
        self.file.split('/').next().unwrap_or_default()
    }

    /// The headers of the answer.
    pub(crate) fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&String, &String)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a recorded header's name");
            (name, HeaderValue::from_str(value).expect("a recorded header's value"))
        };
        self.response.headers.iter().map(header).collect()
    }

    /// A header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers.get(name).map(String::as_str)
    }

    /// Whether the answer is a success.
    pub(crate) fn succeeded(&self) -> bool {
        (200..300).contains(&self.response.status)
    }

    /// Whether the answer is a stream, as its `content-type` tells; Google's may be a JSON array.
    pub(crate) fn is_stream(&self) -> bool {
        let content_type = self.header("content-type");
        content_type.is_some_and(|content_type| content_type.starts_with("text/event-stream"))
            || (self.succeeded() && self.api == "streamGenerateContent")
            || content_type == Some("application/vnd.amazon.eventstream")
    }

    /// Whether the recorder wrote the body anew, so that its bytes are not those of the wire.
    pub(crate) fn is_normalized(&self) -> bool {
        self.provenance.body_fidelity == "normalized"
    }
}

/// The folder of recordings: `RECORDED_DIR`, else `../shared/recorded`.
///
/// Without it a test is skipped, which it says; in CI, where nobody would read that, it fails.
pub(crate) fn folder() -> Option<PathBuf> {
    // The tests that this repository keeps in packages of their own stand deeper in it.
    let shared = || {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let mut shared = folders.map(|folder| folder.join("../shared/recorded"));
        shared.find(|folder| folder.is_dir()).unwrap_or_else(|| "../shared/recorded".into())
    };
    let root = env::var_os("RECORDED_DIR").map_or_else(shared, PathBuf::from);
    if root.is_dir() {
        return Some(root);
    }
    let missing = format!("{} holds no recorded exchanges: set RECORDED_DIR to their folder", root.display());
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
    crate::say(&format!("skipped: {missing}"));
    None
}

/// Every exchange of this provider, in the order of the files' names.
pub(crate) fn load(root: &Path, provider: &Provider) -> Vec<Exchange> {
    let folder = root.join(provider.folder);
    let mut files = Vec::new();
    find_json(&folder, &mut files).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.sort();
    assert!(!files.is_empty(), "{} holds no exchanges", folder.display());
    files.iter().map(|file| Exchange::load(root, file)).collect()
}

fn find_json(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_json(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}
