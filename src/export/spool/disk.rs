//! What the spool does to files and folders.

use super::{
    entry::TroubleKind,
    format::{DESTINATION, Header, Unfit},
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

/// What a full or broken disk fails at: a test puts its own in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk {
    pub(super) fill: fn(&Path, &[&[u8]]) -> io::Result<()>,
    pub(super) remove: fn(&Path) -> io::Result<()>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { fill, remove: |path| fs::remove_file(path) }
    }
}

/// Writes a new file for this user alone.
fn fill(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))
}

impl Disk {
    /// Writes a file that is there whole or not at all.
    pub(super) fn place(&self, unfinished: &Path, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let placed = (self.fill)(unfinished, parts).and_then(|()| fs::rename(unfinished, path));
        if placed.is_err() {
            let _ = fs::remove_file(unfinished);
        }
        placed
    }
}

/// Makes a folder for this user alone, where there is none.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), allow(unused_mut, reason = "there it has no mode"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Makes the spool's directory; parents are made as everywhere.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    make_folder(path)
}

/// A name in a folder: links and special files are neither file nor folder.
pub(super) struct Item {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_file: bool,
    pub(super) is_folder: bool,
}

/// What is in a folder, by name; what has no readable name is not ours.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Item>> {
    let mut items = Vec::new();
    for item in fs::read_dir(folder)? {
        let item = item?;
        let (Ok(name), Ok(kind)) = (item.file_name().into_string(), item.file_type()) else { continue };
        items.push(Item { name, path: item.path(), is_file: kind.is_file(), is_folder: kind.is_dir() });
    }
    items.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(items)
}

/// Whether there is nothing in a folder but the file of this name.
fn has_only(folder: &Path, name: &str) -> bool {
    fs::read_dir(folder)
        .is_ok_and(|mut items| items.all(|item| item.is_ok_and(|item| item.file_name() == name)))
}

/// Removes a shelf's folder if nothing is in it but its key.
pub(super) fn remove_shelf(folder: &Path) {
    if has_only(folder, DESTINATION) {
        let _ = fs::remove_file(folder.join(DESTINATION));
        let _ = fs::remove_dir(folder);
    }
}

/// Removes a process's folder if nothing is in it but its lock, and lets go of that.
pub(super) fn remove_home(folder: &Path, lock: super::lock::Lock) {
    if has_only(folder, super::format::LOCK) {
        lock.remove();
        let _ = fs::remove_dir(folder);
    }
}

/// The key of a shelf's folder; `None` where it is lost.
pub(super) fn read_key(folder: &Path) -> Option<String> {
    const MOST: u64 = 64 * 1024;
    let path = folder.join(DESTINATION);
    if !fs::symlink_metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    text.strip_suffix('\n').filter(|key| !key.is_empty()).map(str::to_owned)
}

/// What a look at an entry's header shows.
#[derive(Debug)]
pub(super) enum Look {
    Whole(Header),
    /// What it held, where its header is whole.
    Damaged {
        items: Option<u64>,
    },
    Newer,
}

/// Looks at an entry's header and length, not at its body.
pub(super) fn look(path: &Path) -> io::Result<(Look, fs::Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    file.take(super::format::HEADER as u64).read_to_end(&mut bytes)?;
    let look = match Header::parse(&bytes) {
        Ok(header) if header.file_bytes() == metadata.len() => Look::Whole(header),
        Ok(header) => Look::Damaged { items: Some(header.items) },
        Err(Unfit::Damaged) => Look::Damaged { items: None },
        Err(Unfit::Newer) => Look::Newer,
    };
    Ok((look, metadata))
}

/// Whether a folder on the way to a file is no longer there.
pub(super) fn is_vanished(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What kind of trouble an error is, and what a person can do about it.
pub(super) fn judge(error: &io::Error) -> (TroubleKind, &'static str) {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (TroubleKind::DiskFull, "make room there, or lower Spool::max_bytes")
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            (TroubleKind::Unavailable, "give Spool::new a directory that this user may write to")
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            (TroubleKind::Unavailable, "give Spool::new a directory, or a path where one can be made")
        }
        ErrorKind::Unsupported => (
            TroubleKind::Unavailable,
            "give Spool::new a directory on a local disk, whose files can be locked",
        ),
        ErrorKind::NotFound => (
            TroubleKind::Unavailable,
            "its parent does not exist or takes no directories, or something removed it: give Spool::new a directory \
             that can be made, and that nothing removes",
        ),
        _ => (TroubleKind::Io, "look after the disk, or give Spool::new a directory on another"),
    }
}
