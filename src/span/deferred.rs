//! Reading bodies after the call, on a thread of its own.
//!
//! Reading is put off only where nobody can miss the span meanwhile: where it goes to a provider of
//! our own, whose flush and shutdown [wait](when_read) for what is here. The caller pays for clones of
//! buffers and a push; no thread is woken for a span, since that costs more than the span.

use crate::diagnosis::{self, Finding};
use opentelemetry::trace::SpanId;
use std::{
    cell::Cell,
    collections::VecDeque,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
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
    /// How many were ever put off, and read.
    pushed: u64,
    read: u64,
    /// Who waits until so many are read.
    waiters: Vec<(u64, Box<dyn FnOnce() + Send>)>,
    reader: Option<Thread>,
    /// No thread could be had.
    is_readerless: bool,
}

static QUEUE: Mutex<Option<Queue>> = Mutex::new(None);
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
    queue.pushed += 1;
    queue.waiting.push_back((bytes, Box::new(work)));
    if ASLEEP.swap(false, Ordering::Relaxed) {
        wake(queue);
    }
    Ok(())
}

/// Has `done` called when everything that waits now is read: at once if nothing does, else by the reader.
#[cfg_attr(not(feature = "export"), allow(dead_code, reason = "only a provider of ours waits"))]
pub(crate) fn when_read(done: impl FnOnce() + Send + 'static) {
    {
        let mut guard = lock();
        if let Some(queue) = guard.as_mut().filter(|queue| queue.read < queue.pushed) {
            queue.waiters.push((queue.pushed, Box::new(done)));
            return wake(queue);
        }
    }
    done();
}

/// Whether this is the reader's thread, which cannot wait for itself.
#[cfg_attr(not(feature = "export"), allow(dead_code, reason = "only a provider of ours waits"))]
pub(crate) fn is_reader() -> bool {
    IS_READER.get()
}

fn wake(queue: &Queue) {
    if let Some(reader) = &queue.reader {
        reader.unpark();
    }
}

/// Reads the oldest that waits; whether there was one.
fn read_one() -> bool {
    let work = {
        let mut guard = lock();
        let Some(queue) = guard.as_mut() else { return false };
        let Some((bytes, work)) = queue.waiting.pop_front() else { return false };
        queue.bytes -= bytes;
        work
    };
    // A reader that panicked on a body takes nobody with it.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| work(true)));
    for done in read_so_far() {
        done();
    }
    true
}

/// Counts one more as read; who has waited for it.
fn read_so_far() -> Vec<Box<dyn FnOnce() + Send>> {
    let mut guard = lock();
    let Some(queue) = guard.as_mut() else { return Vec::new() };
    queue.read += 1;
    let read = queue.read;
    let waiters = std::mem::take(&mut queue.waiters);
    let (over, still): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|(ticket, _)| *ticket <= read);
    queue.waiters = still;
    over.into_iter().map(|(_, done)| done).collect()
}

fn read_on() {
    IS_READER.set(true);
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
    static IS_READER: Cell<bool> = const { Cell::new(false) };
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

    use super::*;
    use std::sync::mpsc;

    /// Something to read that waits until it is let go.
    fn held() -> mpsc::Sender<()> {
        let (let_go, held) = mpsc::channel();
        assert!(push(1, move |_| held.recv().unwrap_or_default()).is_ok());
        let_go
    }

    #[test]
    fn who_waits_does_so_for_what_was_there_and_no_longer() {
        let first = held();
        let (done, is_done) = mpsc::channel();
        when_read(move || done.send(is_reader()).unwrap());
        let second = held();
        assert!(is_done.try_recv().is_err());
        first.send(()).unwrap();
        assert!(is_done.recv().unwrap(), "it is the reader that tells");
        second.send(()).unwrap();
    }

    #[test]
    fn a_reader_that_panics_goes_on() {
        assert!(push(1, |_| panic!("a body that no reader was made for")).is_ok());
        let (done, is_done) = mpsc::channel();
        when_read(move || done.send(()).unwrap());
        is_done.recv().unwrap();
    }
}
