//! Writes to the store. One process at a time; what is appended is seen by all at once or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Store;
use super::batch::{Batch, Packed};
use super::view::{MAGIC, View, frame, talk_path};

/// The right to write, until dropped.
#[derive(Debug)]
pub struct Writer<'a> {
    store: &'a Store,
    heads: File,
    talk: Arc<File>,
    /// Released when it is closed, also when the process dies.
    _lock: File,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(store: &'a Store) -> io::Result<Option<Self>> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&store.dir)?;
        let lock = open(&store.dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let view = store.refresh();
        if view.talk.is_none() {
            return Self::start_anew(store, lock, view.generation + 1).map(Some);
        }
        let checked = store.checked.swap(true, Ordering::Relaxed);
        let sound = if checked { view.clone() } else { Arc::new(view.verified(&store.dir)) };
        let heads = open(&store.dir.join("heads"))?;
        // What lies behind the last sound head was never finished, or is damaged.
        if heads.metadata()?.len() != sound.heads {
            heads.set_len(sound.heads)?;
            store.publish(View::clone(&sound));
        }
        let talk = Arc::new(open(&talk_path(&store.dir, view.generation))?);
        Ok(Some(Self { store, heads, talk, _lock: lock }))
    }

    /// Throws away what is stored.
    pub fn clear(self) -> io::Result<Self> {
        let Self { store, _lock: lock, .. } = self;
        Self::start_anew(store, lock, store.view().generation + 1)
    }

    fn start_anew(store: &'a Store, lock: File, generation: u64) -> io::Result<Self> {
        let path = talk_path(&store.dir, generation);
        let talk = open(&path)?;
        talk.set_len(0)?;
        let draft = store.dir.join("heads.new");
        let heads = open(&draft)?;
        heads.set_len(0)?;
        heads.write_all_at(&MAGIC, 0)?;
        heads.write_all_at(&generation.to_le_bytes(), MAGIC.len() as u64)?;
        fs::rename(&draft, store.dir.join("heads"))?;
        for entry in fs::read_dir(&store.dir)? {
            let other = entry?.path();
            let old = other.file_name().is_some_and(|name| name.to_string_lossy().starts_with("talk-"));
            if old && other != path {
                fs::remove_file(&other)?;
            }
        }
        let talk = Arc::new(talk);
        store.publish(View::begun(generation, talk.clone(), heads.metadata()?.ino()));
        Ok(Self { store, heads, talk, _lock: lock })
    }

    /// What is stored now.
    pub fn view(&self) -> Arc<View> {
        self.store.view()
    }

    /// Stores batches, all of them or none, and shows them to whoever searches.
    pub fn append(&mut self, packed: Vec<Packed>) -> io::Result<()> {
        let mut view = View::clone(&self.store.view());
        let (mut heads, mut blocks) = (Vec::new(), Vec::new());
        let mut batches: Vec<Batch> = Vec::with_capacity(packed.len());
        for Packed { mut batch, bytes } in packed {
            batch.at = view.bytes + blocks.len() as u64;
            blocks.extend_from_slice(&bytes);
            frame(&batch.encode(), &mut heads);
            batches.push(batch);
        }
        self.talk.write_all_at(&blocks, view.bytes)?;
        self.heads.write_all_at(&heads, view.heads)?;
        view.heads += heads.len() as u64;
        for batch in batches {
            view.add(Arc::new(batch));
        }
        self.store.publish(view);
        Ok(())
    }
}

fn open(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
