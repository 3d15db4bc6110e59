//! What calls of language and embedding models take alike besides the request.

use super::{Chat, Embed};
use secrecy::SecretString;
use serde_json::Value;

impl Chat {
    /// The provider's key for this call alone, in place of the client's, which need not have one
    /// ([`keys_per_call`](super::ClientBuilder::keys_per_call)). An empty one is none. It is in no span and no error.
    ///
    /// # Errors
    /// The call fails before anything is sent where the key has blanks or begins as another provider's does.
    #[doc(alias = "providerApiKey")]
    #[doc(alias = "api_key")]
    pub fn provider_api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.context.set_key(key.into());
        self
    }

    /// Whom the call is for, in the telemetry: `user.id`, as [`Scope::user`](crate::context::Scope::user) for this call
    /// alone. What the person says is [`user`](Self::user), the id that the provider gets is
    /// [`end_user`](Self::end_user).
    #[doc(alias = "userId")]
    pub fn user_id(mut self, id: impl Into<String>) -> Self {
        self.context.change_scope(|scope| scope.user(id));
        self
    }

    /// The user's session with the program: `session.id`, as [`Scope::session`](crate::context::Scope::session) for this
    /// call alone.
    #[doc(alias = "sessionId")]
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.context.change_scope(|scope| scope.session(id));
        self
    }

    /// Tags of this call, besides those of the scope around it: `tracing_genai.tags`.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.context.change_scope(|scope| scope.tags(tags));
        self
    }

    /// An attribute of this call, as [`Scope::tag`](crate::context::Scope::tag) has it.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.context.change_scope(|scope| scope.tag(key, value));
        self
    }

    /// Whether the call is told: true by default. One that is not has no span, here or anywhere, and its reply no ids.
    #[doc(alias = "sendTrace")]
    pub fn send_trace(mut self, on: bool) -> Self {
        self.context.set_told(on);
        self
    }

    /// The id that the call is to have in Tracia and in PostHog. OpenTelemetry's id of the span stays its own.
    ///
    /// Any of these, up to 200 bytes: Tracia's form (`sp_` or the older `tr_` and 16 hex digits), hex of 16 digits that
    /// are not all zero, a UUID, or letters, digits and `-_~.@()!':|`.
    ///
    /// | to | the id is |
    /// |---|---|
    /// | any destination | the attribute `tracing_genai.span_id`, as it was given |
    /// | Tracia | `spanId`: of hex and a UUID the last 16 digits; a text of other form has none, and Tracia gets the span's own |
    /// | PostHog by [`PostHogTransport::Capture`](crate::export::PostHogTransport) | `$ai_span_id`; over OTLP there is no way to say it. Other events, such as evaluations of the call, keep the span's own |
    ///
    /// # Errors
    /// The call fails before anything is sent where the id is none of these, also if it
    /// [is not told](Self::send_trace).
    #[doc(alias = "spanId")]
    pub fn span_id(mut self, id: impl Into<String>) -> Self {
        self.context.ids().span = Some(id.into());
        self
    }

    /// The id of the trace that the call belongs to, in a form that [`span_id`](Self::span_id) lists (Tracia's is `tr_`
    /// and 16 hex digits, W3C's 32 hex digits): the attribute `tracing_genai.trace_id`, Tracia's `traceId`, PostHog's
    /// `$ai_trace_id`.
    ///
    /// 32 hex digits or a UUID name a trace of OpenTelemetry. Where no span is current the call's span starts that very
    /// trace, or with a [`parent_span_id`](Self::parent_span_id) of 16 hex digits goes below that span; samplers take it
    /// for one below a sampled parent. Where a span is current the call stays in its trace, and has a link to the given
    /// parent. In spans that do not come by way of [`Telemetry`](crate::Telemetry) the first of a trace that was chosen so
    /// names a parent that does not exist: the SDK lets nobody choose a trace's id otherwise.
    ///
    /// # Errors
    /// As [`span_id`](Self::span_id).
    #[doc(alias = "traceId")]
    pub fn trace_id(mut self, id: impl Into<String>) -> Self {
        self.context.ids().trace = Some(id.into());
        self
    }

    /// The id of the call before this one, in a form that [`span_id`](Self::span_id) lists: the attribute
    /// `tracing_genai.parent_span_id`, PostHog's `$ai_parent_id`, and Tracia's `parentSpanId` unless a call that goes to
    /// Tracia is above this one. For OpenTelemetry see [`trace_id`](Self::trace_id).
    ///
    /// # Errors
    /// As [`span_id`](Self::span_id), and where it is the call's own.
    #[doc(alias = "parentSpanId")]
    pub fn parent_span_id(mut self, id: impl Into<String>) -> Self {
        self.context.ids().parent = Some(id.into());
        self
    }

    /// Values for the `{{name}}`s in the texts of the call: instructions, messages of every role, answers of tools; not
    /// in arguments of tool calls, nor in definitions of tools. More of them add up.
    ///
    /// A name is of ASCII letters, digits and `_`, without blanks around it. Values are not searched again. One without a
    /// value stays as it is; see [`require_variables`](Self::require_variables). The values are content: `tracia.variables`
    /// of the span where content is on.
    ///
    /// ```no_run
    /// # async fn run(client: tracing_genai::Client) -> Result<(), tracing_genai::Error> {
    /// let reply = client
    ///     .chat("gpt-4o-mini")
    ///     .system("Answer in {{language}}.")
    ///     .user("Who are you?")
    ///     .variables([("language", "Danish")])
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn variables<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.request.variables.extend(variables);
        self
    }

    /// Has the call fail before anything is sent where a `{{name}}` has no value among the
    /// [`variables`](Self::variables); the error names it. It looks where these are filled in: not into raw
    /// [items](Self::item), nor into the body of [`invoke_model`](Self::invoke_model).
    pub fn require_variables(mut self) -> Self {
        self.requires_variables = true;
        self
    }
}

