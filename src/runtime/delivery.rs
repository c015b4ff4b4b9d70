//! Lookup of a prompt, and of the tasks, in the agent's own record of a session.
//!
//! A prompt is found by the id that the agent keeps for it. Without one its text is compared, only with entries that are
//! not older than the delivery. The text alone proves nothing, because an earlier prompt may read the same.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::agent::{self, Environment};
use crate::domain::prompt::Prompt;
use crate::domain::{Entry, EntryKind, Session, SessionKey, Time};
use crate::index::{self, Refresh};
use crate::live::options::{DeliveryCheck, EarlierTasks};

/// Maximum entries at the end of a transcript that are searched for a prompt.
const MAX_ENTRIES: usize = 400;

/// Maximum sessions whose location is kept, because a salon drives few at once.
const MAX_LOCATIONS: usize = 64;

/// Creates the check. A session without a record yet contains no prompt.
pub fn check(environment: Environment, cache: PathBuf) -> DeliveryCheck {
    let located: Mutex<HashMap<SessionKey, Arc<Session>>> = Mutex::default();
    Arc::new(move |key, prompt| {
        // A record of salon's own proves nothing about the agent.
        if agent::protocol(key.agent).is_none_or(|protocol| !protocol.has_record()) {
            return None;
        }
        let known = located.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some(found) = known.and_then(|session| contains(&session, prompt)) {
            return Some(found);
        }
        let Some(session) = locate(key, &environment, &cache) else { return Some(false) };
        let found = contains(&session, prompt);
        let mut located = located.lock().unwrap_or_else(PoisonError::into_inner);
        if located.len() >= MAX_LOCATIONS {
            located.clear();
        }
        located.insert(key.clone(), session);
        Some(found.unwrap_or(false))
    })
}

/// Creates the lookup of the tasks that a session's record contains. A session without a record has none.
pub fn tasks(environment: Environment, cache: PathBuf) -> EarlierTasks {
    Arc::new(move |key| {
        let session = locate(key, &environment, &cache);
        let reader = session.and_then(|session| agent::format(key.agent).open(&session).ok());
        reader.map(|mut reader| reader.tasks()).unwrap_or_default()
    })
}

/// Returns true if the end of a session's record contains a prompt; `None` if it cannot be read.
fn contains(session: &Session, prompt: &Prompt) -> Option<bool> {
    let format = agent::format(session.key.agent);
    let newest = format.tail(session, MAX_ENTRIES).ok()?;
    let protocol = agent::protocol(session.key.agent);
    let key = prompt.sent.and_then(|sent| protocol?.prompt_key(&session.key.id, prompt.id, sent));
    let same = |entry: &Entry| {
        entry.kind == EntryKind::Prompt
            && entry.text.trim() == prompt.text.trim()
            && prompt
                .sent
                .is_some_and(|sent| entry.time.is_some_and(|time| is_since(time, sent, format.has_whole_seconds())))
    };
    Some(newest.iter().any(|entry| Some(entry.key) == key || same(entry)))
}

/// Returns true if an entry is not older than the delivery. `in_seconds` if the agent may have cut its time.
fn is_since(time: Time, sent: Time, in_seconds: bool) -> bool {
    let is_cut = in_seconds && time.millis() % 1000 == 0;
    time >= if is_cut { Time::from_millis(sent.millis() / 1000 * 1000) } else { sent }
}

/// Finds a session by the file that bears its id, else in the index of all sessions.
fn locate(key: &SessionKey, environment: &Environment, cache: &Path) -> Option<Arc<Session>> {
    let format = agent::format(key.agent);
    let roots = format.roots(environment);
    let sources = roots.iter().flat_map(|root| agent::archive::discover(format, root).sources);
    let named = sources.filter(|source| source.path.to_string_lossy().contains(&*key.id));
    if let Some(session) = named.flat_map(|source| format.peek(&source)).find(|session| session.key == *key) {
        return Some(Arc::new(session));
    }
    let mut options = index::IndexOptions::new(environment.clone(), super::instant);
    options.cache_dir = Some(cache.to_owned());
    index::collect(&options, Refresh::Changed).session(key).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_compared_in_seconds_only_if_the_agent_records_those() {
        let at = Time::from_millis;
        assert!(is_since(at(10_000), at(10_438), true), "the second of the delivery");
        assert!(!is_since(at(9_000), at(10_438), true));
        assert!(is_since(at(10_438), at(10_438), true) && !is_since(at(10_437), at(10_438), true));
        assert!(!is_since(at(10_000), at(10_438), false), "an earlier prompt, by chance at a full second");
        assert!(is_since(at(10_438), at(10_438), false));
    }
}
