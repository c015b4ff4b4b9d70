//! Requests to the POSIX shell script that reads files over there, and the framing of its answers.

use std::io;
use std::path::{Component, Path, PathBuf};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Script that answers the requests. Needs `find`, `stat` and `dd` only.
pub const SCRIPT: &str = include_str!("../../../assets/file-reader.sh");

/// Bytes per block of a read.
const BLOCK: u64 = 4096;

/// Maximum bytes of an answer, because the other side may be damaged or hostile.
const MAX_ANSWER: usize = 80 << 20;

/// Facts about a file over there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct FileFacts {
    /// Number that tells a file from another one of the same name.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change, in seconds since 1970.
    pub modified: u64,
}

/// Range of bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePart {
    /// Path below the home directory.
    pub path: PathBuf,
    /// Offset of the first byte.
    pub from: u64,
    /// Offset after the last byte.
    pub to: u64,
}

/// Running script.
#[derive(Debug)]
pub(super) struct RemoteShell<R, W> {
    reader: R,
    writer: W,
    /// Text before the exit code after each answer.
    mark: Vec<u8>,
    received: Vec<u8>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> RemoteShell<R, W> {
    /// Starts the conversation with the script. `random` tells the ends of answers from the bytes of files.
    pub(super) async fn begin(reader: R, mut writer: W, random: u64) -> io::Result<Self> {
        let text = format!("salon-{random:016x}");
        writer.write_all(format!("{text}\n").as_bytes()).await?;
        writer.flush().await?;
        let mut shell = Self { reader, writer, mark: format!("\n{text} ").into_bytes(), received: Vec::new() };
        // A login may print a message of the day before.
        match shell.answer().await? {
            (_, 0) => Ok(shell),
            _ => Err(io::Error::new(io::ErrorKind::Unsupported, "its stat is unknown")),
        }
    }

    /// Returns all files of agents whose sessions are files, with their paths below the home directory.
    pub(super) async fn list(&mut self) -> io::Result<Vec<(PathBuf, FileFacts)>> {
        self.request("list\n").await?;
        let (listed, _) = self.answer().await?;
        let mut folder = PathBuf::new();
        let mut files = Vec::new();
        for line in listed.split(|byte| *byte == b'\n') {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            if let Some(name) = line.strip_prefix("# ") {
                folder = PathBuf::from(name);
            } else if let Some((facts, path)) = facts(line) {
                let path = folder.join(path.strip_prefix("./").unwrap_or(path));
                if is_below(&path) {
                    files.push((path, facts));
                }
            }
        }
        Ok(files)
    }

    /// Returns the facts about a file; `None` if it does not exist.
    pub(super) async fn stat(&mut self, path: &Path) -> io::Result<Option<FileFacts>> {
        self.request(&format!("stat 0 0 {}\n", path.display())).await?;
        let (line, _) = self.answer().await?;
        Ok(std::str::from_utf8(&line).ok().and_then(|line| facts(line.trim_end())).map(|(facts, _)| facts))
    }

    /// Reads parts of files with one round trip; `None` for each that cannot be read. A file may have changed since its
    /// facts were read.
    pub(super) async fn read(&mut self, parts: &[FilePart]) -> io::Result<Vec<Option<Vec<u8>>>> {
        let mut requests = String::new();
        for part in parts {
            let skip = part.from / BLOCK;
            let count = part.to.div_ceil(BLOCK).saturating_sub(skip);
            requests.push_str(&format!("read {skip} {count} {}\n", part.path.display()));
        }
        self.request(&requests).await?;
        let mut read = Vec::with_capacity(parts.len());
        for part in parts {
            let (mut bytes, code) = self.answer().await?;
            let before = usize::try_from(part.from % BLOCK).unwrap_or_default().min(bytes.len());
            bytes.drain(..before);
            bytes.truncate(usize::try_from(part.to - part.from).unwrap_or(usize::MAX));
            read.push((code == 0).then_some(bytes));
        }
        Ok(read)
    }

    async fn request(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes()).await?;
        self.writer.flush().await
    }

    /// Returns the bytes of the next answer, and its exit code.
    async fn answer(&mut self) -> io::Result<(Vec<u8>, i32)> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr::memmem::find(&self.received[searched..], &self.mark).map(|at| at + searched) {
                let code_at = at + self.mark.len();
                if let Some(end) = memchr::memchr(b'\n', &self.received[code_at..]).map(|end| code_at + end) {
                    let code =
                        std::str::from_utf8(&self.received[code_at..end]).ok().and_then(|code| code.parse().ok());
                    let rest = self.received.split_off(end + 1);
                    let mut bytes = std::mem::replace(&mut self.received, rest);
                    bytes.truncate(at);
                    return Ok((bytes, code.unwrap_or(-1)));
                }
            } else {
                searched = self.received.len().saturating_sub(self.mark.len());
            }
            if self.received.len() > MAX_ANSWER {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it sends too much"));
            }
            if self.reader.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Parses a line of facts and a path.
fn facts(line: &str) -> Option<(FileFacts, &str)> {
    let mut words = line.splitn(4, ' ');
    let mut number = || words.next()?.parse().ok();
    let facts = FileFacts { inode: number()?, size: number()?, modified: number()? };
    Some((facts, words.next()?))
}

/// True for a path that stays below the directory to which it is joined, and that can be a word of a request.
fn is_below(path: &Path) -> bool {
    let is_plain = path.to_str().is_some_and(|path| path.trim() == path && !path.chars().any(char::is_control));
    is_plain && path.components().all(|part| matches!(part, Component::Normal(_)))
}
