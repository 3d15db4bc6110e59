//! Reading bodies after the call, on a thread of its own.
//!
//! Reading is put off only where nobody can miss the span meanwhile: where it goes to a provider of
//! our own, whose flush and shutdown [drain](drain) what waits here. The caller pays for clones of
//! buffers and a push; no thread is woken for a span, since that costs more than the span.

use crate::diagnosis::{self, Finding};
use opentelemetry::trace::SpanId;
use std::{
    cell::Cell,
    collections::VecDeque,
    panic::{self, AssertUnwindSafe},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// How many bytes of bodies wait at most.
const MOST_BYTES: usize = 64 << 20;
/// How many calls wait at most.
const MOST_CALLS: usize = 8192;
/// How often the reader looks.
const INTERVAL: Duration = Duration::from_millis(20);
/// How many looks in vain before it sleeps until it is woken.
const PATIENCE: u32 = 50;

/// Finishes a span; told whether to read what came.
type Work = Box<dyn FnOnce(bool) + Send>;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(usize, Work)>,
    bytes: usize,
    /// How many are being read.
    running: usize,
    reader: Option<Thread>,
    /// No thread could be had.
    is_readerless: bool,
}

static QUEUE: Mutex<Option<Queue>> = Mutex::new(None);
static IDLE: Condvar = Condvar::new();
static ASLEEP: AtomicBool = AtomicBool::new(false);

fn lock() -> MutexGuard<'static, Option<Queue>> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts `work` off, which holds these many bytes.
///
/// # Errors
/// `work` itself, if the reader cannot keep up, which is counted, or there is none.
pub(crate) fn push<W: FnOnce(bool) + Send + 'static>(bytes: usize, work: W) -> Result<(), W> {
    let mut guard = lock();
    let queue = guard.get_or_insert_default();
    if queue.reader.is_none() && !queue.is_readerless {
        let thread = thread::Builder::new().name("tracing-genai-reader".into()).spawn(read_on);
        queue.reader = thread.as_ref().ok().map(|thread| thread.thread().clone());
        queue.is_readerless = thread.is_err();
    }
    if queue.is_readerless {
        return Err(work);
    }
    if queue.bytes.saturating_add(bytes) > MOST_BYTES || queue.waiting.len() >= MOST_CALLS {
        diagnosis::note(Finding::ReaderOverloaded);
        return Err(work);
    }
    queue.bytes += bytes;
    queue.waiting.push_back((bytes, Box::new(work)));
    if ASLEEP.swap(false, Ordering::Relaxed) {
        if let Some(reader) = &queue.reader {
            reader.unpark();
        }
    }
    Ok(())
}

/// Reads what waits, on this thread too, until nothing does or `deadline` is over; whether all is read.
pub(crate) fn drain(deadline: Instant) -> bool {
    loop {
        if read_one() {
            if Instant::now() >= deadline {
                break;
            }
            continue;
        }
        let guard = lock();
        let Some(queue) = guard.as_ref() else { return true };
        if queue.running == 0 && queue.waiting.is_empty() {
            return true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        drop(IDLE.wait_timeout(guard, left.min(INTERVAL)));
    }
    lock().as_ref().is_none_or(|queue| queue.running == 0 && queue.waiting.is_empty())
}

/// Reads the oldest that waits; whether there was one.
fn read_one() -> bool {
    let work = {
        let mut guard = lock();
        let Some(queue) = guard.as_mut() else { return false };
        let Some((bytes, work)) = queue.waiting.pop_front() else { return false };
        queue.bytes -= bytes;
        queue.running += 1;
        work
    };
    let _running = Running;
    // A reader that panicked on a body takes nobody with it.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| work(true)));
    true
}

struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(queue) = lock().as_mut() {
            queue.running -= 1;
        }
        IDLE.notify_all();
    }
}

fn read_on() {
    let mut in_vain = 0;
    loop {
        if read_one() {
            in_vain = 0;
            continue;
        }
        in_vain += 1;
        if in_vain <= PATIENCE {
            thread::park_timeout(INTERVAL);
            continue;
        }
        ASLEEP.store(true, Ordering::Relaxed);
        // What was pushed before that found it awake.
        let is_empty = lock().as_ref().is_none_or(|queue| queue.waiting.is_empty());
        if is_empty {
            thread::park();
        }
        ASLEEP.store(false, Ordering::Relaxed);
        in_vain = 0;
    }
}

thread_local! {
    static STARTED: Cell<SpanId> =
        const { Cell::new(SpanId::INVALID) };
}

/// Notes that a provider of our own has started this span, on the thread that started it.
#[cfg_attr(not(feature = "export"), allow(dead_code, reason = "only a provider of ours notes it"))]
pub(crate) fn note_own(span: SpanId) {
    STARTED.set(span);
}

/// Whether this span, the last that this thread started, went to a provider of our own.
pub(crate) fn is_own(span: SpanId) -> bool {
    STARTED.get() == span
}
