//! Records of the manifest: segments, groups of n-gram filters (with entry tables) and vocabularies, each with the location of its
//! bytes in the data file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::bit_matrix::{MAX_COLUMNS, MatrixShape};
use super::block::BlockLayout;
use super::segment::{Replaces, Segment, TextKinds};
use super::stored_bytes::StoredBytes;
use crate::agent::SummaryCursor;
use crate::index::encoding;

/// N-gram filter of a source, see [`super::super::ngram`], and the entry tables of its sessions.
#[derive(Debug, PartialEq)]
pub(crate) struct StoredFilter {
    /// Bytes of the source's path.
    pub path: Arc<[u8]>,
    /// Covered part of the source.
    pub cursor: SummaryCursor,
    /// Filters of its segments, in order.
    pub segments: Box<[FilterColumn]>,
    /// Location of the ids of the sessions in each segment; empty for a source of one session.
    pub sessions: StoredBytes,
    /// Location of the entry tables; see [`super::super::entry_numbers`].
    pub tables: StoredBytes,
}

impl StoredFilter {
    /// Describes a filter.
    pub(crate) fn new(path: Arc<[u8]>, cursor: SummaryCursor) -> Self {
        let (sessions, tables) = (StoredBytes::default(), StoredBytes::default());
        Self { path, cursor, segments: Box::default(), sessions, tables }
    }
}

/// Filter of a segment: a column of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FilterColumn {
    /// End offset of the segment; 0 in sources of records.
    pub end: u64,
    /// Number of the matrix in its group, and of the column; `None`: the segment may contain everything.
    pub column: Option<(u32, u8)>,
}

/// Matrix of filters; see [`super::super::bit_matrix`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredMatrix {
    /// Location of the matrix.
    pub stored: StoredBytes,
    /// Shape of the matrix.
    pub shape: MatrixShape,
}

impl StoredMatrix {
    /// Returns the number of columns, used or not; at least 1.
    pub(crate) fn columns(&self) -> usize {
        self.shape.columns()
    }
}

/// Filters that were written together, in common matrices.
#[derive(Debug, Default)]
pub(crate) struct FilterGroup {
    /// Matrices.
    pub matrices: Vec<StoredMatrix>,
    /// Filters.
    pub filters: Vec<StoredFilter>,
}

impl FilterGroup {
    /// Returns the locations of all bytes.
    pub(super) fn stored(&self) -> impl Iterator<Item = StoredBytes> {
        let matrices = self.matrices.iter().map(|matrix| matrix.stored);
        matrices.chain(self.filters.iter().flat_map(|filter| [filter.sessions, filter.tables]))
    }
}

/// Vocabulary of the segments before it; see [`super::super::vocabulary`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StoredVocabulary {
    /// Location of the words.
    pub stored: StoredBytes,
    /// Length of the manifest with the covered segments.
    pub end: u64,
    /// True if it covers all of them; else only those after the previous vocabulary.
    pub is_whole: bool,
}

impl StoredVocabulary {
    /// Describes a vocabulary.
    pub(crate) fn new(bytes: &[u8], end: u64, is_whole: bool) -> Self {
        Self { stored: StoredBytes::new(bytes), end, is_whole }
    }
}

/// Bytes of a record in the data file.
#[derive(Debug, Default)]
pub(crate) struct RecordBytes {
    /// Text block, matrices or vocabulary.
    pub first: Vec<u8>,
    /// Sessions and entry tables, which few queries read. They are stored behind the blocks and matrices of the same
    /// write.
    pub last: Vec<u8>,
}

impl From<Vec<u8>> for RecordBytes {
    fn from(first: Vec<u8>) -> Self {
        Self { first, last: Vec::new() }
    }
}

/// Record of the manifest.
#[derive(Debug)]
pub(crate) enum IndexRecord {
    /// Segment with texts.
    Segment(Segment),
    /// N-gram filters.
    Filters(FilterGroup),
    /// Vocabulary.
    Vocabulary(StoredVocabulary),
}

