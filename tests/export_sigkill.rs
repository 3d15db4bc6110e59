//! `Durability::Always` and SIGKILL: what arrives after a restart, and what arrives twice.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

mod export_collector;
mod export_disk;
mod export_receiver;

use export_collector::{Closed, Collector, Exchange, Mode, eventually};
use export_disk::Dir;
use export_receiver::{Program, value};
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::{common::v1::any_value::Value, trace::v1::Span};
use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tracing_genai::export::{Destination, Durability, Spool, Telemetry};

/// What tells a program that it is one, and not a test that somebody runs.
const IS_PROGRAM: &str = "TRACING_GENAI_TEST_PROGRAM";
const URL: &str = "TRACING_GENAI_TEST_URL";
const DIR: &str = "TRACING_GENAI_TEST_DIR";

/// What is promised, see `Durability::Always`.
const PROMISE: Duration = Duration::from_millis(200);
/// The promise is about a program that runs. On a machine with much else to do a program of several threads may
/// stand still for longer: so it also counts by itself, in steps as long as those in which the spool is written,
/// and as many of them must have passed as there are in that time.
const STEP: Duration = Duration::from_millis(50);
const STEPS: usize = 4;
/// Requests of the killed program that are on their way at once.
const IN_FLIGHT: usize = 4;
/// What was answered so long before the end is off the disk.
const ANSWERED: Duration = Duration::from_millis(400);
const ANSWERED_STEPS: usize = 8;

