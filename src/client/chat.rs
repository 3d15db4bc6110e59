use super::{
    ChatStream, Client, Provider, Reply, context::CallContext, exchange::Exchange, responses, stream::Limits,
    validate, variables,
};
use crate::{
    Error,
    provider::{
        self, Api,
        answer::{self, End},
    },
    record::{
        CacheLifetime, Call, ErrorInfo, Media, Message, Modality, Outcome, OutputFormat, Part, Request,
        Response, Role, ToolChoice, ToolDefinition, ToolResult,
    },
    span::in_flight::InFlight,
    vocabulary::tracia::ErrorCode,
};
use serde_json::Value;
use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// A call of a language model, made by [`Client::chat`].
///
/// ```no_run
/// use tracing_genai::client::ChatEvent;
///
/// # async fn run(client: tracing_genai::Client) -> Result<(), tracing_genai::Error> {
/// let mut stream = client.chat("gpt-4o-mini").user("Count to ten.").temperature(0.2).stream().await?;
/// while let Some(event) = stream.next().await {
///     if let ChatEvent::Text { text, .. } = event? {
///         print!("{text}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a call is made by `send`, `stream` or `.await`"]
pub struct Chat {
    client: Client,
    provider: Option<Provider>,
    responses: bool,
    /// Whether messages of it are items of the Responses API, as they are.
    pub(super) has_items: bool,
    /// The body of a call of Bedrock's `InvokeModel`.
    invoke: Option<Value>,
    pub(super) request: Request,
    pub(super) requires_variables: bool,
    pub(super) context: CallContext,
    timeout: Option<Duration>,
    silence_timeout: Option<Duration>,
}

impl Chat {
    pub(super) fn new(client: Client, model: String) -> Self {
        let request = Request { model: Some(model), ..Request::default() };
        Self {
            client,
            provider: None,
            responses: false,
            has_items: false,
            invoke: None,
            request,
            requires_variables: false,
            context: CallContext::default(),
            timeout: None,
            silence_timeout: None,
        }
    }

