//! What keys do on the search screen. The line takes what is typed; what is no text goes through the key map.

use super::{Completing, Counting, Focus, Search, View};
use crate::app::action::Place;
use crate::app::command::Command;
use crate::app::home::moves::steps;
use crate::app::input::Input;
use crate::app::layer::Layer;
use crate::app::{Action, App, Effect};
use crate::config::key::{Key, KeyCode};
use crate::domain::found::Order;
use crate::domain::query::Field;
use crate::domain::query::jump::Jump;

impl App {
    /// The search screen, where it has the keys.
    pub(in crate::app) fn searching(&mut self) -> Option<&mut Search> {
        self.layers.last_mut().and_then(Layer::search_mut)
    }

    /// Opens a search for a query.
    pub(in crate::app) fn search_for(&mut self, query: &str, order: Order) -> Vec<Effect> {
        let (search, mut effects) = Search::open(query, order, &self.known.catalog);
        self.push(Layer::Search(Box::new(search)));
        effects.extend(self.result_moved());
        effects
    }

    /// A key on the search screen.
    pub(in crate::app) fn key_in_search(&mut self, key: Key) -> Vec<Effect> {
        let (search_keys, all) = (&[Place::Search][..], self.places());
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        if search.naming.is_some() {
            return self.key_in_name(key);
        }
        if key.code != KeyCode::Tab {
            search.counting = None;
        }
        if search.completing.is_some()
            && let Some(effects) = self.key_in_completions(key)
        {
            return effects;
        }
        let Some(search) = self.searching() else { return Vec::new() };
        let in_line = search.focus == Focus::Line;
        // Arrows move in the line; at its end there is nothing to the right, and the results are meant.
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

    /// Text was pasted into the line, or into a name. What names a session leads to it.
    pub(in crate::app) fn paste_in_search(&mut self, text: &str) -> Vec<Effect> {
        let Some(search) = self.searching() else { return Vec::new() };
        if let Some(name) = &mut search.naming {
            name.insert(text);
            return Vec::new();
        }
        search.focus = Focus::Line;
        (search.completing, search.counting) = (None, None);
        let alone = search.input.is_empty();
        search.input.insert(text);
        let mut effects = self.search_typed();
        let leads = Jump::recognise(text).is_some();
        if alone && leads && self.searching().is_some_and(|search| search.results.rows().len() == 1) {
            effects.extend(self.open_result());
        }
        effects
    }

    /// What an action does on the search screen. `None`: it is not the search's business.
    pub(in crate::app) fn act_in_search(&mut self, action: Action) -> Option<Vec<Effect>> {
        let height = self.searching()?.results.page();
        let search = self.searching()?;
        match action {
            Action::NextResult => search.results.step(1),
            Action::PreviousResult => search.results.step(-1),
            Action::MoreHits | Action::Right => drop(search.results.unfold(true)),
            Action::FewerHits | Action::Left => drop(search.results.unfold(false)),
            Action::Complete => return Some(self.complete_or_switch()),
            Action::Search => search.focus = Focus::Line,
            Action::Open | Action::Expand => return Some(self.open_result()),
            Action::Order | Action::Sort => {
                let effects = search.next_order();
                return Some(self.and_moved(effects));
            }
            Action::OlderQuery => return Some(self.recall_query(true)),
            Action::NewerQuery => return Some(self.recall_query(false)),
            Action::SaveView => self.begin_name(),
            Action::CopyView | Action::CopyCommand => return Some(self.copy_view()),
            Action::Back => return Some(self.back_in_search()),
            action => {
                let by = steps(action, height)?;
                search.results.step(by);
            }
        }
        Some(self.result_moved())
    }

    /// The line changed.
    fn search_typed(&mut self) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        let effects = search.typed(&self.known.catalog);
        self.and_moved(effects)
    }

    fn and_moved(&mut self, mut effects: Vec<Effect>) -> Vec<Effect> {
        effects.extend(self.result_moved());
        effects
    }

