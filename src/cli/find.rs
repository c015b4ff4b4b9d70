//! Resolves an argument to a session: by exact id, else by unique prefix, else by exact title.

use std::sync::Arc;

use super::error::{CliError, CliErrorCode};
use crate::domain::{Agent, Session};

/// Minimum length of an id prefix in characters, because shorter ones are likely to be ambiguous.
pub(super) const MIN_PREFIX: usize = 8;

/// Finds the session named by `name`; `agent:id` selects the agent.
pub(super) fn find(sessions: &[Arc<Session>], name: &str) -> Result<Arc<Session>, CliError> {
    let narrowed = name.split_once(':').and_then(|(agent, id)| Some((Agent::from_name(agent)?, id)));
    if let Some((agent, id)) = narrowed {
        let of_agent: Vec<_> = sessions.iter().filter(|session| session.key.agent == agent).collect();
        if let Some(found) = only(&of_agent, id)? {
            return Ok(found);
        }
    }
    // A title may contain a colon too.
    let all: Vec<_> = sessions.iter().collect();
    only(&all, name)?.ok_or_else(|| CliError::new(CliErrorCode::NotFound, not_found(&all, name)))
}

fn not_found(all: &[&Arc<Session>], name: &str) -> String {
    let id = name.split_once(':').map_or(name, |(_, id)| id);
    let is_start = !id.is_empty() && all.iter().any(|session| session.key.id.starts_with(id));
    let next = if is_start && id.chars().count() < MIN_PREFIX {
        format!("the start of an id needs at least {MIN_PREFIX} characters")
    } else {
        "salon list --hidden shows all, and salon search finds by text".to_owned()
    };
    format!("no session matches \"{name}\"; {next}")
}

fn only(sessions: &[&Arc<Session>], name: &str) -> Result<Option<Arc<Session>>, CliError> {
    let exact = |session: &Session| *session.key.id == *name;
    let prefix = |session: &Session| name.chars().count() >= MIN_PREFIX && session.key.id.starts_with(name);
    let title = |session: &Session| *session.title.text == *name && !name.is_empty();
    for matches in [&exact as &dyn Fn(&Session) -> bool, &prefix, &title] {
        let found: Vec<_> = sessions.iter().filter(|session| matches(session)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(Some(Arc::clone(one))),
            several => return Err(ambiguous(name, several)),
        }
    }
    Ok(None)
}

fn ambiguous(name: &str, found: &[&&Arc<Session>]) -> CliError {
    let mut candidates: Vec<_> = found.iter().map(|session| session.key.to_string()).collect();
    candidates.sort_unstable();
    let message = format!("\"{name}\" matches {} sessions", found.len());
    CliError::Reported { code: CliErrorCode::Ambiguous, message, candidates }
}
