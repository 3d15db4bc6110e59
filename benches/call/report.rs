//! The tables.

use crate::worker::Listener;
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
                // Both measurements of the same are the base.
                let base: Vec<Times> = raw
                    .iter()
                    .zip(&again)
                    .map(|(one, two)| [0, 1].map(|clock| f64::midpoint(one[clock], two[clock])))
                    .collect();
                let mut row = format!(
                    "{batch:<11} {name:<16} {:>8.1}",
                    quartiles(base.iter().map(|times| times[0]))[1]
                );
                let mut ratio = |over: &[Times], under: &[Times], clock: usize| {
                    let [low, middle, high] =
                        quartiles(over.iter().zip(under).map(|(over, under)| over[clock] / under[clock]));
                    let _ = write!(row, "  {:<17}", format!("{middle:.2} [{low:.2}–{high:.2}]"));
                };
                ratio(&again, &raw, 0);
                ratio(&of("by hand"), &base, 0);
                ratio(&of("ours"), &base, 0);
                ratio(&of("ours"), &base, 1);
                println!("{row} {:>6}", raw.len());
            }
        }
    }
}

/// The quartiles, the median in their middle.
fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    [0.25, 0.5, 0.75].map(|part| values.get((last * part).round() as usize).copied().unwrap_or(f64::NAN))
}
