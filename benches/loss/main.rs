//! How many spans are lost in a burst while one of two destinations is down, at an exit without a shutdown, and
//! where the disk is full; beside the pipeline of the OpenTelemetry SDK.
//!
//! `cargo bench --bench loss` takes some five minutes; `-- --outage 5` makes the outages that many seconds long, and
//! `-- --only ours` runs what has that in its name. `-- --test` (and `cargo test --benches`) only shows that it works.
//!
//! Receivers and programs are processes of their own, and the receivers count spans by their ids. It fails where a
//! number of spans or of bytes is not what was promised, whatever the times are.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a benchmark")]

#[path = "../call/helper.rs"]
mod helper;
mod load;
mod memory;
mod sink;
mod worker;

use helper::{Helper, arguments, is_quick};
use load::Load;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio, exit},
    thread,
    time::{Duration, Instant},
};

/// What two queues of 64 MiB may hold, and beside them the requests that are put together to be sent: four of 4 MiB
/// for each destination.
const BUDGET: usize = (128 << 20) + 2 * 4 * (4 << 20);
const MIB: f64 = (1 << 20) as f64;

fn loads() -> [Load; 2] {
    let few = if is_quick() { 50 } else { 1 };
    [
        Load { spans: 100_000 / few, text: 2 << 10, per_second: None },
        Load { spans: 20_000 / few, text: 20 << 10, per_second: Some(5_000) },
    ]
}

fn main() {
    let arguments = arguments();
    match arguments.first().map(String::as_str) {
        Some("sink") => sink::serve(&arguments[1]),
        Some("worker") => worker::work(&arguments[1..], &loads()),
        Some("burst") => worker::work(&arguments[1..], &loads()[..1]),
        Some("rest") => worker::work(&arguments[1..], &[]),
        Some("exit") => worker::exit(&arguments[1..]),
        Some("--list") => {}
        _ => measure(&arguments),
    }
}

fn few_seconds() -> &'static str {
    if is_quick() { "1" } else { "10" }
}

/// What does not hold.
#[derive(Default)]
struct Broken(Vec<String>);

impl Broken {
    fn check(&mut self, holds: bool, promise: impl FnOnce() -> String) {
        if !holds {
            self.0.push(promise());
        }
    }
}

fn measure(arguments: &[String]) {
    let after = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let seconds = after("--outage").map_or(if is_quick() { 1 } else { 30 }, |seconds| {
        seconds.parse().expect("`--outage` takes seconds")
    });
    let outage = Duration::from_secs(seconds);
    let is_asked = |name: &str| after("--only").is_none_or(|only| name.contains(only.as_str()));
    let mut broken = Broken::default();
    let spans: Vec<usize> = loads().iter().map(|load| load.spans).collect();
    println!(
        "{} spans of 2 KiB at once, then {} of 20 KiB at 5000/s, from 8 threads; the second destination is down for {seconds} s\n",
        spans[0], spans[1]
    );
    let programs = [
        ("no-op", "no-op", "refused"),
        ("sdk", "SDK, default", "refused"),
        ("sdk-tuned", "SDK, queue of 131072", "refused"),
        ("ours", "ours, refused", "refused"),
        ("ours", "ours, 503", "503"),
    ];
    for (kind, name, down) in programs.into_iter().filter(|(_, name, _)| is_asked(name)) {
        through_outage(kind, name, down, outage, &mut broken);
    }
    if is_asked("ours, beyond the disk") {
        beyond_the_disk(&mut broken);
    }
    println!("100 spans and an exit without a shutdown; then a restart");
    for (kind, name, ending, promised) in [
        ("sdk", "SDK, exit", Ending::AtOnce, None),
        ("ours", "ours, OnOutage, exit", Ending::AtOnce, None),
        ("ours-always", "ours, Always, exit", Ending::AtOnce, None),
        ("ours-always", "ours, Always, exit a second later", Ending::Later, Some(100)),
        ("ours-always", "ours, Always, SIGKILL a second later", Ending::Killed, Some(100)),
    ] {
        if is_asked(name) {
            let arrived = after_exit(kind, ending);
            println!("{name:<40} first {:>4} of 100, second {:>4} of 100", arrived[0].ids, arrived[1].ids);
            broken.check(
                promised.is_none_or(|promised| arrived.iter().all(|sink| sink.ids == promised)),
                || format!("{name}: {arrived:?}"),
            );
        }
    }
    for promise in &broken.0 {
        println!("BROKEN: {promise}");
    }
    exit(i32::from(!broken.0.is_empty()));
}

