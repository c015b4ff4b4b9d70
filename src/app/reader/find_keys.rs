//! Find in the reader: keys in the find line, earlier queries, and moves between matches.

use std::collections::HashMap;

use super::tail::Tail;
use super::{Effect, Find, Reader};
use crate::app::ctx::Ctx;
use crate::app::line_editor::LineEditor;
use crate::app::search::SearchHistory;
use crate::config::key::{Key, KeyCode};
use crate::domain::query::{EntryMatcher, MatchLevel, Query};
use crate::domain::transcript_event::EntryMatches;

impl Reader {
    /// Returns true while the find line is edited: keys go to [`find_key`](Self::find_key).
    pub fn is_typing(&self) -> bool {
        self.find.as_ref().is_some_and(|find| find.typing)
    }

    /// Handles a key in the find line. Up and Down browse the earlier queries.
    pub fn find_key(&mut self, key: Key, ctx: &mut Ctx) {
        let effects = match key.code {
            KeyCode::Up if !key.alt && !key.ctrl => self.browse(true, ctx.find_history),
            KeyCode::Down if !key.alt && !key.ctrl => self.browse(false, ctx.find_history),
            _ => {
                if let Some(find) = self.find.as_ref().filter(|_| key.code == KeyCode::Enter) {
                    ctx.effects.extend(ctx.find_history.add_to(SearchHistory::FIND_NAME, find.query()));
                }
                self.key_in_find(key)
            }
        };
        ctx.effects.extend(effects);
    }

    /// Handles a key in the find line, apart from the earlier queries.
    pub fn key_in_find(&mut self, key: Key) -> Vec<Effect> {
        match key.code {
            KeyCode::Enter => self.end_typing(),
            KeyCode::Esc => self.clear_find().unwrap_or_default(),
            KeyCode::Char('c') if key.ctrl => self.clear_find().unwrap_or_default(),
            KeyCode::Backspace if self.find.as_ref().is_some_and(|find| find.input.is_empty()) => {
                self.clear_find().unwrap_or_default()
            }
            _ => self.edit_query(|line| {
                let _other_keys_do_nothing = line.key(key);
            }),
        }
    }

    /// Pastes into the find line.
    pub fn paste_in_find(&mut self, text: &str) -> Vec<Effect> {
        let line = crate::stdx::text::one_line(text);
        self.edit_query(|input| input.insert(&line))
    }

    /// Stores the matches on disk if they answer the current query.
    pub(super) fn found(&mut self, query: &str, entries: Vec<EntryMatches>, complete: bool) {
        if self.find.as_ref().is_none_or(|find| find.query() != query) {
            return;
        }
        let live = self.live_matches.find(query, self.clip, &self.tail);
        let Some(find) = &mut self.find else { return };
        let (from_search, pending_from) = (find.from_search, find.pending_from);
        let became_current = find.store(entries, complete, self.clip, &live);
        if from_search && pending_from.is_none() {
            self.jump_to_hit();
        } else if let Some(entry) = find.entry().filter(|_| became_current) {
            self.show_hit(entry, 0);
        }
    }

    /// Updates the matches after live entries changed. The position stays.
    pub(super) fn find_in_live_entries(&mut self) {
        let Some(find) = self.find.as_mut().filter(|find| !find.input.is_empty()) else { return };
        let live = self.live_matches.find(find.query(), self.clip, &self.tail);
        find.combine(self.clip, &live);
    }

    pub(super) fn start_find(&mut self) {
        let from = self.cursor();
        let input = self.find.take().map(|find| find.input).unwrap_or_default();
        self.find = Some(Find { input, typing: true, from, ..Find::default() });
    }

    pub(super) fn clear_find(&mut self) -> Option<Vec<Effect>> {
        self.find.take()?;
        self.folds.revealed = None;
        Some(vec![Effect::FindInTranscript(self.ticket, String::new())])
    }

    pub(super) fn next_hit(&mut self, forward: bool) {
        let (cursor, shown) = (self.cursor(), self.layout.cursor_hits);
        let Some(find) = self.find.as_mut().filter(|find| !find.entries().is_empty()) else { return };
        let hit = if forward { find.next(cursor, shown) } else { find.previous(cursor, shown) };
        if let Some((entry, nth)) = hit {
            self.show_hit(entry, nth);
        }
    }

    /// Replaces the query by an earlier or later one.
    fn browse(&mut self, older: bool, history: &SearchHistory) -> Vec<Effect> {
        let browsed = match (self.find.as_ref().and_then(|find| find.browsed), older) {
            (None, true) => Some(0),
            (None, false) => return Vec::new(),
            (Some(at), true) => Some(at + 1),
            (Some(at), false) => at.checked_sub(1),
        };
        // After the newest query the line is empty again.
        let Some(query) = browsed.map_or(Some(""), |at| history.get(at)) else { return Vec::new() };
        let effects = self.edit_query(|line| line.set(query));
        if let Some(find) = &mut self.find {
            find.browsed = browsed;
        }
        effects
    }

    /// Edits the line; a changed query is searched from the beginning.
    fn edit_query(&mut self, change: impl FnOnce(&mut LineEditor)) -> Vec<Effect> {
        let Some(find) = &mut self.find else { return Vec::new() };
        let before = find.query().to_owned();
        change(&mut find.input);
        if find.query() == before {
            return Vec::new();
        }
        let input = std::mem::take(&mut find.input);
        let mistakes = Query::parse(input.text()).errors;
        *find = Find { input, mistakes, typing: find.typing, from: find.from, ..Find::default() };
        self.search_query()
    }

    fn end_typing(&mut self) -> Vec<Effect> {
        let Some(find) = &mut self.find else { return Vec::new() };
        if find.input.is_empty() {
            return self.clear_find().unwrap_or_default();
        }
        find.typing = false;
        let answered = find.complete || !find.entries().is_empty();
        // The line was opened with the last query and not edited: it has not been searched yet.
        if answered { Vec::new() } else { self.search_query() }
    }

    fn search_query(&mut self) -> Vec<Effect> {
        let query = self.find.as_ref().map(|find| find.query().to_owned()).unwrap_or_default();
        if !self.stored {
            // Without a transcript on disk there are only live entries.
            self.found(&query, Vec::new(), true);
        }
        vec![Effect::FindInTranscript(self.ticket, query)]
    }
}

/// Matches in live entries, which are not on disk yet.
#[derive(Debug, Default)]
pub(super) struct LiveMatches {
    query: String,
    matcher: EntryMatcher,
    /// Numbers of matches by the revision of the entry, because a streaming entry changes while the others stay.
    counted: HashMap<u64, usize>,
}

impl LiveMatches {
    /// Finds a query in the live entries, which begin at the index `clip`.
    fn find(&mut self, query: &str, clip: usize, tail: &Tail) -> Vec<EntryMatches> {
        if self.query != query {
            *self = Self { query: query.to_owned(), matcher: EntryMatcher::new(query), counted: HashMap::new() };
        }
        let before = std::mem::take(&mut self.counted);
        let mut found = Vec::new();
        for (at, shown) in (0..tail.len()).filter_map(|at| Some((at, tail.get(at)?))) {
            let matches = || self.matcher.match_level(shown.entry) == MatchLevel::Full;
            let count = || if matches() { self.matcher.count_matches(shown.entry) } else { 0 };
            let count = before.get(&shown.revision).copied().unwrap_or_else(count);
            self.counted.insert(shown.revision, count);
            if count > 0 {
                found.push(EntryMatches { entry: clip + at, count });
            }
        }
        found
    }
}
