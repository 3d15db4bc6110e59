//! What the process holds in memory.

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::{
    alloc::System,
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// The most that lived on the heap above what did at the start, looked at a thousand times a second.
pub(crate) struct Peak {
    base: usize,
    most: Arc<AtomicUsize>,
}

impl Peak {
    pub(crate) fn watch() -> Self {
        let (base, most) = (live(), Arc::<AtomicUsize>::default());
        let seen = Arc::downgrade(&most);
        thread::spawn(move || {
            while let Some(seen) = seen.upgrade() {
                seen.fetch_max(live(), Ordering::Relaxed);
                drop(seen);
                thread::sleep(Duration::from_millis(1));
            }
        });
        Self { base, most }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.most.load(Ordering::Relaxed).saturating_sub(self.base)
    }
}

/// The most that was resident, where the system says so.
pub(crate) fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    kib.unwrap_or(0_usize) << 10
}
