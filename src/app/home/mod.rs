//! The home screen: workspaces, session list and preview. Computes which sessions are listed and why others are hidden.

pub mod empty_state;
pub mod filter;
pub mod list;
pub mod moves;
pub mod preview;
pub mod workspaces;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

pub use empty_state::EmptyState;
use filter::QuickFilter;
use list::{ListRow, SessionList};
use preview::Preview;
use workspaces::WorkspaceList;

pub use super::layout::{Pane, Panes};
use super::runs::{self, RunTable};
use super::{Effect, Tickets};
use crate::config::settings::ListScope;
use crate::domain::catalog::{Catalog, CatalogFilter, HiddenCounts, Sort};
use crate::domain::live_status::LiveStatus;
use crate::domain::run::RunInfo;
use crate::domain::{Session, SessionKey, SessionState, Title, TitleSource};

/// The home screen.
#[derive(Debug, Default)]
pub struct Home {
    /// The focused pane.
    pub focus: Pane,
    /// The workspace in which salon was started.
    pub here: Option<Arc<str>>,
    /// The workspaces column.
    pub workspaces: WorkspaceList,
    /// The sessions.
    pub list: SessionList,
    /// The quick filter.
    pub filter: QuickFilter,
    /// The preview.
    pub preview: Preview,
    /// The order.
    pub sort: Sort,
    /// True if hidden sessions, such as sub-agents and empty ones, are shown.
    pub show_hidden: bool,
    /// Number of listed sessions.
    pub shown: usize,
    /// Numbers of hidden sessions, by reason.
    pub hidden: HiddenCounts,
    /// Number of sessions that need the user, listed or not.
    pub waiting: usize,
}

/// All sessions and their states.
#[derive(Debug, Default)]
pub struct Sessions {
    /// All sessions.
    pub catalog: Catalog,
    /// Sessions that are open in live processes.
    pub live: HashMap<SessionKey, LiveStatus>,
    /// Runs without a session on disk, represented as sessions.
    pub unsaved: Vec<Arc<Session>>,
    /// Sessions of salon's runs, past and present.
    pub recorded: HashSet<SessionKey>,
    /// States of the sessions with a live run of this salon.
    pub states: HashMap<SessionKey, SessionState>,
}

impl Sessions {
    /// Returns the state of a session: its run's, else its process's, else the catalog's.
    pub fn state(&self, session: &Session) -> SessionState {
        let ours = self.states.get(&session.key).copied();
        ours.unwrap_or_else(|| self.live.get(&session.key).map_or(session.state, |sign| sign.state))
    }

    /// Returns true for a run without a session on disk.
    pub fn is_unsaved(&self, key: &SessionKey) -> bool {
        self.unsaved.iter().any(|session| session.key == *key)
    }

    /// Stores the states of the runs. Returns true if lists must be recomputed.
    pub fn set_runs(&mut self, runs: &RunTable) -> bool {
        let states: HashMap<_, _> =
            runs.iter().filter_map(|info| Some((runs::key_of(info), runs.state(info)?))).collect();
        let unknown = |info: &&Arc<RunInfo>| self.catalog.get(&runs::key_of(info)).is_none() && runs.is_listed(info);
        let fresh: Vec<_> = runs.iter().filter(unknown).map(|info| Arc::new(self.as_session(info))).collect();
        let changed = states != self.states || fresh != self.unsaved;
        (self.states, self.unsaved) = (states, fresh);
        changed
    }

    /// Represents a run without a session on disk as a session.
    fn as_session(&self, info: &RunInfo) -> Session {
        let cwd: Arc<str> = info.cwd.to_string_lossy().into();
        let mut in_same_directory = self.catalog.iter().filter(|session| session.cwd == cwd);
        let mut session = Session::new(runs::key_of(info), PathBuf::new());
        session.title = Title::new(&format!("new · {} · {cwd}", info.agent), TitleSource::Prompt);
        session.workspace = in_same_directory.next().map_or_else(|| cwd.clone(), |session| session.workspace.clone());
        session.cwd = cwd;
        session.model.clone_from(&info.model);
        session.tokens = info.tokens;
        session.last_activity = info.last_event;
        session
    }
}

