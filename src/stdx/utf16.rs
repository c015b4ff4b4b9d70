//! UTF-16 texts, as some shells and editors of Windows write files: recognised by their mark, or by the bytes of zero
//! around their first letters, and converted to UTF-8.

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

/// Returns the byte order of a file that begins with a mark of UTF-16, or with letters of ASCII in UTF-16.
pub fn byte_order(file: &File) -> Option<ByteOrder> {
    let mut head = [0; 4];
    file.read_exact_at(&mut head, 0).ok()?;
    order_of(head)
}

/// Byte order of a text that begins with these bytes, if it is in UTF-16.
fn order_of(head: [u8; 4]) -> Option<ByteOrder> {
    match head {
        [0xff, 0xfe, ..] => Some(ByteOrder::Little),
        [0xfe, 0xff, ..] => Some(ByteOrder::Big),
        [first, 0, second, 0] if is_text(first) && is_text(second) => Some(ByteOrder::Little),
        [0, first, 0, second] if is_text(first) && is_text(second) => Some(ByteOrder::Big),
        _ => None,
    }
}

fn is_text(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte.is_ascii_whitespace()
}

/// Converts a text in UTF-16; any other one stays as it is.
pub fn decoded(bytes: Vec<u8>) -> Vec<u8> {
    let Some(order) = bytes.first_chunk().copied().and_then(order_of) else { return bytes };
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| order.unit(pair)).collect();
    String::from_utf16_lossy(&units).trim_start_matches('\u{feff}').as_bytes().to_vec()
}

impl ByteOrder {
    fn unit(self, pair: &[u8]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes([pair[0], pair[1]]),
            Self::Big => u16::from_be_bytes([pair[0], pair[1]]),
        }
    }
}

/// Converts a file to UTF-8 in a file without a name. Half characters become U+FFFD.
pub fn to_utf8(mut file: &File, order: ByteOrder) -> io::Result<File> {
    let mut head = [0; 2];
    file.read_exact_at(&mut head, 0)?;
    let mark = if matches!(head, [0xff, 0xfe] | [0xfe, 0xff]) { 2 } else { 0 };
    file.seek(SeekFrom::Start(mark))?;
    let mut reader = BufReader::with_capacity(2 * CHUNK, file);
    let mut copy = BufWriter::new(temp::unnamed()?);
    let mut units: Vec<u16> = Vec::with_capacity(CHUNK);
    loop {
        let bytes = reader.fill_buf()?;
        let whole = bytes.len() / 2 * 2;
        units.extend(bytes[..whole].chunks_exact(2).map(|pair| order.unit(pair)));
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
