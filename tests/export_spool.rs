//! Spans over an outage, and over the program's end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

mod export_collector;
mod export_disk;
mod export_program;
mod export_receiver;

use export_collector::{Collector, Mode, eventually};
use export_disk::Dir;
use export_program::{IS_PROGRAM, is_program};
use export_receiver::{Program, balanced, value};
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use std::{
    collections::HashSet,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tracing_genai::export::{
    Destination, Durability, Problem, ProblemKind, Report, Spool, Telemetry, WhenFull,
};

fn program(url: &str, spool: impl Into<Spool>) -> Program {
    Program::with(Telemetry::builder().destination(Destination::otlp(url)).spool(spool))
}

fn span(program: &Program, number: u64) {
    program.span_with("work", vec![KeyValue::new("n", i64::try_from(number).unwrap())]);
}

fn spans(program: &Program, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| span(program, number));
}

fn report(program: &Program) -> Report {
    balanced(program.telemetry.report())
}

/// Waits until everything that is pending is on disk.
fn on_disk(program: &Program) {
    eventually(|| {
        // A destination in trouble is known as such after the first try, and each flush hurries the spool.
        let _ = program.telemetry.flush_blocking(Duration::from_millis(10));
        let report = report(program);
        (report.destinations[0].trouble.is_some() && report.spooled == report.pending).then_some(())
    });
}

/// What a program leaves that ends in an outage.
fn leave(url: &str, spool: impl Into<Spool>, numbers: std::ops::Range<u64>) -> Report {
    let program = program(url, spool);
    spans(&program, numbers);
    balanced(program.telemetry.shutdown_blocking(Duration::ZERO))
}

/// Waits until so many spans of earlier runs are accounted for, and the disk is empty of requests.
fn recovers(program: &Program, count: u64) -> Report {
    eventually(|| {
        let report = report(program);
        (report.recovered == count && report.pending == 0).then_some(report)
    })
}

/// The numbers of each request's spans that the collector took, as they arrived.
fn numbers(collector: &Collector) -> Vec<Vec<i64>> {
    let numbers = |exchange: export_collector::Exchange| {
        let number = |span: &opentelemetry_proto::tonic::trace::v1::Span| match value(&span.attributes, "n") {
            Some(Value::IntValue(number)) => *number,
            other => panic!("{other:?}"),
        };
        exchange.received.spans().map(number).collect()
    };
    collector.taken().into_iter().map(numbers).collect()
}

fn reasons(program: &Program) -> Vec<String> {
    let problems = program.problems.lock().unwrap();
    let of_spool = problems.iter().filter(|problem| problem.kind == ProblemKind::Spool);
    of_spool.filter_map(|problem| problem.reason.clone()).collect()
}

fn words(program: &Program, reason: &str) -> String {
    let problems = program.problems.lock().unwrap();
    let problem = problems.iter().find(|problem| problem.reason.as_deref() == Some(reason));
    problem.unwrap_or_else(|| panic!("{problems:?}")).to_string()
}

#[test]
fn what_an_outage_keeps_the_next_run_delivers_in_order_and_once() {
    let (dir, collector) = (Dir::new(), Collector::new(Mode::Resets));
    let left = leave(&collector.url, dir.spool(), 0..6_000);
    assert_eq!((left.pending, left.spooled, left.dropped), (6_000, 6_000, 0));

    collector.turns_to(Mode::status(200));
    let program = program(&collector.url, dir.spool());
    let report = recovers(&program, 6_000);
    assert_eq!((report.recorded, report.delivered, report.spooled), (6_000, 6_000, 0));
    assert_eq!(collector.taken_once().len(), 6_000);
    assert!(program.problems.lock().unwrap().is_empty());
    let requests = numbers(&collector);
    let mut firsts: Vec<i64> = requests.iter().map(|request| request[0]).collect();
    assert!(requests.iter().all(|request| request.windows(2).all(|two| two[0] + 1 == two[1])));
    // Four are on their way at once: no more than three can be overtaken.
    let arrived = firsts.clone();
    firsts.sort_unstable();
    for (place, first) in arrived.iter().enumerate() {
        assert!(firsts.iter().position(|other| other == first).unwrap() <= place + 3, "{arrived:?}");
    }
}

