//! Changes of a session: from the edits of its transcript, or from the files of its directory since a commit, with the
//! sessions that made them. Blocks: not for the event loop.

use std::path::Path;

use super::shown_transcript;
use crate::agent::TextLimit;
use crate::domain::changes::{self, Changes, ChangesSource, FileDiff, HunkAuthor, SessionEdit};
use crate::domain::tool::ToolAction;
use crate::domain::transcript::EntryKind;
use crate::domain::{Entry, Session, SessionKey, Time, ToolStatus};
use crate::git::own_repository::OwnRepository;
use crate::git::{Git, Repository};
use crate::store::turn_snapshots::{self, TurnSnapshot};
use crate::store::{Store, registry};

/// Number of entries in memory at once, because transcripts can be large.
const CHUNK: usize = 128;

/// Maximum difference between the start of a turn and the time of its prompt, in ms: an agent may start meanwhile.
const MAX_CLOCK_DIFFERENCE: u64 = 60_000;

/// Maximum number of sessions that are read to find the authors of changes.
const MAX_SESSIONS: usize = 100;

/// Edits of a session, and its prompts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionEdits {
    /// Edits in order. Those that failed or were denied changed nothing and are left out.
    pub edits: Vec<SessionEdit>,
    /// Time of the prompt of each turn, if known.
    pub prompts: Vec<Option<Time>>,
}

/// Reads the edits of a session on a branch, counted from 0; `None` for the newest one.
pub fn edits(session: &Session, branch: Option<usize>, state_db: &Path) -> Result<SessionEdits, String> {
    let mut reading = shown_transcript::open(session, branch, state_db)
        .map_err(|error| format!("cannot read {}: {error}", session.path.display()))?;
    let (mut found, mut from, mut time) = (SessionEdits::default(), 0, None);
    loop {
        let entries = reading.read(from..reading.len().min(from + CHUNK), TextLimit::NONE);
        if entries.is_empty() {
            return Ok(found);
        }
        for (at, entry) in entries.iter().enumerate() {
            if entry.kind == EntryKind::Prompt && entry.sender.is_none() {
                found.prompts.push(entry.time);
            }
            let turn = u32::try_from(found.prompts.len()).unwrap_or(u32::MAX);
            let author = HunkAuthor { session: session.key.clone(), turn, entry: from + at + 1 };
            time = entry.time.or(time);
            found.edits.extend(edits_of(entry, session, (&author, time)));
        }
        from += entries.len();
    }
}

/// Returns the snapshots of a turn, counted from 1, if salon ran it: those that began nearest to its prompt, unless
/// another prompt is nearer to them. A turn that did not end has none of its end.
#[expect(clippy::disallowed_methods, reason = "called from commands and blocking tasks")]
pub fn snapshot_of(store: &Store, session: &SessionKey, prompts: &[Option<Time>], turn: u32) -> Option<TurnSnapshot> {
    let prompt = turn.checked_sub(1).and_then(|at| prompts.get(at as usize).copied().flatten())?;
    let found = store.with(|db| match registry::find_by_session(db, session)? {
        Some(run) => turn_snapshots::of_run(db, &run.id),
        None => Ok(Vec::new()),
    });
    let found = found.inspect_err(|error| tracing::warn!(%error, "snapshots are unknown")).unwrap_or_default();
    let distance = |snapshot: &TurnSnapshot, prompt: Time| snapshot.began.millis().abs_diff(prompt.millis());
    let nearest = found.into_iter().min_by_key(|snapshot| distance(snapshot, prompt))?;
    let own = distance(&nearest, prompt);
    let is_of_another = prompts.iter().flatten().any(|other| distance(&nearest, *other) < own);
    (own <= MAX_CLOCK_DIFFERENCE && !is_of_another).then_some(nearest)
}

fn edits_of(entry: &Entry, session: &Session, (author, time): (&HunkAuthor, Option<Time>)) -> Vec<SessionEdit> {
    let tool = entry.tool.as_deref().filter(|tool| matches!(tool.status, ToolStatus::Done | ToolStatus::Running));
    let Some(ToolAction::Edit(changes)) = tool.map(|tool| &tool.action) else { return Vec::new() };
    let edit = |change: &crate::domain::tool::FileChange| {
        let mut change = change.clone();
        change.path = Path::new(&*session.cwd).join(&change.path).to_string_lossy().into_owned();
        SessionEdit { author: author.clone(), time, change }
    };
    changes.iter().map(edit).collect()
}

/// Returns the changes that a session's transcript contains, of one turn or of all. Paths are relative to its directory
/// where they are below it.
pub fn of_session(edits: &[SessionEdit], cwd: &str, turn: Option<u32>) -> Changes {
    let chosen: Vec<_> =
        edits.iter().filter(|edit| turn.is_none_or(|turn| edit.author.turn == turn)).cloned().collect();
    let mut changes = Changes { root: cwd.to_owned(), ..changes::from_edits(&chosen) };
    for file in &mut changes.files {
        if let Ok(relative) = Path::new(&file.path).strip_prefix(cwd) {
            file.path = relative.to_string_lossy().into_owned();
        }
    }
    changes
}

