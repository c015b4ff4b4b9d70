//! The talk of all sessions in one growing file, to be searched by reading it.
//!
//! Talk is some 2 % of what agents write, so little that reading all of it takes milliseconds: no word lists, hence
//! no rules of what a word is, and a file that only ever grows. Two files: `heads` says what lies where, `talk-N`
//! holds the texts, packed, and what is known of the letters of each unit. Who searches again and again holds them
//! unpacked in memory for a while. Texts are written first, so that a head never promises what is not there; a head that was not
//! written whole ends the file. `heads` names the `talk-N` that it is about: starting anew replaces both at once.
//!
//! Any number of processes read; the one that holds `lock` writes. Both files may be deleted at any time.

mod batch;
mod block;
mod names;
mod view;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use batch::{Batch, Draft, Packed, Replaces, checksum};
pub use block::{Block, Buffer, Entry};
pub use view::{Live, View};
pub use writer::Writer;

/// The stored talk, as this process sees it.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    view: RwLock<Arc<View>>,
    /// Held while the files are looked at again, so that two threads do not do it at once.
    refreshing: Mutex<()>,
    /// The texts were checked against damage since this process began.
    checked: AtomicBool,
}

impl Store {
    /// What lies in a directory, which need not exist. Nothing is read before it is asked for; what cannot be read
    /// counts as not there.
    pub fn open(dir: &Path) -> Self {
        let view = RwLock::default();
        Self { dir: dir.to_owned(), view, refreshing: Mutex::new(()), checked: AtomicBool::new(false) }
    }

    /// Gives the memory back until somebody asks again.
    pub fn forget(&self) {
        let _held = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        self.publish(View::default());
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is stored now, as far as this process knows.
    pub fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether another process has written, and gives what is stored.
    pub fn refresh(&self) -> Arc<View> {
        let _held = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.view();
        match view.refreshed(&self.dir) {
            Some(fresh) => self.publish(fresh),
            None => view,
        }
    }

    /// Whether the texts were checked against damage since this process began.
    pub fn is_checked(&self) -> bool {
        self.checked.load(Ordering::Relaxed)
    }

    /// Begins to write; `None` while another process does. Fails where the directory cannot be written.
    pub fn writer(&self) -> io::Result<Option<Writer<'_>>> {
        Writer::begin(self)
    }

    fn publish(&self, view: View) -> Arc<View> {
        let view = Arc::new(view);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view.clone();
        view
    }
}
