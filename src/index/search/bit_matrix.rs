//! Bit-sliced n-gram filters: those of up to 64 segments as one bit matrix, so that a query reads only the rows of its
//! n-grams, however many filters there are.
//!
//! A filter is a column. Its length is a power of two, and a shorter column is stretched: each of its bits is repeated.
//! Rows are in pages with a checksum each, because a query reads few of them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::index::encoding::checksum;

/// Maximum number of columns, which is the number of bits in a row.
pub(crate) const MAX_COLUMNS: usize = 64;

/// Bytes of rows in a page, and of the checksum behind them. Rows do not cross pages.
const ROW_BYTES: usize = 4088;
const CHECKSUM_BYTES: usize = 4;

/// Shape of a matrix. Both numbers are powers of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MatrixShape {
    /// Number of rows, at least 8.
    rows: u32,
    /// Bits per row.
    width: u8,
}

/// Location of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowLocation {
    /// Offset and length of its page in the matrix.
    pub page: (usize, usize),
    byte: usize,
    /// First bit in the byte, in rows of less than a byte.
    bit: u32,
    width: u8,
}

impl MatrixShape {
    /// Returns the number of columns, used or not; at least 1.
    pub(crate) fn columns(self) -> usize {
        usize::from(self.width).max(1)
    }

    /// Returns the location of the row for a hash of `bits` bits; `None` in a damaged shape.
    pub(crate) fn row(self, hash: u32, bits: u32) -> Option<RowLocation> {
        let row = hash >> bits.checked_sub(self.rows.checked_ilog2()?)?;
        let at = usize::try_from(row).ok()?.checked_mul(self.width.into())?;
        let (page, byte) = (at / 8 / ROW_BYTES, at / 8 % ROW_BYTES);
        let all = (self.rows as usize).checked_mul(self.width.into())?.div_ceil(8);
        let len = all.checked_sub(page * ROW_BYTES)?.min(ROW_BYTES) + CHECKSUM_BYTES;
        let bit = u32::try_from(at % 8).ok()?;
        Some(RowLocation { page: (page * (ROW_BYTES + CHECKSUM_BYTES), len), byte, bit, width: self.width })
    }
}

impl RowLocation {
    /// Returns the bits of the row from its page, a bit per column; `None` if the page is damaged.
    pub(crate) fn bits(self, page: &[u8]) -> Option<u64> {
        let (rows, sum) = page.split_at_checked(page.len().checked_sub(CHECKSUM_BYTES)?)?;
        if sum != checksum(rows).to_le_bytes() {
            return None;
        }
        let mut row = [0; 8];
        let bytes = usize::from(self.width).div_ceil(8);
        row.get_mut(..bytes)?.copy_from_slice(rows.get(self.byte..self.byte + bytes)?);
        let row = u64::from_le_bytes(row) >> self.bit;
        Some(if self.width < 8 { row & ((1 << self.width) - 1) } else { row })
    }
}

/// Encodes columns, of which the longest one comes first.
pub(crate) fn encode(columns: &[&[u8]]) -> (MatrixShape, Vec<u8>) {
    let bytes = columns.first().map_or(1, |longest| longest.len());
    let width = columns.len().clamp(1, MAX_COLUMNS).next_power_of_two();
    let columns: Vec<Cow<'_, [u8]>> = columns.iter().map(|column| stretched(column, bytes)).collect();
    let rows = if width < 8 { narrow_rows(&columns, width, bytes) } else { rows(&columns, width / 8, bytes) };
    let mut pages = Vec::with_capacity(rows.len() + rows.len() / ROW_BYTES * CHECKSUM_BYTES + CHECKSUM_BYTES);
    for page in rows.chunks(ROW_BYTES) {
        pages.extend_from_slice(page);
        pages.extend_from_slice(&checksum(page).to_le_bytes());
    }
    let shape = MatrixShape {
        rows: u32::try_from(bytes * 8).unwrap_or_default(),
        width: u8::try_from(width).unwrap_or_default(),
    };
    (shape, pages)
}

/// Decodes a column of a matrix into its shortest form, from which stretching restores it. `None` if the matrix is damaged.
pub(crate) fn decode_column(shape: MatrixShape, pages: &[u8], column: u8) -> Option<Vec<u8>> {
    let (rows, width) = (shape.rows as usize, usize::from(shape.width));
    if !rows.is_power_of_two() || rows < 8 || usize::from(column) >= width {
        return None;
    }
    let mut bytes = Vec::with_capacity(rows.checked_mul(width)?.div_ceil(8));
    for page in pages.chunks(ROW_BYTES + CHECKSUM_BYTES) {
        let (rows, sum) = page.split_at_checked(page.len().checked_sub(CHECKSUM_BYTES)?)?;
        if sum != checksum(rows).to_le_bytes() {
            return None;
        }
        bytes.extend_from_slice(rows);
    }
    if bytes.len() != rows * width / 8 {
        return None;
    }
    let mut found = vec![0; rows / 8];
    for row in 0..rows {
        let at = row * width + usize::from(column);
        found[row / 8] |= (bytes[at / 8] >> (at % 8) & 1) << (row % 8);
    }
    while let Some(shorter) = shortened(&found) {
        found = shorter;
    }
    Some(found)
}