#[test]
fn an_outage_within_a_run_goes_to_the_disk_and_from_there_to_the_collector() {
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    let program = program(&collector.url, dir.spool());
    spans(&program, 0..1_000);
    on_disk(&program);
    assert_eq!(report(&program).spooled, 1_000);
    assert!(!dir.requests().is_empty());

    collector.turns_to(Mode::status(200));
    let report = program.flush();
    assert_eq!((report.delivered, report.recovered), (1_000, 0));
    assert_eq!(collector.taken_once().len(), 1_000);
    assert_eq!(dir.requests(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_run_without_trouble_leaves_nothing() {
    for durability in [Durability::OnOutage, Durability::Always] {
        let (dir, collector) = (Dir::new(), Collector::new(Mode::status(200)));
        let program = program(&collector.url, Spool::new(dir.spool()).durability(durability));
        spans(&program, 0..1_000);
        assert_eq!(program.flush().delivered, 1_000);
        program.telemetry.shutdown_blocking(Duration::from_secs(20));
        assert_eq!(fs::read_dir(dir.spool()).unwrap().count(), 0, "{durability:?}: {:?}", dir.paths());
        assert_eq!(collector.taken_once().len(), 1_000);
    }
}

#[test]
fn on_outage_writes_nothing_while_all_is_well_and_always_does() {
    for (durability, is_written) in [(Durability::OnOutage, false), (Durability::Always, true)] {
        let (dir, collector) = (Dir::new(), Collector::new(Mode::status(200)));
        let program = program(&collector.url, Spool::new(dir.spool()).durability(durability));
        spans(&program, 0..1_000);
        program.flush();
        // The file that names a destination stays from the first request that was written.
        let is_there = dir.paths().iter().any(|path| path.ends_with("destination"));
        assert_eq!(is_there, is_written, "{durability:?}");
    }
}

#[test]
fn a_spool_that_is_full_drops_what_was_asked_for_and_counts_it() {
    for policy in [WhenFull::DropNewest, WhenFull::DropOldest] {
        let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
        let destination = Destination::otlp(&collector.url).queue_bytes(64 << 10).when_full(policy);
        let spool = Spool::new(dir.spool()).max_bytes(64 << 10);
        let program = Program::with(Telemetry::builder().destination(destination).spool(spool));
        for number in 0..5_000 {
            span(&program, number);
            report(&program);
        }
        on_outage_of(&program);
        spans(&program, 5_000..10_000);
        let during = report(&program);
        assert!(during.dropped > 0 && during.pending > 0, "{during:?}");
        // What is dropped meanwhile is no longer there.
        let used: u64 = dir.requests().iter().filter_map(|path| Some(fs::metadata(path).ok()?.len())).sum();
        assert!(used <= 64 << 10, "{used}");

        collector.turns_to(Mode::status(200));
        let after = program.flush();
        assert_eq!((after.recorded, after.delivered + after.dropped), (10_000, 10_000));
        assert_eq!(after.destinations[0].reasons["queue_full"], after.dropped, "{after:?}");
        assert_eq!(collector.taken_once().len() as u64, after.delivered);
        let taken: HashSet<i64> = numbers(&collector).into_iter().flatten().collect();
        let kept = if policy == WhenFull::DropNewest { 0 } else { 9_999 };
        assert!(taken.contains(&kept), "{policy:?}");
    }
}

/// Waits until the destination is known to be in trouble.
fn on_outage_of(program: &Program) {
    let _ = program.telemetry.flush_blocking(Duration::ZERO);
    eventually(|| report(program).destinations[0].trouble.clone());
}

#[test]
fn two_telemetries_of_one_process_share_a_directory_and_each_delivers_its_own() {
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    let both = [program(&collector.url, dir.spool()), program(&collector.url, dir.spool())];
    for (program, numbers) in both.iter().zip([0..300, 300..900]) {
        spans(program, numbers);
        on_disk(program);
    }
    collector.turns_to(Mode::status(200));
    for (program, count) in both.iter().zip([300, 600]) {
        let report = program.flush();
        assert_eq!((report.delivered, report.recovered), (count, 0));
    }
    assert_eq!(collector.taken_once().len(), 900);
}

const URL: &str = "TRACING_GENAI_TEST_URL";
const DIR: &str = "TRACING_GENAI_TEST_DIR";

fn child(shell: Option<&str>, name: &str, url: &str, dir: &Path) -> Command {
    let itself = std::env::current_exe().unwrap();
    let mut command = match shell {
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(itself);
            command
        }
        None => Command::new(itself),
    };
    command.args(["--exact", name, "--ignored", "--nocapture", "--quiet"]);
    command.env(IS_PROGRAM, "1").env(URL, url).env(DIR, dir);
    command
}

#[test]
#[ignore = "a program that the tests run"]
fn keeps_its_own_until_told() {
    if !is_program() {
        return;
    }
    let program = program(&std::env::var(URL).unwrap(), std::env::var(DIR).unwrap());
    spans(&program, 0..300);
    on_disk(&program);
    fs::write(Path::new(&std::env::var(DIR).unwrap()).with_file_name("ready"), "").unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let report = program.flush();
    assert_eq!((report.delivered, report.recovered), (300, 0));
}

#[test]
fn two_processes_share_a_directory_and_each_delivers_its_own() {
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    let mut other = child(None, "keeps_its_own_until_told", &collector.url, &dir.spool());
    let mut other = other.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    eventually(|| dir.as_ref().join("ready").exists().then_some(()));
    assert!(!dir.requests().is_empty());

    let program = program(&collector.url, dir.spool());
    spans(&program, 300..900);
    on_disk(&program);
    collector.turns_to(Mode::status(200));
    let report = program.flush();
    assert_eq!((report.delivered, report.recovered), (600, 0));
    other.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert!(other.wait().unwrap().success());
    assert_eq!(collector.taken_once().len(), 900);
}

#[test]
fn spans_of_a_destination_that_is_gone_are_told_of_and_kept_for_its_return() {
    let dir = Dir::new();
    let (gone, other) = (Collector::new(Mode::status(503)), Collector::new(Mode::status(200)));
    leave(&gone.url, dir.spool(), 0..700);
    let without = program(&other.url, dir.spool());
    without.span("work");
    without.flush();
    eventually(|| (!reasons(&without).is_empty()).then_some(()));
    assert_eq!(reasons(&without), ["spool_orphaned"]);
    let told = words(&without, "spool_orphaned");
    assert!(
        told.contains(&gone.url) && told.contains("700 spans") && told.contains("delivered when"),
        "{told}"
    );
    assert_eq!(report(&without).recovered, 0);
    drop(without);

    gone.turns_to(Mode::status(200));
    let with = program(&gone.url, dir.spool());
    assert_eq!(recovers(&with, 700).delivered, 700);
    assert_eq!(gone.taken_once().len(), 700);
    assert_eq!(other.taken().len(), 1);
}

/// Where things are in a request's file.
const VERSION: usize = 8;
const ITEMS: usize = 12;
const TIME: usize = 20;
const HEADER: usize = 44;

/// How many spans a request's file says that it holds.
fn items(path: &Path) -> u64 {
    u64::from_le_bytes(fs::read(path).unwrap()[ITEMS..ITEMS + 8].try_into().unwrap())
}

/// Changes a request's file, and makes its header whole again.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..HEADER].copy_from_slice(&crc.sum().to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn damage_costs_what_it_hit_and_nothing_else_and_is_counted() {
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    for (run, count) in [10, 20, 40, 80].into_iter().enumerate() {
        let first = 1_000 * run as u64;
        leave(&collector.url, dir.spool(), first..first + count);
    }
    let requests = dir.requests();
    let (flipped, cut) = (items(&requests[0]), items(&requests[1]));
    let lost = flipped + cut;
    change(&requests[0], |bytes| *bytes.last_mut().unwrap() ^= 1);
    let whole = fs::read(&requests[1]).unwrap();
    fs::write(&requests[1], &whole[..whole.len() / 2]).unwrap();
    // Nothing is known of one without a header.
    fs::write(requests[2].with_file_name(next_name(&requests[2])), "").unwrap();
    fs::write(dir.spool().join("notes.txt"), "of somebody else").unwrap();
    fs::create_dir(dir.spool().join("folder")).unwrap();

    collector.turns_to(Mode::status(200));
    let program = program(&collector.url, dir.spool());
    let report = recovers(&program, 150);
    assert_eq!((report.delivered, report.dropped), (150 - lost, lost), "{report:?}");
    assert_eq!(report.destinations[0].reasons["spool_damaged"], lost);
    assert_eq!(collector.taken_once().len() as u64, 150 - lost);
    // It is told of after it is counted.
    let damage = || {
        let problems = program.problems.lock().unwrap();
        problems.iter().filter(|problem| problem.reason.as_deref() == Some("spool_damaged")).count()
    };
    eventually(|| (damage() == 3).then_some(()));
    let told = format!("{:?}", program.problems.lock().unwrap());
    let counts = [format!("with {flipped} spans"), format!("with {cut} spans")];
    let words = ["unknown number of spans", "set aside", "Spool::max_age"];
    for part in counts.iter().map(String::as_str).chain(words) {
        assert!(told.contains(part), "{part}: {told}");
    }
    drop(program);
    assert_eq!(fs::read(dir.spool().join("notes.txt")).unwrap(), b"of somebody else");
    assert!(dir.spool().join("folder").is_dir());
    let aside =
        dir.paths().iter().filter(|path| path.extension().is_some_and(|end| end == "damaged")).count();
    assert_eq!(aside, 3);
}

/// A name that the same process could have given next.
fn next_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let (stamp, _) = stem.rsplit_once('-').unwrap();
    format!("{stamp}-{:012}.request", 999)
}

