//! The workspaces column: a row for all, then saved views, then each workspace with counts and state: the one in which
//! salon was started, then the others, most recently active first.

use std::collections::HashMap;
use std::sync::Arc;

use crate::app::scroll;
use crate::app::search::SavedView;
use crate::domain::{Session, SessionState, Time};

/// Workspace of the column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Path.
    pub path: Arc<str>,
    /// Name: the end of the path, long enough to be unique.
    pub name: String,
    /// Number of sessions that the list shows of it.
    pub sessions: usize,
    /// Most urgent state of its sessions.
    pub state: SessionState,
    /// Number of sessions in live processes.
    pub live: usize,
    /// Number of sessions whose end was not seen.
    pub unseen: usize,
    /// Machine or container; `None` for this machine.
    pub host: Option<Arc<str>>,
    newest: Option<Time>,
}

/// Maximum components of a path in a name.
const MAX_NAME_PARTS: usize = 8;

/// Row of the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceRow<'a> {
    /// All workspaces.
    All,
    /// A saved view.
    View(&'a SavedView),
    /// A workspace.
    Workspace(&'a Workspace),
}

/// The column. Its first row is for all workspaces.
#[derive(Debug, Default)]
pub struct WorkspaceList {
    rows: Vec<Workspace>,
    selected: Option<Arc<str>>,
    views: Vec<SavedView>,
    /// The selected view; the list still shows the workspace until the view is opened.
    view: Option<usize>,
    top: usize,
    height: usize,
}

impl WorkspaceList {
    /// Returns the workspaces, without the row for all.
    pub fn rows(&self) -> &[Workspace] {
        &self.rows
    }

    /// Returns the selected workspace. `None` for all.
    pub fn selected(&self) -> Option<&Arc<str>> {
        self.selected.as_ref()
    }

    /// Returns the name of the selected workspace.
    pub fn selected_name(&self) -> Option<&str> {
        let selected = self.selected.as_ref()?;
        self.rows.iter().find(|row| row.path == *selected).map(|row| row.name.as_str())
    }

    /// Returns the saved views.
    pub fn views(&self) -> &[SavedView] {
        &self.views
    }

    /// Returns the selected view.
    pub fn view(&self) -> Option<&SavedView> {
        self.views.get(self.view?)
    }

    /// Replaces the saved views.
    pub fn set_views(&mut self, views: Vec<SavedView>) {
        self.views = views;
        self.view = self.view.filter(|at| *at < self.views.len());
        self.reveal();
    }

    /// Deselects the view when the focus leaves the column, so that the list's workspace is selected again.
    pub fn leave_views(&mut self) {
        self.view = None;
        self.reveal();
    }

    /// Returns the content of a row.
    pub fn line(&self, row: usize) -> Option<WorkspaceRow<'_>> {
        let Some(at) = row.checked_sub(1) else { return Some(WorkspaceRow::All) };
        match at.checked_sub(self.views.len()) {
            None => self.views.get(at).map(WorkspaceRow::View),
            Some(at) => self.rows.get(at).map(WorkspaceRow::Workspace),
        }
    }

    /// Returns the selected row; 0 is the row for all.
    pub fn at(&self) -> usize {
        if let Some(view) = self.view {
            return view + 1;
        }
        let Some(selected) = &self.selected else { return 0 };
        self.rows.iter().position(|row| row.path == *selected).map_or(0, |at| at + 1 + self.views.len())
    }

    /// Returns the first visible row.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Returns the number of rows, including the row for all and the views.
    pub fn len(&self) -> usize {
        self.rows.len() + self.views.len() + 1
    }

    /// Returns false: the row for all always exists.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Recounts sessions, each with its state, and true if its end was not seen. `here` and the selected workspace are listed even without sessions.
    pub fn count<'a>(
        &mut self,
        sessions: impl Iterator<Item = (&'a Arc<Session>, SessionState, bool)>,
        here: Option<&Arc<str>>,
    ) {
        let mut found: HashMap<Arc<str>, Workspace> = HashMap::new();
        for path in here.into_iter().chain(self.selected.as_ref()) {
            found.insert(path.clone(), Workspace::new(path.clone()));
        }
        for (session, state, is_unseen) in sessions {
            let path = &session.workspace;
            let workspace = found.entry(path.clone()).or_insert_with(|| Workspace::new(path.clone()));
            workspace.host.clone_from(&session.key.host);
            workspace.add(session, state);
            workspace.unseen += usize::from(is_unseen);
        }
        self.rows = found.into_values().collect();
        let elsewhere = |row: &Workspace| here != Some(&row.path);
        self.rows.sort_by(|a, b| {
            let newest_first = b.newest.cmp(&a.newest).then_with(|| a.path.cmp(&b.path));
            elsewhere(a).cmp(&elsewhere(b)).then(newest_first)
        });
        name(&mut self.rows);
        self.reveal();
    }

    /// Selects a workspace, or all for `None`.
    pub fn select(&mut self, workspace: Option<Arc<str>>) {
        self.selected = workspace;
        self.view = None;
        self.reveal();
    }

    /// Selects a row. Returns true if the workspace changed.
    pub fn choose(&mut self, row: usize) -> bool {
        let row = row.min(self.len() - 1);
        let workspace = match self.line(row) {
            Some(WorkspaceRow::View(_)) => {
                self.view = row.checked_sub(1);
                self.reveal();
                return false;
            }
            Some(WorkspaceRow::Workspace(workspace)) => Some(workspace.path.clone()),
            Some(WorkspaceRow::All) | None => None,
        };
        let changed = workspace != self.selected;
        self.select(workspace);
        changed
    }

    /// Sets the number of visible rows.
    pub fn fit(&mut self, height: usize) {
        self.height = height;
        self.reveal();
    }

    /// Returns the number of visible rows.
    pub fn height(&self) -> usize {
        self.height
    }

    fn reveal(&mut self) {
        self.top = scroll::reveal(self.top, self.at(), self.height, self.len());
    }
}

