use super::{ChatStream, Client, Reply, http};
use crate::{
    Error,
    provider::{self, Api, openai},
    record::{
        Call, ErrorInfo, Media, Message, Modality, Outcome, OutputFormat, Part, Request, Response,
        ResponseStatus, Role, ToolChoice, ToolDefinition, ToolResult,
    },
    span::in_flight::InFlight,
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
    api: Api,
    request: Request,
    timeout: Option<Duration>,
}

impl Chat {
    pub(super) fn new(client: Client, model: String) -> Self {
        let request = Request { model: Some(model), ..Request::default() };
        Self { client, api: Api::OpenAiChat, request, timeout: None }
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

    /// What the person says.
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::text(Role::User, text))
    }

    /// What the model said before.
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(Message::text(Role::Assistant, text))
    }

    /// An image for the model to look at, at an `https:` or `data:` address. It joins the person's
    /// message before it, if that comes last.
    pub fn image(mut self, address: &str) -> Self {
        let part = Part::Media(Media::from_uri(Modality::Image, address));
        match self.request.messages.last_mut() {
            Some(last) if last.role == Role::User => last.parts.push(part),
            _ => self.request.messages.push(Message { role: Role::User, name: None, parts: vec![part] }),
        }
        self
    }

    /// The result of a tool that the model asked for: the call's id, and JSON or text.
    pub fn tool_result(self, call_id: impl Into<String>, content: impl Into<String>) -> Self {
        let result = ToolResult { call_id: Some(call_id.into()), content: content.into() };
        self.message(Message { role: Role::Tool, name: None, parts: vec![Part::ToolResult(result)] })
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

    /// The most output tokens, reasoning included.
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

    /// The service tier (OpenAI).
    pub fn service_tier(mut self, tier: impl Into<String>) -> Self {
        self.request.service_tier = Some(tier.into());
        self
    }

    /// The end user's id, which the provider uses against abuse.
    pub fn end_user(mut self, id: impl Into<String>) -> Self {
        self.request.user = Some(id.into());
        self
    }

    /// A parameter of the provider's own, sent as it is.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.request.options.insert(name.into(), value.into());
        self
    }

    /// Calls OpenAI's Responses API in place of chat completions.
    pub fn responses(mut self) -> Self {
        self.api = Api::OpenAiResponses;
        self
    }

    /// Continues this response (Responses API).
    pub fn previous_response(mut self, id: impl Into<String>) -> Self {
        self.request.previous_response_id = Some(id.into());
        self
    }

    /// The conversation in the provider's own store that this call belongs to (Responses API).
    pub fn conversation(mut self, id: impl Into<String>) -> Self {
        self.request.conversation_id = Some(id.into());
        self
    }

    /// How long the call may take; the client's time-out by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes the call and waits for the whole answer. Dropping the future cancels it.
    ///
    /// # Errors
    /// A setting or parameter that is missing or wrong, before anything is sent; a failure of the
    /// transport; the provider's own error; an answer that cannot be read.
    pub async fn send(self) -> Result<Reply, Error> {
        let (timeout, api) = (self.timeout.unwrap_or(self.client.0.timeout), self.api);
        let client = self.client.clone();
        let (mut call, http) = self.prepare(false)?;
        let result = match http::exchange(&mut call, api, http, timeout).await {
            Ok(body) => receive(&mut call, api, &body),
            Err(error) => Err(error),
        };
        match result {
            Ok(reply) => {
                call.settle(Outcome::Done);
                Ok(reply)
            }
            Err(error) => Err(client.fail(&mut call, error)),
        }
    }

    /// Makes the call and gives the answer as it comes. Waits for the answer's head; dropping the
    /// future or the stream cancels the call.
    ///
    /// A stream asks for its usage (`stream_options.include_usage`) unless
    /// [`option`](Self::option) says otherwise.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn stream(self) -> Result<ChatStream, Error> {
        let (timeout, api) = (self.timeout.unwrap_or(self.client.0.timeout), self.api);
        let (client, expected) = (self.client.clone(), self.request.choice_count.unwrap_or(1));
        let (mut call, http) = self.prepare(true)?;
        let sent = tokio::time::timeout(timeout, http::send(&mut call, api, http)).await;
        let result = sent.unwrap_or_else(|_| Err(http::silence(timeout)));
        match result {
            Ok(answer) => Ok(ChatStream::new(client, call, api, answer, expected, timeout)),
            Err(error) => Err(client.fail(&mut call, error)),
        }
    }

    /// Checks the request, writes it, and opens its span.
    fn prepare(mut self, stream: bool) -> Result<(InFlight, reqwest::RequestBuilder), Error> {
        self.request.stream = stream;
        let endpoint = &self.client.0.endpoint;
        endpoint.check_model(self.request.model.as_deref().unwrap_or_default())?;
        if self.request.messages.is_empty() && self.request.previous_response_id.is_none() {
            return Err(Error::configuration("no message: give `.user(..)` or `.messages(..)`"));
        }
        let body = match self.api {
            Api::OpenAiResponses => openai::responses::write_request(&self.request)?,
            _ => openai::chat::write_request(&self.request, endpoint.dialect())?,
        };
        let http = http::request(&self.client, self.api, body);
        let call = Call::Inference { request: Box::new(self.request), response: Arc::default() };
        Ok((self.client.start(self.api, call)?, http))
    }
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
fn receive(call: &mut InFlight, api: Api, body: &[u8]) -> Result<Reply, Error> {
    let (response, told) = read(api, body, call.operation().http_status);
    let response = Arc::new(response);
    keep(call, &response);
    told.map(|()| Reply::new(response, call.operation().request_id.clone()))
}

/// An answer in one piece, as far as it can be read, and the failure that it tells of or is. An error
/// keeps the status that it came with.
pub(super) fn read(api: Api, body: &[u8], status: Option<u16>) -> (Response, Result<(), Error>) {
    let (response, unread) = match provider::read_response(api, body) {
        Ok(response) => (response, None),
        Err(info) => (Response::default(), Some(info)),
    };
    // Only such an answer can be a failure in the clothes of a success.
    let is_doubtful = response.choices.is_empty() || response.status == Some(ResponseStatus::Failed);
    let told = is_doubtful.then(|| provider::response_error(api, body)).flatten();
    match told.or(unread) {
        Some(info) => (response, Err(failure(info, status))),
        None => (response, Ok(())),
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