#[test]
fn what_a_newer_version_wrote_is_told_of_and_left_for_it() {
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    leave(&collector.url, dir.spool(), 0..10);
    leave(&collector.url, dir.spool(), 10..30);
    let newer = dir.requests().remove(0);
    let others = 30 - items(&newer);
    change(&newer, |bytes| bytes[VERSION..VERSION + 4].copy_from_slice(&2_u32.to_le_bytes()));

    collector.turns_to(Mode::status(200));
    let program = program(&collector.url, dir.spool());
    assert_eq!(recovers(&program, others).delivered, others);
    eventually(|| (!reasons(&program).is_empty()).then_some(()));
    assert_eq!(reasons(&program), ["spool_newer_version"]);
    assert!(words(&program, "spool_newer_version").contains("newer version"));
    program.telemetry.shutdown_blocking(Duration::from_secs(20));
    assert_eq!(dir.requests(), [newer]);
}

#[test]
fn a_clock_that_jumped_costs_nothing() {
    let far = [0, 1, u64::MAX, 253_402_300_800_000];
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    for run in 0..far.len() as u64 {
        leave(&collector.url, dir.spool(), 10 * run..10 * run + 10);
    }
    for (path, time) in dir.requests().iter().zip(far.into_iter().cycle()) {
        change(path, |bytes| bytes[TIME..TIME + 8].copy_from_slice(&time.to_le_bytes()));
    }
    collector.turns_to(Mode::status(200));
    let program = program(&collector.url, dir.spool());
    assert_eq!(recovers(&program, 40).delivered, 40);
    assert_eq!(collector.taken_once().len(), 40);
    assert!(program.problems.lock().unwrap().is_empty());
}

