//! Calls of the client, made after a recorded request.

use super::Asked;
use crate::exchange::Exchange;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tracing_genai::{
    Client, Error,
    client::{Chat, ChatEvent, Embed, Endpoint, Provider},
    provider::Api,
    record::{Call, Embeddings, EmbeddingsRequest, Part, Request, Response},
    testing::FakeProvider,
};

/// Where the client is to call, as the recorded request did.
pub(super) struct Place {
    pub(super) provider: Provider,
    pub(super) endpoint: Endpoint,
    /// The path and the query that follow from it; `None` where the request was not recorded.
    pub(super) target: Option<String>,
    /// The header that has the key, with it.
    pub(super) key: (&'static str, &'static str),
}

const KEY: &str = "test-key-0";

impl Place {
    pub(super) fn of(exchange: &Exchange, fake: &FakeProvider) -> Self {
        let host = fake.base_url().trim_end_matches("/v1").to_owned();
        let url = exchange.url();
        let path_and_query = url.as_ref().and_then(|url| url.path_and_query()).map(ToString::to_string);
        let path = exchange.path();
        let streams = exchange.api == "streamGenerateContent";
        let google_target = |path: &str| format!("{path}{}", if streams { "?alt=sse" } else { "" });
        let (provider, base, target, key) = match exchange.folder() {
            "anthropic" => (Provider::Anthropic, host, path_and_query, ("x-api-key", KEY)),
            "google" => {
                let target = url.as_ref().map(|_| google_target(&path));
                (Provider::Google, host, target, ("x-goog-api-key", KEY))
            }
            // The recorded ones leave out what stands before the publisher, or hide it.
            "google_vertex" => {
                let models = path.find("models/").map_or("", |at| &path[at..]);
                let target =
                    google_target(&format!("/v1/projects/mine/locations/here/publishers/google/{models}"));
                (
                    Provider::VertexAi,
                    host,
                    url.as_ref().map(|_| target),
                    ("authorization", "Bearer test-key-0"),
                )
            }
            "bedrock" => (Provider::Bedrock, host, path_and_query, ("authorization", "Bearer test-key-0")),
            "azure_openai" if path.contains("/deployments/") => {
                let target = path_and_query.map(|target| match target.contains('?') {
                    true => target,
                    false => format!("{target}?api-version=2024-10-21"),
                });
                (Provider::AzureOpenAi, host, target, ("api-key", KEY))
            }
            _ => {
                let apis = ["/chat/completions", "/responses", "/embeddings"];
                let before = apis.iter().find_map(|api| path.strip_suffix(api)).unwrap_or("/v1");
                let query = url
                    .as_ref()
                    .and_then(|url| url.query())
                    .map_or(String::new(), |query| format!("?{query}"));
                let base = format!("{host}{before}{query}");
                (Provider::OpenAi, base, path_and_query, ("authorization", "Bearer test-key-0"))
            }
        };
        let mut endpoint =
            Endpoint::new(provider).base_url(base).api_key(KEY).project("mine").location("here");
        if let Some((_, version)) = target.as_deref().and_then(|target| target.split_once("api-version=")) {
            endpoint = endpoint.api_version(version);
        }
        Self { provider, endpoint, target, key }
    }
}

/// What the caller got.
pub(super) struct Came {
    pub(super) answer: Option<Body>,
    pub(super) request_id: Option<String>,
    pub(super) error: Option<Error>,
    /// The text and the tools' arguments of a stream's events, by choice.
    pub(super) told: Option<BTreeMap<u32, (String, String)>>,
}

pub(super) enum Body {
    Response(Response),
    Embeddings(Embeddings),
}

pub(super) async fn call(client: &Client, provider: Provider, asked: &Asked) -> Came {
    match &asked.call {
        Call::Inference { request, .. } => {
            let mut chat = chat(client, asked.api, request).provider(provider);
            if asked.api == Api::BedrockInvokeModel {
                chat = chat.invoke_model(asked.recorded.clone().unwrap_or_else(stand_in_prompt));
            }
            if request.stream { stream(chat).await } else { send(chat).await }
        }
        Call::Embeddings { request, .. } => match embed(client, request).provider(provider).send().await {
            Ok(reply) => Came {
                answer: Some(Body::Embeddings(reply.embeddings().clone())),
                request_id: reply.request_id().map(str::to_owned),
                error: None,
                told: None,
            },
            Err(error) => Came::failed(error),
        },
        other => panic!("the client makes no such call: {other:?}"),
    }
}

async fn send(chat: Chat) -> Came {
    match chat.send().await {
        Ok(reply) => Came {
            answer: Some(Body::Response(reply.response().clone())),
            request_id: reply.request_id().map(str::to_owned),
            error: None,
            told: None,
        },
        Err(error) => Came::failed(error),
    }
}