    /// Who is called, for a model whose name does not tell, or tells another.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Instructions of the application.
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(Message::text(Role::System, text))
    }

    /// Instructions of the application, apart from the messages where the API has a place for them
    /// (Responses `instructions`), else as the first message.
    pub fn instructions(mut self, text: impl Into<String>) -> Self {
        self.request.system_instructions.push(Part::Text(text.into()));
        self
    }

    /// What the person says. Who that is goes into [`user_id`](Self::user_id).
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::text(Role::User, text))
    }

    /// What the model said before.
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(Message::text(Role::Assistant, text))
    }

    /// An image for the model to look at, at an `https:` or `data:` address. It joins the person's
    /// message before it, if that comes last.
    pub fn image(self, address: &str) -> Self {
        self.part(Part::Media(Media::from_uri(Modality::Image, address)))
    }

    /// A document such as a PDF, at an `https:` or `data:` address; otherwise as [`image`](Self::image).
    pub fn document(self, address: &str) -> Self {
        self.part(Part::Media(Media::from_uri(Modality::Document, address)))
    }

    /// A sound, at a `data:` address and for Google at any; otherwise as [`image`](Self::image).
    pub fn audio(self, address: &str) -> Self {
        self.part(Part::Media(Media::from_uri(Modality::Audio, address)))
    }

    /// Has the provider cache the prompt up to here (Anthropic, Bedrock).
    pub fn cache_point(mut self, lifetime: CacheLifetime) -> Self {
        let part = Part::CachePoint(lifetime);
        match self.request.messages.last_mut() {
            Some(last) => last.parts.push(part),
            None => self.request.system_instructions.push(part),
        }
        self
    }

    /// One more part of what the person says.
    pub fn part(mut self, part: Part) -> Self {
        match self.request.messages.last_mut() {
            Some(last) if last.role == Role::User => last.parts.push(part),
            _ => self.request.messages.push(Message::new(Role::User, vec![part])),
        }
        self
    }

    /// The result of a tool that the model asked for: the [`ToolCall`](crate::record::ToolCall) or its id, and JSON or text.
    #[doc(alias = "function_call_output")]
    pub fn tool_result(self, call: impl Into<ToolResult>, content: impl Into<String>) -> Self {
        let result = ToolResult { content: content.into(), ..call.into() };
        self.message(Message::new(Role::Tool, vec![Part::ToolResult(result)]))
    }

    /// One more message.
    pub fn message(mut self, message: Message) -> Self {
        self.request.messages.push(message);
        self
    }

    /// More messages.
    pub fn messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.request.messages.extend(messages);
        self
    }

    /// A tool the model may call.
    pub fn tool(mut self, tool: ToolDefinition) -> Self {
        self.request.tools.push(tool);
        self
    }

    /// Whether the model may call several tools at once.
    pub fn parallel_tool_calls(mut self, allowed: bool) -> Self {
        self.request.parallel_tool_calls = Some(allowed);
        self
    }

    /// Which tools the model may or must call.
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.request.tool_choice = Some(choice);
        self
    }

    /// Sampling temperature.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.request.temperature = Some(temperature);
        self
    }

    /// Nucleus sampling.
    pub fn top_p(mut self, top_p: f64) -> Self {
        self.request.top_p = Some(top_p);
        self
    }

    /// Top-k sampling (Anthropic, Google).
    pub fn top_k(mut self, k: u64) -> Self {
        self.request.top_k = Some(k);
        self
    }

    /// The most output tokens, reasoning included. Anthropic wants one: if none is given, what
    /// its model gives at most, and of a call that is not streamed no more than can come within ten minutes
    /// ([`default_max_tokens`](crate::provider::anthropic::default_max_tokens)).
    pub fn max_output_tokens(mut self, tokens: u64) -> Self {
        self.request.max_output_tokens = Some(tokens);
        self
    }

    /// A text at which the model stops; may be given several times.
    pub fn stop(mut self, sequence: impl Into<String>) -> Self {
        self.request.stop_sequences.push(sequence.into());
        self
    }

    /// Sampling seed.
    pub fn seed(mut self, seed: i64) -> Self {
        self.request.seed = Some(seed);
        self
    }

    /// Penalty for frequent tokens.
    pub fn frequency_penalty(mut self, penalty: f64) -> Self {
        self.request.frequency_penalty = Some(penalty);
        self
    }

    /// Penalty for tokens that are there already.
    pub fn presence_penalty(mut self, penalty: f64) -> Self {
        self.request.presence_penalty = Some(penalty);
        self
    }

    /// How many answers are wanted (`n`).
    pub fn choices(mut self, count: u32) -> Self {
        self.request.choice_count = Some(count);
        self
    }

    /// The form of the answer, such as JSON of a schema.
    pub fn output_format(mut self, format: OutputFormat) -> Self {
        self.request.output_format = Some(format);
        self
    }

    /// How much the model should reason, in the provider's word: `low`, `medium`, `high`.
    pub fn reasoning(mut self, level: impl Into<String>) -> Self {
        self.request.reasoning_level = Some(level.into());
        self
    }

    /// The most tokens to reason with (Anthropic, Google).
    pub fn reasoning_budget(mut self, tokens: u64) -> Self {
        self.request.reasoning_budget = Some(tokens);
        self
    }

    /// The service tier (OpenAI).
    pub fn service_tier(mut self, tier: impl Into<String>) -> Self {
        self.request.service_tier = Some(tier.into());
        self
    }

    /// The end user's id, which the provider uses against abuse. For the telemetry it is [`user_id`](Self::user_id).
    pub fn end_user(mut self, id: impl Into<String>) -> Self {
        self.request.user = Some(id.into());
        self
    }

    /// A parameter of the provider's own, sent as it is at the top of the request's body: it takes the place
    /// of what has the same name, and an object becomes one with it (Google's `generationConfig`).
    pub fn option(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.request.options.insert(name.into(), value.into());
        self
    }

    /// Calls OpenAI's Responses API in place of chat completions, as [`Client::responses`] does.
    pub fn responses(mut self) -> Self {
        self.responses = true;
        self
    }

    /// Calls Amazon Bedrock's `InvokeModel` in place of `Converse`, with this body in the model's own format;
    /// nothing else that is set on the call is sent.
    pub fn invoke_model(mut self, body: Value) -> Self {
        self.invoke = Some(body);
        self
    }

    /// The guardrail that watches the call, and its version: a number or `DRAFT` (Amazon Bedrock).
    pub fn guardrail(mut self, id: impl Into<String>, version: impl Into<String>) -> Self {
        self.request.guardrail_id = Some(id.into());
        self.request.guardrail_version = Some(version.into());
        self
    }

    /// Continues this response (Responses API): `previous_response_id`.
    #[doc(alias = "previous_response_id")]
    pub fn previous_response(mut self, id: impl Into<String>) -> Self {
        self.request.previous_response_id = Some(id.into());
        self
    }

    /// The conversation in the provider's own store that this call belongs to (Responses API).
    pub fn conversation(mut self, id: impl Into<String>) -> Self {
        self.request.conversation_id = Some(id.into());
        self
    }

    /// How long the call may take, a stream to its end; the client's
    /// [time-out](super::ClientBuilder::timeout) by default.
    #[doc(alias = "timeout_ms")]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long a stream may be silent, from its head on; the client's
    /// [time-out](super::ClientBuilder::silence_timeout) for it by default.
    pub fn silence_timeout(mut self, timeout: Duration) -> Self {
        self.silence_timeout = Some(timeout);
        self
    }

    /// Makes the call and waits for the whole answer. Dropping the future cancels it.
    ///
    /// # Errors
    /// A setting or parameter that is missing or wrong, before anything is sent; a failure of the
    /// transport; the provider's own error; an answer that cannot be read.
    pub async fn send(self) -> Result<Reply, Error> {
        let timeout = self.timeout.unwrap_or(self.client.0.timeout);
        let mut exchange = self.prepare(false)?;
        let result = match exchange.whole(timeout).await {
            Ok(body) => receive(&mut exchange, &body),
            Err(error) => Err(error),
        };
        match result {
            Ok(reply) => {
                exchange.settle(Outcome::Done);
                Ok(reply)
            }
            Err(error) => Err(exchange.fail(error)),
        }
    }

    /// Makes the call and gives the answer as it comes. Waits for the answer's head; dropping the
    /// future or the stream cancels the call, and so does [`ChatStream::abort`].
    ///
    /// A stream asks for its usage (`stream_options.include_usage`) unless
    /// [`option`](Self::option) says otherwise.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn stream(self) -> Result<ChatStream, Error> {
        let timeout = self.timeout.unwrap_or(self.client.0.timeout);
        let whole = self.timeout.or(self.client.0.stream_timeout);
        let silence = self.silence_timeout.unwrap_or(self.client.0.silence_timeout);
        let mut exchange = self.prepare(true)?;
        let limits = Limits::start(whole, silence);
        let expected = match &exchange.call.operation().call {
            Call::Inference { request, .. } => answer::expected_choices(exchange.api, request),
            _ => 1,
        };
        match exchange.head(timeout).await {
            Ok(answer) => Ok(ChatStream::new(exchange, answer, expected, limits)),
            Err(error) => Err(exchange.fail(error)),
        }
    }

    /// Checks the request, writes it, and opens its span.
    fn prepare(self, stream: bool) -> Result<Exchange, Error> {
        let Self { client, provider, responses: is_responses, has_items, mut request, .. } = self;
        let Self { invoke, requires_variables, context, .. } = self;
        validate::model(request.model.as_deref())?;
        if invoke.is_none() {
            validate::messages(&request, is_responses)?;
        }
        context.check()?;
        validate::tool_messages(&request.messages)?;
        variables::apply(&mut request, requires_variables)?;
        let model = request.model.as_deref().unwrap_or_default();
        let (route, model) = client.0.routes.of(model, provider, context.key())?;
        let mut api = api(route.provider, is_responses)?;
        if let Some(body) = invoke {
            if route.provider != Provider::Bedrock {
                return Err(Error::configuration("`.invoke_model(..)` is for Amazon Bedrock"));
            }
            if request.guardrail_id.is_some() {
                return Err(Error::configuration(
                    "`.guardrail(..)` is for Converse; `InvokeModel` takes it as headers: \
                     x-amzn-bedrock-guardrailidentifier and -guardrailversion by `Endpoint::header`",
                ));
            }
            api = Api::BedrockInvokeModel;
            let url = route.url(api, model, stream);
            let body = body.to_string().into_bytes();
            let Some(mut call) = provider::read_request(api, url.path(), &body) else {
                return Err(Error::configuration("the body of `.invoke_model(..)` is no JSON object"));
            };
            if let Call::Inference { request, .. } = &mut call {
                request.model = Some(model.to_owned());
            }
            return Exchange::start(client, route, api, url, body, call, context);
        }
        if route.provider == Provider::VertexAi && model.starts_with("claude") {
            return Err(Error::configuration(format!(
                "{model:?} is not one of Google's models: of Vertex AI only those can be called here"
            ))
            .with_tracia_code(ErrorCode::UnsupportedModel));
        }
        if has_items {
            responses::check(api, &request)?;
        }
        let url = route.url(api, model, stream);
        if request.model.as_deref() != Some(model) {
            request.model = Some(model.to_owned());
        }
        request.stream = stream;
        if api == Api::AnthropicMessages && request.max_output_tokens.is_none() {
            // The span tells what is sent.
            request.max_output_tokens = Some(provider::anthropic::max_tokens(&request)?);
        }
        let body = provider::write_request(api, &request, route.dialect)?;
        if has_items {
            responses::read_items(&mut request, &body);
        }
        let call = Call::Inference { request: Box::new(request), response: Arc::default() };
        Exchange::start(client, route, api, url, body, call, context)
    }
}

