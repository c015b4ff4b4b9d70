//! Labels that forks inherit from their origins.

use std::collections::HashSet;
use std::sync::Arc;

use super::SessionTable;
use crate::domain::annotation::Annotation;
use crate::domain::{Session, SessionKey, lineage};

impl SessionTable {
    /// Returns the annotation of a session, with the labels that it inherits.
    pub(super) fn annotation(&self, session: &Session) -> Option<Arc<Annotation>> {
        if self.annotations.is_empty() {
            return None;
        }
        lineage::annotation(session, &self.annotations, |key| {
            let candidates = &self.sessions.get(key)?.candidates;
            candidates.iter().find_map(|(_, session)| session.label_origin().cloned())
        })
    }

    /// Marks the forks of sessions whose labels or origin changed, and theirs.
    pub(super) fn mark_forks_dirty(&mut self) {
        let mut above = std::mem::take(&mut self.relabelled);
        let mut seen = above.clone();
        while !above.is_empty() {
            let is_below = |session: &Session| {
                let origin = session.label_origin().cloned().map(|id| SessionKey { id, ..session.key.clone() });
                origin.is_some_and(|origin| above.contains(&origin))
            };
            let below = self.sessions.iter().filter(|(key, row)| {
                !seen.contains(*key) && row.candidates.iter().any(|(_, session)| is_below(session))
            });
            above = below.map(|(key, _)| key.clone()).collect::<HashSet<_>>();
            seen.extend(above.iter().cloned());
            self.dirty.extend(above.iter().cloned());
        }
    }
}
