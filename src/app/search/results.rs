//! What was found, as rows: a session with its best place, and its further places where it is unfolded. The selection
//! is a session and a place, not a position: it stays, on its line of the screen, while results stream in.

use std::collections::BTreeSet;

use crate::app::scroll;
use crate::domain::SessionKey;
use crate::domain::found::{Answer, Found, Hit, Order, Place, Snippet};

/// A row that can be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which of the hits.
    pub hit: usize,
    /// Which of its places; 0 is the session itself with the best of them.
    pub nth: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Results {
    /// The order.
    pub order: Order,
    answer: Answer,
    rows: Vec<Row>,
    /// First line of each row, and after the last the number of all lines.
    lines: Vec<usize>,
    at: usize,
    /// First line on the screen.
    top: usize,
    height: usize,
    /// The user chose a row. Before that the first one is selected, whatever arrives above it.
    chosen: bool,
    unfolded: BTreeSet<SessionKey>,
    /// What is shown answers an older query; the first news of the new one replace it.
    older: bool,
}

impl Results {
    /// The answer so far.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// All rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The selected row.
    pub fn at(&self) -> usize {
        self.at
    }

    /// First line on the screen.
    pub fn top(&self) -> usize {
        self.top
    }

    /// The lines of a row.
    pub fn lines_of(&self, row: usize) -> std::ops::Range<usize> {
        let line = |at: usize| self.lines.get(at).copied().unwrap_or_default();
        line(row)..line(row + 1)
    }

    /// The hit of a row.
    pub fn hit(&self, row: Row) -> Option<&Hit> {
        self.answer.hits.get(row.hit)
    }

    /// What stands in a row beside the title.
    pub fn snippet(&self, row: Row) -> Option<&Snippet> {
        self.hit(row)?.snippets.get(row.nth)
    }

    /// A session shows all of its places that are known.
    pub fn is_unfolded(&self, hit: &Hit) -> bool {
        self.unfolded.contains(&hit.session.key)
    }

    /// The selected session.
    pub fn selected(&self) -> Option<&Hit> {
        self.hit(*self.rows.get(self.at)?)
    }

    /// The selected session's key.
    pub fn key(&self) -> Option<&SessionKey> {
        self.selected().map(|hit| &hit.session.key)
    }

    /// The selected place.
    pub fn place(&self) -> Option<&Place> {
        self.snippet(*self.rows.get(self.at)?).map(|snippet| &snippet.place)
    }

    /// All that was found, all together.
    pub fn count(&self) -> usize {
        self.answer.hits.iter().map(|hit| hit.count).sum()
    }

    /// When the sessions that may be on the screen were active last.
    pub fn ages(&self) -> impl Iterator<Item = crate::domain::Time> {
        let first = self.lines.partition_point(|line| *line < self.top).saturating_sub(1);
        let shown = self.rows.iter().skip(first).take(self.height.max(1) + 1);
        shown.filter_map(|row| self.hit(*row)?.session.last_activity)
    }

    /// Moves by a number of rows.
    pub fn step(&mut self, by: isize) {
        self.choose(self.at.saturating_add_signed(by));
    }

    /// Selects a row.
    pub fn choose(&mut self, row: usize) {
        self.at = row.min(self.rows.len().saturating_sub(1));
        self.hold();
        self.reveal();
    }

    /// Selects a session. Whether it is there.
    pub fn select(&mut self, key: &SessionKey) -> bool {
        let found = self.position(key, 0);
        if let Some(row) = found {
            self.choose(row);
        }
        found.is_some()
    }

    /// The session before or after another.
    pub fn neighbour(&self, key: &SessionKey, forward: bool) -> Option<&SessionKey> {
        let now = self.answer.hits.iter().position(|hit| hit.session.key == *key)?;
        let next = if forward { Some(now + 1) } else { now.checked_sub(1) };
        next.and_then(|at| self.answer.hits.get(at)).map(|hit| &hit.session.key)
    }

    /// The user acts on what is selected, so it must not change by itself any more.
    pub fn hold(&mut self) {
        self.chosen = !self.rows.is_empty();
    }

    /// Sessions around the selected one of which it is known that they hold it, but not where.
    pub fn without_places(&self) -> impl Iterator<Item = &SessionKey> {
        let first = self.at.saturating_sub(self.height);
        let near = self.rows.iter().skip(first).take(2 * self.height + 1);
        let hits = near.filter_map(|row| self.hit(*row));
        hits.filter(|hit| hit.count > 0 && hit.snippets.is_empty()).map(|hit| &hit.session.key)
    }

