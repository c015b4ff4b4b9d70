//! Rewind: takes the files of a session's work tree back to before a turn, or to another snapshot. A snapshot of the
//! current files is kept first, so that nothing is lost. Blocks: not for the event loop.

#![expect(clippy::disallowed_methods, reason = "not on the event loop")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::changes::SessionEdits;
use super::other_sessions::ConcernedFiles;
use super::turn_snapshots::UNDO;
use super::{changes, env, other_sessions};
use crate::config::paths::Paths;
use crate::domain::changes::{FileDiff, Restoration, SessionEdit};
use crate::domain::rewind::{OtherSession, RewindTarget, RewoundFiles};
use crate::domain::{Session, SessionKey, Time};
use crate::git::own_repository::OwnRepository;
use crate::git::restore::{CheckedRestorations, FileRestoration};
use crate::git::{Git, GitError, Repository, diff};
use crate::live::identity;
use crate::store::registry::{self, ProcessId};
use crate::store::{self, Store};

/// Files that a rewind changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewind {
    /// Files that are restored or deleted.
    pub files: Vec<FileRestoration>,
    /// Files that differ and are left as they are, because no snapshot has their present content.
    pub left: Vec<PathBuf>,
    /// Reason why some of the files were not restored.
    pub problem: Option<String>,
    /// Snapshot of the files before the rewind, to which it can be undone; `None` in a dry run.
    pub undo: Option<String>,
    /// Other sessions that it concerns; empty for a rewind to a snapshot.
    pub others: Vec<OtherSession>,
}

/// Everything that rewinds of this machine's sessions need.
#[derive(Clone, Debug)]
pub struct RewindContext {
    /// The program.
    pub git: Git,
    /// Directory of salon's own repositories.
    pub own: PathBuf,
    /// Database of salon's runs.
    pub store: Arc<Store>,
    /// Path of the database.
    pub state_db: PathBuf,
    /// Process whose runs the caller knows: a turn is open there only with its knowledge.
    pub known_process: Option<u32>,
}

impl From<Rewind> for RewoundFiles {
    fn from(rewind: Rewind) -> Self {
        let left = rewind.left.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        Self { count: rewind.files.len(), undo: rewind.undo, left, problem: rewind.problem }
    }
}

impl RewindContext {
    /// Creates a context for the directories of salon.
    pub fn new(paths: &Paths, store: Arc<Store>, known_process: Option<u32>) -> Self {
        let (git, own, state_db) = (Git::new(env::vars()), paths.repositories(), paths.state_db());
        Self { git, own, store, state_db, known_process }
    }

    /// Request that changes the files of a session.
    pub fn request<'a>(&'a self, session: &'a Session) -> RewindRequest<'a> {
        RewindRequest { context: self, session, sessions: &[], dry_run: false }
    }

    /// Request that changes nothing.
    pub fn dry_run<'a>(&'a self, session: &'a Session) -> RewindRequest<'a> {
        RewindRequest { dry_run: true, ..self.request(session) }
    }

    /// Returns the id of another salon process that runs a session: it may be changing the files.
    pub fn other_process(&self, session: &SessionKey) -> Result<Option<u32>, String> {
        let holder = self.store.with(|db| {
            let record = registry::find_by_session(db, session)?;
            record.map_or(Ok(None), |record| registry::holder(db, &record.id))
        });
        let holder = holder.map_err(|error| store::describe_error(&error))?;
        let is_other = |holder: &ProcessId| Some(holder.pid) != self.known_process && !identity::is_dead(*holder);
        Ok(holder.filter(is_other).map(|holder| holder.pid))
    }

    /// Returns an error if another salon process runs a session.
    pub(super) fn check_process(&self, session: &SessionKey) -> Result<(), String> {
        self.other_process(session)?.map_or(Ok(()), |pid| Err(runs_elsewhere(session, pid)))
    }

    /// Takes back a change of the files of a session's work tree. Returns a snapshot of the files before, which is kept.
    pub fn restore(&self, session: &Session, restoration: &Restoration, now: Time) -> Result<String, String> {
        self.check_process(&session.key)?;
        restore((&self.git, &self.own), Path::new(&*session.cwd), restoration, now)
    }
}

