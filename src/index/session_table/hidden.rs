//! Sessions of the table that the user hid.

use std::collections::HashSet;

use super::SessionTable;
use crate::domain::{Session, SessionKey};
use crate::index::hidden::is_hidden;

impl SessionTable {
    /// Replaces the sets of sessions that the user hid, and of those whose files are in the trash.
    pub fn set_hidden(&mut self, hidden: HashSet<SessionKey>, trashed: HashSet<SessionKey>) {
        let changed: HashSet<SessionKey> = self.hidden.symmetric_difference(&hidden).cloned().collect();
        if !changed.is_empty() {
            self.mark_below(&changed);
        }
        self.dirty.extend(changed);
        self.dirty.extend(self.trashed.symmetric_difference(&trashed).cloned());
        (self.hidden, self.trashed) = (hidden, trashed);
    }

    /// Records a session that was loaded, if it is a sub-agent that is hidden.
    pub(super) fn note_hidden(&mut self, key: &SessionKey) {
        let is_hidden =
            || self.best(key).is_some_and(|session| session.flags.subagent && self.is_below_hidden(session));
        if !self.hidden.is_empty() && is_hidden() {
            self.hidden_above.insert(key.clone());
        }
    }

    /// Marks the sub-agents below those that were recorded: all at once, because each time looks at every session.
    pub(super) fn mark_hidden_below(&mut self) {
        let above = std::mem::take(&mut self.hidden_above);
        if !above.is_empty() {
            self.mark_below(&above);
        }
    }

    fn mark_below(&mut self, above: &HashSet<SessionKey>) {
        let is_below =
            |key: &SessionKey| self.best(key).is_some_and(|session| is_hidden(session, above, |key| self.best(key)));
        let below: Vec<_> = self.sessions.keys().filter(|key| is_below(key)).cloned().collect();
        self.dirty.extend(below);
    }

    fn is_below_hidden(&self, session: &Session) -> bool {
        is_hidden(session, &self.hidden, |key| self.best(key))
    }

    /// Returns true if the user removed a session: it is hidden, or only its prompts are left elsewhere.
    pub(super) fn is_removed(&self, session: &Session) -> bool {
        self.is_below_hidden(session) || session.flags.purged && self.trashed.contains(&session.key)
    }

    fn best(&self, key: &SessionKey) -> Option<&Session> {
        self.best_candidate(self.sessions.get(key)?).map(|session| &**session)
    }
}
