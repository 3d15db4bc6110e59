//! Calls that follow each other.

use super::{
    Chat, Client, Embed,
    context::Ended,
    ids::{Ids, Turn, same},
};
use crate::{Error, span::SpanRef, vocabulary::tracia};
use opentelemetry::trace::SpanContext;
use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::{BuildHasher, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Calls that follow each other, such as the turns of a conversation; made by [`Client::session`].
///
/// A session makes the same calls as its client, and says of each which session it is of and which call was before it.
/// Cheap to clone; clones are the same session. It holds its client, which need not be kept besides.
///
/// ```no_run
/// # async fn run(client: tracing_genai::Client) -> Result<(), tracing_genai::Error> {
/// let session = client.session();
/// let found = session.embed("text-embedding-3-small").input("trains in Portugal").await?;
/// let first = session.chat("gpt-4o-mini").user("Is there a night train to Porto?").await?;
/// let second = session.chat("gpt-4o-mini").user("And back?").await?; // after `first`
/// assert_eq!(session.last_span_id(), second.tracia_span_id());
/// # Ok(())
/// # }
/// ```
///
/// | to | what a session is |
/// |---|---|
/// | Tracia | one trace, `traceId`, from the first call on; `parentSpanId` of each call is the call before it |
/// | OpenTelemetry | `gen_ai.conversation.id` is [`trace_id`](Self::trace_id), unless the call or the [scope](crate::context::scope) around it names a conversation; a link to the span of the call before it. The traces stay those of the program: a call is the child of the span that is current |
/// | PostHog | `$ai_session_id`, from the conversation, unless there is a `session.id` |
///
/// The call before is the one that ended last of those that are done: neither one that failed, was dropped or
/// aborted, nor one that has no recorded span, be it [not told](Chat::send_trace), not sampled or seen by no
/// OpenTelemetry layer. For Tracia it is besides one whose provider Tracia knows, since calls of others are not sent
/// there: so each parent that Tracia is told of is a call that it is sent. A stream is done when it has been read to
/// its end; a call that was begun before has another before it.
///
/// Calls may run at once. They are then of one trace, and each is after the call that had ended last when it began.
///
/// Of the ids that a call is given itself, [`span_id`](Chat::span_id) holds; the session's trace goes before
/// [`trace_id`](Chat::trace_id), and a [`parent_span_id`](Chat::parent_span_id) holds as long as the session has none of
/// its own: until a call of it is done.
///
/// A destination that takes a [share of traces](crate::export::Destination::sample_ratio) takes it of the program's
/// traces: where the calls of a session are in several, the call before one that is sent may be in one that is not.
#[derive(Clone)]
pub struct Session {
    client: Client,
    chain: Arc<Chain>,
}

impl Session {
    pub(super) fn new(client: Client) -> Self {
        Self { client, chain: Arc::new(Chain::new(Ids::default())) }
    }

    /// A session of this trace, in a form that [`Chat::trace_id`] takes; to each of its calls it is as if that was given
    /// there. Without one, or where Tracia has no form for it, Tracia gets a new one.
    ///
    /// It begins anew: clones made before stay what they are.
    ///
    /// # Errors
    /// Calls fail before anything is sent where the id is none.
    pub fn with_trace_id(self, id: impl Into<String>) -> Self {
        let given = Ids { trace: Some(id.into()), ..self.chain.now().given.clone() };
        Self { chain: Arc::new(Chain::new(given)), ..self }
    }

    /// A session that goes on after this call, in a form that [`Chat::parent_span_id`] takes: the parent of its first
    /// call, and of those that begin before one is done. For OpenTelemetry see [`Chat::trace_id`].
    ///
    /// It begins anew: clones made before stay what they are.
    ///
    /// # Errors
    /// Calls fail before anything is sent where the id is none.
    pub fn with_parent_span_id(self, id: impl Into<String>) -> Self {
        let given = Ids { parent: Some(id.into()), ..self.chain.now().given.clone() };
        Self { chain: Arc::new(Chain::new(given)), ..self }
    }

    /// A call of a language model: [`Client::chat`].
    #[doc(alias = "run_local")]
    #[doc(alias = "runLocal")]
    pub fn chat(&self, model: impl Into<String>) -> Chat {
        self.of_session(self.client.chat(model))
    }

    /// A call of OpenAI's Responses API: [`Client::responses`].
    #[doc(alias = "run_responses")]
    #[doc(alias = "runResponses")]
    pub fn responses(&self, model: impl Into<String>) -> Chat {
        self.of_session(self.client.responses(model))
    }

    /// A call of an embedding model: [`Client::embed`].
    #[doc(alias = "run_embedding")]
    #[doc(alias = "runEmbedding")]
    pub fn embed(&self, model: impl Into<String>) -> Embed {
        let mut embed = self.client.embed(model);
        embed.context.set_session(Arc::clone(&self.chain));
        embed
    }

    fn of_session(&self, mut chat: Chat) -> Chat {
        chat.context.set_session(Arc::clone(&self.chain));
        chat
    }

    /// The session's id: the [given](Self::with_trace_id) one, else `tr_` and 16 hex digits. It is there from the
    /// beginning, and another after a [`reset`](Self::reset).
    #[doc(alias = "getTraceId")]
    pub fn trace_id(&self) -> String {
        self.chain.now().id().to_owned()
    }

    /// The id of the session's trace in Tracia, `tr_` and 16 hex digits.
    pub fn tracia_trace_id(&self) -> String {
        self.chain.now().trace.clone()
    }

    /// The call that the next one is after: its id in Tracia, `sp_` and 16 hex digits as a rule. Before a call is done it
    /// is the [given](Self::with_parent_span_id) one, if any.
    #[doc(alias = "getLastSpanId")]
    pub fn last_span_id(&self) -> Option<String> {
        let now = self.chain.now();
        now.last.clone().or_else(|| now.given.parent.clone())
    }

    /// Begins anew, for all clones: another trace, and no call before the next one. Given ids are forgotten. Calls that
    /// are under way stay in the trace that they began in, and are before none.
    pub fn reset(&self) {
        let mut now = self.chain.now();
        *now = Now { epoch: now.epoch.wrapping_add(1), ..Now::new(Ids::default()) };
    }
}

impl fmt::Debug for Session {
    /// Without ids: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_last = self.last_span_id().is_some();
        formatter.debug_struct("Session").field("has_last", &has_last).finish_non_exhaustive()
    }
}

