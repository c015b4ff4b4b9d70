//! History of a file in a session from everything that is known: the changes of its transcript, the agent's backups and
//! checkpoints, and salon's own snapshots of its turns. Blocks: not for the event loop.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::changes;
use crate::agent::{self, FileCheckpoint, TextLimit, TranscriptReader};
use crate::domain::file_history::FileHistory;
use crate::domain::transcript::EntryKind;
use crate::domain::{Entry, Session, Time};
use crate::git::Git;
use crate::git::file_content::file_content;
use crate::git::own_repository::OwnRepository;
use crate::index;
use crate::store::Store;

/// Number of entries in memory at once, because transcripts can be large.
const CHUNK: usize = 128;

/// Maximum bytes of a content, because each is in memory as a whole.
const MAX_CONTENT: usize = 16 << 20;

/// Places of contents besides the transcript.
#[derive(Clone, Copy, Debug)]
pub struct ContentSources<'a> {
    /// The program.
    pub git: &'a Git,
    /// Directory of salon's own repositories.
    pub own: &'a Path,
    /// Database with the snapshots; `None` if it cannot be used.
    pub store: Option<&'a Store>,
}

/// Content that cannot be read, or is no text.
struct Unreadable;

/// Prompt of the user.
struct TurnPrompt {
    entry: usize,
    time: Option<Time>,
}

/// Reads the history of a file, whose path is absolute.
pub fn file_history(
    session: &Session,
    reader: &mut dyn TranscriptReader,
    wanted: &Path,
    sources: ContentSources<'_>,
) -> FileHistory {
    let format = agent::format(session.key.agent);
    let mut history = index::file_history(format, session, reader, wanted);
    let mut checkpoints = format.file_checkpoints(session, wanted);
    let mut prompts = Vec::new();
    let (mut from, total) = (0, reader.len());
    while from < total {
        let entries = reader.read(from..total.min(from + CHUNK), TextLimit::NONE);
        if entries.is_empty() {
            break;
        }
        for (at, entry) in (from..).zip(&entries) {
            if entry.kind == EntryKind::Prompt && entry.sender.is_none() {
                prompts.push(TurnPrompt { entry: at, time: entry.time });
            }
            if let Some(checkpoint) = take_checkpoint(&mut checkpoints, entry)
                && let Ok(content) = of_checkpoint(sources.git, &checkpoint, session, wanted)
            {
                history.add_backup(at, content);
            }
        }
        from += entries.len();
    }
    if let Some(store) = sources.store {
        add_snapshots(&mut history, (session, store, wanted), (&prompts, total), sources);
    }
    history
}

/// Takes the checkpoint that was made before the call of an entry: that of the nearest time, if equal calls have several.
fn take_checkpoint(checkpoints: &mut Vec<FileCheckpoint>, entry: &Entry) -> Option<FileCheckpoint> {
    let tool = entry.tool.as_ref()?;
    let distance = |checkpoint: &FileCheckpoint| {
        let times = checkpoint.made.zip(entry.time);
        times.map_or(u64::MAX, |(made, called)| made.millis().abs_diff(called.millis()))
    };
    let of_call = |checkpoint: &FileCheckpoint| checkpoint.tool == *tool.name && checkpoint.input == tool.input;
    let equal = checkpoints.iter().enumerate().filter(|(_, checkpoint)| of_call(checkpoint));
    let (at, _) = equal.min_by_key(|(_, checkpoint)| distance(checkpoint))?;
    Some(checkpoints.remove(at))
}

fn of_checkpoint(
    git: &Git,
    checkpoint: &FileCheckpoint,
    session: &Session,
    wanted: &Path,
) -> Result<Option<String>, Unreadable> {
    let path = wanted.strip_prefix(&*session.cwd).map_err(|_| Unreadable)?;
    content(git, &checkpoint.repository, &checkpoint.commit, path)
}

/// Adds the contents before and after the turns of salon's own runs.
fn add_snapshots(
    history: &mut FileHistory,
    (session, store, wanted): (&Session, &Store, &Path),
    (prompts, total): (&[TurnPrompt], usize),
    ContentSources { git, own, .. }: ContentSources<'_>,
) {
    let mut repositories: HashMap<PathBuf, Option<OwnRepository>> = HashMap::new();
    let ends = prompts.iter().skip(1).map(|next| next.entry).chain([total]);
    let times: Vec<_> = prompts.iter().map(|prompt| prompt.time).collect();
    for (turn, (prompt, end)) in (1..).zip(prompts.iter().zip(ends)) {
        let Some(snapshot) = changes::snapshot_of(store, &session.key, &times, turn) else { continue };
        let Ok(path) = wanted.strip_prefix(&snapshot.root) else { continue };
        let repository = repositories
            .entry(snapshot.repository.clone())
            .or_insert_with(|| OwnRepository::open(git, own, &snapshot.repository).ok());
        let Some(repository) = repository else { continue };
        let commits = [(prompt.entry + 1, Some(&snapshot.before)), (end, snapshot.after.as_ref())];
        for (before, commit) in commits {
            let found = commit.map(|commit| content(git, &repository.path, commit, path));
            if let Some(Ok(content)) = found {
                history.add_backup(before, content);
            }
        }
    }
}

/// Content of a file in a commit; `None` if there is no such file.
fn content(git: &Git, repository: &Path, commit: &str, path: &Path) -> Result<Option<String>, Unreadable> {
    match file_content(git, repository, commit, path) {
        Ok(None) => Ok(None),
        Ok(Some(bytes)) if bytes.len() > MAX_CONTENT => Err(Unreadable),
        Ok(Some(bytes)) => String::from_utf8(bytes).map(Some).map_err(|_| Unreadable),
        Err(error) => {
            tracing::debug!(%error, ?repository, commit, "the content of a file cannot be read");
            Err(Unreadable)
        }
    }
}
