//! Which provider a request is for, and what it wants of it.

use super::{answer::ProviderError, anthropic, azure, bedrock, google, openai, voyage};
use crate::testing::ReceivedRequest;
use http::Method;
use serde_json::Value;

/// A provider, as far as its requests, answers and errors have a form of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// Mistral's and Cohere's as well.
    OpenAi,
    Azure,
    Anthropic,
    Google,
    Vertex,
    Voyage,
    Bedrock,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    Chat,
    Responses,
    Messages,
    Generate,
    GenerateStream,
    Embeddings,
    /// Google's of one text.
    EmbedContent,
    BatchEmbedContents,
    Predict,
    /// Bedrock's of one body for all models.
    Converse,
    ConverseStream,
    /// Bedrock's of each model's own body.
    Invoke,
    InvokeStream,
    Models,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint<'a> {
    pub(super) form: Form,
    pub(super) operation: Operation,
    /// The model, where it is in the path, as it was sent.
    pub(super) model: Option<&'a str>,
}

impl Form {
    /// The provider of a path, be there such an endpoint or not.
    pub(super) fn of(request: &ReceivedRequest) -> Self {
        match request.route().split('/').nth(1) {
            Some("azure") => Self::Azure,
            Some("anthropic") => Self::Anthropic,
            Some("google") => Self::Google,
            Some("vertex") => Self::Vertex,
            Some("voyage") => Self::Voyage,
            Some("bedrock") => Self::Bedrock,
            _ => Self::OpenAi,
        }
    }

    /// The body of an error.
    pub(super) fn error(self, status: u16, error: &ProviderError, number: usize) -> Value {
        match self {
            Self::OpenAi => openai::error(error),
            Self::Azure => azure::error(status, error),
            Self::Anthropic => anthropic::error(error, number),
            Self::Google | Self::Vertex => google::error(status, error),
            Self::Voyage => voyage::error(error),
            Self::Bedrock => bedrock::error(error),
        }
    }

    /// The headers of every answer.
    pub(super) fn headers(self, number: usize) -> Vec<(&'static str, String)> {
        match self {
            Self::OpenAi => openai::headers(number),
            Self::Azure => azure::headers(number),
            Self::Anthropic => anthropic::headers(number),
            Self::Google | Self::Vertex => google::headers(),
            Self::Voyage => Vec::new(),
            Self::Bedrock => bedrock::headers(number),
        }
    }
}

impl<'a> Endpoint<'a> {
    pub(super) fn of(request: &'a ReceivedRequest) -> Option<Self> {
        let form = Form::of(request);
        let route = request.route();
        let (operation, model) = match form {
            Form::OpenAi => (of_openai(&request.method, route)?, None),
            _ if request.method != Method::POST => return None,
            Form::Azure => {
                let (deployment, operation) =
                    route.strip_prefix("/azure/openai/deployments/")?.split_once('/')?;
                let operation = match operation {
                    "chat/completions" => Operation::Chat,
                    "embeddings" => Operation::Embeddings,
                    _ => return None,
                };
                (operation, Some(deployment))
            }
            Form::Anthropic => match route {
                "/anthropic/v1/messages" => (Operation::Messages, None),
                _ => return None,
            },
            Form::Google => {
                let rest =
                    route.strip_prefix("/google/v1beta/").or_else(|| route.strip_prefix("/google/v1/"))?;
                let (model, method) = rest.strip_prefix("models/")?.rsplit_once(':')?;
                (of_google(method)?, Some(model))
            }
            Form::Vertex => {
                let parts: Vec<_> = route.split('/').skip(2).collect();
                let &[
                    "v1" | "v1beta1",
                    "projects",
                    _,
                    "locations",
                    _,
                    "publishers",
                    "google",
                    "models",
                    last,
                ] = parts.as_slice()
                else {
                    return None;
                };
                let (model, method) = last.rsplit_once(':')?;
                let operation = if method == "predict" { Operation::Predict } else { of_google(method)? };
                (operation, Some(model))
            }
            Form::Voyage => match route {
                "/voyage/v1/embeddings" => (Operation::Embeddings, None),
                _ => return None,
            },
            Form::Bedrock => {
                let (model, operation) = route.strip_prefix("/bedrock/model/")?.split_once('/')?;
                let operation = match operation {
                    "converse" => Operation::Converse,
                    "converse-stream" => Operation::ConverseStream,
                    "invoke" => Operation::Invoke,
                    "invoke-with-response-stream" => Operation::InvokeStream,
                    _ => return None,
                };
                (operation, Some(model))
            }
        };
        Some(Self { form, operation, model })
    }

    /// The model that is asked for.
    pub(super) fn model<'b>(&self, body: &'b Value) -> Option<&'b str>
    where
        'a: 'b,
    {
        self.model.or_else(|| body["model"].as_str())
    }

    /// Whether an answer of the test's can be made to fit.
    pub(super) fn generates(&self) -> bool {
        self.operation != Operation::Models
    }

    pub(super) fn is_streamed(&self, body: &Value) -> bool {
        match self.operation {
            Operation::GenerateStream | Operation::ConverseStream | Operation::InvokeStream => true,
            Operation::Chat | Operation::Responses | Operation::Messages => body["stream"] == true,
            _ => false,
        }
    }
}

fn of_openai(method: &Method, route: &str) -> Option<Operation> {
    let prefixes = ["/v1/", "/mistral/v1/", "/cohere/compatibility/v1/"];
    let (prefix, rest) = prefixes.iter().find_map(|prefix| Some((*prefix, route.strip_prefix(prefix)?)))?;
    match (method, rest) {
        (&Method::POST, "chat/completions") => Some(Operation::Chat),
        // The others do not have them.
        (&Method::POST, "responses") if prefix == "/v1/" => Some(Operation::Responses),
        (&Method::POST, "embeddings") => Some(Operation::Embeddings),
        (&Method::GET, "models") => Some(Operation::Models),
        _ => None,
    }
}

fn of_google(method: &str) -> Option<Operation> {
    match method {
        "generateContent" => Some(Operation::Generate),
        "streamGenerateContent" => Some(Operation::GenerateStream),
        "embedContent" => Some(Operation::EmbedContent),
        "batchEmbedContents" => Some(Operation::BatchEmbedContents),
        _ => None,
    }
}

/// The error that this request gets whatever it asks for.
pub(super) fn refusal(request: &ReceivedRequest) -> Option<(u16, ProviderError)> {
    let endpoint = Endpoint::of(request);
    match Form::of(request) {
        Form::OpenAi => openai::refusal(request, endpoint),
        Form::Azure => azure::refusal(request, endpoint),
        Form::Anthropic => anthropic::refusal(request, endpoint),
        Form::Google => google::refusal(request, endpoint),
        Form::Vertex => google::refusal_of_vertex(request, endpoint),
        Form::Voyage => voyage::refusal(request, endpoint),
        Form::Bedrock => bedrock::refusal(request, endpoint),
    }
}

/// Whether a header says anything.
pub(super) fn has_header(request: &ReceivedRequest, name: &str) -> bool {
    request.header(name).is_some_and(|value| !value.trim().is_empty())
}

pub(super) fn has_bearer(request: &ReceivedRequest) -> bool {
    let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    key.is_some_and(|key| !key.trim().is_empty())
}

/// Of this model every provider says that there is none.
pub(super) fn is_unknown(model: &str) -> bool {
    model.starts_with("no-such")
}
