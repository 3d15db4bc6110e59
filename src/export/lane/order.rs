//! Which parcels have to be gone before others: an evaluation comes after its span.

use crate::export::tracia::Subject;
use std::collections::{BTreeSet, HashMap};

/// What is pending, for what must not come before it.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// How many parcels bring each span.
    spans: HashMap<u64, usize>,
    /// How many there are of which it is not known what they bring.
    unknown: usize,
    /// The spans that are still to end, with what waits for that.
    open: HashMap<u64, Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// How many live spans have this id.
    holders: usize,
    /// The positions of what waits.
    waiting: BTreeSet<i64>,
}

impl Order {
    pub(super) fn add(&mut self, subject: Option<Subject>) {
        match subject {
            None => self.unknown += 1,
            Some(Subject { follows: true, .. }) => {}
            Some(Subject { span, .. }) => *self.spans.entry(span).or_default() += 1,
        }
    }

    pub(super) fn remove(&mut self, position: i64, subject: Option<Subject>) {
        match subject {
            None => self.unknown = self.unknown.saturating_sub(1),
            Some(Subject { follows: true, span }) => {
                if let Some(open) = self.open.get_mut(&span) {
                    open.waiting.remove(&position);
                }
            }
            Some(Subject { span, follows: false }) => {
                if let Some(count) = self.spans.get_mut(&span) {
                    *count -= 1;
                    if *count == 0 {
                        self.spans.remove(&span);
                    }
                }
            }
        }
    }

    /// A span lives, and what is about it waits for its end.
    pub(super) fn hold(&mut self, span: u64) {
        self.open.entry(span).or_default().holders += 1;
    }

    /// A span ended that was held: the positions of what need not wait for that any more.
    pub(super) fn release(&mut self, span: u64) -> BTreeSet<i64> {
        let Some(open) = self.open.get_mut(&span) else { return BTreeSet::new() };
        open.holders = open.holders.saturating_sub(1);
        if open.holders > 0 {
            return BTreeSet::new();
        }
        self.open.remove(&span).unwrap_or_default().waiting
    }

    /// Notes that a parcel waits for the end of a span; whether it does.
    pub(super) fn set_aside(&mut self, position: i64, subject: Option<Subject>) -> bool {
        let open =
            subject.filter(|subject| subject.follows).and_then(|subject| self.open.get_mut(&subject.span));
        open.map(|open| open.waiting.insert(position)).is_some()
    }

    /// Whether the span that a parcel must not come before may be open or pending: one that is being `packed` before it too.
    pub(super) fn holds(&self, position: i64, subject: Option<Subject>, packed: Option<i64>) -> bool {
        subject.is_some_and(|subject| {
            subject.follows
                && (self.unknown > 0
                    || self.open.contains_key(&subject.span)
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
    fn an_evaluation_is_set_aside_until_the_last_span_of_that_id_ends() {
        let mut order = Order::default();
        order.hold(7);
        order.hold(7);
        assert!(order.set_aside(1, Some(EVALUATION)));
        assert!(order.set_aside(2, Some(EVALUATION)));
        assert!(!order.set_aside(3, Some(SPAN)));
        assert!(!order.set_aside(4, Some(Subject { span: 8, ..EVALUATION })));
        order.remove(2, Some(EVALUATION));
        assert!(order.release(7).is_empty());
        assert!(order.holds(1, Some(EVALUATION), None));
        assert_eq!(order.release(7), [1].into());
        assert!(!order.holds(1, Some(EVALUATION), None));
    }
}
