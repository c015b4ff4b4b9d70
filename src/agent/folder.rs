//! Thousands of files in folders, listed and read with as little ado as possible: each is looked at or opened relative
//! to its folder, and read into one buffer.
//!
//! Must not know whose files they are.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dev, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use super::Stamp;

const HOW: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

/// Bytes read at first: more than most such files have.
const ROOM: usize = 64 << 10;

/// An open folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder; `None` where there is none.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        found(openat(CWD, path, HOW | OFlags::DIRECTORY, Mode::empty()))
    }

    /// Opens a folder in it.
    pub fn folder(&self, name: &CStr) -> io::Result<Option<Self>> {
        found(openat(&self.0, name, HOW | OFlags::DIRECTORY, Mode::empty()))
    }

    /// Names that end so, in order.
    pub fn names(&self, ending: &[u8]) -> io::Result<Vec<CString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_bytes().ends_with(ending) {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What stands in it: names, and what is plainly a file, a folder or a link.
    pub fn list(&self, mut visit: impl FnMut(&CStr, FileType)) -> io::Result<()> {
        entries(&self.0, &mut |name, kind| {
            if name == c"." || name == c".." {
                return;
            }
            let kind = match kind {
                // Not every file system tells.
                FileType::Unknown => statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                kind => kind,
            };
            visit(name, kind);
        })
    }

    /// Looks at something in it, through a link where it is one.
    pub fn look(&self, name: &CStr) -> io::Result<Seen> {
        Ok(Seen(statat(&self.0, name, AtFlags::empty())?))
    }

    /// Reads a file in it into a buffer, which only grows; gives how much there is.
    pub fn read(&self, name: &CStr, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let file = openat(&self.0, name, HOW, Mode::empty())?;
        buffer.resize(buffer.len().max(ROOM), 0);
        let mut len = 0;
        loop {
            match rustix::io::read(&file, &mut buffer[len..]) {
                Ok(0) => return Ok(len),
                Ok(count) => len += count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            // Less than was asked for is all there is, if it is a whole document too.
            if len < buffer.len() && buffer[..len].trim_ascii_end().ends_with(b"}") {
                return Ok(len);
            }
            if len == buffer.len() {
                buffer.resize(len * 2, 0);
            }
        }
    }
}

/// What was seen of a file or a folder.
#[derive(Debug)]
pub struct Seen(Stat);

impl Seen {
    /// Whether it is a file, a folder or something else.
    pub fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.0.st_mode)
    }

    /// Device and inode: what it is, by whichever name.
    pub fn identity(&self) -> (Dev, u64) {
        (self.0.st_dev, self.0.st_ino)
    }

    /// Its state.
    pub fn stamp(&self) -> Stamp {
        let nanoseconds = i64::try_from(self.0.st_mtime_nsec).unwrap_or_default();
        Stamp {
            inode: self.0.st_ino,
            size: u64::try_from(self.0.st_size).unwrap_or_default(),
            mtime_ns: self.0.st_mtime.saturating_mul(1_000_000_000).saturating_add(nanoseconds),
        }
    }
}

/// The path of a name in a folder.
pub fn path_of(folder: &Path, name: &CStr) -> PathBuf {
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
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        visit(entry.file_name(), entry.file_type());
    }
    Ok(())
}

fn found(opened: rustix::io::Result<OwnedFd>) -> io::Result<Option<Folder>> {
    match opened {
        Err(Errno::NOENT) => Ok(None),
        other => Ok(Some(Folder(other?))),
    }
}
