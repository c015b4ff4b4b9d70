//! Text index: the indexed texts of all sessions in one growing file, searched by reading it.
//!
//! Indexed texts are some 2 % of what agents write, so that reading all of them takes milliseconds. There is no word
//! list, hence no tokenizer, and the file only grows. The `manifest` contains a record per segment, group of n-gram
//! filters and vocabulary.
//! The file `data-N` contains the compressed texts and the filters. Repeated searches pin decompressed segments in
//! memory for a while. Texts are written before their record, so that a record never refers to missing data; an
//! incomplete record ends the file. The manifest contains the generation `N` of its data file, so that a new index
//! replaces both at once.
//!
//! Any number of processes read; the one that locks `lock` writes. Both files may be deleted at any time.

mod block;
mod reader;
mod record;
mod segment;
mod stored_bytes;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub(super) use block::{BlockBuffer, BlockLayout, TextBlock, TextEntry};
pub(super) use reader::{IndexReader, SharedFilter, SourceRecords, StoredSegment};
pub(super) use record::{
    FilterColumn, FilterGroup, IndexRecord, RecordBytes, StoredFilter, StoredMatrix, StoredVocabulary,
};
pub(super) use segment::{EncodedSegment, Replaces, Segment, SegmentBuilder};
pub(super) use stored_bytes::{StoredBytes, path_of};
pub(super) use writer::IndexWriter;

/// Text index in a directory, with the current reader of this process.
#[derive(Debug)]
pub(super) struct IndexStore {
    dir: PathBuf,
    reader: RwLock<Arc<IndexReader>>,
    /// Locked during a refresh, so that two threads do not read the manifest at once.
    refreshing: Mutex<()>,
    /// True if the checksums of all texts were verified by this process.
    verified: AtomicBool,
}

impl IndexStore {
    /// Opens the index in a directory, which need not exist. Nothing is read before the first use; an unreadable index
    /// counts as empty.
    pub(super) fn open(dir: &Path) -> Self {
        let reader = RwLock::default();
        Self { dir: dir.to_owned(), reader, refreshing: Mutex::new(()), verified: AtomicBool::new(false) }
    }

    /// Drops the reader until the next use.
    pub(super) fn drop_cache(&self) {
        let _guard = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        self.publish(IndexReader::default());
    }

    /// Returns the directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the current reader, without a check for new segments.
    pub(super) fn reader(&self) -> Arc<IndexReader> {
        self.reader.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads segments that another process has added, and returns the current reader.
    pub(super) fn refresh(&self) -> Arc<IndexReader> {
        let _guard = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = self.reader();
        match reader.refresh(&self.dir) {
            Some(fresh) => self.publish(fresh),
            None => reader,
        }
    }

    /// Returns true if the checksums of all texts were verified by this process.
    pub(super) fn is_verified(&self) -> bool {
        self.verified.load(Ordering::Relaxed)
    }

    /// Locks the index for writing; `None` while another process writes. Fails where the directory is not writable.
    pub(super) fn writer(&self) -> io::Result<Option<IndexWriter<'_>>> {
        IndexWriter::begin(self)
    }

    fn publish(&self, reader: IndexReader) -> Arc<IndexReader> {
        let reader = Arc::new(reader);
        *self.reader.write().unwrap_or_else(PoisonError::into_inner) = reader.clone();
        reader
    }
}