/// What a sink has got.
#[derive(Clone, Copy, Debug, Default)]
struct Arrived {
    ids: u64,
    spans: u64,
}

/// The receivers, and their addresses.
struct Sinks {
    helper: Helper,
    addresses: [String; 2],
}

impl Sinks {
    fn start(down: &str) -> Self {
        let mut helper = Helper::start(&["sink", down]);
        let addresses = [helper.line(), helper.line()];
        Self { helper, addresses }
    }

    fn up(&mut self) {
        self.helper.ask("up");
    }

    fn arrived(&mut self) -> [Arrived; 2] {
        let lines = self.helper.ask("count");
        [0, 1].map(|index| {
            let numbers = numbers(&lines[index]);
            Arrived { ids: numbers[0], spans: numbers[1] }
        })
    }

    fn program(&self, role: &str, kind: &str, dir: &Dir, bytes: &str) -> Helper {
        let [first, second] = &self.addresses;
        Helper::start(&[role, kind, first, second, &dir.0.to_string_lossy(), bytes])
    }
}

fn numbers(line: &str) -> Vec<u64> {
    line.split(';').filter_map(|field| field.parse().ok()).collect()
}

/// A directory of one measurement's own, gone with it.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("loss-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A destination's account, as the program's last report had it.
#[derive(Clone, Copy, Debug)]
struct Account {
    recorded: u64,
    delivered: u64,
    pending: u64,
    spooled: u64,
    rejected: u64,
    dropped: u64,
}

/// What a program says at its end.
struct End {
    accounts: Vec<Account>,
    heap: usize,
    lines: Vec<String>,
}

impl End {
    fn of(lines: Vec<String>) -> Self {
        let of = |name: &'static str| lines.iter().filter(move |line| line.starts_with(name));
        let accounts = of("report;").map(|line| match numbers(line)[..] {
            [recorded, delivered, pending, spooled, rejected, dropped] => {
                Account { recorded, delivered, pending, spooled, rejected, dropped }
            }
            _ => panic!("no report: {line}"),
        });
        let heap = of("memory;").map(|line| numbers(line)[0]).next().unwrap_or_default();
        let heap = usize::try_from(heap).expect("a length");
        Self { accounts: accounts.collect(), heap, lines }
    }

    fn print(&self, arrived: [Arrived; 2], sent: u64) {
        for (index, sink) in arrived.iter().enumerate() {
            let lost = sent.saturating_sub(sink.ids);
            let share = lost as f64 * 100.0 / sent as f64;
            print!(
                "  {:<7} at the sink {:>7}, twice {:>5}, not there {lost:>6} ({share:.1} %)",
                ["first", "second"][index],
                sink.ids,
                sink.spans - sink.ids
            );
            match self.accounts.get(index) {
                Some(account) => println!(
                    "; recorded {} delivered {} pending {} spooled {} rejected {} dropped {}",
                    account.recorded,
                    account.delivered,
                    account.pending,
                    account.spooled,
                    account.rejected,
                    account.dropped
                ),
                None => println!(),
            }
        }
        for line in &self.lines {
            let fields: Vec<&str> = line.split(';').collect();
            match fields[..] {
                ["took", seconds] => println!("  delivered {seconds} s after the outage"),
                ["memory", heap, resident] => println!(
                    "  heap above the start {:.0} MiB, resident {:.0} MiB",
                    heap.parse::<f64>().unwrap_or(f64::NAN) / MIB,
                    resident.parse::<f64>().unwrap_or(f64::NAN) / MIB
                ),
                _ => {}
            }
        }
    }
}

fn print_times(lines: &[String]) {
    for (line, name) in lines.iter().zip(["2 KiB", "20 KiB"]) {
        let fields: Vec<&str> = line.split(';').collect();
        let [middle, p99, p999, most, rate] = fields[..] else { panic!("no times: {line}") };
        println!(
            "  {name:<7} Span::end: median {middle} µs, 99 % {p99}, 99.9 % {p999}, longest {most}; {rate} spans/s"
        );
    }
}

