//! Stamps of folders whose files contain texts of sessions, without reading them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::FileStamp;
use super::folder::Folder;

/// Stamps of folders. Each is listed once, because many sessions may have their texts in one folder.
#[derive(Debug, Default)]
pub struct FolderStamps(HashMap<PathBuf, ListedFolder>);

/// A folder of texts; an empty one if it does not exist or cannot be read.
#[derive(Debug, Default)]
struct ListedFolder {
    /// Stamps of its own files, and of those in subfolders that belong to no session.
    shared: Vec<FileStamp>,
    /// Subfolders of sessions, with the stamps of their files once these were asked for.
    of_sessions: HashMap<Vec<u8>, Option<FileStamp>>,
}

impl FolderStamps {
    /// Returns the stamp of the files in a folder, in its subfolders with the names `own`, and in those that belong to no
    /// session by their names.
    pub fn of(&mut self, path: &Path, own: &[String], is_of_session: fn(&[u8]) -> bool) -> FileStamp {
        let listed = self.0.entry(path.to_owned()).or_insert_with(|| {
            let ListedFolder { shared, of_sessions } = ListedFolder::read(path, is_of_session);
            ListedFolder { shared: vec![FileStamp::combined(&shared)], of_sessions }
        });
        let mut stamps = listed.shared.clone();
        for name in own {
            if let Some(stamp) = listed.of_sessions.get_mut(name.as_bytes()) {
                let read = || FileStamp::combined(&ListedFolder::read(&path.join(name), |_| true).shared);
                stamps.push(*stamp.get_or_insert_with(read));
            }
        }
        FileStamp::combined(&stamps)
    }
}

impl ListedFolder {
    fn read(path: &Path, is_of_session: fn(&[u8]) -> bool) -> Self {
        let mut listed = Self::default();
        if let Ok(Some(folder)) = Folder::open(path)
            && let Err(error) = listed.add(&folder, is_of_session)
        {
            tracing::debug!(path = %path.display(), %error, "folder cannot be listed");
        }
        listed
    }

    fn add(&mut self, folder: &Folder, is_of_session: fn(&[u8]) -> bool) -> io::Result<()> {
        let mut others = Vec::new();
        folder.list(|name, kind| match kind {
            FileType::RegularFile => self.shared.extend(folder.stat(name).ok().map(|seen| seen.stamp())),
            FileType::Directory if is_of_session(name.to_bytes()) => {
                self.of_sessions.insert(name.to_bytes().to_owned(), None);
            }
            FileType::Directory => others.push(name.to_owned()),
            _ => {}
        })?;
        for name in others {
            if let Some(inner) = folder.folder(&name)? {
                // Outputs are at most one level deeper.
                let mut listed = Self::default();
                listed.add(&inner, |_| true)?;
                self.shared.append(&mut listed.shared);
            }
        }
        Ok(())
    }
}
