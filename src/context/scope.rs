//! What is carried, and how: a thread's current scope, set at each poll and given back after it.

use super::baggage;
use crate::record::Marks;
use opentelemetry::ContextGuard;
use pin_project_lite::pin_project;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

thread_local! {
    static CURRENT: RefCell<Option<Arc<Carried>>> = const { RefCell::new(None) };
    /// Whether the span that starts now is one of this crate's, which is marked from its record.
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
}

/// A scope that is in force.
struct Carried {
    marks: Arc<Marks>,
    has_baggage: bool,
}

/// What spans are to be marked with; made by [`scope`], in force while something runs in it.
#[derive(Clone, Default)]
#[must_use = "a scope marks what runs in it: `.run(future)` or `.in_scope(closure)`"]
pub struct Scope {
    marks: Marks,
    /// What it says of baggage; else the outer scope's word holds.
    baggage: Option<bool>,
}

/// A scope with nothing in it yet. See the [module](super).
pub fn scope() -> Scope {
    Scope::default()
}

impl Scope {
    /// The end user: `user.id`. An empty id is none, as with the others.
    pub fn user(mut self, id: impl Into<String>) -> Self {
        self.marks.user = filled(id);
        self
    }

    /// The user's session with the program: `session.id`. It may span several conversations.
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.marks.session = filled(id);
        self
    }

    /// The conversation with the model: `gen_ai.conversation.id`. A call that names one itself keeps its own.
    pub fn conversation(mut self, id: impl Into<String>) -> Self {
        self.marks.conversation = filled(id);
        self
    }

    /// The template that prompts are made from: `gen_ai.prompt.name` and `gen_ai.prompt.version`, on the spans
    /// of generations. An empty version is none.
    pub fn prompt(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.marks.prompt_name = filled(name);
        self.marks.prompt_version = filled(version);
        self
    }

    /// Tags, besides those that are there: `tracing_genai.tags`.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        for tag in tags.into_iter().filter_map(filled) {
            if !self.marks.tags.contains(&tag) {
                self.marks.tags.push(tag);
            }
        }
        self
    }

    /// An attribute of this key, a text, a number or a boolean; of other JSON its text. An attribute that a
    /// span has of its own stays.
    ///
    /// Keys that spans are given anyway are passed over: all that begin with `gen_ai.`, `openai.`,
    /// `aws.bedrock.`, `tracing_genai.`, `otel.`, `code.` or `thread.`, and `error.type`, `server.address`,
    /// `server.port`, `target`, `level`, `busy_ns`, `idle_ns`.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let (key, value) = (key.into(), value.into());
        if !key.is_empty() && !is_reserved(&key) {
            self.marks.attributes.insert(key, value);
        }
        self
    }

    /// Whether user, session, conversation and tags go out as [W3C baggage](super#to-other-services) too. Off
    /// by default: these ids are private, and baggage goes wherever an instrumented client calls.
    ///
    /// A span keeps the baggage that there was when it was made, so make spans inside:
    /// `.run(async { work.instrument(info_span!("work")).await })`, not `.run(work.instrument(..))`.
    pub fn baggage(mut self, on: bool) -> Self {
        self.baggage = Some(on);
        self
    }

    /// The marks.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Runs `future` in this scope, at each of its polls and never between them.
    ///
    /// The scope lies inside the one that is current here, or where there is none inside the one that is
    /// current at the first poll.
    pub fn run<F: Future>(self, future: F) -> Scoped<F> {
        let future = Some(future);
        match current().0 {
            Some(outer) => Scoped { future, handle: self.inside(Some(&outer)), unplaced: None },
            None => Scoped { future, handle: Handle(None), unplaced: Some(Box::new(self)) },
        }
    }

    /// Runs `work` in this scope, on this thread: around `block_on` it would mark each task that the runtime polls
    /// there meanwhile, so inside of `block_on` use [`run`](Self::run).
    pub fn in_scope<T>(self, work: impl FnOnce() -> T) -> T {
        self.inside(current().0.as_deref()).in_scope(work)
    }

    /// An attribute of any key, one of this crate's own too.
    #[cfg(feature = "client")]
    pub(crate) fn attribute(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.marks.attributes.insert(key.to_owned(), value.into());
        self
    }

    /// This scope inside the one that is current here.
    #[cfg(feature = "client")]
    pub(crate) fn placed(self) -> Handle {
        self.inside(current().0.as_deref())
    }

    fn inside(self, outer: Option<&Carried>) -> Handle {
        let (marks, has_baggage) = match outer {
            Some(outer) => (self.marks.over(&outer.marks), outer.has_baggage),
            None => (self.marks, false),
        };
        let has_baggage = self.baggage.unwrap_or(has_baggage);
        Handle(Some(Arc::new(Carried { marks: Arc::new(marks), has_baggage })))
    }
}

fn filled(text: impl Into<String>) -> Option<String> {
    Some(text.into()).filter(|text| !text.is_empty())
}

