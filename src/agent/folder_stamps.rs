//! Stamps of folders whose files contain texts of sessions, without reading them.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use rustix::fs::FileType;

use super::FileStamp;
use super::folder::Folder;

/// Stamps of folders, each taken once: many sessions may have their texts in one folder.
#[derive(Debug, Default)]
pub struct FolderStamps(HashMap<PathBuf, FileStamp>);

impl FolderStamps {
    /// Returns the stamp of all files in a folder; that of no file if it does not exist or cannot be read.
    pub fn of(&mut self, folder: PathBuf) -> FileStamp {
        self.with_subfolders(folder, |_| false)
    }

    /// Returns the stamp of all files in a folder and in those of its subfolders that are wanted by their names.
    pub fn with_subfolders(&mut self, folder: PathBuf, is_wanted: fn(&[u8]) -> bool) -> FileStamp {
        *self.0.entry(folder).or_insert_with_key(|path| {
            let mut stamps = Vec::new();
            if let Ok(Some(folder)) = Folder::open(path)
                && let Err(error) = add(&folder, is_wanted, &mut stamps)
            {
                tracing::debug!(path = %path.display(), %error, "folder cannot be listed");
            }
            FileStamp::combined(&stamps)
        })
    }
}

/// Adds the stamps of the files in a folder and in some of its subfolders.
fn add(folder: &Folder, is_wanted: fn(&[u8]) -> bool, stamps: &mut Vec<FileStamp>) -> io::Result<()> {
    let mut wanted = Vec::new();
    folder.list(|name, kind| match kind {
        FileType::RegularFile => stamps.extend(folder.stat(name).ok().map(|seen| seen.stamp())),
        FileType::Directory if is_wanted(name.to_bytes()) => wanted.push(name.to_owned()),
        _ => {}
    })?;
    for name in wanted {
        if let Some(inner) = folder.folder(&name)? {
            add(&inner, |_| false, stamps)?;
        }
    }
    Ok(())
}
