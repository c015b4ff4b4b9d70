//! Rows of sessions with one of them selected. The selection is a key, not a position: it stays on its session
//! when the order changes, and that session stays on its line of the screen.

use std::sync::Arc;

use crate::app::scroll;
use crate::domain::{Session, SessionKey, State};

/// A row of the list.
#[derive(Clone, Debug)]
pub enum Row {
    /// The heading of a section, with the number of its sessions.
    Section(State, usize),
    /// A session, and what it is doing.
    Session(Arc<Session>, State),
}

impl Row {
    /// The session, where it is one.
    pub fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Section(..) => None,
            Self::Session(session, _) => Some(session),
        }
    }
}

/// Rows of sessions.
#[derive(Debug, Default)]
pub struct List {
    rows: Vec<Row>,
    /// Which row is selected: always a session's, where there is one.
    at: Option<usize>,
    /// First row on the screen.
    top: usize,
    /// Rows that fit on the screen.
    height: usize,
    /// The user chose a row. Before that the first row is selected, whatever arrives above it.
    chosen: bool,
}

impl List {
    /// All rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// First row on the screen.
    pub fn top(&self) -> usize {
        self.top
    }

    /// The rows on the screen.
    pub fn shown(&self) -> &[Row] {
        let end = (self.top + self.height.max(1)).min(self.rows.len());
        self.rows.get(self.top..end).unwrap_or_default()
    }

    /// Which row is selected.
    pub fn at(&self) -> Option<usize> {
        self.at
    }

    /// The selected session.
    pub fn session(&self) -> Option<&Arc<Session>> {
        self.rows.get(self.at?)?.session()
    }

    /// The selected session's key.
    pub fn key(&self) -> Option<&SessionKey> {
        self.session().map(|session| &session.key)
    }

    /// Other rows. The selected session stays selected, on the same line of the screen; where it is gone, the one
    /// that took its place is selected.
    pub fn set(&mut self, rows: Vec<Row>) {
        let key = self.key().cloned().filter(|_| self.chosen);
        let line = self.at.map_or(0, |at| at.saturating_sub(self.top));
        let before = self.at.filter(|_| self.chosen).unwrap_or(0);
        self.rows = rows;
        let kept = key.and_then(|key| self.position(&key));
        self.at = kept.or_else(|| self.session_near(before));
        if let Some(at) = kept {
            self.top = at.saturating_sub(line);
        }
        self.reveal();
    }

    /// As [`set`](Self::set), but the first row is selected: another list, not another order of it.
    pub fn restart(&mut self, rows: Vec<Row>) {
        self.chosen = false;
        self.set(rows);
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

    /// Moves by a number of sessions.
    pub fn step(&mut self, by: isize) {
        let sessions: Vec<usize> = self.session_rows().collect();
        let now = self.at.and_then(|at| sessions.binary_search(&at).ok()).unwrap_or(0);
        let last = sessions.len().saturating_sub(1);
        if let Some(at) = sessions.get(now.saturating_add_signed(by).min(last)) {
            self.choose(*at);
        }
    }

    /// Selects a session's row. Whether it is one.
    pub fn choose(&mut self, at: usize) -> bool {
        let is_session = self.rows.get(at).is_some_and(|row| row.session().is_some());
        if is_session {
            self.at = Some(at);
            self.chosen = true;
            self.reveal();
        }
        is_session
    }

    /// Selects a session. Whether it is in the list.
    pub fn select(&mut self, key: &SessionKey) -> bool {
        self.position(key).is_some_and(|at| self.choose(at))
    }

    /// The user acts on what is selected, so it must not change by itself any more.
    pub fn hold(&mut self) {
        self.chosen = self.at.is_some();
    }

    fn position(&self, key: &SessionKey) -> Option<usize> {
        self.rows.iter().position(|row| row.session().is_some_and(|session| session.key == *key))
    }

    fn session_rows(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().enumerate().filter_map(|(at, row)| row.session().map(|_| at))
    }

    /// The session's row at or after a position, else the last one.
    fn session_near(&self, position: usize) -> Option<usize> {
        self.session_rows().find(|at| *at >= position).or_else(|| self.session_rows().last())
    }

    /// Brings the selected row onto the screen, with the heading right above it.
    fn reveal(&mut self) {
        let at = self.at.unwrap_or(0);
        let heading =
            at.checked_sub(1).is_some_and(|above| self.rows.get(above).is_some_and(|row| row.session().is_none()));
        if heading && self.height > 1 {
            self.top = scroll::reveal(self.top, at - 1, self.height, self.rows.len());
        }
        self.top = scroll::reveal(self.top, at, self.height, self.rows.len());
    }
}
