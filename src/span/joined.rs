//! Finished operations on their way from their span to a processor of ours.
//!
//! A span carries what its own policy allows. What a destination may see besides travels here, by
//! span id, in a bounded table that the processor empties as each span ends.

use crate::record::Operation;
use opentelemetry::trace::{SpanContext, SpanId, TraceId};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// An operation waits here for as long as its span takes to end, which is no time, unless the span's
/// provider has no processor of ours: then as many as this wait in vain.
const CAPACITY: usize = 256;

type Key = (TraceId, SpanId);

#[derive(Default)]
struct Table {
    operations: HashMap<Key, Arc<Operation>>,
    order: VecDeque<Key>,
}

static CONSUMERS: AtomicUsize = AtomicUsize::new(0);
static TABLE: Mutex<Option<Table>> = Mutex::new(None);

/// While one lives, operations are kept for it to [`take`].
#[derive(Debug)]
pub(crate) struct Consumer(());

impl Consumer {
    pub(crate) fn register() -> Self {
        CONSUMERS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if CONSUMERS.fetch_sub(1, Ordering::Relaxed) == 1 {
            *lock() = None;
        }
    }
}

/// Whether anybody takes what is put here.
pub(crate) fn is_consumed() -> bool {
    CONSUMERS.load(Ordering::Relaxed) > 0
}

/// Leaves `operation` for the processor that will see the span's end.
pub(crate) fn put(span: &SpanContext, operation: &Arc<Operation>) {
    if !is_consumed() || !span.is_valid() {
        return;
    }
    let key = (span.trace_id(), span.span_id());
    let mut guard = lock();
    let table = guard.get_or_insert_with(Table::default);
    if table.operations.insert(key, Arc::clone(operation)).is_none() {
        table.order.push_back(key);
    }
    // Keys of operations that were taken leave the order here, so it stays as bounded as the map.
    while table.order.len() > CAPACITY {
        if let Some(oldest) = table.order.pop_front() {
            table.operations.remove(&oldest);
        }
    }
}

/// The operation of this span, once.
pub(crate) fn take(span: &SpanContext) -> Option<Arc<Operation>> {
    lock().as_mut()?.operations.remove(&(span.trace_id(), span.span_id()))
}

fn lock() -> MutexGuard<'static, Option<Table>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}