/// The API of this provider's language models.
fn api(provider: Provider, responses: bool) -> Result<Api, Error> {
    let api = match provider {
        Provider::Anthropic => Api::AnthropicMessages,
        Provider::Google | Provider::VertexAi => Api::GoogleGenerateContent,
        Provider::Bedrock => Api::BedrockConverse,
        Provider::Voyage => {
            return Err(Error::configuration(format!(
                "{provider} has no language models that can be called here; `.provider(..)` names another"
            ))
            .with_tracia_code(ErrorCode::UnsupportedModel));
        }
        Provider::Mistral | Provider::Cohere | Provider::DeepSeek => Api::OpenAiChat,
        _ if responses => return Ok(Api::OpenAiResponses),
        _ => return Ok(Api::OpenAiChat),
    };
    if responses {
        return Err(Error::configuration(format!(
            "{provider} has no Responses API: call without `.responses()`"
        )));
    }
    Ok(api)
}

impl fmt::Debug for Chat {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = self.request.messages.len();
        let mut debug = formatter.debug_struct("Chat");
        debug.field("model", &self.request.model).field("messages", &messages).finish_non_exhaustive()
    }
}

impl IntoFuture for Chat {
    type Output = Result<Reply, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Takes the answer in `body` into `call`.
fn receive(exchange: &mut Exchange, body: &[u8]) -> Result<Reply, Error> {
    let (mut response, end) = answer::read_whole(exchange.api, body);
    let status = exchange.call.operation().http_status;
    response.usage.fill_from(exchange.usage());
    let response = Arc::new(response);
    keep(&mut exchange.call, &response);
    match end {
        End::Told(info) | End::Unread(info) | End::Cut(info) => Err(failure(info, status)),
        End::Done | End::Broken => {
            let items = provider::output_items(exchange.api, body);
            Ok(Reply::new(response, exchange.about_answered()).with_items(items))
        }
    }
}

pub(super) fn failure(mut info: ErrorInfo, status: Option<u16>) -> Error {
    info.http_status = status;
    info.into()
}

/// Puts what came into the operation.
pub(super) fn keep(call: &mut InFlight, came: &Arc<Response>) {
    if let Call::Inference { response, .. } = &mut call.operation_mut().call {
        *response = Arc::clone(came);
    }
}
