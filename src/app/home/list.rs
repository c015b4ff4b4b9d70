//! The session list with its selection. The selection is a key rather than a position: a session stays selected, on its
//! line of the screen, when the order changes.

use std::sync::Arc;

use super::sections::ListSection;
use crate::app::scroll;
use crate::domain::{Session, SessionKey, SessionState};

/// Row of the session list.
#[derive(Clone, Debug)]
pub enum ListRow {
    /// Heading of a section, with its number of sessions.
    Section(ListSection, usize),
    /// A session and its state.
    Session(Arc<Session>, SessionState),
    /// Second line of the session in the row above.
    Detail(Arc<Session>, SessionState),
}

impl ListRow {
    /// Returns the session that the row represents. `None` for a heading and for a second line.
    pub fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Section(..) | Self::Detail(..) => None,
            Self::Session(session, _) => Some(session),
        }
    }
}

/// The session list.
#[derive(Debug, Default)]
pub struct SessionList {
    rows: Vec<ListRow>,
    /// Selected row: always a session's, unless the list is empty.
    at: Option<usize>,
    /// First visible row.
    top: usize,
    /// Number of visible rows.
    height: usize,
    /// True after the user selected a row. Before that, the first row stays selected when rows are inserted above it.
    chosen: bool,
}

impl SessionList {
    /// Returns all rows.
    pub fn rows(&self) -> &[ListRow] {
        &self.rows
    }

    /// First row on the screen.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Returns the visible rows.
    pub fn shown(&self) -> &[ListRow] {
        let end = (self.top + self.height.max(1)).min(self.rows.len());
        self.rows.get(self.top..end).unwrap_or_default()
    }

    /// Returns the selected row.
    pub fn at(&self) -> Option<usize> {
        self.at
    }

    /// Returns the selected session.
    pub fn session(&self) -> Option<&Arc<Session>> {
        self.rows.get(self.at?)?.session()
    }

    /// Returns the key of the selected session.
    pub fn key(&self) -> Option<&SessionKey> {
        self.session().map(|session| &session.key)
    }

    /// Replaces the rows. The selected session stays selected on its line of the screen; if it is gone, its successor
    /// is selected.
    pub fn set(&mut self, rows: Vec<ListRow>) {
        let key = self.key().cloned().filter(|_| self.chosen);
        let line = self.at.map_or(0, |at| at.saturating_sub(self.top));
        let before = self.at.filter(|_| self.chosen).unwrap_or(0);
        self.rows = rows;
        let found = key.and_then(|key| self.position(&key));
        self.at = found.or_else(|| self.session_near(before));
        if let Some(at) = found {
            self.top = at.saturating_sub(line);
        }
        self.reveal();
    }

    /// Replaces the rows and selects the first one: for another list rather than another order.
    pub fn restart(&mut self, rows: Vec<ListRow>) {
        self.chosen = false;
        self.set(rows);
    }

    /// Sets the number of visible rows.
    pub fn fit(&mut self, height: usize) {
        self.height = height;
        self.reveal();
    }

    /// Rows that fit on the screen.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Moves the selection by a number of sessions.
    pub fn step(&mut self, by: isize) {
        let sessions: Vec<usize> = self.session_rows().collect();
        let now = self.at.and_then(|at| sessions.binary_search(&at).ok()).unwrap_or(0);
        let last = sessions.len().saturating_sub(1);
        if let Some(at) = sessions.get(now.saturating_add_signed(by).min(last)) {
            self.choose(*at);
        }
    }

    /// Selects a row. The second line of a session stands for its row. Returns false for a heading.
    pub fn choose(&mut self, at: usize) -> bool {
        let at = at - usize::from(at > 0 && matches!(self.rows.get(at), Some(ListRow::Detail(..))));
        let is_session = self.rows.get(at).is_some_and(|row| row.session().is_some());
        if is_session {
            self.at = Some(at);
            self.chosen = true;
            self.reveal();
        }
        is_session
    }

    /// Selects a session. Returns false if it is not listed.
    pub fn select(&mut self, key: &SessionKey) -> bool {
        self.position(key).is_some_and(|at| self.choose(at))
    }

    /// Pins the selection, because the user acts on it.
    pub fn pin_selection(&mut self) {
        self.chosen = self.at.is_some();
    }

    fn position(&self, key: &SessionKey) -> Option<usize> {
        self.rows.iter().position(|row| row.session().is_some_and(|session| session.key == *key))
    }

    fn session_rows(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().enumerate().filter_map(|(at, row)| row.session().map(|_| at))
    }

    /// Returns the first session row at or after a position, else the last one.
    fn session_near(&self, position: usize) -> Option<usize> {
        self.session_rows().find(|at| *at >= position).or_else(|| self.session_rows().last())
    }

    /// Returns the position of the selected session among the sessions, from 1, and their number.
    pub fn position_of_selection(&self) -> Option<(usize, usize)> {
        let at = self.at?;
        let before = self.session_rows().take_while(|row| *row <= at).count();
        Some((before, self.session_rows().count()))
    }

    /// Returns true if the session of a row has the title of the session before or after it.
    pub fn repeats_title(&self, row: usize) -> bool {
        let Some(title) = self.rows.get(row).and_then(ListRow::session).map(|session| &session.title.text) else {
            return false;
        };
        let above = self.rows[..row].iter().rev().find_map(ListRow::session);
        let below = self.rows[row + 1..].iter().find_map(ListRow::session);
        [above, below].into_iter().flatten().any(|other| other.title.text == *title)
    }

    /// Returns the heading of the section to which a row belongs.
    pub fn section_of(&self, row: usize) -> Option<&ListRow> {
        self.rows.get(..=row)?.iter().rev().find(|row| matches!(row, ListRow::Section(..)))
    }

    /// Scrolls to the selected row, with the heading directly above it and its second line.
    fn reveal(&mut self) {
        let at = self.at.unwrap_or(0);
        let heading = at.checked_sub(1).is_some_and(|above| matches!(self.rows.get(above), Some(ListRow::Section(..))));
        if matches!(self.rows.get(at + 1), Some(ListRow::Detail(..))) {
            self.top = scroll::reveal(self.top, at + 1, self.height, self.rows.len());
        }
        if heading && self.height > 2 {
            self.top = scroll::reveal(self.top, at - 1, self.height, self.rows.len());
        }
        self.top = scroll::reveal(self.top, at, self.height, self.rows.len());
        // The first line of the screen is the heading of its section.
        if at == self.top && self.height > 2 && matches!(self.rows.get(at), Some(ListRow::Session(..))) {
            self.top = self.top.saturating_sub(1);
        }
    }
}
