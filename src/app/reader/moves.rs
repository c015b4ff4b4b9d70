//! Navigation in the reader: keys and wheel.

use super::{Action, Anchor, AnchorBase, Effect, Fold, Reader};
use crate::app::msg::ReaderFeedback;
use crate::domain::event::NoticeLevel;
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
            Action::PageDown => self.scroll(self.page()),
            Action::PageUp => self.scroll(-self.page()),
            Action::First => self.first(action),
            Action::Last => self.last(),
            Action::NextEntry => self.neighbour(true),
            Action::PreviousEntry => self.neighbour(false),
            Action::NextPrompt | Action::PreviousPrompt | Action::NextError | Action::PreviousError => {
                let _is_found = self.mark(action);
            }
            Action::NextBranch => return Some(self.step_branch(true)),
            Action::PreviousBranch => return Some(self.step_branch(false)),
            Action::Follow => self.toggle_follow(),
            Action::Tools => self.refold(|reader| reader.folds.cycle_tools()),
            Action::Thinking => self.refold(|reader| reader.folds.toggle_thinking()),
            Action::Expand | Action::FoldEntry => self.toggle_fold(),
            Action::Find => self.start_find(),
            Action::NextHit => self.next_hit(true),
            Action::PreviousHit => self.next_hit(false),
            Action::EditEntry => {
                let stored = self.opened.is_some() && self.cursor() < self.clip;
                let is_image = self.current().is_some_and(|entry| entry.kind == EntryKind::Image);
                let open = if is_image { Effect::ShowImage } else { Effect::EditEntry };
                return Some(stored.then(|| open(self.ticket, self.cursor())).into_iter().collect());
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

    /// Returns true if an entry is the selected one on the screen.
    pub fn is_selected(&self, index: usize) -> bool {
        self.cursor() == index && self.layout.cursor == index
    }

    /// Selects an entry and scrolls it to the top of the screen, below the prompt of its turn.
    pub fn go_to(&mut self, index: usize) {
        self.cursor = index.min(self.len().saturating_sub(1));
        let covered = self.turn_prompt(self.cursor).is_some_and(|prompt| prompt < self.cursor);
        let covers = if covered { i32::try_from(self.layout.covers).unwrap_or_default() } else { 0 };
        self.anchor = Anchor::line(self.cursor, -covers, 0);
    }

    /// Goes to an entry, at once or as soon as the transcript is indexed.
    pub fn go_to_stored(&mut self, index: usize) {
        if self.opened.is_some() {
            self.go_to(index);
        } else {
            self.entry_jump = Some(index);
        }
    }

    /// Returns the lines of a page: one line of the old page stays visible for orientation.
    fn page(&self) -> i32 {
        let lines = self.layout.height.saturating_sub(1 + self.layout.covers).max(1);
        i32::try_from(lines).unwrap_or(i32::MAX)
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

    /// Goes to the next or previous prompt or error. Returns false if there is none.
    pub(super) fn mark(&mut self, action: Action) -> bool {
        if self.stored && self.opened.is_none() {
            self.deferred = Some(action);
            return true;
        }
        let errors = matches!(action, Action::NextError | Action::PreviousError);
        let marks = self.marks(errors);
        let cursor = self.cursor();
        let target = if matches!(action, Action::NextPrompt | Action::NextError) {
            marks.get(marks.partition_point(|mark| *mark <= cursor))
        } else {
            marks.partition_point(|mark| *mark < cursor).checked_sub(1).and_then(|at| marks.get(at))
        };
        let Some(&target) = target else { return false };
        if errors {
            self.go_to_error(target);
        } else {
            self.folds.revealed = None;
            self.go_to(target);
        }
        true
    }

    /// Unfolds an entry with an error and goes to the line that says what failed.
    pub(super) fn go_to_error(&mut self, index: usize) {
        self.folds.revealed = Some((index, Fold::Full));
        self.go_to(index);
        self.anchor = Anchor::failure(self.cursor);
    }

    /// Returns the indices of the errors or prompts, on disk and live.
    fn marks(&self, errors: bool) -> Vec<usize> {
        let on_disk = self.opened.as_ref().map(|opened| if errors { &opened.errors } else { &opened.prompts });
        let on_disk = on_disk.into_iter().flat_map(|marks| marks.iter().copied()).take_while(|at| *at < self.clip);
        let wanted = |entry: &Entry| if errors { is_error(entry) } else { entry.kind == EntryKind::Prompt };
        let live = self.tail.entries().iter().enumerate().filter(|(_, entry)| wanted(entry));
        on_disk.chain(live.map(|(at, _)| self.clip + at)).collect()
    }

    /// Unfolds the current entry, or folds it.
    pub(super) fn toggle_fold(&mut self) {
        self.refold(|reader| {
            let index = reader.cursor();
            if let Some(entry) = reader.current().cloned() {
                reader.folds.toggle(index, &entry);
            }
        });
    }

    /// Changes folds while the current entry keeps its position on the screen.
    pub(super) fn refold(&mut self, change: impl FnOnce(&mut Self)) {
        let row = self.layout.cursor_row;
        // The position is unknown while a scroll is not drawn yet.
        if self.layout.resolved && self.anchor.delta == 0 && self.layout.cursor == self.cursor() {
            let of = if row < 0 { self.layout.cursor_of } else { 0 };
            self.anchor = Anchor::line(self.cursor(), -row, of);
        }
        change(self);
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
