//! Sessions of other machines in the table: they have no source here, and each comes from one place.

use std::collections::HashSet;

use super::{SessionTable, SourceId};
use crate::domain::catalog::CatalogChange;
use crate::domain::{Session, SessionKey};

/// Source of the sessions of other machines, which is none of the table's own.
const REMOTE: SourceId = SourceId::MAX;

impl SessionTable {
    /// Applies a change of the sessions of another machine. Annotations are those of this machine.
    pub fn apply_remote(&mut self, change: CatalogChange) {
        for session in change.sessions {
            let key = session.key.clone();
            self.hosts.extend(key.host.clone());
            self.sessions.entry(key.clone()).or_default().candidates = vec![(REMOTE, session)];
            self.dirty.insert(key);
        }
        for key in change.removed {
            self.detach_session(REMOTE, key);
        }
    }

    /// Returns true if a session of another machine is one of this machine, whose directory is mounted there.
    pub(super) fn is_mounted(&self, session: &Session) -> bool {
        if !session.is_remote() {
            return false;
        }
        let own = SessionKey { host: None, ..session.key.clone() };
        let own = self.sessions.get(&own).and_then(|row| self.best_candidate(row));
        own.is_some_and(|own| own.is_mounted_as(session))
    }

    /// Marks the sessions of other machines with the id of a changed one, which may be mounted there.
    pub(super) fn mark_mounted(&mut self, changed: &HashSet<SessionKey>) {
        let own = changed.iter().filter(|key| key.host.is_none());
        let elsewhere = own.flat_map(|key| self.hosts.iter().map(|host| key.clone().on(host)));
        let known: Vec<_> = elsewhere.filter(|key| self.sessions.contains_key(key)).collect();
        self.dirty.extend(known);
    }
}
