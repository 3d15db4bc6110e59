//! A directory for a spool, of a test's own.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses its part, in tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tracing-genai-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where the spool is, which is not made yet.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// Everything in it, files and folders.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            // What a program moves or removes meanwhile is not there.
            for item in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if item.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(item.path());
                }
                paths.push(item.path());
            }
        }
        paths.sort();
        paths
    }

    /// The requests that are kept, oldest first.
    pub fn requests(&self) -> Vec<PathBuf> {
        let mut paths = self.paths();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "request"));
        paths.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
        paths
    }
}

impl AsRef<Path> for Dir {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
