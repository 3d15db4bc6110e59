//! The spool's own thread: it brings to the disk what memory holds, so that neither those who record nor those who
//! send wait for a disk.

use super::{
    lane::{Lane, Shelf, reason},
    report::{Hook, Problem, ProblemKind},
    spool::{Durability, Spool, Store, Trouble},
};
use crate::Error;
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

/// How long spans wait for others before they go to the disk together, with [`Durability::Always`].
const EAGER_DELAY: Duration = Duration::from_millis(50);
/// How often the spool is looked after: what other processes left, and what is too old.
const ROUNDS: Duration = Duration::from_secs(60);

/// Calls the spool's thread. Ringing while it is awake costs one load.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    bell: Mutex<Bell>,
    rung: Condvar,
    is_asleep: AtomicBool,
    is_hastened: AtomicBool,
    has_looked: AtomicBool,
}

#[derive(Debug, Default)]
struct Bell {
    is_rung: bool,
    is_hastened: bool,
    is_urgent: bool,
    is_over: bool,
}

impl Alarm {
    pub(super) fn ring(&self) {
        if self.is_asleep.load(Ordering::SeqCst) {
            self.set(|bell| bell.is_rung = true);
        }
    }

    /// Has it work now, since memory fills. Doing so again before it does costs one load.
    pub(super) fn hasten(&self) {
        if !self.is_hastened.load(Ordering::Relaxed) && !self.is_hastened.swap(true, Ordering::SeqCst) {
            self.set(|bell| bell.is_hastened = true);
        }
    }

    /// Has everything brought to the disk now, and the destinations look.
    pub(super) fn urge(&self) {
        self.set(|bell| bell.is_urgent = true);
    }

    fn end(&self) {
        self.set(|bell| bell.is_over = true);
    }

    fn set(&self, change: impl FnOnce(&mut Bell)) {
        change(&mut self.lock());
        self.rung.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Bell> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is rung, for `most` at most.
    fn sleep(&self, most: Duration) {
        let is_quiet =
            |bell: &mut Bell| !(bell.is_rung || bell.is_hastened || bell.is_urgent || bell.is_over);
        let wait = self.rung.wait_timeout_while(self.lock(), most, is_quiet);
        wait.unwrap_or_else(PoisonError::into_inner).0.is_rung = false;
    }

    /// Waits for more to come, unless somebody is in a hurry.
    fn collect(&self, time: Duration) {
        let has_time = |bell: &mut Bell| !(bell.is_hastened || bell.is_urgent || bell.is_over);
        drop(self.rung.wait_timeout_while(self.lock(), time, has_time));
    }

    /// Whether what earlier runs left was taken over.
    pub(super) fn has_looked(&self) -> bool {
        self.has_looked.load(Ordering::SeqCst)
    }

    fn take_urgency(&self) -> bool {
        let mut bell = self.lock();
        bell.is_hastened = false;
        self.is_hastened.store(false, Ordering::SeqCst);
        std::mem::take(&mut bell.is_urgent)
    }

    fn is_over(&self) -> bool {
        self.lock().is_over
    }
}

/// The thread, until it is ended.
#[derive(Debug)]
pub(super) struct Spooling {
    alarm: Arc<Alarm>,
    thread: Option<JoinHandle<()>>,
    lanes: Vec<Arc<Lane>>,
}

/// Opens the spool and starts its thread. A spool that cannot be used now is tried again later.
pub(super) fn start(
    settings: Spool,
    keys: Vec<String>,
    lanes: &[Arc<Lane>],
    hook: Hook,
) -> Result<Spooling, Error> {
    settings.check()?;
    let alarm = Arc::new(Alarm::default());
    let mut keeper = Keeper {
        settings,
        keys,
        lanes: lanes.to_vec(),
        alarm: Arc::clone(&alarm),
        hook,
        store: None,
        has_told: false,
        is_adopting: Arc::default(),
    };
    keeper.open();
    let thread =
        std::thread::Builder::new().name("tracing-genai-spool".into()).spawn(move || keeper.run()).map_err(
            |error| Error::configuration("the spool's thread cannot be started").with_source(error),
        )?;
    Ok(Spooling { alarm, thread: Some(thread), lanes: lanes.to_vec() })
}

impl Spooling {
    pub(super) fn alarm(&self) -> &Arc<Alarm> {
        &self.alarm
    }

    /// Ends the thread, and brings to the disk what is left in memory.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.stop();
        let mut problems = Vec::new();
        for lane in &self.lanes {
            lane.keep_all(&mut problems);
        }
        problems
    }