/// Returns the column of which another one is the stretched form; `None` if there is none.
fn shortened(column: &[u8]) -> Option<Vec<u8>> {
    let is_repeated = column.len() > 1 && column.iter().all(|bits| (bits ^ bits >> 1) & 0x55 == 0);
    let half = |bits: u8| (0..4).fold(0, |half, bit| half | (bits >> (2 * bit) & 1) << bit);
    is_repeated.then(|| column.chunks_exact(2).map(|pair| half(pair[0]) | half(pair[1]) << 4).collect())
}

/// Repeats the bits of a column until it has a number of bytes.
fn stretched(column: &[u8], bytes: usize) -> Cow<'_, [u8]> {
    let mut column = Cow::Borrowed(column);
    while column.len() < bytes && !column.is_empty() {
        column = column.iter().flat_map(|byte| [repeated(byte & 0xf), repeated(byte >> 4)]).collect::<Vec<u8>>().into();
    }
    column
}

/// Repeats each of four bits.
fn repeated(bits: u8) -> u8 {
    let pairs = (bits | bits << 2) & 0x33;
    let single = (pairs | pairs << 1) & 0x55;
    single | single << 1
}

/// Returns rows of less than a byte.
fn narrow_rows(columns: &[Cow<'_, [u8]>], width: usize, bytes: usize) -> Vec<u8> {
    let mut rows = vec![0; bytes * width];
    for (number, column) in columns.iter().enumerate() {
        for (at, byte) in column.iter().enumerate() {
            for bit in (0..8).filter(|bit| byte & (1 << bit) != 0) {
                let to = (at * 8 + bit) * width + number;
                rows[to / 8] |= 1 << (to % 8);
            }
        }
    }
    rows
}

/// Returns rows of `width` bytes.
fn rows(columns: &[Cow<'_, [u8]>], width: usize, bytes: usize) -> Vec<u8> {
    let mut rows = vec![0; bytes * 8 * width];
    for (at, columns) in columns.chunks(8).enumerate() {
        for byte in 0..bytes {
            let mut square = [0; 8];
            for (to, column) in square.iter_mut().zip(columns) {
                *to = column.get(byte).copied().unwrap_or_default();
            }
            let rows = &mut rows[byte * 8 * width..][..8 * width];
            for (row, bits) in rows.chunks_exact_mut(width).zip(transposed(u64::from_le_bytes(square)).to_le_bytes()) {
                row[at] = bits;
            }
        }
    }
    rows
}

/// Transposes a matrix of eight rows of a byte.
fn transposed(square: u64) -> u64 {
    let swap = |square: u64, distance: u32, mask: u64| {
        let differences = (square ^ (square >> distance)) & mask;
        square ^ differences ^ (differences << distance)
    };
    let square = swap(square, 7, 0x00aa_00aa_00aa_00aa);
    let square = swap(square, 14, 0x0000_cccc_0000_cccc);
    swap(square, 28, 0x0000_0000_f0f0_f0f0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH_BITS: u32 = 20;

    fn row(shape: MatrixShape, bytes: &[u8], hash: u32) -> Option<u64> {
        let location = shape.row(hash, HASH_BITS)?;
        let (start, len) = location.page;
        location.bits(&bytes[start..start + len])
    }

    /// A column of some bytes with pseudo-random bits.
    fn column(bytes: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_le_bytes()[7]
        };
        (0..bytes).map(|_| next() & next()).collect()
    }

    #[test]
    fn a_row_has_the_bit_of_each_column() {
        for count in [1, 2, 3, 5, 8, 9, 33, 64] {
            let columns: Vec<Vec<u8>> =
                (0..count).map(|number| column(4096 >> (number / 9), u64::from(number))).collect();
            let borrowed: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
            let (shape, bytes) = encode(&borrowed);
            for hash in (0..1 << HASH_BITS).step_by(997) {
                let bits = row(shape, &bytes, hash).expect("an intact page");
                for (number, column) in columns.iter().enumerate() {
                    let at = (hash as usize * column.len() * 8) >> HASH_BITS;
                    let wanted = column[at / 8] >> (at % 8) & 1;
                    assert_eq!(bits >> number & 1, u64::from(wanted), "{count} columns, column {number}, hash {hash}");
                }
                assert_eq!(bits.checked_shr(count).unwrap_or_default(), 0, "no other columns");
            }
        }
    }

    #[test]
    fn columns_are_decoded_as_they_were() {
        for count in [1, 2, 3, 5, 8, 9, 33, 64_u8] {
            let columns: Vec<Vec<u8>> =
                (0..count).map(|number| column(4096 >> (number / 9), u64::from(number))).collect();
            let borrowed: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
            let (shape, mut bytes) = encode(&borrowed);
            for (number, column) in (0..).zip(&columns) {
                assert_eq!(decode_column(shape, &bytes, number).as_ref(), Some(column), "{count} columns, {number}");
            }
            bytes[17] ^= 4;
            assert_eq!(decode_column(shape, &bytes, 0), None, "damaged");
        }
    }

    #[test]
    fn a_damaged_page_has_no_rows() {
        let columns = [column(4096, 1), column(4096, 2)];
        let (shape, mut bytes) = encode(&[&columns[0], &columns[1]]);
        bytes[17] ^= 4;
        assert_eq!(row(shape, &bytes, 0), None);
        assert!(row(shape, &bytes, (1 << HASH_BITS) - 1).is_some(), "other pages are intact");
        assert!(MatrixShape::default().row(7, HASH_BITS).is_none());
    }
}
