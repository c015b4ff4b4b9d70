//! Search results as rows: a session with its best hit, and its further hits if unfolded. The selection is a session
//! and a hit, not a position: it stays on its line of the screen while results arrive.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::app::scroll;
use crate::domain::search::{EntryLocation, Hit, SearchOrder, SearchResults, SearchUpdate, Snippet};
use crate::domain::{SessionKey, SessionState};

/// Row of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// Index of the session's hit.
    pub hit: usize,
    /// Index of the snippet; 0 is the session itself with the best snippet.
    pub nth: usize,
}

/// The results.
#[derive(Debug, Default)]
pub struct Results {
    /// The sort order.
    pub order: SearchOrder,
    answer: SearchResults,
    /// Sessions that another one contains, with that one: where both match, only the other one has a row.
    containers: HashMap<SessionKey, SessionKey>,
    /// Number of matching sessions without a row.
    folded: usize,
    rows: Vec<ResultRow>,
    /// First line of each row, followed by the total number of lines.
    lines: Vec<usize>,
    at: usize,
    /// First visible line.
    top: usize,
    height: usize,
    /// True after the user selected a row. Before that, the first row stays selected when rows are inserted above it.
    chosen: bool,
    unfolded: BTreeSet<SessionKey>,
    /// The only result, unfolded without a key.
    single: Option<SessionKey>,
    /// True after the user folded the only result.
    single_folded: bool,
    /// True if the results belong to an older query; the first update of the new query replaces them.
    is_outdated: bool,
}

impl Results {
    /// Returns the results received so far.
    pub fn answer(&self) -> &SearchResults {
        &self.answer
    }

    /// Returns all rows.
    pub fn rows(&self) -> &[ResultRow] {
        &self.rows
    }

    /// Returns the selected row.
    pub fn at(&self) -> usize {
        self.at
    }

    /// First line on the screen.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Returns the lines of a row.
    pub fn lines_of(&self, row: usize) -> std::ops::Range<usize> {
        let line = |at: usize| self.lines.get(at).copied().unwrap_or_default();
        line(row)..line(row + 1)
    }

    /// Returns the hit of a row.
    pub fn hit(&self, row: ResultRow) -> Option<&Hit> {
        self.answer.hits.get(row.hit)
    }

    /// Returns the snippet of a row.
    pub fn snippet(&self, row: ResultRow) -> Option<&Snippet> {
        self.hit(row)?.snippets.get(row.nth)
    }

    /// Returns true if all known snippets of a session are shown.
    pub fn is_unfolded(&self, hit: &Hit) -> bool {
        let key = &hit.session.key;
        self.unfolded.contains(key) || self.single.as_ref() == Some(key)
    }

    /// Returns true if the user unfolded the selected session.
    pub fn is_unfolded_by_key(&self) -> bool {
        self.selected().is_some_and(|hit| self.unfolded.contains(&hit.session.key))
    }

    /// Unfolds a session that is the only result.
    pub fn unfold_single(&mut self) {
        let is_single = self.answer.hits.len() == self.folded + 1;
        let single = self.rows.first().filter(|_| is_single).and_then(|row| self.hit(*row));
        let single = single.map(|hit| hit.session.key.clone());
        let single = single.filter(|_| !self.single_folded);
        if single != self.single {
            self.single = single;
            self.relayout_around(self.selection());
        }
    }

    /// Returns the selected hit.
    pub fn selected(&self) -> Option<&Hit> {
        self.hit(*self.rows.get(self.at)?)
    }

    /// Returns the key of the selected session.
    pub fn key(&self) -> Option<&SessionKey> {
        self.selected().map(|hit| &hit.session.key)
    }

    /// Returns the selected location.
    pub fn location(&self) -> Option<&EntryLocation> {
        self.snippet(*self.rows.get(self.at)?).map(|snippet| &snippet.location)
    }

    /// Iterates the sessions with a row.
    pub fn keys(&self) -> impl Iterator<Item = &SessionKey> {
        let sessions = self.rows.iter().filter(|row| row.nth == 0);
        sessions.filter_map(|row| self.hit(*row)).map(|hit| &hit.session.key)
    }

    /// Returns the number of sessions with a row.
    pub fn sessions(&self) -> usize {
        self.answer.hits.len() - self.folded
    }

