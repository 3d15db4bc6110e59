//! Which parcels have to be gone before others: an evaluation comes after its span.

use crate::export::tracia::Subject;
use std::collections::HashMap;

/// What is pending, for what must not come before it.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// How many parcels bring each span.
    spans: HashMap<u64, usize>,
    /// How many there are of which it is not known what they bring.
    unknown: usize,
}

impl Order {
    pub(super) fn add(&mut self, subject: Option<Subject>) {
        match subject {
            None => self.unknown += 1,
            Some(Subject { follows: true, .. }) => {}
            Some(Subject { span, .. }) => *self.spans.entry(span).or_default() += 1,
        }
    }

    pub(super) fn remove(&mut self, subject: Option<Subject>) {
        match subject {
            None => self.unknown = self.unknown.saturating_sub(1),
            Some(Subject { follows: true, .. }) => {}
            Some(Subject { span, .. }) => {
                if let Some(count) = self.spans.get_mut(&span) {
                    *count -= 1;
                    if *count == 0 {
                        self.spans.remove(&span);
                    }
                }
            }
        }
    }

    /// Whether the span that a parcel must not come before may be pending: one that is being `packed` before it too.
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
        order.remove(Some(SPAN));
        assert!(!order.holds(1, Some(EVALUATION), None));
    }

    #[test]
    fn an_evaluation_waits_for_what_may_be_its_span() {
        let mut order = Order::default();
        order.add(None);
        assert!(order.holds(1, Some(EVALUATION), None));
        assert!(!order.holds(1, None, None));
        order.remove(None);
        assert!(order.holds(1, Some(EVALUATION), Some(0)));
        assert!(!order.holds(1, Some(EVALUATION), Some(2)));
    }
}
