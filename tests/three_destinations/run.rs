//! One run of an agent, with another library's call in it.

use crate::Policy;
use base64::{Engine, engine::general_purpose::STANDARD};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;
use std::{io, time::Duration};
use tracing::{Dispatch, Instrument};
use tracing_genai::{
    Client, ContentCapture, Telemetry,
    client::Provider,
    context::scope,
    record::{FinishReason, Media, Message, Modality, Part, Role, ToolCall, ToolDefinition, ToolResult},
    span::{Agent, Evaluation, Feedback, Generation, Tool},
    testing::{Answer, FakeProvider},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const PROVIDER_KEY: &str = "sk-provider-0123456789";

/// How spans come to the telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pipeline {
    /// By its own layer.
    Layer,
    /// By themselves; those of other libraries by its processor in the program's provider.
    Own,
}

/// Something that was said.
pub(crate) struct Saying {
    pub(crate) what: &'static str,
    pub(crate) text: &'static str,
    /// The least policy that lets it through.
    pub(crate) least: Policy,
    /// Whether collector, PostHog and Tracia have a form for it.
    pub(crate) has_form: [bool; 3],
}

const fn saying(what: &'static str, text: &'static str) -> Saying {
    Saying { what, text, least: Policy::Everything, has_form: [true; 3] }
}

const INSTRUCTIONS: &str = "Be Müller's \"brief\" guide, no. 1/a";
const PROMPT: &str = "Where is Zoë's \"blue\" boat, no. 2/b?";
const ARGUMENT: &str = "Jörg's \"harbour\" key sk-live-0123456789abcdef";
const RESULT: &str = "At Åsa's \"red\" pier, no. 3/c";
const ANSWER: &str = "It lies at Åke's \"old\" quay, no. 4/d";
const EMBEDDED: &str = "Ünal's \"green\" boats, no. 5/e";
const REFUSED: &str = "Write Renée's \"private\" address, no. 6/f";
const EXPLANATION: &str = "Names Søren's \"own\" quay, no. 7/g";
const COMMENT: &str = "I like Zoé's \"small\" boats, no. 8/h";
const THEIRS: &str = "Ask Noël's \"other\" library, no. 9/i";
const DESCRIPTION: &str = "Looks into Örn's \"secret\" register, no. 10/j";
const IMAGE: &str = "GIF89a of Zoë's \"blue\" boat, no. 11/k";

pub(crate) const SAYINGS: &[Saying] = &[
    saying("the instructions", INSTRUCTIONS),
    saying("the prompt", PROMPT),
    saying("a tool's argument", ARGUMENT),
    saying("a tool's result", RESULT),
    Saying { least: Policy::Redacted, ..saying("the answer", ANSWER) },
    // The conventions have no attribute for it.
    Saying { has_form: [false, true, true], ..saying("what was embedded", EMBEDDED) },
    saying("what an error repeats", REFUSED),
    saying("a judge's reason", EXPLANATION),
    saying("a user's comment", COMMENT),
    saying("another library's prompt", THEIRS),
    saying("a tool's description", DESCRIPTION),
    // Tracia is told its size.
    Saying { has_form: [true, true, false], ..saying("an image", IMAGE) },
];

/// Runs the agent where the telemetry sees it; its spans carry what `carried` lets them.
pub(crate) fn under(pipeline: Pipeline, telemetry: &Telemetry, carried: &ContentCapture) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let provider = match pipeline {
        Pipeline::Layer => None,
        Pipeline::Own => {
            Some(SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build())
        }
    };
    let dispatch = match &provider {
        None => Dispatch::new(Registry::default().with(telemetry.layer())),
        Some(provider) => {
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
            Dispatch::new(Registry::default().with(layer))
        }
    };
    tracing::dispatcher::with_default(&dispatch, || {
        runtime.block_on(Box::pin(scope().user("u-7").session("s-1").run(agent(carried))));
    });
}

async fn agent(carried: &ContentCapture) {
    let fake = FakeProvider::start().unwrap();
    let client = Client::builder().base_url(fake.base_url()).api_key(PROVIDER_KEY).provider(Provider::OpenAi);
    let client = client.content(carried.clone()).max_retries(0).build().unwrap();
    let agent = Agent::invoke("guide").instructions(INSTRUCTIONS).user(PROMPT);
    let mut agent = agent.content(carried.clone()).start();
    agent.run(Box::pin(steps(&client, &fake, carried))).await;
    agent.answer(ANSWER);
    agent.finish();
}

fn look_up() -> ToolDefinition {
    let schema =
        json!({ "type": "object", "properties": { "of": { "type": "string", "description": DESCRIPTION } } });
    ToolDefinition::function("look_up", DESCRIPTION, schema)
}

async fn steps(client: &Client, fake: &FakeProvider, carried: &ContentCapture) {
    let arguments = json!({ "of": ARGUMENT }).to_string();
    fake.enqueue(Answer::tool_call("look_up", arguments.clone()));
    let image = Part::Media(Media::from_bytes(Modality::Image, "image/gif", IMAGE.as_bytes()));
    let seen = Message::new(Role::User, vec![Part::Text(PROMPT.into()), image]);
    let chat = client.chat("gpt-4o").instructions(INSTRUCTIONS).message(seen).tool(look_up());
    let reply = chat.send().await.unwrap();
    assert!(
        fake.requests()[0]
            .unzipped_body()
            .windows(8)
            .any(|bytes| bytes == &STANDARD.encode(IMAGE).as_bytes()[..8])
    );

    let calls: Vec<ToolCall> = reply.tool_calls().into_iter().cloned().collect();
    let tool = Tool::new("look_up").arguments(calls[0].arguments.clone()).content(carried.clone());
    tool.run(async { Ok::<_, io::Error>(RESULT) }).await.unwrap();

    let asked = Message::new(Role::Assistant, vec![Part::ToolCall(calls[0].clone())]);
    let told = Message::new(Role::Tool, vec![Part::ToolResult(ToolResult::of(&calls[0], RESULT))]);
    let generation = Generation::new("openai", "gpt-4o-mini").user(PROMPT).message(asked).message(told);
    let mut generation = generation.content(carried.clone()).start();
    generation.text(ANSWER).tokens(9, 4).finish_reason(FinishReason::Stop);
    let answered = generation.span_ref();
    generation.finish();

    client.embed("text-embedding-3-small").input(EMBEDDED).send().await.unwrap();
    fake.enqueue(Answer::error(
        400,
        "invalid_request_error",
        "bad_prompt",
        format!("not allowed: {REFUSED}"),
    ));
    assert!(client.chat("gpt-4o-refused").user(REFUSED).send().await.is_err());
    async { theirs() }.instrument(tracing::info_span!("step")).await;
    let evaluation = Evaluation::new("quality").score(0.9).explanation(EXPLANATION);
    evaluation.content(carried.clone()).record(answered);
    Feedback::thumbs_up().comment(COMMENT).content(carried.clone()).record(answered);
}

/// A call as another library records it.
fn theirs() {
    let messages = json!([{ "role": "user", "parts": [{ "type": "text", "content": THEIRS }] }]).to_string();
    let span = tracing::info_span!(
        target: "their_library",
        "chat theirs",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "openai",
        gen_ai.request.model = "theirs",
        gen_ai.input.messages = messages,
    );
    span.in_scope(|| ());
}
