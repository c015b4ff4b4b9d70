//! Hidden sessions: those that the user hid, with their sub-agents.

use std::collections::HashSet;

use crate::domain::{Session, SessionKey};

/// Maximum depth of sub-agents, because a damaged record may name a cycle.
const MAX_NESTING: usize = 32;

/// Returns true if the user hid a session, or one that it is a sub-agent of. `find` returns a session by its key.
pub(super) fn is_hidden<'a>(
    session: &Session,
    hidden: &HashSet<SessionKey>,
    find: impl Fn(&SessionKey) -> Option<&'a Session>,
) -> bool {
    if hidden.is_empty() || hidden.contains(&session.key) {
        return !hidden.is_empty();
    }
    let parent = |session: &Session| session.parent.clone().filter(|_| session.flags.subagent);
    let mut above = parent(session);
    for _ in 0..MAX_NESTING {
        let Some(id) = above else { return false };
        let key = SessionKey { id, ..session.key.clone() };
        if hidden.contains(&key) {
            return true;
        }
        above = find(&key).and_then(parent);
    }
    false
}
