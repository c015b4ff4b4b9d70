//! Keys, actions and the mouse on the search screen. Text goes to the line; other keys go through the key map.

use super::{CompletionMenu, PendingValues, SavedView, SearchFocus, SearchScreen, recent};
use crate::app::action::{Action, KeyContext};
use crate::app::ctx::Ctx;
use crate::app::flow::Flow;
use crate::app::line_editor::{LineEditor, list_step};
use crate::app::msg::Target;
use crate::app::scroll::steps;
use crate::app::shell_command::ShellCommand;
use crate::config::key::{Key, KeyCode};
use crate::domain::query::FilterKey;
use crate::domain::query::jump::Jump;

/// Key contexts of the search screen, nearest first.
pub const KEY_CONTEXTS: &[KeyContext] =
    &[KeyContext::Search, KeyContext::List, KeyContext::Move, KeyContext::Everywhere];

impl SearchScreen {
    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        self.opens_best = None;
        if self.naming.is_some() {
            return self.key_in_name(key);
        }
        if key.code != KeyCode::Tab {
            self.pending_values = None;
        }
        if self.completion.is_some() && self.key_in_completions(key, ctx) {
            return Flow::Stay;
        }
        let in_line = self.focus == SearchFocus::Line;
        // Arrows move in the line. At its end, Right unfolds the result instead.
        let edits = key.typed().is_some()
            || (matches!(key.code, KeyCode::Left | KeyCode::Right) && !self.input.at_end())
            || (key.code == KeyCode::Left && !self.results.is_unfolded_by_key());
        let browses = self.browses_history();
        if in_line && key == Key::ctrl('c') {
            return Flow::Act(Action::Back);
        }
        let action = ctx.keymap.action(key, &[KeyContext::Search]).filter(|_| !in_line || !edits);
        if in_line && let Some(flow) = self.key_in_recent(key, action, ctx) {
            return flow;
        }
        match (key.code, action) {
            (KeyCode::Up, Some(Action::PreviousResult)) if in_line && browses => Flow::Act(Action::OlderQuery),
            (KeyCode::Down, Some(Action::NextResult)) if in_line && browses => Flow::Act(Action::NewerQuery),
            (_, Some(action)) => Flow::Act(action),
            (_, None) if in_line && self.input.key(key) => {
                self.line_edited(ctx);
                Flow::Stay
            }
            (_, None) if in_line && key.typed().is_some() => Flow::Stay,
            (_, None) => ctx.keymap.action(key, KEY_CONTEXTS).map_or(Flow::Stay, Flow::Act),
        }
    }

    /// Pastes text into the line or into the name of a view. An id, path or command of a session opens that session.
    pub fn paste(&mut self, text: &str, ctx: &mut Ctx) -> Flow {
        if let Some(name) = &mut self.naming {
            name.insert(text);
            return Flow::Stay;
        }
        self.focus = SearchFocus::Line;
        (self.completion, self.pending_values) = (None, None);
        let was_empty = self.input.is_empty();
        self.input.insert(text);
        self.line_edited(ctx);
        let names_session = Jump::parse(text).is_some();
        if was_empty && names_session && self.results.rows().len() == 1 { self.open_result(ctx) } else { Flow::Stay }
    }

    /// Performs an action. `None` if it is not an action of the search.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx) -> Option<Flow> {
        let height = self.results.page();
        match action {
            Action::NextResult => self.results.step(1),
            Action::PreviousResult => self.results.step(-1),
            Action::MoreHits | Action::Right => drop(self.results.unfold(true)),
            Action::FewerHits | Action::Left => drop(self.results.unfold(false)),
            Action::Complete => {
                self.complete_or_switch(ctx);
                return Some(Flow::Stay);
            }
            Action::Search => self.focus = SearchFocus::Line,
            Action::Open | Action::Expand => return Some(self.open_result(ctx)),
            Action::Mark => self.toggle_mark(),
            Action::MarkAll => self.toggle_all_marks(ctx),
            Action::Back if self.focus == SearchFocus::Results && !self.marked.is_empty() => self.marked.clear(),
            Action::Order | Action::Sort => ctx.effects.extend(self.next_order()),
            Action::OlderQuery => {
                self.show_past_query(true, ctx);
                return Some(Flow::Stay);
            }
            Action::NewerQuery => {
                self.show_past_query(false, ctx);
                return Some(Flow::Stay);
            }
            Action::SaveView if self.query.is_empty() => ctx.notices.info("Nothing to save: the query is empty"),
            Action::SaveView => return Some(Flow::NameView),
            Action::CopyView | Action::CopyCommand => {
                self.copy_view(ctx);
                return Some(Flow::Stay);
            }
            Action::Back => return Some(self.back(ctx)),
            action => {
                let by = steps(action, height)?;
                self.results.step(by);
            }
        }
        self.follow_selection(ctx);
        Some(Flow::Stay)
    }

    /// Selects a result on the first click and opens it on the second.
    pub fn click(&mut self, target: &Target, ctx: &mut Ctx) -> Flow {
        self.opens_best = None;
        match *target {
            Target::Row(row) if self.results.at() == row && !self.input.is_empty() => return Flow::Act(Action::Open),
            Target::Row(row) if self.input.is_empty() => {
                return recent::sessions(ctx.sessions)
                    .get(row)
                    .map_or(Flow::Stay, |session| Flow::Open(session.key.clone()));
            }
            Target::Row(row) => {
                self.results.choose(row);
                self.follow_selection(ctx);
            }
            Target::Workspace(_)
            | Target::Preview
            | Target::Border
            | Target::Entry(_)
            | Target::Jump(_)
            | Target::Hint(_)
            | Target::Choice(_)
            | Target::Answer(_)
            | Target::Composer
            | Target::Pinned
            | Target::Subagent(_)
            | Target::Request
            | Target::Nothing => {}
        }
        Flow::Stay
    }

    /// Scrolls the preview if it is under the mouse, else moves the selection.
    pub fn wheel(&mut self, target: &Target, lines: i32, ctx: &mut Ctx) {
        match target {
            Target::Preview | Target::Entry(_) => {
                if let Some(reader) = self.preview.reader_mut() {
                    reader.scroll(lines);
                }
            }
            Target::Workspace(_)
            | Target::Row(_)
            | Target::Border
            | Target::Jump(_)
            | Target::Hint(_)
            | Target::Choice(_)
            | Target::Answer(_)
            | Target::Composer
            | Target::Pinned
            | Target::Subagent(_)
            | Target::Request
            | Target::Nothing => {
                self.results.step(isize::try_from(lines.signum()).unwrap_or_default());
                self.follow_selection(ctx);
            }
        }
    }

    /// Opens the completion menu for counted values, if the line is unchanged.
    pub fn values_received(&mut self, field: FilterKey, typed: &str, values: &[(String, usize)], ctx: &mut Ctx) {
        let Some(pending) = self.pending_values.take() else { return };
        if !pending.is_answered_by(field, typed, &self.input) {
            // The values answer an earlier request; those for the current one are still to come.
            self.pending_values = Some(pending);
            return;
        }
        if let Some(menu) = CompletionMenu::open(&self.input, &ctx.sessions.catalog, values) {
            self.open_menu(menu, ctx);
            return;
        }
        let unfinished = ctx.index_progress.done < ctx.index_progress.total;
        let so_far = if unfinished { " (indexing is not finished)" } else { "" };
        ctx.notices.info(format!("No completions for `{}:{typed}`{so_far}", field.name()));
    }

    /// Starts to edit the name under which the search is saved. `known` is the name of a saved view of this search.
    pub fn start_naming(&mut self, known: Option<&str>) {
        self.naming = Some(LineEditor::from(known.unwrap_or_default()));
    }

    /// Applies a change of the line.
    fn line_edited(&mut self, ctx: &mut Ctx) {
        ctx.effects.extend(self.typed(&ctx.sessions.catalog));
        self.follow_selection(ctx);
    }

    fn complete_or_switch(&mut self, ctx: &mut Ctx) {
        if self.focus == SearchFocus::Results {
            self.focus = SearchFocus::Line;
            return;
        }
        if self.pending_values.is_some() {
            return;
        }
        if let Some((pending, effect)) = PendingValues::request(&self.input) {
            self.pending_values = Some(pending);
            ctx.effects.push(effect);
        } else if let Some(menu) = CompletionMenu::open(&self.input, &ctx.sessions.catalog, &[]) {
            self.open_menu(menu, ctx);
        } else {
            self.go_to_results();
        }
    }

    /// Moves the focus to the results. Returns false if there are none.
    fn go_to_results(&mut self) -> bool {
        let are_some = !self.results.rows().is_empty();
        if are_some {
            self.focus = SearchFocus::Results;
            self.results.pin_selection();
        }
        are_some
    }

    fn open_menu(&mut self, menu: CompletionMenu, ctx: &mut Ctx) {
        let is_complete = menu.candidates().len() == 1 && menu.line().text() == self.input.text();
        if is_complete && self.go_to_results() {
            return;
        }
        self.input = menu.line();
        // A single candidate needs no menu.
        self.completion = Some(menu).filter(|menu| menu.candidates().len() > 1);
        self.line_edited(ctx);
    }

    /// Handles a key in the completion menu. Returns false if the key closes the menu and must be handled as usual.
    fn key_in_completions(&mut self, key: Key, ctx: &mut Ctx) -> bool {
        let Some(mut menu) = self.completion.take() else { return false };
        let by = match key.code {
            KeyCode::Tab if key.shift => -1,
            KeyCode::Tab => 1,
            KeyCode::Enter => return true,
            KeyCode::Esc => {
                self.input = menu.before().clone();
                self.line_edited(ctx);
                return true;
            }
            _ => match list_step(key) {
                Some(by) => by,
                None => return false,
            },
        };
        menu.step(by);
        self.input = menu.line();
        self.completion = Some(menu);
        self.line_edited(ctx);
        true
    }

    fn show_past_query(&mut self, older: bool, ctx: &mut Ctx) {
        let wanted = match (self.history_index, older) {
            (None, true) => Some(0),
            (None, false) => return,
            (Some(at), true) => Some(at + 1),
            (Some(at), false) => at.checked_sub(1),
        };
        let text = match wanted {
            // After the newest query the line is empty again.
            None => "",
            Some(at) => match ctx.search_history.get(at) {
                Some(query) => query,
                None => return,
            },
        };
        self.input.set(text);
        ctx.effects.extend(self.typed(&ctx.sessions.catalog));
        self.history_index = wanted;
        self.follow_selection(ctx);
    }

    /// Handles a key in the name of a view.
    fn key_in_name(&mut self, key: Key) -> Flow {
        let Some(name) = &mut self.naming else { return Flow::Stay };
        match key.code {
            KeyCode::Enter if !name.text().trim().is_empty() => {
                let (name, query) = (name.text().trim().to_owned(), self.input.text().trim().to_owned());
                self.naming = None;
                return Flow::SaveView(SavedView { name, query, order: self.results.order });
            }
            KeyCode::Enter | KeyCode::Esc => self.naming = None,
            _ if key == Key::ctrl('c') => self.naming = None,
            _ => drop(name.key(key)),
        }
        Flow::Stay
    }

    /// Copies the search as a shell command.
    fn copy_view(&self, ctx: &mut Ctx) {
        if self.query.is_empty() {
            ctx.notices.info("Nothing to copy: the query is empty");
        } else {
            ShellCommand::of_search(self.input.text(), self.results.order).copy(ctx);
        }
    }

    /// Moves the focus to the line, else clears the line, else closes the screen.
    fn back(&mut self, ctx: &mut Ctx) -> Flow {
        if self.focus == SearchFocus::Results {
            self.focus = SearchFocus::Line;
            return Flow::Stay;
        }
        ctx.effects.extend(ctx.search_history.add(self.input.text()));
        if self.input.is_empty() {
            return Flow::Pop;
        }
        self.input.clear();
        self.line_edited(ctx);
        Flow::Stay
    }

    /// Returns true if Up and Down navigate the history: the line is empty or was taken from it.
    fn browses_history(&self) -> bool {
        self.input.is_empty() || self.history_index.is_some()
    }
}