/// Rewind of a session.
#[derive(Clone, Copy, Debug)]
pub struct RewindRequest<'a> {
    /// Everything that it needs.
    pub context: &'a RewindContext,
    /// The session.
    pub session: &'a Session,
    /// Sessions among which are others that the rewind concerns.
    pub sessions: &'a [Arc<Session>],
    /// True to change nothing.
    pub dry_run: bool,
}

impl RewindRequest<'_> {
    /// Rewinds the files.
    pub fn run(self, target: &RewindTarget, now: Time) -> Result<Rewind, String> {
        let RewindContext { git, own, .. } = self.context;
        if !self.dry_run {
            self.context.check_process(&self.session.key)?;
        }
        let message = |error: GitError| error.to_string();
        // Without a repository of salon's own there is no snapshot, and looking for one creates nothing.
        let repository = Repository::find_or_plain(git, Path::new(&*self.session.cwd), own).map_err(message)?;
        let own = OwnRepository::find(git, own, &repository.common_dir).map_err(message)?;
        let (commit, turn) = self.commit(own.as_ref(), &repository, target)?;
        let own = own.ok_or("salon's own repository with the snapshots is gone")?;
        let current = own.snapshot(&repository).map_err(message)?;
        let mut files = own.restorations(&current, &commit).map_err(message)?;
        own.retain_named(&commit, &mut files).map_err(message)?;
        let CheckedRestorations { safe: files, left } = own.check(&repository.root, files).map_err(message)?;
        let others = turn.map_or_else(Vec::new, |turn| self.others(&repository.root, &files, &turn));
        let mut rewind = Rewind { files, left, undo: None, problem: None, others };
        if self.dry_run || rewind.files.is_empty() {
            return Ok(rewind);
        }
        let undo = keep_undo(&own, &current, &rewind.files, now).map_err(message)?;
        let restored = own.restore(&repository.root, &commit, &rewind.files).map_err(message)?;
        rewind.problem = restored.err().map(message);
        rewind.undo = Some(undo);
        Ok(rewind)
    }

    /// Returns other sessions that a change of files concerns.
    fn others(&self, root: &Path, files: &[FileRestoration], turn: &RewoundTurn) -> Vec<OtherSession> {
        let files = files.iter().map(|file| &file.path).collect();
        let concerned = ConcernedFiles { root, files, since: turn.began, own: &turn.edits };
        other_sessions::concerned(self.session, self.sessions, &concerned, &self.context.state_db)
    }

    /// Returns the commit of the target, and its turn.
    fn commit(
        &self,
        own: Option<&OwnRepository>,
        repository: &Repository,
        target: &RewindTarget,
    ) -> Result<(String, Option<RewoundTurn>), String> {
        match target {
            RewindTarget::Snapshot(name) => {
                // Only what salon kept: any other commit belongs to the user.
                let kept = own.map_or(Ok(None), |own| own.find_commit(name)).map_err(|error| error.to_string())?;
                Ok((kept.ok_or_else(|| format!("salon kept no snapshot {name}"))?, None))
            }
            RewindTarget::BeforeTurn(turn) => {
                let SessionEdits { prompts, edits } = changes::edits(self.session, None, &self.context.state_db)?;
                if *turn == 0 || *turn as usize > prompts.len() {
                    return Err(format!("there is no turn {turn}; the session has {}", prompts.len()));
                }
                let snapshot = changes::snapshot_of(&self.context.store, &self.session.key, &prompts, *turn);
                let missing = || {
                    format!(
                        "there is no snapshot of turn {turn}: salon did not run it here, or its snapshot has expired"
                    )
                };
                let snapshot = snapshot.ok_or_else(missing)?;
                if (&snapshot.root, &snapshot.repository) != (&repository.root, &repository.common_dir) {
                    return Err(format!(
                        "the snapshot of turn {turn} is not of the repository that the directory has now"
                    ));
                }
                Ok((snapshot.before, Some(RewoundTurn { began: snapshot.began, edits })))
            }
        }
    }
}

/// Turn to whose beginning files are taken back.
struct RewoundTurn {
    began: Time,
    /// Edits of the whole session.
    edits: Vec<SessionEdit>,
}

