//! The courier: one thread that brings batches to the destinations.

use super::{
    delivery::Delivery,
    destination::Address,
    lane::Lane,
    report::{Hook, Problem},
    spooling::{Alarm, Spooling},
};
use crate::{Error, span::deferred};
use opentelemetry::Context;
use std::{
    cell::RefCell,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc as std_mpsc,
    },
    thread::ThreadId,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::{LocalSet, spawn_local},
    time::timeout,
};
use tracing::{
    Dispatch,
    dispatcher::{DefaultGuard, set_default},
};

/// How a caller hears that a command was done: with whether it was done in full.
type Done = Box<dyn FnOnce(bool) + Send>;

enum Command {
    Flush { patience: Duration, done: Done },
    Shutdown { patience: Duration, done: Done },
    Tell(Problem),
}

/// The way to the courier's thread. Where none runs, commands are done at once.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    sender: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<ThreadId>,
    /// Whether the courier writes to the spool what is left at the end.
    is_finishing: Arc<AtomicBool>,
}

/// How long writing what is left to the spool may take: a disk that hangs must not hold the program's end for ever.
const LONGEST_FINISH: Duration = Duration::from_secs(60);

impl Commands {
    pub(super) fn nowhere() -> Self {
        Self { sender: None, thread: None, is_finishing: Arc::default() }
    }

    fn send(&self, command: Command) -> Result<(), Command> {
        match &self.sender {
            Some(sender) => sender.send(command).map_err(|refused| refused.0),
            None => Err(command),
        }
    }

    /// Has the courier tell a problem; gives it back where there is none.
    pub(super) fn tell(&self, problem: Problem) -> Result<(), Problem> {
        match self.send(Command::Tell(problem)) {
            Err(Command::Tell(problem)) => Err(problem),
            _ => Ok(()),
        }
    }

    /// Whether everything recorded so far was accounted for in time.
    pub(super) async fn flush(&self, patience: Duration) -> bool {
        let (sender, receiver) = oneshot::channel();
        let done = Box::new(move |whole| _ = sender.send(whole));
        // One that a shutdown interrupts has not seen the end.
        self.send(Command::Flush { patience, done }).is_err() || receiver.await.unwrap_or(false)
    }

    pub(super) fn flush_blocking(&self, patience: Duration) -> bool {
        self.wait_blocking(patience, |done| Command::Flush { patience, done })
    }

    /// Delivers what it can, drops the rest, and ends the thread.
    pub(super) async fn shut_down(&self, patience: Duration) -> bool {
        let (sender, receiver) = oneshot::channel();
        let done = Box::new(move |whole| _ = sender.send(whole));
        self.send(Command::Shutdown { patience, done }).is_err() || receiver.await.unwrap_or(false)
    }

    pub(super) fn shut_down_blocking(&self, patience: Duration) -> bool {
        self.wait_blocking(patience, |done| Command::Shutdown { patience, done })
    }

    fn wait_blocking(&self, patience: Duration, command: impl FnOnce(Done) -> Command) -> bool {
        // A hook runs on the courier's thread, which cannot wait for itself; nor can the reader of bodies, for
        // whom the courier waits.
        if self.thread == Some(std::thread::current().id()) || deferred::is_reader() {
            return false;
        }
        let (sender, receiver) = std_mpsc::sync_channel(1);
        let done = Box::new(move |whole| _ = sender.send(whole));
        if self.send(command(done)).is_err() {
            return true;
        }
        // The courier keeps the time; this is for a courier that a slow hook holds up, or that writes to the spool
        // what is left.
        let started = Instant::now();
        let mut most = patience.saturating_add(Duration::from_millis(500));
        loop {
            match receiver.recv_timeout(most) {
                Ok(whole) => return whole,
                Err(std_mpsc::RecvTimeoutError::Disconnected) => return false,
                Err(std_mpsc::RecvTimeoutError::Timeout) => {
                    let is_over = started.elapsed() > patience.saturating_add(LONGEST_FINISH);
                    if is_over || !self.is_finishing.load(Ordering::SeqCst) {
                        return false;
                    }
                    most = Duration::from_millis(100);
                }
            }
        }
    }
}

