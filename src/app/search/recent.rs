//! Recent sessions, which the search offers while its line is empty.

use std::sync::Arc;

use super::SearchScreen;
use crate::app::action::Action;
use crate::app::ctx::Ctx;
use crate::app::flow::Flow;
use crate::app::sessions::Sessions;
use crate::config::key::{Key, KeyCode};
use crate::domain::Session;

/// Maximum number of recent sessions, because a longer list is what the home screen is for.
const MAX_SESSIONS: usize = 10;

/// Returns the sessions that the user opened last, then the most recently active ones, without those that lists hide.
pub fn sessions(all: &Sessions) -> Vec<&Arc<Session>> {
    let is_shown = |session: &&Arc<Session>| {
        let flags = session.flags;
        !(flags.subagent || flags.headless || flags.empty || flags.archived || flags.purged)
    };
    let opened = all.recent.iter().filter_map(|key| all.catalog.get(key));
    let others = all.catalog.iter().filter(is_shown).filter(|session| !all.recent.contains(&session.key));
    opened.chain(others).take(MAX_SESSIONS).collect()
}

impl SearchScreen {
    /// Selects the first recent session.
    pub fn select_recent(&mut self) {
        self.recent = Some(0);
    }

    /// Returns the selected row of the recent sessions.
    pub fn recent_row(&self) -> Option<usize> {
        self.recent.filter(|_| self.input.is_empty())
    }

    /// Moves in the recent sessions and opens one. `None` if the key is not theirs.
    pub(super) fn key_in_recent(&mut self, key: Key, action: Option<Action>, ctx: &Ctx) -> Option<Flow> {
        if !self.input.is_empty() || self.history_index.is_some() {
            return None;
        }
        let recent = sessions(ctx.sessions);
        match (self.recent, action) {
            (None, Some(Action::NextResult)) if !recent.is_empty() => self.recent = Some(0),
            (Some(at), Some(Action::NextResult)) => self.recent = Some((at + 1).min(recent.len().saturating_sub(1))),
            (Some(at), Some(Action::PreviousResult)) => self.recent = at.checked_sub(1),
            (Some(at), None) if key.code == KeyCode::Enter => {
                return Some(recent.get(at).map_or(Flow::Stay, |session| Flow::Open(session.key.clone())));
            }
            _ => return None,
        }
        Some(Flow::Stay)
    }
}
