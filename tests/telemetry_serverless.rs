//! Runtimes that stand still: a flush before the freeze, and what a thaw brings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod export_receiver;

use export_receiver::{Program, balanced};
use std::time::{Duration, Instant};
use tracing_genai::testing::{Gate, OtlpSink, SinkAnswer};

const PATIENCE: Duration = Duration::from_secs(20);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_flush_delivers_while_the_runtimes_clock_stands_still() {
    let sink = OtlpSink::start().unwrap();
    let program = Program::sending_to(&[&sink.endpoint()]);
    let before = tokio::time::Instant::now();
    program.span("work");
    let report = balanced(program.telemetry.flush(PATIENCE).await.unwrap());
    assert_eq!((report.delivered, sink.spans().len()), (1, 1));
    assert_eq!(tokio::time::Instant::now(), before);
}

#[tokio::test(start_paused = true)]
async fn a_retry_needs_no_clock_of_the_runtime() {
    let sink = OtlpSink::start().unwrap();
    sink.answer_with(SinkAnswer::status(503));
    let program = Program::sending_to(&[&sink.endpoint()]);
    program.span("work");
    assert_eq!(program.telemetry.flush(PATIENCE).await.unwrap().delivered, 1);
    assert_eq!(sink.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flush_ends_by_the_wall_clock_where_the_runtimes_stands_still() {
    let (sink, gate) = (OtlpSink::start().unwrap(), Gate::new());
    sink.answer_with(SinkAnswer::accepted().held(&gate));
    let program = Program::sending_to(&[&sink.endpoint()]);
    program.span("work");
    let (start, patience) = (Instant::now(), Duration::from_millis(100));
    assert!(program.telemetry.flush(patience).await.is_err());
    assert!(start.elapsed() >= patience);
    assert_eq!(balanced(program.telemetry.report()).pending, 1);
    gate.release();
    assert_eq!(program.telemetry.flush(PATIENCE).await.unwrap().delivered, 1);
}

#[test]
fn a_flush_delivers_while_nothing_else_of_the_runtime_is_polled() {
    let sink = OtlpSink::start().unwrap();
    let program = Program::sending_to(&[&sink.endpoint()]);
    let runtime = runtime();
    program.span("work");
    // Not driven by anything: neither its tasks nor its timers run until the flush is over.
    let idle = runtime.spawn(std::future::pending::<()>());
    let report = program.telemetry.flush_blocking(PATIENCE).unwrap();
    assert_eq!((report.delivered, sink.spans().len()), (1, 1));
    idle.abort();
}

#[test]
fn a_flush_delivers_as_the_only_task_of_a_runtime_of_one_thread() {
    let sink = OtlpSink::start().unwrap();
    let program = Program::sending_to(&[&sink.endpoint()]);
    program.span("work");
    let report = runtime().block_on(program.telemetry.flush(PATIENCE)).unwrap();
    assert_eq!((report.delivered, sink.spans().len()), (1, 1));
}

#[test]
fn a_telemetry_outlives_the_runtimes_of_its_invocations() {
    let sink = OtlpSink::start().unwrap();
    let program = Program::sending_to(&[&sink.endpoint()]);
    for invocation in 1..=3 {
        program.span("work");
        let report = runtime().block_on(program.telemetry.flush(PATIENCE)).unwrap();
        assert_eq!((report.delivered, sink.spans().len() as u64), (invocation, invocation));
    }
}

/// A program that is stopped and goes on, as a sandbox that is frozen and thawed.
#[cfg(target_os = "linux")]
mod freeze {
    use super::{PATIENCE, Program, balanced};
    use std::{
        env, fs,
        io::{self, BufRead, BufReader, Write},
        net::{Shutdown, TcpListener, TcpStream},
        process::{Child, ChildStdin, Command, Stdio},
        sync::{Arc, Mutex, mpsc},
        thread,
        time::{Duration, Instant},
    };
    use tracing_genai::{
        Destination, Telemetry,
        testing::{Gate, OtlpSink, SinkAnswer},
    };

    const ENDPOINT: &str = "FROZEN_PROGRAM_ENDPOINT";
    const REQUEST_TIMEOUT: &str = "FROZEN_PROGRAM_REQUEST_TIMEOUT_MS";
    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(300);

    /// The program: for each line it ends spans, flushes, and says what became of them.
    #[test]
    #[ignore = "the others run it as a process of its own"]
    fn the_frozen_program() {
        let endpoint = env::var(ENDPOINT).unwrap();
        let timeout = Duration::from_millis(env::var(REQUEST_TIMEOUT).unwrap().parse().unwrap());
        let destination = Destination::otlp(endpoint).timeout(timeout);
        let program = Program::with(Telemetry::builder().destination(destination));
        for line in io::stdin().lines() {
            let line = line.unwrap();
            let (spans, patience) = line.split_once(' ').unwrap();
            for _ in 0..spans.parse().unwrap() {
                program.span("work");
            }
            let patience = Duration::from_millis(patience.parse().unwrap());
            let is_whole = program.telemetry.flush_blocking(patience).is_ok();
            let report = balanced(program.telemetry.report());
            let lost = report.rejected + report.dropped;
            let words = format!(
                "said {is_whole} {} {} {} {lost}\n",
                report.recorded, report.delivered, report.pending
            );
            io::stderr().write_all(words.as_bytes()).unwrap();
        }
    }

    /// What it says after a flush.
    #[derive(Debug, PartialEq)]
    struct Said {
        is_whole: bool,
        recorded: u64,
        delivered: u64,
        pending: u64,
        lost: u64,
    }

    fn all_delivered(spans: u64) -> Said {
        Said { is_whole: true, recorded: spans, delivered: spans, pending: 0, lost: 0 }
    }

    struct Sandbox {
        child: Child,
        commands: ChildStdin,
        lines: mpsc::Receiver<String>,
        /// What it said before a freeze, still to be read.
        early: Option<String>,
    }

    impl Sandbox {
        fn start(endpoint: &str, request_timeout: Duration) -> Self {
            let mut child = Command::new(env::current_exe().unwrap())
                .args(["freeze::the_frozen_program", "--exact", "--ignored", "--nocapture"])
                .env(ENDPOINT, endpoint)
                .env(REQUEST_TIMEOUT, request_timeout.as_millis().to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let (sender, lines) = mpsc::channel();
            let said = BufReader::new(child.stderr.take().unwrap());
            thread::spawn(move || said.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
            Self { commands: child.stdin.take().unwrap(), child, lines, early: None }
        }

        fn begin(&mut self, spans: u64, patience: Duration) {
            writeln!(self.commands, "{spans} {}", patience.as_millis()).unwrap();
        }

        fn said(&mut self) -> Said {
            let line = self.early.take().unwrap_or_else(|| self.lines.recv_timeout(PATIENCE).unwrap());
            let mut words = line.strip_prefix("said ").expect(&line).split(' ');
            let is_whole = words.next() == Some("true");
            let mut number = || words.next().unwrap().parse().unwrap();
            let [recorded, delivered, pending, lost] = [number(), number(), number(), number()];
            Said { is_whole, recorded, delivered, pending, lost }
        }

        /// Stops all of its threads.
        fn freeze(&self) {
            self.signal("-STOP");
            let deadline = Instant::now() + PATIENCE;
            while !self.stands_still() {
                assert!(Instant::now() < deadline, "it does not stop");
                thread::yield_now();
            }
        }

        fn stands_still(&self) -> bool {
            fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().all(|task| {
                // A thread that ended in the meantime does not run.
                let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
                stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
            })
        }

        fn thaw(&self) {
            self.signal("-CONT");
        }

        fn signal(&self, signal: &str) {
            let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
            assert!(kill.unwrap().success());
        }

        /// Thaws it after so long, or at once if it had finished before the freeze, as on a slow machine.
        fn thaw_after(&mut self, time: Duration) {
            self.early = self.lines.recv_timeout(time).ok();
            self.thaw();
        }
    }

    impl Drop for Sandbox {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    #[test]
    fn what_was_flushed_has_arrived_before_the_freeze() {
        let sink = OtlpSink::start().unwrap();
        let mut sandbox = Sandbox::start(&sink.endpoint(), LONG);
        sandbox.begin(3, LONG);
        let said = sandbox.said();
        sandbox.freeze();
        assert_eq!((said, sink.spans().len()), (all_delivered(3), 3));
        sandbox.thaw();
        sandbox.begin(2, LONG);
        assert_eq!(sandbox.said(), all_delivered(5));
        assert_eq!(sink.spans().len(), 5);
    }

    #[test]
    fn a_connection_that_died_in_the_freeze_is_made_anew_after_it() {
        let sink = OtlpSink::start().unwrap();
        let network = Network::before(&sink);
        let mut sandbox = Sandbox::start(&network.url, LONG);
        sandbox.begin(1, LONG);
        assert_eq!(sandbox.said(), all_delivered(1));
        sandbox.freeze();
        network.cut();
        sandbox.thaw();
        sandbox.begin(1, LONG);
        assert_eq!(sandbox.said(), all_delivered(2));
        assert_eq!(sink.spans().len(), 2);
    }

    #[test]
    fn a_request_whose_connection_breaks_in_the_freeze_is_sent_again_after_it() {
        let (sink, gate) = (OtlpSink::start().unwrap(), Gate::new());
        sink.answer_with(SinkAnswer::hang_up().held(&gate));
        let mut sandbox = Sandbox::start(&sink.endpoint(), LONG);
        sandbox.begin(3, LONG);
        assert!(gate.reached());
        sandbox.freeze();
        gate.release();
        assert!(!gate.client_gone());
        sandbox.thaw();
        assert_eq!(sandbox.said(), all_delivered(3));
        assert_eq!((sink.requests().len(), sink.spans().len()), (2, 3));
    }

    #[test]
    fn a_request_whose_time_runs_out_in_the_freeze_arrives_at_least_once() {
        let (sink, gate) = (OtlpSink::start().unwrap(), Gate::new());
        sink.answer_with(SinkAnswer::accepted().held(&gate));
        let mut sandbox = Sandbox::start(&sink.endpoint(), SHORT);
        sandbox.begin(3, LONG);
        assert!(gate.reached());
        sandbox.freeze();
        gate.release();
        sandbox.thaw_after(SHORT);
        assert_eq!(sandbox.said(), all_delivered(3));
        let mut spans: Vec<_> = sink.spans().into_iter().map(|span| span.span_id).collect();
        spans.sort();
        spans.dedup();
        assert_eq!(spans.len(), 3);
    }

    #[test]
    fn a_flush_whose_time_runs_out_in_the_freeze_says_so_and_the_next_delivers() {
        let (sink, gate) = (OtlpSink::start().unwrap(), Gate::new());
        sink.answer_with(SinkAnswer::accepted().held(&gate));
        let mut sandbox = Sandbox::start(&sink.endpoint(), LONG);
        sandbox.begin(3, SHORT);
        assert!(gate.reached());
        sandbox.freeze();
        sandbox.thaw_after(SHORT);
        assert_eq!(sandbox.said(), Said { is_whole: false, recorded: 3, delivered: 0, pending: 3, lost: 0 });
        gate.release();
        sandbox.begin(1, LONG);
        assert_eq!(sandbox.said(), all_delivered(4));
        assert_eq!(sink.spans().len(), 4);
    }

    /// A network between the program and the receiver, which can break.
    struct Network {
        url: String,
        connections: Arc<Mutex<Vec<TcpStream>>>,
    }

    impl Network {
        fn before(sink: &OtlpSink) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let address = sink.endpoint().replace("http://", "");
            let connections = Arc::<Mutex<Vec<TcpStream>>>::default();
            let kept = Arc::clone(&connections);
            thread::spawn(move || {
                for near in listener.incoming().map_while(Result::ok) {
                    let far = TcpStream::connect(&address).unwrap();
                    for (from, to) in [(&near, &far), (&far, &near)] {
                        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                        thread::spawn(move || io::copy(&mut from, &mut to));
                    }
                    kept.lock().unwrap().push(near);
                }
            });
            Self { url, connections }
        }

        /// Breaks every connection that there is.
        fn cut(&self) {
            let connections = std::mem::take(&mut *self.connections.lock().unwrap());
            assert!(!connections.is_empty());
            connections.iter().for_each(|connection| connection.shutdown(Shutdown::Both).unwrap());
        }
    }
}