    fn complete_or_switch(&mut self) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        if search.focus == Focus::Results {
            search.focus = Focus::Line;
            return Vec::new();
        }
        if search.counting.is_some() {
            return Vec::new();
        }
        if let Some((counting, effect)) = Counting::begin(&search.input) {
            search.counting = Some(counting);
            return vec![effect];
        }
        let Some(completing) = Completing::begin(&search.input, &self.known.catalog, &[]) else {
            if !search.results.rows().is_empty() {
                search.focus = Focus::Results;
                search.results.hold();
            }
            return Vec::new();
        };
        self.choose_from(completing)
    }

    /// Values of a filter were counted: they are chosen from, if nothing was typed meanwhile.
    pub(in crate::app) fn values_counted(
        &mut self,
        field: Field,
        typed: &str,
        values: &[(String, usize)],
    ) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        let Some(counting) = search.counting.take() else { return Vec::new() };
        if !counting.is_answered_by(field, typed, &search.input) {
            // The answer to an earlier question; the one to this is still to come.
            search.counting = Some(counting);
            return Vec::new();
        }
        if let Some(completing) = Completing::begin(&search.input, &self.known.catalog, values) {
            return self.choose_from(completing);
        }
        let so_far = if self.indexed.done < self.indexed.total { ", as far as is indexed" } else { "" };
        self.notices.tell(format!("nothing to complete `{}:{typed}` with{so_far}", field.name()));
        Vec::new()
    }

    fn choose_from(&mut self, completing: Completing) -> Vec<Effect> {
        let Some(search) = self.searching() else { return Vec::new() };
        search.input = completing.line();
        // A single one leaves nothing to choose.
        search.completing = Some(completing).filter(|completing| completing.candidates().len() > 1);
        self.search_typed()
    }

    /// A key while completions are chosen from. `None`: it closes them, and does what it always does.
    fn key_in_completions(&mut self, key: Key) -> Option<Vec<Effect>> {
        let search = self.searching()?;
        let mut completing = search.completing.take()?;
        let by = match key.code {
            KeyCode::Tab if key.shift => -1,
            KeyCode::Tab | KeyCode::Down => 1,
            KeyCode::Up => -1,
            KeyCode::Enter => return Some(Vec::new()),
            KeyCode::Esc => {
                search.input = completing.before().clone();
                return Some(self.search_typed());
            }
            _ => return None,
        };
        completing.step(by);
        search.input = completing.line();
        search.completing = Some(completing);
        Some(self.search_typed())
    }

    fn recall_query(&mut self, older: bool) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        let wanted = match (search.recalled, older) {
            (None, true) => Some(0),
            (None, false) => return Vec::new(),
            (Some(at), true) => Some(at + 1),
            (Some(at), false) => at.checked_sub(1),
        };
        let text = match wanted {
            // Past the newest one the line is empty again.
            None => "",
            Some(at) => match self.searched.get(at) {
                Some(query) => query,
                None => return Vec::new(),
            },
        };
        search.input.set(text);
        let effects = search.typed(&self.known.catalog);
        search.recalled = wanted;
        self.and_moved(effects)
    }

    fn begin_name(&mut self) {
        let named = self.home.workspaces.views();
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return };
        if search.query.is_empty() {
            self.notices.tell("there is nothing to save: the line is empty");
            return;
        }
        let mut name = Input::default();
        // The name that this search has already, to be changed or taken again.
        let known = named.iter().find(|view| view.query == search.input.text().trim());
        name.set(known.map_or("", |view| view.name.as_str()));
        search.naming = Some(name);
    }

    /// The name of a view is typed.
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
        let view = View { name: name.text().trim().to_owned(), query, order: search.results.order };
        let mut views = self.home.workspaces.views().to_vec();
        self.notices.tell(format!("saved as “{}”, in the column of workspaces", view.name));
        match views.iter_mut().find(|known| known.name == view.name) {
            Some(known) => *known = view,
            None => views.push(view),
        }
        let effect = View::remember(&views);
        self.home.workspaces.set_views(views);
        vec![effect]
    }

    /// The search as a command for a shell.
    fn copy_view(&mut self) -> Vec<Effect> {
        let Some(search) = self.searching() else { return Vec::new() };
        if search.query.is_empty() {
            self.notices.tell("there is nothing to copy: the line is empty");
            return Vec::new();
        }
        let copied = Command::of_search(search.input.text(), search.results.order);
        self.copy(copied)
    }

    /// Back to the line, then clears it, then leaves.
    fn back_in_search(&mut self) -> Vec<Effect> {
        let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) else { return Vec::new() };
        if search.focus == Focus::Results {
            search.focus = Focus::Line;
            return Vec::new();
        }
        let mut effects = self.searched.add(search.input.text());
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

impl Search {
    /// Up and down go through the history: the line is empty, or holds what came from there.
    fn browses_history(&self) -> bool {
        self.input.is_empty() || self.recalled.is_some()
    }

    fn selected_is_unfolded(&self) -> bool {
        self.results.selected().is_some_and(|hit| self.results.is_unfolded(hit))
    }
}
