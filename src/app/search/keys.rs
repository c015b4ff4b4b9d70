//! Keys of the search screen. Text goes to the line; other keys go through the key map.

use super::{CompletionMenu, PendingValues, SavedView, SearchFocus, SearchScreen};
use crate::app::action::KeyContext;
use crate::app::home::moves::steps;
use crate::app::layer::Layer;
use crate::app::line_editor::LineEditor;
use crate::app::shell_command::ShellCommand;
use crate::app::{Action, App, Effect};
use crate::config::key::{Key, KeyCode};
use crate::domain::query::FilterKey;
use crate::domain::query::jump::Jump;
use crate::domain::search::SearchOrder;

impl App {
    /// Returns the search screen if it is the topmost layer.
    pub(in crate::app) fn searching(&mut self) -> Option<&mut SearchScreen> {
        self.layers.last_mut().and_then(Layer::search_mut)
    }

    /// Opens the search screen with a query.
    pub(in crate::app) fn search_for(&mut self, query: &str, order: SearchOrder) -> Vec<Effect> {
        let (search, mut effects) = SearchScreen::open(query, order, &self.sessions.catalog);
        self.push(Layer::Search(Box::new(search)));
        effects.extend(self.result_moved());
        effects
    }

    /// Handles a key on the search screen.
    pub(in crate::app) fn key_in_search(&mut self, key: Key) -> Vec<Effect> {
        let (search_keys, all) = (&[KeyContext::Search][..], self.key_contexts());
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        if search.naming.is_some() {
            return self.key_in_name(key);
        }
        if key.code != KeyCode::Tab {
            search.pending_values = None;
        }
        if search.completion.is_some()
            && let Some(effects) = self.key_in_completions(key)
        {
            return effects;
        }
        let Some(search) = self.searching() else { return Vec::new() };
        let in_line = search.focus == SearchFocus::Line;
        // Arrows move in the line. At its end, Right unfolds the result instead.
        let edits = key.typed().is_some()
            || (matches!(key.code, KeyCode::Left | KeyCode::Right) && !search.input.at_end())
            || (key.code == KeyCode::Left && !search.selected_is_unfolded());
        let browses = search.browses_history();
        if in_line && key == Key::ctrl('c') {
            return self.act(Action::Back);
        }
        let action = self.keymap.action(key, search_keys).filter(|_| !in_line || !edits);
        match (key.code, action) {
            (KeyCode::Up, Some(Action::PreviousResult)) if in_line && browses => self.act(Action::OlderQuery),
            (KeyCode::Down, Some(Action::NextResult)) if in_line && browses => self.act(Action::NewerQuery),
            (_, Some(action)) => self.act(action),
            (_, None) if in_line && self.searching().is_some_and(|search| search.input.key(key)) => self.search_typed(),
            (_, None) if in_line && key.typed().is_some() => Vec::new(),
            (_, None) => self.keymap.action(key, &all).map_or_else(Vec::new, |action| self.act(action)),
        }
    }

    /// Pastes text into the line or into the name of a view. An id, path or command of a session opens that session.
    pub(in crate::app) fn paste_in_search(&mut self, text: &str) -> Vec<Effect> {
        let Some(search) = self.searching() else { return Vec::new() };
        if let Some(name) = &mut search.naming {
            name.insert(text);
            return Vec::new();
        }
        search.focus = SearchFocus::Line;
        (search.completion, search.pending_values) = (None, None);
        let was_empty = search.input.is_empty();
        search.input.insert(text);
        let mut effects = self.search_typed();
        let names_session = Jump::parse(text).is_some();
        if was_empty && names_session && self.searching().is_some_and(|search| search.results.rows().len() == 1) {
            effects.extend(self.open_result());
        }
        effects
    }

    /// Performs an action on the search screen. `None` if it is not an action of the search.
    pub(in crate::app) fn act_in_search(&mut self, action: Action) -> Option<Vec<Effect>> {
        let height = self.searching()?.results.page();
        let search = self.searching()?;
        match action {
            Action::NextResult => search.results.step(1),
            Action::PreviousResult => search.results.step(-1),
            Action::MoreHits | Action::Right => drop(search.results.unfold(true)),
            Action::FewerHits | Action::Left => drop(search.results.unfold(false)),
            Action::Complete => return Some(self.complete_or_switch()),
            Action::Search => search.focus = SearchFocus::Line,
            Action::Open | Action::Expand => return Some(self.open_result()),
            Action::Order | Action::Sort => {
                let effects = search.next_order();
                return Some(self.with_result_moved(effects));
            }
            Action::OlderQuery => return Some(self.show_past_query(true)),
            Action::NewerQuery => return Some(self.show_past_query(false)),
            Action::SaveView => self.start_naming(),
            Action::CopyView | Action::CopyCommand => return Some(self.copy_view()),
            Action::Back => return Some(self.back_in_search()),
            action => {
                let by = steps(action, height)?;
                search.results.step(by);
            }
        }
        Some(self.result_moved())
    }