/// Starts the thread. It ends at a shutdown, or when the last of the commands' senders is gone.
pub(super) fn start(
    routes: Vec<(Arc<Lane>, Address)>,
    spooling: Option<Spooling>,
    hook: Hook,
) -> Result<Commands, Error> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (ready, started) = std_mpsc::sync_channel(1);
    let is_finishing = Arc::<AtomicBool>::default();
    let finishing = Arc::clone(&is_finishing);
    let thread = std::thread::Builder::new()
        .name("tracing-genai".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .thread_name("tracing-genai-blocking")
                .on_thread_park(|| silence(false))
                .on_thread_unpark(|| silence(true))
                .build();
            match runtime {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    let _suppressed = Context::enter_telemetry_suppressed_scope();
                    silence(true);
                    LocalSet::new().block_on(&runtime, run(routes, spooling, hook, receiver, finishing));
                    // A name lookup that hangs must not hold the thread.
                    runtime.shutdown_background();
                }
                Err(error) => _ = ready.send(Err(error)),
            }
        })
        .and_then(|thread| match started.recv() {
            Ok(Err(error)) => Err(error),
            _ => Ok(thread.thread().id()),
        })
        .map_err(|error| Error::configuration("the export thread cannot be started").with_source(error))?;
    Ok(Commands { sender: Some(sender), thread: Some(thread), is_finishing })
}

