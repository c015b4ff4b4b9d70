//! Backups of files that Claude Code makes before it changes them: `file-history/<session>/<hash>@v<n>`.
//!
//! Lines of the transcript name them: a snapshot has the state of all tracked files before a prompt, a delta that of one
//! file before a tool call. A backup without a file says that the file did not exist. Verified with 2.1.329.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::dialect::ClaudeDialect;
use crate::agent::FileBackup;
use crate::agent::json::repair;
use crate::agent::jsonl::Dialect;
use crate::domain::{EntryKey, Session};
use crate::stdx::files;
use crate::stdx::lines::LineReader;

/// Beginning of the lines that name backups.
const PREFIX: &[u8] = br#"{"type":"file-history-"#;

/// A line of either kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    message_id: String,
    #[serde(default)]
    snapshot: Snapshot,
    tracking_path: Option<PathBuf>,
    backup: Option<Backup>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    #[serde(default)]
    tracked_file_backups: HashMap<PathBuf, Backup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Backup {
    backup_file_name: Option<String>,
    real_parent_dir: Option<PathBuf>,
}

/// Returns the backups of a file, in the order in which they were made.
pub(super) fn of_file(session: &Session, wanted: &Path) -> io::Result<Vec<FileBackup>> {
    let Some(folder) = folder(session) else { return Ok(Vec::new()) };
    let dialect = ClaudeDialect::of(session.flags.subagent);
    let mut lines = LineReader::from_offset(files::open(&session.path)?, 0)?;
    // First entries of the records, whose ids the lines name before or after them.
    let mut entries: HashMap<String, EntryKey> = HashMap::new();
    let mut found = Vec::new();
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        if !line.bytes.starts_with(PREFIX) {
            if let Ok(metadata) = dialect.scan_line(line.bytes, line.offset)
                && let (Some(id), Some(mark)) = (metadata.id, metadata.marks.first())
            {
                entries.insert(id.decode().into_owned(), mark.key);
            }
            continue;
        }
        // A line in another form is one of another version.
        let Ok(line) = serde_json::from_slice::<Line>(line.bytes) else { continue };
        let delta = line.tracking_path.zip(line.backup);
        for (path, backup) in line.snapshot.tracked_file_backups.into_iter().chain(delta) {
            if backup.path_of(&path, &session.cwd) == wanted && backup.is_within_folder() {
                let content = backup.backup_file_name.map(|name| folder.join(name));
                found.push((line.message_id.clone(), content));
            }
        }
    }
    let backup = |(id, content): (String, Option<PathBuf>)| Some(FileBackup { before: *entries.get(&id)?, content });
    Ok(found.into_iter().filter_map(backup).collect())
}

/// Returns the directory with the backups of a session.
fn folder(session: &Session) -> Option<PathBuf> {
    let projects = session.path.parent()?.parent()?;
    Some(projects.parent()?.join("file-history").join(&*session.key.id))
}

impl Backup {
    fn path_of(&self, path: &Path, cwd: &str) -> PathBuf {
        match (&self.real_parent_dir, path.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => Path::new(cwd).join(path),
        }
    }

    /// Returns false for a name that leads elsewhere. Without a name, the file did not exist.
    fn is_within_folder(&self) -> bool {
        let is_plain = |name: &String| !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
        self.backup_file_name.as_ref().is_none_or(is_plain)
    }
}
