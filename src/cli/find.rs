//! The session that a person means: an exact id, else a unique prefix, else an exact title.

use std::sync::Arc;

use super::failure::{Code, Failure};
use crate::domain::{Agent, Session};

/// Shortest part of an id that may stand for it.
pub const PREFIX: usize = 8;

/// Finds the session that `words` name; `agent:id` narrows.
pub fn find(sessions: &[Arc<Session>], words: &str) -> Result<Arc<Session>, Failure> {
    let narrowed = words.split_once(':').and_then(|(agent, id)| Some((Agent::from_name(agent)?, id)));
    if let Some((agent, id)) = narrowed {
        let of_agent: Vec<_> = sessions.iter().filter(|session| session.key.agent == agent).collect();
        if let Some(found) = only(&of_agent, id)? {
            return Ok(found);
        }
    }
    // What looks narrowed may be a title with a colon in it.
    let all: Vec<_> = sessions.iter().collect();
    only(&all, words)?.ok_or_else(|| Failure::new(Code::NotFound, format!("no session is called \"{words}\"")))
}

fn only(sessions: &[&Arc<Session>], words: &str) -> Result<Option<Arc<Session>>, Failure> {
    let exact = |session: &Session| *session.key.id == *words;
    let prefix = |session: &Session| words.chars().count() >= PREFIX && session.key.id.starts_with(words);
    let title = |session: &Session| *session.title.text == *words && !words.is_empty();
    for means in [&exact as &dyn Fn(&Session) -> bool, &prefix, &title] {
        let found: Vec<_> = sessions.iter().filter(|session| means(session)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(Some(Arc::clone(one))),
            several => return Err(ambiguous(words, several)),
        }
    }
    Ok(None)
}

fn ambiguous(words: &str, found: &[&&Arc<Session>]) -> Failure {
    let mut candidates: Vec<_> = found.iter().map(|session| session.key.to_string()).collect();
    candidates.sort_unstable();
    let message = format!("\"{words}\" may be any of {} sessions", found.len());
    Failure::Told { code: Code::Ambiguous, message, candidates }
}
