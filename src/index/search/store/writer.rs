//! Writer of the index. One process writes at a time; appended segments become visible all at once or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::IndexStore;
use super::reader::{IndexReader, MAGIC, data_path};
use super::record::{IndexRecord, RecordBytes};
use crate::index::encoding::push_frame;

/// Exclusive writer; releases the lock when dropped.
#[derive(Debug)]
pub(crate) struct IndexWriter<'a> {
    store: &'a IndexStore,
    manifest: File,
    data: Arc<File>,
    /// Lock file, released when it is closed, also by the end of the process.
    _lock: File,
}

impl<'a> IndexWriter<'a> {
    pub(super) fn begin(store: &'a IndexStore) -> io::Result<Option<Self>> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&store.dir)?;
        let lock = open(&store.dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let reader = store.refresh();
        if reader.data.is_none() {
            return Self::create(store, lock, reader.generation + 1).map(Some);
        }
        let verified = store.verified.swap(true, Ordering::Relaxed);
        let intact = if verified { reader.clone() } else { Arc::new(reader.verified_prefix(&store.dir)) };
        let manifest = open(&store.dir.join("manifest"))?;
        // Bytes after the last valid record belong to an unfinished write, or are damaged.
        if manifest.metadata()?.len() != intact.manifest_len {
            manifest.set_len(intact.manifest_len)?;
            store.publish(IndexReader::clone(&intact));
        }
        let data = Arc::new(open(&data_path(&store.dir, reader.generation))?);
        Ok(Some(Self { store, manifest, data, _lock: lock }))
    }

    /// Deletes all segments.
    pub(crate) fn clear(self) -> io::Result<Self> {
        let Self { store, _lock: lock, .. } = self;
        Self::create(store, lock, store.reader().generation + 1)
    }

    fn create(store: &'a IndexStore, lock: File, generation: u64) -> io::Result<Self> {
        let path = data_path(&store.dir, generation);
        let data = open(&path)?;
        data.set_len(0)?;
        let temporary = store.dir.join("manifest.new");
        let manifest = open(&temporary)?;
        manifest.set_len(0)?;
        manifest.write_all_at(&MAGIC, 0)?;
        manifest.write_all_at(&generation.to_le_bytes(), MAGIC.len() as u64)?;
        fs::rename(&temporary, store.dir.join("manifest"))?;
        for entry in fs::read_dir(&store.dir)? {
            let other = entry?.path();
            let is_obsolete = other.file_name().is_some_and(|name| is_obsolete(&name.to_string_lossy()));
            if is_obsolete && other != path {
                fs::remove_file(&other)?;
            }
        }
        let data = Arc::new(data);
        store.publish(IndexReader::empty(generation, data.clone(), manifest.metadata()?.ino()));
        Ok(Self { store, manifest, data, _lock: lock })
    }

    /// Returns the current reader.
    pub(crate) fn reader(&self) -> Arc<IndexReader> {
        self.store.reader()
    }

    /// Writes records with their bytes, all or none, and publishes them to readers.
    pub(crate) fn append(&mut self, records: impl IntoIterator<Item = (IndexRecord, RecordBytes)>) -> io::Result<()> {
        let records: Vec<(IndexRecord, RecordBytes)> = records.into_iter().collect();
        let mut reader = IndexReader::clone(&self.store.reader());
        let (mut manifest, mut data) = (Vec::new(), Vec::new());
        let (manifest_from, data_from) = (reader.manifest_len, reader.data_len);
        let first_bytes: usize = records.iter().map(|(_, bytes)| bytes.first.len()).sum();
        let mut last = Vec::new();
        for (mut record, bytes) in records {
            let at = |len: usize| data_from + len as u64;
            record.set_offsets(at(data.len()), at(first_bytes + last.len()));
            data.extend_from_slice(&bytes.first);
            last.extend_from_slice(&bytes.last);
            push_frame(&record.encode(), &mut manifest);
            reader.add(record, manifest_from + manifest.len() as u64);
        }
        data.extend_from_slice(&last);
        self.data.write_all_at(&data, data_from)?;
        self.manifest.write_all_at(&manifest, manifest_from)?;
        self.store.publish(reader);
        Ok(())
    }
}

/// Returns true for data files of other generations, and for the files of older format versions.
fn is_obsolete(name: &str) -> bool {
    name.starts_with("data-") || name.starts_with("talk-") || ["heads", "heads.new", "small", "filters"].contains(&name)
}

fn open(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
