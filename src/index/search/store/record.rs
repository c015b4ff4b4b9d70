//! Records of the manifest: segments, n-gram filters (with entry tables) and vocabularies, each with the location of its
//! bytes in the data file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::block::BlockLayout;
use super::segment::{Replaces, Segment, TextKinds};
use super::stored_bytes::{StoredBytes, path_of};
use crate::agent::{Source, SummaryCursor};
use crate::index::encoding;

/// N-gram filter of a source, see [`super::super::ngram`], and the entry tables of its sessions.
#[derive(Debug)]
pub(crate) struct StoredFilter {
    pub(super) path: Arc<[u8]>,
    /// Covered part of the source.
    pub cursor: SummaryCursor,
    /// Location of the filter.
    pub stored: StoredBytes,
    /// Location of the entry tables; see [`super::super::entry_numbers`].
    pub tables: StoredBytes,
}

impl StoredFilter {
    /// Describes the filter and the tables of a source up to a cursor.
    pub(crate) fn new(source: &Source, cursor: SummaryCursor, bytes: &RecordBytes) -> Self {
        let (stored, tables) = (StoredBytes::new(&bytes.first), StoredBytes::new(&bytes.last));
        Self { path: path_of(source), cursor, stored, tables }
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
    /// Text block, filter or vocabulary.
    pub first: Vec<u8>,
    /// Entry tables, which few queries read. They are stored behind the blocks and filters of the same write.
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
    /// N-gram filter.
    Filter(StoredFilter),
    /// Vocabulary.
    Vocabulary(StoredVocabulary),
}

impl IndexRecord {
    /// Returns the end of the bytes in the data file.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Self::Segment(segment) => segment.stored.end(),
            Self::Filter(filter) => filter.stored.end().max(filter.tables.end()),
            Self::Vocabulary(vocabulary) => vocabulary.stored.end(),
        }
    }

    /// Sets the offsets of the [bytes](RecordBytes) in the data file.
    pub(crate) fn set_offsets(&mut self, first: u64, last: u64) {
        match self {
            Self::Segment(segment) => segment.stored.at = first,
            Self::Filter(filter) => (filter.stored.at, filter.tables.at) = (first, last),
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
            Self::Filter(StoredFilter { path, cursor, stored, tables }) => {
                EncodedRecord::Filter { path, cursor: *cursor, stored: *stored, tables: *tables }
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
            EncodedRecord::Filter { path, cursor, stored, tables } => {
                Some(Self::Filter(StoredFilter { path: shared(path), cursor, stored, tables }))
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
    Filter {
        path: &'a [u8],
        cursor: SummaryCursor,
        stored: StoredBytes,
        tables: StoredBytes,
    },
    Vocabulary(StoredVocabulary),
}