impl Home {
    /// Returns the scope. `None` if another workspace is selected.
    pub fn scope(&self) -> Option<ListScope> {
        match (self.workspaces.selected(), &self.here) {
            (None, _) => Some(ListScope::All),
            (Some(selected), Some(here)) if selected == here => Some(ListScope::Here),
            _ => None,
        }
    }

    /// Sets the scope, if possible.
    pub fn set_scope(&mut self, scope: ListScope) {
        self.workspaces.select(match scope {
            ListScope::Here => self.here.clone(),
            ListScope::All => None,
        });
    }

    /// Recomputes the list after changes of sessions, order or states.
    pub fn refresh(&mut self, sessions: &Sessions) {
        let rows = self.rows(sessions);
        self.list.set(rows);
    }

    /// Recomputes the list and selects its first row: for another list rather than another order.
    pub fn restart(&mut self, sessions: &Sessions) {
        let rows = self.rows(sessions);
        self.list.restart(rows);
    }

    /// Updates the preview after the selection moved, if the preview is visible.
    pub fn follow_selection(&mut self, panes: Panes, tickets: &mut Tickets) -> Vec<Effect> {
        // Without a file there is nothing to preview.
        let on_disk = |session: &&Arc<Session>| !session.path.as_os_str().is_empty() && panes.shows(Pane::Preview);
        let selected = self.list.session().filter(on_disk).map(|session| &session.key);
        self.preview.follow_selection(selected, tickets)
    }

    fn rows(&mut self, sessions: &Sessions) -> Vec<ListRow> {
        let all = || sessions.unsaved.iter().chain(sessions.catalog.iter());
        self.waiting = all().filter(|session| sessions.state(session) == SessionState::NeedsYou).count();
        // Sessions of salon's runs are always listed, although some agents record them as headless.
        let own = sessions.states.keys().chain(&sessions.recorded).cloned().collect();
        let everywhere = CatalogFilter { show_hidden: self.show_hidden, own, ..CatalogFilter::default() };
        let shown = all().filter(|session| everywhere.hides(session).is_none());
        self.workspaces.count(shown.map(|session| (session, sessions.state(session))), self.here.as_ref());
        let filter = CatalogFilter { workspace: self.workspaces.selected().cloned(), ..everywhere };
        let mut view = sessions.catalog.view(&filter, self.sort);
        for session in sessions.unsaved.iter().rev() {
            match filter.hides(session) {
                Some(reason) => view.hidden.add(reason),
                None => view.sessions.insert(0, session.clone()),
            }
        }
        self.hidden = view.hidden;
        let rows = if self.filter.is_active() && !self.filter.is_waiting() {
            self.ranked(view.sessions, sessions)
        } else {
            sections(view.sessions, sessions)
        };
        self.shown = rows.iter().filter(|row| row.session().is_some()).count();
        rows
    }

    /// Returns the matches of the quick filter, best first. Without sections, which would break up the ranking.
    fn ranked(&self, listed: Vec<Arc<Session>>, sessions: &Sessions) -> Vec<ListRow> {
        let mut ranked: Vec<_> =
            listed.into_iter().filter_map(|session| Some((self.filter.rank(&session.key)?, session))).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, session)| row(session, sessions)).collect()
    }
}

fn row(session: Arc<Session>, sessions: &Sessions) -> ListRow {
    let state = sessions.state(&session);
    ListRow::Session(session, state)
}

/// Groups rows into sections by urgency, each with a heading and count. Within a section the order stays.
fn sections(listed: Vec<Arc<Session>>, sessions: &Sessions) -> Vec<ListRow> {
    let mut rows: Vec<ListRow> = listed.into_iter().map(|session| row(session, sessions)).collect();
    let state = |row: &ListRow| match row {
        ListRow::Section(state, _) | ListRow::Session(_, state) => *state,
    };
    // The sort is stable, so that within a section the order stays.
    rows.sort_by_key(state);
    let mut with_headings = Vec::with_capacity(rows.len() + 4);
    for section in rows.chunk_by(|a, b| state(a) == state(b)) {
        with_headings.extend(section.first().map(|first| ListRow::Section(state(first), section.len())));
        with_headings.extend_from_slice(section);
    }
    with_headings
}