impl Embed {
    /// The provider's key for this call alone: see [`Chat::provider_api_key`].
    #[doc(alias = "providerApiKey")]
    #[doc(alias = "api_key")]
    pub fn provider_api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.context.set_key(key.into());
        self
    }

    /// Whom the call is for, in the telemetry: `user.id`. The id that the provider gets is
    /// [`end_user`](Self::end_user).
    #[doc(alias = "userId")]
    pub fn user_id(mut self, id: impl Into<String>) -> Self {
        self.context.change_scope(|scope| scope.user(id));
        self
    }

    /// The user's session with the program: `session.id`.
    #[doc(alias = "sessionId")]
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.context.change_scope(|scope| scope.session(id));
        self
    }

    /// Tags of this call, besides those of the scope around it.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.context.change_scope(|scope| scope.tags(tags));
        self
    }

    /// An attribute of this call, as [`Scope::tag`](crate::context::Scope::tag) has it.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.context.change_scope(|scope| scope.tag(key, value));
        self
    }

    /// Whether the call is told: see [`Chat::send_trace`].
    #[doc(alias = "sendTrace")]
    pub fn send_trace(mut self, on: bool) -> Self {
        self.context.set_told(on);
        self
    }

    /// The id that the call is to have: see [`Chat::span_id`].
    #[doc(alias = "spanId")]
    pub fn span_id(mut self, id: impl Into<String>) -> Self {
        self.context.ids().span = Some(id.into());
        self
    }

    /// The id of the trace that the call belongs to: see [`Chat::trace_id`].
    #[doc(alias = "traceId")]
    pub fn trace_id(mut self, id: impl Into<String>) -> Self {
        self.context.ids().trace = Some(id.into());
        self
    }

    /// The id of the call before this one: see [`Chat::parent_span_id`].
    #[doc(alias = "parentSpanId")]
    pub fn parent_span_id(mut self, id: impl Into<String>) -> Self {
        self.context.ids().parent = Some(id.into());
        self
    }
}
