//! Temporary files with parts of a session, generated for the editor.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::agent::{self, TextLimit};
use crate::domain::Session;
use crate::domain::file_history::FileHistory;
use crate::domain::transcript::ToolAction;
use crate::index;
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::temp;

/// Number of entries that are read at a time.
const CHUNK: usize = 128;

/// Maximum size of a file on disk whose changes are taken back.
const MAX_FILE: SizeLimit = SizeLimit(16 << 20);

/// Prefix of the names of the files.
pub(super) const VIEW_KIND: &str = "view";

/// Writes the text of an entry and its tool output to a file.
pub(super) fn entry(session: &Session, index: usize) -> io::Result<PathBuf> {
    let mut reader = agent::format(session.key.agent).open(session)?;
    let entries = reader.read(index..index + 1, TextLimit::NONE);
    let entry = entries.first().ok_or_else(|| io::Error::other("the entry no longer exists"))?;
    write(".md", |file| {
        writeln!(file, "{}", entry.text)?;
        match &entry.tool {
            Some(tool) if !tool.output.is_empty() => writeln!(file, "\n{}", tool.output),
            _ => Ok(()),
        }
    })
}

/// Writes the file that an entry changes, as it was after the entry, to a file of the same kind.
pub(super) fn file_version(session: &Session, index: usize, state_db: &Path) -> io::Result<PathBuf> {
    let mut reader = index::open_transcript(agent::format(session.key.agent), session, Some(state_db))?;
    let entries = reader.read(index..index + 1, TextLimit::NONE);
    let tool = entries.first().and_then(|entry| entry.tool.as_ref());
    let path = match tool.map(|tool| &tool.action) {
        Some(ToolAction::Edit(changes)) => changes.first().map(|change| Path::new(&*session.cwd).join(&change.path)),
        _ => None,
    };
    let path = path.ok_or_else(|| io::Error::other("the entry changes no file"))?;
    let mut history = FileHistory::default();
    for from in (0..reader.len()).step_by(CHUNK) {
        for (at, entry) in (from..).zip(&reader.read(from..from + CHUNK, TextLimit::NONE)) {
            history.add(at, entry, |changed| Path::new(&*session.cwd).join(changed) == path);
        }
    }
    let present = files::read_text(&path, MAX_FILE).ok();
    let unknown = || io::Error::other("the content of the file after this entry cannot be known");
    let content = history.content_after(index, present.as_deref()).ok_or_else(unknown)?;
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    write(&ending, |file| file.write_all(content.as_bytes()))
}

/// Writes the stored records of a session to a file.
pub(super) fn records(session: &Session) -> io::Result<PathBuf> {
    let mut reader = agent::format(session.key.agent).open(session)?;
    write(".jsonl", |file| {
        for index in 0..reader.len() {
            file.write_all(&reader.raw(index))?;
            file.write_all(b"\n")?;
        }
        Ok(())
    })
}

/// Creates a file that only its owner can read.
fn write(suffix: &str, write_all: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<PathBuf> {
    let file = temp::file(VIEW_KIND, suffix)?;
    let (file, path) = file.keep().map_err(|error| error.error)?;
    let mut file = io::BufWriter::new(file);
    write_all(&mut file)?;
    file.flush()?;
    Ok(path)
}
