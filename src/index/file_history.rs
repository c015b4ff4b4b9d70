//! History of a file in a session: the changes of its transcript, and the backups of its agent.

use std::path::Path;

use crate::agent::{Format, TextLimit, TranscriptReader};
use crate::domain::Session;
use crate::domain::file_history::FileHistory;
use crate::stdx::files::{self, SizeLimit};

/// Number of entries that are read at a time.
const CHUNK: usize = 128;

/// Maximum size of a backup, because each is in memory as a whole.
const MAX_BACKUP: SizeLimit = SizeLimit(16 << 20);

/// Reads the history of a file, whose path is absolute. A backup that cannot be read is left out.
pub fn file_history(
    format: &dyn Format,
    session: &Session,
    reader: &mut dyn TranscriptReader,
    wanted: &Path,
) -> FileHistory {
    let mut history = FileHistory::default();
    for from in (0..reader.len()).step_by(CHUNK) {
        for (at, entry) in (from..).zip(&reader.read(from..from + CHUNK, TextLimit::NONE)) {
            history.add(at, entry, |changed| Path::new(&*session.cwd).join(changed) == wanted);
        }
    }
    let backups = format.file_backups(session, wanted);
    let keys: Vec<_> = backups.iter().map(|backup| (backup.before, "")).collect();
    for (backup, entry) in backups.iter().zip(reader.positions(&keys)) {
        let Some(entry) = entry else { continue };
        match &backup.content {
            None => history.add_backup(entry, None),
            Some(path) => {
                if let Ok(text) = files::read_text(path, MAX_BACKUP) {
                    history.add_backup(entry, Some(text));
                }
            }
        }
    }
    history
}