    /// Applies a change of the line.
    fn search_typed(&mut self) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        let effects = search.typed(&self.sessions.catalog);
        self.with_result_moved(effects)
    }

    fn with_result_moved(&mut self, mut effects: Vec<Effect>) -> Vec<Effect> {
        effects.extend(self.result_moved());
        effects
    }

    fn complete_or_switch(&mut self) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        if search.focus == SearchFocus::Results {
            search.focus = SearchFocus::Line;
            return Vec::new();
        }
        if search.pending_values.is_some() {
            return Vec::new();
        }
        if let Some((pending, effect)) = PendingValues::request(&search.input) {
            search.pending_values = Some(pending);
            return vec![effect];
        }
        let Some(menu) = CompletionMenu::open(&search.input, &self.sessions.catalog, &[]) else {
            if !search.results.rows().is_empty() {
                search.focus = SearchFocus::Results;
                search.results.pin_selection();
            }
            return Vec::new();
        };
        self.open_menu(menu)
    }

    /// Opens the completion menu for counted values, if the line is unchanged.
    pub(in crate::app) fn values_received(
        &mut self,
        field: FilterKey,
        typed: &str,
        values: &[(String, usize)],
    ) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        let Some(pending) = search.pending_values.take() else { return Vec::new() };
        if !pending.is_answered_by(field, typed, &search.input) {
            // The values answer an earlier request; those for the current one are still to come.
            search.pending_values = Some(pending);
            return Vec::new();
        }
        if let Some(menu) = CompletionMenu::open(&search.input, &self.sessions.catalog, values) {
            return self.open_menu(menu);
        }
        let so_far =
            if self.index_progress.done < self.index_progress.total { " (indexing is not finished)" } else { "" };
        self.notices.info(format!("No completions for `{}:{typed}`{so_far}", field.name()));
        Vec::new()
    }

    fn open_menu(&mut self, menu: CompletionMenu) -> Vec<Effect> {
        let Some(search) = self.searching() else { return Vec::new() };
        search.input = menu.line();
        // A single candidate needs no menu.
        search.completion = Some(menu).filter(|menu| menu.candidates().len() > 1);
        self.search_typed()
    }

    /// Handles a key in the completion menu. `None` if the key closes the menu and must be handled as usual.
    fn key_in_completions(&mut self, key: Key) -> Option<Vec<Effect>> {
        let search = self.searching()?;
        let mut menu = search.completion.take()?;
        let by = match key.code {
            KeyCode::Tab if key.shift => -1,
            KeyCode::Tab | KeyCode::Down => 1,
            KeyCode::Up => -1,
            KeyCode::Enter => return Some(Vec::new()),
            KeyCode::Esc => {
                search.input = menu.before().clone();
                return Some(self.search_typed());
            }
            _ => return None,
        };
        menu.step(by);
        search.input = menu.line();
        search.completion = Some(menu);
        Some(self.search_typed())
    }

    fn show_past_query(&mut self, older: bool) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        let wanted = match (search.history_index, older) {
            (None, true) => Some(0),
            (None, false) => return Vec::new(),
            (Some(at), true) => Some(at + 1),
            (Some(at), false) => at.checked_sub(1),
        };
        let text = match wanted {
            // After the newest query the line is empty again.
            None => "",
            Some(at) => match self.search_history.get(at) {
                Some(query) => query,
                None => return Vec::new(),
            },
        };
        search.input.set(text);
        let effects = search.typed(&self.sessions.catalog);
        search.history_index = wanted;
        self.with_result_moved(effects)
    }

    fn start_naming(&mut self) {
        let named = self.home.workspaces.views();
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return };
        if search.query.is_empty() {
            self.notices.info("Nothing to save: the query is empty");
            return;
        }
        let mut name = LineEditor::default();
        // Suggests the existing name of this search.
        let known = named.iter().find(|view| view.query == search.input.text().trim());
        name.set(known.map_or("", |view| view.name.as_str()));
        search.naming = Some(name);
    }

    /// Handles a key in the name of a view.
    fn key_in_name(&mut self, key: Key) -> Vec<Effect> {
        let Some(search) = self.searching() else { return Vec::new() };
        let Some(name) = &mut search.naming else { return Vec::new() };
        match key.code {
            KeyCode::Enter if !name.text().trim().is_empty() => return self.save_view(),
            KeyCode::Enter | KeyCode::Esc => search.naming = None,
            _ if key == Key::ctrl('c') => search.naming = None,
            _ => drop(name.key(key)),
        }
        Vec::new()
    }

    fn save_view(&mut self) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        let Some(name) = search.naming.take() else { return Vec::new() };
        let query = search.input.text().trim().to_owned();
        let view = SavedView { name: name.text().trim().to_owned(), query, order: search.results.order };
        let mut views = self.home.workspaces.views().to_vec();
        self.notices.info(format!("Saved as “{}” in the workspaces column", view.name));
        match views.iter_mut().find(|known| known.name == view.name) {
            Some(known) => *known = view,
            None => views.push(view),
        }
        let effect = SavedView::save(&views);
        self.home.workspaces.set_views(views);
        vec![effect]
    }

    /// Copies the search as a shell command.
    fn copy_view(&mut self) -> Vec<Effect> {
        let Some(search) = self.searching() else { return Vec::new() };
        if search.query.is_empty() {
            self.notices.info("Nothing to copy: the query is empty");
            return Vec::new();
        }
        let copied = ShellCommand::of_search(search.input.text(), search.results.order);
        self.copy(copied)
    }

    /// Moves the focus to the line, else clears the line, else closes the screen.
    fn back_in_search(&mut self) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        if search.focus == SearchFocus::Results {
            search.focus = SearchFocus::Line;
            return Vec::new();
        }
        let mut effects = self.search_history.add(search.input.text());
        if !search.input.is_empty() {
            search.input.clear();
            effects.extend(self.search_typed());
            return effects;
        }
        effects.extend(search.preview.close());
        self.layers.pop();
        effects.extend(self.selection_moved());
        effects
    }
}

impl SearchScreen {
    /// Returns true if Up and Down navigate the history: the line is empty or was taken from it.
    fn browses_history(&self) -> bool {
        self.input.is_empty() || self.history_index.is_some()
    }

    fn selected_is_unfolded(&self) -> bool {
        self.results.selected().is_some_and(|hit| self.results.is_unfolded(hit))
    }
}
