//! Navigation and editing in the reader: keys, wheel, find line.

use super::{Action, Anchor, AnchorBase, Effect, Find, Fold, Reader};
use crate::app::line_editor::LineEditor;
use crate::app::msg::ReaderFeedback;
use crate::config::key::{Key, KeyCode};
use crate::domain::event::NoticeLevel;
use crate::domain::query::Query;
use crate::domain::transcript::{Entry, EntryKind, Tool, ToolStatus};

impl Reader {
    /// Performs an action in the transcript. `None` if it is another action.
    pub fn navigate(&mut self, action: Action) -> Option<Vec<Effect>> {
        let height = i32::try_from(self.layout.height.max(2)).unwrap_or(i32::MAX);
        match action {
            Action::Down => self.step(1),
            Action::Up => self.step(-1),
            Action::HalfDown => self.scroll(height / 2),
            Action::HalfUp => self.scroll(-height / 2),
            // One line of the old page stays visible for orientation.
            Action::PageDown => self.scroll(height - 1),
            Action::PageUp => self.scroll(1 - height),
            Action::First => self.first(action),
            Action::Last => self.last(),
            Action::NextEntry => self.neighbour(true),
            Action::PreviousEntry => self.neighbour(false),
            Action::NextPrompt | Action::PreviousPrompt | Action::NextError | Action::PreviousError => {
                self.mark(action);
            }
            Action::Follow => self.toggle_follow(),
            Action::Tools => self.refold(|reader| reader.folds.cycle_tools()),
            Action::Thinking => self.refold(|reader| reader.folds.toggle_thinking()),
            Action::Expand => self.refold(|reader| {
                let index = reader.cursor();
                if let Some(entry) = reader.current().cloned() {
                    reader.folds.toggle(index, &entry);
                }
            }),
            Action::Find => self.start_find(),
            Action::NextHit => self.next_hit(true),
            Action::PreviousHit => self.next_hit(false),
            Action::CopyEntry => {
                return Some(self.current().map(|entry| Effect::Copy(plain(entry))).into_iter().collect());
            }
            Action::EditEntry => {
                let stored = self.opened.is_some() && self.cursor() < self.clip;
                let entry = stored.then(|| Effect::EditEntry(self.ticket, self.cursor()));
                return Some(entry.into_iter().collect());
            }
            // A find that came from the search screen closes together with the transcript.
            Action::Back if self.find.as_ref().is_some_and(|find| find.from_search) => return None,
            Action::Back => return self.clear_find(),
            // Other actions are handled by the whole interface.
            _ => return None,
        }
        Some(Vec::new())
    }

    /// Scrolls down by a number of lines.
    pub fn scroll(&mut self, lines: i32) {
        self.anchor.delta = self.anchor.delta.saturating_add(lines);
    }

    /// Selects an entry without scrolling, for a click.
    pub fn select(&mut self, index: usize) {
        self.cursor = index;
    }

    /// Selects an entry and scrolls it to the top of the screen.
    pub fn go_to(&mut self, index: usize) {
        self.cursor = index.min(self.len().saturating_sub(1));
        self.anchor = Anchor::top(self.cursor);
    }

    /// Returns true while the find line is edited: keys go to [`key_in_find`](Self::key_in_find).
    pub fn is_typing(&self) -> bool {
        self.find.as_ref().is_some_and(|find| find.typing)
    }

    /// Handles a key in the find line.
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

    /// Stores the matches if they answer the current query.
    pub(super) fn set_matches(&mut self, query: &str, entries: Vec<usize>, complete: bool) {
        let Some(find) = self.find.as_mut().filter(|find| find.query() == query) else { return };
        // Live entries are not searched.
        let clip = self.clip;
        let entries = entries.into_iter().take_while(|entry| *entry < clip).collect();
        let (from_search, pending_from) = (find.from_search, find.pending_from);
        let became_current = find.set_matches(entries, complete);
        if from_search && pending_from.is_none() {
            self.jump_to_hit();
        } else if let Some(entry) = find.entry().filter(|_| became_current) {
            self.show_hit(entry, 0);
        }
    }

    /// Scrolls by a line; at the beginning or end, selects the next entry instead.
    fn step(&mut self, by: i32) {
        let stuck = if by > 0 { self.layout.at_end } else { self.layout.at_start };
        if stuck && self.layout.resolved && self.anchor.delta == 0 {
            let before = self.anchor;
            self.neighbour(by > 0);
            self.anchor = before;
        } else {
            self.scroll(by);
        }
    }

    fn first(&mut self, action: Action) {
        if self.opened.is_none() {
            self.deferred = Some(action);
        }
        self.cursor = 0;
        // A date rule may precede the first entry.
        self.anchor = Anchor::line(0, -8, 0);
    }

    fn last(&mut self) {
        self.cursor = usize::MAX;
        self.anchor = Anchor::END;
    }

