//! Temporary files with parts of a session, generated for the editor.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::file_history::{ContentSources, file_history};
use super::shown_transcript::ShownTranscript;
use crate::agent::{self, TextLimit};
use crate::domain::Session;
use crate::domain::file_history::FileView;
use crate::domain::transcript::ToolAction;
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::temp;

/// Maximum size of a file on disk whose changes are taken back.
const MAX_FILE: SizeLimit = SizeLimit(16 << 20);

/// Prefix of the names of the files.
pub(super) const VIEW_KIND: &str = "view";

/// Writes the text of an entry and its tool output to a file.
pub fn entry(shown: &ShownTranscript, index: usize, state_db: &Path) -> io::Result<PathBuf> {
    let mut reader = shown.open(state_db)?;
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

/// Writes the file that an entry changes, as it was after the entry, to a file of the same kind, or a difference.
pub(super) fn file_version(
    shown: &ShownTranscript,
    index: usize,
    view: FileView,
    (state_db, sources): (&Path, ContentSources<'_>),
) -> io::Result<PathBuf> {
    let session = &*shown.session;
    let mut reader = shown.open(state_db)?;
    let entries = reader.read(index..index + 1, TextLimit::NONE);
    let tool = entries.first().and_then(|entry| entry.tool.as_ref());
    let path = match tool.map(|tool| &tool.action) {
        Some(ToolAction::Edit(changes)) => changes.first().map(|change| Path::new(&*session.cwd).join(&change.path)),
        _ => None,
    };
    let path = path.ok_or_else(|| io::Error::other("the entry changes no file"))?;
    let history = file_history(session, &mut *reader, &path, sources);
    let present = files::read_text(&path, MAX_FILE).ok();
    let unknown = || io::Error::other("the content of the file after this entry cannot be known");
    let content = history.content_after(index, present.as_deref()).ok_or_else(unknown)?;
    let number = index + 1;
    let (old, new, names) = match view {
        FileView::Content => {
            let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
            return write(&ending, |file| file.write_all(content.as_bytes()));
        }
        FileView::ChangesUntil => {
            let before = history.content_before(present.as_deref()).ok_or_else(unknown)?;
            (before, content, ("before the session".to_owned(), format!("after entry {number}")))
        }
        FileView::ChangesSince => {
            let last = || history.content_after(usize::MAX, None);
            let now = present.clone().or_else(last).unwrap_or_default();
            (content, now, (format!("after entry {number}"), "now".to_owned()))
        }
    };
    if old == new {
        return Err(io::Error::other("the two versions do not differ"));
    }
    let name = path.to_string_lossy();
    let (from, to) = (format!("{name} {}", names.0), format!("{name} {}", names.1));
    let diff = TextDiff::from_lines(&old, &new).unified_diff().header(&from, &to).to_string();
    write(".diff", |file| file.write_all(diff.as_bytes()))
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