/// Reason why the files of a session are not changed while another salon runs it.
pub fn runs_elsewhere(session: &SessionKey, pid: u32) -> String {
    format!("{session} runs in another salon (process {pid}); stop it first")
}

/// Takes back a change of the files of a directory's work tree, whoever uses it.
/// Returns a snapshot of the files before, which is kept.
pub fn restore(
    (git, own): (&Git, &Path),
    directory: &Path,
    restoration: &Restoration,
    now: Time,
) -> Result<String, String> {
    let message = |error: GitError| error.to_string();
    let repository = Repository::open_or_plain(git, directory, own).map_err(message)?;
    let own = OwnRepository::open(git, own, &repository.common_dir).map_err(message)?;
    let current = own.snapshot(&repository).map_err(message)?;
    let root = &repository.root;
    let of_file = |file: &FileDiff, commit: &str| {
        let mut files = own.restorations(&current, commit).map_err(message)?;
        files.retain(|differing| diff::name_text(&differing.path) == file.path);
        Ok::<_, String>(files)
    };
    let (target, files) = match restoration {
        Restoration::Hunk(file, hunk, states) => {
            if !own.has_present(root, &current, Path::new(&file.path)).map_err(message)? {
                return Err(format!("{} is left as it is: {NOT_KEPT}", file.path));
            }
            let found = own.find_hunk(&file.path, hunk, states, &current).map_err(message)?;
            let hunk = found.ok_or_else(|| format!("{} {HUNK_IS_GONE}", file.path))?;
            let undo = own.keep_undo(&format!("{UNDO}{}", now.millis()), &current, &[Path::new(&file.path)]);
            let undo = undo.map_err(message)?;
            return own.discard_hunk(root, file, &hunk).map_err(message).map(|()| undo);
        }
        Restoration::File(file, _) | Restoration::FileOfTurn(file, ..) if file.is_large => {
            return Err(format!("{} is left as it is: {NOT_KEPT}", file.path));
        }
        Restoration::File(file, commit) => {
            let files = of_file(file, commit)?;
            if files.is_empty() {
                return Err(format!("{} {NOTHING_TO_DISCARD}", file.path));
            }
            (commit, files)
        }
        Restoration::FileOfTurn(file, before, after) => {
            if !of_file(file, after)?.is_empty() {
                return Err(format!("{} has changed since the turn; only its hunks can be discarded", file.path));
            }
            let files = of_file(file, before)?;
            if files.is_empty() {
                return Err(format!("{} {NOTHING_TO_DISCARD}", file.path));
            }
            (before, files)
        }
        Restoration::Snapshot(commit) => {
            let mut files = own.restorations(&current, commit).map_err(message)?;
            own.retain_named(commit, &mut files).map_err(message)?;
            (commit, files)
        }
    };
    let CheckedRestorations { safe, left } = own.check(root, files).map_err(message)?;
    if let Some(path) = left.first() {
        return Err(format!("{} is left as it is: {NOT_KEPT}", path.display()));
    }
    let undo = keep_undo(&own, &current, &safe, now).map_err(message)?;
    let restored = own.restore(root, target, &safe).map_err(message)?;
    restored.map_err(|error| format!("{error}; the files before are kept as the snapshot {undo}"))?;
    Ok(undo)
}

/// Reason why a hunk is not discarded, after the name of the file.
const HUNK_IS_GONE: &str = "does not have this change any more, or has changed there since";

/// Reason why a file is not discarded, after its name.
const NOTHING_TO_DISCARD: &str =
    "has no change that can be discarded here: it is as before already, or a submodule, which is changed within it";

/// Reason why files are left as they are.
pub const NOT_KEPT: &str =
    "it is ignored, larger than 100 MB, or changed meanwhile, so that it could not be brought back";

/// Keeps the current state of files that will be changed. Returns the commit that takes the change back.
fn keep_undo(own: &OwnRepository, current: &str, files: &[FileRestoration], now: Time) -> Result<String, GitError> {
    let paths: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
    own.keep_undo(&format!("{UNDO}{}", now.millis()), current, &paths)
}
