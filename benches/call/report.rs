//! The tables.

use crate::{stacks::Stack, worker::Listener};
use std::{collections::BTreeMap, fmt::Write, thread};

/// CPU time of one call in µs: of the thread that calls, and of the process.
type Times = [f64; 2];

/// The measurements of a batch: one of each round, by the listener's index and the client.
type Batch = BTreeMap<(usize, String), Vec<Times>>;

/// The measurements of each batch.
#[derive(Default)]
pub(crate) struct Report(Vec<(String, Batch)>);

impl Report {
    pub(crate) fn add(&mut self, listener: usize, line: &str) {
        let fields: Vec<&str> = line.split(';').collect();
        let [batch, by, thread, process] = fields[..] else { panic!("no measurement: {line}") };
        let index = self.0.iter().position(|(known, _)| known == batch).unwrap_or_else(|| {
            self.0.push((batch.to_owned(), Batch::new()));
            self.0.len() - 1
        });
        let times = [thread, process].map(|time| time.parse().expect("a time"));
        self.0[index].1.entry((listener, by.to_owned())).or_default().push(times);
    }

    pub(crate) fn print(&self) {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        println!(
            "CPU time of one call over that of bare reqwest, median [quartiles] of the rounds; {cores} cores"
        );
        println!();
        println!(
            "{:<11} {:<16} {:>8}  {:<18} {:<18} {:<18} {:<18} {:>6}",
            "", "listener", "raw µs", "raw again", "raw + serde", "ours: thread", "ours: process", "rounds"
        );
        for (batch, times) in &self.0 {
            for (listener, name) in Listener::ALL.map(Listener::name).iter().enumerate() {
                let of = |by: &str| times.get(&(listener, by.to_owned())).cloned().unwrap_or_default();
                let (raw, again) = (of("raw"), of("raw again"));
                let base = base(times, listener);
                let mut row = format!(
                    "{batch:<11} {name:<16} {:>8.1}",
                    quartiles(base.iter().map(|times| times[0]))[1]
                );
                let mut ratio = |over: &[Times], under: &[Times], clock: usize| {
                    let _ = write!(row, "  {:<17}", ratio(over, under, clock));
                };
                ratio(&again, &raw, 0);
                ratio(&of("by hand"), &base, 0);
                ratio(&of("ours"), &base, 0);
                ratio(&of("ours"), &base, 1);
                println!("{row} {:>6}", raw.len());
            }
        }
        if !Stack::ALL.is_empty() {
            self.print_stacks();
        }
    }

    /// The other clients, each without and with the adapter.
    fn print_stacks(&self) {
        println!();
        println!(
            "other clients over bare reqwest, nobody reading the bytes; with the adapter over without it"
        );
        println!();
        println!(
            "{:<11} {:<16} {:<19} {:<18} {:<18} {:<18} {:<18}",
            "",
            "listener",
            "client",
            "plain: thread",
            "adapter: thread",
            "adapter: process",
            "adapter / plain"
        );
        for (batch, times) in &self.0 {
            for (listener, listener_name) in Listener::ALL.map(Listener::name).iter().enumerate() {
                let of = |by: String| times.get(&(listener, by)).cloned().unwrap_or_default();
                let base = base(times, listener);
                for &stack in Stack::ALL {
                    let (plain, watched) = (of(name(stack, false)), of(name(stack, true)));
                    println!(
                        "{batch:<11} {listener_name:<16} {:<19} {:<18} {:<18} {:<18} {:<18}",
                        stack.name(),
                        ratio(&plain, &base, 0),
                        ratio(&watched, &base, 0),
                        ratio(&watched, &base, 1),
                        ratio(&watched, &plain, 0),
                    );
                }
            }
        }
    }
}

/// The name of a client that is not of this crate.
pub(crate) fn name(stack: Stack, is_watched: bool) -> String {
    format!("{}{}", stack.name(), if is_watched { " with the adapter" } else { "" })
}

/// Bare `reqwest`: both measurements of the same.
fn base(times: &Batch, listener: usize) -> Vec<Times> {
    let of = |by: &str| times.get(&(listener, by.to_owned())).map_or(&[][..], |times| times);
    let both = of("raw").iter().zip(of("raw again"));
    both.map(|(one, two)| [0, 1].map(|clock| f64::midpoint(one[clock], two[clock]))).collect()
}

/// The median of the rounds and its quartiles.
fn ratio(over: &[Times], under: &[Times], clock: usize) -> String {
    let ratios = over.iter().zip(under).map(|(over, under)| over[clock] / under[clock]);
    let [low, middle, high] = quartiles(ratios);
    format!("{middle:.2} [{low:.2}–{high:.2}]")
}

/// The quartiles, the median in their middle.
fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    [0.25, 0.5, 0.75].map(|part| values.get((last * part).round() as usize).copied().unwrap_or(f64::NAN))
}
