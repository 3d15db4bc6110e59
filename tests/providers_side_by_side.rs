//! The same conversation with every provider: the same shape of reply, the same shape of span.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tracing_genai::{
    Client,
    client::{Chat, ChatEvent, Endpoint, Provider, Reply},
    record::{ErrorKind, FinishReason, OutputFormat, ToolChoice, ToolDefinition, Usage},
    testing::{Answer, AttributeValue, FakeProvider, FinishedSpan, capture_async},
};

/// One provider, as it is called and as its spans name it.
struct Row {
    provider: Provider,
    name: &'static str,
    operation: &'static str,
    chat_model: &'static str,
    embedding_model: Option<&'static str>,
    url: fn(&FakeProvider) -> String,
}

const TABLE: [Row; 9] = [
    Row {
        provider: Provider::OpenAi,
        name: "openai",
        operation: "chat",
        chat_model: "gpt-4o",
        embedding_model: Some("text-embedding-3-small"),
        url: FakeProvider::base_url,
    },
    Row {
        provider: Provider::AzureOpenAi,
        name: "azure.ai.openai",
        operation: "chat",
        chat_model: "my-deployment",
        embedding_model: Some("my-embeddings"),
        url: FakeProvider::azure_url,
    },
    Row {
        provider: Provider::Anthropic,
        name: "anthropic",
        operation: "chat",
        chat_model: "claude-sonnet-4-5",
        embedding_model: None,
        url: FakeProvider::anthropic_url,
    },
    Row {
        provider: Provider::Google,
        name: "gcp.gemini",
        operation: "generate_content",
        chat_model: "gemini-2.5-flash",
        embedding_model: Some("gemini-embedding-001"),
        url: FakeProvider::google_url,
    },
    Row {
        provider: Provider::VertexAi,
        name: "gcp.vertex_ai",
        operation: "generate_content",
        chat_model: "gemini-2.5-pro",
        embedding_model: Some("text-embedding-005"),
        url: FakeProvider::vertex_url,
    },
    Row {
        provider: Provider::Bedrock,
        name: "aws.bedrock",
        operation: "chat",
        chat_model: "us.amazon.nova-lite-v1:0",
        embedding_model: Some("cohere.embed-english-v3"),
        url: FakeProvider::bedrock_url,
    },
    Row {
        provider: Provider::Mistral,
        name: "mistral_ai",
        operation: "chat",
        chat_model: "mistral-small-latest",
        embedding_model: None,
        url: FakeProvider::mistral_url,
    },
    Row {
        provider: Provider::Cohere,
        name: "cohere",
        operation: "chat",
        chat_model: "command-r",
        embedding_model: None,
        url: FakeProvider::cohere_url,
    },
    Row {
        provider: Provider::Voyage,
        name: "voyage_ai",
        operation: "",
        chat_model: "",
        embedding_model: Some("voyage-3"),
        url: FakeProvider::voyage_url,
    },
];

/// A picture of one pixel.
const PICTURE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

impl Row {
    fn client(&self, fake: &FakeProvider) -> Client {
        let endpoint = Endpoint::new(self.provider).base_url((self.url)(fake)).api_key("key-of-a-test");
        let endpoint = endpoint.project("mine").location("here");
        Client::builder().endpoint(endpoint).max_retries(0).build().unwrap()
    }

    /// With what this provider never tells of its answers.
    fn told(&self, mut shape: BTreeMap<String, &'static str>) -> BTreeMap<String, &'static str> {
        if self.provider == Provider::Bedrock {
            shape.insert("gen_ai.response.id".to_owned(), "text");
            shape.insert("gen_ai.response.model".to_owned(), "text");
        }
        shape
    }

    fn chat(&self, client: &Client) -> Chat {
        let lookup = ToolDefinition::function(
            "lookup",
            "Looks a word up.",
            json!({ "type": "object", "properties": { "word": { "type": "string" } }, "required": ["word"] }),
        );
        client
            .chat(self.chat_model)
            .provider(self.provider)
            .system("Be brief.")
            .user("What is this?")
            .image(PICTURE)
            .tool(lookup)
            .temperature(0.5)
            .top_p(0.9)
            .max_output_tokens(200)
            .stop("END")
    }
}

fn chats() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(|row| !row.chat_model.is_empty())
}

/// What `work` came to, and its one span.
async fn one_span<T>(work: impl Future<Output = T>) -> (T, FinishedSpan) {
    let (came, mut spans) = capture_async(work).await;
    assert_eq!(spans.len(), 1);
    (came, spans.remove(0))
}

