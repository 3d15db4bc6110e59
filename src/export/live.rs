//! The spans that live, for what a span's end must know of the spans above it and below it.

use super::pipeline::Finished;
use opentelemetry::trace::{SpanContext, SpanId, TraceId};
use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many live spans are known: what starts beyond them is not looked after.
const CAPACITY: usize = 65_536;

/// How many generations up are looked at for one span.
const MOST_GENERATIONS: usize = 256;

/// Of how many spans that ended it is known which id the program gave them, for evaluations to come.
const MOST_RENAMED: usize = 4_096;

/// How many evaluations wait for the end of one span.
const MOST_FOLLOWERS: usize = 64;

type Key = (TraceId, SpanId);

/// The live spans of all providers that the pipeline has a processor in, by their ids.
#[derive(Debug)]
pub(super) struct Live {
    spans: Mutex<HashMap<Key, Entry>>,
    capacity: usize,
    renamed: Mutex<Renamed>,
}

/// The ids in Tracia of spans that the program named, the newest.
#[derive(Debug, Default)]
struct Renamed {
    ids: HashMap<Key, Arc<str>>,
    order: VecDeque<Key>,
}

#[derive(Debug)]
struct Entry {
    parent: SpanId,
    /// As far as it was known when the span started.
    is_gen_ai: bool,
    is_above_gen_ai: bool,
    nearest_gen_ai: Option<SpanId>,
    local_root: SpanId,
    /// Its id in Tracia, if it is a call that goes there.
    call: Option<Arc<str>>,
    nearest_call: Option<Arc<str>>,
    /// What waits for its end.
    followers: Vec<Arc<Finished>>,
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
    /// What waited for its end.
    pub(super) followers: Vec<Arc<Finished>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { spans: Mutex::default(), capacity: CAPACITY, renamed: Mutex::default() }
    }
}

impl Live {
    fn spans(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A span starts, with its id in Tracia if it is a call that goes there; a twin of it may have started before.
    pub(super) fn start(&self, span: &SpanContext, parent: SpanId, is_gen_ai: bool, call: Option<Arc<str>>) {
        let trace = span.trace_id();
        let mut spans = self.spans();
        let above = spans.get(&(trace, parent));
        let nearest_call =
            above.and_then(|above| above.call.as_ref().or(above.nearest_call.as_ref()).cloned());
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
            call,
            nearest_call,
            followers: Vec::new(),
            holders: 1,
        };
        let key = (trace, span.span_id());
        // The one of our own pipeline starts last, and its parent is the one that is sent.
        if let Some(twin) = spans.get_mut(&key) {
            let (holders, followers) = (twin.holders + 1, mem::take(&mut twin.followers));
            *twin = Entry { holders, followers, is_above_gen_ai: twin.is_above_gen_ai, ..entry };
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
        let ended = spans.get_mut(&key).map(|entry| Ended {
            is_above_gen_ai: entry.is_above_gen_ai,
            nearest_gen_ai: entry.nearest_gen_ai,
            local_root: entry.local_root,
            nearest_call: entry.nearest_call.clone(),
            followers: mem::take(&mut entry.followers),
        });
        let was_gen_ai = spans.get(&key).is_some_and(|entry| entry.is_gen_ai);
        if is_gen_ai && !was_gen_ai {
            mark_above(&mut spans, span.trace_id(), parent);
        }
        let_go(&mut spans, key);
        ended
    }

    /// Keeps an evaluation until the span ends that it is of; gives it back where that does not live.
    pub(super) fn follow(&self, judged: SpanId, evaluation: Arc<Finished>) -> Result<(), Arc<Finished>> {
        let key = (evaluation.span.span_context.trace_id(), judged);
        match self.spans().get_mut(&key).filter(|entry| entry.followers.len() < MOST_FOLLOWERS) {
            Some(entry) => {
                entry.followers.push(evaluation);
                Ok(())
            }
            None => Err(evaluation),
        }
    }

    fn renamed(&self) -> MutexGuard<'_, Renamed> {
        self.renamed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A span ended that has this id in Tracia by the program's word.
    pub(super) fn rename(&self, span: &SpanContext, id: &str) {
        let key = (span.trace_id(), span.span_id());
        let mut renamed = self.renamed();
        if renamed.ids.insert(key, id.into()).is_none() {
            renamed.order.push_back(key);
        }
        if renamed.order.len() > MOST_RENAMED {
            if let Some(oldest) = renamed.order.pop_front() {
                renamed.ids.remove(&oldest);
            }
        }
    }

    /// The id in Tracia that the program gave a span, which lives or ended a while ago.
    pub(super) fn name_of(&self, trace: TraceId, span: SpanId) -> Option<Arc<str>> {
        let key = (trace, span);
        let ended = self.renamed().ids.get(&key).cloned();
        ended.or_else(|| self.spans().get(&key)?.call.clone())
    }

    /// A span ends whose twin is sent in its stead.
    pub(super) fn end_twin(&self, span: &SpanContext) {
        let_go(&mut self.spans(), (span.trace_id(), span.span_id()));
    }
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
            self.start(&context(span), SpanId::from(parent), is_gen_ai, None);
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
        live.start(&elsewhere, SpanId::from(1), true, None);
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
}
