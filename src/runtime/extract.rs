//! Temporary files with parts of a session, generated for the editor.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::agent::{self, TextLimit};
use crate::domain::Session;
use crate::stdx::temp;

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
