//! Files of documents: their names, and files that appear at once and whole.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::domain::document::DocumentFormat;
use crate::domain::secrets::{self, SecretCounts};
use crate::domain::{Session, Time};
use crate::stdx::text::{first_chars, one_line};

/// Maximum characters of a title in a file name.
const MAX_TITLE_CHARS: usize = 48;

/// Maximum characters of an id in a file name. Ids come from files, so that they may have any length.
const MAX_ID_CHARS: usize = 64;

/// Returns the name of a session's document: `2026-11-21-fix-the-cart-143b81a6-….md`.
pub fn file_name(session: &Session, format: DocumentFormat) -> String {
    let date = session.started_at.map(Time::rfc3339).and_then(|time| Some(time.split_once('T')?.0.to_owned()));
    let title = one_line(&session.title.text);
    let title = secrets::mask(&title, &mut SecretCounts::default()).to_lowercase();
    let (title, id) = (words(&title, MAX_TITLE_CHARS), words(&session.key.id, MAX_ID_CHARS));
    let parts = [date.unwrap_or_default(), title, id];
    let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    format!("{name}.{}", format.name())
}

/// Returns the words of a text with hyphens between them. Nothing else is left that a path could give a meaning.
fn words(text: &str, count: usize) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let words: Vec<_> = text.split(|c| !is_part(c)).filter(|word| !word.is_empty()).collect();
    first_chars(&words.join("-"), count).trim_end_matches('-').to_owned()
}

/// Size of the buffer between a document and its file.
const BUFFER: usize = 64 << 10;

/// Creates a file that only the user can read. It appears once it is written as a whole; a file that exists is replaced
/// only if `overwrites` is set. A link to a file stays one, and a pipe or a terminal is written into.
pub fn create_file<T>(
    path: &Path,
    overwrites: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    if is_stream(path) {
        let mut out = BufWriter::with_capacity(BUFFER, OpenOptions::new().write(true).open(path)?);
        let written = write(&mut out)?;
        out.flush()?;
        return Ok(written);
    }
    if !overwrites && path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let path = link_target(path)?;
    let path = path.as_path();
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = Builder::new().prefix(".salon-").suffix(".part").tempfile_in(folder)?;
    let mut buffered = BufWriter::with_capacity(BUFFER, file.as_file_mut());
    let written = write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    let kept = if overwrites { file.persist(path) } else { file.persist_noclobber(path) };
    match kept {
        Ok(_) => Ok(written),
        // Another program created it meanwhile.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
        Err(error) => Err(error.error),
    }
}

/// Returns true for a pipe, a terminal or another device of characters, which keeps nothing that could be replaced.
pub fn is_stream(path: &Path) -> bool {
    let is_stream = |kind: std::fs::FileType| kind.is_fifo() || kind.is_char_device();
    path.metadata().is_ok_and(|there| is_stream(there.file_type()))
}

/// Returns the file to which a link leads, also if there is none yet; the path itself if it is no link.
fn link_target(path: &Path) -> io::Result<PathBuf> {
    if !path.is_symlink() {
        return Ok(path.to_owned());
    }
    match path.canonicalize() {
        Ok(target) => Ok(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let target = path.read_link()?;
            let target = path.parent().map_or_else(|| target.clone(), |folder| folder.join(&target));
            if target.is_symlink() { Err(error) } else { Ok(target) }
        }
        Err(error) => Err(error),
    }
}

fn exists() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "a file with this name exists")
}
