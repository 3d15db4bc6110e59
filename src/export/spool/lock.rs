//! A file that is locked for as long as it is held, and not longer than its process lives.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

#[derive(Debug)]
pub(super) struct Lock {
    #[cfg_attr(not(unix), allow(dead_code, reason = "to be open is all it does"))]
    file: File,
    path: PathBuf,
}

/// Locks the file, which is made if it is missing; `None` while another holds it.
pub(super) fn try_lock(path: &Path) -> io::Result<Option<Lock>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let Some(file) = open(&mut options, path)? else { return Ok(None) };
    let lock = Lock { file, path: path.to_owned() };
    // One that was removed while we opened it guards nothing.
    Ok(lock.is_in_place().then_some(lock))
}

#[cfg(unix)]
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<Option<File>> {
    use rustix::{
        fs::{FlockOperation, OFlags, flock},
        io::Errno,
    };
    use std::os::unix::fs::OpenOptionsExt;
    // Its bits fit: they are C's `int`.
    let flags = OFlags::NOFOLLOW.bits() as i32;
    let file = options.mode(0o600).custom_flags(flags).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// On Windows a file that is opened without sharing is locked.
#[cfg(windows)]
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<Option<File>> {
    use std::os::windows::fs::OpenOptionsExt;
    const SHARING_VIOLATION: i32 = 32;
    match options.share_mode(0).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(not(any(unix, windows)))]
fn open(_: &mut OpenOptions, _: &Path) -> io::Result<Option<File>> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Lock {
    /// Whether the file at its path is still the one that is locked.
    #[cfg(unix)]
    pub(super) fn is_in_place(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let (Ok(there), Ok(ours)) = (fs::symlink_metadata(&self.path), self.file.metadata()) else {
            return false;
        };
        (there.dev(), there.ino()) == (ours.dev(), ours.ino())
    }

    /// Whether there is a file at its path: nobody can replace one that is open.
    #[cfg(not(unix))]
    pub(super) fn is_in_place(&self) -> bool {
        !fs::symlink_metadata(&self.path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Removes the file and lets go of it, in the order that the system allows.
    pub(super) fn remove(self) {
        let path = self.path.clone();
        if cfg!(unix) {
            let _ = fs::remove_file(&path);
            return;
        }
        drop(self);
        let _ = fs::remove_file(&path);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child that was forked meanwhile has the file open too, and would keep it locked.
        #[cfg(unix)]
        let _ = rustix::fs::flock(&self.file, rustix::fs::FlockOperation::Unlock);
    }
}
