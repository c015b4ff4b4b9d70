//! The home screen's state: workspaces, sessions, preview. Which sessions are listed, which is selected, and what
//! hides the others.

pub mod emptiness;
pub mod filter;
pub mod list;
pub mod moves;
pub mod preview;
pub mod workspaces;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use emptiness::Emptiness;
use filter::QuickFilter;
use list::{List, Row};
use preview::Preview;
use workspaces::Workspaces;

pub use super::layout::{Pane, Panes};
use super::runs::{self, Runs};
use super::{Effect, Tickets};
use crate::config::settings::Scope;
use crate::domain::catalog::{Catalog, Filter, HiddenCounts, Sort};
use crate::domain::live::LiveSign;
use crate::domain::run::RunInfo;
use crate::domain::{Session, SessionKey, State, Title, TitleSource};

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
    /// Runs that are no session yet, as sessions of which nothing is on disk.
    pub fresh: Vec<Arc<Session>>,
    /// What the runs of this salon are doing. One that stopped says nothing.
    pub states: HashMap<SessionKey, State>,
}

impl Known {
    /// What a session is doing.
    pub fn state(&self, session: &Session) -> State {
        let ours = self.states.get(&session.key).copied();
        ours.unwrap_or_else(|| self.live.get(&session.key).map_or(session.state, |sign| sign.state))
    }

    /// It is a run of which nothing is on disk yet.
    pub fn is_fresh(&self, key: &SessionKey) -> bool {
        self.fresh.iter().any(|session| session.key == *key)
    }

    /// Takes over what the runs of this salon are doing. Whether a list has to be made anew for it.
    pub fn set_runs(&mut self, runs: &Runs) -> bool {
        let states: HashMap<_, _> =
            runs.iter().filter_map(|info| Some((runs::key_of(info), runs.state(info)?))).collect();
        let unknown = |info: &&Arc<RunInfo>| self.catalog.get(&runs::key_of(info)).is_none() && runs.is_listed(info);
        let fresh: Vec<_> = runs.iter().filter(unknown).map(|info| Arc::new(self.as_session(info))).collect();
        let changed = states != self.states || fresh != self.fresh;
        (self.states, self.fresh) = (states, fresh);
        changed
    }

    /// A row for a run of which nothing is on disk yet.
    fn as_session(&self, info: &RunInfo) -> Session {
        let cwd: Arc<str> = info.cwd.to_string_lossy().into();
        let mut beside = self.catalog.iter().filter(|session| session.cwd == cwd);
        let mut session = Session::new(runs::key_of(info), PathBuf::new());
        session.title = Title::new(&format!("new · {} · {cwd}", info.agent), TitleSource::Prompt);
        session.workspace = beside.next().map_or_else(|| cwd.clone(), |session| session.workspace.clone());
        session.cwd = cwd;
        session.model.clone_from(&info.model);
        session.tokens = info.tokens;
        session.last_activity = info.active;
        session
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
        // Of what has no file there is nothing to preview.
        let on_disk = |session: &&Arc<Session>| !session.path.as_os_str().is_empty() && panes.shows(Pane::Preview);
        let selected = self.list.session().filter(on_disk).map(|session| &session.key);
        self.preview.follow(selected, tickets)
    }

    fn rows(&mut self, known: &Known) -> Vec<Row> {
        let all = || known.fresh.iter().chain(known.catalog.iter());
        self.waiting = all().filter(|session| known.state(session) == State::NeedsYou).count();
        // What runs here is shown, whatever it is.
        let own = known.states.keys().cloned().collect();
        let everywhere = Filter { show_hidden: self.show_hidden, own, ..Filter::default() };
        let shown = all().filter(|session| everywhere.hides(session).is_none());
        self.workspaces.count(shown.map(|session| (session, known.state(session))), self.here.as_ref());
        let filter = Filter { workspace: self.workspaces.selected().cloned(), ..everywhere };
        let mut view = known.catalog.view(&filter, self.sort);
        for session in known.fresh.iter().rev() {
            match filter.hides(session) {
                Some(reason) => view.hidden.count(reason),
                None => view.sessions.insert(0, session.clone()),
            }
        }
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
