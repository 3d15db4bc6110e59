//! Encoded requests on disk, until a destination has acknowledged them.

mod adopt;
mod disk;
mod entry;
mod format;
mod home;
mod lock;
mod store;
#[cfg(test)]
mod tests;

pub(super) use entry::{Entry, Trouble, TroubleKind, WriteError};
pub(super) use store::Store;

use crate::Error;
use std::{path::PathBuf, time::Duration};

const MAX_BYTES: u64 = 1024 * 1024 * 1024;
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A directory that keeps spans over an outage of their destination, and from one run of the program to the next.
///
/// A path is one: `Spool::from("/var/lib/assistant/spans")`.
///
/// ```
/// use std::time::Duration;
/// use tracing_genai::export::{Durability, Spool};
///
/// let spool = Spool::new("/var/lib/assistant/spans")
///     .max_bytes(256 * 1024 * 1024)
///     .max_age(Duration::from_secs(24 * 60 * 60))
///     .durability(Durability::Always);
/// # let _ = spool;
/// ```
///
/// # What is kept
/// Requests as they are sent, each in a file of its own, until their destination has acknowledged them:
/// what [`Durability`] says. They hold what the destination gets, prompts and answers too if it is granted
/// [content](super::Destination::content). They hold no key: headers are set anew when they are sent.
/// What a program leaves behind, the next one with the same directory and destination delivers; so does
/// one that runs beside it, within about a minute. A destination is the same if it has the same
/// [name](super::Destination::name) or, without one, the same address, query aside, letter for letter.
///
/// # Where
/// Each running program has a folder of its own in the directory, and in it a folder for each destination.
/// A directory that is missing is made, for this user alone (mode 0700); one that exists stays as it is.
/// Folders in it have mode 0700, files 0600. On Windows they inherit the directory's permissions. Take a
/// place that nothing cleans: not `/tmp`.
///
/// The file system needs locks that hold between the programs using the directory: a local disk has them;
/// a network file system often has not, and is not fit.
///
/// # Bounds
/// [`max_bytes`](Self::max_bytes) and [`max_age`](Self::max_age). What a destination that is no longer
/// configured had left is reported, kept for its return, and removed when it is too old. A damaged file is
/// reported, set aside under a name that ends in `.damaged`, and removed when it is too old.
///
/// # What it promises
/// Delivery is at least once: what was on its way when a program died may arrive twice, with the same ids.
/// A file that was written survives the end of the program in any way, SIGKILL too. It may not survive a
/// power cut or a crash of the system, since files are not forced to the disk; a half-written one is found
/// by its checksum.
#[derive(Clone, Debug)]
#[must_use]
pub struct Spool {
    dir: PathBuf,
    max_bytes: u64,
    max_age: Duration,
    durability: Durability,
}

/// When spans are written to a [`Spool`].
///
/// Either way delivery is at least once: what was on its way at a crash may arrive twice. And prompts are
/// kept on disk for a destination that is granted content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// When they could not be delivered, and what a shutdown or the drop of the
    /// [`Telemetry`](super::Telemetry) leaves: nothing is written while all goes well. SIGKILL and
    /// `process::exit` cost the spans in memory.
    #[default]
    OnOutage,
    /// Always, within 200 milliseconds of their end: SIGKILL and `process::exit` cost at most those of that time.
    Always,
}

impl Spool {
    /// A spool in this directory, which is made if it is missing.
    ///
    /// A relative path is meant from the working directory at the start.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), max_bytes: MAX_BYTES, max_age: MAX_AGE, durability: Durability::default() }
    }

    /// How many bytes the program keeps for each destination and signal, 1 GiB by default, counted in blocks of 4 KiB:
    /// a destination of spans, metrics and logs may have three times as many.
    ///
    /// What does not fit is not written. What other programs left behind is taken over even beyond it.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How long spans are kept, 7 days by default. Older ones are removed and counted as dropped.
    ///
    /// A change of the system's clock does not age what the running program wrote; what an earlier one
    /// left with a time in the future or before 2020 counts from when it was found.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// When spans are written, [`Durability::OnOutage`] by default.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// An error where the settings make no sense, before anything is touched.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.dir.as_os_str().is_empty() {
            return Err(Error::configuration(
                "Spool::new needs the path of a directory, and has an empty one",
            ));
        }
        if self.max_bytes < format::BLOCK {
            return Err(Error::configuration(
                "Spool::max_bytes is less than one block of 4 KiB, so nothing could be kept: give a size, or no spool",
            ));
        }
        if self.max_age.is_zero() {
            return Err(Error::configuration(
                "Spool::max_age is 0, so nothing could be kept: give a time, or no spool",
            ));
        }
        Ok(())
    }
}

/// A spool with the defaults in this directory.
impl<P: Into<PathBuf>> From<P> for Spool {
    fn from(dir: P) -> Self {
        Self::new(dir)
    }
}