#[test]
fn a_path_that_can_be_no_directory_is_told_of_once_and_memory_serves() {
    for durability in [Durability::OnOutage, Durability::Always] {
        let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
        let file = dir.as_ref().join("file");
        fs::write(&file, "").unwrap();
        let program = program(&collector.url, Spool::new(file.join("spool")).durability(durability));
        spans(&program, 0..1_000);
        on_outage_of(&program);
        assert_eq!(report(&program).spooled, 0);
        collector.turns_to(Mode::status(200));
        assert_eq!(program.flush().delivered, 1_000);
        assert_eq!(collector.taken_once().len(), 1_000);
        assert_eq!(reasons(&program), ["spool_unavailable"]);
        let told = words(&program, "spool_unavailable");
        assert!(told.contains("Spool::new") && told.contains(file.to_str().unwrap()), "{told}");
    }
}

#[test]
fn a_directory_that_vanishes_costs_what_was_in_it_and_is_made_again() {
    for durability in [Durability::OnOutage, Durability::Always] {
        let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
        // What this run writes itself it may also have in memory still.
        leave(&collector.url, dir.spool(), 0..100);
        let program = program(&collector.url, Spool::new(dir.spool()).durability(durability));
        eventually(|| (report(&program).recovered == 100).then_some(()));
        fs::remove_dir_all(dir.spool()).unwrap();
        spans(&program, 100..300);
        on_disk(&program);
        assert!(!dir.requests().is_empty());
        collector.turns_to(Mode::status(200));
        program.flush();
        // For what an earlier run left a flush does not wait.
        let report = recovers(&program, 100);
        assert_eq!((report.recorded, report.delivered), (300, 200), "{durability:?}: {report:?}");
        assert_eq!(report.destinations[0].reasons["spool_entry_gone"], 100);
        let is_told = |problem: &Problem| problem.reason.as_deref() == Some("spool_entry_gone");
        eventually(|| program.problems.lock().unwrap().iter().find(|problem| is_told(problem)).cloned());
        assert!(words(&program, "spool_entry_gone").contains("nothing cleans"));
        assert_eq!(collector.taken_once().len(), 200);
    }
}