/// Comparison of the files of a directory with a commit, or of two snapshots.
#[derive(Clone, Debug)]
pub struct FileComparison<'a> {
    /// The program.
    pub git: &'a Git,
    /// Directory of salon's own repositories.
    pub own: &'a Path,
    /// Path of `state.db`.
    pub state_db: &'a Path,
    /// Sessions among which the authors are.
    pub sessions: &'a [std::sync::Arc<Session>],
}

impl FileComparison<'_> {
    /// Returns the changes of the work tree that contains a directory since a commit, with their authors.
    pub fn since(&self, dir: &Path, name: &str) -> Result<Changes, String> {
        let repository = Repository::open(self.git, dir).map_err(|error| error.to_string())?;
        let base = repository.commit(name).map_err(|error| error.to_string())?;
        let files = self.files(&repository, &base).map_err(|error| error.to_string())?;
        Ok(Changes { base: Some(base), ..self.attributed(files, &repository.root) })
    }

    /// Returns the changes between two snapshots, with their authors.
    pub fn between(&self, snapshot: &TurnSnapshot) -> Result<Changes, String> {
        let after = snapshot.after.as_deref().unwrap_or(&snapshot.before);
        let own = OwnRepository::open(self.git, self.own, &snapshot.repository);
        let files = own.and_then(|own| own.diff(&snapshot.before, after)).map_err(|error| error.to_string())?;
        let (base, until) = (Some(snapshot.before.clone()), Some(after.to_owned()));
        Ok(Changes { base, until, ..self.attributed(files, &snapshot.root) })
    }

    fn attributed(&self, mut files: Vec<FileDiff>, root: &Path) -> Changes {
        let edits = self.edits_below(root);
        files.iter_mut().for_each(|file| attribute(file, root, &edits));
        let root = root.to_string_lossy().into_owned();
        Changes { files, root, source: ChangesSource::Files, ..Changes::default() }
    }

    fn files(&self, repository: &Repository, from: &str) -> Result<Vec<FileDiff>, crate::git::GitError> {
        let own = OwnRepository::open(self.git, self.own, &repository.common_dir)?;
        let to = own.snapshot(repository)?;
        own.diff(from, &to)
    }

    /// Returns the edits of the sessions that run in a directory, oldest first. A session that cannot be read
    /// leaves its lines unknown.
    fn edits_below(&self, root: &Path) -> Vec<SessionEdit> {
        let mut inside: Vec<_> = self.sessions.iter().filter(|session| is_inside(session, root)).collect();
        inside.sort_by_key(|session| std::cmp::Reverse(session.last_activity));
        inside.truncate(MAX_SESSIONS);
        let read = |session: &std::sync::Arc<Session>| {
            edits(session, None, self.state_db)
                .inspect_err(|reason| tracing::warn!(session = %session.key, reason, "edits are unknown"))
                .unwrap_or_default()
                .edits
        };
        let mut edits: Vec<SessionEdit> = inside.into_iter().rev().flat_map(read).collect();
        edits.sort_by_key(|edit| edit.time);
        edits
    }
}

fn attribute(file: &mut FileDiff, root: &Path, edits: &[SessionEdit]) {
    let path = root.join(&file.path);
    let own: Vec<_> = edits.iter().filter(|edit| is_of(edit, &path)).collect();
    changes::attribute(file, &own);
}

/// Returns true if an edit changed the file at a path without links.
pub(super) fn is_of(edit: &SessionEdit, path: &Path) -> bool {
    let edited = Path::new(&edit.change.path);
    if edited.file_name() != path.file_name() {
        return false;
    }
    // A directory above may be a link.
    let canonical = || edited.parent().and_then(|parent| parent.canonicalize().ok());
    edited == path || canonical().zip(edited.file_name()).is_some_and(|(parent, name)| parent.join(name) == path)
}

/// Returns true if a session runs in a directory or below it.
pub(super) fn is_inside(session: &Session, root: &Path) -> bool {
    let cwd = Path::new(&*session.cwd);
    cwd.starts_with(root) || cwd.canonicalize().is_ok_and(|cwd| cwd.starts_with(root))
}

/// Returns the changes of a turn: from its snapshots, else from the edits of the transcript. `store` is that of salon's
/// own runs.
pub fn of_turn(
    comparison: &FileComparison<'_>,
    session: &Session,
    (turn, found, store): (u32, &SessionEdits, Option<&Store>),
) -> Result<Changes, String> {
    let snapshot = store.and_then(|store| snapshot_of(store, &session.key, &found.prompts, turn));
    match snapshot.filter(|snapshot| snapshot.after.is_some()) {
        Some(snapshot) => comparison.between(&snapshot),
        None => Ok(of_session(&found.edits, &session.cwd, Some(turn))),
    }
}