/// The names of a span's attributes with their types.
fn shape(span: &FinishedSpan) -> BTreeMap<String, &'static str> {
    // The conventions' OpenAI flavour says more, and Google counts by modality.
    let more = ["openai.", "gen_ai.usage.text.", "gen_ai.usage.image.", "gen_ai.usage.audio."];
    let attributes =
        span.attributes.iter().filter(|(name, _)| !more.iter().any(|more| name.starts_with(more)));
    attributes
        .map(|(name, value)| {
            let kind = match value {
                value if value.as_i64().is_some() => "integer",
                value if value.as_str().is_some() => "text",
                value if value.as_array().is_some() => "array",
                _ => "other",
            };
            (name.clone(), kind)
        })
        .collect()
}

fn text<'a>(span: &'a FinishedSpan, name: &str) -> Option<&'a str> {
    span.attribute(name).and_then(AttributeValue::as_str)
}

#[tokio::test]
async fn a_prompt_with_a_tool_and_an_image_gives_the_same_call_of_the_tool() {
    let mut shapes = BTreeMap::new();
    for row in chats() {
        let fake = FakeProvider::start().unwrap();
        let client = row.client(&fake);
        let (reply, span) = one_span(row.chat(&client).send()).await;
        let reply = reply.unwrap_or_else(|error| panic!("{}: {error}", row.name));
        let [call] = reply.tool_calls()[..] else { panic!("{}: {reply:?}", row.name) };
        assert_eq!(call.name, "lookup", "{}", row.name);
        assert_eq!(call.arguments_json(), Some(json!({ "word": "text" })), "{}", row.name);
        assert_eq!(reply.finish_reason(), Some(&FinishReason::ToolCall), "{}", row.name);
        assert!(
            reply.usage().input_tokens > Some(0) && reply.usage().output_tokens > Some(0),
            "{}",
            row.name
        );
        assert!(reply.usage().raw.is_some(), "{}", row.name);

        assert_eq!(text(&span, "gen_ai.provider.name"), Some(row.name), "{}", row.name);
        assert_eq!(text(&span, "gen_ai.operation.name"), Some(row.operation), "{}", row.name);
        assert_eq!(text(&span, "gen_ai.request.model"), Some(row.chat_model), "{}", row.name);
        assert_eq!(span.name, format!("{} {}", row.operation, row.chat_model));
        shapes.insert(row.name, row.told(shape(&span)));
    }
    same(&shapes);
}

#[tokio::test]
async fn the_tools_answer_goes_back_in_the_same_words() {
    for row in chats() {
        let fake = FakeProvider::start().unwrap();
        let client = row.client(&fake);
        let first = row.chat(&client).send().await.unwrap();
        let call = first.tool_calls()[0].clone();
        let chat = row.chat(&client).message(first.message()).tool_result(&call, r#"{"meaning":"a pixel"}"#);
        let reply = chat.send().await.unwrap_or_else(|error| panic!("{}: {error}", row.name));
        assert!(reply.text().contains("a pixel"), "{}: {}", row.name, reply.text());
        assert_eq!(reply.finish_reason(), Some(&FinishReason::Stop), "{}", row.name);
    }
}

#[tokio::test]
async fn a_stream_brings_the_same_text_and_the_same_shape_of_span() {
    let mut shapes = BTreeMap::new();
    for row in chats() {
        let fake = FakeProvider::start().unwrap();
        fake.enqueue(Answer::text("One two three."));
        let client = row.client(&fake);
        let work = async {
            let chat =
                client.chat(row.chat_model).provider(row.provider).user("Count.").max_output_tokens(50);
            let mut stream = chat.stream().await.unwrap();
            let (mut said, mut done) = (String::new(), None);
            while let Some(event) = stream.next().await {
                match event.unwrap_or_else(|error| panic!("{}: {error}", row.name)) {
                    ChatEvent::Text { text, .. } => said.push_str(&text),
                    ChatEvent::Done(reply) => done = Some(reply),
                    _ => {}
                }
            }
            (said, done)
        };
        let ((said, done), span) = one_span(work).await;
        let reply: Box<Reply> = done.unwrap();
        assert_eq!(
            (said.as_str(), reply.text().as_str()),
            ("One two three.", "One two three."),
            "{}",
            row.name
        );
        assert_eq!(reply.finish_reason(), Some(&FinishReason::Stop), "{}", row.name);
        assert!(
            reply.usage().input_tokens.is_some() && reply.usage().output_tokens.is_some(),
            "{}",
            row.name
        );
        shapes.insert(row.name, row.told(shape(&span)));
    }
    same(&shapes);
}

#[tokio::test]
async fn cached_input_and_reasoning_are_counted_in_for_every_provider() {
    for row in chats() {
        let fake = FakeProvider::start().unwrap();
        let mut usage = Usage::default();
        (usage.input_tokens, usage.cache_read_input_tokens) = (Some(100), Some(60));
        usage.output_tokens = Some(50);
        // Anthropic's answers have told of it for a short time only, Bedrock's do not.
        let tells = !matches!(row.provider, Provider::Anthropic | Provider::Bedrock);
        usage.reasoning_output_tokens = tells.then_some(30);
        fake.enqueue(Answer::text("Hello.").usage(usage));
        let client = row.client(&fake);
        let call = client.chat(row.chat_model).provider(row.provider).user("Hi").send();
        let (reply, span) = one_span(call).await;
        let reply = reply.unwrap();
        let count = |name| span.attribute(name).and_then(AttributeValue::as_i64);
        assert_eq!(count("gen_ai.usage.input_tokens"), Some(100), "{}", row.name);
        assert_eq!(count("gen_ai.usage.output_tokens"), Some(50), "{}", row.name);
        assert_eq!(count("gen_ai.usage.cache_read.input_tokens"), Some(60), "{}", row.name);
        assert_eq!(reply.usage().input_tokens, Some(100), "{}", row.name);
    }
}

#[tokio::test]
async fn a_refusal_of_the_request_has_the_same_kind_and_keeps_the_providers_words() {
    for row in chats() {
        let fake = FakeProvider::start().unwrap();
        fake.enqueue(Answer::error(429, "rate_limit_error", None, "Slow down, please."));
        let client = row.client(&fake);
        let call = client.chat(row.chat_model).provider(row.provider).user("Hi").send();
        let (reply, span) = one_span(call).await;
        let error = reply.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited, "{}", row.name);
        assert_eq!(error.http_status(), Some(429), "{}", row.name);
        assert!(error.to_string().contains("Slow down, please."), "{}: {error}", row.name);
        assert!(span.attribute("error.type").is_some(), "{}", row.name);
    }
}