fn is_reserved(key: &str) -> bool {
    const PREFIXES: [&str; 7] =
        ["gen_ai.", "openai.", "aws.bedrock.", "tracing_genai.", "otel.", "code.", "thread."];
    const KEYS: [&str; 7] =
        ["error.type", "server.address", "server.port", "target", "level", "busy_ns", "idle_ns"];
    PREFIXES.iter().any(|prefix| key.starts_with(prefix)) || KEYS.contains(&key)
}

/// The scope that was current at some place, to go on in at another: a task, a thread. Cheap to clone.
#[derive(Clone, Default)]
pub struct Handle(Option<Arc<Carried>>);

/// The scope that is current on this thread, or none.
pub fn current() -> Handle {
    Handle(CURRENT.try_with(|current| current.borrow().clone()).ok().flatten())
}

/// `future` in the scope that is current here, wherever it is polled.
///
/// The scope alone: the span is carried by `tracing::Instrument`, so a task that is to stay in the trace is
/// `tokio::spawn(carried(future).in_current_span())`.
pub fn carried<F: Future>(future: F) -> Scoped<F> {
    current().run(future)
}

impl Handle {
    /// Runs `future` in exactly this scope, at each of its polls: in none, where there was none.
    pub fn run<F: Future>(&self, future: F) -> Scoped<F> {
        Scoped { future: Some(future), handle: self.clone(), unplaced: None }
    }

    /// Runs `work` in exactly this scope: in none, where there was none.
    pub fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        work()
    }

    /// The marks, if there was a scope.
    pub fn marks(&self) -> Option<&Marks> {
        self.0.as_deref().map(|carried| &*carried.marks)
    }

    /// Whether the ids go out as baggage.
    pub(super) fn has_baggage(&self) -> bool {
        self.0.as_deref().is_some_and(|carried| carried.has_baggage)
    }

    fn enter(&self) -> Entered {
        let mut entered = Entered { before: replace(self.0.clone()), baggage: None };
        let had_baggage = entered.before.as_deref().is_some_and(|carried| carried.has_baggage);
        let given = self.marks().filter(|_| self.has_baggage());
        entered.baggage = baggage::attach(had_baggage, given);
        entered
    }
}

/// While it lives its scope is the thread's; a panic gives the thread back too.
struct Entered {
    before: Option<Arc<Carried>>,
    baggage: Option<ContextGuard>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        drop(self.baggage.take());
        replace(self.before.take());
    }
}

fn replace(scope: Option<Arc<Carried>>) -> Option<Arc<Carried>> {
    CURRENT.try_with(|current| current.replace(scope)).ok().flatten()
}

pin_project! {
    /// A future that runs in a scope: of [`Scope::run`], [`Handle::run`] and [`carried`]. It is dropped in the
    /// scope too.
    #[must_use = "a future does nothing unless it is polled"]
    pub struct Scoped<F> {
        // `None` once it was dropped.
        #[pin]
        future: Option<F>,
        handle: Handle,
        // Until the first poll, of a scope that had no other around it when it was made.
        unplaced: Option<Box<Scope>>,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _entered = place(this.handle, this.unplaced).enter();
                this.future.set(None);
            }
        }
    }
}

/// Without ids and tags: arguments of traced functions are logged by `Debug`.
impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scope").field("baggage", &self.baggage).finish_non_exhaustive()
    }
}

/// Without ids and tags: arguments of traced functions are logged by `Debug`.
impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").field("is_in_scope", &self.0.is_some()).finish_non_exhaustive()
    }
}

/// Without ids and tags: arguments of traced functions are logged by `Debug`.
impl<F: fmt::Debug> fmt::Debug for Scoped<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scoped").field("future", &self.future).finish_non_exhaustive()
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = place(this.handle, this.unplaced).enter();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        future.poll(context)
    }
}

fn place<'a>(handle: &'a mut Handle, unplaced: &mut Option<Box<Scope>>) -> &'a Handle {
    if let Some(scope) = unplaced.take() {
        *handle = scope.inside(current().0.as_deref());
    }
    handle
}

/// The marks of this thread's scope.
pub(crate) fn marks() -> Option<Arc<Marks>> {
    current().0.map(|carried| Arc::clone(&carried.marks))
}

/// Runs what starts a span of this crate's own, which carries its marks by itself.
pub(crate) fn as_own<T>(start: impl FnOnce() -> T) -> T {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            let _ = IS_OWN.try_with(|is_own| is_own.set(self.0));
        }
    }
    let _reset = Reset(IS_OWN.try_with(|is_own| is_own.replace(true)).unwrap_or_default());
    start()
}

/// Whether a span that starts now is one of this crate's own.
#[cfg(feature = "export")]
pub(crate) fn is_own() -> bool {
    IS_OWN.try_with(Cell::get).unwrap_or_default()
}
