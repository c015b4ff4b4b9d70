//! Dispatch of actions to the screen that handles them.

use std::sync::Arc;

use super::action::Action;
use super::help::Help;
use super::home::Pane;
use super::issues::IssuesView;
use super::layer::Layer;
use super::palette::Palette;
use super::reader::Reader;
use super::search::SavedView;
use super::{App, Effect};
use crate::config::settings::ListScope;
use crate::domain::SessionKey;
use crate::domain::catalog::Sort;
use crate::domain::run::{Phase, RunInfo};

impl App {
    /// Performs an action and returns its effects.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        if let Some(effects) = self.act_in_chat(action) {
            return effects;
        }
        if let Some(effects) = self.act_in_reader(action) {
            return effects;
        }
        if let Some(effects) = self.act_in_search(action) {
            return effects;
        }
        if let Some(effects) = self.act_on_runs(action) {
            return effects;
        }
        match action {
            Action::Help => self.push(Layer::Help(Help::default())),
            Action::Palette => {
                let palette = Palette::open(&self.key_contexts());
                self.push(Layer::Palette(palette))
            }
            Action::Issues => self.push(Layer::Issues(IssuesView::default())),
            Action::Back => self.back(),
            Action::Rescan => {
                self.notices.info("Rescanning");
                vec![Effect::Rescan]
            }
            Action::Mouse => self.toggle_mouse(),
            Action::Theme => {
                self.themes.toggle();
                Vec::new()
            }
            Action::Redraw => vec![Effect::Redraw],
            Action::Suspend => vec![Effect::Suspend],
            Action::Resume => self.about_session(Effect::CheckResume),
            // In the workspaces column the list is meant, not a session.
            Action::CopyCommand if self.layers.is_empty() && self.home.focus == Pane::Workspaces => self.copy_list(),
            Action::CopyCommand => self.about_session(Effect::CopyResumeCommand),
            Action::CopyId => self.about_session(|key| Effect::Copy(key.id.to_string())),
            Action::EditTranscript => self.about_session(Effect::EditTranscript),
            Action::Search => self.go_to_search(),
            Action::ResumeHere => self.resume_here(),
            Action::Fork => self.fork_here(),
            Action::Split => self.split(),
            Action::OtherPane => self.other_pane(),
            _ if self.layers.is_empty() => self.act_at_home(action),
            _ => Vec::new(),
        }
    }

    /// Pushes a layer onto the stack.
    pub(super) fn push(&mut self, layer: Layer) -> Vec<Effect> {
        self.home.list.pin_selection();
        let conversation = layer.is_conversation();
        self.layers.push(layer);
        if conversation {
            self.notify_if_narrow();
        }
        Vec::new()
    }

    /// Opens a session's transcript on the whole screen. A transcript that the preview has open already is reused.
    pub(super) fn open(&mut self, key: SessionKey) -> Vec<Effect> {
        let at_home = self.layers.is_empty();
        let previewed = if at_home { self.home.preview.take_reader(&key) } else { None };
        let (reader, effects) = match previewed {
            Some(reader) => (reader, Vec::new()),
            None => Reader::open(self.tickets.issue(), key),
        };
        self.push(Layer::Reader(Box::new(reader)));
        effects
    }

    /// Handles an action in the focused transcript. `None` if it is not an action of a transcript. A sub-agent's
    /// session opens as a layer of its own.
    fn act_in_reader(&mut self, action: Action) -> Option<Vec<Effect>> {
        if let Some(effects) = self.navigate_hits(action) {
            return Some(effects);
        }
        match self.layers.last_mut() {
            Some(Layer::Reader(reader)) => {
                let entered = reader.subagent().filter(|_| action == Action::Expand);
                if let Some(key) = entered.filter(|key| self.sessions.catalog.get(key).is_some()) {
                    return Some(self.open(key));
                }
                match action {
                    // Left leads back to the screen below.
                    Action::Left => Some(self.back()),
                    action => reader.act(action),
                }
            }
            Some(Layer::Chat(chat)) => match action {
                Action::Left => Some(self.back()),
                action => chat.reader.act(action),
            },
            None if action != Action::Expand => self.previewing()?.act(action),
            Some(_) | None => None,
        }
    }

    fn act_at_home(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::DeleteView => self.delete_view(),
            Action::CopyList => self.copy_list(),
            Action::Open if self.home.focus == Pane::Workspaces && self.home.workspaces.view().is_some() => {
                let view = self.home.workspaces.view().cloned();
                view.map_or_else(Vec::new, |view| self.search_for(&view.query, view.order))
            }
            Action::Open if self.home.focus == Pane::Workspaces => {
                self.home.focus = Pane::Sessions;
                Vec::new()
            }
            Action::Open | Action::Expand => {
                let selected = self.home.list.session().map(|session| session.key.clone());
                let Some(key) = selected else { return Vec::new() };
                // A live run of this salon opens as a chat, and so does a run without a transcript.
                let is_live = |info: &&Arc<RunInfo>| !matches!(info.phase, Phase::Stopped(_));
                let run = self.runs.of_session(&key).filter(|info| is_live(info) || self.sessions.is_unsaved(&key));
                match run.map(|info| info.id.clone()) {
                    Some(run) => self.go_to_run(&run),
                    None => self.open(key),
                }
            }
            Action::Scope => self.next_scope(),
            Action::ShowHidden => {
                self.home.show_hidden = !self.home.show_hidden;
                self.refreshed()
            }
            Action::Sort => self.next_sort(),
            Action::Filter => {
                self.home.focus = Pane::Sessions;
                self.home.filter.typing = true;
                Vec::new()
            }
            action => {
                let panes = self.panes();
                self.home.go(action, panes, &self.sessions);
                self.selection_moved()
            }
        }
    }

    /// Clears the filter or closes the topmost layer. Does nothing at the bottom of the stack.
    fn back(&mut self) -> Vec<Effect> {
        match self.layers.pop() {
            Some(Layer::Reader(reader)) => self.leave(*reader),
            Some(Layer::Chat(chat)) => self.leave_chat(*chat),
            Some(_) => Vec::new(),
            None if self.home.filter.is_active() => self.clear_filter(),
            None => {
                self.home.focus = Pane::Sessions;
                Vec::new()
            }
        }
    }

    /// Returns a transcript to the preview that it came from, or closes it.
    pub(super) fn leave(&mut self, reader: Reader) -> Vec<Effect> {
        if self.layers.last().is_some_and(|layer| layer.search().is_some()) {
            return self.leave_to_search(reader);
        }
        let at_home = self.layers.is_empty() && self.panes().shows(Pane::Preview);
        if at_home && self.home.list.key() == Some(&reader.key) {
            return self.home.preview.set_reader(reader);
        }
        let mut effects = vec![Effect::CloseTranscript(reader.ticket)];
        if self.layers.is_empty() {
            effects.extend(self.selection_moved());
        }
        effects
    }

    fn refreshed(&mut self) -> Vec<Effect> {
        self.home.list.pin_selection();
        self.home.refresh(&self.sessions);
        self.selection_moved()
    }

    fn next_scope(&mut self) -> Vec<Effect> {
        let scope = match self.home.scope() {
            Some(ListScope::All) if self.home.here.is_none() => {
                self.notices.info("Salon was not started in a workspace");
                return Vec::new();
            }
            Some(ListScope::All) => ListScope::Here,
            Some(ListScope::Here) | None => ListScope::All,
        };
        self.home.set_scope(scope);
        let mut effects = vec![Effect::SaveState { name: "scope", value: scope.name().to_owned() }];
        effects.extend(self.refreshed());
        effects
    }

    fn next_sort(&mut self) -> Vec<Effect> {
        let now = Sort::ALL.iter().position(|sort| *sort == self.home.sort).unwrap_or(0);
        self.home.sort = Sort::ALL[(now + 1) % Sort::ALL.len()];
        let mut effects = vec![Effect::SaveState { name: "sort", value: self.home.sort.name().to_owned() }];
        effects.extend(self.refreshed());
        effects
    }

    fn delete_view(&mut self) -> Vec<Effect> {
        let Some(gone) = self.home.workspaces.view().cloned() else { return Vec::new() };
        let views: Vec<_> = self.home.workspaces.views().iter().filter(|view| **view != gone).cloned().collect();
        self.notices.info(format!("Deleted view “{}”", gone.name));
        let effect = SavedView::save(&views);
        self.home.workspaces.set_views(views);
        vec![effect]
    }

    fn toggle_mouse(&mut self) -> Vec<Effect> {
        self.mouse = !self.mouse;
        self.notices.info(if self.mouse {
            "Mouse support on"
        } else {
            "Mouse support off: the terminal has the mouse"
        });
        vec![Effect::CaptureMouse(self.mouse)]
    }

    fn about_session(&mut self, effect: impl FnOnce(SessionKey) -> Effect) -> Vec<Effect> {
        let Some(key) = self.session().cloned() else {
            self.notices.info("No session selected");
            return Vec::new();
        };
        self.home.list.pin_selection();
        vec![effect(key)]
    }
}
