//! Other sessions in the work tree of a rewind: those whose changes it takes back as well, and those that are at work.
//! Blocks: not for the event loop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::changes;
use crate::domain::changes::SessionEdit;
use crate::domain::rewind::OtherSession;
use crate::domain::{Session, SessionState, Time};

/// Files that a rewind of a session changes.
pub(super) struct ConcernedFiles<'a> {
    /// Root of the work tree.
    pub root: &'a Path,
    /// Paths relative to it.
    pub files: Vec<&'a PathBuf>,
    /// Start of the turn to whose beginning they are taken back.
    pub since: Time,
    /// Edits of the session itself. A fork has copies of them.
    pub own: &'a [SessionEdit],
}

/// Returns the sessions among `sessions` that changes of files concern, except the session itself and its sub-agents.
pub(super) fn concerned(
    session: &Session,
    sessions: &[Arc<Session>],
    concerned: &ConcernedFiles<'_>,
    state_db: &Path,
) -> Vec<OtherSession> {
    let is_other = |other: &&Arc<Session>| {
        let is_of_it = other.flags.subagent && other.parent.as_deref() == Some(&*session.key.id);
        other.key != session.key && !is_of_it && changes::is_inside(other, concerned.root)
    };
    let described = |other: &Arc<Session>| {
        let is_working = matches!(other.state, SessionState::Working | SessionState::NeedsYou);
        let is_recent = other.last_activity.is_none_or(|last| last >= concerned.since);
        let files = if is_recent { changed_files(other, concerned, state_db) } else { Vec::new() };
        let (session, title) = (other.key.to_string(), other.title.text.to_string());
        (is_working || !files.is_empty()).then_some(OtherSession { session, title, is_working, files })
    };
    sessions.iter().filter(is_other).filter_map(described).collect()
}

/// Returns the concerned files that a session changed. One that cannot be read is passed over.
fn changed_files(other: &Session, concerned: &ConcernedFiles<'_>, state_db: &Path) -> Vec<String> {
    let edits = changes::edits(other, None, state_db)
        .inspect_err(|reason| tracing::warn!(session = %other.key, reason, "edits are unknown"))
        .unwrap_or_default()
        .edits;
    let is_copy = |edit: &SessionEdit| {
        let is_equal = |own: &SessionEdit| own.time == edit.time && own.change == edit.change;
        concerned.own.iter().any(is_equal)
    };
    let later = |edit: &&SessionEdit| edit.time.is_none_or(|time| time >= concerned.since) && !is_copy(edit);
    let later: Vec<_> = edits.iter().filter(later).collect();
    let is_changed = |file: &&&PathBuf| {
        let path = concerned.root.join(file);
        later.iter().any(|edit| changes::is_of(edit, &path))
    };
    concerned.files.iter().filter(is_changed).map(|file| file.to_string_lossy().into_owned()).collect()
}
