//! Fast listing and reading of thousands of files: each is opened relative to its open folder, and read into one buffer.
//!
//! Must not depend on any agent's format.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dev, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use super::FileStamp;
use crate::stdx::files::{self, SizeLimit};

const OPEN_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

/// Initial size of the read buffer in bytes, because most such files are smaller and fit one read.
const INITIAL_BUFFER: usize = 16 << 10;

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder; `None` if it does not exist.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        none_if_missing(openat(CWD, path, OPEN_FLAGS | OFlags::DIRECTORY, Mode::empty()))
    }

    /// Opens a subfolder; `None` if it does not exist.
    pub(super) fn folder(&self, name: &CStr) -> io::Result<Option<Self>> {
        none_if_missing(openat(&self.0, name, OPEN_FLAGS | OFlags::DIRECTORY, Mode::empty()))
    }

    /// Lists the names with the given ending, sorted.
    pub(super) fn names(&self, ending: &[u8]) -> io::Result<Vec<CString>> {
        Ok(self.named(ending)?.into_iter().map(|(name, _)| name).collect())
    }

    fn named(&self, ending: &[u8]) -> io::Result<Vec<(CString, FileType)>> {
        let mut found = Vec::new();
        entries(&self.0, &mut |name, kind| {
            if name.to_bytes().ends_with(ending) {
                found.push((name.to_owned(), kind));
            }
        })?;
        found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    /// Reads the files with the given ending, in the order of their names, each into the buffer, which only grows. Visits
    /// their names and contents until `visit` breaks.
    pub(super) fn read_each(
        &self,
        ending: &[u8],
        buffer: &mut Vec<u8>,
        mut visit: impl FnMut(&CStr, io::Result<&[u8]>) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        for (name, kind) in self.named(ending)? {
            let read = self.read(&name, kind, buffer);
            if visit(&name, read.map(|len| &buffer[..len])).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Visits the folder's entries with their names and types, without following links.
    pub(super) fn list(&self, mut visit: impl FnMut(&CStr, FileType)) -> io::Result<()> {
        entries(&self.0, &mut |name, kind| {
            if name == c"." || name == c".." {
                return;
            }
            let kind = match kind {
                // Not every file system reports the type.
                FileType::Unknown => statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                kind => kind,
            };
            visit(name, kind);
        })
    }

    /// Stats an entry, following a link.
    pub(super) fn stat(&self, name: &CStr) -> io::Result<FileStat> {
        Ok(FileStat(statat(&self.0, name, AtFlags::empty())?))
    }

    /// Returns the reason why a file that exists would not be read; see [`files::refusal`].
    pub(super) fn refusal(&self, name: &CStr, limit: SizeLimit) -> Option<io::Error> {
        files::refusal_at(&self.0, name, limit)
    }

    /// Reads a file of the folder into a buffer; returns the number of bytes read.
    fn read(&self, name: &CStr, kind: FileType, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let file = if kind == FileType::RegularFile {
            files::open_listed(&self.0, name)?
        } else {
            files::open_at(&self.0, name)?
        };
        buffer.resize(buffer.len().max(INITIAL_BUFFER), 0);
        let mut len = 0;
        loop {
            match rustix::io::read(&file, &mut buffer[len..]) {
                Ok(0) => return Ok(len),
                Ok(count) => len += count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            // A short read that ends a whole document is the end of the file: saves a second read.
            if len < buffer.len() && buffer[..len].trim_ascii_end().ends_with(b"}") {
                return Ok(len);
            }
            if len as u64 > SizeLimit::DOCUMENT.0 {
                return Err(files::too_large(SizeLimit::DOCUMENT));
            }
            if len == buffer.len() {
                buffer.resize(len * 2, 0);
            }
        }
    }
}

/// Result of a `stat` call.
#[derive(Debug)]
pub(super) struct FileStat(Stat);

impl FileStat {
    /// Type: file, folder or other.
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.0.st_mode)
    }

    /// Device and inode: identify the file under any name.
    pub(super) fn identity(&self) -> (Dev, u64) {
        (self.0.st_dev, self.0.st_ino)
    }

    /// State of the file, to detect changes.
    pub(super) fn stamp(&self) -> FileStamp {
        let nanoseconds = i64::try_from(self.0.st_mtime_nsec).unwrap_or_default();
        FileStamp {
            inode: self.0.st_ino,
            size: u64::try_from(self.0.st_size).unwrap_or_default(),
            mtime_ns: self.0.st_mtime.saturating_mul(1_000_000_000).saturating_add(nanoseconds),
        }
    }
}

/// Joins a folder and a name without UTF-8 conversion.
pub(super) fn path_of(folder: &Path, name: &CStr) -> PathBuf {
    let mut path = OsString::with_capacity(folder.as_os_str().len() + 1 + name.count_bytes());
    path.push(folder);
    if !folder.as_os_str().as_bytes().ends_with(b"/") {
        path.push("/");
    }
    path.push(OsStr::from_bytes(name.to_bytes()));
    path.into()
}

#[cfg(target_os = "linux")]
fn entries(folder: &OwnedFd, visit: &mut dyn FnMut(&CStr, FileType)) -> io::Result<()> {
    let mut buffer = [const { std::mem::MaybeUninit::uninit() }; 16 << 10];
    let mut listed = rustix::fs::RawDir::new(folder, &mut buffer);
    while let Some(entry) = listed.next() {
        let entry = entry?;
        visit(entry.file_name(), entry.file_type());
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn entries(folder: &OwnedFd, visit: &mut dyn FnMut(&CStr, FileType)) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        visit(entry.file_name(), entry.file_type());
    }
    Ok(())
}

fn none_if_missing(opened: rustix::io::Result<OwnedFd>) -> io::Result<Option<Folder>> {
    match opened {
        Err(Errno::NOENT) => Ok(None),
        other => Ok(Some(Folder(other?))),
    }
}
