//! Opening and reading of files that other programs wrote. No other module opens a file for reading.
//!
//! A path may lead to anything: a named pipe without a writer, a device without an end, a file of any size. Only regular
//! files are opened, no open blocks, and each read has a limit.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::path::Arg;

/// Flags of each open: a pipe without a writer does not block, and a terminal does not become the controlling one.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Maximum size of a file that is read as a whole, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeLimit(pub u64);

impl SizeLimit {
    /// A pointer to another file or directory: `.git`, `commondir`, `.project_root`.
    pub const POINTER: Self = Self(64 << 10);
    /// A record about one process or one sub-agent: `sessions/<pid>.json`, `meta.json`.
    pub const SIDECAR: Self = Self(1 << 20);
    /// A table of many sessions or projects: `projects.json`, `session_index.jsonl`.
    pub const TABLE: Self = Self(64 << 20);
    /// A whole conversation, or a message or part with attachments.
    pub const DOCUMENT: Self = Self(256 << 20);
    /// A configuration file.
    pub const CONFIG: Self = Self(1 << 20);
}

/// Opens a regular file for reading. Links are followed, because users move agents' folders with them.
pub fn open(path: &Path) -> io::Result<File> {
    Ok(open_at(CWD, path)?.into())
}

/// Opens a regular file relative to an open directory.
pub fn open_at(folder: impl std::os::fd::AsFd, name: impl Arg + Copy) -> io::Result<OwnedFd> {
    // The type is asked before the open too, because opening a device can have effects.
    require_regular(&statat(&folder, name, AtFlags::empty())?)?;
    open_listed(folder, name)
}

/// Opens a file that its directory lists as a regular one.
pub fn open_listed(folder: impl std::os::fd::AsFd, name: impl Arg) -> io::Result<OwnedFd> {
    let file = openat(&folder, name, FLAGS, Mode::empty())?;
    require_regular(&fstat(&file)?)?;
    Ok(file)
}

/// Reads a regular file as a whole, if it is not larger than the limit.
pub fn read(path: &Path, limit: SizeLimit) -> io::Result<Vec<u8>> {
    read_open(&open(path)?, limit)
}

/// Reads an open file from its position to its end, if that is not more than the limit.
pub fn read_open(mut file: &File, limit: SizeLimit) -> io::Result<Vec<u8>> {
    let size = file.metadata()?.len();
    if size > limit.0 {
        return Err(too_large(limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    // The file may grow while it is read.
    if Read::by_ref(&mut file).take(limit.0 + 1).read_to_end(&mut bytes)? as u64 > limit.0 {
        return Err(too_large(limit));
    }
    Ok(bytes)
}

/// Reads a regular text file as a whole; invalid UTF-8 is an error of the kind `InvalidData`.
pub fn read_text(path: &Path, limit: SizeLimit) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not valid UTF-8"))
}

/// Reads the beginning of a file that the system provides, such as those of `/proc`: by one read without any check,
/// because there are thousands of them.
pub fn first_bytes(path: impl Arg, buffer: &mut [u8]) -> io::Result<&[u8]> {
    let file = openat(CWD, path, FLAGS, Mode::empty())?;
    let len = rustix::io::read(&file, &mut *buffer)?;
    Ok(&buffer[..len])
}

/// Returns the reason why a file that exists would not be read: not a regular file, or larger than the limit.
pub fn refusal(path: &Path, limit: SizeLimit) -> Option<io::Error> {
    refusal_at(CWD, path, limit)
}

/// Like [`refusal`], relative to an open directory.
pub fn refusal_at(folder: impl std::os::fd::AsFd, name: impl Arg, limit: SizeLimit) -> Option<io::Error> {
    let stat = statat(folder, name, AtFlags::empty()).ok()?;
    let large = u64::try_from(stat.st_size).unwrap_or(0) > limit.0;
    require_regular(&stat).err().or_else(|| large.then(|| too_large(limit)))
}

/// True for a pipe, a socket or a device.
pub fn is_special(path: &Path) -> bool {
    let kind = statat(CWD, path, AtFlags::empty()).map(|stat| FileType::from_raw_mode(stat.st_mode));
    kind.is_ok_and(|kind| !matches!(kind, FileType::RegularFile | FileType::Directory))
}

/// Creates the error for a file above its size limit.
pub fn too_large(limit: SizeLimit) -> io::Error {
    let (count, unit) = if limit.0 >= 1 << 20 { (limit.0 >> 20, "MiB") } else { (limit.0 >> 10, "KiB") };
    io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {count} {unit}, not read"))
}

fn require_regular(stat: &rustix::fs::Stat) -> io::Result<()> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Directory => "a directory",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Symlink | FileType::Unknown => "a special file",
    };
    Err(io::Error::other(format!("not a regular file ({kind})")))
}