#[tokio::test]
async fn a_forced_tool_and_a_schema_are_asked_for_in_each_providers_way() {
    for row in chats() {
        let fake = FakeProvider::start().unwrap();
        let client = row.client(&fake);
        let forced = row.chat(&client).tool_choice(ToolChoice::Tool("lookup".to_owned())).send().await;
        let forced = forced.unwrap_or_else(|error| panic!("{}: {error}", row.name));
        assert_eq!(forced.tool_calls()[0].name, "lookup", "{}", row.name);
        let none = row.chat(&client).tool_choice(ToolChoice::None).send().await.unwrap();
        assert!(none.tool_calls().is_empty() && !none.text().is_empty(), "{}", row.name);

        let schema =
            json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
        let format = OutputFormat::JsonSchema { name: "n".to_owned(), schema, strict: None };
        let chat = client.chat(row.chat_model).provider(row.provider).user("Hi").output_format(format);
        let reply = chat.send().await.unwrap_or_else(|error| panic!("{}: {error}", row.name));
        let said: Value =
            serde_json::from_str(&reply.text()).unwrap_or_else(|_| panic!("{}: {}", row.name, reply.text()));
        assert_eq!(said, json!({ "n": 1 }), "{}", row.name);
    }
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_input() {
    let mut shapes = BTreeMap::new();
    for row in TABLE.iter().filter(|row| row.embedding_model.is_some()) {
        let fake = FakeProvider::start().unwrap();
        fake.enqueue(Answer::embeddings(vec![vec![0.0, 1.0], vec![1.0, 0.0]]));
        let client = row.client(&fake);
        let embed = client.embed(row.embedding_model.unwrap()).provider(row.provider).inputs(["sea", "land"]);
        let (reply, span) = one_span(embed.send()).await;
        let reply = reply.unwrap_or_else(|error| panic!("{}: {error}", row.name));
        assert_eq!(reply.vectors(), [vec![0.0, 1.0], vec![1.0, 0.0]], "{}", row.name);
        assert_eq!(text(&span, "gen_ai.operation.name"), Some("embeddings"), "{}", row.name);
        let mut shape = shape(&span);
        // Google's embedding models tell neither what they used nor which of them answered, Bedrock's not all.
        shape.remove("gen_ai.usage.input_tokens");
        shape.remove("gen_ai.response.model");
        shapes.insert(row.name, shape);
    }
    same(&shapes);
}

#[tokio::test]
async fn what_a_provider_has_not_is_an_error_that_names_both() {
    let fake = FakeProvider::start().unwrap();
    for (provider, name, set) in [
        (Provider::OpenAi, "top_k", (|chat| chat.top_k(3)) as fn(Chat) -> Chat),
        (Provider::Anthropic, "seed", |chat| chat.seed(1)),
        (Provider::Anthropic, "frequency_penalty", |chat| chat.frequency_penalty(0.1)),
        (Provider::Google, "user", |chat| chat.end_user("u")),
        (Provider::Google, "previous_response_id", |chat| chat.previous_response("r")),
        (Provider::VertexAi, "parallel_tool_calls", |chat| chat.parallel_tool_calls(false)),
    ] {
        let row = chats().find(|row| row.provider == provider).unwrap();
        let chat = row.client(&fake).chat(row.chat_model).provider(provider).user("Hi");
        let error = set(chat).send().await.unwrap_err();
        let words = error.to_string();
        assert_eq!(error.info().param.as_deref(), Some(name), "{words}");
        let vendor = ["OpenAI", "Anthropic", "Google"].into_iter().find(|vendor| words.contains(vendor));
        assert!(vendor.is_some() && words.contains(name), "{words}");
    }
    assert!(fake.requests().is_empty(), "nothing is sent");
}

#[tokio::test]
async fn what_no_provider_can_take_is_refused_before_it_is_sent() {
    let fake = FakeProvider::start().unwrap();
    for row in chats() {
        let client = row.client(&fake);
        let chat = || client.chat(row.chat_model).provider(row.provider).user("Hi");
        let refused = [
            ("no message", client.chat(row.chat_model).provider(row.provider)),
            ("tool_result", chat().tool_result("no-such-call", "42")),
            ("temperature", chat().temperature(f64::NAN)),
            ("max_output_tokens", chat().max_output_tokens(0)),
        ];
        for (name, chat) in refused {
            let error = chat.send().await.unwrap_err().to_string();
            assert!(error.contains(name), "{}: {error}", row.name);
        }
    }
    assert!(fake.requests().is_empty(), "nothing is sent");
}

#[tokio::test]
async fn what_is_out_of_a_providers_range_is_refused_before_it_is_sent() {
    let fake = FakeProvider::start().unwrap();
    let tiff = "data:image/tiff;base64,AAAA";
    for (provider, name, set) in [
        (Provider::Anthropic, "temperature", (|chat| chat.temperature(1.5)) as fn(Chat) -> Chat),
        (Provider::Google, "temperature", |chat| chat.temperature(2.5)),
        (Provider::Google, "top_p", |chat| chat.top_p(1.5)),
        (Provider::Anthropic, "budget", |chat| chat.reasoning_budget(10)),
    ] {
        let row = chats().find(|row| row.provider == provider).unwrap();
        let chat = row.client(&fake).chat(row.chat_model).provider(provider).user("Hi");
        let error = set(chat).send().await.unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    for provider in [Provider::Anthropic, Provider::Google] {
        let row = chats().find(|row| row.provider == provider).unwrap();
        let chat = row.client(&fake).chat(row.chat_model).provider(provider).user("Hi").image(tiff);
        let error = chat.send().await.unwrap_err().to_string();
        assert!(error.contains("image/tiff"), "{error}");
    }
    assert!(fake.requests().is_empty(), "nothing is sent");
}

#[tokio::test]
async fn a_conversation_goes_on_with_another_provider() {
    for first in chats() {
        for next in chats() {
            let fake = FakeProvider::start().unwrap();
            let reply = first.chat(&first.client(&fake)).send().await.unwrap();
            let call = reply.tool_calls()[0].clone();
            let chat = next.chat(&next.client(&fake)).message(reply.message()).tool_result(&call, "done");
            let reply =
                chat.send().await.unwrap_or_else(|error| panic!("{} to {}: {error}", first.name, next.name));
            assert!(reply.text().contains("done"), "{} to {}", first.name, next.name);
            let sent = fake.requests().pop().unwrap().json().to_string();
            assert!(!sent.contains(r#"id":null"#), "{} to {}: {sent}", first.name, next.name);
        }
    }
}

/// Every provider's span has the same attributes of the same types.
fn same(shapes: &BTreeMap<&str, BTreeMap<String, &'static str>>) {
    let all: BTreeSet<_> = shapes.values().flatten().collect();
    for (provider, shape) in shapes {
        let missing: Vec<_> = all.iter().filter(|(name, kind)| shape.get(*name) != Some(kind)).collect();
        assert!(missing.is_empty(), "{provider} lacks {missing:?}");
    }
}