/// How far a session has come. Its lock is held for no more than a look.
pub(super) struct Chain(Mutex<Now>);

struct Now {
    /// How often it was reset.
    epoch: u64,
    /// The trace and the parent that it was given.
    given: Ids,
    /// The trace in Tracia.
    trace: String,
    /// The id in Tracia of the call before the next one.
    last: Option<String>,
    /// Where the span of the call before the next one is.
    previous: Option<SpanContext>,
}

/// A call of a session, under way.
pub(super) struct InSession {
    chain: Arc<Chain>,
    epoch: u64,
}

impl Now {
    fn new(given: Ids) -> Self {
        let folded = given.trace.as_deref().and_then(|id| tracia::folded("tr_", id));
        // What is no id of a trace fails the calls.
        let trace = folded.unwrap_or_else(new_trace);
        Self { epoch: 0, given, trace, last: None, previous: None }
    }

    fn id(&self) -> &str {
        self.given.trace.as_deref().unwrap_or(&self.trace)
    }
}

/// 64 bits that are as random as the keys of a hash map, and never all 0.
fn new_trace() -> String {
    format!("tr_{:016x}", RandomState::new().build_hasher().finish().max(1))
}

impl Chain {
    fn new(given: Ids) -> Self {
        Self(Mutex::new(Now::new(given)))
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the ids that the session was given may be such.
    ///
    /// # Errors
    /// See [`Ids::check`].
    pub(super) fn check(&self) -> Result<(), Error> {
        self.now().given.check_as(["span_id", "with_trace_id", "with_parent_span_id"])
    }

    /// A call is about to be sent: the session's ids go into those that the call was given. Gives the session's id too.
    pub(super) fn begin(self: &Arc<Self>, ids: &mut Ids) -> (String, InSession) {
        let now = self.now();
        ids.trace.clone_from(&now.given.trace);
        if now.given.parent.is_some() || now.last.is_some() {
            ids.parent.clone_from(&now.given.parent);
        }
        // An id that is given to two calls makes neither the other's parent.
        let is_other = |id: &String| !same(ids.span.as_deref(), Some(id));
        let parent = now.last.clone().filter(is_other);
        ids.parent = ids.parent.take().filter(|id| !same(ids.span.as_deref(), Some(id)));
        ids.turn = Some(Turn { trace: now.trace.clone(), parent, previous: now.previous.clone() });
        (now.id().to_owned(), InSession { chain: Arc::clone(self), epoch: now.epoch })
    }
}

impl InSession {
    /// The call is over.
    pub(super) fn end(&self, ended: &Ended<'_>) {
        let Ended { about, is_done: true, is_told: true } = ended else { return };
        let mut now = self.chain.now();
        if now.epoch != self.epoch {
            return;
        }
        now.previous = about.span.map(SpanRef::span_context);
        if tracia::knows(&about.provider, &about.requested_model) {
            now.last = about.tracia_span_id();
        }
    }
}