thread_local! {
    static SILENCE: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// Keeps what happens on this thread from becoming telemetry of its own, which would be exported
/// and make more. Only while the thread works: a thread with a subscriber of its own takes
/// `tracing`'s fast path from the whole program.
fn silence(on: bool) {
    SILENCE.with_borrow_mut(|silence| {
        // The old guard goes first: dropped later it would put the program's subscriber back.
        *silence = None;
        *silence = on.then(|| set_default(&Dispatch::none()));
    });
}

/// Runs a hook of the program with the program's subscriber, on this thread too: it may well log.
pub(super) fn aloud(hook: impl FnOnce()) {
    let was_silent = SILENCE.with_borrow_mut(Option::take).is_some();
    hook();
    if was_silent {
        silence(true);
    }
}

async fn run(
    routes: Vec<(Arc<Lane>, Address)>,
    spooling: Option<Spooling>,
    hook: Hook,
    mut commands: mpsc::UnboundedReceiver<Command>,
    is_finishing: Arc<AtomicBool>,
) {
    let lanes: Rc<[Arc<Lane>]> = routes.iter().map(|(lane, _)| Arc::clone(lane)).collect();
    let alarm = spooling.as_ref().map(|spooling| Arc::clone(spooling.alarm()));
    for (lane, address) in routes {
        let delivery = Delivery::new(lane, address, hook.clone());
        spawn_local(Rc::new(delivery).work());
    }
    let (patience, done) = loop {
        match commands.recv().await {
            Some(Command::Flush { patience, done }) => {
                let (lanes, alarm) = (Rc::clone(&lanes), alarm.clone());
                let deadline = Instant::now().checked_add(patience);
                spawn_local(async move {
                    read_the_rest(patience).await;
                    done(settle(&lanes, alarm.as_deref(), 0, left(deadline, patience)).await);
                });
            }
            Some(Command::Shutdown { patience, done }) => break (patience, done),
            Some(Command::Tell(problem)) => hook.tell(&problem),
            None => break (Duration::ZERO, Box::new(|_| ()) as Done),
        }
    };
    let deadline = Instant::now().checked_add(patience);
    read_the_rest(patience).await;
    for lane in lanes.iter() {
        lane.close();
    }
    if let Some(alarm) = &alarm {
        // What earlier runs left belongs to what is delivered at the end.
        let _ = timeout(left(deadline, patience), found(&lanes, alarm)).await;
    }
    let whole = settle(&lanes, alarm.as_deref(), i64::MIN, left(deadline, patience)).await;
    is_finishing.store(true, Ordering::SeqCst);
    // What another thread encodes, writes or removes at this moment is done in a moment.
    let _ = timeout(IN_WORK, idle(&lanes)).await;
    let problems = spooling.map(Spooling::finish).unwrap_or_default();
    for problem in problems.into_iter().chain(lanes.iter().filter_map(|lane| lane.abandon())) {
        hook.tell(&problem);
    }
    for lane in lanes.iter() {
        lane.leave_shelf();
    }
    commands.close();
    // Whoever came after the shutdown gets an answer too.
    while let Ok(command) = commands.try_recv() {
        match command {
            Command::Flush { done, .. } | Command::Shutdown { done, .. } => done(whole),
            Command::Tell(problem) => hook.tell(&problem),
        }
    }
    done(whole);
}

/// Waits until the spool was looked through once.
async fn found(lanes: &[Arc<Lane>], alarm: &Alarm) {
    if let Some(lane) = lanes.first() {
        until(lane, || alarm.has_looked()).await;
    }
}

/// How long a shutdown waits for what other threads have in work, which takes milliseconds.
const IN_WORK: Duration = Duration::from_secs(1);

async fn idle(lanes: &[Arc<Lane>]) {
    for lane in lanes {
        until(lane, || !lane.is_busy()).await;
    }
}

/// Waits until something is so that changes as a lane's spans are accounted for.
async fn until(lane: &Lane, is_so: impl Fn() -> bool) {
    loop {
        let mut settled = pin!(lane.settled.notified());
        // Registered before the look, so that nothing is missed in between.
        settled.as_mut().enable();
        if is_so() {
            return;
        }
        settled.await;
    }
}

/// Waits for spans that have ended and whose bodies are still to be read: they belong to what is delivered.
async fn read_the_rest(patience: Duration) {
    let (sender, receiver) = oneshot::channel();
    deferred::when_read(move || _ = sender.send(()));
    let _ = timeout(patience, receiver).await;
}

/// What is left of `patience` until `deadline`, which a limit beyond the clock's range has not.
fn left(deadline: Option<Instant>, patience: Duration) -> Duration {
    deadline.map_or(patience, |deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Waits until everything from the position `first` on that is recorded so far is accounted for, at most for
/// `patience`: whether it is, and all settings are right but those of
/// ways that are beside. For a destination whose settings are wrong it does not wait longer than until that has said so
/// again.
async fn settle(lanes: &[Arc<Lane>], alarm: Option<&Alarm>, first: i64, patience: Duration) -> bool {
    let marks: Vec<i64> = lanes.iter().map(|lane| lane.mark()).collect();
    let _waits = Waiting::begin(lanes);
    if let Some(alarm) = alarm {
        alarm.urge();
    }
    // All of them first: one that is down must not hold another up.
    for lane in lanes {
        lane.hasten();
    }
    let all = async {
        for (lane, mark) in lanes.iter().zip(&marks) {
            until(lane, || lane.is_settled(first..*mark) || lane.is_misconfigured_lately()).await;
        }
    };
    let _ = timeout(patience, all).await;
    lanes.iter().zip(&marks).all(|(lane, mark)| lane.is_settled(first..*mark) && !lane.fails_flushes())
}

/// Has the lanes send first what somebody waits for.
struct Waiting<'a>(&'a [Arc<Lane>]);

impl<'a> Waiting<'a> {
    fn begin(lanes: &'a [Arc<Lane>]) -> Self {
        lanes.iter().for_each(|lane| lane.flushing(true));
        Self(lanes)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|lane| lane.flushing(false));
    }
}
