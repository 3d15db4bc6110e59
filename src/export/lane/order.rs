//! Which parcels have to be gone before others: an evaluation comes after its span.

use crate::export::tracia::Subject;
use std::collections::{BTreeSet, HashMap};

/// What is open or pending, for what must not come before it.
#[derive(Debug, Default)]
pub(super) struct Order {
    spans: HashMap<u64, Awaited>,
    /// How many parcels there are of which it is not known what they bring.
    unknown: usize,
}

/// A span that is open or pending.
#[derive(Debug, Default)]
struct Awaited {
    /// How many live spans have this id and are waited for.
    open: usize,
    /// How many parcels bring it.
    pending: usize,
    /// The positions of what waits.
    waiting: BTreeSet<i64>,
}

/// What a parcel waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Nothing,
    /// A span that is to be sent.
    Pending,
    /// A span that is to end.
    Open,
}

impl Order {
    pub(super) fn add(&mut self, subject: Option<Subject>) {
        match subject {
            None => self.unknown += 1,
            Some(Subject { follows: true, .. }) => {}
            Some(Subject { span, .. }) => self.spans.entry(span).or_default().pending += 1,
        }
    }

    /// A parcel is gone: the positions of what need not wait for it any more.
    pub(super) fn remove(&mut self, position: i64, subject: Option<Subject>) -> BTreeSet<i64> {
        let Some(Subject { span, follows }) = subject else {
            self.unknown = self.unknown.saturating_sub(1);
            return BTreeSet::new();
        };
        let Some(awaited) = self.spans.get_mut(&span) else { return BTreeSet::new() };
        if follows {
            awaited.waiting.remove(&position);
            return BTreeSet::new();
        }
        awaited.pending = awaited.pending.saturating_sub(1);
        self.let_go(span)
    }

    /// A span lives, and what is about it waits for its end.
    pub(super) fn hold(&mut self, span: u64) {
        self.spans.entry(span).or_default().open += 1;
    }

    /// A span ended that was held: the positions of what need not wait for that any more.
    pub(super) fn release(&mut self, span: u64) -> BTreeSet<i64> {
        let Some(awaited) = self.spans.get_mut(&span) else { return BTreeSet::new() };
        awaited.open = awaited.open.saturating_sub(1);
        self.let_go(span)
    }

    /// Takes those that waited for more than there is now.
    fn let_go(&mut self, span: u64) -> BTreeSet<i64> {
        match self.spans.get_mut(&span) {
            Some(Awaited { open: 0, pending: 0, .. }) => self.spans.remove(&span).unwrap_or_default().waiting,
            Some(Awaited { open: 0, waiting, .. }) => std::mem::take(waiting),
            _ => BTreeSet::new(),
        }
    }

    /// What a parcel waits for, by what is known of spans.
    pub(super) fn wait(&mut self, position: i64, subject: Option<Subject>) -> Wait {
        let subject = subject.filter(|subject| subject.follows);
        let Some(awaited) = subject.and_then(|subject| self.spans.get_mut(&subject.span)) else {
            return Wait::Nothing;
        };
        awaited.waiting.insert(position);
        if awaited.open > 0 { Wait::Open } else { Wait::Pending }
    }

    /// Whether the span that a parcel must not come before may be open or pending: one that is being `packed` before it
    /// too.
    pub(super) fn holds(&self, position: i64, subject: Option<Subject>, packed: Option<i64>) -> bool {
        subject.is_some_and(|subject| {
            subject.follows
                && (self.unknown > 0
                    || self.spans.contains_key(&subject.span)
                    || packed.is_some_and(|first| first < position))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Subject = Subject { span: 7, follows: false };
    const EVALUATION: Subject = Subject { span: 7, follows: true };

    #[test]
    fn an_evaluation_waits_for_its_own_span_alone() {
        let mut order = Order::default();
        order.add(Some(Subject { span: 8, ..SPAN }));
        assert!(!order.holds(1, Some(EVALUATION), None));
        order.add(Some(SPAN));
        assert!(order.holds(1, Some(EVALUATION), None));
        assert!(!order.holds(1, Some(SPAN), None));
        order.remove(0, Some(SPAN));
        assert!(!order.holds(1, Some(EVALUATION), None));
    }

    #[test]
    fn an_evaluation_waits_for_what_may_be_its_span() {
        let mut order = Order::default();
        order.add(None);
        assert!(order.holds(1, Some(EVALUATION), None));
        assert!(!order.holds(1, None, None));
        order.remove(0, None);
        assert!(order.holds(1, Some(EVALUATION), Some(0)));
        assert!(!order.holds(1, Some(EVALUATION), Some(2)));
    }

    #[test]
    fn an_evaluation_waits_for_the_last_span_of_that_id_to_end_and_then_for_it_to_be_sent() {
        let mut order = Order::default();
        order.hold(7);
        order.hold(7);
        assert_eq!(order.wait(1, Some(EVALUATION)), Wait::Open);
        assert_eq!(order.wait(2, Some(EVALUATION)), Wait::Open);
        assert_eq!(order.wait(3, Some(SPAN)), Wait::Nothing);
        assert_eq!(order.wait(4, Some(Subject { span: 8, ..EVALUATION })), Wait::Nothing);
        order.remove(2, Some(EVALUATION));
        order.add(Some(SPAN));
        assert!(order.release(7).is_empty());
        assert_eq!(order.release(7), [1].into());
        assert_eq!(order.wait(1, Some(EVALUATION)), Wait::Pending);
        assert!(order.holds(1, Some(EVALUATION), None));
        assert_eq!(order.remove(3, Some(SPAN)), [1].into());
        assert_eq!(order.wait(1, Some(EVALUATION)), Wait::Nothing);
        assert!(order.spans.is_empty());
    }
}