#[test]
fn a_directory_that_becomes_a_file_costs_what_was_in_it_and_memory_serves() {
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    leave(&collector.url, dir.spool(), 0..100);
    let program = program(&collector.url, dir.spool());
    eventually(|| (report(&program).recovered == 100).then_some(()));
    fs::remove_dir_all(dir.spool()).unwrap();
    fs::write(dir.spool(), "").unwrap();
    spans(&program, 100..300);
    eventually(|| {
        let _ = program.telemetry.flush_blocking(Duration::from_millis(10));
        reasons(&program).contains(&"spool_unavailable".to_owned()).then_some(())
    });
    collector.turns_to(Mode::status(200));
    program.flush();
    // For what an earlier run left a flush does not wait.
    let report = recovers(&program, 100);
    assert_eq!((report.delivered, report.dropped), (200, 100));
    assert_eq!(report.destinations[0].reasons["spool_entry_gone"], 100);
}

#[test]
#[ignore = "a program that the tests run"]
fn writes_to_a_disk_that_is_full() {
    if !is_program() {
        return;
    }
    let url = std::env::var(URL).unwrap();
    for durability in [Durability::OnOutage, Durability::Always] {
        let program = program(&url, Spool::new(std::env::var(DIR).unwrap()).durability(durability));
        let large = || vec![KeyValue::new("n", 1), KeyValue::new("text", "x".repeat(4 << 10))];
        (0..200).for_each(|_| program.span_with("work", large()));
        on_outage_of(&program);
        let _ = program.telemetry.flush_blocking(Duration::from_millis(10));
        eventually(|| (!reasons(&program).is_empty()).then_some(()));
        let told = format!("{:?}", program.problems.lock().unwrap());
        assert!(told.contains("Spool::"), "{told}");
        println!("told {:?}", reasons(&program));
        let report = balanced(program.telemetry.report());
        assert_eq!((report.recorded, report.dropped), (200, 0), "memory serves");
        (0..10).for_each(|_| program.span("small"));
        balanced(program.telemetry.report());
        // The collector is mended when it hears of that.
        fs::write(std::env::var("READY").unwrap(), "").unwrap();
        let report = program.flush();
        assert_eq!((report.delivered, report.dropped), (210, 0));
    }
}

