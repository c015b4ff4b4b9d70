//! Texts that many sessions share (directories, models, branches) are kept once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::Session;

/// The texts so far.
#[derive(Debug, Default)]
pub(super) struct Strings(HashSet<Arc<str>>);

impl Strings {
    /// Makes a session use the texts that are kept.
    pub fn share(&mut self, session: &mut Session) {
        self.one(&mut session.cwd);
        self.one(&mut session.workspace);
        session.model.iter_mut().chain(&mut session.branch).for_each(|text| self.one(text));
    }

    fn one(&mut self, text: &mut Arc<str>) {
        if let Some(kept) = self.0.get(text) {
            *text = kept.clone();
        } else {
            self.0.insert(text.clone());
        }
    }
}
