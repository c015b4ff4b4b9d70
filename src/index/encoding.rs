//! Encoding of the files in the cache directory: postcard values, in frames with a checksum.
//!
//! Damage gives `None`, never a panic, and never an allocation beyond the size of the input. The checksum is CRC-32,
//! because its result is fixed for all versions and machines.

use serde::{Deserialize, Serialize};

/// Encodes a value; `None` for values without an encoding, such as a path that is not UTF-8.
pub(super) fn encode(value: &impl Serialize) -> Option<Vec<u8>> {
    postcard::to_stdvec(value).ok()
}

/// Decodes a value that takes up all bytes.
pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    decode_first(bytes).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// Decodes the first value, and returns the bytes behind it.
pub(super) fn decode_first<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<(T, &'a [u8])> {
    postcard::take_from_bytes(bytes).ok()
}

/// Computes a checksum against damage, not against malice.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Header of a frame: length and checksum of its record.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameHeader {
    /// Length of the record in bytes.
    pub len: u32,
    sum: u32,
}

impl FrameHeader {
    /// Encoded length of a header.
    pub(super) const BYTES: usize = 8;

    /// Decodes a header.
    pub(super) fn decode(bytes: [u8; Self::BYTES]) -> Self {
        let number = u64::from_le_bytes(bytes);
        let [len, sum] = [number & u64::from(u32::MAX), number >> 32];
        #[expect(clippy::cast_possible_truncation, reason = "each half has 32 bits")]
        Self { len: len as u32, sum: sum as u32 }
    }

    /// Returns true if these bytes are the record.
    pub(super) fn matches(self, record: &[u8]) -> bool {
        usize::try_from(self.len) == Ok(record.len()) && self.sum == checksum(record)
    }
}

/// Appends a record in a frame.
pub(super) fn push_frame(record: &[u8], to: &mut Vec<u8>) {
    // A record beyond 4 GB would be read as damaged.
    to.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend_from_slice(&checksum(record).to_le_bytes());
    to.extend_from_slice(record);
}

/// First frame of some bytes.
#[derive(Debug)]
pub(super) enum Frame<'a> {
    /// Record, and the bytes behind the frame.
    Complete(&'a [u8], &'a [u8]),
    /// More bytes are needed.
    Incomplete,
    /// The checksum differs, or the record is longer than the maximum.
    Damaged,
}

/// Splits off the first frame, whose record has at most `max` bytes.
pub(super) fn split_frame(bytes: &[u8], max: u32) -> Frame<'_> {
    let Some((header, rest)) = bytes.split_first_chunk() else { return Frame::Incomplete };
    let header = FrameHeader::decode(*header);
    if header.len > max {
        return Frame::Damaged;
    }
    match rest.split_at_checked(usize::try_from(header.len).unwrap_or(usize::MAX)) {
        Some((record, behind)) if header.matches(record) => Frame::Complete(record, behind),
        Some(_) => Frame::Damaged,
        None => Frame::Incomplete,
    }
}