impl IndexRecord {
    /// Returns the end of the bytes in the data file.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Self::Segment(segment) => segment.stored.end(),
            Self::Filters(group) => group.stored().map(|stored| stored.end()).max().unwrap_or_default(),
            Self::Vocabulary(vocabulary) => vocabulary.stored.end(),
        }
    }

    /// Sets the offsets of the [bytes](RecordBytes) in the data file. Offsets of filters are relative to theirs before.
    pub(crate) fn set_offsets(&mut self, first: u64, last: u64) {
        match self {
            Self::Segment(segment) => segment.stored.at = first,
            Self::Filters(group) => {
                group.matrices.iter_mut().for_each(|matrix| matrix.stored.at += first);
                for filter in &mut group.filters {
                    filter.sessions.at += last;
                    filter.tables.at += last;
                }
            }
            Self::Vocabulary(vocabulary) => vocabulary.stored.at = first,
        }
    }

    /// Encodes the record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let record = match self {
            Self::Segment(segment) => EncodedRecord::Segment {
                path: &segment.path,
                replaces: segment.replaces,
                cursor: segment.cursor,
                watermark: segment.watermark,
                stored: segment.stored,
                layout: segment.layout,
                kinds: segment.kinds,
                sessions: segment.sessions.iter().map(|id| &**id).collect(),
            },
            Self::Filters(FilterGroup { matrices, filters }) => {
                let filters = filters.iter().map(EncodedFilter::of).collect();
                EncodedRecord::Filters { matrices: matrices.clone(), filters }
            }
            Self::Vocabulary(vocabulary) => EncodedRecord::Vocabulary(*vocabulary),
        };
        // Numbers, bytes and texts always have an encoding.
        encoding::encode(&record).unwrap_or_default()
    }

    /// Decodes a record; `None` where it is damaged. `shared` returns the bytes of a path.
    pub(crate) fn decode(bytes: &[u8], shared: impl Fn(&[u8]) -> Arc<[u8]>) -> Option<Self> {
        match encoding::decode(bytes)? {
            EncodedRecord::Segment { path, replaces, cursor, watermark, stored, layout, kinds, sessions } => {
                let valid = layout.count == 0 || !sessions.is_empty();
                let sessions = sessions.into_iter().map(Box::from).collect();
                let path = shared(path);
                valid.then_some(Self::Segment(Segment {
                    path,
                    replaces,
                    cursor,
                    watermark,
                    stored,
                    layout,
                    kinds,
                    sessions,
                }))
            }
            EncodedRecord::Filters { matrices, filters } => {
                let decoded = |EncodedFilter { path, cursor, segments, sessions, tables }: EncodedFilter<'_>| {
                    let segments = segments.into_boxed_slice();
                    StoredFilter { path: shared(path), cursor, segments, sessions, tables }
                };
                let filters: Vec<StoredFilter> = filters.into_iter().map(decoded).collect();
                let columns = filters.iter().flat_map(|filter| &filter.segments).filter_map(|segment| segment.column);
                let is_valid = |(matrix, column): (u32, u8)| {
                    let matrix = matrices.get(matrix as usize);
                    matrix.is_some_and(|matrix| usize::from(column) < matrix.columns().min(MAX_COLUMNS))
                };
                let valid = columns.into_iter().all(is_valid);
                valid.then_some(Self::Filters(FilterGroup { matrices, filters }))
            }
            EncodedRecord::Vocabulary(vocabulary) => Some(Self::Vocabulary(vocabulary)),
        }
    }
}

/// Encoded form of a record.
#[derive(Serialize, Deserialize)]
enum EncodedRecord<'a> {
    Segment {
        path: &'a [u8],
        replaces: Replaces,
        cursor: SummaryCursor,
        watermark: u64,
        stored: StoredBytes,
        layout: BlockLayout,
        kinds: TextKinds,
        #[serde(borrow)]
        sessions: Vec<&'a str>,
    },
    Filters {
        matrices: Vec<StoredMatrix>,
        #[serde(borrow)]
        filters: Vec<EncodedFilter<'a>>,
    },
    Vocabulary(StoredVocabulary),
}

/// Encoded form of a filter.
#[derive(Serialize, Deserialize)]
struct EncodedFilter<'a> {
    path: &'a [u8],
    cursor: SummaryCursor,
    segments: Vec<FilterColumn>,
    sessions: StoredBytes,
    tables: StoredBytes,
}

impl<'a> EncodedFilter<'a> {
    fn of(filter: &'a StoredFilter) -> Self {
        let StoredFilter { path, cursor, segments, sessions, tables } = filter;
        Self { path, cursor: *cursor, segments: segments.to_vec(), sessions: *sessions, tables: *tables }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::bit_matrix;
    use super::*;

    #[test]
    fn a_column_outside_of_its_matrix_is_damage() {
        let columns = [vec![0xff; 64], vec![0xff; 64], vec![0xff; 64]];
        let (shape, bytes) = bit_matrix::encode(&columns.each_ref().map(Vec::as_slice));
        let decoded = |column: (u32, u8)| {
            let segments = Box::from([FilterColumn { end: 10, column: Some(column) }]);
            let (cursor, sessions, tables) = Default::default();
            let filter = StoredFilter { path: Arc::from(*b"/a"), cursor, segments, sessions, tables };
            let matrices = vec![StoredMatrix { stored: StoredBytes::new(&bytes), shape }];
            let record = IndexRecord::Filters(FilterGroup { matrices, filters: vec![filter] });
            IndexRecord::decode(&record.encode(), |path| path.into()).is_some()
        };
        assert!(decoded((0, 2)));
        assert!(!decoded((0, 4)), "the matrix has four columns");
        assert!(!decoded((0, 63)));
        assert!(!decoded((1, 0)), "there is one matrix");
    }
}
