//! The spans that live, for what a span's end must know of the spans above it and below it.

use opentelemetry::trace::{SpanContext, SpanId, TraceId};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many live spans are known: what starts beyond them is not looked after.
const CAPACITY: usize = 65_536;

/// How many generations up are looked at for one span.
const MOST_GENERATIONS: usize = 256;

/// Of how many calls that ended it is known which id the program gave them, and of how many operations that they were
/// not sent, for evaluations to come.
const MOST_FATES: usize = 4_096;

type Key = (TraceId, SpanId);

/// The live spans of all providers that the pipeline has a processor in, by their ids.
#[derive(Debug)]
pub(super) struct Live {
    spans: Mutex<HashMap<Key, Entry>>,
    capacity: usize,
    /// Of calls to which the program gave an id.
    named: Mutex<Fates>,
    /// Of operations that were not sent.
    unsent: Mutex<Fates>,
}

/// What became of spans in Tracia that ended, the newest.
#[derive(Debug, Default)]
struct Fates {
    by_key: HashMap<Key, Fate>,
    order: VecDeque<Key>,
}

/// What becomes of a span in Tracia.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    #[default]
    Unknown,
    /// It is a call that goes there, under this id.
    Sent(Arc<str>),
    /// It does not go there.
    Unsent,
}

#[derive(Debug)]
struct Entry {
    parent: SpanId,
    /// As far as it was known when the span started.
    is_gen_ai: bool,
    is_above_gen_ai: bool,
    nearest_gen_ai: Option<SpanId>,
    local_root: SpanId,
    fate: Fate,
    nearest_call: Option<Arc<str>>,
    /// The id in Tracia by which evaluations of it wait for its end, if there are any.
    awaited: Option<Arc<str>>,
    /// Whether it ended, and a twin of it lives.
    has_ended: bool,
    /// How many spans have these ids: an operation's span may have a twin in another provider.
    holders: usize,
}

/// What is known of a span that ends.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// Whether a span of generative AI has started, or ended, somewhere below it.
    pub(super) is_above_gen_ai: bool,
    /// The nearest span of generative AI above it, as of its start; it may have ended since.
    pub(super) nearest_gen_ai: Option<SpanId>,
    /// The top-most span above it that this process knew at its start, or itself.
    pub(super) local_root: SpanId,
    /// The id in Tracia of the nearest call above it that goes there.
    pub(super) nearest_call: Option<Arc<str>>,
    /// The id in Tracia by which evaluations of it waited for its end, if there were any.
    pub(super) awaited: Option<Arc<str>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            spans: Mutex::default(),
            capacity: CAPACITY,
            named: Mutex::default(),
            unsent: Mutex::default(),
        }
    }
}

