//! What an entry is on disk: its header and its names.

use crate::fnv::fnv;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The version that this code writes, and the newest that it reads.
pub(super) const VERSION: u32 = 1;

pub(super) const HEADER: usize = 44;

const MAGIC: [u8; 8] = *b"tgaspool";

/// What precedes a request's body, little-endian: magic 8, version 4, items 8, time 8, length 8, CRC of
/// the body 4, CRC of all of that 4. With a CRC of its own it tells what is lost with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) items: u64,
    pub(super) recorded_ms: u64,
    pub(super) body_bytes: u64,
    pub(super) body_crc: u32,
}

/// Why a header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Damaged,
    Newer,
}

impl Header {
    pub(super) fn of(items: u64, recorded: SystemTime, body: &[u8]) -> Self {
        Self {
            items,
            recorded_ms: unix_ms(recorded),
            body_bytes: body.len() as u64,
            body_crc: crc32fast::hash(body),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.items.to_le_bytes());
        bytes.extend_from_slice(&self.recorded_ms.to_le_bytes());
        bytes.extend_from_slice(&self.body_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.body_crc.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// The header that `file` begins with.
    pub(super) fn parse(file: &[u8]) -> Result<Self, Unfit> {
        let mut rest = file;
        if take(&mut rest) != Some(MAGIC) {
            return Err(Unfit::Damaged);
        }
        match take(&mut rest).map(u32::from_le_bytes) {
            Some(VERSION) => {}
            Some(version) if version > VERSION => return Err(Unfit::Newer),
            _ => return Err(Unfit::Damaged),
        }
        let header = (|| {
            let header = Self {
                items: u64::from_le_bytes(take(&mut rest)?),
                recorded_ms: u64::from_le_bytes(take(&mut rest)?),
                body_bytes: u64::from_le_bytes(take(&mut rest)?),
                body_crc: u32::from_le_bytes(take(&mut rest)?),
            };
            let crc = u32::from_le_bytes(take(&mut rest)?);
            (crc == crc32fast::hash(file.get(..HEADER - 4)?)).then_some(header)
        })();
        header.ok_or(Unfit::Damaged)
    }

    /// How long the whole file is, header and body.
    pub(super) fn file_bytes(&self) -> u64 {
        self.body_bytes.saturating_add(HEADER as u64)
    }

    /// When it was recorded, unless its clock was unset then or ours is now.
    pub(super) fn recorded(&self, now: SystemTime) -> Option<SystemTime> {
        believable(UNIX_EPOCH.checked_add(Duration::from_millis(self.recorded_ms))?, now)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

/// The time, unless it is in the future or before 2020.
pub(super) fn believable(time: SystemTime, now: SystemTime) -> Option<SystemTime> {
    const YEAR_2020: Duration = Duration::from_secs(1_577_836_800);
    (time >= UNIX_EPOCH + YEAR_2020 && time <= now).then_some(time)
}

pub(super) fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What disks give room by.
pub(super) const BLOCK: u64 = 4096;

/// What a file of `bytes` takes on a disk.
pub(super) fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// The ending of a whole entry.
pub(super) const REQUEST: &str = "request";
/// The ending of one that is being written.
pub(super) const UNFINISHED: &str = "tmp";
/// The ending of one that cannot be read.
pub(super) const DAMAGED: &str = "damaged";
/// The file that holds a shelf's key.
pub(super) const DESTINATION: &str = "destination";
/// The file that a process holds locked.
pub(super) const LOCK: &str = "lock";

/// The name of a process's folder, and the beginning of its entries' names: it orders them by the
/// process's start, and no other process has it, in another container with the same id neither.
pub(super) fn stamp(started_ms: u64, process: u32, random: u64) -> String {
    format!("{started_ms:013}-{process:010}-{random:016x}")
}

/// The name of an entry, without its ending.
pub(super) fn stem(stamp: &str, sequence: u64) -> String {
    format!("{stamp}-{sequence:012}")
}

pub(super) fn is_stamp(name: &str) -> bool {
    let mut parts = name.split('-');
    let is_stamp = parts.next().is_some_and(|part| is_number(part, 13))
        && parts.next().is_some_and(|part| is_number(part, 10))
        && parts.next().is_some_and(is_hash);
    is_stamp && parts.next().is_none()
}

/// The name and ending of one of our files; others' are left alone.
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    let (stem, ending) = name.split_once('.')?;
    let (stamp, sequence) = stem.rsplit_once('-')?;
    (is_stamp(stamp) && is_number(sequence, 12)).then_some((stem, ending))
}

/// A shelf's folder: its key for people, and a hash that tells it from others.
pub(super) fn shelf_name(key: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let readable: String = key.chars().map(plain).take(60).collect();
    format!("{readable}-{:016x}", fnv(key.as_bytes()))
}

pub(super) fn is_shelf_name(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, hash)| is_hash(hash))
}

fn is_number(text: &str, digits: usize) -> bool {
    text.len() >= digits && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
