//! The home screen's state: workspaces, sessions, preview. Which sessions are listed, which is selected, and what
//! hides the others.

pub mod emptiness;
pub mod filter;
pub mod list;
pub mod moves;
pub mod preview;
pub mod workspaces;

use std::collections::HashMap;
use std::sync::Arc;

pub use emptiness::Emptiness;
use filter::QuickFilter;
use list::{List, Row};
use preview::Preview;
use workspaces::Workspaces;

pub use super::layout::{Pane, Panes};
use super::{Effect, Tickets};
use crate::config::settings::Scope;
use crate::domain::catalog::{Catalog, Filter, HiddenCounts, Sort};
use crate::domain::live::LiveSign;
use crate::domain::{Session, SessionKey, State};

/// The home screen.
#[derive(Debug, Default)]
pub struct Home {
    /// The pane that the keys go to.
    pub focus: Pane,
    /// The workspace that salon was started in.
    pub here: Option<Arc<str>>,
    /// The column of workspaces.
    pub workspaces: Workspaces,
    /// The sessions.
    pub list: List,
    /// The quick filter.
    pub filter: QuickFilter,
    /// The preview.
    pub preview: Preview,
    /// The order.
    pub sort: Sort,
    /// Sub-agents, empty ones and the like are shown.
    pub show_hidden: bool,
    /// Sessions in the list.
    pub shown: usize,
    /// Those that are not, by reason.
    pub hidden: HiddenCounts,
    /// Sessions that wait for the user, listed or not.
    pub waiting: usize,
}

/// What all sessions are, and which of them live.
#[derive(Debug, Default)]
pub struct Known {
    /// All sessions.
    pub catalog: Catalog,
    /// Those that a living process has open.
    pub live: HashMap<SessionKey, LiveSign>,
}

impl Known {
    /// What a session is doing.
    pub fn state(&self, session: &Session) -> State {
        self.live.get(&session.key).map_or(session.state, |sign| sign.state)
    }
}

impl Home {
    /// This workspace, or all? Another workspace that was selected counts as neither.
    pub fn scope(&self) -> Option<Scope> {
        match (self.workspaces.selected(), &self.here) {
            (None, _) => Some(Scope::All),
            (Some(selected), Some(here)) if selected == here => Some(Scope::Here),
            _ => None,
        }
    }

    /// Sets the scope, where that is possible.
    pub fn set_scope(&mut self, scope: Scope) {
        self.workspaces.select(match scope {
            Scope::Here => self.here.clone(),
            Scope::All => None,
        });
    }

    /// Works out anew what is listed: the sessions changed, or the order, or what lives.
    pub fn refresh(&mut self, known: &Known) {
        let rows = self.rows(known);
        self.list.set(rows);
    }

    /// As [`refresh`](Self::refresh), for another list altogether: its first row is selected.
    pub fn restart(&mut self, known: &Known) {
        let rows = self.rows(known);
        self.list.restart(rows);
    }

    /// The selection may have moved: the preview follows, where it is shown.
    pub fn follow(&mut self, panes: Panes, tickets: &mut Tickets) -> Vec<Effect> {
        let selected = self.list.key().filter(|_| panes.shows(Pane::Preview));
        self.preview.follow(selected, tickets)
    }

    fn rows(&mut self, known: &Known) -> Vec<Row> {
        self.waiting = known.catalog.iter().filter(|session| known.state(session) == State::NeedsYou).count();
        let everywhere = Filter { show_hidden: self.show_hidden, ..Filter::default() };
        let shown = known.catalog.iter().filter(|session| everywhere.hides(session).is_none());
        self.workspaces.count(shown.map(|session| (session, known.state(session))), self.here.as_ref());
        let filter = Filter { workspace: self.workspaces.selected().cloned(), ..everywhere };
        let view = known.catalog.view(&filter, self.sort);
        self.hidden = view.hidden;
        let rows = if self.filter.is_active() && !self.filter.is_waiting() {
            self.ranked(view.sessions, known)
        } else {
            sections(view.sessions, known)
        };
        self.shown = rows.iter().filter(|row| row.session().is_some()).count();
        rows
    }

    /// What matches the quick filter, best first. No sections: they would tear the ranking apart.
    fn ranked(&self, sessions: Vec<Arc<Session>>, known: &Known) -> Vec<Row> {
        let mut ranked: Vec<_> =
            sessions.into_iter().filter_map(|session| Some((self.filter.rank(&session.key)?, session))).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, session)| row(session, known)).collect()
    }
}

fn row(session: Arc<Session>, known: &Known) -> Row {
    let state = known.state(&session);
    Row::Session(session, state)
}

/// The sections by urgency, each in the order of the view, each under a heading with its count.
fn sections(sessions: Vec<Arc<Session>>, known: &Known) -> Vec<Row> {
    let mut rows: Vec<Row> = sessions.into_iter().map(|session| row(session, known)).collect();
    let state = |row: &Row| match row {
        Row::Section(state, _) | Row::Session(_, state) => *state,
    };
    // The sort is stable, so that within a section the order stays.
    rows.sort_by_key(state);
    let mut with_headings = Vec::with_capacity(rows.len() + 4);
    for section in rows.chunk_by(|a, b| state(a) == state(b)) {
        with_headings.extend(section.first().map(|first| Row::Section(state(first), section.len())));
        with_headings.extend_from_slice(section);
    }
    with_headings
}
