//! UTF-16 texts, as some shells and editors of Windows write files: recognised by their mark, and converted to UTF-8.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use super::temp;

/// Units per step of a conversion.
const CHUNK: usize = 64 << 10;

/// Order of the bytes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The low byte is first.
    Little,
    /// The high byte is first.
    Big,
}

/// Returns the byte order of a file that begins with a mark of UTF-16.
pub fn byte_order(file: &File) -> Option<ByteOrder> {
    let mut head = [0; 2];
    file.read_exact_at(&mut head, 0).ok()?;
    match head {
        [0xff, 0xfe] => Some(ByteOrder::Little),
        [0xfe, 0xff] => Some(ByteOrder::Big),
        _ => None,
    }
}

/// Converts a file to UTF-8 in a file without a name. Half characters become U+FFFD.
pub fn to_utf8(mut file: &File, order: ByteOrder) -> io::Result<File> {
    file.seek(SeekFrom::Start(2))?;
    let mut reader = BufReader::with_capacity(2 * CHUNK, file);
    let mut copy = BufWriter::new(temp::unnamed()?);
    let mut units: Vec<u16> = Vec::with_capacity(CHUNK);
    loop {
        let bytes = reader.fill_buf()?;
        let whole = bytes.len() / 2 * 2;
        let unit = |pair: &[u8]| match order {
            ByteOrder::Little => u16::from_le_bytes([pair[0], pair[1]]),
            ByteOrder::Big => u16::from_be_bytes([pair[0], pair[1]]),
        };
        units.extend(bytes[..whole].chunks_exact(2).map(unit));
        let is_end = whole == 0;
        reader.consume(whole);
        // The second half of a character is in the next chunk.
        let half = units.last().copied().filter(|unit| !is_end && (0xd800..0xdc00).contains(unit));
        units.truncate(units.len() - usize::from(half.is_some()));
        copy.write_all(String::from_utf16_lossy(&units).as_bytes())?;
        units.clear();
        units.extend(half);
        if is_end {
            return copy.into_inner().map_err(io::IntoInnerError::into_error);
        }
    }
}