    /// Returns the number of sessions without a row, because another result contains their whole conversation.
    pub fn folded(&self) -> usize {
        self.folded
    }

    /// Returns the number of texts with a match in the sessions with a row.
    pub fn count(&self) -> usize {
        let sessions = self.rows.iter().filter(|row| row.nth == 0);
        sessions.filter_map(|row| self.hit(*row)).map(|hit| hit.count).sum()
    }

    /// Sets the sessions that another one contains, with that one.
    pub fn set_containers(&mut self, containers: HashMap<SessionKey, SessionKey>) {
        if self.containers != containers {
            let before = self.selection();
            self.containers = containers;
            self.relayout_around(before);
        }
    }

    /// Iterates the times of last activity of the sessions near the visible rows.
    pub fn ages(&self) -> impl Iterator<Item = crate::domain::Time> {
        let first = self.lines.partition_point(|line| *line < self.top).saturating_sub(1);
        let shown = self.rows.iter().skip(first).take(self.height.max(1) + 1);
        shown.filter_map(|row| self.hit(*row)?.session.last_activity)
    }

    /// Moves the selection by a number of rows.
    pub fn step(&mut self, by: isize) {
        self.choose(self.at.saturating_add_signed(by));
    }

    /// Selects a row.
    pub fn choose(&mut self, row: usize) {
        self.at = row.min(self.rows.len().saturating_sub(1));
        self.pin_selection();
        self.reveal();
    }

    /// Selects a session. Returns false if it is not among the results.
    pub fn select(&mut self, key: &SessionKey) -> bool {
        let found = self.position(key, 0);
        if let Some(row) = found {
            self.choose(row);
        }
        found.is_some()
    }

    /// Returns the session before or after another.
    pub fn neighbour(&self, key: &SessionKey, forward: bool) -> Option<&SessionKey> {
        let now = self.keys().position(|other| other == key)?;
        let next = if forward { Some(now + 1) } else { now.checked_sub(1) };
        next.and_then(|at| self.keys().nth(at))
    }

    /// Pins the selection, because the user acts on it.
    pub fn pin_selection(&mut self) {
        self.chosen = !self.rows.is_empty();
    }

    /// Iterates matching sessions near the selection whose snippets are missing.
    pub fn without_snippets(&self) -> impl Iterator<Item = &SessionKey> {
        let first = self.at.saturating_sub(self.height);
        let near = self.rows.iter().skip(first).take(2 * self.height + 1);
        let hits = near.filter_map(|row| self.hit(*row));
        hits.filter(|hit| hit.count > 0 && hit.snippets.is_empty()).map(|hit| &hit.session.key)
    }

    /// Unfolds or folds the snippets of the selected session. Returns true if that changed anything.
    pub fn unfold(&mut self, unfold: bool) -> bool {
        let Some(hit) = self.selected().filter(|hit| hit.snippets.len() > 1) else { return false };
        let key = hit.session.key.clone();
        let was_single = self.single.take_if(|single| !unfold && *single == key).is_some();
        self.single_folded |= was_single;
        let changed = if unfold { self.unfolded.insert(key.clone()) } else { self.unfolded.remove(&key) } || was_single;
        if changed {
            self.pin_selection();
            self.layout_rows();
            if !unfold && let Some(row) = self.position(&key, 0) {
                self.choose(row);
            }
        }
        changed
    }

    /// Sets the number of visible lines.
    pub fn fit(&mut self, height: usize) {
        self.height = height;
        self.reveal();
    }

    /// Returns the approximate number of visible sessions.
    pub fn page(&self) -> usize {
        self.height / 2
    }

    /// Replaces all results.
    pub fn restart(&mut self, answer: SearchResults) {
        self.is_outdated = false;
        self.answer = answer;
        self.chosen = false;
        self.unfolded.clear();
        self.single = None;
        self.single_folded = false;
        self.layout_rows();
    }

    /// Marks the results as outdated; they stay visible until the new query has results.
    pub fn mark_outdated(&mut self) {
        self.is_outdated = true;
    }