    fn toggle_follow(&mut self) {
        if self.anchor.base == AnchorBase::End || self.layout.at_end {
            self.follow = !self.follow;
        } else {
            self.follow = true;
        }
        if self.follow {
            self.last();
        } else {
            let ReaderFeedback { anchor, anchor_line, anchor_of, .. } = self.layout;
            self.anchor = Anchor::line(anchor, anchor_line, anchor_of);
        }
    }

    /// Goes to the nearest entry that is not hidden.
    fn neighbour(&mut self, forward: bool) {
        let visible =
            |index: &usize| self.entry(*index).is_none_or(|shown| self.folds.of(*index, shown.entry) != Fold::Hidden);
        let from = self.cursor();
        let next = if forward { (from + 1..self.len()).find(visible) } else { (0..from).rev().find(visible) };
        if let Some(next) = next {
            self.go_to(next);
        }
    }

    /// Goes to the next or previous prompt or error.
    fn mark(&mut self, action: Action) {
        if self.stored && self.opened.is_none() {
            self.deferred = Some(action);
            return;
        }
        let errors = matches!(action, Action::NextError | Action::PreviousError);
        let marks = self.marks(errors);
        let cursor = self.cursor();
        let target = if matches!(action, Action::NextPrompt | Action::NextError) {
            marks.get(marks.partition_point(|mark| *mark <= cursor))
        } else {
            marks.partition_point(|mark| *mark < cursor).checked_sub(1).and_then(|at| marks.get(at))
        };
        if let Some(&target) = target {
            self.folds.revealed = errors.then_some((target, Fold::Cut));
            self.go_to(target);
        }
    }

    /// Returns the indices of the errors or prompts, on disk and live.
    fn marks(&self, errors: bool) -> Vec<usize> {
        let on_disk = self.opened.as_ref().map(|opened| if errors { &opened.errors } else { &opened.prompts });
        let on_disk = on_disk.into_iter().flat_map(|marks| marks.iter().copied()).take_while(|at| *at < self.clip);
        let wanted = |entry: &Entry| if errors { is_error(entry) } else { entry.kind == EntryKind::Prompt };
        let live = self.tail.entries().iter().enumerate().filter(|(_, entry)| wanted(entry));
        on_disk.chain(live.map(|(at, _)| self.clip + at)).collect()
    }

    /// Changes folds while the current entry keeps its position on the screen.
    fn refold(&mut self, change: impl FnOnce(&mut Self)) {
        let row = self.layout.cursor_row;
        // The position is unknown while a scroll is not drawn yet.
        if self.layout.resolved && self.anchor.delta == 0 && self.layout.cursor == self.cursor() {
            let of = if row < 0 { self.layout.cursor_of } else { 0 };
            self.anchor = Anchor::line(self.cursor(), -row, of);
        }
        change(self);
    }

    fn start_find(&mut self) {
        let from = self.cursor();
        let input = self.find.take().map(|find| find.input).unwrap_or_default();
        self.find = Some(Find { input, typing: true, from, ..Find::default() });
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
        vec![Effect::FindInTranscript(self.ticket, find.query().to_owned())]
    }

    fn end_typing(&mut self) -> Vec<Effect> {
        let Some(find) = &mut self.find else { return Vec::new() };
        if find.input.is_empty() {
            return self.clear_find().unwrap_or_default();
        }
        find.typing = false;
        let answered = find.complete || !find.entries.is_empty();
        // The line was opened with the last query and not edited: it has not been searched yet.
        if answered { Vec::new() } else { vec![Effect::FindInTranscript(self.ticket, find.query().to_owned())] }
    }

    fn clear_find(&mut self) -> Option<Vec<Effect>> {
        self.find.take()?;
        self.folds.revealed = None;
        Some(vec![Effect::FindInTranscript(self.ticket, String::new())])
    }

    fn next_hit(&mut self, forward: bool) {
        let (cursor, lines) = (self.cursor(), self.layout.cursor_hits);
        let Some(find) = self.find.as_mut().filter(|find| !find.entries.is_empty()) else { return };
        let hit = if forward { find.next(cursor, lines) } else { find.previous(cursor, lines) };
        if let Some((entry, nth)) = hit {
            self.show_hit(entry, nth);
        }
    }

    pub(super) fn show_hit(&mut self, entry: usize, nth: usize) {
        self.cursor = entry;
        self.folds.revealed = Some((entry, Fold::Full));
        self.anchor = Anchor::hit(entry, nth);
    }
}

fn is_error(entry: &Entry) -> bool {
    let failed = |tool: &Tool| tool.status == ToolStatus::Failed;
    entry.kind == EntryKind::Notice && entry.level == NoticeLevel::Error || entry.tool.as_deref().is_some_and(failed)
}

/// Formats an entry as plain text for the clipboard.
fn plain(entry: &Entry) -> String {
    let Some(tool) = &entry.tool else { return entry.text.clone() };
    let headline = format!("{} {}", tool.name, entry.text);
    let text = if tool.output.is_empty() { headline } else { format!("{headline}\n\n{}", tool.output) };
    crate::stdx::text::sanitise(&text).into_owned()
}
