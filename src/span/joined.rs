//! Finished operations on their way from their span to those who see it end.
//!
//! A span carries what its own policy allows. What a destination may see besides, and what a span that
//! another library made for the same call is to be completed with, travels here by span id, in a bounded
//! table. Each [`Consumer`] may take an operation once: it stays until as many have as there were when it
//! was put, so that none takes it from another; one that no span leads there is pushed out by later ones.

use crate::record::Operation;
use opentelemetry::trace::{SpanContext, SpanId, TraceId};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// An operation waits here for as long as its span takes to end, which is no time, unless a consumer
/// never sees the span (it is of another provider) or sees it late (an exporter, behind a batch): then as
/// many as this wait, the newest.
const CAPACITY: usize = 256;

type Key = (TraceId, SpanId);

#[derive(Default)]
struct Table {
    operations: HashMap<Key, Waiting>,
    order: VecDeque<Key>,
}

struct Waiting {
    operation: Arc<Operation>,
    /// How many consumers have not taken it.
    takers: usize,
}

static CONSUMERS: AtomicUsize = AtomicUsize::new(0);
/// Those of the consumers that have a use for content.
static READERS: AtomicUsize = AtomicUsize::new(0);
static TABLE: Mutex<Option<Table>> = Mutex::new(None);

/// While one lives, operations are kept for it to [`take`].
#[derive(Debug)]
pub(crate) struct Consumer {
    reads_content: bool,
}

impl Consumer {
    pub(crate) fn register() -> Self {
        READERS.fetch_add(1, Ordering::Relaxed);
        CONSUMERS.fetch_add(1, Ordering::Relaxed);
        Self { reads_content: true }
    }

    /// A consumer for whom no content need be read.
    pub(crate) fn without_content() -> Self {
        CONSUMERS.fetch_add(1, Ordering::Relaxed);
        Self { reads_content: false }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if self.reads_content {
            READERS.fetch_sub(1, Ordering::Relaxed);
        }
        if CONSUMERS.fetch_sub(1, Ordering::Relaxed) == 1 {
            *lock() = None;
        }
    }
}

/// Whether anybody takes what is put here, its content too.
pub(crate) fn is_consumed() -> bool {
    READERS.load(Ordering::Relaxed) > 0
}

/// Leaves `operation` for those who will see the span's end.
pub(crate) fn put(span: &SpanContext, operation: &Arc<Operation>) {
    let takers = CONSUMERS.load(Ordering::Relaxed);
    if takers > 0 && span.is_valid() {
        let waiting = Waiting { operation: Arc::clone(operation), takers };
        lock().get_or_insert_with(Table::default).put((span.trace_id(), span.span_id()), waiting);
    }
}

/// The operation of this span, once for each consumer.
pub(crate) fn take(span: &SpanContext) -> Option<Arc<Operation>> {
    lock().as_mut()?.take(&(span.trace_id(), span.span_id()))
}

impl Table {
    fn put(&mut self, key: Key, waiting: Waiting) {
        if self.operations.insert(key, waiting).is_none() {
            self.order.push_back(key);
        }
        // Keys of operations that were taken leave the order here, so it stays as bounded as the map.
        while self.order.len() > CAPACITY {
            if let Some(oldest) = self.order.pop_front() {
                self.operations.remove(&oldest);
            }
        }
    }

    fn take(&mut self, key: &Key) -> Option<Arc<Operation>> {
        let waiting = self.operations.get_mut(key)?;
        waiting.takers = waiting.takers.saturating_sub(1);
        if waiting.takers > 0 {
            return Some(Arc::clone(&waiting.operation));
        }
        self.operations.remove(key).map(|waiting| waiting.operation)
    }
}

fn lock() -> MutexGuard<'static, Option<Table>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Call, OperationKind, ToolExecution};

    fn key(id: u64) -> Key {
        (TraceId::from(u128::from(id)), SpanId::from(id))
    }

    fn waiting(takers: usize) -> Waiting {
        let call = Call::Tool(Box::<ToolExecution>::default());
        Waiting { operation: Arc::new(Operation::new(OperationKind::ExecuteTool, call)), takers }
    }

    #[test]
    fn each_consumer_takes_an_operation_once_and_the_last_takes_it_away() {
        let mut table = Table::default();
        table.put(key(1), waiting(2));
        assert!(table.take(&key(1)).is_some());
        assert!(table.take(&key(1)).is_some());
        assert!(table.take(&key(1)).is_none());
        assert!(table.operations.is_empty());
    }

    #[test]
    fn what_nobody_takes_is_pushed_out() {
        let mut table = Table::default();
        for id in 0..=CAPACITY as u64 {
            table.put(key(id + 1), waiting(1));
        }
        assert_eq!(table.operations.len(), CAPACITY);
        assert!(table.take(&key(1)).is_none());
        assert!(table.take(&key(2)).is_some());
    }

    #[test]
    fn what_one_of_two_has_taken_is_pushed_out_too() {
        let mut table = Table::default();
        for id in 0..=CAPACITY as u64 {
            table.put(key(id + 1), waiting(2));
            assert!(table.take(&key(id + 1)).is_some());
        }
        assert_eq!(table.operations.len(), CAPACITY);
    }
}