    /// Returns true if the results belong to an older query.
    pub fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    /// Applies an update.
    pub fn apply_update(&mut self, mut update: SearchUpdate) {
        update.hits.iter_mut().for_each(drop_title_snippet);
        if self.is_outdated {
            // An empty update is not a result yet: the old results need not flicker.
            if update.hits.is_empty() && !update.coverage.complete {
                return;
            }
            self.restart(SearchResults::default());
        }
        let order = self.order;
        let before = self.selection();
        self.answer.apply(update, order);
        self.relayout_around(before);
    }

    /// Removes sessions that no longer match.
    pub fn remove(&mut self, sessions: &BTreeSet<SessionKey>) {
        if sessions.is_empty() {
            return;
        }
        let before = self.selection();
        self.answer.hits.retain(|hit| !sessions.contains(&hit.session.key));
        self.relayout_around(before);
    }

    /// Changes the sort order.
    pub fn reorder(&mut self, order: SearchOrder) {
        self.order = order;
        let before = self.selection();
        self.answer.hits.sort_by(|a, b| order.compare(a, b));
        self.relayout_around(before);
    }

    /// Returns the pinned selection and its line on the screen. `None` if the user selected nothing.
    fn selection(&self) -> Option<(SessionKey, usize, usize)> {
        let row = self.rows.get(self.at).filter(|_| self.chosen)?;
        let line = self.lines_of(self.at).start.saturating_sub(self.top);
        Some((self.hit(*row)?.session.key.clone(), row.nth, line))
    }

    fn relayout_around(&mut self, before: Option<(SessionKey, usize, usize)>) {
        let at = self.at;
        self.layout_rows();
        let Some((key, nth, line)) = before else { return };
        match self.position(&key, nth).or_else(|| self.position(&key, 0)) {
            Some(row) => {
                self.at = row;
                self.top = self.lines_of(row).start.saturating_sub(line);
            }
            // Its successor is selected.
            None => self.at = at.min(self.rows.len().saturating_sub(1)),
        }
        self.reveal();
    }

    /// Recomputes the rows.
    fn layout_rows(&mut self) {
        self.rows.clear();
        self.lines.clear();
        let mut line = 0;
        let folded = self.folded_copies();
        self.folded = folded.len();
        for (at, hit) in self.answer.hits.iter().enumerate().filter(|(at, _)| !folded.contains(at)) {
            let count = if self.is_unfolded(hit) { hit.snippets.len().max(1) } else { 1 };
            for nth in 0..count {
                self.rows.push(ResultRow { hit: at, nth });
                self.lines.push(line);
                line += if nth == 0 { 1 + usize::from(!hit.snippets.is_empty()) } else { 1 };
            }
        }
        self.lines.push(line);
        self.at = if self.chosen { self.at.min(self.rows.len().saturating_sub(1)) } else { 0 };
        self.reveal();
    }

    /// Returns the indices of the past sessions whose whole conversation another result contains.
    fn folded_copies(&self) -> HashSet<usize> {
        if self.containers.is_empty() {
            return HashSet::new();
        }
        let found: HashSet<&SessionKey> = self.answer.hits.iter().map(|hit| &hit.session.key).collect();
        let is_folded = |hit: &Hit| {
            let container = self.containers.get(&hit.session.key);
            hit.session.state == SessionState::Past && container.is_some_and(|container| found.contains(container))
        };
        self.answer.hits.iter().enumerate().filter(|(_, hit)| is_folded(hit)).map(|(at, _)| at).collect()
    }

    fn position(&self, key: &SessionKey, nth: usize) -> Option<usize> {
        let hit = self.answer.hits.iter().position(|hit| hit.session.key == *key)?;
        self.rows.iter().position(|row| row.hit == hit && row.nth == nth)
    }

    /// Scrolls to all lines of the selected row.
    fn reveal(&mut self) {
        let lines = self.lines_of(self.at);
        let all = self.lines.last().copied().unwrap_or_default();
        if !lines.is_empty() {
            self.top = scroll::reveal(self.top, lines.end - 1, self.height, all);
        }
        self.top = scroll::reveal(self.top, lines.start, self.height, all);
    }
}

/// Drops the snippet of the title if there are others: the title is shown and highlighted anyway.
fn drop_title_snippet(hit: &mut Hit) {
    if hit.snippets.iter().any(|snippet| snippet.location != EntryLocation::Title) {
        hit.snippets.retain(|snippet| snippet.location != EntryLocation::Title);
    }
}