impl Live {
    fn spans(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A span starts, of which this is known of what becomes of it in Tracia; a twin of it may have started before.
    pub(super) fn start(&self, span: &SpanContext, parent: SpanId, is_gen_ai: bool, fate: Fate) {
        let trace = span.trace_id();
        let mut spans = self.spans();
        let above = spans.get(&(trace, parent));
        let nearest_call = above.and_then(|above| match &above.fate {
            Fate::Sent(id) => Some(Arc::clone(id)),
            _ => above.nearest_call.clone(),
        });
        let (nearest_gen_ai, local_root) = match above {
            Some(above) if above.is_gen_ai => (Some(parent), above.local_root),
            Some(above) => (above.nearest_gen_ai, above.local_root),
            None => (None, span.span_id()),
        };
        let entry = Entry {
            parent,
            is_gen_ai,
            is_above_gen_ai: false,
            nearest_gen_ai,
            local_root,
            fate,
            nearest_call,
            awaited: None,
            has_ended: false,
            holders: 1,
        };
        let key = (trace, span.span_id());
        // The one of our own pipeline starts last, and its parent is the one that is sent.
        if let Some(twin) = spans.get_mut(&key) {
            let (holders, awaited) = (twin.holders + 1, twin.awaited.take());
            *twin = Entry { holders, awaited, is_above_gen_ai: twin.is_above_gen_ai, ..entry };
        } else if spans.len() < self.capacity {
            spans.insert(key, entry);
        }
        if is_gen_ai {
            mark_above(&mut spans, trace, parent);
        }
    }

    /// A span ends, of which it is known now what it is about; `None` where it was not looked after.
    pub(super) fn end(&self, span: &SpanContext, parent: SpanId, is_gen_ai: bool) -> Option<Ended> {
        let mut spans = self.spans();
        let key = (span.trace_id(), span.span_id());
        let ended = spans.get_mut(&key).map(|entry| {
            entry.has_ended = true;
            Ended {
                is_above_gen_ai: entry.is_above_gen_ai,
                nearest_gen_ai: entry.nearest_gen_ai,
                local_root: entry.local_root,
                nearest_call: entry.nearest_call.clone(),
                awaited: entry.awaited.take(),
            }
        });
        let was_gen_ai = spans.get(&key).is_some_and(|entry| entry.is_gen_ai);
        if is_gen_ai && !was_gen_ai {
            mark_above(&mut spans, span.trace_id(), parent);
        }
        let_go(&mut spans, key);
        ended
    }

    /// The id in Tracia of a span that is judged: this one, unless it is known to have another; `None` where it is
    /// known that the span is not sent there. `hold` is called with the id where the span lives, the first time:
    /// before its end, which [tells](Ended::awaited) so.
    pub(super) fn judge(
        &self,
        trace: TraceId,
        judged: SpanId,
        id: Arc<str>,
        hold: impl FnOnce(&str),
    ) -> Option<Arc<str>> {
        let key = (trace, judged);
        if let Some(entry) = self.spans().get_mut(&key).filter(|entry| !entry.has_ended) {
            if let Some(awaited) = &entry.awaited {
                return Some(Arc::clone(awaited));
            }
            let id = match &entry.fate {
                Fate::Unsent => return None,
                Fate::Sent(own) => Arc::clone(own),
                Fate::Unknown => id,
            };
            // Under the lock, so that the end cannot come in between.
            hold(&id);
            entry.awaited = Some(Arc::clone(&id));
            return Some(id);
        }
        let find = |fates| locked(fates).by_key.get(&key).cloned();
        match find(&self.named).or_else(|| find(&self.unsent)) {
            Some(Fate::Unsent) => None,
            Some(Fate::Sent(own)) => Some(own),
            _ => Some(id),
        }
    }

    /// A span ended of which this became in Tracia.
    pub(super) fn remember(&self, span: &SpanContext, fate: Fate) {
        let key = (span.trace_id(), span.span_id());
        let mut fates = locked(if fate == Fate::Unsent { &self.unsent } else { &self.named });
        if fates.by_key.insert(key, fate).is_none() {
            fates.order.push_back(key);
        }
        if fates.order.len() > MOST_FATES {
            if let Some(oldest) = fates.order.pop_front() {
                fates.by_key.remove(&oldest);
            }
        }
    }

    /// A span ends whose twin is sent in its stead.
    pub(super) fn end_twin(&self, span: &SpanContext) {
        let_go(&mut self.spans(), (span.trace_id(), span.span_id()));
    }
}

fn locked(fates: &Mutex<Fates>) -> MutexGuard<'_, Fates> {
    fates.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks what lives above a span of generative AI, from its parent on.
fn mark_above(spans: &mut HashMap<Key, Entry>, trace: TraceId, parent: SpanId) {
    let mut next = parent;
    for _ in 0..MOST_GENERATIONS {
        let Some(entry) = spans.get_mut(&(trace, next)) else { return };
        // What is above a marked one was marked with it.
        if entry.is_above_gen_ai {
            return;
        }
        entry.is_above_gen_ai = true;
        next = entry.parent;
    }
}

fn let_go(spans: &mut HashMap<Key, Entry>, key: Key) {
    if let Some(entry) = spans.get_mut(&key) {
        entry.holders -= 1;
        if entry.holders == 0 {
            spans.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{TraceFlags, TraceState};

    fn context(span: u64) -> SpanContext {
        let trace = TraceId::from(7);
        SpanContext::new(trace, SpanId::from(span), TraceFlags::SAMPLED, false, TraceState::NONE)
    }

    impl Live {
        fn starts(&self, span: u64, parent: u64, is_gen_ai: bool) {
            self.start(&context(span), SpanId::from(parent), is_gen_ai, Fate::Unknown);
        }

        fn ends(&self, span: u64, parent: u64, is_gen_ai: bool) -> Option<Ended> {
            self.end(&context(span), SpanId::from(parent), is_gen_ai)
        }

        /// Whether a span that is not about generative AI ends above one that is.
        fn ends_above(&self, span: u64, parent: u64) -> bool {
            self.ends(span, parent, false).unwrap().is_above_gen_ai
        }
    }

    #[test]
    fn every_live_ancestor_of_a_gen_ai_span_is_above_it_and_no_other_span() {
        let live = Live::default();
        live.starts(1, 0, false);
        live.starts(2, 1, false);
        live.starts(3, 2, true);
        live.starts(4, 3, false);
        live.starts(5, 1, false);
        assert!(!live.ends_above(4, 3), "a child");
        assert!(!live.ends_above(5, 1), "a sibling");
        assert!(!live.ends(3, 2, true).unwrap().is_above_gen_ai);
        assert!(live.ends_above(2, 1));
        assert!(live.ends_above(1, 0));
    }

    #[test]
    fn an_ancestor_that_ends_before_the_gen_ai_span_below_it_is_above_it() {
        let live = Live::default();
        live.starts(1, 0, false);
        live.starts(2, 1, true);
        assert!(live.ends_above(1, 0));
    }

    #[test]
    fn a_span_that_turns_out_to_be_gen_ai_at_its_end_counts() {
        let live = Live::default();
        live.starts(1, 0, false);
        live.starts(2, 1, false);
        live.ends(2, 1, true);
        assert!(live.ends_above(1, 0));
    }

    #[test]
    fn a_span_of_another_trace_with_the_same_id_is_another() {
        let live = Live::default();
        live.starts(1, 0, false);
        let elsewhere =
            SpanContext::new(TraceId::from(8), SpanId::from(2), TraceFlags::SAMPLED, false, TraceState::NONE);
        live.start(&elsewhere, SpanId::from(1), true, Fate::Unknown);
        assert!(!live.ends_above(1, 0));
    }

    #[test]
    fn what_starts_beyond_the_capacity_is_not_looked_after_but_its_ancestors_are() {
        let live = Live { capacity: 1, ..Live::default() };
        live.starts(1, 0, false);
        live.starts(2, 1, true);
        live.starts(3, 1, false);
        assert_eq!(live.spans().len(), 1);
        assert!(live.ends(3, 1, false).is_none());
        assert!(live.ends(2, 1, true).is_none());
        assert!(live.ends_above(1, 0));
    }

    #[test]
    fn a_span_that_ended_makes_room() {
        let live = Live { capacity: 1, ..Live::default() };
        live.starts(1, 0, false);
        live.ends(1, 0, false);
        live.starts(2, 0, false);
        assert!(live.ends(2, 0, false).is_some());
        assert!(live.spans().is_empty());
    }

    #[test]
    fn a_chain_without_end_is_walked_a_bounded_way() {
        let live = Live::default();
        let depth = MOST_GENERATIONS as u64 + 2;
        for span in 1..depth {
            live.starts(span, span - 1, false);
        }
        live.starts(depth, depth - 1, true);
        assert!(!live.ends_above(1, 0));
        assert!(live.ends_above(2, 1));
    }

    #[test]
    fn the_end_of_one_of_two_twins_does_not_forget_the_other() {
        let live = Live::default();
        live.starts(1, 0, false);
        live.starts(2, 0, true);
        live.starts(2, 1, true);
        live.end_twin(&context(2));
        live.starts(3, 2, false);
        let below = live.ends(3, 2, false).unwrap();
        assert_eq!((below.nearest_gen_ai, below.local_root), (Some(SpanId::from(2)), SpanId::from(1)));
        assert!(live.ends(2, 1, true).is_some());
        assert!(live.ends_above(1, 0));
        assert!(live.spans().is_empty());
    }

    #[test]
    fn the_nearest_gen_ai_span_and_the_local_root_are_known_when_these_have_ended() {
        let live = Live::default();
        live.starts(1, 99, false);
        live.starts(2, 1, true);
        live.starts(3, 2, true);
        live.starts(4, 3, false);
        live.starts(5, 4, false);
        for (span, parent, is_gen_ai) in [(1, 99, false), (2, 1, true), (3, 2, true), (4, 3, false)] {
            live.ends(span, parent, is_gen_ai);
        }
        let ended = live.ends(5, 4, false).unwrap();
        assert_eq!((ended.nearest_gen_ai, ended.local_root), (Some(SpanId::from(3)), SpanId::from(1)));
    }

    #[test]
    fn a_span_below_another_process_is_its_own_local_root() {
        let live = Live::default();
        live.starts(1, 99, false);
        let ended = live.ends(1, 99, false).unwrap();
        assert_eq!((ended.nearest_gen_ai, ended.local_root), (None, SpanId::from(1)));
    }

    /// How often evaluations of a span were told to wait for it, and the id that they have.
    fn judged(live: &Live, span: u64) -> (usize, Option<String>) {
        let mut held = 0;
        let id = live.judge(TraceId::from(7), SpanId::from(span), "sp_given".into(), |_| held += 1);
        (held, id.map(|id| id.to_string()))
    }

    #[test]
    fn a_span_that_lives_is_held_once_for_its_evaluations_and_tells_so_at_its_end() {
        let live = Live::default();
        live.starts(1, 0, true);
        assert_eq!(judged(&live, 1), (1, Some("sp_given".into())));
        assert_eq!(judged(&live, 1), (0, Some("sp_given".into())));
        assert_eq!(live.ends(1, 0, true).unwrap().awaited.as_deref(), Some("sp_given"));
        assert_eq!(judged(&live, 1), (0, Some("sp_given".into())));
    }

    #[test]
    fn nothing_waits_for_a_span_that_ended_and_has_a_living_twin() {
        let live = Live::default();
        live.starts(1, 0, true);
        live.starts(1, 0, true);
        assert_eq!(judged(&live, 1).0, 1);
        assert!(live.ends(1, 0, true).unwrap().awaited.is_some());
        assert_eq!(judged(&live, 1).0, 0);
        live.end_twin(&context(1));
        assert!(live.spans().is_empty());
    }

    #[test]
    fn of_what_ended_it_is_known_for_a_while_what_became_of_it() {
        let live = Live::default();
        live.remember(&context(1), Fate::Sent("sp_own".into()));
        live.remember(&context(2), Fate::Unsent);
        assert_eq!(judged(&live, 1), (0, Some("sp_own".into())));
        assert_eq!(judged(&live, 2), (0, None));
        for span in 3..3 + MOST_FATES as u64 {
            live.remember(&context(span), Fate::Unsent);
        }
        assert_eq!(judged(&live, 2), (0, Some("sp_given".into())));
        assert_eq!(judged(&live, 1), (0, Some("sp_own".into())));
        assert_eq!(locked(&live.unsent).by_key.len(), MOST_FATES);
    }
}
