//! Notes of a snapshot on files, beside their contents: modes that git does not record, and files that are too large. Each
//! is a line in the message of its commit.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::quoted_name::{quoted, unquoted};

/// Maximum files whose modes are noted. Beyond it, the file system has modes of its own.
const MAX_MODES: usize = 500;

/// Bits of a mode that are noted.
const PERMISSIONS: u32 = 0o777;

/// Bit of a mode by which git tells programs from other files.
const OWNER_EXECUTES: u32 = 0o100;

/// Beginning of a line with the mode and the quoted name of a file.
const MODE_FIELD: &str = "mode: ";

/// Beginning of a line with the size, the time and the quoted name of a file that is too large for a snapshot.
const LARGE_FIELD: &str = "too-large: ";

/// Notes on files of a snapshot.
#[derive(Debug, Default)]
pub(super) struct SnapshotNotes {
    /// Modes of files, by name.
    modes: BTreeMap<Vec<u8>, u32>,
    /// Sizes and times of files that are too large, by name.
    large: BTreeMap<Vec<u8>, (u64, i128)>,
}

impl SnapshotNotes {
    /// Notes the mode of a file, which may be the usual one.
    pub(super) fn add_mode(&mut self, name: &[u8], metadata: &Metadata) {
        if metadata.is_file() {
            self.modes.insert(name.to_owned(), metadata.permissions().mode() & PERMISSIONS);
        }
    }

    /// Notes a file that is too large.
    pub(super) fn add_large(&mut self, name: &[u8], metadata: &Metadata) {
        let time = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        self.large.insert(name.to_owned(), (metadata.len(), time));
    }

    /// Notes the modes of other files.
    pub(super) fn extend_modes(&mut self, other: Self) {
        self.modes.extend(other.modes);
    }

    /// Returns the lines of a message. Modes that new files have in `folder` are left out.
    pub(super) fn lines(&self, folder: &Path) -> io::Result<String> {
        let probe = folder.join("probe");
        let plain = fs::File::create(&probe)?.metadata()?.permissions().mode() & PERMISSIONS;
        let program = plain | ((plain & 0o444) >> 2);
        let usual = |mode: u32| if mode & OWNER_EXECUTES == 0 { plain } else { program };
        let unusual: Vec<_> = self.modes.iter().filter(|(_, mode)| **mode != usual(**mode)).collect();
        let unusual = if unusual.len() > MAX_MODES { Vec::new() } else { unusual };
        let modes = unusual.into_iter().map(|(name, mode)| format!("{MODE_FIELD}{mode:03o} {}\n", quoted(name)));
        let large = self.large.iter();
        let large = large.map(|(name, (size, time))| format!("{LARGE_FIELD}{size} {time} {}\n", quoted(name)));
        Ok(modes.chain(large).collect())
    }
}

/// Returns the modes that a message notes, by quoted name.
pub(super) fn modes(message: &str) -> BTreeMap<String, u32> {
    let mode = |line: &str| {
        let (mode, name) = line.strip_prefix(MODE_FIELD)?.split_once(' ')?;
        Some((name.to_owned(), u32::from_str_radix(mode, 8).ok()? & PERMISSIONS))
    };
    message.lines().filter_map(mode).collect()
}

/// Returns the files that a message notes as too large: the size and time of each, by name.
pub(super) fn large_files(message: &str) -> BTreeMap<Vec<u8>, String> {
    let file = |line: &str| {
        let (state, name) = line.strip_prefix(LARGE_FIELD)?.split_once(" \"")?;
        Some((unquoted(name.strip_suffix('"')?)?, state.to_owned()))
    };
    message.lines().filter_map(file).collect()
}

/// Changes the mode of a regular file.
pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_file() {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & PERMISSIONS))
    } else {
        Ok(())
    }
}

/// Notes the modes of files of a work tree, as far as they are there.
pub(super) fn modes_of<'a>(root: &Path, names: impl Iterator<Item = &'a [u8]>) -> SnapshotNotes {
    let mut notes = SnapshotNotes::default();
    for name in names {
        if let Ok(metadata) = fs::symlink_metadata(root.join(OsStr::from_bytes(name))) {
            notes.add_mode(name, &metadata);
        }
    }
    notes
}
