//! What a stream, its result and those who may abort it have in common.

use super::{call::StreamedCall, result::Ending};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
};

pub(super) struct Shared {
    call: Mutex<StreamedCall>,
    /// Somebody wants the call to end.
    is_unwanted: AtomicBool,
    pub(super) ending: Ending,
}

impl Shared {
    pub(super) fn new(call: StreamedCall) -> Self {
        Self { call: Mutex::new(call), is_unwanted: AtomicBool::new(false), ending: Ending::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, StreamedCall> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` on the call, then ends it if somebody wanted that meanwhile.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut StreamedCall) -> T) -> T {
        let done = work(&mut self.lock());
        self.heed();
        done
    }

    pub(super) fn abort(&self) {
        self.is_unwanted.store(true, Ordering::SeqCst);
        self.heed();
    }

    /// Ends the call if somebody wants that. Who finds it in use leaves it to the user, so that nobody waits
    /// for a stream that is being read, or for himself.
    fn heed(&self) {
        while self.is_unwanted.load(Ordering::SeqCst) {
            let mut call = match self.call.try_lock() {
                Ok(call) => call,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            self.is_unwanted.store(false, Ordering::SeqCst);
            let reader = call.abandon(&self.ending, true);
            drop(call);
            if let Some(reader) = reader {
                reader.wake();
            }
        }
    }
}

/// Ends a stream's call from elsewhere: made by [`ChatStream::abort_handle`](super::ChatStream::abort_handle).
/// Cheap to clone, for any task or thread.
#[derive(Clone)]
pub struct AbortHandle(Arc<Shared>);

impl AbortHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Ends the call now, as [`ChatStream::abort`](super::ChatStream::abort) does, whether or not somebody
    /// reads the stream; one who waits for its next event gets `None`.
    pub fn abort(&self) {
        self.0.abort();
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_over = self.0.ending.with(|_| ()).is_some();
        formatter.debug_struct("AbortHandle").field("is_over", &is_over).finish_non_exhaustive()
    }
}