    fn stop(&mut self) {
        self.alarm.end();
        if let Some(thread) = self.thread.take() {
            // It ends by itself; one that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl Drop for Spooling {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Keeper {
    settings: Spool,
    /// What the spool knows the lanes by.
    keys: Vec<String>,
    lanes: Vec<Arc<Lane>>,
    alarm: Arc<Alarm>,
    hook: Hook,
    store: Option<Arc<Store>>,
    /// Whether it was told that there is no store.
    has_told: bool,
    /// Whether a thread takes over what other processes left.
    is_adopting: Arc<AtomicBool>,
}

impl Keeper {
    fn run(mut self) {
        let mut next_round = Instant::now();
        while !self.alarm.is_over() {
            let is_urgent = self.alarm.take_urgency();
            if Instant::now() >= next_round {
                self.look_after();
                next_round = Instant::now() + ROUNDS;
            }
            let mut problems = Vec::new();
            for lane in &self.lanes {
                lane.keep(&mut problems);
                if is_urgent {
                    lane.wake.notify_one();
                }
            }
            problems.iter().for_each(|problem| self.hook.tell(problem));
            self.rest(next_round);
        }
    }

    /// Waits for something to do, and then for more of it.
    fn rest(&self, next_round: Instant) {
        self.alarm.is_asleep.store(true, Ordering::SeqCst);
        // Looked at after that, so that nothing is missed in between.
        if !self.lanes.iter().any(|lane| lane.is_due_on_disk()) {
            self.alarm.sleep(next_round.saturating_duration_since(Instant::now()));
        }
        self.alarm.is_asleep.store(false, Ordering::SeqCst);
        let delay = self.lanes.first().map_or(EAGER_DELAY, |lane| lane.limits().delay);
        let is_eager = self.store.as_ref().is_some_and(|store| store.durability() == Durability::Always);
        self.alarm.collect(if is_eager { EAGER_DELAY } else { delay });
    }

    fn open(&mut self) {
        match Store::open(&self.settings, &self.keys) {
            Ok(store) => {
                let store = Arc::new(store);
                for (index, lane) in self.lanes.iter().enumerate() {
                    lane.put_on_shelf(Shelf {
                        store: Arc::clone(&store),
                        index,
                        alarm: Arc::clone(&self.alarm),
                    });
                }
                self.store = Some(store);
            }
            Err(trouble) if !self.has_told => {
                self.has_told = true;
                tell(&self.hook, &trouble);
            }
            Err(_) => {}
        }
    }

    /// Takes over what processes left that are gone, and drops what is too old.
    fn look_after(&mut self) {
        if self.store.is_none() {
            self.open();
        }
        match &self.store {
            Some(store) if !self.is_adopting.swap(true, Ordering::SeqCst) => self.adopt(store),
            Some(_) => {}
            None => has_looked(&self.alarm, &self.lanes),
        }
        let mut problems = Vec::new();
        for lane in &self.lanes {
            lane.expire(SystemTime::now(), &mut problems);
        }
        problems.iter().for_each(|problem| self.hook.tell(problem));
    }

    /// On a thread of its own: there may be much, and what is recorded meanwhile has to go to the disk in time.
    fn adopt(&self, store: &Arc<Store>) {
        let (store, lanes, hook) = (Arc::clone(store), self.lanes.clone(), self.hook.clone());
        let (alarm, is_adopting) = (Arc::clone(&self.alarm), Arc::clone(&self.is_adopting));
        let thread = std::thread::Builder::new().name("tracing-genai-adopt".into());
        let spawned = thread.spawn(move || {
            take_over(&store, &lanes, &hook);
            is_adopting.store(false, Ordering::SeqCst);
            has_looked(&alarm, &lanes);
        });
        if spawned.is_err() {
            // The next round tries again.
            self.is_adopting.store(false, Ordering::SeqCst);
            has_looked(&self.alarm, &self.lanes);
        }
    }
}

fn take_over(store: &Store, lanes: &[Arc<Lane>], hook: &Hook) {
    let found = store.adopt();
    for (shelf, entry) in found.entries {
        if let Some(lane) = lanes.get(shelf) {
            lane.recover(entry);
        }
    }
    for trouble in &found.troubles {
        if let Some(lane) = trouble.shelf.and_then(|shelf| lanes.get(shelf)) {
            lane.miss(trouble);
        }
        tell(hook, trouble);
    }
}

/// What earlier runs left is known now.
fn has_looked(alarm: &Alarm, lanes: &[Arc<Lane>]) {
    alarm.has_looked.store(true, Ordering::SeqCst);
    for lane in lanes {
        lane.settled.notify_waiters();
        lane.wake.notify_one();
    }
}

/// Each of what is wrong with the spool itself is news of its own.
fn tell(hook: &Hook, trouble: &Trouble) {
    hook.tell(&Problem {
        kind: ProblemKind::Spool,
        destination: trouble.destination.clone(),
        reason: Some(reason(trouble).to_owned()),
        message: trouble.message.clone(),
    });
}
