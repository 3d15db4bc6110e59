//! Bytes as a network hands them over, and as it should not.

use std::ops::Range;

/// A small generator of numbers that look random, the same in every run (xorshift64).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// One that begins at this seed.
    pub(crate) fn new(seed: u64) -> Self {
        // Zero is the one state that it never leaves.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = usize::try_from(self.0 >> 33).unwrap_or_default();
        high.checked_rem(end).unwrap_or_default()
    }
}

/// `bytes` in pieces: mostly short ones, some long, some empty.
pub(crate) fn pieces<'a>(bytes: &'a [u8], random: &mut Random) -> Vec<&'a [u8]> {
    let longest = 1 << (1 + random.below(12));
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(random.below(longest + 1).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// Where to cut off `length` bytes: everywhere, in larger steps when they are more than 8 KiB.
pub(crate) fn ends(length: usize) -> impl Iterator<Item = usize> {
    const EVERYWHERE: usize = 8 << 10;
    let step = if length <= EVERYWHERE { 1 } else { 1 + length / 512 };
    (0..length).step_by(step)
}

/// `bytes` with up to eight bits turned over.
pub(crate) fn flipped(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    for _ in 0..=random.below(8) {
        let at = random.below(flipped.len());
        if let Some(byte) = flipped.get_mut(at) {
            *byte ^= 1 << random.below(8);
        }
    }
    flipped
}

/// `bytes` with a stretch of it left out.
pub(crate) fn gapped(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let gap: Range<usize> = {
        let start = random.below(bytes.len());
        start..start + random.below(bytes.len() - start)
    };
    [&bytes[..gap.start], &bytes[gap.end..]].concat()
}

/// The lines of `bytes` in another order.
pub(crate) fn shuffled(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for last in (1..lines.len()).rev() {
        lines.swap(last, random.below(last + 1));
    }
    lines.concat()
}