async fn stream(chat: Chat) -> Came {
    let mut stream = match chat.stream().await {
        Ok(stream) => stream,
        Err(error) => return Came::failed(error),
    };
    let mut told: BTreeMap<u32, (String, String)> = BTreeMap::new();
    let (mut done, mut error) = (None, None);
    while let Some(event) = stream.next().await {
        assert!(done.is_none() && error.is_none(), "an event after the last: {event:?}");
        match event {
            Ok(ChatEvent::Text { text, choice }) => told.entry(choice).or_default().0.push_str(&text),
            Ok(ChatEvent::ToolArguments { fragment, choice, .. }) => {
                told.entry(choice).or_default().1.push_str(&fragment);
            }
            Ok(ChatEvent::Done(reply)) => done = Some(reply),
            Ok(_) => {}
            Err(failure) => error = Some(failure),
        }
    }
    // A stream that failed may have let go of it; the span's operation has it still.
    let so_far = stream.so_far().map(|so_far| Response::clone(&so_far));
    if let Some(reply) = &done {
        assert_eq!(so_far.as_ref(), Some(reply.response()), "what came, and the reply at its end");
    }
    let request_id = done.and_then(|reply| reply.request_id().map(str::to_owned));
    Came { answer: so_far.map(Body::Response), request_id, error, told: Some(told) }
}

impl Came {
    fn failed(error: Error) -> Self {
        Self { answer: None, request_id: None, error: Some(error), told: None }
    }
}

/// A question in the format of some models of Amazon Bedrock.
pub(super) fn stand_in_prompt() -> Value {
    json!({ "prompt": "Hi" })
}

/// The call that this request asks for.
fn chat(client: &Client, api: Api, request: &Request) -> Chat {
    fn with<T>(chat: Chat, value: Option<T>, set: impl FnOnce(Chat, T) -> Chat) -> Chat {
        match value {
            Some(value) => set(chat, value),
            None => chat,
        }
    }
    let mut chat = client.chat(request.model.as_deref().unwrap_or_default());
    if api == Api::OpenAiResponses {
        chat = chat.responses();
    }
    for part in &request.system_instructions {
        chat = match part {
            Part::Text(text) => chat.instructions(text),
            Part::CachePoint(lifetime) => chat.cache_point(*lifetime),
            other => panic!("instructions that are no text: {other:?}"),
        };
    }
    chat = chat.messages(request.messages.iter().cloned());
    chat = request.tools.iter().cloned().fold(chat, Chat::tool);
    chat = request.stop_sequences.iter().fold(chat, Chat::stop);
    chat = with(chat, request.tool_choice.clone(), Chat::tool_choice);
    chat = with(chat, request.choice_count, Chat::choices);
    chat = with(chat, request.max_output_tokens, Chat::max_output_tokens);
    chat = with(chat, request.temperature, Chat::temperature);
    chat = with(chat, request.top_p, Chat::top_p);
    chat = with(chat, request.frequency_penalty, Chat::frequency_penalty);
    chat = with(chat, request.presence_penalty, Chat::presence_penalty);
    chat = with(chat, request.seed, Chat::seed);
    chat = with(chat, request.output_format.clone(), Chat::output_format);
    chat = with(chat, request.reasoning_level.as_deref(), Chat::reasoning);
    chat = with(chat, request.previous_response_id.as_deref(), Chat::previous_response);
    chat = with(chat, request.service_tier.as_deref(), Chat::service_tier);
    chat = with(chat, request.user.as_deref(), Chat::end_user);
    if let Some(id) = &request.guardrail_id {
        chat = chat.guardrail(id, request.guardrail_version.as_deref().unwrap_or_default());
    }
    chat = with(chat, request.top_k, Chat::top_k);
    chat = with(chat, request.parallel_tool_calls, Chat::parallel_tool_calls);
    chat = with(chat, request.reasoning_budget, Chat::reasoning_budget);
    request.options.iter().fold(chat, |chat, (name, value)| chat.option(name, value.clone()))
}

fn embed(client: &Client, request: &EmbeddingsRequest) -> Embed {
    let mut embed = client.embed(request.model.as_deref().unwrap_or_default());
    embed = embed.inputs(request.input.iter().cloned());
    embed = request.dimensions.into_iter().fold(embed, Embed::dimensions);
    embed = request.encoding_formats.iter().fold(embed, Embed::encoding_format);
    embed = request.user.iter().fold(embed, Embed::end_user);
    request.options.iter().fold(embed, |embed, (name, value)| embed.option(name, value.clone()))
}