fn through_outage(kind: &str, name: &str, down: &str, outage: Duration, broken: &mut Broken) {
    let mut sinks = Sinks::start(down);
    let dir = Dir::new(kind);
    let mut program = sinks.program("worker", kind, &dir, "0");
    let begun = Instant::now();
    let times = program.ask("go");
    println!("{name}");
    print_times(&times);
    if kind == "no-op" {
        return;
    }
    thread::sleep(outage.saturating_sub(begun.elapsed()));
    sinks.up();
    // The SDK has that long before it is shut down; ours is done when nothing is pending.
    let end = End::of(program.ask(if kind == "ours" { "180" } else { few_seconds() }));
    let arrived = sinks.arrived();
    let sent: usize = loads().iter().map(|load| load.spans).sum();
    let sent = sent as u64;
    end.print(arrived, sent);
    if kind != "ours" {
        return;
    }
    for (account, sink) in end.accounts.iter().zip(&arrived) {
        let is_whole = account.recorded == sent && account.delivered == sent && sink.ids == sent;
        broken.check(is_whole, || format!("{name}: nothing is lost: {account:?} {sink:?}"));
    }
    broken.check(end.accounts.len() == 2, || format!("{name}: two accounts"));
    broken.check(end.heap <= BUDGET, || format!("{name}: {} bytes on the heap", end.heap));
}

/// A burst that the disk cannot take while the second destination is down all the time, and what a restart delivers.
fn beyond_the_disk(broken: &mut Broken) {
    let (name, bytes) = ("ours, beyond the disk", (32 << 20).to_string());
    let mut sinks = Sinks::start("refused");
    let dir = Dir::new("beyond");
    let mut program = sinks.program("burst", "ours", &dir, &bytes);
    println!("{name}: the burst into a spool of 32 MiB, the second destination down until a restart");
    print_times(&program.ask("go"));
    let end = End::of(program.ask(few_seconds()));
    drop(program);
    let before = sinks.arrived();
    sinks.up();
    let mut restarted = sinks.program("rest", "ours", &dir, &bytes);
    restarted.ask("go");
    restarted.ask("60");
    let arrived = sinks.arrived();
    let sent = loads()[0].spans as u64;
    end.print(arrived, sent);
    for (index, account) in end.accounts.iter().enumerate() {
        let Account { recorded, delivered, pending, spooled, rejected, dropped } = *account;
        broken.check(
            recorded == sent
                && delivered == before[index].ids
                && pending == spooled
                && rejected == 0
                && arrived[index].ids == delivered + spooled
                && arrived[index].ids + dropped == sent,
            || format!("{name}: the account is exact: {account:?} {:?} {:?}", before[index], arrived[index]),
        );
    }
    broken.check(end.heap <= BUDGET, || format!("{name}: {} bytes on the heap", end.heap));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    AtOnce,
    Later,
    Killed,
}

/// What arrives of a program's hundred spans that ends so, and of a later one with the same spool.
fn after_exit(kind: &str, ending: Ending) -> [Arrived; 2] {
    let mut sinks = Sinks::start("503");
    let dir = Dir::new("exit");
    let mut child = Command::new(std::env::current_exe().expect("this executable"))
        .args(["exit", kind, &sinks.addresses[0], &sinks.addresses[1]])
        .arg(&dir.0)
        .arg("0")
        .env_remove("OTEL_SDK_DISABLED")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a program");
    let mut said = String::new();
    BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut said).expect("a line");
    if ending != Ending::AtOnce {
        // Five times what `Durability::Always` asks for.
        thread::sleep(Duration::from_secs(1));
    }
    if ending == Ending::Killed {
        child.kill().expect("a program that lives");
    }
    drop(child.stdin.take());
    child.wait().expect("a program that ends");
    sinks.up();
    if kind != "sdk" {
        let mut restarted = sinks.program("rest", kind, &dir, "0");
        restarted.ask("go");
        restarted.ask("20");
    }
    sinks.arrived()
}
