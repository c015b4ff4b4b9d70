//! Outputs whose files are named after their calls, in a folder that may get more of them while a transcript is open.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::{Discovery, FileStamp};

/// Files of a folder by their names without endings. Listed on demand, and again when the folder has changed.
#[derive(Debug, Default)]
pub(crate) struct NamedFiles(Mutex<Listing>);

#[derive(Debug, Default)]
struct Listing {
    files: HashMap<String, PathBuf>,
    /// The listed folders with their stamps; `None` for one that does not exist.
    folders: Vec<(PathBuf, Option<FileStamp>)>,
}

impl NamedFiles {
    /// Finds a file by its name without ending, in the folder of a walk and at most `depth` levels below it.
    pub(crate) fn find(&self, name: &str, (walk, folder, depth): (&Walk, &Path, usize)) -> Option<PathBuf> {
        let mut listing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !listing.files.contains_key(name) && listing.is_outdated() {
            *listing = Listing::read(walk, folder, depth);
        }
        listing.files.get(name).cloned()
    }
}

impl Listing {
    fn read(walk: &Walk, folder: &Path, depth: usize) -> Self {
        // The stamps precede the listing, so that a file which comes in between is found the next time.
        let mut folders = vec![(folder.to_owned(), stamp(folder))];
        let mut level = vec![folder.to_owned()];
        for _ in 0..depth {
            level = level.iter().flat_map(|folder| walk::subdirectories(folder, &mut Vec::new())).collect();
            folders.extend(level.iter().map(|folder| (folder.clone(), stamp(folder))));
        }
        let mut discovery = Discovery::default();
        walk.files(folder, depth, &mut discovery);
        let files = discovery.sources.into_iter().map(|source| (walk::stem(&source.path), source.path)).collect();
        Self { files, folders }
    }

    fn is_outdated(&self) -> bool {
        self.folders.is_empty() || self.folders.iter().any(|(folder, listed)| stamp(folder) != *listed)
    }
}

fn stamp(folder: &Path) -> Option<FileStamp> {
    std::fs::metadata(folder).ok().map(|metadata| FileStamp::of(&metadata))
}