fn fill(script: &str) -> String {
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    fs::create_dir(dir.spool()).unwrap();
    let ready = dir.as_ref().join("ready");
    let mut command = child(Some(script), "writes_to_a_disk_that_is_full", &collector.url, &dir.spool());
    let running = command.env("READY", &ready).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for outage in 0..2 {
        collector.turns_to(Mode::status(503));
        eventually(|| fs::remove_file(&ready).ok());
        collector.turns_to(Mode::status(200));
        eventually(|| (collector.taken_spans() == 210 * (outage + 1)).then_some(()));
    }
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(collector.taken_once().len(), 420);
    said
}

#[cfg(unix)]
#[test]
fn a_file_that_the_system_lets_grow_no_further_is_told_of_and_memory_serves() {
    let said = fill("trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"");
    assert_eq!(said.matches("spool_error").count(), 2, "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_of_and_memory_serves() {
    // Where a user may not mount a small disk, the size of files is limited instead.
    let mounted = "mount -t tmpfs -o size=64k none \"$TRACING_GENAI_TEST_DIR\" && exec \"$0\" \"$@\"";
    let may_mount = "unshare -Urm mount -t tmpfs -o size=64k none \"$TRACING_GENAI_TEST_DIR\" 2>/dev/null";
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let said = fill(&format!(
        "if {may_mount}; then exec unshare -Urm sh -c '{mounted}' \"$0\" \"$@\"; else echo limited; {limited}; fi"
    ));
    let reason = if said.contains("limited") { "spool_error" } else { "spool_disk_full" };
    assert_eq!(said.matches(reason).count(), 2, "{said}");
}

#[test]
fn no_key_of_a_destination_is_in_the_spool() {
    const KEYS: [&str; 3] = ["correct-horse-battery", "staple of the horse", "purple-monkey-dishwasher"];
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    let destination = Destination::otlp(format!("{}/v1/traces?key={}", collector.url, KEYS[2]))
        .exact_path()
        .bearer(KEYS[0])
        .header("x-key", KEYS[1]);
    let program = Program::with(Telemetry::builder().destination(destination).spool(dir.spool()));
    spans(&program, 0..1_000);
    on_disk(&program);
    let contains = |bytes: &[u8], key: &str| bytes.windows(key.len()).any(|part| part == key.as_bytes());
    let mut found = false;
    for path in dir.paths() {
        for key in KEYS {
            assert!(!path.to_str().unwrap().contains(key), "{}", path.display());
            if path.is_file() {
                let bytes = fs::read(&path).unwrap();
                found |= contains(&bytes, "work");
                assert!(!contains(&bytes, key), "{}", path.display());
            }
        }
    }
    assert!(found, "spans are there as they are");
    let sent = format!("{:?}", collector.exchanges()[0].received.headers);
    assert!(sent.contains(KEYS[0]) && sent.contains(KEYS[1]), "the keys are sent: {sent}");
}

#[test]
fn what_was_kept_for_a_tenant_goes_out_with_its_own_key_whatever_the_order() {
    let (dir, collector) = (Dir::new(), Collector::new(Mode::status(503)));
    let tenants = |keys: [&'static str; 2]| {
        let builder = keys.into_iter().fold(Telemetry::builder(), |builder, key| {
            let selected = Destination::otlp(&collector.url).name(key).header("x-tenant", key);
            // One of the two gets spans of its own: all those of the run before are of the other.
            builder.destination(if key == "acme" { selected } else { selected.sample_ratio(0.0) })
        });
        Program::with(builder.spool(dir.spool()))
    };
    let first = tenants(["acme", "umbrella"]);
    spans(&first, 0..10);
    assert_eq!(first.telemetry.shutdown_blocking(Duration::ZERO).spooled, 10);
    collector.turns_to(Mode::status(200));
    recovers(&tenants(["umbrella", "acme"]), 10);
    let keys: HashSet<String> =
        collector.taken().into_iter().map(|one| one.received.headers["x-tenant"].clone()).collect();
    assert_eq!(keys, HashSet::from(["acme".to_owned()]));
    assert_eq!(collector.taken_once().len(), 10);
}
