use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

#[derive(Default)]
struct Life {
    written: u64,
    /// The requests that nobody has: those of the dead.
    loose: BTreeMap<String, usize>,
}

type Living = (Store, Vec<(usize, Entry)>);

impl Life {
    fn write(&mut self, (store, held): &mut Living, dice: &mut Dice) {
        let shelf = dice.below(2);
        let body = format!("{} {}", self.written, "x".repeat(dice.below(9000)));
        self.written += 1;
        held.push((shelf, store.write(shelf, 1, body.as_bytes()).unwrap()));
    }

    fn adopt(&mut self, (store, held): &mut Living) {
        let found = store.adopt();
        assert_eq!(found.troubles, []);
        for (shelf, entry) in found.entries {
            let shelf_then = self.loose.remove(&body(store, &entry));
            assert_eq!(shelf_then, Some(shelf), "it was nobody's");
            held.push((shelf, entry));
        }
        assert!(self.loose.is_empty(), "all that was nobody's is found");
    }

    fn end(&mut self, (store, held): Living, is_killed: bool) {
        for (shelf, entry) in held {
            self.loose.insert(body(&store, &entry), shelf);
        }
        if is_killed { kill(store) } else { drop(store) }
    }
}

/// What a store holds is what it counts.
fn balances((store, held): &Living) {
    for shelf in 0..2 {
        let bytes: u64 = held.iter().filter(|(its, _)| *its == shelf).map(|(_, entry)| entry.bytes).sum();
        assert_eq!(used(store, shelf), bytes);
    }
}

#[test]
fn whatever_happens_to_processes_nothing_is_lost_and_nothing_comes_twice() {
    for seed in 1..=8 {
        let dir = Dir::new();
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut life = Life::default();
        let mut living: Vec<Living> = vec![(dir.open(), Vec::new())];
        let mut removed = 0;
        for _ in 0..300 {
            let at = dice.below(living.len());
            match dice.below(20) {
                0..=8 => life.write(&mut living[at], &mut dice),
                9..=13 => {
                    let (store, held) = &mut living[at];
                    if !held.is_empty() {
                        let (_, entry) = held.swap_remove(dice.below(held.len()));
                        store.read(&entry).unwrap();
                        store.remove(entry).unwrap();
                        removed += 1;
                    }
                }
                14..=16 => life.adopt(&mut living[at]),
                17 => living.push((dir.open(), Vec::new())),
                kind if living.len() > 1 => life.end(living.swap_remove(at), kind == 18),
                _ => {}
            }
            living.iter().for_each(balances);
        }
        let mut last = (dir.open(), Vec::new());
        for living in living {
            life.end(living, true);
        }
        life.adopt(&mut last);
        balances(&last);
        let left: BTreeSet<_> = last.1.iter().map(|(_, entry)| body(&last.0, entry)).collect();
        assert_eq!(left.len() as u64, life.written - removed);
        assert!(last.1.windows(2).all(|pair| pair[0].1 < pair[1].1), "oldest first");
        for (_, entry) in last.1 {
            last.0.remove(entry).unwrap();
        }
        drop(last.0);
        assert_eq!((dir.processes(), dir.files("").len()), (0, 0), "nothing is left");
    }
}
