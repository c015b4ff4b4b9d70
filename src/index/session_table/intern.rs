//! Interns strings that many sessions share: directories, models, branches.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::Session;
use crate::domain::usage::UsageRow;

/// Interned strings.
#[derive(Debug, Default)]
pub(super) struct Interner(HashSet<Arc<str>>);

impl Interner {
    /// Replaces the strings of a session by interned ones.
    pub(super) fn share(&mut self, session: &mut Session) {
        self.intern(&mut session.cwd);
        self.intern(&mut session.workspace);
        session.model.iter_mut().chain(&mut session.branch).for_each(|text| self.intern(text));
        if session.usage.iter().any(|row| row.model.is_some()) {
            session.usage = session.usage.iter().map(|row| self.interned(row)).collect();
        }
    }

    fn interned(&mut self, row: &UsageRow) -> UsageRow {
        let mut row = row.clone();
        row.model.iter_mut().for_each(|model| self.intern(model));
        row
    }

    fn intern(&mut self, text: &mut Arc<str>) {
        if let Some(kept) = self.0.get(text) {
            *text = kept.clone();
        } else {
            self.0.insert(text.clone());
        }
    }
}