    /// Shows the further places of the selected session, or not. Whether that changed anything.
    pub fn unfold(&mut self, unfold: bool) -> bool {
        let Some(hit) = self.selected().filter(|hit| hit.snippets.len() > 1) else { return false };
        let key = hit.session.key.clone();
        let changed = if unfold { self.unfolded.insert(key.clone()) } else { self.unfolded.remove(&key) };
        if changed {
            self.hold();
            self.lay();
            if !unfold && let Some(row) = self.position(&key, 0) {
                self.choose(row);
            }
        }
        changed
    }

    /// Tells how many lines fit on the screen.
    pub fn fit(&mut self, height: usize) {
        self.height = height;
        self.reveal();
    }

    /// Sessions that fit on the screen, about.
    pub fn page(&self) -> usize {
        self.height / 2
    }

    /// Another answer altogether.
    pub fn restart(&mut self, answer: Answer) {
        self.older = false;
        self.answer = answer;
        self.chosen = false;
        self.unfolded.clear();
        self.lay();
    }

    /// Another query was asked: what is shown stays until it is answered.
    pub fn expect(&mut self) {
        self.older = true;
    }

    /// What is shown answers an older query.
    pub fn is_older(&self) -> bool {
        self.older
    }

    /// Takes news in.
    pub fn take(&mut self, mut found: Found) {
        found.hits.iter_mut().for_each(without_title);
        if self.older {
            // Nothing yet is no answer: what was there need not flicker.
            if found.hits.is_empty() && !found.reach.complete {
                return;
            }
            self.restart(Answer::default());
        }
        let order = self.order;
        let before = self.selection();
        self.answer.apply(found, order);
        self.lay_around(before);
    }

    /// These sessions hold it no more.
    pub fn forget(&mut self, gone: &BTreeSet<SessionKey>) {
        if gone.is_empty() {
            return;
        }
        let before = self.selection();
        self.answer.hits.retain(|hit| !gone.contains(&hit.session.key));
        self.lay_around(before);
    }

    /// Orders anew.
    pub fn reorder(&mut self, order: Order) {
        self.order = order;
        let before = self.selection();
        self.answer.hits.sort_by(|a, b| order.compare(a, b));
        self.lay_around(before);
    }

    /// What is selected, and on which line of the screen; nothing where nobody chose it.
    fn selection(&self) -> Option<(SessionKey, usize, usize)> {
        let row = self.rows.get(self.at).filter(|_| self.chosen)?;
        let line = self.lines_of(self.at).start.saturating_sub(self.top);
        Some((self.hit(*row)?.session.key.clone(), row.nth, line))
    }

    fn lay_around(&mut self, before: Option<(SessionKey, usize, usize)>) {
        let at = self.at;
        self.lay();
        let Some((key, nth, line)) = before else { return };
        match self.position(&key, nth).or_else(|| self.position(&key, 0)) {
            Some(row) => {
                self.at = row;
                self.top = self.lines_of(row).start.saturating_sub(line);
            }
            // What took its place.
            None => self.at = at.min(self.rows.len().saturating_sub(1)),
        }
        self.reveal();
    }

    /// Makes the rows anew.
    fn lay(&mut self) {
        self.rows.clear();
        self.lines.clear();
        let mut line = 0;
        for (at, hit) in self.answer.hits.iter().enumerate() {
            let places = if self.unfolded.contains(&hit.session.key) { hit.snippets.len().max(1) } else { 1 };
            for nth in 0..places {
                self.rows.push(Row { hit: at, nth });
                self.lines.push(line);
                line += if nth == 0 { 1 + usize::from(!hit.snippets.is_empty()) } else { 1 };
            }
        }
        self.lines.push(line);
        self.at = if self.chosen { self.at.min(self.rows.len().saturating_sub(1)) } else { 0 };
        self.reveal();
    }

    fn position(&self, key: &SessionKey, nth: usize) -> Option<usize> {
        let hit = self.answer.hits.iter().position(|hit| hit.session.key == *key)?;
        self.rows.iter().position(|row| row.hit == hit && row.nth == nth)
    }

    /// Brings all lines of the selected row onto the screen.
    fn reveal(&mut self) {
        let lines = self.lines_of(self.at);
        let all = self.lines.last().copied().unwrap_or_default();
        if !lines.is_empty() {
            self.top = scroll::reveal(self.top, lines.end - 1, self.height, all);
        }
        self.top = scroll::reveal(self.top, lines.start, self.height, all);
    }
}

/// The title is shown in any case, and what was found is marked in it: another place says more.
fn without_title(hit: &mut Hit) {
    if hit.snippets.iter().any(|snippet| snippet.place != Place::Title) {
        hit.snippets.retain(|snippet| snippet.place != Place::Title);
    }
}
