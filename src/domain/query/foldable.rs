//! Letters that fold to others (`é`, `ﬁ`), recognised by their first bytes.

use std::ops::Range;

/// Bytes that are tested together. The loops over a chunk have no branches, so that the compiler vectorises them.
const CHUNK: usize = 64;

/// Returns true for lead bytes of letters that fold to others: accented Latin, combining marks, jamo, full width.
#[expect(clippy::needless_bitwise_bool, reason = "without branches it is done for many bytes at once")]
#[inline]
fn is_foldable_lead(byte: u8) -> bool {
    (byte.wrapping_sub(0xc3) <= 10) | (byte == 0xe1) | (byte == 0xef)
}

/// Returns true if a chunk contains such a lead byte.
#[inline]
pub fn has_foldable_lead(chunk: &[u8]) -> bool {
    chunk.iter().fold(false, |any, &byte| any | is_foldable_lead(byte))
}

/// Returns the next lead byte of a foldable letter.
pub fn next_foldable(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    let part = bytes.get(range.clone())?;
    let (number, chunk) = part.chunks(CHUNK).enumerate().find(|(_, chunk)| has_foldable_lead(chunk))?;
    Some(range.start + number * CHUNK + chunk.iter().position(|&byte| is_foldable_lead(byte))?)
}
