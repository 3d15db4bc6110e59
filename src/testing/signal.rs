//! State that one thread changes and another waits for, with no clock but the wall's.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Signal<T> {
    state: Mutex<T>,
    for_threads: Condvar,
    for_tasks: Notify,
}

impl<T> Signal<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let changed = change(&mut self.lock());
        self.for_threads.notify_all();
        self.for_tasks.notify_waiters();
        changed
    }

    /// Blocks until `holds` or until time is up, and gives the state it then found.
    pub(super) fn block_until(
        &self,
        patience: Duration,
        mut holds: impl FnMut(&T) -> bool,
    ) -> MutexGuard<'_, T> {
        self.for_threads
            .wait_timeout_while(self.lock(), patience, |state| !holds(state))
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    pub(super) async fn until(&self, holds: impl Fn(&T) -> bool) {
        loop {
            let notified = self.for_tasks.notified();
            if holds(&self.lock()) {
                return;
            }
            notified.await;
        }
    }
}
