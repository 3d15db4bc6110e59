//! Finished operations on their way from their span to those who see it end.
//!
//! A span carries what its own policy allows. What a destination may see besides, and what a span that
//! another library made for the same call is to be completed with, travels here by span id, in a bounded
//! table, bounded by count and by bytes. Each [`Consumer`] may take an operation once: it stays until as many have as there were when it
//! was put, so that none takes it from another; one that no span leads there is pushed out by later ones.

use crate::record::{Operation, weight::of_operation};
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

/// How many bytes may wait, by estimate: the newest waits whatever it weighs.
const BYTES: usize = 16 << 20;

/// An operation of so many bytes is not worth a copy without its content.
const LIGHT: usize = 4 << 10;

type Key = (TraceId, SpanId);

#[derive(Default)]
struct Table {
    operations: HashMap<Key, Waiting>,
    order: VecDeque<Key>,
    /// What waits weighs so much.
    bytes: usize,
}

struct Waiting {
    operation: Arc<Operation>,
    weight: usize,
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
        let (operation, weight) = kept(operation, is_consumed());
        let waiting = Waiting { operation, weight, takers };
        lock().get_or_insert_with(Table::default).put((span.trace_id(), span.span_id()), waiting);
    }
}

/// What waits of `operation`, and its weight. Without a reader of content that is let go, but of a failure: what
/// an error may say goes by what was said.
fn kept(operation: &Arc<Operation>, is_read: bool) -> (Arc<Operation>, usize) {
    let weight = of_operation(operation);
    if is_read || weight <= LIGHT || operation.outcome.error().is_some() {
        return (Arc::clone(operation), weight);
    }
    let bare = operation.without_content();
    let weight = of_operation(&bare);
    (Arc::new(bare), weight)
}

/// The operation of this span, once for each consumer.
pub(crate) fn take(span: &SpanContext) -> Option<Arc<Operation>> {
    lock().as_mut()?.take(&(span.trace_id(), span.span_id()))
}

impl Table {
    fn put(&mut self, key: Key, waiting: Waiting) {
        self.remove(&key);
        self.bytes += waiting.weight;
        self.operations.insert(key, waiting);
        self.order.push_back(key);
        // Keys of operations that were taken leave the order here, so it stays as bounded as the map.
        while self.order.len() > CAPACITY || (self.bytes > BYTES && self.order.len() > 1) {
            if let Some(oldest) = self.order.pop_front() {
                self.remove(&oldest);
            }
        }
    }

    fn take(&mut self, key: &Key) -> Option<Arc<Operation>> {
        let waiting = self.operations.get_mut(key)?;
        waiting.takers = waiting.takers.saturating_sub(1);
        if waiting.takers > 0 {
            return Some(Arc::clone(&waiting.operation));
        }
        self.remove(key)
    }

    fn remove(&mut self, key: &Key) -> Option<Arc<Operation>> {
        let waiting = self.operations.remove(key)?;
        self.bytes -= waiting.weight;
        Some(waiting.operation)
    }
}

fn lock() -> MutexGuard<'static, Option<Table>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{
            Call, ErrorInfo, ErrorKind, FinishReason, Message, OperationKind, Outcome, Part, Request,
            Response, Role, ToolExecution,
        },
        vocabulary::gen_ai,
    };

    fn key(id: u64) -> Key {
        (TraceId::from(u128::from(id)), SpanId::from(id))
    }

    fn waiting(takers: usize) -> Waiting {
        let call = Call::Tool(Box::<ToolExecution>::default());
        Waiting { operation: Arc::new(Operation::new(OperationKind::ExecuteTool, call)), weight: 512, takers }
    }

    fn heavy(weight: usize) -> Waiting {
        Waiting { weight, ..waiting(2) }
    }

    #[test]
    fn what_one_of_two_has_taken_is_pushed_out_by_bytes() {
        let mut table = Table::default();
        for id in 1..=300 {
            table.put(key(id), heavy(1 << 20));
            assert!(table.take(&key(id)).is_some());
        }
        assert_eq!((table.operations.len(), table.bytes), (16, BYTES));
        assert!(table.take(&key(284)).is_none());
        assert!((285..=300).all(|id| table.take(&key(id)).is_some()));
        assert_eq!(table.bytes, 0);
    }

    #[test]
    fn the_newest_waits_whatever_it_weighs() {
        let mut table = Table::default();
        table.put(key(1), heavy(1));
        table.put(key(2), heavy(2 * BYTES));
        assert!(table.take(&key(1)).is_none());
        assert!(table.take(&key(2)).is_some());
    }

    #[test]
    fn an_operation_that_is_put_again_counts_once() {
        let mut table = Table::default();
        table.put(key(1), heavy(100));
        table.put(key(1), heavy(10));
        assert_eq!(table.bytes, 10);
    }

    fn long() -> Operation {
        let model = Some("gpt-4o".to_owned());
        let mut request = Request { model, temperature: Some(0.5), ..Request::default() };
        request.messages.push(Message::text(Role::User, "x".repeat(1 << 20)));
        let mut response = Response { id: Some("c-1".to_owned()), ..Response::default() };
        response.usage.input_tokens = Some(7);
        let choice = response.choice_mut(0);
        choice.message.parts.push(Part::Text("y".repeat(1 << 20)));
        choice.finish_reason = Some(FinishReason::Stop);
        let call = Call::Inference { request: Box::new(request), response: Arc::new(response) };
        let mut operation = Operation::new(OperationKind::Chat, call);
        operation.outcome = Outcome::Done;
        operation
    }

    #[test]
    fn no_content_waits_where_nobody_reads_it_and_everything_else_does() {
        let operation = Arc::new(long());
        let (bare, weight) = kept(&operation, false);
        assert!(weight < LIGHT, "{weight}");
        assert_eq!(gen_ai::attributes(&bare), gen_ai::attributes(&operation));
        assert_eq!(gen_ai::fields(&bare), gen_ai::fields(&operation));
        assert!(Arc::ptr_eq(&kept(&operation, true).0, &operation));
    }

    #[test]
    fn what_was_said_waits_with_a_failure_for_its_words() {
        let mut operation = long();
        operation.outcome = Outcome::Failed(Box::new(ErrorInfo::new(ErrorKind::InvalidRequest, "no")));
        let operation = Arc::new(operation);
        assert!(Arc::ptr_eq(&kept(&operation, false).0, &operation));
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
