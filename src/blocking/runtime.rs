//! The runtime behind blocking calls, and the threads that wait in it.

use crate::Error;
use std::{
    cell::Cell,
    future::{Future, pending},
    io,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};
use tokio::runtime::{Builder, Handle};

/// Once a call was made; its thread drives what waits on sockets and clocks, until the process ends.
static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);

thread_local! {
    static IS_WAITING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a blocking call is polled on this thread.
pub(crate) fn is_waiting() -> bool {
    IS_WAITING.try_with(Cell::get).unwrap_or(false)
}

/// A thread that may wait.
pub(super) struct Place(Handle);

/// The place to wait at.
///
/// # Errors
/// Where waiting would hold up a runtime, and where there can be no thread.
pub(super) fn enter() -> Result<Place, Error> {
    if is_in_task() {
        return Err(Error::configuration(
            "a blocking call inside an async task would hold up its runtime: call `.send().await` or \
             `.stream().await` there, or make the blocking call inside `tokio::task::spawn_blocking(..)`",
        ));
    }
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*runtime {
        return Ok(Place(handle.clone()));
    }
    let handle = start().map_err(|error| {
        Error::configuration("no thread could be started for blocking calls").with_source(error)
    })?;
    Ok(Place(runtime.insert(handle).clone()))
}

fn start() -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let drive = move || {
        // What is spawned there belongs to blocking calls too.
        let _ = IS_WAITING.try_with(|waiting| waiting.set(true));
        runtime.block_on(pending::<()>());
    };
    thread::Builder::new().name("tracing-genai-blocking".to_owned()).spawn(drive)?;
    Ok(handle)
}

/// More polls than tokio lets a task make without a break.
const POLLS: usize = 256;

/// Whether a runtime is polling a task on this thread.
///
/// A handle alone does not tell: `spawn_blocking` has one. What tasks have and nobody else is a budget.
fn is_in_task() -> bool {
    if Handle::try_current().is_err() {
        return false;
    }
    let mut context = Context::from_waker(Waker::noop());
    (0..POLLS).any(|_| pin!(tokio::task::consume_budget()).poll(&mut context).is_pending())
}

impl Place {
    /// Polls `future` here until it is ready.
    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let _entered = self.0.enter();
        let mut future = pin!(future);
        let alarm = Arc::new(Alarm { thread: thread::current(), is_due: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&alarm));
        let mut context = Context::from_waker(&waker);
        loop {
            let waiting = Waiting::begin();
            let polled = future.as_mut().poll(&mut context);
            drop(waiting);
            if let Poll::Ready(output) = polled {
                return output;
            }
            // What runs in the poll may park this thread too, and take a wake-up that was ours.
            while !alarm.is_due.swap(false, Ordering::AcqRel) {
                thread::park();
            }
        }
    }
}

/// Wakes a thread.
struct Alarm {
    thread: Thread,
    is_due: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_due.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// While it lives a blocking call is polled on this thread; a panic gives the thread back too.
struct Waiting {
    was: bool,
}

impl Waiting {
    fn begin() -> Self {
        Self { was: IS_WAITING.try_with(|waiting| waiting.replace(true)).unwrap_or(false) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = IS_WAITING.try_with(|waiting| waiting.set(self.was));
    }
}
