//! Thousands of small files in folders, read with as little ado as possible: each is opened relative to its folder,
//! into one buffer.
//!
//! Must not know whose files they are.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};
use rustix::io::Errno;

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

fn found(opened: rustix::io::Result<OwnedFd>) -> io::Result<Option<Folder>> {
    match opened {
        Err(Errno::NOENT) => Ok(None),
        other => Ok(Some(Folder(other?))),
    }
}
