//! The column of workspaces: all of them together, then the saved views of the search, then each workspace with its
//! count and what lives in it, newest first.

use std::collections::HashMap;
use std::sync::Arc;

use crate::app::scroll;
use crate::app::search::View;
use crate::domain::{Session, State, Time};

/// A workspace in the column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its path.
    pub path: Arc<str>,
    /// What it is called: the end of its path, long enough to tell it from the others.
    pub name: String,
    /// Sessions that the list shows of it.
    pub sessions: usize,
    /// Its most urgent state.
    pub state: State,
    /// How many sessions are in a living process.
    pub live: usize,
    newest: Option<Time>,
}

/// What a row of the column stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// All workspaces.
    All,
    /// A saved view.
    View(&'a View),
    /// A workspace.
    Workspace(&'a Workspace),
}

/// The column. Its first row stands for all workspaces.
#[derive(Debug, Default)]
pub struct Workspaces {
    rows: Vec<Workspace>,
    selected: Option<Arc<str>>,
    views: Vec<View>,
    /// The view that is selected, to be opened; the list still shows the workspace.
    view: Option<usize>,
    top: usize,
    height: usize,
}

impl Workspaces {
    /// The workspaces, without the row for all.
    pub fn rows(&self) -> &[Workspace] {
        &self.rows
    }

    /// The selected one; `None`: all.
    pub fn selected(&self) -> Option<&Arc<str>> {
        self.selected.as_ref()
    }

    /// The name of the selected workspace.
    pub fn selected_name(&self) -> Option<&str> {
        let selected = self.selected.as_ref()?;
        self.rows.iter().find(|row| row.path == *selected).map(|row| row.name.as_str())
    }

    /// The saved views.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// The selected view, where it is one.
    pub fn view(&self) -> Option<&View> {
        self.views.get(self.view?)
    }

    /// Other views.
    pub fn set_views(&mut self, views: Vec<View>) {
        self.views = views;
        self.view = self.view.filter(|at| *at < self.views.len());
        self.reveal();
    }

    /// The column was left: what the list shows is selected again.
    pub fn leave_views(&mut self) {
        self.view = None;
        self.reveal();
    }

    /// What a row of the column stands for.
    pub fn line(&self, row: usize) -> Option<Line<'_>> {
        let Some(at) = row.checked_sub(1) else { return Some(Line::All) };
        match at.checked_sub(self.views.len()) {
            None => self.views.get(at).map(Line::View),
            Some(at) => self.rows.get(at).map(Line::Workspace),
        }
    }

    /// The selected row of the column, where 0 stands for all.
    pub fn at(&self) -> usize {
        if let Some(view) = self.view {
            return view + 1;
        }
        let Some(selected) = &self.selected else { return 0 };
        self.rows.iter().position(|row| row.path == *selected).map_or(0, |at| at + 1 + self.views.len())
    }

    /// First row on the screen.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Rows of the column, with the one for all and those of the views.
    pub fn len(&self) -> usize {
        self.rows.len() + self.views.len() + 1
    }

    /// Never: there is always the row for all.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Counts sessions anew. `here` and the selected workspace are listed even without sessions.
    pub fn count<'a>(&mut self, sessions: impl Iterator<Item = (&'a Arc<Session>, State)>, here: Option<&Arc<str>>) {
        let mut found: HashMap<Arc<str>, Workspace> = HashMap::new();
        for path in here.into_iter().chain(self.selected.as_ref()) {
            found.insert(path.clone(), Workspace::new(path.clone()));
        }
        for (session, state) in sessions {
            let path = &session.workspace;
            found.entry(path.clone()).or_insert_with(|| Workspace::new(path.clone())).add(session, state);
        }
        self.rows = found.into_values().collect();
        self.rows.sort_by(|a, b| b.newest.cmp(&a.newest).then_with(|| a.path.cmp(&b.path)));
        name(&mut self.rows);
        self.reveal();
    }

    /// Selects a workspace, or all.
    pub fn select(&mut self, workspace: Option<Arc<str>>) {
        self.selected = workspace;
        self.view = None;
        self.reveal();
    }

    /// Selects a row of the column. Whether that changed anything.
    pub fn choose(&mut self, row: usize) -> bool {
        let row = row.min(self.len() - 1);
        let workspace = match self.line(row) {
            Some(Line::View(_)) => {
                self.view = row.checked_sub(1);
                self.reveal();
                return false;
            }
            Some(Line::Workspace(workspace)) => Some(workspace.path.clone()),
            Some(Line::All) | None => None,
        };
        let changed = workspace != self.selected;
        self.select(workspace);
        changed
    }

    /// Tells how many rows fit on the screen.
    pub fn fit(&mut self, height: usize) {
        self.height = height;
        self.reveal();
    }

    /// Rows that fit on the screen.
    pub fn height(&self) -> usize {
        self.height
    }

    fn reveal(&mut self) {
        self.top = scroll::reveal(self.top, self.at(), self.height, self.len());
    }
}

impl Workspace {
    fn new(path: Arc<str>) -> Self {
        Self { path, name: String::new(), sessions: 0, state: State::Past, live: 0, newest: None }
    }

    fn add(&mut self, session: &Session, state: State) {
        self.sessions += 1;
        self.live += usize::from(state != State::Past);
        self.state = self.state.min(state);
        self.newest = self.newest.max(session.last_activity);
    }
}

/// Names every workspace by the last part of its path, and by more of it where two end alike.
fn name(rows: &mut [Workspace]) {
    let mut alike: HashMap<String, usize> = HashMap::new();
    for row in rows.iter() {
        *alike.entry(tail(&row.path, 1)).or_default() += 1;
    }
    for row in rows {
        let short = tail(&row.path, 1);
        row.name = if alike.get(&short).is_some_and(|count| *count > 1) { tail(&row.path, 2) } else { short };
    }
}

fn tail(path: &str, parts: usize) -> String {
    let mut names: Vec<&str> = path.rsplit('/').filter(|part| !part.is_empty()).take(parts).collect();
    names.reverse();
    match names.as_slice() {
        [] if path.is_empty() => "(unknown)".to_owned(),
        [] => path.to_owned(),
        names => names.join("/"),
    }
}