#[test]
#[ignore = "a program that the tests run, and kill"]
fn works_until_it_is_killed() {
    if std::env::var_os(IS_PROGRAM).is_none() {
        return;
    }
    let program = program(&std::env::var(URL).unwrap(), &std::env::var(DIR).unwrap());
    std::thread::spawn(|| {
        loop {
            std::thread::park_timeout(STEP);
            say("step");
        }
    });
    for number in 0.. {
        program.span_with("work", vec![KeyValue::new("n", number)]);
        say(&format!("span {number}"));
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn say(line: &str) {
    // One write, so that lines of two threads do not mix.
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}

fn program(url: &str, dir: &str) -> Program {
    let spool = Spool::new(dir).durability(Durability::Always);
    Program::with(Telemetry::builder().destination(Destination::otlp(url)).spool(spool))
}

fn number(span: &Span) -> i64 {
    match value(&span.attributes, "n") {
        Some(Value::IntValue(number)) => *number,
        other => panic!("{other:?}"),
    }
}

fn spans(exchange: &Exchange) -> impl Iterator<Item = i64> {
    exchange.received.spans().map(number)
}

/// What a killed program said, each line with when it was heard.
struct Life {
    lines: Vec<(Instant, String)>,
    killed: Instant,
}

impl Life {
    /// Lets a program run for so long after its first span, and kills it.
    fn of(url: &str, dir: &Dir, outage: Outage, time: Duration) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "works_until_it_is_killed", "--ignored", "--nocapture", "--quiet"])
            .env(IS_PROGRAM, "1")
            .env(URL, url)
            .env(DIR, dir.spool())
            .env("OTEL_BSP_SCHEDULE_DELAY", outage.delay().to_string())
            .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", outage.batch().to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        let mut killed: Option<Instant> = None;
        let mut began: Option<Instant> = None;
        let mut line = String::new();
        while out.read_line(&mut line).unwrap() > 0 {
            let now = Instant::now();
            if line.starts_with("span") {
                began.get_or_insert(now);
            }
            lines.push((now, line.trim_end().to_owned()));
            line.clear();
            if killed.is_none() && began.is_some_and(|began| now - began >= time) {
                // Before the deed: whatever ended so long before it ended longer before the end.
                killed = Some(Instant::now());
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        Self { lines, killed: killed.unwrap() }
    }

    /// The spans that must arrive.
    fn promised(&self) -> HashSet<i64> {
        let mut steps = 0;
        let mut promised = HashSet::new();
        for (at, line) in self.lines.iter().rev() {
            match line.split_once(' ') {
                Some(("span", number)) => {
                    if *at + PROMISE < self.killed && steps > STEPS {
                        promised.insert(number.parse().unwrap());
                    }
                }
                _ => steps += usize::from(line == "step"),
            }
        }
        promised
    }

    /// Whether an answer had been read, and what it acknowledged removed, when the end came.
    fn has_heard(&self, answered: Instant) -> bool {
        let later = self.lines.iter().filter(|(at, line)| *at > answered && line == "step");
        answered + ANSWERED < self.killed && later.count() > ANSWERED_STEPS
    }
}

/// What a round showed.
#[derive(Debug, Default)]
struct Round {
    promised: usize,
    recovered: usize,
    twice: usize,
    in_flight: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outage {
    /// Everything is sent at once, and taken.
    Up,
    /// The time of sending has not come.
    Waits,
    Refuses,
    Breaks,
    Slow,
}

impl Outage {
    /// Milliseconds that spans wait for others.
    fn delay(self) -> u64 {
        if self == Self::Waits { 60_000 } else { 30 }
    }

    /// Spans in one request at most.
    fn batch(self) -> usize {
        if self == Self::Waits { 65_536 } else { 16 }
    }
}

fn round(outage: Outage, time: Duration) -> Round {
    let dir = Dir::new();
    let closed = Closed::new();
    let url = closed.url.clone();
    let mut closed = Some(closed);
    let mut collector: Option<Collector> = None;
    if outage != Outage::Refuses {
        let open = closed.take().unwrap().open();
        open.turns_to(match outage {
            Outage::Slow => Mode::Late(Duration::from_millis(300)),
            Outage::Breaks => Mode::Resets,
            Outage::Up | Outage::Waits | Outage::Refuses => Mode::status(200),
        });
        collector = Some(open);
    }
    let life = Life::of(&url, &dir, outage, time);
    // What is being served still is served to its end: the collector has it, whoever hears of that.
    if let Some(collector) = &collector {
        collector.turns_to(Mode::status(200));
        collector.settle();
    }
    let before = collector.as_ref().map(Collector::exchanges).unwrap_or_default();
    let in_flight: HashSet<i64> = before
        .iter()
        .filter(|exchange| exchange.answered.is_none_or(|(at, _)| !life.has_heard(at)))
        .flat_map(spans)
        .collect();

    let collector = collector.unwrap_or_else(|| closed.take().unwrap().open());
    let program = program(&url, dir.spool().to_str().unwrap());
    eventually(|| {
        // A file is moved once, so that it may be overlooked once.
        let is_empty = dir.requests().is_empty() && dir.requests().is_empty();
        let report = program.telemetry.report();
        (is_empty && report.pending == 0).then_some(())
    });
    let report = program.telemetry.shutdown_blocking(Duration::from_secs(20));
    assert_eq!((report.dropped, report.rejected), (0, 0), "{report:?}");

    let mut arrived = HashMap::<i64, usize>::new();
    for exchange in collector.exchanges() {
        spans(&exchange).for_each(|number| *arrived.entry(number).or_default() += 1);
    }
    let promised = life.promised();
    let lost: Vec<_> = promised.iter().filter(|number| !arrived.contains_key(number)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), promised.len());
    let twice: Vec<i64> =
        arrived.iter().filter(|(_, times)| **times > 1).map(|(number, _)| *number).collect();
    let unexplained: Vec<_> = twice.iter().filter(|number| !in_flight.contains(number)).collect();
    assert!(unexplained.is_empty(), "twice, and not on their way at the end: {unexplained:?}");
    assert!(twice.len() <= IN_FLIGHT * outage.batch(), "{} spans arrived twice", twice.len());
    assert!(arrived.values().all(|times| *times <= 2), "{arrived:?}");
    Round {
        promised: promised.len(),
        recovered: usize::try_from(report.recovered).unwrap(),
        twice: twice.len(),
        in_flight: in_flight.len(),
    }
}

/// Moments that are random and the same in each run.
fn moments(count: usize) -> Vec<Duration> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(500 + (state >> 33) % 900)
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn twenty_kills_lose_nothing_that_ended_200_ms_before_and_double_only_what_was_on_its_way() {
    let moments = moments(20);
    // Four rounds of each, side by side: a program that works sleeps most of the time.
    let rounds: Vec<Round> = std::thread::scope(|scope| {
        let kinds = [Outage::Up, Outage::Waits, Outage::Refuses, Outage::Breaks, Outage::Slow];
        let all: Vec<_> = kinds
            .into_iter()
            .zip(moments.chunks(4))
            .map(|(outage, moments)| {
                scope.spawn(move || moments.iter().map(|time| round(outage, *time)).collect::<Vec<_>>())
            })
            .collect();
        all.into_iter().flat_map(|rounds| rounds.join().unwrap()).collect()
    });
    println!("{rounds:#?}");
    assert_eq!(rounds.len(), 20);
    // Otherwise this would show nothing.
    assert!(rounds.iter().all(|round| round.promised > 0), "{rounds:#?}");
    assert!(rounds[4..].iter().all(|round| round.recovered > 0), "{rounds:#?}");
    assert!(rounds.iter().all(|round| round.twice <= round.in_flight), "{rounds:#?}");
    assert!(rounds[16..].iter().any(|round| round.in_flight > 0), "{rounds:#?}");
}