impl Workspace {
    fn new(path: Arc<str>) -> Self {
        Self {
            path,
            name: String::new(),
            sessions: 0,
            state: SessionState::Past,
            live: 0,
            unseen: 0,
            host: None,
            newest: None,
        }
    }

    fn add(&mut self, session: &Session, state: SessionState) {
        self.sessions += 1;
        self.live += usize::from(state != SessionState::Past);
        self.state = self.state.min(state);
        self.newest = self.newest.max(session.last_activity);
    }
}

/// Names every workspace by the last component of its path, or by as many as distinguish it; after its host, if it is
/// another one.
fn name(rows: &mut [Workspace]) {
    let mut equal: Vec<usize> = (0..rows.len()).collect();
    for parts in 1..=MAX_NAME_PARTS {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for at in &equal {
            let row = &mut rows[*at];
            row.name = on_host(row, tail(&row.path, parts));
            *counts.entry(row.name.clone()).or_default() += 1;
        }
        equal.retain(|at| counts.get(&rows[*at].name).is_some_and(|count| *count > 1));
        if equal.is_empty() {
            break;
        }
    }
}

/// Writes the host of a workspace before its name, unless the name is the whole path with the host.
fn on_host(row: &Workspace, name: String) -> String {
    match &row.host {
        Some(host) if !name.starts_with(&format!("{host}:")) => format!("{host}:{name}"),
        Some(_) | None => name,
    }
}

fn tail(path: &str, parts: usize) -> String {
    // A path of Windows, `C:\src` or `\\host\src`, has other separators.
    let is_windows = path.starts_with("\\\\") || path.get(1..3).is_some_and(|start| start == ":\\");
    let separators: &[char] = if is_windows { &['\\', '/'] } else { &['/'] };
    let mut names: Vec<&str> = path.rsplit(separators).filter(|part| !part.is_empty()).take(parts).collect();
    names.reverse();
    match names.as_slice() {
        [] if path.is_empty() => "(unknown)".to_owned(),
        [] => path.to_owned(),
        names => names.join(if is_windows { "\\" } else { "/" }),
    }
}
