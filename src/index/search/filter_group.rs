//! Encodes the n-gram filters of several sources as a group with common matrices.

use std::sync::Arc;

use super::bit_matrix::{self, MAX_COLUMNS};
use super::ngram::FilterSegment;
use super::store::{FilterColumn, FilterGroup, IndexRecord, RecordBytes, StoredBytes, StoredFilter, StoredMatrix};
use crate::agent::SummaryCursor;
use crate::index::encoding;

/// N-gram filter of a source before its write.
pub(super) struct BuiltFilter {
    /// Bytes of the source's path.
    pub path: Arc<[u8]>,
    /// Covered part of the source.
    pub cursor: SummaryCursor,
    /// Filters of its segments.
    pub segments: Vec<FilterSegment>,
    /// Entry tables of its sessions.
    pub tables: Vec<u8>,
}

/// Encodes filters and their matrices.
pub(super) fn encode(built: &[BuiltFilter]) -> (IndexRecord, RecordBytes) {
    let (mut group, mut bytes) = (FilterGroup::default(), RecordBytes::default());
    for BuiltFilter { path, cursor, segments, tables } in built {
        let mut filter = StoredFilter::new(path.clone(), *cursor);
        filter.segments = segments.iter().map(|segment| FilterColumn { end: segment.end, column: None }).collect();
        if segments.iter().any(|segment| !segment.sessions.is_empty()) {
            let sessions: Vec<&[String]> = segments.iter().map(|segment| &*segment.sessions).collect();
            // Texts always have an encoding.
            filter.sessions = push(&encoding::encode(&sessions).unwrap_or_default(), &mut bytes.last);
        }
        filter.tables = push(tables, &mut bytes.last);
        group.filters.push(filter);
    }
    let segments = built.iter().enumerate().flat_map(|(filter, built)| {
        built.segments.iter().enumerate().map(move |(segment, found)| (filter, segment, &found.bits[..]))
    });
    let mut columns: Vec<(usize, usize, &[u8])> = segments.filter(|(_, _, bits)| !bits.is_empty()).collect();
    // Columns of one length need not be stretched.
    columns.sort_by_key(|(_, _, bits)| std::cmp::Reverse(bits.len()));
    for (matrix, columns) in (0..).zip(columns.chunks(MAX_COLUMNS)) {
        for (column, (filter, segment, _)) in (0..).zip(columns) {
            group.filters[*filter].segments[*segment].column = Some((matrix, column));
        }
        let (shape, matrix) = bit_matrix::encode(&columns.iter().map(|(_, _, bits)| *bits).collect::<Vec<_>>());
        group.matrices.push(StoredMatrix { stored: push(&matrix, &mut bytes.first), shape });
    }
    (IndexRecord::Filters(group), bytes)
}

/// Decodes the ids of the sessions in each segment; `None` where they are damaged.
pub(super) fn decode_sessions(bytes: &[u8]) -> Option<Vec<Vec<&str>>> {
    encoding::decode(bytes)
}

/// Appends bytes, and returns their location.
fn push(bytes: &[u8], to: &mut Vec<u8>) -> StoredBytes {
    let mut stored = StoredBytes::new(bytes);
    stored.at = to.len() as u64;
    to.extend_from_slice(bytes);
    stored
}
