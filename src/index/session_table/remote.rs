//! Sessions of other machines in the table: they have no source here, and each comes from one place.

use super::{SessionTable, SourceId};
use crate::domain::catalog::CatalogChange;

/// Source of the sessions of other machines, which is none of the table's own.
const REMOTE: SourceId = SourceId::MAX;

impl SessionTable {
    /// Applies a change of the sessions of another machine. Annotations are those of this machine.
    pub fn apply_remote(&mut self, change: CatalogChange) {
        for session in change.sessions {
            let key = session.key.clone();
            self.sessions.entry(key.clone()).or_default().candidates = vec![(REMOTE, session)];
            self.dirty.insert(key);
        }
        for key in change.removed {
            self.detach_session(REMOTE, key);
        }
    }
}
