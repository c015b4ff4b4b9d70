//! Parts of a session as files of their own, made for an editor and removed after it.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::agent::{self, TextLimit};
use crate::domain::Session;

/// One entry's text, with what its tool printed.
pub fn entry(session: &Session, index: usize) -> io::Result<PathBuf> {
    let mut reading = agent::format(session.key.agent).open(session)?;
    let entries = reading.read(index..index + 1, TextLimit::NONE);
    let entry = entries.first().ok_or_else(|| io::Error::other("the entry is gone"))?;
    write(".md", |file| {
        writeln!(file, "{}", entry.text)?;
        match &entry.tool {
            Some(tool) if !tool.output.is_empty() => writeln!(file, "\n{}", tool.output),
            _ => Ok(()),
        }
    })
}

/// A session's records, as they are stored.
pub fn records(session: &Session) -> io::Result<PathBuf> {
    let mut reading = agent::format(session.key.agent).open(session)?;
    write(".jsonl", |file| {
        for index in 0..reading.len() {
            file.write_all(&reading.raw(index))?;
            file.write_all(b"\n")?;
        }
        Ok(())
    })
}

/// A file that only its owner can read.
fn write(ending: &str, write_all: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<PathBuf> {
    let file = tempfile::Builder::new().prefix("salon-").suffix(ending).tempfile()?;
    let (file, path) = file.keep().map_err(|error| error.error)?;
    let mut file = io::BufWriter::new(file);
    write_all(&mut file)?;
    file.flush()?;
    Ok(path)
}
