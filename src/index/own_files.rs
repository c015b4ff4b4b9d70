//! Files of sessions: what is moved to the trash, or kept, with a session.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::agent;
use crate::domain::{Session, SessionKey, SessionState};

/// Returns the files that belong to a session and its sub-agents alone; `None` if its agent keeps it in a database with
/// others. The error is the reason why the session cannot be removed.
pub fn own_files<'a>(
    session: &Session,
    all: impl IntoIterator<Item = &'a Arc<Session>>,
) -> Result<Option<Vec<PathBuf>>, String> {
    if session.flags.subagent {
        return Err("a sub-agent belongs to its session".to_owned());
    }
    if session.flags.purged {
        return Err("its agent deleted it; its prompts remain in a file that all sessions share".to_owned());
    }
    if session.state != SessionState::Past {
        return Err(format!("open in {}; close it first", session.key.agent.label()));
    }
    Ok(with_subagents(session, all))
}

/// Returns the files of a session, which may be open, and of its sub-agents; `None` if its agent keeps it in a
/// database. The error is the reason why the session cannot be kept.
pub fn files_to_keep(session: &Session, all: &[Arc<Session>]) -> Result<Option<Vec<PathBuf>>, String> {
    if session.flags.subagent {
        return Err("a sub-agent belongs to its session".to_owned());
    }
    if session.flags.purged {
        return Err("its agent has deleted it; only its prompts are left".to_owned());
    }
    Ok(with_subagents(session, all))
}

fn with_subagents<'a>(session: &Session, all: impl IntoIterator<Item = &'a Arc<Session>>) -> Option<Vec<PathBuf>> {
    let files = agent::format(session.key.agent).own_files(session)?;
    let mut files: BTreeSet<PathBuf> = files.into_iter().collect();
    for subagent in descendants(&session.key, &all.into_iter().collect::<Vec<_>>()) {
        files.extend(agent::format(subagent.key.agent).own_files(subagent).unwrap_or_default());
    }
    // A file within a directory that is moved as a whole goes with it.
    let outer = |path: &PathBuf| !path.ancestors().skip(1).any(|above| files.contains(above));
    Some(files.iter().filter(|path| outer(path)).cloned().collect())
}

/// Returns the sub-agents of a session, and theirs.
fn descendants<'a>(key: &SessionKey, all: &[&'a Arc<Session>]) -> Vec<&'a Arc<Session>> {
    let mut known = BTreeSet::from([key.id.clone()]);
    let mut found = Vec::new();
    loop {
        let is_next = |session: &&&Arc<Session>| {
            let parent = session.parent.as_ref().is_some_and(|parent| known.contains(parent));
            session.key.agent == key.agent && session.flags.subagent && parent && !known.contains(&session.key.id)
        };
        let next: Vec<_> = all.iter().filter(is_next).copied().collect();
        if next.is_empty() {
            return found;
        }
        known.extend(next.iter().map(|session| session.key.id.clone()));
        found.extend(next);
    }
}
