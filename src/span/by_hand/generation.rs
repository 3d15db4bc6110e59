use super::{OpenSpan, open::totals, server};
use crate::{
    capture::ContentCapture,
    record::{
        Call, FinishReason, Message, Operation, OperationKind, Part, Request, Response, Role, Server, Side,
        ToolCall, Usage,
    },
};
use std::{
    borrow::Cow,
    fmt::{self, Display},
    future::Future,
    sync::Arc,
};

/// The span of one call of a language model that nobody else can see, such as a model in this process
/// (`chat`). It has the attributes that the client's spans have.
///
/// An answer that comes whole is read by a closure:
///
/// ```
/// use tracing_genai::{record::FinishReason, span::Generation};
///
/// # async fn run() -> Result<(), std::io::Error> {
/// struct Answer { text: String, read: u64, written: u64 }
/// async fn infer(prompt: &str) -> Result<Answer, std::io::Error> {
///     # let _ = prompt;
///     Ok(Answer { text: "Hej.".to_owned(), read: 12, written: 2 })
/// }
///
/// let prompt = "Say hello in Danish.";
/// let generation = Generation::new("llama.cpp", "qwen3-8b").in_process().user(prompt);
/// let answer = generation
///     .run_with(infer(prompt), |span, answer| {
///         span.text(&answer.text).tokens(answer.read, answer.written).finish_reason(FinishReason::Stop);
///     })
///     .await?;
/// # let _ = answer;
/// # Ok(())
/// # }
/// ```
///
/// One that comes in pieces, piece by piece:
///
/// ```
/// # use tracing_genai::{record::FinishReason, span::Generation};
/// # fn pieces() -> impl Iterator<Item = Result<String, std::io::Error>> { ["He", "j."].map(|text| Ok(text.to_owned())).into_iter() }
/// let mut span = Generation::new("llama.cpp", "qwen3-8b").in_process().streamed().start();
/// for piece in pieces() {
///     match piece {
///         Ok(text) => { span.first_chunk().text(&text); }
///         Err(error) => return span.fail(&error),
///     }
/// }
/// span.finish_reason(FinishReason::Stop).tokens(12, 2);
/// span.finish();
/// ```
#[derive(Clone)]
#[must_use = "a span is made by `run`, `run_with` or `start`"]
pub struct Generation {
    kind: OperationKind,
    side: Side,
    provider: Cow<'static, str>,
    server: Option<Server>,
    request: Request,
    content: Option<ContentCapture>,
}

impl Generation {
    /// A call of this model of this provider (`gen_ai.provider.name`: one of the conventions' words, such
    /// as `openai`, where it fits, else one of few).
    pub fn new(provider: impl Into<Cow<'static, str>>, model: impl Into<String>) -> Self {
        Self::from_request(provider, Request { model: Some(model.into()), ..Request::default() })
    }

    /// A call with this request.
    pub fn from_request(provider: impl Into<Cow<'static, str>>, request: Request) -> Self {
        let (kind, side) = (OperationKind::Chat, OperationKind::Chat.side());
        Self { kind, side, provider: provider.into(), server: None, request, content: None }
    }

    /// The model completes a text (`text_completion`) and does not chat.
    pub fn text_completion(mut self) -> Self {
        self.kind = OperationKind::TextCompletion;
        self
    }

    /// The model generates content of several kinds (`generate_content`).
    pub fn generate_content(mut self) -> Self {
        self.kind = OperationKind::GenerateContent;
        self
    }

    /// The model runs in this process: the span's kind is INTERNAL, and CLIENT otherwise.
    pub fn in_process(mut self) -> Self {
        self.side = Side::Internal;
        self
    }

    /// The server that is called.
    pub fn server(mut self, address: impl Into<String>, port: u16) -> Self {
        self.server = server(address, port);
        self
    }

    /// The answer comes in pieces.
    pub fn streamed(mut self) -> Self {
        self.request.stream = true;
        self
    }

    /// What the person says; recorded as the content policy allows.
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::text(Role::User, text))
    }

    /// One more message of the conversation; recorded as the content policy allows.
    pub fn message(mut self, message: Message) -> Self {
        self.request.messages.push(message);
        self
    }

    /// What content the span may carry; what the environment says by default.
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.content = Some(content);
        self
    }

    /// Opens the span, to set on it what comes as it comes.
    pub fn start(self) -> OpenSpan<Self> {
        let call = Call::Inference { request: Box::new(self.request), response: Arc::default() };
        let mut operation = Operation::new(self.kind, call);
        operation.side = self.side;
        operation.provider = Some(self.provider);
        operation.server = self.server;
        OpenSpan::new(operation, self.content)
    }

    /// Runs the call inside its span; nothing is known of its answer. Otherwise as
    /// [`run_with`](Self::run_with).
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<T, E: Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.run_with(work, |_, _| ()).await
    }

    /// Runs the call inside its span; `keep`, which is called where anybody sees the span, sets what is to
    /// be known of the answer and gives nothing back: a chain of setters in it ends with `;`. Error, panic
    /// and drop are told as by [`Tool::run`](super::Tool::run).
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run_with<T, E: Display>(
        self,
        work: impl Future<Output = Result<T, E>>,
        keep: impl FnOnce(&mut OpenSpan<Self>, &T),
    ) -> Result<T, E> {
        self.start().through(work, keep).await
    }
}

/// The answer of a model.
impl OpenSpan<Generation> {
    /// The first piece of the answer is here, of any kind: tells the time that it took. Every further call
    /// does nothing, so it may stand in a loop.
    pub fn first_chunk(&mut self) -> &mut Self {
        self.note_first_chunk()
    }

    /// All that came, in place of what was set before.
    pub fn response(&mut self, response: Response) -> &mut Self {
        self.set_response(|came| *came = response)
    }

    /// The id of the response.
    pub fn response_id(&mut self, id: impl Into<String>) -> &mut Self {
        self.set_response(|response| response.id = Some(id.into()))
    }

    /// The model that answered, where it tells.
    pub fn model(&mut self, model: impl Into<String>) -> &mut Self {
        self.set_response(|response| response.model = Some(model.into()))
    }

    /// More of the answer's text, put to the text before it; recorded as the content policy allows.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.set_response(|response| {
            let parts = &mut response.choice_mut(0).message.parts;
            match parts.last_mut() {
                Some(Part::Text(said)) => said.push_str(text),
                _ => parts.push(Part::Text(text.to_owned())),
            }
        })
    }

    /// A tool that the model wants called; recorded as the content policy allows.
    pub fn tool_call(&mut self, call: ToolCall) -> &mut Self {
        self.set_response(|response| response.choice_mut(0).message.parts.push(Part::ToolCall(call)))
    }

    /// What the model said, in place of what was set before; recorded as the content policy allows.
    pub fn message(&mut self, message: Message) -> &mut Self {
        self.set_response(|response| response.choice_mut(0).message = message)
    }

    /// Why the model stopped.
    pub fn finish_reason(&mut self, reason: FinishReason) -> &mut Self {
        self.set_response(|response| response.choice_mut(0).finish_reason = Some(reason))
    }

    /// What it used: all input tokens, cached ones included, and all output tokens, reasoning included.
    pub fn tokens(&mut self, input: u64, output: u64) -> &mut Self {
        self.usage(totals(input, output))
    }

    /// What it used, in full.
    pub fn usage(&mut self, usage: Usage) -> &mut Self {
        self.set_response(|response| response.usage = usage)
    }
}

impl fmt::Debug for Generation {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Generation").field("model", &self.request.model).finish_non_exhaustive()
    }
}
